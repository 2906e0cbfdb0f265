// Goal: connections that are not logged in are bounded, in all and for each address, and idle ones keep nobody out.
// Method: the lobby and the tally with a clock that the test moves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lobby, unaskedMs } from '../../src/session/lobby.ts'
import { Tally } from '../../src/session/tally.ts'

function create({ max = 100, perAddressMax = 100 }) {
  let now = 0
  const lobby = new Lobby({ max, perAddressMax, now: () => now })
  const closed: string[] = []
  /** Null: it was not let in, or had to leave at once. */
  const come = (name: string, address = name) => {
    const guest = lobby.enter(() => closed.push(name))
    return guest?.settle(address) === true ? guest : null
  }
  return { lobby, closed, come, pass: (ms: number) => void (now += ms) }
}

test('as many as the bound come in, and one more does not while all are new', () => {
  const { lobby, closed, come } = create({ max: 3 })
  for (const name of ['a', 'b', 'c']) assert.ok(come(name))
  assert.equal(come('d'), null)
  assert.deepEqual([lobby.size, closed], [3, []])
})

test('whoever has waited longest makes room once he has had his time, and not before', () => {
  const { lobby, closed, come, pass } = create({ max: 3 })
  come('a')
  pass(1)
  for (const name of ['b', 'c']) come(name)
  pass(unaskedMs - 2)
  assert.equal(come('d'), null)
  pass(1)
  assert.ok(come('d'))
  assert.equal(come('e'), null, 'b is a millisecond younger')
  assert.deepEqual([lobby.size, closed], [3, ['a']])
})

test('an address has its own bound, and makes room for itself only', () => {
  const { lobby, closed, come, pass } = create({ perAddressMax: 2 })
  come('x', 'other')
  come('a', 'one')
  come('b', 'one')
  assert.equal(come('c', 'one'), null)
  assert.equal(lobby.size, 3, 'whoever was not let in is not there')
  assert.ok(come('y', 'two'))
  pass(unaskedMs)
  assert.ok(come('c', 'one'))
  assert.deepEqual(closed, ['a'])
})

test('who leaves gives his place back, once', () => {
  const { lobby, come } = create({ max: 2, perAddressMax: 1 })
  const [a, b] = [come('a'), come('b')]
  a?.leave()
  a?.leave()
  assert.equal(lobby.size, 1)
  assert.ok(come('a'))
  assert.equal(come('c'), null)
  b?.leave()
  assert.ok(come('b'))
})

test('who was asked to go while his address was not known is not counted with it', () => {
  const { lobby, closed, pass } = create({ max: 1 })
  const first = lobby.enter(() => closed.push('first'))
  pass(unaskedMs)
  assert.ok(lobby.enter(() => closed.push('second')))
  assert.deepEqual(closed, ['first'])
  assert.equal(first?.settle('one'), false)
  assert.equal(lobby.size, 1)
})

test('all are asked to go', () => {
  const { lobby, closed, come } = create({})
  for (const name of ['a', 'b']) come(name)
  lobby.empty()
  assert.deepEqual([lobby.size, closed], [0, ['a', 'b']])
})

test('a tally bounds all and each key, at the bound and one past it', () => {
  const tally = new Tally({ max: 3, perKeyMax: 2 })
  const take = (key: string) => {
    const place = tally.take(key)
    return place.kind === 'taken' ? place.leave : assert.fail(place.of)
  }
  const [first] = [take('a'), take('a')]
  assert.deepEqual(tally.take('a'), { kind: 'full', of: 'key' })
  take('b')
  assert.deepEqual(tally.take('c'), { kind: 'full', of: 'all' })
  first?.()
  first?.()
  assert.equal(tally.all, 2)
  take('a')
  assert.deepEqual(tally.take('a'), { kind: 'full', of: 'all' })
})

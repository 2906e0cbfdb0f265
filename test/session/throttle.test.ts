// Goal: failed logins slow down, more and more and not for ever, and nobody waits for what others do. Method: the throttle
// with a clock that the test moves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Attempt,
  Throttle,
  throttleDefaults,
  type ThrottleOptions,
} from '../../src/session/throttle.ts'

const waitMaxMs = 9_000

function create(options: Partial<ThrottleOptions> = {}) {
  let now = 1_000_000
  const throttle = new Throttle({ ...throttleDefaults, ...options, now: () => now })
  const pass = (ms: number) => void (now += ms)
  /** One attempt that waits for its turn and fails; how long it waited, or what it was told. */
  const fail = (attempt: Attempt): number | string => {
    const turn = throttle.take(attempt, { waitMaxMs })
    if (turn.kind === 'refuse') return `refused for ${turn.waitMs}`
    pass(turn.waitMs)
    throttle.failed(attempt)
    return turn.waitMs
  }
  const look = (attempt: Attempt) => throttle.take(attempt, { waitMaxMs })
  return { throttle, pass, fail, look }
}

const owner = { address: '192.0.2.1', user: 'demo.sync_a' }
const attacker = { address: '203.0.113.9', user: 'demo.sync_a' }

test('five failures are free, then each waits twice as long as the one before, up to the bound', () => {
  const { fail } = create()
  const waits = Array.from({ length: 14 }, () => fail(attacker))
  const [free, rising, rest] = [waits.slice(0, 5), waits.slice(5, 10), waits.slice(10)]
  assert.deepEqual(free, [0, 0, 0, 0, 0])
  assert.deepEqual(rising, [250, 500, 1_000, 2_000, 4_000])
  assert.deepEqual(rest, [5_000, 5_000, 5_000, 5_000])
})

test('the right password of whoever has failed waits as long as a wrong one', () => {
  const { fail, look } = create()
  for (let count = 0; count < 8; count += 1) fail(attacker)
  assert.deepEqual(look(attacker), { kind: 'wait', waitMs: 2_000 })
})

test('attempts at the same time wait in a line, and whoever would wait too long is refused', () => {
  const { fail, look } = create()
  for (let count = 0; count < 12; count += 1) fail(attacker)
  assert.deepEqual(look(attacker), { kind: 'wait', waitMs: 5_000 })
  assert.deepEqual(look(attacker), { kind: 'refuse', waitMs: 10_000 })
  // what was refused has taken no turn
  assert.deepEqual(look(attacker), { kind: 'refuse', waitMs: 10_000 })
})

test('a burst of guesses at once is not free: five are, the rest wait in a line', () => {
  const { throttle } = create()
  const waits: number[] = []
  // each is judged as soon as it has its turn
  for (let count = 0; count < 20; count += 1) {
    const { kind, waitMs } = throttle.take(attacker, { waitMaxMs: Infinity })
    assert.equal(kind, 'wait')
    waits.push(waitMs)
    if (waitMs === 0) throttle.failed(attacker)
  }
  assert.equal(waits.filter((waitMs) => waitMs === 0).length, 5)
  assert.deepEqual(waits.slice(5, 8), [250, 500, 750])
})

test('an address waits for what it does to any user, another address does not', () => {
  const { fail, look } = create()
  for (let count = 0; count < 10; count += 1) {
    fail({ address: attacker.address, user: `user${count}.sync_a` })
  }
  const next = { address: attacker.address, user: 'fresh.sync_b' }
  assert.deepEqual(look(next), { kind: 'wait', waitMs: 5_000 })
  assert.deepEqual(look({ address: owner.address, user: 'user1.sync_a' }), {
    kind: 'wait',
    waitMs: 0,
  })
})

test('whoever has not failed gets in, while a program at the same address fails without end', () => {
  for (const everyMs of [1_000, 200, 50]) {
    const { throttle, pass } = create()
    const bad = { address: '192.0.2.1', user: 'bad.sync_a' }
    const judged: { atMs: number; attempt: Attempt }[] = []
    const turns: number[] = []
    for (let atMs = 0; atMs < 300_000; atMs += 50, pass(50)) {
      while ((judged[0]?.atMs ?? Infinity) <= atMs) throttle.failed(judged.shift()?.attempt ?? bad)
      if (atMs % everyMs === 0) {
        const turn = throttle.take(bad, { waitMaxMs })
        if (turn.kind === 'wait') judged.push({ atMs: atMs + turn.waitMs, attempt: bad })
      }
      // one that comes for the first time, every ten seconds
      if (atMs < 60_000 || atMs % 10_000 !== 0) continue
      const good = { address: bad.address, user: `good${atMs}.sync_b` }
      const turn = throttle.take(good, { waitMaxMs })
      assert.equal(turn.kind, 'wait')
      turns.push(turn.waitMs)
    }
    assert.equal(turns.length, 24)
    assert.ok(turns.every((waitMs) => waitMs <= throttleDefaults.delayMaxMs))
  }
})

test('one password tried for many users of an address is bounded: twenty a minute, and what the line takes', () => {
  const { throttle, pass } = create()
  let looked = 0
  let users = 0
  for (let atMs = 0; atMs < 600_000; atMs += 100, pass(100)) {
    const attempt = { address: attacker.address, user: `user${users++}.sync_a` }
    const turn = throttle.take(attempt, { waitMaxMs })
    if (turn.kind === 'refuse') continue
    looked += 1
    throttle.failed(attempt)
  }
  // the line takes one in five seconds
  assert.ok(looked >= 10 * 20 && looked <= 10 * (20 + 12) + 10, `${looked}`)
})

test('a burst of guesses by somebody new is no way past the line', () => {
  const { throttle, fail } = create()
  for (let count = 0; count < 10; count += 1) fail(attacker)
  const fresh = { address: attacker.address, user: 'fresh.sync_b' }
  const turns = Array.from({ length: 200 }, () => throttle.take(fresh, { waitMaxMs }))
  const taken = turns.filter(({ kind }) => kind === 'wait')
  assert.ok(taken.length >= 20 && taken.length <= 22, `${taken.length}`)
  assert.ok(taken.every(({ waitMs }) => waitMs >= 5_000))
})

test('guessing from many addresses is slowed down for each that has failed, and never for the owner', () => {
  const { throttle, fail, look } = create()
  throttle.succeeded(owner)
  const from = (index: number) => ({ address: `198.51.100.${index}`, user: owner.user })
  for (let index = 0; index < 200; index += 1) assert.equal(fail(from(index)), 0)
  // a second guess from any of them waits, behind each other
  assert.deepEqual(look(from(3)), { kind: 'wait', waitMs: 5_000 })
  assert.equal(look(from(4)).kind, 'refuse')
  // the owner: from where he has logged in, and from where nobody has failed
  assert.deepEqual(look(owner), { kind: 'wait', waitMs: 0 })
  assert.deepEqual(look({ address: '192.0.2.77', user: owner.user }), { kind: 'wait', waitMs: 0 })
})

test('whoever has logged in from an address waits only for his own failures there', () => {
  const { throttle, fail, look } = create()
  throttle.succeeded(owner)
  // a neighbour behind the same address guesses
  for (let count = 0; count < 12; count += 1) fail({ ...owner, user: `x${count}.sync_a` })
  assert.deepEqual(look(owner), { kind: 'wait', waitMs: 0 })
  const waits = Array.from({ length: 7 }, () => fail(owner))
  assert.deepEqual(waits, [0, 0, 0, 0, 0, 250, 500])
  throttle.succeeded(owner)
  assert.deepEqual(look(owner), { kind: 'wait', waitMs: 0 })
})

test('a success with another user does not forgive the address', () => {
  const { throttle, fail, look } = create()
  for (let count = 0; count < 10; count += 1) fail(attacker)
  throttle.succeeded({ address: attacker.address, user: 'own.sync_b' })
  assert.deepEqual(look(attacker), { kind: 'wait', waitMs: 5_000 })
})

test('a failure is forgiven for every minute without one', () => {
  const { pass, fail, look } = create()
  for (let count = 0; count < 7; count += 1) fail(attacker)
  pass(2 * 60_000)
  // five are left, which is as many as have the next one wait; its turn has come long ago
  assert.deepEqual(look(attacker), { kind: 'wait', waitMs: 0 })
  assert.equal(fail(attacker), 250)
  pass(20 * 60_000)
  assert.deepEqual(Array.from({ length: 6 }, () => fail(attacker)), [0, 0, 0, 0, 0, 250])
})

test('the memory has a bound: who was untouched for longest is forgotten', () => {
  const { fail, look } = create({ entriesMax: 3 })
  const from = (index: number) => ({ address: `198.51.100.${index}`, user: `u${index}.sync_a` })
  for (let count = 0; count < 12; count += 1) fail(from(0))
  fail(from(1))
  fail(from(2))
  assert.equal(look(from(0)).waitMs, 5_000)
  for (const index of [3, 4, 5]) fail(from(index))
  assert.equal(look(from(0)).waitMs, 0)
})

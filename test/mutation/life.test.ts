// Goal: the life of a mutation keeps its invariants. Method: walk every path through the table.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  life,
  type LifeEvent,
  type LifeState,
  lifeStates,
  statesBefore,
} from '../../src/mutation/life.ts'

const events: LifeEvent[] = ['send', 'accept', 'refuse', 'lose', 'apply']

test('a mutation is sent at most once, on every path', () => {
  const walk = (state: LifeState, sends: number, depth: number) => {
    assert.ok(sends <= 1, `sent ${sends} times on the way to ${state}`)
    if (depth === 0) return
    for (const event of events) {
      const next = life[state][event]
      if (next !== null) walk(next, sends + (event === 'send' ? 1 : 0), depth - 1)
    }
  }
  walk('received', 0, 8)
})

test('a known outcome never becomes another one', () => {
  for (const event of events) {
    assert.equal(life.refused[event], null)
    assert.ok([null, 'applied'].includes(life.accepted[event]))
    assert.ok([null, 'applied'].includes(life.applied[event]))
  }
})

test('what was never sent can be neither accepted nor unknown', () => {
  assert.equal(life.received.accept, null)
  assert.equal(life.received.lose, null)
})

test('every state can be reached from received', () => {
  const reached = new Set<LifeState>(['received'])
  for (const state of reached) {
    for (const event of events) {
      const next = life[state][event]
      if (next !== null) reached.add(next)
    }
  }
  assert.deepEqual([...reached].sort(), [...lifeStates].sort())
})

test('statesBefore reads the columns of the table', () => {
  assert.deepEqual(statesBefore('send'), ['received'])
  assert.deepEqual(statesBefore('lose'), ['sent'])
  assert.deepEqual(statesBefore('accept'), ['sent', 'unknown'])
  assert.deepEqual(statesBefore('apply'), ['accepted', 'unknown', 'applied'])
})

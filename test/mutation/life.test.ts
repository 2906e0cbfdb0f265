// Goal: the life of a mutation keeps its invariants, and SPEC.md says what the code does. Method: walk every path through
// the table; read the specification and look for what it names.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  life,
  type LifeEvent,
  lifeEvents,
  type LifeState,
  lifeStates,
  statesBefore,
} from '../../src/mutation/life.ts'
import { hasTest, testTexts } from '../help/named-tests.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const spec = readFileSync(join(root, 'src/mutation/SPEC.md'), 'utf8')

/** The cells of the table under a heading, without its head. */
function tableUnder(heading: string): { head: string[]; rows: string[][] } {
  const section = spec.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ??
    assert.fail(`SPEC.md has no "${heading}"`)
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  const cells = lines.map((line) => line.slice(1, -1).split('|').map((cell) => cell.trim()))
  const [head = [], , ...rows] = cells
  return { head, rows }
}

const bare = (cell: string | undefined) => (cell ?? '').replaceAll('`', '')

test('the table of SPEC.md is the table of the code', () => {
  const { head, rows } = tableUnder('The table')
  assert.deepEqual(head.slice(1), [...lifeEvents])
  assert.deepEqual(rows.map(([state]) => bare(state)), [...lifeStates])
  for (const [state = '', ...cells] of rows) {
    const written = cells.map((cell) => cell === '–' ? null : bare(cell))
    const coded = lifeEvents.map((event) => life[bare(state) as LifeState][event])
    assert.deepEqual(written, coded, state)
  }
})

test('SPEC.md explains every state and every event', () => {
  const named = (heading: string) => tableUnder(heading).rows.map(([name]) => bare(name))
  assert.deepEqual(named('States'), [...lifeStates])
  assert.deepEqual(named('Events'), [...lifeEvents])
})

test('the places that SPEC.md names are there', () => {
  const places = [...spec.matchAll(/`((?:src|workers|test)\/[\w./-]+\.ts)`((?:,?\s+`\w+`)*)/g)]
  assert.ok(places.length > 30, `${places.length} places`)
  for (const [, file = '', names = ''] of places) {
    assert.ok(existsSync(join(root, file)), `${file} is not there`)
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, name = ''] of names.matchAll(/`(\w+)`/g)) {
      assert.match(text, new RegExp(`\\b${name}\\b`), `${file} has no ${name}`)
    }
  }
})

test('the tests that SPEC.md names are there', () => {
  const texts = testTexts()
  const { rows } = tableUnder('What if it dies right there?')
  assert.ok(rows.length >= 20)
  for (const cells of rows) {
    const name = cells.at(-1) ?? ''
    assert.ok(texts.some((text) => hasTest(text, name)), `no test is called "${name}"`)
  }
})

/** Calls `visit` for every path of at most `depth` events from `received`, with the events of it. */
function walk(visit: (path: readonly LifeEvent[], state: LifeState) => void, depth = 8): void {
  const go = (state: LifeState, path: readonly LifeEvent[]) => {
    visit(path, state)
    if (path.length === depth) return
    for (const event of lifeEvents) {
      const next = life[state][event]
      if (next !== null) go(next, [...path, event])
    }
  }
  go('received', [])
}

test('a mutation is sent at most once, on every path', () => {
  walk((path, state) => {
    const sends = path.filter((event) => event === 'send').length
    assert.ok(sends <= 1, `sent ${sends} times on the way to ${state}`)
  })
})

test('a known outcome never becomes another one: what is learned leaves the state', () => {
  for (const event of lifeEvents) {
    assert.equal(life.refused[event], null)
    const next = event === 'learn' ? ['accepted'] : [null, 'applied']
    assert.ok(next.includes(life.accepted[event] as string))
    assert.ok([null, 'applied'].includes(life.applied[event]))
  }
})

test('what was never sent can be neither accepted nor unknown', () => {
  assert.equal(life.received.accept, null)
  assert.equal(life.received.lose, null)
})

test('what is refused is never applied, on any path', () => {
  walk((path) => {
    const refused = path.indexOf('refuse')
    if (refused >= 0) assert.ok(!path.slice(refused).includes('apply'))
  })
})

test('every state can be reached from received', () => {
  const reached = new Set<LifeState>()
  walk((_path, state) => reached.add(state))
  assert.deepEqual([...reached].sort(), [...lifeStates].sort())
})

test('statesBefore reads the columns of the table', () => {
  assert.deepEqual(statesBefore('send'), ['received'])
  assert.deepEqual(statesBefore('lose'), ['sent'])
  assert.deepEqual(statesBefore('accept'), ['sent', 'unknown'])
  assert.deepEqual(statesBefore('apply'), ['accepted', 'unknown', 'applied'])
  assert.deepEqual(statesBefore('learn'), ['accepted', 'applied'])
})

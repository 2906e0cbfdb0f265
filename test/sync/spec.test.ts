// Goal: src/sync/SPEC.md says what the code does, as far as that can be compared. Method: read it, and look for what it names.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { phases } from '../../src/store/tables.ts'
import { hasTest, testTexts } from '../help/named-tests.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const spec = readFileSync(join(root, 'src/sync/SPEC.md'), 'utf8')

const sectionOf = (heading: string) =>
  spec.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ??
    assert.fail(`SPEC.md has no "${heading}"`)

function rowsUnder(heading: string): string[][] {
  const lines = sectionOf(heading).split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) => line.slice(1, -1).split('|').map((cell) => cell.trim()))
}

const names = (cell: string | undefined) =>
  [...(cell ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name)

test('SPEC.md has every phase of a table, and those that it moves between are phases', () => {
  assert.deepEqual(rowsUnder('States').flatMap(([phase]) => names(phase)), [...phases])
  for (const [from, to] of rowsUnder('What moves it')) {
    for (const name of [...names(from), ...names(to)]) {
      assert.ok((phases as readonly string[]).includes(name), name)
    }
  }
})

test('what SPEC.md says that sluice.tables shows, the view can show', () => {
  const view = readFileSync(join(root, 'src/database/views.ts'), 'utf8')
  for (const [, , shown] of rowsUnder('States')) {
    for (const name of names(shown)) assert.ok(view.includes(`'${name}'`), name)
  }
})

test('the places that the SPEC.md of the sync process names are there', () => {
  const places = [...spec.matchAll(/`((?:src|workers|test)\/[\w./-]+\.ts)`((?:,?\s+`\w+`)*)/g)]
  assert.ok(places.length > 25, `${places.length} places`)
  for (const [, file = '', all = ''] of places) {
    assert.ok(existsSync(join(root, file)), `${file} is not there`)
    const text = readFileSync(join(root, file), 'utf8')
    for (const name of names(all)) {
      assert.match(text, new RegExp(`\\b${name}\\b`), `${file} has no ${name}`)
    }
  }
})

test('the invariants of the sync process are numbered, and the tests that they name are there', () => {
  const invariants = sectionOf('Invariants').split(/^(?=\d+\. )/m).slice(1)
  assert.deepEqual(
    invariants.map((text) => Number.parseInt(text)),
    invariants.map((_text, at) => at + 1),
  )
  const texts = testTexts()
  const named = [...spec.matchAll(/Test: "([^"]+)"/g)].map(([, name = '']) => name)
  assert.ok(named.length >= 15)
  for (const name of named) {
    assert.ok(texts.some((text) => hasTest(text, name)), `no test is called "${name}"`)
  }
})

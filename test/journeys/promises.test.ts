// Goal: a promise that the README makes is kept by tests that are there, and SECURITY.md speaks of what is there. Method:
// the documents are read, and every file, test, variable and command that they name is looked for.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hasTest, missingTests, namedTests } from '../help/named-tests.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const security = readFileSync(join(root, 'SECURITY.md'), 'utf8')

/** The text under a heading, up to the next of its level. */
function sectionOf(document: string, heading: string): string {
  return document.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ??
    assert.fail(`there is no "${heading}"`)
}

test('each promise of the README is kept by tests that are there', () => {
  const section = sectionOf(readme, 'The promises')
  const promises = [...section.matchAll(/^(\d+)\. ([^]*?)(?=^\d+\. |^\S|(?![^]))/gm)]
  assert.deepEqual(promises.map(([, number]) => number), ['1', '2', '3', '4', '5'])
  for (const [, number, text = ''] of promises) {
    const named = namedTests(text)
    assert.ok(named.length >= 3, `promise ${number} names ${named.length} tests`)
    assert.equal(named.length, text.match(/“/g)?.length, `promise ${number}: a name without a file`)
    assert.deepEqual(missingTests(named), [], `promise ${number}`)
  }
  assert.match(section, /^\*\*What is not promised\.\*\*/m)
})

test('the tests and files that SECURITY.md names are there', () => {
  const named = namedTests(security)
  assert.ok(named.length >= 40, `${named.length} tests`)
  assert.equal(named.length, security.match(/“/g)?.length, 'a name without a file')
  assert.deepEqual(missingTests(named), [])
  const paths = security.matchAll(/`((?:src|workers|test|\.ci)\/[\w./-]*)`/g)
  const files = [...paths].map(([, path = '']) => path)
  assert.ok(files.length >= 40, `${files.length} files`)
  assert.deepEqual(files.filter((file) => !existsSync(join(root, file))), [])
})

test('the variables and commands that SECURITY.md names are there', () => {
  const names = readdirSync(join(root, 'workers'), { recursive: true, encoding: 'utf8' })
  const workers = names.filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(root, 'workers', name), 'utf8')).join()
  const variables = security.match(/\bSLUICE_[A-Z_]*[A-Z]\b/g) ?? []
  assert.ok(variables.length >= 10)
  assert.deepEqual(variables.filter((name) => !workers.includes(name)), [])
  const commands = [...security.matchAll(/`sluice ([a-z]+)(?: ([a-z-]+))?/g)]
  assert.ok(commands.length >= 5)
  for (const [, group = '', name] of commands) {
    const groups = readFileSync(join(root, 'workers/sluice.ts'), 'utf8')
    assert.match(groups, new RegExp(`\\b${group}\\b`), `sluice ${group}`)
    if (name === undefined) continue
    const exported = new RegExp(`export const ${group} = \\{[^}]*\\b'?${name}\\b`)
    assert.match(workers, exported, `sluice ${group} ${name}`)
  }
})

test('a name is found where a test has it, and nowhere else', () => {
  const text = "test('what (it) is?', () => {})\ntest(\n  `${kind}: done`,\n)\nconst a = 'no test'"
  assert.ok(hasTest(text, 'what (it) is?'))
  assert.ok(hasTest(text, '${kind}: done'))
  assert.ok(!hasTest(text, 'no test'))
  assert.ok(!hasTest(text, 'what (it) is'))
  assert.deepEqual(namedTests('see `test/a.test.ts` “one”, “two\n  lines” and “no file”'), [
    { file: 'test/a.test.ts', name: 'one' },
    { file: 'test/a.test.ts', name: 'two lines' },
  ])
  assert.equal(missingTests([{ file: 'test/none.test.ts', name: 'x' }]).length, 1)
  assert.equal(missingTests([{ file: 'test/journeys/promises.test.ts', name: 'x' }]).length, 1)
})

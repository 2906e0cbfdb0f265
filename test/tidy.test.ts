// Goal: the rules of the house are kept by a program. Method: read every source file as text.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Which rooms a room may import from; itself goes without saying. */
const mayImport: Record<string, string[]> = {
  lib: [],
  wire: ['lib'],
  sql: ['lib'],
  mutation: ['lib'],
  sandbox: ['lib'],
  database: ['mutation', 'lib'],
  store: ['mutation', 'lib'],
  platforms: ['mutation', 'lib'],
  engine: ['mutation', 'sql', 'database', 'lib'],
  session: ['wire', 'sql', 'mutation', 'engine', 'database', 'lib'],
  service: ['mutation', 'engine', 'platforms', 'database', 'store', 'console', 'lib'],
  sync: ['mutation', 'platforms', 'database', 'store', 'lib'],
  console: ['mutation', 'store', 'lib'],
  client: ['service'],
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(folder, name))
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found = text.matchAll(/(?:from\s+|import\s+|import\()\s*'([^']+)'/g)
  return [...found].map((match) => match[1] ?? '')
}

test('rooms import only what they may', () => {
  for (const file of filesUnder('src')) {
    const room = relative('src', file).split('/')[0] ?? ''
    const allowed = mayImport[room]
    assert.ok(allowed, `${file}: room ${room} is not in the table`)
    for (const target of importsOf(file).filter((name) => name.startsWith('.'))) {
      const other = relative(join(root, 'src'), resolve(root, dirname(file), target))
      const otherRoom = other.split('/')[0] ?? ''
      assert.ok(
        otherRoom === room || allowed.includes(otherRoom),
        `${file} imports ${target}: ${room} may not import ${otherRoom}`,
      )
    }
  }
})

test('the client, which others put into their programs, imports only types', () => {
  const pattern = /^(?:im|ex)port (?:type )?(?:\{[^}]*\}|\*)\s*from '([^']+)'/gm
  for (const file of filesUnder('src/client')) {
    const text = readFileSync(join(root, file), 'utf8')
    for (const [statement, target] of text.matchAll(pattern)) {
      const own = target?.startsWith('./')
      assert.ok(own || /^(im|ex)port type /.test(statement), `${file} imports ${target}`)
    }
  }
})

test('nobody imports the workers', () => {
  for (const file of [...filesUnder('src'), ...filesUnder('test')]) {
    for (const target of importsOf(file)) {
      assert.ok(!/(^|\/)workers\//.test(target), `${file} imports ${target}`)
    }
  }
})

test('the environment is read in workers only, and no runtime is named in src', () => {
  for (const file of filesUnder('src')) {
    const text = readFileSync(join(root, file), 'utf8')
    assert.doesNotMatch(text, /\bDeno\./, `${file} names Deno`)
    assert.doesNotMatch(text, /process\.env\b/, `${file} reads the environment`)
  }
})

test('no other word stands for an idea that has one', () => {
  const banned: [RegExp, string][] = [
    [/\bupstreamDb\b/i, 'database'],
    [/\btenant\b/i, 'sync'],
    [/\bwritethrough\b/i, 'mutation'],
    [/\bTODO\b|\bFIXME\b|\bXXX\b|\bHACK\b/, 'an issue'],
  ]
  for (const file of [...filesUnder('src'), ...filesUnder('workers')]) {
    const text = readFileSync(join(root, file), 'utf8')
    for (const [pattern, instead] of banned) {
      assert.doesNotMatch(text, pattern, `${file}: say ${instead}`)
    }
  }
})

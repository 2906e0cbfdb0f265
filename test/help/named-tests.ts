// What a document says of the tests: that a promise, or an answer, is kept by a test of this name. Names stand as in the
// code, with `${…}` where a test has one for each of several.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** A test as a document names it. */
export interface NamedTest {
  /** From the top of the project. */
  readonly file: string
  readonly name: string
}

/** The texts of all files of tests. */
export function testTexts(): string[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(root, 'test', name), 'utf8'))
}

/** Is a test, or a group of tests, of this name in the text of a file? */
export function hasTest(text: string, name: string): boolean {
  const literal = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`\\b(?:test|it|describe)\\(\\s*(?:'${literal}'|\`${literal}\`)`).test(text)
}

/** What is wrong with what is named; empty: all of it is there. */
export function missingTests(named: readonly NamedTest[]): string[] {
  return named.flatMap(({ file, name }) => {
    if (!existsSync(join(root, file))) return [`${file} is not there`]
    const there = hasTest(readFileSync(join(root, file), 'utf8'), name)
    return there ? [] : [`${file} has no test "${name}"`]
  })
}

/** The tests in a text: the path of a file between backticks, then the names of its tests in “ ”, between commas. */
export function namedTests(text: string): NamedTest[] {
  const pattern = /`(test\/[\w./-]+\.ts)`((?:,?\s+“[^”]+”)+)/g
  return [...text.matchAll(pattern)].flatMap(([, file = '', names = '']) =>
    [...names.matchAll(/“([^”]+)”/g)].map(([, name = '']) => ({
      file,
      name: name.replaceAll(/\s+/g, ' '),
    }))
  )
}

// Room sql: the second filter: does a text mention a name at all? It never misses one; it may find one where none is.

import { cutName, nameBytesMax } from '../lib/name.ts'

/**
 * A test of texts for any of these names (of tables, views, prepared statements), as Postgres stores them: not quoted.
 * false: no identifier in the text stands for one of them. Case is ignored; a name inside of a longer word does not
 * count; U&"…" counts as a mention, since names can be escaped in it. Build it once for a configuration.
 */
export function createNameFilter(names: Iterable<string>): (text: string) => boolean {
  const patterns = new Set([...names].map(cutName).filter((name) => name !== '').map(pattern))
  if (patterns.size === 0) return () => false
  // a digit before may be the end of a number, so it does not make a longer word
  const before = '(?<![A-Za-z_\\u0080-\\uffff])'
  const mention = new RegExp(`u&"|${before}${alternatives(patterns)}`, 'i')
  return (text) => mention.test(text)
}

const lettersMax = 4

const after = '(?![A-Za-z0-9_$\\u0080-\\uffff])'

/** The parts of a pattern, each for one character of the name, and what must follow. */
type Parts = readonly string[]

function pattern(name: string): Parts {
  const quoted = name.split('').map((character) =>
    character === '"' ? '""' : character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')
  )
  // a longer identifier is cut to 63 bytes, never inside a character, so its beginning may be the name
  const cut = new TextEncoder().encode(name).length > nameBytesMax - lettersMax
  return cut ? quoted : [...quoted, after]
}

interface Tree extends Map<string, Tree> {}

/** One pattern for all: what several begin with is in it once, so that many names cost no more than a few. */
function alternatives(patterns: Iterable<Parts>): string {
  const root: Tree = new Map()
  for (const parts of patterns) {
    let tree = root
    for (const part of [...parts, '']) {
      const next = tree.get(part) ?? new Map()
      tree.set(part, next)
      tree = next
    }
  }
  return written(root)
}

function written(tree: Tree): string {
  const branches = [...tree].map(([part, next]) => part + written(next))
  return branches.length > 1 ? `(?:${branches.join('|')})` : branches.join('')
}

// Room sql: the second filter: does a text mention a name at all? It never misses one; it may find one where none is.

import { cutName, nameBytesMax } from './name.ts'

/**
 * A test of texts for any of these names (of tables, views, prepared statements), as Postgres stores them: not quoted.
 * false: no identifier in the text stands for one of them. Case is ignored; a name inside of a longer word does not
 * count; U&"…" counts as a mention, since names can be escaped in it. Build it once for a configuration.
 */
export function createNameFilter(names: Iterable<string>): (text: string) => boolean {
  const patterns = [...new Set([...names].map(cutName))].filter((name) => name !== '').map(pattern)
  if (patterns.length === 0) return () => false
  // a digit before may be the end of a number, so it does not make a longer word
  const before = '(?<![A-Za-z_\\u0080-\\uffff])'
  const mention = new RegExp(`u&"|${before}(?:${patterns.join('|')})`, 'i')
  return (text) => mention.test(text)
}

const lettersMax = 4

function pattern(name: string): string {
  const quoted = name.replaceAll('"', '""').replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  // a longer identifier is cut to 63 bytes, never inside a character, so its beginning may be the name
  const cut = new TextEncoder().encode(name).length > nameBytesMax - lettersMax
  return cut ? quoted : `${quoted}(?![A-Za-z0-9_$\\u0080-\\uffff])`
}

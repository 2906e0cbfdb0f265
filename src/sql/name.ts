// Room sql: identifiers as Postgres reads them: folded, unquoted, unescaped, cut at 63 bytes.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS

import { at, isIdent, isSymbol, type Token, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

/** NAMEDATALEN - 1: the most bytes of a name. */
export const nameBytesMax = 63

/** A table's name as it stands in a statement, and the index of the token after it. */
export interface QualifiedName {
  readonly schema: string | null
  readonly name: string
  readonly next: number
}

/** The name that the token stands for. */
export function nameOf(text: string, token: Token): string {
  const name = token.kind === 'word' ? token.text : unquote(text.slice(token.start, token.end))
  if (name === '') unsure('a name is empty')
  if (name.includes('\ufffd')) unsure('a name holds a character that could not be decoded')
  return cutName(name)
}

/** The name cut to 63 bytes of UTF-8, never inside a character, as Postgres does with a NOTICE. */
export function cutName(name: string): string {
  if (name.length * 3 <= nameBytesMax) return name
  let bytes = 0
  let units = 0
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    if (bytes > nameBytesMax) return name.slice(0, units)
    units += character.length
  }
  return name
}

function unquote(quoted: string): string {
  if (quoted.startsWith('"')) return quoted.slice(1, -1).replaceAll('""', '"')
  return unescape(quoted.slice(3, -1).replaceAll('""', '"'))
}

/** The escapes of U&"…" with the usual escape character; the walk sees to it that no UESCAPE follows. */
function unescape(name: string): string {
  return name.replace(
    /\\(?:(\\)|([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|)/g,
    (_whole, backslash?: string, four?: string, six?: string) => {
      if (backslash !== undefined) return backslash
      const code = parseInt(four ?? six ?? '', 16)
      if (!(code > 0 && code <= 0x10ffff)) unsure('a Unicode escape is not valid')
      return String.fromCodePoint(code)
    },
  )
}

/** Reads `name`, `schema.name` or `catalog.schema.name` at `index`. */
export function readQualified(text: string, tokens: Tokens, index: number): QualifiedName {
  const parts: string[] = []
  let next = index
  for (;;) {
    if (!isIdent(tokens, next)) unsure('a name was expected')
    parts.push(nameOf(text, at(tokens, next)))
    next++
    if (!isSymbol(tokens, next, '.')) break
    next++
  }
  if (parts.length > 3) unsure('a name has too many parts')
  const [name, schema] = parts.reverse()
  return { name: name ?? unsure('a name was expected'), schema: schema ?? null, next }
}

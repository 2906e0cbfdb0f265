// Room sql: identifiers as Postgres reads them: folded, unquoted, unescaped, cut at 63 bytes.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS

import { cutName, nameBytesMax } from '../lib/name.ts'
import { at, isIdent, isSymbol, type Token, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

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

/** No character of a name is written with more than so many. */
const writtenMax = '\\+000000'.length

/** What stands between the quotes, as far as it can count: the rest is cut off. */
function unquote(quoted: string): string {
  const escaped = !quoted.startsWith('"')
  const inner = quoted.slice(escaped ? 3 : 1, -1).slice(0, (nameBytesMax + 1) * writtenMax)
  const name = inner.replaceAll('""', '"')
  return escaped ? unescape(name) : name
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

// Room service: array literals, as Postgres writes and reads them.
// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO

/** An element is its text, or null; a nested list is a further dimension. */
export type ArrayItem = string | null | readonly ArrayItem[]

/** Text → items. Throws SyntaxError for what is no literal with `,` between its elements. */
export function readArray(literal: string): ArrayItem[] {
  // a literal whose bounds do not begin at 1 says so in front: [0:1]={a,b}
  const start = literal.startsWith('[') ? literal.indexOf('=') + 1 : 0
  const cursor = { text: literal, at: start }
  const items = readItems(cursor)
  if (cursor.at !== literal.length) throw malformed(cursor)
  return items
}

interface Cursor {
  readonly text: string
  at: number
}

const bare = /[^{}",\\]+/y

function readItems(cursor: Cursor): ArrayItem[] {
  const items: ArrayItem[] = []
  expect(cursor, '{')
  if (skip(cursor, '}')) return items
  do {
    items.push(readItem(cursor))
  } while (skip(cursor, ','))
  expect(cursor, '}')
  return items
}

function readItem(cursor: Cursor): ArrayItem {
  const next = cursor.text.charAt(cursor.at)
  if (next === '{') return readItems(cursor)
  if (next === '"') return readQuoted(cursor)
  bare.lastIndex = cursor.at
  const word = bare.exec(cursor.text)?.[0]
  if (word === undefined) throw malformed(cursor)
  cursor.at += word.length
  return word === 'NULL' ? null : word
}

function readQuoted(cursor: Cursor): string {
  const { text } = cursor
  let value = ''
  for (cursor.at += 1; text.charAt(cursor.at) !== '"'; cursor.at += 1) {
    if (text.charAt(cursor.at) === '\\') cursor.at += 1
    if (cursor.at >= text.length) throw malformed(cursor)
    value += text.charAt(cursor.at)
  }
  cursor.at += 1
  return value
}

function skip(cursor: Cursor, character: string): boolean {
  if (cursor.text.charAt(cursor.at) !== character) return false
  cursor.at += 1
  return true
}

function expect(cursor: Cursor, character: string): void {
  if (!skip(cursor, character)) throw malformed(cursor)
}

function malformed({ at }: Cursor): SyntaxError {
  return new SyntaxError(`Cannot read an array literal: unexpected character at position ${at}`)
}

/** Items → text. */
export function writeArray(items: readonly ArrayItem[]): string {
  return `{${items.map(writeItem).join(',')}}`
}

function writeItem(item: ArrayItem): string {
  if (item === null) return 'NULL'
  if (typeof item !== 'string') return writeArray(item)
  return `"${item.replaceAll(/["\\]/g, '\\$&')}"`
}

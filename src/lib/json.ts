// Room lib: JSON read without changing a character of its values: JSON.parse would turn a numeric into a float.

/** One member of an object: what kind its value is, and the value's own text (a string's is decoded). */
export interface JsonMember {
  readonly name: string
  readonly kind: 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object'
  /** string: what it says. Everything else: its text as it stood in the source. */
  readonly text: string
}

/** How deep arrays and objects may stand in each other. */
const depthMax = 512

// Sticky patterns, used with test() and lastIndex: no array is made for a match.
const plainString = /"[^"\\\u0000-\u001f]*"/y
const plain = /[^"\\\u0000-\u001f]*/y
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const word = /true|false|null/y

interface Cursor {
  readonly source: string
  at: number
}

// A run of members that are null and written without space, as Postgres writes a row.
const nullMembers = /(?:"[^"\\\u0000-\u001f]*":null,)+/y

/**
 * The members of the JSON object that is the whole of `source`, in its order; of members with the same name all; without
 * `nulls` only those that are not null, which is quicker.
 * Throws SyntaxError with the position of what cannot be read (RFC 8259).
 */
export function readJsonObject(
  source: string,
  { nulls = true }: { nulls?: boolean } = {},
): JsonMember[] {
  const cursor = { source, at: 0 }
  const members: JsonMember[] = []
  skipSpace(cursor)
  eachItem(cursor, '{}', () => {
    if (!nulls) take(cursor, nullMembers)
    const name = readName(cursor)
    const value = readValue(cursor)
    if (nulls || value.kind !== 'null') members.push({ name, ...value })
  })
  skipSpace(cursor)
  if (cursor.at < source.length) throw unexpected(cursor)
  return members
}

/** The items of the JSON array that is the whole of `source`, in its order. Throws as `readJsonObject`. */
export function readJsonArray(source: string): Omit<JsonMember, 'name'>[] {
  const cursor = { source, at: 0 }
  const items: Omit<JsonMember, 'name'>[] = []
  skipSpace(cursor)
  eachItem(cursor, '[]', () => items.push(readValue(cursor)))
  skipSpace(cursor)
  if (cursor.at < source.length) throw unexpected(cursor)
  return items
}

function readName(cursor: Cursor): string {
  const start = cursor.at
  const asIs = skipString(cursor)
  const name = decode(cursor.source.slice(start, cursor.at), asIs)
  skipSpace(cursor)
  expect(cursor, ':')
  skipSpace(cursor)
  return name
}

function eachItem(cursor: Cursor, brackets: '{}' | '[]', item: () => void): void {
  expect(cursor, brackets.charAt(0))
  skipSpace(cursor)
  const close = brackets.charAt(1)
  if (skip(cursor, close)) return
  do {
    skipSpace(cursor)
    item()
    skipSpace(cursor)
  } while (skip(cursor, ','))
  expect(cursor, close)
}

function readValue(cursor: Cursor): Omit<JsonMember, 'name'> {
  const start = cursor.at
  if (cursor.source.charAt(start) === '"') {
    const asIs = skipString(cursor)
    return { kind: 'string', text: decode(cursor.source.slice(start, cursor.at), asIs) }
  }
  const kind = skipValue(cursor, 1)
  return { kind, text: cursor.source.slice(start, cursor.at) }
}

/** Moves past one value and tells its kind. */
function skipValue(cursor: Cursor, depth: number): JsonMember['kind'] {
  if (depth > depthMax) throw new SyntaxError(`JSON is nested deeper than ${depthMax}`)
  switch (cursor.source.charAt(cursor.at)) {
    case '{':
      eachItem(cursor, '{}', () => {
        readName(cursor)
        skipValue(cursor, depth + 1)
      })
      return 'object'
    case '[':
      eachItem(cursor, '[]', () => skipValue(cursor, depth + 1))
      return 'array'
    case '"':
      skipString(cursor)
      return 'string'
    case 'n':
      if (!cursor.source.startsWith('null', cursor.at)) throw unexpected(cursor)
      cursor.at += 4
      return 'null'
    case 't':
    case 'f':
      if (!take(cursor, word)) throw unexpected(cursor)
      return 'boolean'
    default:
      if (!take(cursor, number)) throw unexpected(cursor)
      return 'number'
  }
}

/** Moves past a string; true when it stands for itself, without an escape. */
function skipString(cursor: Cursor): boolean {
  const { source, at } = cursor
  if (source.charCodeAt(at) !== 0x22) throw unexpected(cursor)
  const end = source.indexOf('"', at + 1)
  const short = end >= 0 && end - at < plainMax
  if (short && isPlain(source, at + 1, end)) {
    cursor.at = end + 1
    return true
  }
  return skipLongString(cursor)
}

/** Longest string looked at character by character; the pattern is quicker for longer ones. */
const plainMax = 64

function isPlain(source: string, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const code = source.charCodeAt(at)
    if (code < 0x20 || code === 0x5c) return false
  }
  return true
}

function skipLongString(cursor: Cursor): boolean {
  if (take(cursor, plainString)) return true
  const start = cursor.at
  expect(cursor, '"')
  do take(cursor, plain)
  while (take(cursor, escape))
  if (skip(cursor, '"')) return false
  cursor.at = start
  throw unexpected(cursor)
}

function take(cursor: Cursor, pattern: RegExp): boolean {
  pattern.lastIndex = cursor.at
  const found = pattern.test(cursor.source)
  if (found) cursor.at = pattern.lastIndex
  return found
}

function skipSpace(cursor: Cursor): void {
  for (;;) {
    const code = cursor.source.charCodeAt(cursor.at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
    cursor.at += 1
  }
}

function skip(cursor: Cursor, character: string): boolean {
  if (cursor.source.charCodeAt(cursor.at) !== character.charCodeAt(0)) return false
  cursor.at += 1
  return true
}

function expect(cursor: Cursor, character: string): void {
  if (!skip(cursor, character)) throw unexpected(cursor)
}

function unexpected({ source, at }: Cursor): SyntaxError {
  const what = at < source.length ? JSON.stringify(source[at]) : 'end of text'
  return new SyntaxError(`Cannot read JSON: unexpected ${what} at position ${at}`)
}

function decode(literal: string, asIs: boolean): string {
  return asIs ? literal.slice(1, -1) : JSON.parse(literal) as string
}

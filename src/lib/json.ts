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

const space = /[ \t\n\r]*/y
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const word = /true|false|null/y

interface Cursor {
  readonly source: string
  at: number
}

/**
 * The members of the JSON object that is the whole of `source`, in its order; of members with the same name all.
 * Throws SyntaxError with the position of what cannot be read (RFC 8259).
 */
export function readJsonObject(source: string): JsonMember[] {
  const cursor = { source, at: 0 }
  const members: JsonMember[] = []
  take(cursor, space)
  eachMember(cursor, (name) => members.push({ name, ...readValue(cursor) }))
  take(cursor, space)
  if (cursor.at < source.length) throw unexpected(cursor)
  return members
}

function eachMember(cursor: Cursor, member: (name: string) => void): void {
  eachItem(cursor, '{}', () => {
    const name = decode(take(cursor, string) ?? fail(cursor))
    take(cursor, space)
    expect(cursor, ':')
    take(cursor, space)
    member(name)
  })
}

function eachItem(cursor: Cursor, brackets: '{}' | '[]', item: () => void): void {
  expect(cursor, brackets.charAt(0))
  take(cursor, space)
  const close = brackets.charAt(1)
  if (skip(cursor, close)) return
  do {
    take(cursor, space)
    item()
    take(cursor, space)
  } while (skip(cursor, ','))
  expect(cursor, close)
}

function readValue(cursor: Cursor): Omit<JsonMember, 'name'> {
  const start = cursor.at
  const kind = skipValue(cursor, 1)
  const text = cursor.source.slice(start, cursor.at)
  return { kind, text: kind === 'string' ? decode(text) : text }
}

/** Moves past one value and tells its kind. */
function skipValue(cursor: Cursor, depth: number): JsonMember['kind'] {
  if (depth > depthMax) throw new SyntaxError(`JSON is nested deeper than ${depthMax}`)
  switch (cursor.source.charAt(cursor.at)) {
    case '{':
      eachMember(cursor, () => skipValue(cursor, depth + 1))
      return 'object'
    case '[':
      eachItem(cursor, '[]', () => skipValue(cursor, depth + 1))
      return 'array'
    case '"':
      if (take(cursor, string) === undefined) throw unexpected(cursor)
      return 'string'
    case 't':
    case 'f':
    case 'n':
      return (take(cursor, word) ?? fail(cursor)) === 'null' ? 'null' : 'boolean'
    default:
      if (take(cursor, number) === undefined) throw unexpected(cursor)
      return 'number'
  }
}

function take(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.source)?.[0]
  if (found !== undefined) cursor.at += found.length
  return found
}

function skip(cursor: Cursor, character: string): boolean {
  if (cursor.source[cursor.at] !== character) return false
  cursor.at += 1
  return true
}

function expect(cursor: Cursor, character: string): void {
  if (!skip(cursor, character)) throw unexpected(cursor)
}

function fail(cursor: Cursor): never {
  throw unexpected(cursor)
}

function unexpected({ source, at }: Cursor): SyntaxError {
  const what = at < source.length ? JSON.stringify(source[at]) : 'end of text'
  return new SyntaxError(`Cannot read JSON: unexpected ${what} at position ${at}`)
}

function decode(literal: string): string {
  return literal.includes('\\') ? JSON.parse(literal) as string : literal.slice(1, -1)
}

// Room platforms: reading JSON fast and without loss. JSON.parse with a reviver that sees the source text does the same
// and takes three times as long, on answers that hold thousands of values.

import type { Json, JsonNumber } from './json.ts'

/** How deep arrays and objects may stand in each other. */
const depthMax = 512

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const control = /[\u0000-\u001f]/

interface Cursor {
  readonly text: string
  at: number
  readonly toNumber: (token: string) => JsonNumber
}

/** Reads one JSON text (RFC 8259). `toNumber` gets each number as it is written. Throws SyntaxError with the position. */
export function readJson(text: string, toNumber: (token: string) => JsonNumber): Json {
  const cursor: Cursor = { text, at: 0, toNumber }
  skipSpace(cursor)
  const value = readValue(cursor, 1)
  skipSpace(cursor)
  if (cursor.at < text.length) throw unexpected(cursor)
  return value
}

function readValue(cursor: Cursor, depth: number): Json {
  if (depth > depthMax) throw new SyntaxError(`JSON is nested deeper than ${depthMax}`)
  switch (cursor.text.charCodeAt(cursor.at)) {
    case 0x22: // "
      return readString(cursor)
    case 0x7b: // {
      return readObject(cursor, depth)
    case 0x5b: // [
      return readArray(cursor, depth)
    case 0x6e: // n
      return readWord(cursor, 'null', null)
    case 0x74: // t
      return readWord(cursor, 'true', true)
    case 0x66: // f
      return readWord(cursor, 'false', false)
    default:
      return readNumber(cursor)
  }
}

function readObject(cursor: Cursor, depth: number): Json {
  const object: Record<string, Json> = {}
  cursor.at += 1
  skipSpace(cursor)
  if (skip(cursor, 0x7d)) return object
  do {
    skipSpace(cursor)
    const name = readString(cursor)
    skipSpace(cursor)
    if (!skip(cursor, 0x3a)) throw unexpected(cursor)
    skipSpace(cursor)
    put(object, name, readValue(cursor, depth + 1))
    skipSpace(cursor)
  } while (skip(cursor, 0x2c))
  if (!skip(cursor, 0x7d)) throw unexpected(cursor)
  return object
}

/** As JSON.parse does it: a member called `__proto__` is a member. */
function put(object: Record<string, Json>, name: string, value: Json): void {
  if (name !== '__proto__') object[name] = value
  else {Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })}
}

function readArray(cursor: Cursor, depth: number): Json {
  const items: Json[] = []
  cursor.at += 1
  skipSpace(cursor)
  if (skip(cursor, 0x5d)) return items
  do {
    skipSpace(cursor)
    items.push(readValue(cursor, depth + 1))
    skipSpace(cursor)
  } while (skip(cursor, 0x2c))
  if (!skip(cursor, 0x5d)) throw unexpected(cursor)
  return items
}

function readString(cursor: Cursor): string {
  const { text, at } = cursor
  if (text.charCodeAt(at) !== 0x22) throw unexpected(cursor)
  const end = endOfString(text, at + 1)
  if (end < 0) throw unexpected({ text, at: text.length })
  const plain = text.slice(at + 1, end)
  if (control.test(plain)) throw unexpected(cursor)
  cursor.at = end + 1
  return plain.includes('\\') ? JSON.parse(text.slice(at, end + 1)) as string : plain
}

/** Position of the first quotation mark that no odd number of backslashes stands before. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end
    while (before > from && text.charCodeAt(before - 1) === 0x5c) before -= 1
    if ((end - before) % 2 === 0) return end
  }
  return -1
}

function readNumber(cursor: Cursor): JsonNumber {
  number.lastIndex = cursor.at
  if (!number.test(cursor.text)) throw unexpected(cursor)
  const token = cursor.text.slice(cursor.at, number.lastIndex)
  cursor.at = number.lastIndex
  return cursor.toNumber(token)
}

function readWord<T extends Json>(cursor: Cursor, word: string, value: T): T {
  if (!cursor.text.startsWith(word, cursor.at)) throw unexpected(cursor)
  cursor.at += word.length
  return value
}

function skipSpace(cursor: Cursor): void {
  for (;;) {
    const code = cursor.text.charCodeAt(cursor.at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
    cursor.at += 1
  }
}

function skip(cursor: Cursor, code: number): boolean {
  if (cursor.text.charCodeAt(cursor.at) !== code) return false
  cursor.at += 1
  return true
}

function unexpected({ text, at }: { text: string; at: number }): SyntaxError {
  const what = at < text.length ? JSON.stringify(text[at]) : 'end of text'
  return new SyntaxError(`Cannot read JSON: unexpected ${what} at position ${at}`)
}

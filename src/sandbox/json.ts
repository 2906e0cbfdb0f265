// Room sandbox: JSON whose numbers keep every digit. Numbers are carried as their source text in both directions, so
// that 0.1, 18-digit decimals and 2^53 + 1 come back as they were sent. Errors are worded as Jackson words them, since
// the platforms' own answers quote it.

/** A number as its text. */
export class JsonNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toString(): string {
    return this.text
  }
}

/** What JSON text holds. Objects have no prototype. A JavaScript number is written as JavaScript would. */
export type Json = null | boolean | string | number | JsonNumber | readonly Json[] | JsonObject

export interface JsonObject {
  readonly [name: string]: Json
}

/** Where a value starts in its text, both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** The text is not JSON. `message` ends in the place, as `at [line:1, column:2]`. */
export class JsonSyntaxError extends Error {
  override name = 'JsonSyntaxError'
}

const depthMax = 100
const places = new WeakMap<object, Map<string, Place>>()

/** Where the value of a member of a parsed object starts. */
export function placeOf(object: JsonObject, name: string): Place {
  return places.get(object)?.get(name) ?? { line: 1, column: 1 }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) &&
    !(value instanceof JsonNumber)
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** The text of a scalar, a number's being its digits; null for an object, an array or nothing. */
export function scalarText(value: Json | undefined): string | null {
  if (value instanceof JsonNumber) return value.text
  return value === undefined || value === null || typeof value === 'object' ? null : String(value)
}

/** Reads one JSON value. Throws `JsonSyntaxError`. */
export function parseJson(text: string): Json {
  const reader = new Reader(text)
  const value = reader.value(0)
  reader.end()
  return value
}

/** Writes one JSON value, numbers as their text. */
export function writeJson(value: Json): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object') return String(value)
  if (value instanceof JsonNumber) return value.text
  if (isArray(value)) return `[${value.map(writeJson).join(',')}]`
  let text = ''
  const object = value as JsonObject
  for (const name of Object.keys(object)) {
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${writeJson(object[name] ?? null)}`
  }
  return `{${text}}`
}

/** A recursive-descent reader of one text. */
class Reader {
  readonly #text: string
  #at = 0
  #line = 1
  #lineStart = 0

  constructor(text: string) {
    this.#text = text
  }

  value(depth: number): Json {
    if (depth > depthMax) this.#fail(`Nesting deeper than ${depthMax}`)
    this.#space()
    switch (this.#text.charAt(this.#at)) {
      case '{':
        return this.#object(depth)
      case '[':
        return this.#array(depth)
      case '"':
        return this.#string()
      case 't':
        return this.#word('true', true)
      case 'f':
        return this.#word('false', false)
      case 'n':
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  end(): void {
    this.#space()
    if (this.#at < this.#text.length) this.#unexpected('was expecting end of input')
  }

  #object(depth: number): JsonObject {
    const object = Object.create(null) as Record<string, Json>
    const spots = new Map<string, Place>()
    places.set(object, spots)
    this.#at += 1
    this.#space()
    if (this.#take('}')) return object
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') {
        this.#unexpected('was expecting double-quote to start field name')
      }
      const name = this.#string()
      this.#space()
      if (!this.#take(':')) {
        this.#unexpected('was expecting a colon to separate field name and value')
      }
      this.#space()
      spots.set(name, this.#place())
      object[name] = this.value(depth + 1)
      this.#space()
      if (this.#take('}')) return object
      if (!this.#take(',')) {
        this.#unexpected('was expecting comma to separate OBJECT entries')
      }
    }
  }

  #array(depth: number): Json[] {
    const items: Json[] = []
    this.#at += 1
    this.#space()
    if (this.#take(']')) return items
    for (;;) {
      items.push(this.value(depth + 1))
      this.#space()
      if (this.#take(']')) return items
      if (!this.#take(',')) this.#unexpected('was expecting comma to separate ARRAY entries')
    }
  }

  #string(): string {
    const start = this.#at
    let at = start + 1
    let plain = true
    for (; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at)
      if (code === 0x22) break
      if (code === 0x5c) {
        plain = false
        at += 1
      } else if (code < 0x20) {
        this.#at = at
        this.#fail(`Illegal unquoted character ((CTRL-CHAR, code ${code}))`)
      }
    }
    if (at >= this.#text.length) this.#fail('Unexpected end-of-input in VALUE_STRING')
    this.#at = at + 1
    return plain ? this.#text.slice(start + 1, at) : this.#escaped(start, at + 1)
  }

  #escaped(start: number, end: number): string {
    try {
      return JSON.parse(this.#text.slice(start, end)) as string
    } catch {
      this.#at = start
      return this.#fail('Unrecognized character escape')
    }
  }

  #word<T extends Json>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#unrecognized()
    this.#at += word.length
    return value
  }

  #number(): JsonNumber {
    const pattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return this.#unrecognized()
    this.#at += found[0].length
    return new JsonNumber(found[0])
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at += 1
      if (code === 0x0a) {
        this.#line += 1
        this.#lineStart = this.#at
      }
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #place(): Place {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 }
  }

  #unrecognized(): never {
    const word = /[A-Za-z0-9_$]+/y
    word.lastIndex = this.#at
    const found = word.exec(this.#text)
    if (found === null) return this.#unexpected('expected a valid value')
    return this.#fail(
      `Unrecognized token '${found[0]}': was expecting ('true', 'false' or 'null')`,
    )
  }

  #unexpected(expecting: string): never {
    const character = this.#text[this.#at]
    if (character === undefined) return this.#fail('Unexpected end-of-input')
    const code = character.charCodeAt(0)
    return this.#fail(`Unexpected character ('${character}' (code ${code})): ${expecting}`)
  }

  #fail(message: string): never {
    const { line, column } = this.#place()
    throw new JsonSyntaxError(`${message} at [line:${line}, column:${column}]`)
  }
}

// Room sandbox: the body of a REST request against what its endpoint takes. GitHub checks the JSON types of a whole body
// first, in the words of Ruby's json_schema, and passes over what it does not know.

import {
  isArray,
  isObject,
  type Json,
  JsonNumber,
  type JsonObject,
  scalarText,
} from '../../json.ts'
import { type FieldError, refused, refuseInvalid } from '../refusal.ts'

type JsonType = 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'null'

/** The JSON types that a member may have; `!` in front: it must be there. */
export type Shape = Readonly<Record<string, readonly (JsonType | '!')[]>>

/** Throws `Refused` when a member is missing or has another type. */
export function checkShape(body: JsonObject, shape: Shape): void {
  for (const [name, types] of Object.entries(shape)) {
    const value = body[name]
    if (value === undefined) {
      if (types.includes('!')) throw unfit(`"${name}" wasn't supplied.`)
      continue
    }
    const allowed = types.filter((type) => type !== '!')
    if (!allowed.includes(typeOf(value))) {
      throw unfit(`For 'properties/${name}', ${inspect(value)} is not ${phrase(allowed)}.`)
    }
  }
}

/** Throws `Refused` when the values are not all texts, or objects that have one of the name. */
export function textsOf(
  body: JsonObject,
  name: string,
  { within }: { readonly within?: string } = {},
): readonly string[] | undefined {
  const list = body[name]
  if (!isArray(list)) return undefined
  return list.map((one) => {
    const text = within !== undefined && isObject(one) ? one[within] : one
    if (typeof text === 'string') return text
    throw unfit(`For 'items', ${inspect(one)} is not a string${within ? ' or object' : ''}.`)
  })
}

/** A text, also of a number; undefined when it is absent or null. */
export function textOf(body: JsonObject, name: string): string | undefined {
  return scalarText(body[name]) ?? undefined
}

/** A text, null or absent. */
export function nullableText(body: JsonObject, name: string): string | null | undefined {
  return body[name] === undefined ? undefined : scalarText(body[name])
}

export function flagOf(body: JsonObject, name: string): boolean | undefined {
  const value = body[name]
  return typeof value === 'boolean' ? value : undefined
}

/** One of some words; null counts as absent. Throws `Refused` for another. */
export function wordOf<T extends string>(
  body: JsonObject,
  name: string,
  { words, resource }: { readonly words: readonly T[]; readonly resource: string },
): T | undefined {
  const text = scalarText(body[name])
  if (text === null) return undefined
  const word = words.find((one) => one === text)
  if (word !== undefined) return word
  const error: FieldError = { resource, field: name, code: 'invalid', value: text }
  refuseInvalid([error])
  return undefined
}

/** `body` without its undefined members: a change holds only what is to change. */
export function defined<T extends object>(
  members: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  const kept = Object.entries(members).filter(([, value]) => value !== undefined)
  return Object.fromEntries(kept) as { [K in keyof T]: Exclude<T[K], undefined> }
}

function typeOf(value: Json): JsonType {
  if (value === null) return 'null'
  if (value instanceof JsonNumber) return /^-?[0-9]+$/.test(value.text) ? 'integer' : 'number'
  if (isArray(value)) return 'array'
  if (isObject(value)) return 'object'
  return typeof value === 'boolean' ? 'boolean' : typeof value === 'number' ? 'number' : 'string'
}

/** As Ruby shows a value inside a sentence. */
function inspect(value: Json): string {
  if (value === null) return 'nil'
  if (typeof value === 'string') return value
  if (isArray(value)) return `[${value.map(quoted).join(', ')}]`
  if (isObject(value)) {
    const members = Object.entries(value).map(([name, one]) => `"${name}"=>${quoted(one)}`)
    return `{${members.join(', ')}}`
  }
  return String(value)
}

function quoted(value: Json): string {
  return typeof value === 'string' ? JSON.stringify(value) : inspect(value)
}

/** `a string`, `an integer or string`, `an integer, string, or null` */
function phrase(types: readonly string[]): string {
  const sorted = types.toSorted()
  const first = sorted[0] ?? 'value'
  const article = /^[aeiou]/.test(first) ? 'an' : 'a'
  if (sorted.length < 3) return `${article} ${sorted.join(' or ')}`
  return `${article} ${sorted.slice(0, -1).join(', ')}, or ${sorted.at(-1)}`
}

function unfit(sentence: string): Error {
  return refused({ kind: 'unfit', message: `Invalid request.\n\n${sentence}` })
}

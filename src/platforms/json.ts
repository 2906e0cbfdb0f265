// Room platforms: JSON in which numbers keep every digit: a number is the text it was written with, never a float.

import { readJson } from './json-reader.ts'

/** A JSON number by its source text, as `JSON.rawJSON` makes it: `JSON.stringify` writes that text. */
export interface JsonNumber {
  readonly rawJSON: string
}

export interface JsonObject {
  readonly [key: string]: Json | undefined
}

export type Json = string | boolean | null | JsonNumber | readonly Json[] | JsonObject

// TypeScript's library does not know these yet (ECMAScript proposal JSON.parse source text access, stage 4)
const lossless = JSON as unknown as {
  rawJSON(text: string): JsonNumber
  isRawJSON(value: unknown): value is JsonNumber
}

/** Reads JSON without loss. @throws SyntaxError when the text is not JSON. */
export function parseJson(text: string): Json {
  return readJson(text, (token) => lossless.rawJSON(token))
}

/** Reads JSON without loss; undefined when the text is not JSON. */
export function tryParseJson(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** Writes JSON; numbers as they were read or made. */
export function writeJson(value: Json): string {
  return JSON.stringify(value)
}

/** A number token to put into JSON. @throws SyntaxError when it is not a JSON number. */
export function jsonNumber(token: string): JsonNumber {
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(token)) {
    throw new SyntaxError('Cannot write a number that JSON does not have')
  }
  return lossless.rawJSON(token)
}

export function isJsonNumber(value: unknown): value is JsonNumber {
  return lossless.isRawJSON(value)
}

/** A JSON object: no array, no number, not null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) &&
    !isJsonNumber(value)
}

/** A number that is small enough for JavaScript, such as a status; undefined for anything else. */
export function toInteger(value: unknown): number | undefined {
  if (!isJsonNumber(value)) return undefined
  const number = Number(value.rawJSON)
  return Number.isSafeInteger(number) ? number : undefined
}

// Room service: JSON in and out without touching a number. JSON.parse would turn 0.10 into 0.1 and a bigint into its
// neighbour; here a number stays the text that the client wrote.

import { fault } from '../../mutation/fault.ts'

/** A number as it was written: what JSON.rawJSON makes, and JSON.stringify writes as it is. */
export interface RawNumber {
  readonly rawJSON: string
}

export type Json = null | boolean | string | RawNumber | Json[] | { [name: string]: Json }

// in ECMAScript 2026, and in both runtimes; TypeScript's library does not have them yet
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: Source) => unknown): unknown
  rawJSON(text: string): RawNumber
  isRawJSON(value: unknown): value is RawNumber
}

interface Source {
  readonly source?: string
}

/** Reads a body. Throws `bad_request`. */
export function readJson(body: Uint8Array): Json {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw fault('bad_request', { message: 'the body must be JSON in UTF-8' }, { cause })
  }
  try {
    return json.parse(text, keepNumber) as Json
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : ''
    throw fault('bad_request', { message: 'the body must be JSON', detail }, { cause })
  }
}

function keepNumber(_name: string, value: unknown, { source }: Source): unknown {
  return typeof value === 'number' && source !== undefined ? json.rawJSON(source) : value
}

/** The JSON text of a value; numbers as they were written. */
export function writeJson(value: Json): string {
  return JSON.stringify(value)
}

export function isRawNumber(value: Json): value is RawNumber {
  return json.isRawJSON(value)
}

/** An object, not a list, a number or null. */
export function isJsonObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
}

/** Throws `bad_request` for text that Postgres cannot hold: a NUL, or half of a surrogate pair. */
export function checkText(text: string, at: string): void {
  if (!text.includes('\0') && text.isWellFormed()) return
  throw fault('bad_request', { message: `${at} holds a character that Postgres text cannot hold` })
}

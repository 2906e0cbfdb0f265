// Room service: what administrators are shown of rows. A value that is a secret, by its name or by its looks, is not among
// it, be it a column or within the JSON of one.

import { cut } from '../../lib/cut.ts'
import type { Values } from '../../mutation/mutation.ts'
import { isRawNumber, type Json, readJson, writeJson } from '../v1/lossless.ts'

/** What stands for a value that is not shown. */
export const redacted = '(redacted)'
/** The longest value shown, in characters. */
const valueMax = 4_000

const secretNames =
  /secret|password|passwd|passphrase|passcode|(^|_)pin($|_)|token|(api|access|private)[_-]?key|signing|authorization|credential|(^|_)ssn($|_)|cvc|cvv|iban|account[_-]?number/i

const secretLooks =
  /\b(?:sk|rk|whsec)_(?:live|test)?_?[A-Za-z0-9]{8,}|\bsluice_[A-Za-z0-9_-]{8,}|\bBearer\s+[\w.~+/-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_[A-Za-z0-9]{20,}|\bpat[A-Za-z0-9]{14}\.[0-9a-f]{16,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.|\b\w+:\/\/[^\s/:@]+:[^\s/@]+@/

/** The value as it may be shown. */
export function shownValue(name: string, value: string | null): string | null {
  return value === null ? null : cut(withoutSecrets(name, value), valueMax)
}

/** The whole value, and nothing secret. In JSON the names within count too. */
export function withoutSecrets(name: string, value: string): string {
  if (secretNames.test(name) || secretLooks.test(value)) return redacted
  return /^\s*[[{]/.test(value) ? jsonWithoutSecrets(value) : value
}

/** Text that is no JSON, or has nothing secret in it, is left as it is. */
function jsonWithoutSecrets(text: string): string {
  let value: Json
  try {
    value = readJson(new TextEncoder().encode(text))
  } catch {
    return text
  }
  const left = { levels: levelsMax, found: false }
  const kept = keep(value, left)
  return left.found ? writeJson(kept) : text
}

/** Deeper nobody looks, and nothing is shown. */
const levelsMax = 100

function keep(value: Json, seen: { levels: number; found: boolean }): Json {
  if (value === null || typeof value !== 'object' || isRawNumber(value)) {
    // a secret may be written with escapes, which only show here
    if (typeof value !== 'string' || !secretLooks.test(value)) return value
    seen.found = true
    return redacted
  }
  if (seen.levels === 0) {
    seen.found = true
    return redacted
  }
  seen.levels -= 1
  const kept = Array.isArray(value)
    ? value.map((item) => keep(item, seen))
    : Object.fromEntries(Object.entries(value).map((entry) => keepEntry(entry, seen)))
  seen.levels += 1
  return kept
}

function keepEntry(
  [name, value]: [string, Json],
  seen: { levels: number; found: boolean },
): [string, Json] {
  if (value === null || !secretNames.test(name)) return [name, keep(value, seen)]
  seen.found = true
  return [name, redacted]
}

/** The text as it may be shown: an error of a platform, a path. */
export function shownText(text: string): string {
  return secretLooks.test(text) ? redacted : text
}

/** The values as they may be shown. */
export function shownValues(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, shownValue(name, value)]),
  )
}

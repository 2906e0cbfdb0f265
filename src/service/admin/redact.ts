// Room service: what administrators are shown of rows. A value that is a secret, by its column's name or by its looks, is
// not among it.

import { cut } from '../../lib/cut.ts'
import type { Values } from '../../mutation/mutation.ts'

/** What stands for a value that is not shown. */
export const redacted = '(redacted)'
/** The longest value shown, in characters. */
const valueMax = 4_000

const secretNames =
  /secret|password|passwd|passphrase|passcode|(^|_)pin($|_)|token|api_?key|private_?key|authorization|credential|(^|_)ssn($|_)|cvc|cvv/i

const secretLooks =
  /\b(?:sk|rk|whsec)_(?:live|test)?_?[A-Za-z0-9]{8,}|\bsluice_[A-Za-z0-9_-]{8,}|\bBearer\s+[\w.~+/-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_[A-Za-z0-9]{20,}|\bpat[A-Za-z0-9]{14}\.[0-9a-f]{16,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.|\b\w+:\/\/[^\s/:@]+:[^\s/@]+@/

/** The value as it may be shown. */
export function shownValue(name: string, value: string | null): string | null {
  if (value === null) return null
  return secretNames.test(name) || secretLooks.test(value) ? redacted : cut(value, valueMax)
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

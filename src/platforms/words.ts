// Room platforms: how a value at fault is named in DETAIL, in the words that Postgres uses.

import { cut } from '../lib/cut.ts'

export { cut }

/** The longest value quoted in a DETAIL, in characters. */
export const quotedMax = 100

/** `Key (email)=(pauldune.co)`; a long value is cut. */
export function keyOf(column: string, value: string | null): string {
  return `Key (${column})=(${value === null ? 'null' : cut(value, quotedMax)})`
}

/** One line, without a full stop at its end, to be put into a sentence. */
export function clause(text: string): string {
  return text.replace(/\s+/g, ' ').trim().replace(/\.+$/, '')
}

/** A sentence: one line with a full stop. */
export function sentence(text: string): string {
  const words = clause(text)
  return /[?!]$/.test(words) || words === '' ? words : `${words}.`
}

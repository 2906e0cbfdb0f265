// Room platforms: how a value at fault is named in DETAIL, in the words that Postgres uses.

/** The longest value quoted in a DETAIL, in characters. */
export const quotedMax = 100

/** `Key (email)=(pauldune.co)`; a long value is cut. */
export function keyOf(column: string, value: string | null): string {
  return `Key (${column})=(${value === null ? 'null' : cut(value, quotedMax)})`
}

/** The first `max` characters (UTF-16 units), and … when there were more. Never half a surrogate pair. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text
  const end = /[\uD800-\uDBFF]/.test(text.charAt(max - 1)) ? max - 1 : max
  return `${text.slice(0, end)}…`
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

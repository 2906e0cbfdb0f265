// Room lib: text cut to a bound, by the same rule everywhere.

/** The first `max` characters (UTF-16 units), and … when there were more. Never half a surrogate pair. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text
  const end = /[\uD800-\uDBFF]/.test(text.charAt(max - 1)) ? max - 1 : max
  return `${text.slice(0, end)}…`
}

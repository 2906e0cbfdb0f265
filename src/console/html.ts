// Room console: HTML as values. Every text that is put in is escaped.

import { html } from 'hono/html'

export { html }
export type Html = ReturnType<typeof html>

/** Nothing to show. */
export const nothing: Html = html``

/** Names as the parts of a path, each escaped. */
export function pathOf(base: string, ...parts: readonly string[]): string {
  return [base, ...parts.map(encodeURIComponent)].join('/')
}

/** The path with a query; what is undefined or empty is left out. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') params.set(name, String(value))
  }
  const text = params.toString()
  return text === '' ? path : `${path}?${text}`
}

// Room platforms: lists that an API has as one text in which semicolons separate the values.

import { tryParseJson } from './json.ts'

/** The items of a text[], as JSON; undefined when they are not texts, or one is empty or holds a semicolon. */
export function listItems(text: string): readonly string[] | undefined {
  const list = tryParseJson(text)
  if (!Array.isArray(list)) return undefined
  const items: unknown[] = list
  const good = items.filter((item) =>
    typeof item === 'string' && item !== '' && !item.includes(';')
  )
  return good.length === items.length ? good as string[] : undefined
}

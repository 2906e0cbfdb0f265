// Room platforms: where a walk over the repositories of a GitHub account has got to, as a text that a store can keep.

import { fault } from '../../mutation/fault.ts'
import { isRepository } from './settings.ts'

/** `repositories`: those left of a part of the list, the present one first; `query`: the page of its records. */
export interface Cursor {
  readonly repositories: readonly string[]
  /** The query of the next page of the first repository, as GitHub's Link header gave it; null: its first page. */
  readonly query: string | null
  /** The part of the list of repositories that comes next, from 1; null: none. */
  readonly part: number | null
}

/** Where a walk begins. */
export const start: Cursor = { repositories: [], query: null, part: 1 }

export function writeCursor({ repositories, query, part }: Cursor): string {
  return JSON.stringify([repositories, query, part])
}

/** @throws Fault bad_request for a text that is not a cursor: it comes from outside again */
export function readCursor(text: string): Cursor {
  const [repositories, query, part, ...more] = listIn(text)
  const names: readonly unknown[] = Array.isArray(repositories) ? repositories : ['']
  const valid = names.every((name) => typeof name === 'string' && isRepository(name)) &&
    (query === null || isQuery(query)) && (part === null || isPart(part)) && more.length === 0 &&
    (names.length > 0 || part !== null)
  if (!valid) throw fault('bad_request', { platform: 'github', detail: 'The cursor is not one.' })
  return {
    repositories: names as string[],
    query: query as string | null,
    part: part as number | null,
  }
}

function listIn(text: string): readonly unknown[] {
  try {
    const json: unknown = JSON.parse(text)
    return Array.isArray(json) ? json : []
  } catch {
    return []
  }
}

/** Characters of a query only: the path before it is ours. */
function isQuery(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 2000 && /^[\w.~%=&+:,-]+$/.test(value)
}

function isPart(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0
}

/** The query of the page that a Link header calls next; null when there is none (RFC 8288). */
export function nextQuery(link: string | undefined): string | null {
  const address = /<([^<>]*)>\s*;[^<]*\brel="?next"?/.exec(link ?? '')?.[1]
  if (address === undefined) return null
  const query = /\?([^#]*)/.exec(address)?.[1] ?? ''
  if (isQuery(query)) return query
  throw fault('platform_failed', {
    platform: 'github',
    message: 'github gave no answer that can be read',
    detail: 'The address of the next page is not one.',
  })
}

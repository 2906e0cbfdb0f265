// Room platforms: following a list of GitHub that says nothing about time: labels, milestones, releases, repositories. All
// of it is asked for, on the condition that it changed, and compared with what it was. Sources: GitHub REST API, "List
// labels for a repository", "List milestones", "List releases", "List repositories for the authenticated user".

import { isJsonObject, type Json } from '../json.ts'
import type { Page, Ref } from '../platform.ts'
import { readUnlessKnown } from './conditional.ts'
import {
  type Feeding,
  listIn,
  type Missing,
  missingOf,
  perPage,
  printOf,
  rowOf,
  type Step,
} from './feed.ts'
import { unanswered } from './read.ts'
import { readSettings } from './settings.ts'

/** A record as it was told. `key`: what addresses it besides its id and repository. */
export type Known = readonly [id: string, print: string, key: string]

export interface KnownPage {
  readonly etag: string | null
  /** The query of the page after it; null: it was the last. */
  readonly next: string | null
  readonly records: readonly Known[]
}

/** A list as it was, and how far the reading of it as it is has got. */
export interface ListState {
  readonly kind: 'list'
  readonly pages: readonly KnownPage[]
  /** The page to read, from 0, and its query; null: that of the first. */
  readonly at: number
  readonly query: string | null
  /** Records that are no longer where they were: on a page to come, deleted, or gone to a page that was read before. */
  readonly lost: readonly Lost[]
  /** Is everything as it was, so far in this reading? */
  readonly same: boolean
}

/** `readings`: how many readings to the end did not have it. */
export type Lost = readonly [id: string, print: string, key: string, readings: number]

/** Nothing is known. */
export const unknownList: ListState = {
  kind: 'list',
  pages: [],
  at: 0,
  query: null,
  lost: [],
  same: true,
}

/** Records that are remembered of one list. Of more, pages that changed are told whole, and deletions are not seen. */
export const knownMax = 20_000

/** One request. @throws Fault as `readUnlessKnown` */
export async function stepList(
  state: ListState,
  feeding: Feeding,
): Promise<Step<ListState> | Missing> {
  const before = state.pages[state.at]
  const { path, query } = placeOf(feeding)
  const asked = [path, state.query ?? query].filter((part) => part !== '').join('?')
  const found = await readUnlessKnown(asked, { ...feeding, etag: before?.etag ?? null })
  if (found.kind === 'absent') return missingOf(found)
  if (found.kind === 'same' && before !== undefined) {
    return { ...after(state, before, feeding), rows: [] }
  }
  if (found.kind === 'same') throw unanswered('it answered 304 unasked', feeding.place)
  const rows = listIn(recordsOf(found.json, feeding), feeding).map((one) => rowOf(one, feeding))
  const others = state.pages.flatMap(({ records }, i) => i === state.at ? [] : records)
  const all = [...others, ...state.lost, ...before?.records ?? []]
  const prints = new Map(all.map(([id, print]) => [id, print]))
  const listed = rows.map((row): Known => [row.id, printOf(row.values), keyOf(row, feeding)])
  const told = rows.filter(({ id }, i) => prints.get(id) !== listed[i]?.[1])
  const further = rows.length >= perPage && query !== '' ? pageAfter(state.at, query) : null
  const next = found.next ?? further
  const records = others.length + listed.length > knownMax ? [] : listed
  const page = { etag: found.etag, next, records }
  return { ...after(state, page, feeding), rows: told }
}

/** A list that is full to the last place can go on though the answer, and so its ETag, is the same as before. */
function pageAfter(at: number, query: string): string {
  return `${query}&page=${at + 2}`
}

function after(
  { pages, at, lost, same }: ListState,
  page: KnownPage,
  feeding: Feeding,
): Omit<Step<ListState>, 'rows'> {
  const last = page.next === null
  const left = last ? pages.slice(at + 1) : []
  const now = [...pages.slice(0, at), page, ...last ? [] : pages.slice(at + 1)]
  const here = new Set(now.flatMap(({ records }) => records.map(([id]) => id)))
  const dropped = [pages[at], ...left].flatMap((one) => one?.records ?? [])
  const missing: readonly Lost[] = [...lost, ...dropped.map((one) => [...one, 0] as const)]
    .filter(([id]) => !here.has(id))
  const stays = same && left.length === 0 && isSame(pages[at], page)
  if (!last) {
    const next = { pages: now, at: at + 1, query: page.next, lost: missing, same: stays }
    return { state: { kind: 'list', ...next }, touched: [], done: false }
  }
  return {
    state: { ...unknownList, pages: now, lost: stays ? [] : stillSought(missing) },
    touched: missing.map((known) => refOf(known, feeding)),
    done: true,
  }
}

const readingsMax = 3

/**
 * A record that is missing can have slipped to a page that was read already, when one before it was deleted meanwhile: it
 * is there, and must not be forgotten. The next reading finds it, or is as the one before: then the list surely lacks it.
 */
function stillSought(missing: readonly Lost[]): readonly Lost[] {
  return missing.map(([id, print, key, readings]): Lost => [id, print, key, readings + 1])
    .filter(([, , , readings]) => readings < readingsMax)
}

function isSame(before: KnownPage | undefined, { records, next }: KnownPage): boolean {
  return before !== undefined && before.next === next && before.records.length === records.length &&
    records.every(([id, print], i) => {
      const known = before.records[i]
      return known?.[0] === id && known[1] === print
    })
}

/** The address of the list, from the settings where it is the account's own. */
function placeOf({ shape, repository, caller }: Feeding): { path: string; query: string } {
  if (shape.name === 'repositories' && repository !== '') {
    return { path: `/repos/${repository}`, query: '' }
  }
  if (shape.name === 'repositories') {
    const { installation } = readSettings(caller.settings)
    return installation
      ? { path: '/installation/repositories', query: `per_page=${perPage}` }
      : { path: '/user/repos', query: `sort=full_name&direction=asc&per_page=${perPage}` }
  }
  const [path = '', query = ''] = (shape.list ?? '').split('?')
  const parts = [query, `per_page=${perPage}`].filter((part) => part !== '')
  return { path: `/repos/${repository}/${path}`, query: parts.join('&') }
}

/** One repository that was asked for by its name is a list of one. */
function recordsOf(json: Json, { shape, repository }: Feeding): Json {
  if (shape.name !== 'repositories' || !isJsonObject(json)) return json
  return repository === '' ? json['repositories'] ?? null : [json]
}

const keys: Readonly<Record<string, string>> = {
  labels: 'node_id',
  milestones: 'number',
  repositories: 'full_name',
}

function keyOf({ values }: Page['rows'][number], { shape }: Feeding): string {
  return values[keys[shape.name] ?? ''] ?? ''
}

/** All that is known of a list. */
export function refsIn({ pages, lost }: ListState, feeding: Feeding): readonly Ref[] {
  const known = [...pages.flatMap(({ records }) => records), ...lost]
  return known.map((one) => refOf(one, feeding))
}

function refOf([id, , key]: Known | Lost, { shape, repository }: Feeding): Ref {
  const name = keys[shape.name]
  const place = shape.name === 'repositories' ? {} : { repository }
  return { id, keys: { ...place, ...(name === undefined ? {} : { [name]: key }) } }
}

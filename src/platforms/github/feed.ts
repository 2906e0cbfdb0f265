// Room platforms: what the ways of following a list of GitHub have in common: what a step of them is, which records have
// been told, and how a list is read.

import { createHash } from 'node:crypto'
import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Page, Ref } from '../platform.ts'
import type { GithubTable } from './columns.ts'
import { secondsOf } from './conditional.ts'
import { type ReadOptions, unanswered } from './read.ts'
import { idOf, valuesOf } from './record.ts'

/** Records a page: the most that GitHub gives. */
export const perPage = 100

/**
 * So far back a list by time is read again, in seconds: a record carries the time of its change and can be seen only when that
 * is committed, and copied to where lists are read from. GitHub ends a request after ten seconds (Docs, Troubleshooting the
 * REST API, Timeouts); the rest is for its copies and for servers whose clocks differ.
 */
export const lagSeconds = 60

export interface Feeding extends ReadOptions {
  readonly shape: GithubTable
  /** `owner/name`; empty: a list of the account's own. */
  readonly repository: string
  /** Statuses that say: no such list here now. */
  readonly absent: readonly number[]
}

/** What one request brought. `state`: where to go on; `done`: the list has been read to its end. */
export interface Step<State> {
  readonly state: State
  readonly rows: Page['rows']
  readonly touched: readonly Ref[]
  readonly done: boolean
}

/** There is no such list now: for the time being, or because it has been switched off. */
export type Missing = 'absent' | 'off'

/** What it means that a list is not there: of one that is switched off GitHub says that it is gone (410). */
export function missingOf({ status }: { readonly status: number }): Missing {
  return status === 410 ? 'off' : 'absent'
}

/** A record of a list by time. */
export interface Stamped {
  readonly id: string
  /** When it was changed, by GitHub's clock, in seconds since 1970. */
  readonly stamp: number
  /** What stands for its contents. */
  readonly print: string
  /** None for a record of another table. */
  readonly row: Page['rows'][number] | null
}

/** A record that was told: id, stamp, print. Stamps say the second, and a second sees several changes. */
export type Seen = readonly [id: string, stamp: number, print: string]

/** Records that are remembered for one list; of more, the oldest are told again. */
const seenMax = 500

/** @throws Fault platform_failed for what is not a list of records with times */
export function stampedIn(json: Json, feeding: Feeding): readonly Stamped[] {
  return listIn(json, feeding).map((record) => {
    const stamp = secondsOf(record['updated_at'])
    if (stamp === null) throw unanswered('a record has no time of its change', feeding.place)
    const { id, values } = rowOf(record, feeding)
    const foreign = isForeign(record, feeding.shape)
    return { id, stamp, print: printOf(values), row: foreign ? null : { id, values } }
  })
}

/** @throws Fault platform_failed for what is not a list of objects */
export function listIn(json: Json, { place }: Feeding): readonly JsonObject[] {
  const items: readonly unknown[] = Array.isArray(json) ? json : [null]
  const records = items.filter(isJsonObject)
  if (records.length === items.length) return records
  throw unanswered('this is not a list of records', place)
}

/** @throws Fault platform_failed for a record without an id */
export function rowOf(
  record: JsonObject,
  { shape, caller, place, repository }: Feeding,
): Page['rows'][number] {
  const id = idOf(record)
  if (id === undefined) throw unanswered('a record has no id', place)
  const values = valuesOf(record, shape, caller.log)
  const lacks = shape.name !== 'repositories' && (values['repository'] ?? null) === null
  return { id, values: lacks ? { ...values, repository } : values }
}

/** GitHub's list of issues holds the pull requests too, with this mark. */
export function isForeign(record: JsonObject, { name }: GithubTable): boolean {
  return name === 'issues' && isJsonObject(record['pull_request'])
}

/** What stands for a record's contents; other contents have another, but for one chance in 2^72. */
export function printOf(values: Page['rows'][number]['values']): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('base64url').slice(0, 12)
}

/** Those that were not told as they are now. */
export function unseen(records: readonly Stamped[], seen: readonly Seen[]): readonly Stamped[] {
  const prints = new Map(seen.map(([id, , print]) => [id, print]))
  return records.filter(({ id, print }) => prints.get(id) !== print)
}

export function rowsOf(records: readonly Stamped[]): Page['rows'] {
  return records.flatMap(({ row }) => row === null ? [] : [row])
}

/** What is remembered of records stamped from `since` on, the newest. */
export function remembered(
  seen: readonly Seen[],
  records: readonly Stamped[],
  since: number,
): readonly Seen[] {
  const all = new Map(seen.map((one) => [one[0], one]))
  for (const { id, stamp, print } of records) all.set(id, [id, stamp, print])
  return [...all.values()].filter(([, stamp]) => stamp >= since)
    .toSorted((a, b) => b[1] - a[1]).slice(0, seenMax)
}

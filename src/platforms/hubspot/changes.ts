// Room platforms: what changed in a HubSpot table. There is no feed: the search is asked for what changed since, twice over
// since it lags behind, and the list of archived records is walked through beside it.

import { Fault, type FaultCode } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { Caller, Changes, Ref } from '../platform.ts'
import {
  type Archive,
  type Cursor,
  forget,
  type Look,
  readCursor,
  remember,
  type Seen,
  writeCursor,
} from './cursor.ts'
import { findChanged, type FoundPage, type Hit, isId, mergedIn, mergedName } from './found.ts'
import { hearClock, type Heard } from './heard.ts'
import { list } from './page.ts'
import { unanswered } from './read.ts'

/**
 * The search is behind by "a few moments" (CRM search guide, Limitations), which people measure in seconds. What changed
 * longer ago than `usualLagMs` counts as told; every look goes back `overlapMs` before the last one.
 */
const usualLagMs = 30_000
const overlapMs = 60_000

/**
 * Now and then it is behind by far more. What changed longer ago than this is looked at once more: others who follow
 * HubSpot found an hour to be enough (Estuary's connector: "far back enough that the HubSpot APIs return consistent data").
 */
const lagMaxMs = 60 * 60_000

/** Between two such looks. */
const settledEveryMs = 10 * 60_000

/** A write that was under way at the start can have been stamped before, and be seen after, it. */
const startMs = 30_000

/** What was archived while the list was read may be missing from it, and is stamped by another of HubSpot's clocks. */
const archiveLagMs = 5 * 60_000

/** A record can be changed twice in one millisecond, and read between the two: what is as fresh as this is told once more. */
const freshMs = 1_000

/** Results at the end of a page of which some may show a change that the search does not know of yet. */
const unsureMax = 10

const always = Number.MAX_SAFE_INTEGER

/** This service's clock, milliseconds since 1970. */
export type Now = () => number

/**
 * A cursor from this moment on: one request, for HubSpot's clock. Not a search, of which there are five a second for all
 * tables that begin at the same time. @throws Fault as `read`
 */
export async function start(table: SyncedTable, caller: Caller, now: Now): Promise<string> {
  const asked = now()
  const heard = hearClock(caller, now)
  await list(table, { cursor: null, caller: heard.caller, properties: ['hs_object_id'] })
  const clock = heard.clock()
  const from = clock - startMs
  return writeCursor({
    floor: from,
    recent: from,
    settled: from,
    clock,
    until: asked,
    look: null,
    seen: [],
    archive: { after: null, begun: from, since: from, seen: [] },
  })
}

/**
 * One page of a search and, where a look begins, one of archived records. Everything is `touched`: what a search shows is
 * not surely what is.
 * @throws Fault bad_request for a cursor that is none; else as `read`
 */
export async function changes(
  table: SyncedTable,
  text: string,
  { caller, now }: { readonly caller: Caller; readonly now: Now },
): Promise<Changes> {
  const before = readCursor(text)
  const heard = hearClock(caller, now)
  const asked = now()
  const look = before.look ?? recentLook(before, asked)
  const page = await findChanged(table, look, heard.caller)
  const found = follow({ ...before, clock: heard.clock(), look }, page, table)
  const archived = before.look === null
    ? await walkArchive(before.archive, { table, heard })
    : { archive: before.archive, news: [] }
  const cursor = { ...found.cursor, archive: archived.archive }
  return {
    rows: [],
    gone: [],
    touched: refsOf([...found.news, ...archived.news]),
    next: writeCursor(cursor),
    more: cursor.look !== null,
    until: cursor.until,
  }
}

function recentLook(cursor: Cursor, asked: number): Look {
  const { floor, recent, settled, until } = cursor
  const isLate = asked - until > lagMaxMs
  const since = Math.max(floor, isLate ? settled : recent - overlapMs)
  return { kind: 'recent', since, from: since, tie: null, to: null, begun: 0, asked, ...sure }
}

/** How a look begins. */
const sure = { unsure: null, unsettled: null }

type Looking = Cursor & { readonly look: Look }

/** The cursor after a page, and the ids that it brought. */
function follow(
  cursor: Looking,
  page: FoundPage,
  table: SyncedTable,
): { readonly cursor: Cursor; readonly news: readonly string[] } {
  const look = { ...cursor.look, begun: cursor.look.begun || cursor.clock }
  const { hits, seen } = newsOf(cursor.seen, page.hits, cursor.clock)
  const next = nextOf(look, page, { table, clock: cursor.clock })
  const after = next === 'end'
    ? ended({ ...cursor, seen, look })
    : next === 'stuck'
    ? { ...cursor, seen, look: null }
    : { ...cursor, seen, look: next, until: toldUntil(cursor, next) }
  return { cursor: after, news: idsOf(hits) }
}

/** Those that are news, and what is remembered with them. */
function newsOf(
  before: readonly Seen[],
  hits: readonly Hit[],
  clock: number,
): { readonly hits: readonly Hit[]; readonly seen: readonly Seen[] } {
  const changed = hits.map(({ id, at }): Seen => [id, at])
  const { news, seen } = remember(before, changed, clock - freshMs)
  const told = new Set(news.map(([id]) => id))
  return { hits: hits.filter(({ id }) => told.has(id)), seen }
}

/** Of the records, and of those that were merged into them. */
function idsOf(hits: readonly Hit[]): readonly string[] {
  return hits.flatMap(({ id, merged }) => [id, ...merged])
}

/** How far a recent look has come. */
function toldUntil({ until }: Cursor, { kind, from, asked, unsure }: Look): number {
  const reached = Math.min(unsure ?? from, asked)
  return kind === 'settled' ? until : Math.max(until, reached - usualLagMs)
}

function ended(cursor: Looking): Cursor {
  const { look, recent, settled, floor } = cursor
  if (look.kind === 'settled') {
    return tidied({ ...cursor, look: null, settled: look.to ?? settled })
  }
  // one that began where all is settled has settled what was old enough when it began
  const old = Math.min(look.begun - lagMaxMs, look.unsettled ?? always)
  const told = look.unsure ?? always
  const done = tidied({
    ...cursor,
    recent: Math.max(recent, Math.min(look.begun, told)),
    settled: look.since <= settled ? Math.max(settled, old, floor) : settled,
    until: Math.max(cursor.until, Math.min(look.asked, told) - usualLagMs),
    look: null,
  })
  return { ...done, look: settledLook(done, look.asked) }
}

/** The second look, when it is due. */
function settledLook({ settled, clock }: Cursor, asked: number): Look | null {
  const to = clock - lagMaxMs
  if (to - settled < settledEveryMs) return null
  const from = settled
  return { kind: 'settled', since: from, from, tie: null, to, begun: clock, asked, ...sure }
}

function tidied(cursor: Cursor): Cursor {
  return {
    ...cursor,
    seen: forget(cursor.seen, Math.min(cursor.settled, cursor.recent - overlapMs)),
  }
}

/**
 * Where to go on. Not by HubSpot's `after`, which counts results: a record that changes meanwhile leaves its place, and the
 * one after it would be skipped.
 */
function nextOf(
  look: Look,
  { hits, more }: FoundPage,
  { table, clock }: { readonly table: SyncedTable; readonly clock: number },
): Look | 'end' | 'stuck' {
  const { from, tie, to } = look
  if (!more) {
    if (tie === null || from === to) return 'end'
    return { ...look, from: from + 1, tie: null }
  }
  if (hits.length === 0) throw unanswered('a page of a search is empty but not the last', table)
  if (tie !== null) return { ...look, tie: lastId(hits, tie, table) }
  const reached = reachedBy(hits, look, clock)
  if (reached === null) return 'stuck'
  // a whole page of one moment: through these by their ids
  if (reached.at <= from) return { ...look, tie: '0' }
  return {
    ...look,
    from: reached.at,
    unsure: look.unsure ?? (reached.by === 'guess' ? from : null),
    unsettled: look.unsettled ?? (reached.by === 'settled' ? null : from),
  }
}

/** By results of which it is sure, or as good as sure, where they stand, or by none such. */
interface Reached {
  readonly at: number
  readonly by: 'settled' | 'usual' | 'guess'
}

/**
 * The moment that the page reached. Results are in the order of what the search knows; one that shows a later moment has
 * changed again since. That can only be one of the last hour, and is hardly ever one that did not change lately.
 */
function reachedBy(hits: readonly Hit[], { to, begun }: Look, clock: number): Reached | null {
  const known = momentsTo(to ?? begun - lagMaxMs, hits)
  if (known.length > 0) return { at: Math.max(...known), by: 'settled' }
  if (to !== null) return null
  const usual = momentsTo(clock - usualLagMs, hits)
  if (usual.length > 0) return { at: Math.min(...usual.slice(-unsureMax)), by: 'usual' }
  // all of them changed just now: the page may have stood far before that, and others between
  return { at: Math.min(...hits.slice(-unsureMax).map(({ at }) => at)), by: 'guess' }
}

function momentsTo(last: number, hits: readonly Hit[]): readonly number[] {
  return hits.map(({ at }) => at).filter((at) => at <= last)
}

function lastId(hits: readonly Hit[], tie: string, table: SyncedTable): string {
  let last = BigInt(tie)
  for (const { id } of hits) {
    if (BigInt(id) <= last) throw unanswered('a search by ids is not in their order', table)
    last = BigInt(id)
  }
  return String(last)
}

interface Walking {
  readonly table: SyncedTable
  readonly heard: Heard
}

/** The next page of the archived records, and those of them that were archived lately. */
async function walkArchive(
  archive: Archive,
  { table, heard }: Walking,
): Promise<{ readonly archive: Archive; readonly news: readonly string[] }> {
  const { after, since } = archive
  const listed = await listArchived(after, { table, heard })
  if (listed === null) return { archive: { ...archive, after: null }, news: [] }
  const begun = after === null ? heard.clock() : archive.begun
  const late = listed.hits.filter(({ at }) => at >= since - archiveLagMs)
  const { hits, seen } = newsOf(archive.seen, late, heard.clock())
  const next = listed.next === null
    ? { after: null, begun, since: begun, seen: forget(seen, begun - archiveLagMs) }
    : { after: listed.next, begun, since, seen }
  return { archive: next, news: idsOf(hits) }
}

/** What says that HubSpot, the credential or the time fails now, and not this one request. */
const passing: readonly FaultCode[] = [
  'credential_refused',
  'internal_error',
  'platform_failed',
  'rate_limited',
  'row_locked',
  'service_unreachable',
  'statement_cancelled',
  'statement_timed_out',
  'unreachable',
]

/** null: HubSpot does not give it; deletions are found by comparing ids then. */
async function listArchived(
  cursor: string | null,
  { table, heard: { caller } }: Walking,
): Promise<{ readonly hits: readonly Hit[]; readonly next: string | null } | null> {
  try {
    const properties = ['hs_object_id', mergedName]
    const { records, next } = await list(table, { cursor, caller, properties, archived: true })
    const hits = records.map((record): Hit => {
      const { id, json } = record
      const told = json['archivedAt'] ?? json['updatedAt']
      const at = typeof told === 'string' ? Date.parse(told) : Number.NaN
      if (!isId(id) || Number.isNaN(at)) throw unanswered('an archived record has no moment', table)
      return { id, at, merged: mergedIn(record) }
    })
    return { hits, next }
  } catch (error) {
    if (!(error instanceof Fault) || passing.includes(error.code)) throw error
    caller.log.warn('hubspot.archive_refused', { table: table.name, error })
    return null
  }
}

function refsOf(ids: readonly string[]): Ref[] {
  return [...new Set(ids)].map((id) => ({ id, keys: {} }))
}

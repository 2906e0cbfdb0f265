// Room platforms: what changed at Stripe, by its events: which records, never what they are now. Sources: Stripe API
// reference, "List all events" (30 days, newest first, at most 20 types), "Pagination".

import { Fault, fault, type FaultCode } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { recoded } from '../faults.ts'
import type { Caller, Changes } from '../platform.ts'
import { type Cursor, markOf, marksMax, readCursor, type Walk, writeCursor } from './cursor.ts'
import { readEvent, type StripeEvent, toldBy } from './event.ts'
import { placeOf } from './faults.ts'
import { followingOf, partsPageSize, readParts } from './parts.ts'
import { type DatedList, readDatedList, type Reading, unanswered } from './read.ts'
import { changedIn, readRecent } from './recent.ts'
import { typesOf } from './tellings.ts'

const pageSize = 100

/**
 * How far each window reaches back behind the last one, since an event can be listed later than the second that it bears:
 * within seconds, as Sequin found ("Finding and fixing eventual consistency with Stripe events"); Estuary's connector
 * allows for a minute.
 */
const overlapS = 60

/** At times one reaches back so far: Singer's tap reads ten minutes again, for when Stripe is under load. */
const farOverlapS = 600

const farEveryMs = 300_000

/** How late an event is listed as a rule, in milliseconds. */
const lagMs = 5_000

const dayS = 24 * 3600

/** Stripe lists 30 days; a day is left to walk through what is there. */
const reachS = 29 * dayS
const keptS = 30 * dayS - 3600

/** Without a clock of Stripe's that can be believed: clocks are not as wrong as this. */
const clockMarginS = dayS

/** How far ahead of ours Stripe's clock is believed, in milliseconds: what follows from one that is wrong is missed events. */
const aheadMaxMs = 300_000

/**
 * A cursor from now on. What happened within the overlap before is told too: its record may be missing in lists that are
 * read at the same time. @throws Fault as `readList`
 */
export async function start(
  table: SyncedTable,
  caller: Caller,
  now: () => number,
): Promise<string> {
  const askedMs = Math.floor(now())
  const answer = await readDatedList(eventsPath(table, { limit: 1 }), { table, caller })
  const atS = momentOf(answer, askedMs) ?? Math.floor(askedMs / 1000) - clockMarginS
  const fromS = atS - overlapS
  return writeCursor({
    fromS,
    farFromS: fromS,
    farAtMs: askedMs,
    untilMs: askedMs - lagMs,
    marks: [],
    recent: [...(await readRecent(table, caller)).values()],
    walk: null,
  })
}

/** When it was answered, by Stripe's clock, in seconds; null: that is not said, or cannot be. */
function momentOf({ atS }: DatedList, askedMs: number): number | null {
  return atS === null || atS * 1000 > askedMs + aheadMaxMs ? null : atS
}

/**
 * One page of a window of events, newest first. While there is more, the window is walked through; then the next begins
 * somewhat before this one was asked for. What was told is not told again, as far as it is kept in mind.
 * @throws Fault bad_request: the cursor is none, or older than Stripe's events; else as `readList`
 */
export async function changes(
  table: SyncedTable,
  cursorText: string,
  { caller, now }: { caller: Caller; now: () => number },
): Promise<Changes> {
  const cursor = readCursor(cursorText)
  const askedMs = Math.floor(now())
  const reading = { table, caller }
  const isFar = askedMs - cursor.farAtMs >= farEveryMs
  const sinceS = cursor.walk?.sinceS ?? (isFar ? cursor.farFromS : cursor.fromS)
  const answer = await answerTo(cursor, { sinceS, reading })
  const events = eventsIn(answer, table)
  const page = { answer, events, askedMs, table }
  checkAge(cursor, sinceS, page)
  const walk = cursor.walk ?? begun(cursor, { ...page, isFar, sinceS })
  const known = new Set([...cursor.marks, ...walk.marks])
  const fresh = events.filter(({ id }) => !known.has(markOf(id)))
  const touched = await touchedBy(fresh, reading)
  const next = nextOf(cursor, walk, page)
  if (next.walk !== null) return told(touched, next)
  const recent = await readRecent(table, caller)
  const ids = new Set([...touched, ...changedIn(recent, cursor.recent)])
  return told([...ids], { ...next, recent: [...recent.values()] })
}

function told(ids: readonly string[], next: Cursor): Changes {
  return {
    rows: [],
    gone: [],
    touched: ids.map((id) => ({ id, keys: {} })),
    next: writeCursor(next),
    more: next.walk !== null,
    until: next.untilMs,
  }
}

interface Page {
  readonly answer: DatedList
  readonly events: readonly StripeEvent[]
  readonly askedMs: number
  readonly table: SyncedTable
}

/** Throws when events of the window may have gone before they were read. */
function checkAge(cursor: Cursor, sinceS: number, { answer, askedMs, table }: Page): void {
  const atS = momentOf(answer, askedMs)
  const ageS = atS === null ? (askedMs - cursor.untilMs) / 1000 : atS - sinceS
  if (ageS > (cursor.walk === null ? reachS : keptS)) throw tooOld(table)
}

async function answerTo(
  { walk }: Cursor,
  { sinceS, reading }: { sinceS: number; reading: Reading },
): Promise<DatedList> {
  const { table } = reading
  const shown = followingOf(table).tellings.some(({ parts }) => parts !== undefined)
  const limit = shown ? partsPageSize : pageSize
  const path = eventsPath(table, { limit, sinceS, after: walk?.after })
  try {
    return await readDatedList(path, reading)
  } catch (error) {
    const aged = walk !== null && error instanceof Fault && missing.has(error.code)
    throw aged ? tooOld(table, error) : error
  }
}

/** The event that a walk goes on after is not listed any more. */
const missing: ReadonlySet<FaultCode> = new Set(['reference_missing', 'record_gone'])

interface Asked {
  readonly limit: number
  readonly sinceS?: number
  readonly after?: string | undefined
}

function eventsPath(table: SyncedTable, { limit, sinceS, after }: Asked): string {
  const query = new URLSearchParams({ limit: String(limit) })
  typesOf(followingOf(table)).forEach((type, i) => query.set(`types[${i}]`, type))
  if (sinceS !== undefined) query.set('created[gte]', String(sinceS))
  if (after !== undefined) query.set('starting_after', after)
  return `/v1/events?${query}`
}

function eventsIn({ list }: DatedList, table: SyncedTable): StripeEvent[] {
  return list.data.map((item) => {
    const event = readEvent(item)
    if (event === undefined) throw unanswered('an entry is no event', table)
    return event
  })
}

/**
 * The next window is measured from when the first page of this one was answered: an event that was not listed then, or on
 * a page that was read later, is younger than the overlap.
 */
function begun(
  cursor: Cursor,
  { answer, events, askedMs, isFar, sinceS }: Page & { isFar: boolean; sinceS: number },
): Walk {
  const newestS = events.reduce((most, { createdS }) => Math.max(most, createdS), cursor.fromS)
  const atS = momentOf(answer, askedMs) ?? newestS
  return {
    after: '',
    sinceS,
    fromS: Math.max(cursor.fromS, atS - overlapS),
    farFromS: Math.max(cursor.farFromS, atS - farOverlapS),
    farAtMs: isFar ? askedMs : cursor.farAtMs,
    untilMs: Math.max(cursor.untilMs, askedMs - lagMs),
    marks: [],
  }
}

function tooOld(table: SyncedTable, cause?: Fault): Fault {
  const hint = 'Fill the table anew.'
  const detail = 'Stripe lists the events of 30 days, and the last look at them is longer ago.'
  if (cause === undefined) return fault('bad_request', { ...placeOf({ table }), detail, hint })
  return new Fault(recoded(cause.data, 'bad_request', { hint }), { cause })
}

function nextOf(cursor: Cursor, walk: Walk, { answer, events, table }: Page): Cursor {
  const again = events.filter(({ createdS }) => createdS >= walk.farFromS)
  const read = [...walk.marks, ...again.map(({ id }) => markOf(id))]
  if (answer.list.more) {
    const after = events.at(-1)?.id
    if (after === undefined) throw unanswered('a page is empty and yet not the last', table)
    return { ...cursor, walk: { ...walk, after, marks: read.slice(0, marksMax) } }
  }
  // a window that reached far back has shown all that can be listed again
  const older = walk.farAtMs === cursor.farAtMs ? cursor.marks : []
  const marks = [...new Set([...read, ...older])].slice(0, marksMax)
  const { after: _after, sinceS: _since, ...place } = walk
  return { ...place, marks, recent: cursor.recent, walk: null }
}

async function touchedBy(events: readonly StripeEvent[], reading: Reading): Promise<string[]> {
  const { tellings } = followingOf(reading.table)
  const found = events.map((event) => {
    const one = toldBy(event, tellings)
    if (one === undefined) throw unanswered(`event ${event.id} names nothing`, reading.table)
    return one
  })
  const parents = new Set(found.flatMap(({ partsOf }) => partsOf ?? []))
  const ids = new Set(found.flatMap((one) => one.ids))
  for (const parent of parents) {
    for (const id of await readParts(parent, reading)) ids.add(id)
  }
  return [...ids]
}

// Room platforms: what was created or modified in a table of Airtable since a moment. Airtable has no feed of changes but
// times of records: each look asks for the records touched after a moment, by Airtable's clock, and the next look begins
// where this one surely had seen everything. Sources: Airtable Web API reference, "List records" (filterByFormula);
// RFC 9110, 6.6.1 "Date".

import { Fault, fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json, toInteger, tryParseJson } from '../json.ts'
import type { Caller, Changes, Page } from '../platform.ts'
import { placeOf } from './faults.ts'
import { isRecordId, nothing, touchedAfter } from './formulas.ts'
import { listed, unanswered } from './read.ts'

/** Clocks of this service, in milliseconds: since 1970, and one that only goes forward. */
export interface Clocks {
  readonly now: () => number
  readonly monotonic: () => number
}

/**
 * By how much a look reaches back before the one before it. A record's times are of the server that keeps the base, perhaps
 * in whole seconds, and the answer's `Date` is of the one at the door, in whole seconds: nothing says how far apart those
 * are. A minute is what two clocks may differ by where something is wrong, but not much (`skewMs.possible`). A record is
 * told of again by the looks of that minute, and not afterwards.
 */
const overlapMs = 60_000

/** A place in the changes of a table. `since`: by Airtable's clock; `until`: by ours, all before it is told. */
interface Cursor {
  readonly since: number
  readonly until: number
  /** The pages of a look that has more of them; what its end makes of the cursor. */
  readonly walk: { readonly offset: string; readonly since: number; readonly until: number } | null
}

/** The cursor for `changes` from now on, by one request that gives no record. @throws Fault as `listed` */
export async function start(table: SyncedTable, caller: Caller, clocks: Clocks): Promise<string> {
  const { caller: dated, look } = watch(caller, clocks)
  await listed({ table, cursor: null, formula: nothing }, dated)
  const { sentAt, seenAt } = look()
  if (seenAt === null) throw unanswered('the answer does not say when it was given', table)
  return writeCursor({ since: seenAt - overlapMs, until: sentAt, walk: null })
}

/**
 * One page of a hundred records that were touched since the cursor's moment. An iterator that Airtable no longer has makes
 * the look begin again, so that nothing is left out.
 * @throws Fault bad_request for a cursor that is none; else as `listed`
 */
export async function changes(
  table: SyncedTable,
  cursor: string,
  { caller, clocks }: { caller: Caller; clocks: Clocks },
): Promise<Changes> {
  const from = readCursor(cursor, table)
  const looking: Looking = { table, from, ...watch(caller, clocks) }
  const page = await resumed(looking) ?? await begun(looking)
  return { gone: [], touched: [], ...page }
}

interface Looking extends Watched {
  readonly table: SyncedTable
  readonly from: Cursor
}

type Looked = Pick<Changes, 'rows' | 'next' | 'more' | 'until'>

async function begun({ table, from, caller, look }: Looking): Promise<Looked> {
  const page = await listed({ table, cursor: null, formula: touchedAfter(from.since) }, caller)
  const { sentAt, seenAt } = look()
  // without a time of the answer the next look begins where this one began
  const since = seenAt === null ? from.since : seenAt - overlapMs
  return concluded(page, { since, until: sentAt }, { table, from })
}

/** The next page of a look; null when there is none, or Airtable has forgotten it. */
async function resumed({ table, from, caller }: Looking): Promise<Looked | null> {
  if (from.walk === null) return null
  const { offset, ...end } = from.walk
  try {
    const formula = touchedAfter(from.since)
    return concluded(await listed({ table, cursor: offset, formula }, caller), end, { table, from })
  } catch (error) {
    if (error instanceof Fault && error.data.constraint === iteratorGone) return null
    throw error
  }
}

const iteratorGone = 'LIST_RECORDS_ITERATOR_NOT_AVAILABLE'

function concluded(
  { rows, next }: Page,
  end: Pick<Cursor, 'since' | 'until'>,
  { table, from }: Pick<Looking, 'table' | 'from'>,
): Looked {
  if (!rows.every(({ id }) => isRecordId(id))) throw unanswered('a record has no id', table)
  if (next === null) {
    return { rows, next: writeCursor({ ...end, walk: null }), more: false, until: end.until }
  }
  const walk = { ...end, offset: next }
  return { rows, next: writeCursor({ ...from, walk }), more: true, until: from.until }
}

interface Watched {
  /** The same caller; the times of its requests are noted. */
  readonly caller: Caller
  /**
   * The last request: when it was sent, by our clock, and the earliest moment, by Airtable's, at which Airtable can have
   * looked; null: the answer has no date.
   */
  readonly look: () => { readonly sentAt: number; readonly seenAt: number | null }
}

function watch(caller: Caller, { now, monotonic }: Clocks): Watched {
  let sentAt = now()
  let seenAt: number | null = null
  return {
    look: () => ({ sentAt, seenAt }),
    caller: {
      ...caller,
      http: {
        close: () => caller.http.close(),
        send: async (request) => {
          sentAt = now()
          const begun = monotonic()
          const response = await caller.http.send(request)
          const date = Date.parse(response.headers['date'] ?? '')
          // it is dated when it is given, which is after Airtable has looked, at most by all the time that it took
          seenAt = Number.isNaN(date) ? null : date - Math.ceil(monotonic() - begun)
          return response
        },
      },
    },
  }
}

function writeCursor(cursor: Cursor): string {
  return JSON.stringify(cursor)
}

function readCursor(text: string, table: SyncedTable): Cursor {
  const cursor = cursorOf(tryParseJson(text))
  if (cursor !== undefined) return cursor
  throw fault('bad_request', { ...placeOf(table), detail: 'The cursor is not one.' })
}

function cursorOf(json: Json | undefined): Cursor | undefined {
  const [end, walk] = [endOf(json), isJsonObject(json) ? json['walk'] : undefined]
  if (end === undefined || walk === undefined) return undefined
  if (walk === null) return { ...end, walk }
  const [walked, offset] = [endOf(walk), isJsonObject(walk) ? walk['offset'] : undefined]
  if (walked === undefined || typeof offset !== 'string') return undefined
  return { ...end, walk: { ...walked, offset } }
}

function endOf(json: Json | undefined): Pick<Cursor, 'since' | 'until'> | undefined {
  const { since, until } = isJsonObject(json) ? json : {}
  const [from, to] = [toInteger(since), toInteger(until)]
  // a moment that a Date cannot hold was never written
  if (from === undefined || to === undefined || Math.abs(from) > 8.64e15) return undefined
  return { since: from, until: to }
}

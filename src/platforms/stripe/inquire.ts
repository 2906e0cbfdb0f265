// Room platforms: what became of a mutation at Stripe whose reply was lost. While its sender waits, each row is sent again
// under its Idempotency-Key, which gives the answer that was lost; later it is read. Sources: Stripe API reference,
// "Idempotent requests", "Pagination", "List all …" of each object.

import { Fault } from '../../mutation/fault.ts'
import { requestWaitMs, statementWaitMaxMs } from '../../mutation/limits.ts'
import type { Mutation, PlannedRow } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { watchClock } from '../clock.ts'
import { type Json, toInteger, tryParseJson } from '../json.ts'
import type { Keeping } from '../likeness.ts'
import { knownOf, outcomeOf, type RowResult } from '../outcome.ts'
import { own } from '../own.ts'
import type { Caller, Doubt, Inquiry } from '../platform.ts'
import { answered } from '../reading.ts'
import { segmentOf } from '../segment.ts'
import type { Trace } from '../traces.ts'
import { type Made, type Span, testify, tracesMax, type Witness } from '../witness.ts'
import { type ApiRequest, call } from './client.ts'
import { readError } from './errors.ts'
import { faultOf, placeOf, unknownFault } from './faults.ts'
import { inLanes } from './lanes.ts'
import { type Names, type StripeObject, wordsOf } from './object.ts'
import { objectOf } from './objects.ts'
import { readList, unanswered } from './read.ts'
import { isGoneRecord, isRecord, type StripeRecord, valuesOf } from './record.ts'
import { readRequestOf, requestOf } from './request.ts'
import { writeRow } from './row.ts'
import { settingsOf } from './settings.ts'

/** The longest inquiry before an answer, in which a replay is sent. */
const replayingMaxMs = 15_000

/**
 * Stripe answers within 80 s, the time-out of its own libraries; and the last replay is sent so much later than the
 * statement could be.
 */
const requestMaxMs = 80_000 + replayingMaxMs + requestWaitMs

/**
 * Replays the rows in doubt while their sender waits and the statement's time is not over: a replay that is lost too is over
 * before absence proves anything. Then it reads: the records of an update or delete by their ids, a request
 * a row; those of an insert by the ids that it gives, else from the list of the records made at that time, at most 21 pages
 * of 100. Stripe does not say when a record was changed.
 * @throws Fault as `readList`
 */
export async function inquire(
  doubt: Doubt,
  table: SyncedTable,
  caller: Caller,
): Promise<Inquiry> {
  const object = objectOf(table.object)
  const clock = watchClock(caller, doubt.now)
  const asking = { table, caller: clock.caller, object }
  const replayed = await replayedOf(doubt, asking)
  const { outcome, seen } = replayed
  if (outcome.state === 'accepted' || outcome.state === 'refused') return replayed
  const witness: Witness = {
    place: placeOf({ table }),
    keeping: keepingOf(object),
    requestMaxMs,
    allOrNone: false,
    apartMs: clock.apartMs,
    doubtful: (reason) => unknownFault(reason, { table }),
    made: (rows, span) => madeAt(rows, span, asking),
    held: (rows) => heldOf(rows, asking),
  }
  const read = await testify(witness, { ...doubt, outcome }, table)
  return { ...read, seen: [...seen, ...read.seen] }
}

/** Stripe keeps whole seconds, and does not answer what are only parameters. */
function keepingOf({ parameters = {} }: StripeObject): Keeping {
  const lists = Object.values(parameters).flatMap((names: Names) => Object.values(names))
  const names = new Set(lists.flatMap((list) => wordsOf(list)))
  return {
    precisionMs: 1000,
    mute: ({ name }) => names.has(name),
    merged: ({ field }) => field === 'metadata',
  }
}

interface Asking {
  readonly table: SyncedTable
  readonly caller: Caller
  readonly object: StripeObject
}

/** What the answers under the rows' keys say; nothing is sent for a DELETE, which has no key. */
async function replayedOf(doubt: Doubt, asking: Asking): Promise<Inquiry> {
  const { mutation, outcome, sentAt, now } = doubt
  const { table, caller, object } = asking
  const { operation } = mutation
  const timely = doubt.unheard === true && now - sentAt < statementWaitMaxMs
  if (!timely || operation === 'delete') return { outcome, seen: [] }
  const place = placeOf({ table })
  const known = knownOf(mutation, outcome, place)
  const rows = mutation.rows.filter(({ ordinal }) => !known.has(ordinal))
  const act = async (row: PlannedRow): Promise<RowResult> => {
    const request = requestFor(row, mutation, table)
    const asked = { operation, row, table, object, doubt: 'The reply was lost' }
    if (request !== undefined) return await writeRow(request, asked, caller)
    return { state: 'unsent', ordinal: row.ordinal }
  }
  const results = await inLanes(rows, act, settingsOf(caller.settings).concurrency)
  const seen = results.flatMap((row) =>
    row.state === 'written' ? [{ id: row.id, values: row.values }] : []
  )
  return { outcome: outcomeOf(mutation, [...known.values(), ...results], place), seen }
}

/** undefined: the row cannot be put into words of the API, so it was never sent. */
function requestFor(
  row: PlannedRow,
  mutation: Mutation,
  table: SyncedTable,
): ApiRequest | undefined {
  try {
    return requestOf(row, { mutation, table })
  } catch (error) {
    if (error instanceof Fault) return undefined
    throw error
  }
}

async function heldOf(
  rows: readonly PlannedRow[],
  asking: Asking,
): Promise<ReadonlyMap<string, Trace | null>> {
  const valid = rows.filter(({ id }) => segmentOf(id ?? '') !== undefined)
  const read = async (row: PlannedRow) => [row.id ?? '', await traceAt(row, asking)] as const
  const found = await inLanes(valid, read, settingsOf(asking.caller.settings).concurrency)
  return new Map(found)
}

/** null: it is deleted, or canceled where DELETE cancels. */
async function traceAt(row: PlannedRow, asking: Asking): Promise<Trace | null> {
  const { table, caller, object } = asking
  const place = placeOf({ table })
  const response = answered(await call(readRequestOf(row, table), caller), place)
  const { status, body } = response
  if (status === 404 && readError(body)?.code === 'resource_missing') return null
  if (status !== 200) throw new Fault(faultOf(response, { table }))
  const record = tryParseJson(body)
  if (!isRecord(record, object) || record.id !== row.id) {
    throw unanswered(`this is no ${object.kind}`, table)
  }
  return isGoneRecord(record, object) ? null : traceOf(record, asking)
}

function traceOf(record: StripeRecord, { table, caller, object }: Asking): Trace {
  const seconds = toInteger(own<Json | undefined>(record, 'created')) ??
    toInteger(own<Json | undefined>(record, 'date'))
  return {
    id: record.id,
    values: valuesOf(record, { table, object }, caller.log),
    ...(seconds === undefined ? {} : { createdAt: seconds * 1000 }),
  }
}

/** The lists of these cannot be asked for a time, or not without more. */
const undated: ReadonlySet<string> = new Set(['subscription_items', 'payment_links'])

async function madeAt(rows: readonly PlannedRow[], span: Span, asking: Asking): Promise<Made> {
  const own = rows.filter(({ values }) => (values['id'] ?? '') !== '')
  const named = own.map((row) => ({ ...row, id: row.values['id'] ?? '' }))
  const held = await heldOf(named, asking)
  const traces = [...held.values()].filter((trace) => trace !== null)
  if (own.length === rows.length || undated.has(asking.object.name)) {
    return { traces, isWhole: ({ values }) => held.has(values['id'] ?? '') }
  }
  const listed = await listedAt(span, asking)
  const distinct = new Map([...traces, ...listed.traces].map((trace) => [trace.id, trace]))
  return { traces: [...distinct.values()], isWhole: () => listed.whole }
}

const pageSize = 100

async function listedAt(
  span: Span,
  asking: Asking,
): Promise<{ readonly traces: readonly Trace[]; readonly whole: boolean }> {
  const { table, object } = asking
  const traces: Trace[] = []
  let after: string | null = null
  do {
    const list = await readList(listPath(span, after, object), asking)
    const records = list.data.map((item) => {
      if (!isRecord(item, object)) throw unanswered(`an entry is no ${object.kind}`, table)
      return item
    })
    traces.push(...records.map((record) => traceOf(record, asking)))
    after = list.more ? records.at(-1)?.id ?? null : null
    if (list.more && after === null) throw unanswered('a page is empty and yet not the last', table)
  } while (after !== null && traces.length <= tracesMax)
  return { traces, whole: after === null }
}

function listPath(
  { from, until }: Span,
  after: string | null,
  { path, expand }: StripeObject,
): string {
  const query = new URLSearchParams({ limit: String(pageSize) })
  query.set('created[gte]', String(Math.floor(from / 1000)))
  query.set('created[lte]', String(Math.ceil(until / 1000)))
  // canceled subscriptions are not listed without
  if (path === 'subscriptions') query.set('status', 'all')
  if (after !== null) query.set('starting_after', after)
  wordsOf(expand).forEach((field, i) => query.set(`expand[${i}]`, `data.${field}`))
  return `/v1/${path}?${query}`
}

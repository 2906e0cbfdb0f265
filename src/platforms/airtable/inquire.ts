// Room platforms: what became of a mutation at Airtable whose reply was lost, by reading. Sources: Airtable Web API
// reference, "List records" (filterByFormula); Formula field reference, RECORD_ID, CREATED_TIME, LAST_MODIFIED_TIME.

import type { PlannedRow } from '../../mutation/mutation.ts'
import { findColumn, type SyncedTable } from '../../mutation/table.ts'
import { watchClock } from '../clock.ts'
import { isJsonNumber, type Json } from '../json.ts'
import type { Keeping } from '../likeness.ts'
import type { Caller, Doubt, Inquiry } from '../platform.ts'
import type { Trace } from '../traces.ts'
import { type Made, skewMs, type Span, testify, tracesMax, type Witness } from '../witness.ts'
import { createdTime } from './columns.ts'
import { placeOf, unknownFault } from './faults.ts'
import { anyOf, isOneOf, isRecordId, moment } from './formulas.ts'
import { listed, unanswered } from './read.ts'
import { toPlatform } from './values.ts'

/** Airtable does not say how long it works on a request. */
const requestMaxMs = 120_000

/** What is written as JSON comes back as Airtable made it: files with ids and addresses of its own, people with names. */
const keeping: Keeping = { precisionMs: 1, mute: ({ type }) => type === 'jsonb' }

/**
 * An insert: the records made at that time, at most 21 pages of 100. An update, upsert or delete: the records by their ids
 * or keys; then, by a second request or a third, which of them were changed since.
 * @throws Fault as `page`
 */
export async function inquire(
  doubt: Doubt,
  table: SyncedTable,
  caller: Caller,
): Promise<Inquiry> {
  const clock = watchClock(caller, doubt.now)
  const asking = { table, caller: clock.caller }
  const witness: Witness = {
    place: placeOf(table),
    keeping,
    requestMaxMs,
    allOrNone: true,
    apartMs: clock.apartMs,
    doubtful: (reason) => unknownFault(reason, table),
    made: (_rows, span) => madeAt(span, asking),
    held: (rows) => heldOf(rows, { ...asking, doubt }),
    keyed: (rows, name) => keyedBy(rows, name, { ...asking, doubt }),
  }
  return await testify(witness, doubt, table)
}

interface Asking {
  readonly table: SyncedTable
  readonly caller: Caller
}

async function madeAt({ from, until }: Span, asking: Asking): Promise<Made> {
  const formula = `AND(IS_AFTER(CREATED_TIME(), ${moment(from - 1)}), ` +
    `IS_BEFORE(CREATED_TIME(), ${moment(until + 1)}))`
  return await matching(formula, asking)
}

async function matching(formula: string, { table, caller }: Asking): Promise<Made> {
  const created = table.columns.find(({ field }) => field === createdTime)?.name ?? ''
  const traces: Trace[] = []
  let cursor: string | null = null
  do {
    const page = await listed({ table, cursor, formula }, caller)
    traces.push(...page.rows.map(({ id, values }): Trace => {
      const timeMs = Date.parse(values[created] ?? '')
      return { id, values, ...(Number.isNaN(timeMs) ? {} : { createdAt: timeMs }) }
    }))
    cursor = page.next
  } while (cursor !== null && traces.length <= tracesMax)
  const whole = cursor === null
  return { traces, isWhole: () => whole }
}

interface Dated extends Asking {
  readonly doubt: Doubt
}

async function heldOf(
  rows: readonly PlannedRow[],
  asking: Dated,
): Promise<ReadonlyMap<string, Trace | null>> {
  // another id was never sent
  const ids = rows.flatMap(({ id }) => id !== null && isRecordId(id) ? [id] : [])
  if (ids.length === 0) return new Map()
  const { traces } = await dated(isOneOf(ids), asking)
  const found = new Map(traces.map((trace) => [trace.id, trace]))
  return new Map(ids.map((id) => [id, found.get(id) ?? null]))
}

async function keyedBy(
  rows: readonly PlannedRow[],
  name: string,
  asking: Dated,
): Promise<Made> {
  const { table } = asking
  const column = findColumn(table, name)
  if (column === undefined) throw unanswered(`there is no column "${name}"`, table)
  const conditions = rows.map(({ values }) =>
    `{${column.field}}=${literalOf(toPlatform(values[name] ?? null, column))}`
  )
  return await dated(anyOf(conditions), asking)
}

/** Numbers as they are; everything else in quotes. */
function literalOf(json: Json): string {
  if (isJsonNumber(json)) return json.rawJSON
  if (typeof json === 'boolean') return json ? 'TRUE()' : 'FALSE()'
  const text = typeof json === 'string' ? json : ''
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/**
 * The records, as they were when they were surely not changed since the mutation was sent (changed long before it), else as
 * they are now (changed just before it may have been sent; or now): Airtable tells no time of a change where the base has no
 * field for it, but after which moments it was.
 */
async function dated(formula: string, asking: Dated): Promise<Made> {
  const { doubt: { mutation, sentAt, now } } = asking
  const all = await matching(formula, asking)
  if (mutation.operation === 'delete' || all.traces.length === 0) return all
  const possible = sentAt - skewMs.possible
  const likely = sentAt - skewMs.likely
  const near = await changedSince(possible, formula, asking)
  const since = near.size === 0 ? near : await changedSince(likely, formula, asking)
  // the later look has the later values: a record is told as it was when its time was looked at
  const traces = all.traces.map((trace): Trace => {
    const [changed, close] = [since.get(trace.id), near.get(trace.id)]
    if (changed !== undefined) return { ...changed, changedAt: now }
    return close === undefined ? { ...trace, changedAt: 0 } : { ...close, changedAt: possible }
  })
  return { ...all, traces }
}

async function changedSince(
  timeMs: number,
  formula: string,
  asking: Asking,
): Promise<ReadonlyMap<string, Trace>> {
  const since = `IS_AFTER(LAST_MODIFIED_TIME(), ${moment(timeMs - 1)})`
  const { traces } = await matching(`AND(${formula}, ${since})`, asking)
  return new Map(traces.map((trace) => [trace.id, trace]))
}

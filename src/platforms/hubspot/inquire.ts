// Room platforms: what became of a mutation at HubSpot whose reply was lost, by reading. Sources: CRM API guide, Objects,
// "Retrieve records" (batch read, by id or by a unique property); Search, "Limitations": a record can take a while to be
// found, so that what a search does not find proves nothing.

import type { PlannedRow } from '../../mutation/mutation.ts'
import { findColumn, type SyncedTable } from '../../mutation/table.ts'
import { type Made, type Span, testify, tracesMax, type Witness } from '../witness.ts'
import { watchClock } from '../clock.ts'
import { isJsonObject, type Json, toInteger } from '../json.ts'
import type { Keeping } from '../likeness.ts'
import { own } from '../own.ts'
import type { Caller, Doubt, Inquiry } from '../platform.ts'
import type { Trace } from '../traces.ts'
import { type ApiRecord, readBatch, valuesOf } from './answer.ts'
import { propertiesOf } from './columns.ts'
import { readErrors } from './errors.ts'
import { placeOf, unknownFault } from './faults.ts'
import { objectType, uniqueOf } from './objects.ts'
import { read, resultsOf, unanswered } from './read.ts'
import { toPlatform } from './values.ts'

/** HubSpot does not say how long it works on a request. */
const requestMaxMs = 120_000

/** Phone numbers come back in HubSpot's own form. */
const keeping: Keeping = { precisionMs: 1 }

/**
 * An update or delete: its records by their ids, in one request. An insert: by the unique properties that its rows give, one
 * request for each such property; rows without any by a search for the records made at
 * that time, at most ten pages of 200, which can find but not prove that there is none.
 * @throws Fault as `read`
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
    allOrNone: false,
    apartMs: clock.apartMs,
    doubtful: (reason) => unknownFault(reason, table),
    made: (rows, span) => madeAt(rows, span, asking),
    held: (rows) => heldOf(rows, asking),
    keyed: (rows, name) => keyedBy(rows, name, asking),
  }
  return await testify(witness, doubt, table)
}

interface Asking {
  readonly table: SyncedTable
  readonly caller: Caller
}

async function heldOf(
  rows: readonly PlannedRow[],
  asking: Asking,
): Promise<ReadonlyMap<string, Trace | null>> {
  const ids = rows.flatMap(({ id }) => id === null ? [] : [id])
  if (ids.length === 0) return new Map()
  const { traces, isMissing } = await readBy(null, ids, asking)
  const found = new Map(traces.map((trace) => [trace.id, trace]))
  return new Map(ids.flatMap((id) => {
    const trace = found.get(id) ?? (isMissing(id) ? null : undefined)
    return trace === undefined ? [] : [[id, trace] as const]
  }))
}

function traceOf(record: ApiRecord, { table, caller: { log } }: Asking): Trace {
  const createdAt = momentOf(record.json['createdAt'])
  const changedAt = momentOf(record.json['updatedAt'])
  return {
    id: record.id,
    values: valuesOf(record, table, log),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(changedAt === undefined ? {} : { changedAt }),
  }
}

function momentOf(value: Json | undefined): number | undefined {
  const timeMs = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(timeMs) ? undefined : timeMs
}

async function madeAt(rows: readonly PlannedRow[], span: Span, asking: Asking): Promise<Made> {
  const unique = await uniqueColumns(rows, asking)
  const keyOf = (row: PlannedRow) => unique.find((name) => (own(row.values, name) ?? '') !== '')
  const traces: Trace[] = []
  const looked = new Set<PlannedRow>()
  for (const name of unique) {
    const these = rows.filter((row) => keyOf(row) === name)
    if (these.length === 0) continue
    const found = await readBy(name, these.map(({ values }) => values[name] ?? ''), asking)
    traces.push(...found.traces)
    const told = new Set(found.traces.map(({ values }) => normal(values[name] ?? '')))
    for (const row of these) {
      const key = row.values[name] ?? ''
      if (told.has(normal(key)) || found.isMissing(key)) looked.add(row)
    }
  }
  if (!rows.every(keyOf)) traces.push(...await searched(span, asking))
  const distinct = [...new Map(traces.map((trace) => [trace.id, trace])).values()]
  return { traces: distinct, isWhole: (row) => looked.has(row) }
}

/**
 * The columns among those given whose values are unique. A table that was described before columns were marked so has none
 * that is: then HubSpot is asked.
 */
async function uniqueColumns(
  rows: readonly PlannedRow[],
  asking: Asking,
): Promise<readonly string[]> {
  const { columns } = asking.table
  const marked = columns.filter(({ upsert }) => upsert === 'unique').map(({ field }) => field)
  const fields = marked.length > 0 ? marked : await uniqueProperties(asking)
  const given = new Set(rows.flatMap(({ values }) => Object.keys(values)))
  return columns.filter(({ name, field }) => given.has(name) && fields.includes(field))
    .map(({ name }) => name)
}

async function uniqueProperties({ table, caller }: Asking): Promise<readonly unknown[]> {
  const type = objectType(table.object)
  const json = await read((sdk) => sdk.properties.getAll(type), { caller, table })
  const marked = resultsOf(json, 'a list of properties', table).filter(isJsonObject)
    .filter((property) => property['hasUniqueValue'] === true)
    .map(({ name }) => name)
  return [...marked, ...uniqueOf(table.object)]
}

/**
 * An email finds a contact of which it is not the first one too, which an answer need not show: that none is found proves
 * nothing.
 */
async function keyedBy(
  rows: readonly PlannedRow[],
  name: string,
  asking: Asking,
): Promise<Made> {
  const keyOf = ({ values }: PlannedRow) => values[name] ?? ''
  const { traces, isMissing } = await readBy(name, rows.map(keyOf), asking)
  const single = findColumn(asking.table, name)?.field !== 'email'
  return { traces, isWhole: (row) => single && isMissing(keyOf(row)) }
}

interface Answered {
  readonly traces: readonly Trace[]
  /** Does HubSpot say that it has no record by this key? */
  readonly isMissing: (key: string) => boolean
}

/**
 * The records with these ids, or (`name`) these values of a unique column; at most 100. What is not among them is missing
 * only where HubSpot says that it is not found, or says nothing against it: an error of another kind, or a record that was
 * not asked for (a contact that was merged answers under another id), can stand for it.
 */
async function readBy(
  name: string | null,
  keys: readonly string[],
  asking: Asking,
): Promise<Answered> {
  const { table, caller } = asking
  const column = name === null ? undefined : findColumn(table, name)
  if (name !== null && column === undefined) return { traces: [], isMissing: () => false }
  const json = await read((sdk) =>
    sdk.batch.read(objectType(table.object), {
      ...(column === undefined ? {} : { idProperty: column.field }),
      inputs: keys.map((key) => ({ id: column === undefined ? key : toPlatform(key, column) })),
      properties: propertiesOf(table.columns),
      propertiesWithHistory: [],
    }), { caller, table })
  const answer = readBatch(json)
  if (answer === undefined) throw unanswered('this is not a batch of records', table)
  const traces = answer.records.map((record) => traceOf(record, asking))
  const named = new Set(answer.errors.flatMap(notFoundIn).map(normal))
  const asked = new Set(keys.map(normal))
  const whole = answer.errors.length === 0 && isComplete(json, traces) &&
    traces.every(({ id, values }) => asked.has(normal(name === null ? id : values[name] ?? '')))
  return { traces, isMissing: (key) => whole || named.has(normal(key)) }
}

/** The ids, or values, of which an error says that there is no record. */
function notFoundIn(error: Json): readonly string[] {
  return readErrors(error).flatMap(({ codes, ids }) =>
    codes.includes('OBJECT_NOT_FOUND') ? ids : []
  )
}

/** HubSpot keeps emails in lower case. */
function normal(key: string): string {
  return key.trim().toLowerCase()
}

/** Was every result a record, and does it speak of no error that it does not show? */
function isComplete(json: Json, traces: readonly Trace[]): boolean {
  const { results, numErrors } = isJsonObject(json) ? json : {}
  const all = Array.isArray(results) && results.length === traces.length
  return all && (numErrors === undefined || toInteger(numErrors) === 0)
}

/** The most that a search gives on a page. */
const pageRowsMax = 200

/** The properties that say when a record was made; which one it is depends on the object. */
const created = ['createdate', 'hs_createdate']

/** Records made at that time, as far as the search knows of them. */
async function searched(span: Span, asking: Asking): Promise<readonly Trace[]> {
  const { table } = asking
  const property = created.find((field) => table.columns.some((column) => column.field === field))
  if (property === undefined) return []
  const traces: Trace[] = []
  for (let after = 0; after <= tracesMax; after += pageRowsMax) {
    const json = await page({ property, after, span }, asking)
    const answer = readBatch(json)
    if (answer === undefined) throw unanswered('this is not a page of records', table)
    traces.push(...answer.records.map((record) => traceOf(record, asking)))
    const paging = isJsonObject(json) ? json['paging'] : undefined
    if (!isJsonObject(paging) || !isJsonObject(paging['next'])) break
  }
  return traces
}

interface Wanted {
  readonly property: string
  readonly after: number
  readonly span: Span
}

async function page(
  { property, after, span }: Wanted,
  { table, caller }: Asking,
): Promise<Json> {
  // the SDK's enumeration cannot be named without importing its code for it
  const operator = 'BETWEEN' as never
  const filter = {
    propertyName: property,
    operator,
    value: String(span.from),
    highValue: String(span.until),
  }
  return await read((sdk) =>
    sdk.search.doSearch(objectType(table.object), {
      filterGroups: [{ filters: [filter] }],
      sorts: [property],
      properties: propertiesOf(table.columns),
      limit: pageRowsMax,
      after: String(after),
    }), { caller, table })
}

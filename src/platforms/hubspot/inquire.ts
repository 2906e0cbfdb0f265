// Room platforms: what became of a mutation at HubSpot whose reply was lost, by reading. Sources: CRM API guide, Objects,
// "Retrieve records" (batch read, by id or by a unique property); Search, "Limitations": a record can take a while to be
// found, so that what a search does not find proves nothing.

import type { PlannedRow } from '../../mutation/mutation.ts'
import { findColumn, type SyncedTable } from '../../mutation/table.ts'
import { type Made, type Span, testify, tracesMax, type Witness } from '../witness.ts'
import { isJsonObject, type Json } from '../json.ts'
import type { Keeping } from '../likeness.ts'
import { own } from '../own.ts'
import type { Caller, Doubt, Inquiry } from '../platform.ts'
import type { Trace } from '../traces.ts'
import { type ApiRecord, readBatch, valuesOf } from './answer.ts'
import { propertiesOf } from './columns.ts'
import { placeOf, unknownFault } from './faults.ts'
import { objectType, uniqueOf } from './objects.ts'
import { read, readRecords, resultsOf, unanswered } from './read.ts'
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
  const asking = { table, caller }
  const witness: Witness = {
    place: placeOf(table),
    keeping,
    requestMaxMs,
    allOrNone: false,
    doubtful: (reason) => unknownFault(reason, table),
    made: (rows, span) => madeAt(rows, span, asking),
    held: (rows) => heldOf(rows, asking),
    keyed: (rows, name) => tracesBy(name, rows.map(({ values }) => values[name] ?? ''), asking),
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
  const records = await readRecords(ids, asking)
  return new Map(ids.map((id) => {
    const record = records.get(id)
    return [id, record === undefined ? null : traceOf(record, asking)]
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
  for (const name of unique) {
    const values = rows.flatMap((row) => keyOf(row) === name ? [row.values[name] ?? ''] : [])
    if (values.length > 0) traces.push(...await tracesBy(name, values, asking))
  }
  if (!rows.every(keyOf)) traces.push(...await searched(span, asking))
  const distinct = [...new Map(traces.map((trace) => [trace.id, trace])).values()]
  return { traces: distinct, isWhole: (row) => keyOf(row) !== undefined }
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

async function tracesBy(
  name: string,
  values: readonly string[],
  asking: Asking,
): Promise<readonly Trace[]> {
  const { table, caller } = asking
  const column = findColumn(table, name)
  if (column === undefined) return []
  const inputs = values.map((value) => ({ id: toPlatform(value, column) }))
  const json = await read((sdk) =>
    sdk.batch.read(objectType(table.object), {
      idProperty: column.field,
      inputs,
      properties: propertiesOf(table.columns),
      propertiesWithHistory: [],
    }), { caller, table })
  const answer = readBatch(json)
  if (answer === undefined) throw unanswered('this is not a batch of records', table)
  return answer.records.map((record) => traceOf(record, asking))
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

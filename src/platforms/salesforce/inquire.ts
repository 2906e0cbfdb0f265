// Room platforms: what became of a mutation at Salesforce whose reply was lost, by reading. Sources: REST API Developer
// Guide, "Query All" (it shows what is in the recycle bin), "Get Records with sObject Collections"; SOQL and SOSL Reference,
// "Date Formats and Date Literals in WHERE"; Object Reference, "System Fields". Both read what is committed.

import type { PlannedRow, Values } from '../../mutation/mutation.ts'
import { findColumn, type SyncedTable } from '../../mutation/table.ts'
import { type Made, type Span, testify, tracesMax, type Witness } from '../witness.ts'
import { watchClock } from '../clock.ts'
import { isJsonObject, type Json, type JsonObject, writeJson } from '../json.ts'
import type { Keeping } from '../likeness.ts'
import { own } from '../own.ts'
import type { Caller, Doubt, Inquiry } from '../platform.ts'
import type { Trace } from '../traces.ts'
import { apiRoot } from './client.ts'
import { placeOf, unknownFault } from './faults.ts'
import { read, unanswered } from './read.ts'
import { recordsByIds } from './records.ts'
import { isRecordId } from './request.ts'
import { type Asking, isCursor, pathCharactersMax } from './soql.ts'
import { toPlatform } from './values.ts'
import { valuesOf } from './write.ts'

/** Salesforce ends a request of the REST API after 120 s; the rest is for its way. */
const requestMaxMs = 130_000

/** Salesforce keeps whole seconds. */
const keeping: Keeping = { precisionMs: 1000 }

/**
 * An update or delete: its records by their ids. An insert: the records made at that time, with the fields that were sent, in
 * the bin too; at most two pages of 2,000. Then the records that were found are read whole. Two requests, or three.
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
    allOrNone: true,
    apartMs: clock.apartMs,
    doubtful: (reason) => unknownFault(reason, table),
    made: (rows, span) => madeAt(rows, span, asking),
    held: (rows) => heldOf(rows, asking),
    keyed: (rows, column) => keyedBy(rows, column, asking),
    filled: (ids) => filled(ids, asking),
  }
  return await testify(witness, doubt, table)
}

const createdDate = 'CreatedDate'
const inBin = 'IsDeleted'
/** The first of them changes whenever a record does, by whomever. */
const stamps = ['SystemModstamp', 'LastModifiedDate'] as const
const nothing: Made = { traces: [], isWhole: () => false }

/** An object without the date of creation cannot be asked for. */
async function madeAt(rows: readonly PlannedRow[], span: Span, asking: Asking): Promise<Made> {
  const { table } = asking
  if (!table.columns.some(({ field }) => field === createdDate)) return nothing
  const where = `${createdDate} >= ${secondOf(span.from)} AND ` +
    `${createdDate} <= ${secondOf(span.until)} ORDER BY ${createdDate},Id`
  const path = queryPath('queryAll', { fields: fieldsOf(rows, table), where, table })
  if (path === undefined) return nothing
  const { traces, next } = await queried(path, asking)
  return { traces, isWhole: () => next === null }
}

/** So many keys fit into one query. */
const keysMax = 50

/** The records with these keys; in the bin there are none that an upsert finds. */
async function keyedBy(
  rows: readonly PlannedRow[],
  name: string,
  asking: Asking,
): Promise<Made> {
  const { table } = asking
  const column = findColumn(table, name)
  if (column === undefined) throw unanswered(`there is no column "${name}"`, table)
  const traces: Trace[] = []
  let whole = true
  for (let at = 0; at < rows.length; at += keysMax) {
    const keys = rows.slice(at, at + keysMax)
      .map(({ values }) => keyLiteral(toPlatform(values[name] ?? null, column)))
    const where = `${column.field} IN (${keys.join(',')})`
    const fields = [...new Set(['Id', column.field, ...stampsOf(table)])]
    const path = queryPath('query', { fields, where, table })
    if (path === undefined) throw unanswered('its keys do not fit into a query', table)
    const found = await queried(path, asking)
    traces.push(...found.traces)
    whole &&= found.next === null
  }
  return { traces, isWhole: () => whole }
}

/** The fields that say when a record was changed. */
function stampsOf({ columns }: SyncedTable): string[] {
  return stamps.filter((field) => columns.some((column) => column.field === field))
}

/** SOQL and SOSL Reference, "Quoted String Escape Sequences". */
function keyLiteral(json: Json): string {
  return typeof json === 'string'
    ? `'${json.replace(/[\\'"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
    : writeJson(json)
}

/** At most two pages of 2,000. */
async function queried(path: string, asking: Asking): Promise<TracesPage> {
  const traces: Trace[] = []
  let next: string | null = path
  while (next !== null && traces.length <= tracesMax) {
    const page = pageOf(await read({ method: 'GET', path: next }, asking), asking)
    traces.push(...page.traces)
    next = page.next
  }
  return { traces, next }
}

/** The fields that were sent, and what tells when the record was made and whether it is still there. */
function fieldsOf(rows: readonly PlannedRow[], table: SyncedTable): string[] {
  const sent = rows.flatMap(({ values }) => Object.keys(values))
    .flatMap((name) => findColumn(table, name)?.field ?? [])
  const bin = table.columns.some(({ field }) => field === inBin) ? [inBin] : []
  return [...new Set(['Id', createdDate, ...bin, ...sent])]
}

interface Query {
  readonly fields: readonly string[]
  readonly where: string
  readonly table: SyncedTable
}

/** undefined: the names are none, or it would be too long. */
function queryPath(
  resource: 'query' | 'queryAll',
  { fields, where, table: { object } }: Query,
): string | undefined {
  if (![object, ...fields].every((name) => /^[A-Za-z]\w*$/.test(name))) return undefined
  const query = `SELECT ${fields.join(',')} FROM ${object} WHERE ${where}`
  const path = `${apiRoot}/${resource}?q=${encodeURIComponent(query).replaceAll('%20', '+')}`
  return path.length <= pathCharactersMax ? path : undefined
}

/** `2026-11-26T02:50:00Z`, a fraction cut off. */
function secondOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d+Z$/, 'Z')
}

interface TracesPage {
  readonly traces: readonly Trace[]
  readonly next: string | null
}

function pageOf(json: Json, asking: Asking): TracesPage {
  const { done, records, nextRecordsUrl } = isJsonObject(json) ? json : {}
  if (!Array.isArray(records)) throw unanswered('this is not a page of records', asking.table)
  const items: readonly Json[] = records
  const traces = items.map((record) => traceOf(record, asking))
  if (done === true) return { traces, next: null }
  if (done === false && typeof nextRecordsUrl === 'string' && isCursor(nextRecordsUrl)) {
    return { traces, next: nextRecordsUrl }
  }
  throw unanswered('the page does not say what comes next', asking.table)
}

function traceOf(record: Json, { table, caller: { log } }: Asking): Trace {
  const id = isJsonObject(record) ? record['Id'] : undefined
  if (!isJsonObject(record) || typeof id !== 'string') {
    throw unanswered('a record has no id', table)
  }
  const changedAt = momentOf(record, stamps[0]) ?? momentOf(record, stamps[1])
  const createdAt = momentOf(record, createdDate)
  return {
    id,
    values: valuesOf(record, table, log),
    deleted: record[inBin] === true,
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(changedAt === undefined ? {} : { changedAt }),
  }
}

function momentOf(record: JsonObject, field: string): number | undefined {
  const text = own<Json | undefined>(record, field)
  const timeMs = typeof text === 'string' ? Date.parse(text) : Number.NaN
  return Number.isNaN(timeMs) ? undefined : timeMs
}

/** Rows without an id of Salesforce were never sent. */
async function heldOf(
  rows: readonly PlannedRow[],
  asking: Asking,
): Promise<ReadonlyMap<string, Trace | null>> {
  const ids = rows.flatMap(({ id }) => id !== null && isRecordId(id) ? [id] : [])
  const records = await recordsByIds(ids, asking)
  return new Map(ids.map((id, i) => {
    const record = records[i] ?? null
    return [id, record === null ? null : traceOf(record, asking)]
  }))
}

async function filled(
  ids: readonly string[],
  asking: Asking,
): Promise<ReadonlyMap<string, Values>> {
  const records = await recordsByIds(ids, asking)
  return new Map(records.flatMap((record) => {
    if (record === null) return []
    const { id, values } = traceOf(record, asking)
    return [[id, values] as const]
  }))
}

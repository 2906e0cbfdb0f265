// Room platforms: a mutation at Salesforce. Accepted means that Salesforce answered so for every row; refused means that
// surely no row was written; whatever is neither is unknown. Each write is sent once.

import { Fault, type FaultData, faultData } from '../../mutation/fault.ts'
import type { Mutation, Outcome, OutcomeRow, PlannedRow, Values } from '../../mutation/mutation.ts'
import { rowLimits } from '../../mutation/limits.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { HttpResponse } from '../../lib/http.ts'
import { type Json, type JsonObject, tryParseJson, writeJson } from '../json.ts'
import type { Caller } from '../platform.ts'
import { isSameRecord, type Part, readCollection, readComposite, readRecords } from './answer.ts'
import { call } from './client.ts'
import { type ApiError, rolledBack } from './errors.ts'
import { faultOf, faultOfResponse, isRefusal, placeOf, unknownFault } from './faults.ts'
import { readRequest, type WriteRequest, writeRequest } from './request.ts'
import { fromPlatform } from './values.ts'

/**
 * Carries out a mutation in one HTTP request, all rows or none, at most 200. The rows come back as Salesforce has them;
 * when reading them back fails, here and once more, they come back as they were sent, with their ids.
 */
export async function write(
  mutation: Mutation,
  table: SyncedTable,
  caller: Caller,
): Promise<Outcome> {
  const { rows, operation } = mutation
  const max = rowLimits.salesforce[operation]
  if (rows.length === 0) return { state: 'accepted', rows: [] }
  if (rows.length > max) {
    const detail = `The statement has ${rows.length} rows; Salesforce takes ${max}.`
    return refused(faultData('too_many_rows', { ...placeOf(table), detail }))
  }
  const prepared = prepare(mutation, table)
  if (prepared instanceof Fault) return refused({ ...placeOf(table), ...prepared.data })
  const reply = await call(prepared.request, caller)
  switch (reply.state) {
    case 'unsent':
      return refused({ ...placeOf(table), ...reply.fault })
    case 'lost':
      return { state: 'unknown', fault: unknownFault(reply.reason, table) }
    case 'answered':
      return await conclude(reply.response, { mutation, table, caller, prepared })
  }
}

interface Context {
  readonly mutation: Mutation
  readonly table: SyncedTable
  readonly caller: Caller
  readonly prepared: WriteRequest
}

function refused(fault: FaultData): Outcome {
  return { state: 'refused', fault }
}

function prepare(mutation: Mutation, table: SyncedTable): WriteRequest | Fault {
  try {
    return writeRequest(mutation, table)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

/** What the answer to the whole request says. */
async function conclude(response: HttpResponse, context: Context): Promise<Outcome> {
  const { table, prepared } = context
  if (!isSuccess(response.status)) return failed(response, context)
  const json = tryParseJson(response.body)
  if (!prepared.composite) {
    return await concludeWrite({ status: response.status, body: json ?? null }, undefined, context)
  }
  const composite = readComposite(json)
  if (composite === undefined) return unreadable(table)
  return await concludeWrite(composite.write, composite.read, context)
}

/** What the answer to the collection says. */
async function concludeWrite(
  part: Part,
  read: Part | undefined,
  context: Context,
): Promise<Outcome> {
  const { mutation, table } = context
  if (!isSuccess(part.status)) {
    return failed({ status: part.status, headers: {}, body: writeJson(part.body) }, context)
  }
  const result = readCollection(part.body, mutation.rows.length)
  if (result === undefined) return unreadable(table)
  if (result.state === 'refused') return refused(faultOfRows(result.errors, context))
  if (!areOurs(result.ids, mutation)) return unreadable(table)
  if (mutation.operation === 'delete') return accepted(mutation.rows, result.ids, () => null)
  const records = await readBack(result.ids, read, context)
  return accepted(mutation.rows, result.ids, (row, i) => {
    const record = records?.[i] ?? undefined
    if (record === undefined) return sentValues(row, result.ids[i] ?? '')
    return mutation.operation === 'insert' ? filledOf(record, table) : valuesOf(record, table)
  })
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

function unreadable(table: SyncedTable): Outcome {
  return { state: 'unknown', fault: unknownFault('The answer cannot be read', table) }
}

function failed(response: HttpResponse, { mutation, table }: Context): Outcome {
  if (isRefusal(response)) {
    const [row, second] = mutation.rows
    const only = row !== undefined && second === undefined ? { row } : {}
    return refused(faultOfResponse(response, { table, ...only }))
  }
  const words = faultOfResponse(response, { table })
  const reason = `HTTP status ${response.status}. ${words.detail ?? ''}`
  return { state: 'unknown', fault: unknownFault(reason, table) }
}

/** For an update or a delete the answer must name the records that were meant. */
function areOurs(ids: readonly string[], { operation, rows }: Mutation): boolean {
  return operation === 'insert' || rows.every((row, i) => isSameRecord(row.id ?? '', ids[i] ?? ''))
}

/** The first row at fault, and how many more there are. The others only say that they were rolled back. */
function faultOfRows(
  errors: readonly (readonly ApiError[])[],
  { mutation, table }: Context,
): FaultData {
  const faulty = errors.flatMap((list, i) => {
    const cause = list.find(({ code }) => code !== rolledBack)
    const row = mutation.rows[i]
    return cause === undefined || row === undefined ? [] : [{ cause, row }]
  })
  const [first, ...others] = faulty.toSorted((a, b) => a.row.ordinal - b.row.ordinal)
  if (first === undefined) {
    const detail = 'Every row was rolled back; Salesforce does not say why.'
    return faultData('platform_failed', { ...placeOf(table), constraint: rolledBack, detail })
  }
  const fault = faultOf(first.cause, { table, row: first.row })
  if (others.length === 0) return fault
  const more = others.length === 1 ? '1 more row is' : `${others.length} more rows are`
  return { ...fault, detail: `${fault.detail ?? ''} ${more} at fault.`.trim() }
}

/** The records as Salesforce has them now: from the same answer, else by one more request; undefined without either. */
async function readBack(
  ids: readonly string[],
  part: Part | undefined,
  { table, caller, mutation }: Context,
): Promise<(JsonObject | null)[] | undefined> {
  const together = part !== undefined && isSuccess(part.status)
    ? readRecords(part.body, ids)
    : undefined
  if (together !== undefined) return together
  const signal = new AbortController().signal // the write is done: no cancelling any more
  const reply = await call(readRequest(ids, table), { ...caller, signal })
  const records = reply.state === 'answered' && isSuccess(reply.response.status)
    ? readRecords(tryParseJson(reply.response.body), ids)
    : undefined
  if (records === undefined) {
    caller.log.warn('salesforce.not_read_back', { mutation: mutation.id, rows: ids.length })
  }
  return records
}

function accepted(
  rows: readonly PlannedRow[],
  ids: readonly string[],
  valuesAt: (row: PlannedRow, i: number) => Values | null,
): Outcome {
  const outcome = rows.map((row, i): OutcomeRow => ({
    ordinal: row.ordinal,
    id: ids[i] ?? '',
    values: valuesAt(row, i),
  }))
  return { state: 'accepted', rows: outcome }
}

function sentValues(row: PlannedRow, id: string): Values {
  return { ...row.values, id }
}

/** Every column of the table that the record holds. */
export function valuesOf(record: JsonObject, table: SyncedTable): Values {
  const values: Record<string, string | null> = {}
  for (const column of table.columns) {
    const value: Json | undefined = record[column.field]
    if (value !== undefined) values[column.name] = fromPlatform(value, column)
  }
  return values
}

/** The columns that hold something: a new row has null in all others without being told, and most are. */
function filledOf(record: JsonObject, table: SyncedTable): Values {
  const values: Record<string, string> = {}
  for (const column of table.columns) {
    const value = fromPlatform(record[column.field] ?? null, column)
    if (value !== null) values[column.name] = value
  }
  return values
}

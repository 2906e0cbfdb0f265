// Room platforms: a mutation at Salesforce. Accepted means that Salesforce answered so for every row; refused means that
// surely no row was written; whatever is neither is unknown. Each write is sent once, and again only when all that was wrong
// with it was a record that another transaction held.

import { DeadlineExceeded } from '../../lib/deadline.ts'
import { Fault, type FaultData, faultData } from '../../mutation/fault.ts'
import type { Mutation, Outcome, OutcomeRow, PlannedRow, Values } from '../../mutation/mutation.ts'
import { rowLimitFor } from '../../mutation/limits.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { HttpResponse } from '../../lib/http.ts'
import type { Log } from '../../lib/log.ts'
import { isSuccess } from '../faults.ts'
import { type JsonObject, tryParseJson, writeJson } from '../json.ts'
import { own } from '../own.ts'
import { pause } from '../pause.ts'
import { readBack } from '../read-back.ts'
import type { Caller } from '../platform.ts'
import { isSameRecord, type Part, readCollection, readComposite, readRecords } from './answer.ts'
import { call } from './client.ts'
import { type ApiError, areLocks, readErrors, rolledBack } from './errors.ts'
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
  const { rows } = mutation
  const max = rowLimitFor(table, mutation)
  if (rows.length === 0) return { state: 'accepted', rows: [] }
  if (rows.length > max) {
    const detail = `The statement has ${rows.length} rows; Salesforce takes ${max}.`
    return refused(faultData('too_many_rows', { ...placeOf(table), detail }))
  }
  const prepared = prepare(mutation, table)
  if (prepared instanceof Fault) return refused({ ...placeOf(table), ...prepared.data })
  const context = { mutation, table, caller, prepared }
  for (let sends = 1;; sends += 1) {
    const { outcome, locked } = await sendOnce(context)
    const pauseMs = pausesMs[sends - 1]
    if (!locked || pauseMs === undefined || !(await pause(pauseMs, caller))) return outcome
    caller.log.info('salesforce.locked', { mutation: mutation.id, sends })
  }
}

/** Waits before a request that a lock turned away is sent again, in milliseconds: one for each time, then no more. */
const pausesMs = [200, 500, 1000] as const

interface Concluded {
  readonly outcome: Outcome
  /** Was it refused because of locks alone? */
  readonly locked: boolean
}

async function sendOnce(context: Context): Promise<Concluded> {
  const { table, caller, prepared } = context
  const reply = await call(prepared.request, caller)
  switch (reply.state) {
    case 'unsent':
      return sure(refused({ ...placeOf(table), ...reply.fault }))
    case 'lost':
      return sure({ state: 'unknown', fault: unknownFault(reply.reason, table) })
    case 'answered':
      return await conclude(reply.response, context)
  }
}

function sure(outcome: Outcome): Concluded {
  return { outcome, locked: false }
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
async function conclude(response: HttpResponse, context: Context): Promise<Concluded> {
  const { table, prepared } = context
  if (!isSuccess(response.status)) return failed(response, context)
  const json = tryParseJson(response.body)
  if (!prepared.composite) {
    return await concludeWrite({ status: response.status, body: json ?? null }, undefined, context)
  }
  const composite = readComposite(json)
  if (composite === undefined) return sure(unreadable(table))
  return await concludeWrite(composite.write, composite.read, context)
}

/** What the answer to the collection says. */
async function concludeWrite(
  part: Part,
  read: Part | undefined,
  context: Context,
): Promise<Concluded> {
  const { mutation, table } = context
  if (!isSuccess(part.status)) {
    return failed({ status: part.status, headers: {}, body: writeJson(part.body) }, context)
  }
  const result = readCollection(part.body, mutation.rows.length)
  if (result === undefined) return sure(unreadable(table))
  if (result.state === 'refused') {
    const outcome = refused(faultOfRows(result.errors, context))
    return { outcome, locked: areLocks(result.errors.flat()) }
  }
  if (!areOurs(result.ids, mutation)) return sure(unreadable(table))
  return sure(await written(result.ids, read, context))
}

async function written(
  ids: readonly string[],
  read: Part | undefined,
  context: Context,
): Promise<Outcome> {
  const { mutation: { rows, operation, upsertBy }, table, caller: { log } } = context
  if (operation === 'delete') return accepted(rows, ids, () => null)
  const records = await recordsOf(ids, read, context)
  return accepted(rows, ids, (row, i) => {
    const record = records?.[i] ?? undefined
    if (record === undefined) return sentValues(row, ids[i] ?? '')
    if (row.id === null && upsertBy === undefined) return filledOf(record, table, log)
    return { ...valuesOf(record, table, log), id: idOf(row, ids[i]) }
  })
}

function unreadable(table: SyncedTable): Outcome {
  return { state: 'unknown', fault: unknownFault('The answer cannot be read', table) }
}

function failed(response: HttpResponse, { mutation, table }: Context): Concluded {
  if (isRefusal(response)) {
    const [row, second] = mutation.rows
    const only = row !== undefined && second === undefined ? { row } : {}
    const outcome = refused(faultOfResponse(response, { table, ...only }))
    return { outcome, locked: areLocks(readErrors(tryParseJson(response.body))) }
  }
  const words = faultOfResponse(response, { table })
  const reason = `HTTP status ${response.status}. ${words.detail ?? ''}`
  return sure({ state: 'unknown', fault: unknownFault(reason, table) })
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
async function recordsOf(
  ids: readonly string[],
  part: Part | undefined,
  { table, caller, mutation }: Context,
): Promise<(JsonObject | null)[] | undefined> {
  const together = part !== undefined && isSuccess(part.status)
    ? readRecords(part.body, ids)
    : undefined
  if (together !== undefined) return together
  const records = await recordsNow(ids, { table, caller })
  if (records === undefined) {
    caller.log.warn('salesforce.not_read_back', { mutation: mutation.id, rows: ids.length })
  }
  return records
}

async function recordsNow(
  ids: readonly string[],
  { table, caller }: Pick<Context, 'table' | 'caller'>,
): Promise<(JsonObject | null)[] | undefined> {
  try {
    const reply = await readBack((caller) => call(readRequest(ids, table), caller), caller)
    return reply.state === 'answered' && isSuccess(reply.response.status)
      ? readRecords(tryParseJson(reply.response.body), ids)
      : undefined
  } catch (error) {
    if (error instanceof DeadlineExceeded) return undefined
    throw error
  }
}

function accepted(
  rows: readonly PlannedRow[],
  ids: readonly string[],
  valuesAt: (row: PlannedRow, i: number) => Values | null,
): Outcome {
  // Salesforce answers 18 characters where 15 were given: the row in the table has its id as it was given
  const outcome = rows.map((row, i): OutcomeRow => ({
    ordinal: row.ordinal,
    id: idOf(row, ids[i]),
    values: valuesAt(row, i),
  }))
  return { state: 'accepted', rows: outcome }
}

/** An upsert can come upon another record than the one that the table has. */
function idOf({ id }: PlannedRow, answered = ''): string {
  return id !== null && (answered === '' || isSameRecord(id, answered)) ? id : answered
}

function sentValues(row: PlannedRow, id: string): Values {
  return { ...row.values, id: idOf(row, id) }
}

/** Every column of the table that the record holds. */
export function valuesOf(record: JsonObject, { columns }: SyncedTable, log: Log): Values {
  const values: Record<string, string | null> = {}
  for (const column of columns) {
    const value = own(record, column.field)
    if (value !== undefined) values[column.name] = fromPlatform(value, column, log)
  }
  return values
}

/** The columns that hold something: a new row has null in all others without being told, and most are. */
function filledOf(record: JsonObject, { columns }: SyncedTable, log: Log): Values {
  const values: Record<string, string> = {}
  for (const column of columns) {
    const value = fromPlatform(own(record, column.field) ?? null, column, log)
    if (value !== null) values[column.name] = value
  }
  return values
}

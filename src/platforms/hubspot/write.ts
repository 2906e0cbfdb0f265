// Room platforms: a mutation at HubSpot, in one request. Each row is written when HubSpot answered so for it, refused
// when it surely was not written; whatever is neither is unknown. The write is sent once.

import { Fault, type FaultData } from '../../mutation/fault.ts'
import type { Mutation, Outcome, Values } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { HttpResponse } from '../../lib/http.ts'
import { tryParseJson } from '../json.ts'
import { outcomeOf, type RowResult } from '../outcome.ts'
import type { Caller } from '../platform.ts'
import { DeadlineExceeded } from '../../lib/deadline.ts'
import type { Pair } from '../pairing.ts'
import { readBack } from '../read-back.ts'
import { type ApiRecord, readBatch, readRecord, valuesOf } from './answer.ts'
import { call } from './client.ts'
import { faultOf, faultOfResponse, isRefusal, placeOf, unknownFault } from './faults.ts'
import { matchById, matchByKey, matchByTrace, type Matched } from './match.ts'
import { readRecords } from './read.ts'
import { send, type WriteRequest, writeRequest } from './request.ts'

/**
 * Carries out a mutation in one HTTP request; a batch can be carried out in part. A batch archive answers nothing row by
 * row and passes over ids that it does not know: its rows count as deleted. The rows come back as HubSpot has them after
 * one more request; when that fails, as they were sent, with what the answer to the write said.
 */
export async function write(
  mutation: Mutation,
  table: SyncedTable,
  caller: Caller,
): Promise<Outcome> {
  if (mutation.rows.length === 0) return { state: 'accepted', rows: [] }
  const request = prepare(mutation, table, caller)
  if (request instanceof Fault) return refused({ ...placeOf(table), ...request.data })
  const reply = await call((sdk) => send(request, sdk, table.object), caller)
  switch (reply.state) {
    case 'unsent':
      return refused({ ...placeOf(table), ...reply.fault })
    case 'lost':
      return { state: 'unknown', fault: unknownFault(reply.reason, table) }
    case 'answered':
      return await conclude(reply.response, { mutation, table, caller, request })
  }
}

interface Context {
  readonly mutation: Mutation
  readonly table: SyncedTable
  readonly caller: Caller
  readonly request: WriteRequest
}

function refused(fault: FaultData): Outcome {
  return { state: 'refused', fault }
}

function prepare(
  mutation: Mutation,
  table: SyncedTable,
  { settings }: Caller,
): WriteRequest | Fault {
  try {
    return writeRequest(mutation, table, settings)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

async function conclude(response: HttpResponse, context: Context): Promise<Outcome> {
  const { mutation, table } = context
  const { status } = response
  if (status < 200 || status >= 300) return failed(response, context)
  if (status === 204 && context.request.kind === 'archive') return deleted(mutation)
  const matched = matchedIn(response, context)
  if (matched === undefined) return unreadable(table)
  const records = await recordsNow(matched, context)
  const results = mutation.rows.map((row): RowResult => {
    const { ordinal } = row
    const pair = matched.written.get(ordinal)
    if (pair !== undefined) {
      const { id } = pair.record
      const values = valuesFor(row.values, { ...pair, read: records.get(id), context })
      return { state: 'written', ordinal, id, values }
    }
    return unwritten(ordinal, { matched, status, context })
  })
  return outcomeOf(mutation, results, placeOf(table))
}

/** What a successful answer says of the rows; undefined when it does not have the documented form. */
function matchedIn(
  { status, body }: HttpResponse,
  { mutation, request }: Context,
): Matched | undefined {
  const json = tryParseJson(body)
  if (request.kind === 'create') {
    const record = status === 200 || status === 201 ? readRecord(json) : undefined
    const [row] = mutation.rows
    if (record === undefined || row === undefined) return undefined
    return { written: new Map([[row.ordinal, { record, sure: true }]]), refused: new Map() }
  }
  const answer = readBatch(json)
  if (answer === undefined) return undefined
  if (request.kind === 'batchUpsert') return matchByKey(mutation, answer, request)
  return request.kind === 'batchCreate'
    ? matchByTrace(mutation, answer, request.inputs)
    : matchById(mutation, answer)
}

function failed(response: HttpResponse, { mutation, table }: Context): Outcome {
  const fault = faultOfResponse(response, { table, rows: mutation.rows })
  if (isRefusal(response)) return refused(fault)
  const reason = `HTTP status ${response.status}. ${fault.detail ?? ''}`
  return { state: 'unknown', fault: unknownFault(reason, table) }
}

function unreadable(table: SyncedTable): Outcome {
  return { state: 'unknown', fault: unknownFault('The answer cannot be read', table) }
}

function deleted({ rows }: Mutation): Outcome {
  return {
    state: 'accepted',
    rows: rows.map(({ ordinal, id }) => ({ ordinal, id: id ?? '', values: null })),
  }
}

interface Answered {
  readonly matched: Matched
  readonly status: number
  readonly context: Context
}

function unwritten(ordinal: number, { matched, status, context }: Answered): RowResult {
  const { table, mutation } = context
  const refusal = matched.refused.get(ordinal)
  if (refusal === undefined) {
    const reason = 'The answer does not say what became of the row'
    return { state: 'unknown', ordinal, fault: { ...unknownFault(reason, table), row: ordinal } }
  }
  const rows = refusal.sure ? mutation.rows.filter((row) => row.ordinal === ordinal) : []
  const fault = faultOf(refusal.errors, { table, rows, status })
  return { state: 'refused', ordinal, fault: { ...fault, row: ordinal } }
}

/** The records as HubSpot has them now; none when they cannot be read in time. */
async function recordsNow(
  { written }: Matched,
  { request, mutation, table, caller }: Context,
): Promise<ReadonlyMap<string, ApiRecord>> {
  if (request.kind === 'archive') return new Map()
  const ids = [...written.values()].map(({ record }) => record.id)
  try {
    return await readBack((caller) => readRecords(ids, { caller, table }), caller)
  } catch (error) {
    if (!(error instanceof Fault || error instanceof DeadlineExceeded)) throw error
    caller.log.warn('hubspot.not_read_back', { mutation: mutation.id, rows: ids.length, error })
    return new Map()
  }
}

/** What was sent stands in for what was not read back, but only for the record that surely is this row's. */
function valuesFor(
  sent: Values,
  { record, sure, read, context }: Pair<ApiRecord> & {
    read: ApiRecord | undefined
    context: Context
  },
): Values | null {
  const { request, table, caller: { log } } = context
  if (request.kind === 'archive') return null
  if (read !== undefined) return valuesOf(read, table, log)
  return { ...(sure ? sent : {}), ...valuesOf(record, table, log) }
}

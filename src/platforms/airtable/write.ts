// Room platforms: a mutation at Airtable: at most ten records in one request, which Airtable takes or refuses whole.

import { Fault, fault, type FaultData, faultData } from '../../mutation/fault.ts'
import { rowLimitFor } from '../../mutation/limits.ts'
import type { Mutation, Outcome, OutcomeRow, PlannedRow } from '../../mutation/mutation.ts'
import { type Column, findColumn, type SyncedTable } from '../../mutation/table.ts'
import type { HttpResponse } from '../../lib/http.ts'
import { own } from '../own.ts'
import { pairAlike } from '../pairing.ts'
import { isJsonObject, type Json, type JsonObject, tryParseJson } from '../json.ts'
import type { Caller } from '../platform.ts'
import { type ApiRequest, call } from './client.ts'
import { faultOfResponse, isRefusal, placeOf, unknownFault } from './faults.ts'
import { toPlatform, valuesOf } from './values.ts'

/** Carries out a mutation in one HTTP request, all rows or none. The rows come back as Airtable has them. */
export async function write(
  mutation: Mutation,
  table: SyncedTable,
  caller: Caller,
): Promise<Outcome> {
  const { rows } = mutation
  if (rows.length === 0) return { state: 'accepted', rows: [] }
  const rowsMax = rowLimitFor(table, mutation)
  if (rows.length > rowsMax) {
    const detail = `The statement has ${rows.length} rows; Airtable takes ${rowsMax}.`
    return refused(faultData('too_many_rows', { ...placeOf(table), detail }))
  }
  try {
    const request = requestOf(mutation, table)
    return conclude(await call(request, caller), { mutation, table, caller })
  } catch (error) {
    if (error instanceof Fault) return refused({ ...placeOf(table), ...error.data })
    throw error
  }
}

function refused(fault: FaultData): Outcome {
  return { state: 'refused', fault }
}

/** @throws Fault for a value that Airtable does not have; nothing is sent then */
function requestOf({ operation, upsertBy, rows }: Mutation, table: SyncedTable): ApiRequest {
  const { object } = table
  switch (operation) {
    case 'insert': {
      const records = rows.map((row) => ({ fields: fieldsOf(row, { operation, table }) }))
      if (upsertBy === undefined) return { kind: 'create', table: object, records }
      const mergeOn = findColumn(table, upsertBy)?.field ?? upsertBy
      return { kind: 'upsert', table: object, records, mergeOn }
    }
    case 'update': {
      const records = rows.map((row) => ({
        id: row.id ?? '',
        fields: fieldsOf(row, { operation, table }),
      }))
      return { kind: 'update', table: object, records }
    }
    case 'delete':
      return { kind: 'delete', table: object, ids: rows.map(({ id }) => id ?? '') }
  }
}

interface Written {
  readonly operation: 'insert' | 'update'
  readonly table: SyncedTable
}

function fieldsOf(row: PlannedRow, written: Written): JsonObject {
  const fields: Record<string, Json> = {}
  for (const [name, value] of Object.entries(row.values)) {
    const column = columnFor(name, row, written)
    try {
      fields[column.field] = toPlatform(value, column)
    } catch (error) {
      throw error instanceof Fault ? new Fault({ ...error.data, row: row.ordinal }) : error
    }
  }
  return fields
}

/** The column. A value that has none, or none that may be set, is never left out in silence. */
function columnFor(name: string, { ordinal }: PlannedRow, { operation, table }: Written): Column {
  const column = findColumn(table, name)
  const place = { ...placeOf(table), row: ordinal, column: name }
  if (column === undefined) {
    throw fault('column_unknown', { ...place, detail: `Column "${name}" has no field behind it.` })
  }
  if (operation === 'insert' ? column.insertable : column.updatable) return column
  const what = operation === 'insert' ? 'an INSERT' : 'an UPDATE'
  const detail = `Airtable does not let ${what} set "${name}".`
  throw fault('column_read_only', { ...place, detail })
}

interface Context {
  readonly mutation: Mutation
  readonly table: SyncedTable
  readonly caller: Caller
}

function conclude(reply: Awaited<ReturnType<typeof call>>, context: Context): Outcome {
  const { table } = context
  switch (reply.state) {
    case 'unsent':
      return refused({ ...placeOf(table), ...reply.fault })
    case 'lost':
      return { state: 'unknown', fault: unknownFault(reply.reason, table) }
    case 'answered':
      return read(reply.response, context)
  }
}

function read(response: HttpResponse, context: Context): Outcome {
  const { mutation, table } = context
  if (isRefusal(response)) return refused(faultOfResponse(response, { table, mutation }))
  if (response.status !== 200) {
    const words = faultOfResponse(response, { table }).detail ?? ''
    const reason = `HTTP status ${response.status}. ${words}`
    return { state: 'unknown', fault: unknownFault(reason, table) }
  }
  const outcome = readRecords(tryParseJson(response.body), context)
  return outcome ?? { state: 'unknown', fault: unknownFault('The answer cannot be read', table) }
}

/** The records in the order of the rows. */
function readRecords(json: Json | undefined, context: Context): Outcome | undefined {
  const { mutation } = context
  const records = isJsonObject(json) ? json['records'] : undefined
  if (!Array.isArray(records) || records.length !== mutation.rows.length) return undefined
  try {
    const answered = (records as readonly Json[]).map((record) => readOne(record, context))
    const found = new Map(answered.map((one) => [one.id, one]))
    if (found.size !== answered.length && mutation.upsertBy === undefined) return undefined
    const rows = inserted(mutation, answered) ?? mutation.rows.flatMap(({ ordinal, id }) => {
      const one = found.get(id ?? '')
      return one === undefined ? [] : [{ ordinal, ...one }]
    })
    return rows.length === answered.length ? { state: 'accepted', rows } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

type Answered = Pick<OutcomeRow, 'id' | 'values'>

/** @throws SyntaxError for what is no record, or no deletion of one */
function readOne(record: Json, { mutation: { operation }, table, caller }: Context): Answered {
  if (operation !== 'delete') {
    const one = valuesOf(record, table, caller.log)
    if (one.id.startsWith('rec')) return one
    throw new SyntaxError('Cannot read a record: its id is none')
  }
  const { id, deleted } = isJsonObject(record) ? record : {}
  if (typeof id === 'string' && deleted === true) return { id, values: null }
  throw new SyntaxError('Cannot read a deletion: it does not say so')
}

/**
 * The rows of an insert as they stand in the answer, unless what was sent tells that they stand there in another order.
 * undefined for other operations.
 */
function inserted(
  { operation, upsertBy, rows }: Mutation,
  answered: readonly Answered[],
): readonly OutcomeRow[] | undefined {
  if (operation !== 'insert') return undefined
  const pairs = pairAlike(rows, answered, likenessBy(upsertBy))
  return rows.flatMap((row) => {
    const one = pairs.get(row)?.record
    return one === undefined ? [] : [{ ordinal: row.ordinal, ...one }]
  })
}

/** Of an upsert's records, the one that has the key is more like the row than any that has all the rest. */
function likenessBy(key: string | undefined): (row: PlannedRow, answered: Answered) => number {
  if (key === undefined) return likenessOf
  return (row, answered) => {
    const same = own(answered.values ?? {}, key) === row.values[key]
    return likenessOf(row, answered) + (same ? Object.keys(row.values).length : 0)
  }
}

/** How many of the values sent came back as they were sent. */
function likenessOf({ values }: PlannedRow, answered: Answered): number {
  return Object.entries(values)
    .filter(([name, value]) => value !== null && own(answered.values ?? {}, name) === value).length
}

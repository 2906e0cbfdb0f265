// Room platforms: from Airtable's errors to faults in Postgres' words. Airtable refuses a request as a whole and names
// neither the row nor, always, the field: what its message quotes is looked for in the rows.
// Source: Airtable Web API reference, "Errors"; recorded answers.

import type { HttpResponse } from '../../lib/http.ts'
import { type FaultCode, type FaultData, faultData } from '../../mutation/fault.ts'
import type { Mutation, PlannedRow } from '../../mutation/mutation.ts'
import type { Column, SyncedTable } from '../../mutation/table.ts'
import { aboutValue, isRefusalStatus, unknownOutcome, wordsMax } from '../faults.ts'
import { isJsonObject, tryParseJson } from '../json.ts'
import { nameOfWords } from '../names.ts'
import { own } from '../own.ts'
import { retryAfterMs } from '../retry-after.ts'
import { clause, cut, keyOf, sentence } from '../words.ts'

/** Airtable asks for so long a pause after a 429. */
const pauseMs = 30_000

/** The longest pause that is believed. */
const pauseMaxMs = 5 * 60_000

/** How long the answer to a request that was over a limit says to wait, in milliseconds. */
export function refusalWaitMs(response: HttpResponse): number {
  return retryAfterMs(response, pauseMaxMs) ?? pauseMs
}

export interface ApiError {
  readonly type: string
  readonly message: string
}

/** `{error: {type, message}}`, `{error: "NOT_FOUND"}` or `{errors: [{error, message}]}`; undefined for anything else. */
export function readError(body: string): ApiError | undefined {
  const json = tryParseJson(body)
  if (!isJsonObject(json)) return undefined
  const { error, errors } = json
  if (typeof error === 'string') return { type: error, message: '' }
  const one = isJsonObject(error) ? error : Array.isArray(errors) ? errors[0] : undefined
  if (!isJsonObject(one)) return undefined
  const type = one['type'] ?? one['error']
  const { message } = one
  if (typeof type !== 'string') return undefined
  return { type, message: typeof message === 'string' ? message : '' }
}

const codes: Readonly<Record<string, FaultCode>> = {
  AUTHENTICATION_REQUIRED: 'credential_refused',
  UNAUTHORIZED: 'credential_refused',
  INVALID_MULTIPLE_CHOICE_OPTIONS: 'value_not_of_type',
  INVALID_PERMISSIONS: 'not_permitted',
  INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND: 'not_permitted',
  NOT_AUTHORIZED: 'not_permitted',
  INVALID_RECORD_ID: 'reference_missing',
  INVALID_VALUE_FOR_COLUMN: 'validation_error',
  LIST_RECORDS_ITERATOR_NOT_AVAILABLE: 'bad_request',
  MODEL_ID_NOT_FOUND: 'record_gone',
  NOT_FOUND: 'record_gone',
  ROW_DOES_NOT_EXIST: 'record_gone',
  RATE_LIMIT_REACHED: 'rate_limited',
  TOO_MANY_REQUESTS: 'rate_limited',
  TOO_MANY_WEBHOOKS_IN_BASE: 'not_permitted',
  TABLE_NOT_FOUND: 'not_found',
  UNKNOWN_FIELD_NAME: 'column_unknown',
}

const codesByStatus: Readonly<Record<number, FaultCode>> = {
  401: 'credential_refused',
  403: 'not_permitted',
  404: 'record_gone',
  413: 'too_many_rows',
  429: 'rate_limited',
}

function codeOf({ type, message }: ApiError, status: number): FaultCode {
  if (/computed|cannot be (edited|modified)|read.?only/i.test(message)) return 'column_read_only'
  if (type === 'INVALID_VALUE_FOR_COLUMN' && message.startsWith('Cannot parse')) {
    return 'value_not_of_type'
  }
  return own(codes, type) ?? codesByStatus[status] ?? 'platform_failed'
}

const hints: Readonly<Partial<Record<FaultCode, string>>> = {
  credential_refused: 'Connect the Airtable account again.',
  not_permitted:
    'The token needs access to this base, table and field; Airtable answers the same when they are gone.',
  record_gone: 'The sync process removes the row.',
}

export interface Place {
  readonly table?: SyncedTable
  readonly mutation?: Mutation
}

/** The fields that place a fault at a table. */
export function placeOf(table: SyncedTable | undefined) {
  if (table === undefined) return { platform: 'airtable' } as const
  return { platform: 'airtable', schema: table.schema, table: table.name } as const
}

/** The fault for an answer whose status is not 200. */
export function faultOfResponse(response: HttpResponse, place: Place): FaultData {
  const error = readError(response.body)
  if (error === undefined) return plainFault(response, place)
  const code = codeOf(error, response.status)
  const column = columnOf(error, place)
  const row = rowOf(error, { ...place, column })
  const hint = code === 'rate_limited' ? rateHint(response) : hints[code]
  return faultData(code, {
    ...placeOf(place.table),
    constraint: error.type,
    detail: detailOf(error, { code, column, row }),
    ...(column === undefined ? {} : { column: column.name }),
    ...(hint === undefined ? {} : { hint }),
    ...(row === undefined ? {} : { row: row.ordinal }),
  })
}

function plainFault(response: HttpResponse, { table }: Place): FaultData {
  const { status } = response
  const code = codesByStatus[status] ?? 'platform_failed'
  const hint = code === 'rate_limited' ? rateHint(response) : hints[code]
  const detail = `The answer has HTTP status ${status} and is not one of the Airtable API.`
  return faultData(code, { ...placeOf(table), detail, ...(hint === undefined ? {} : { hint }) })
}

function rateHint(response: HttpResponse): string {
  return `Try again in ${Math.ceil(refusalWaitMs(response) / 1000)} s.`
}

/** `Field "Email" cannot …`, `… for field Email`, `Unknown field name: "Email"`. */
const fieldPatterns = [/Field "(.+?)" /, /for field (.+)$/, /field name: "(.+)"/]

function columnOf(error: ApiError, { table, mutation }: Place): Column | undefined {
  const columns = table?.columns ?? []
  for (const pattern of fieldPatterns) {
    const words = pattern.exec(error.message)?.[1]
    const name = words === undefined ? undefined : nameOfWords(words)
    const found = columns.find((column) => column.field === words || column.name === name)
    if (found !== undefined) return found
  }
  const value = quoted(error)
  const holds = (column: Column) =>
    mutation?.rows.some(({ values }) => own(values, column.name)?.includes(value ?? '') ?? false)
  const holders = value === undefined ? [] : columns.filter(holds)
  return holders.length === 1 ? holders[0] : undefined
}

/** The value that a message quotes: `Cannot parse value "x" for …`, `new select option ""x""`, `Value "x" is not …`. */
function quoted({ message }: ApiError): string | undefined {
  const [, value] = /\bvalue "(.*)" (?:for|is)\b/i.exec(message) ??
    /select option "+(.*?)"+$/.exec(message) ?? /Record ID (\w+) /.exec(message) ?? []
  return value === '' ? undefined : value
}

/** The row that alone has what the message quotes, or that alone gives the field a value. */
function rowOf(
  error: ApiError,
  { mutation, column }: Place & { column: Column | undefined },
): PlannedRow | undefined {
  const rows = mutation?.rows ?? []
  if (rows.length === 1) return rows[0]
  const value = quoted(error)
  const byId = rows.filter(({ id }) => id !== null && error.message.includes(id))
  if (byId.length === 1) return byId[0]
  if (column === undefined) return undefined
  const given = rows.filter(({ values }) => (own(values, column.name) ?? null) !== null)
  const holders = value === undefined
    ? given
    : given.filter(({ values }) => own(values, column.name)?.includes(value))
  return holders.length === 1 ? holders[0] : undefined
}

function detailOf(
  error: ApiError,
  { code, column, row }: {
    code: FaultCode
    column: Column | undefined
    row: PlannedRow | undefined
  },
): string {
  const words = cut(clause(error.message), wordsMax)
  const value = column === undefined ? undefined : own(row?.values ?? {}, column.name)
  if (!aboutValue.has(code) || column === undefined || value === undefined) {
    return sentence(words === '' ? error.type : words)
  }
  return `${keyOf(column.name, value)} was refused: ${sentence(words === '' ? error.type : words)}`
}

/** Does this failed answer to a write say that surely nothing was written? Airtable refuses a request as a whole. */
export function isRefusal({ status }: HttpResponse): boolean {
  return isRefusalStatus(status)
}

/** The outcome is not known: the reply was lost or cannot be read. */
export function unknownFault(reason: string, table: SyncedTable): FaultData {
  const hint = 'Look at the rows at Airtable before you send the statement again.'
  return unknownOutcome(reason, { place: placeOf(table), hint })
}

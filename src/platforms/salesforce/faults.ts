// Room platforms: from Salesforce's errors to faults in Postgres' words, with table, column, value and row.

import type { HttpResponse } from '../../lib/http.ts'
import { type FaultCode, type FaultData, faultData } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { aboutValue, isRefusalStatus, recoded, unknownOutcome, wordsMax } from '../faults.ts'
import { tryParseJson } from '../json.ts'
import { isTokenRefused } from './client.ts'
import { faultCodeOf, hints, surelyNothingWritten } from './codes.ts'
import { listed } from '../listed.ts'
import { own } from '../own.ts'
import { retryAfterMs } from '../retry-after.ts'
import { waitMaxMs } from './rates.ts'
import { type ApiError, fieldsOf, halted, readErrors, rolledBack } from './errors.ts'
import { clause, cut, keyOf, sentence } from '../words.ts'

/** Where an error belongs, as far as known. */
export interface Place {
  readonly table?: SyncedTable
  /** The row at fault. */
  readonly row?: PlannedRow
}

/** The fields that place a fault at a table. */
export function placeOf(table: SyncedTable | undefined): Partial<FaultData> {
  if (table === undefined) return { platform: 'salesforce' }
  return { platform: 'salesforce', schema: table.schema, table: table.name }
}

/** The fault for one error. */
export function faultOf(error: ApiError, { table, row }: Place): FaultData {
  const code = faultCodeOf(error.code)
  const column = columnOf(error, table)
  const hint = own(hints, error.code)
  return faultData(code, {
    ...placeOf(table),
    constraint: error.code,
    detail: detailOf(error, { column, row }),
    ...(column === undefined ? {} : { column }),
    ...(hint === undefined ? {} : { hint }),
    ...(row === undefined ? {} : { row: row.ordinal }),
  })
}

function columnOf(error: ApiError, table: SyncedTable | undefined): string | undefined {
  for (const field of fieldsOf(error)) {
    const wanted = field.toLowerCase()
    const column = table?.columns.find((each) => each.field.toLowerCase() === wanted)
    if (column !== undefined) return column.name
  }
  return undefined
}

function detailOf(
  error: ApiError,
  { column, row }: { column: string | undefined; row: PlannedRow | undefined },
): string {
  const value = column === undefined ? undefined : own(row?.values ?? {}, column)
  const words = cut(clause(error.message), wordsMax)
  const named = aboutValue.has(faultCodeOf(error.code))
  const ids = error.duplicateIds.length > 0 ? ` (id ${listed(error.duplicateIds)})` : ''
  if (named && column !== undefined && value !== undefined) {
    const [field = ''] = fieldsOf(error)
    const bare = words.startsWith(`${field}: `) ? words.slice(field.length + 2) : words
    return `${keyOf(column, value)} ${sayOf(error, bare)}${ids}.`
  }
  return sentence(`${words === '' ? cut(error.code, wordsMax) : words}${ids}`)
}

/** The rest of the sentence that begins with `Key (column)=(value)`. */
function sayOf(error: ApiError, words: string): string {
  switch (error.code) {
    case 'INVALID_EMAIL_ADDRESS':
      return 'is not a valid email address'
    case 'STRING_TOO_LONG': {
      const limit = /max length=(\d+)/.exec(error.message)?.[1]
      return limit === undefined ? words : `is longer than ${cut(limit, 40)} characters`
    }
    case 'DUPLICATE_VALUE': {
      const id = /record with id: (\w+)/.exec(error.message)?.[1]
      return id === undefined ? 'already exists' : `already exists (id ${cut(id, 40)})`
    }
    case 'DUPLICATES_DETECTED':
      return 'is like that of another record'
    case 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST':
      return 'is not a value of the restricted picklist'
    case 'MALFORMED_ID':
      return 'is not a valid id'
    default:
      return words === '' ? `was refused: ${cut(error.code, wordsMax)}` : words
  }
}

/**
 * The fault for an answer whose status says that the request failed. Only for requests that surely wrote nothing; see
 * `isRefusal`.
 */
export function faultOfResponse(response: HttpResponse, place: Place): FaultData {
  const [error] = culprits(readErrors(tryParseJson(response.body)))
  const base = error === undefined ? plainFault(response, place) : faultOf(error, place)
  const credential = isTokenRefused(response)
  const hint = credential ? 'Reconnect the Salesforce account.' : base.hint
  const code = credential ? 'credential_refused' : rateLimitedOr(base.code, response)
  const waitMs = retryAfterMs(response, waitMaxMs)
  return recoded(base, code, {
    ...(hint === undefined ? {} : { hint }),
    ...(code === 'rate_limited' && waitMs !== undefined
      ? { hint: `Try again in ${Math.ceil(waitMs / 1000)} s.` }
      : {}),
  })
}

function rateLimitedOr(code: FaultCode, { status }: HttpResponse): FaultCode {
  return status === 429 && code === 'platform_failed' ? 'rate_limited' : code
}

function plainFault({ status }: HttpResponse, { table }: Place): FaultData {
  const detail = `The answer has HTTP status ${status} and is not one of the Salesforce API.`
  return faultData('platform_failed', { ...placeOf(table), detail })
}

/** The errors that are causes; all of them when none is (a bystander's error is better than none). */
export function culprits(errors: readonly ApiError[]): readonly ApiError[] {
  const causes = errors.filter(({ code }) => code !== rolledBack && code !== halted)
  return causes.length > 0 ? causes : errors
}

/**
 * Does this failed answer to a write say that surely nothing was written? 4xx does, save 408 (a gateway on the way may
 * say it of a request that it passed on); 5xx does only with a code of `surelyNothingWritten`; 3xx does not.
 */
export function isRefusal({ status, body }: HttpResponse): boolean {
  if (status < 500) return isRefusalStatus(status)
  const errors = readErrors(tryParseJson(body))
  return errors.length > 0 && errors.every(({ code }) => surelyNothingWritten.has(code))
}

/** The outcome is not known: the reply was lost or cannot be read. */
export function unknownFault(reason: string, table: SyncedTable): FaultData {
  const hint = 'Look at the rows at Salesforce before you send the statement again.'
  return unknownOutcome(reason, { place: placeOf(table), hint })
}

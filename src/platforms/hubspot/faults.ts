// Room platforms: from HubSpot's errors to faults in Postgres' words, with table, column, value and row.

import type { HttpResponse } from '../../lib/http.ts'
import { type FaultData, faultData, type FaultFields } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { Column, SyncedTable } from '../../mutation/table.ts'
import { isRefusalStatus, recoded, unknownOutcome } from '../faults.ts'
import { tryParseJson } from '../json.ts'
import { own } from '../own.ts'
import { faultCodeOf } from './codes.ts'
import { detailOf, hintOf } from './detail.ts'
import { type ApiError, readErrors } from './errors.ts'
import { refusalWaitMs } from './rates.ts'

/** Where an error belongs, as far as known. */
export interface Place {
  readonly table?: SyncedTable
  /** The rows that it can be about. */
  readonly rows?: readonly PlannedRow[]
}

/** The fields that place a fault at a table. */
export function placeOf(table: SyncedTable | undefined): FaultFields {
  if (table === undefined) return { platform: 'hubspot' }
  return { platform: 'hubspot', schema: table.schema, table: table.name }
}

/** The fault for what one answer says of one thing: the first of its errors, and how many more there are. */
export function faultOf(
  errors: readonly [ApiError, ...ApiError[]],
  { table, rows = [], status }: Place & { status: number },
): FaultData {
  const [error, ...others] = errors
  const code = faultCodeOf(error, status)
  const column = columnOf(error, table)
  const row = culpritOf(error, { rows, column })
  const [constraint] = error.codes
  const hint = hintOf(error, code)
  return faultData(code, {
    ...placeOf(table),
    detail: `${detailOf(error, { code, column, row })}${moreOf(others.length)}`,
    ...(constraint === undefined ? {} : { constraint }),
    ...(column === undefined ? {} : { column: column.name }),
    ...(hint === undefined ? {} : { hint }),
    ...(row === undefined ? {} : { row: row.ordinal }),
  })
}

function moreOf(count: number): string {
  if (count === 0) return ''
  return count === 1 ? ' HubSpot names 1 more error.' : ` HubSpot names ${count} more errors.`
}

/** For a contact that exists already HubSpot does not name the property: it is the e-mail address. */
function columnOf(error: ApiError, table: SyncedTable | undefined): Column | undefined {
  const known = error.message.startsWith('Contact already exists') ? 'email' : undefined
  const { property = known } = error
  if (property === undefined) return undefined
  const wanted = property.toLowerCase()
  return table?.columns.find(({ field }) => field.toLowerCase() === wanted)
}

/**
 * The row at fault: the only one, else the one that the error names by its id, else the only one whose value the
 * message quotes.
 */
function culpritOf(
  { ids, traceIds, message }: ApiError,
  { rows, column }: { rows: readonly PlannedRow[]; column: Column | undefined },
): PlannedRow | undefined {
  if (rows.length <= 1) return rows[0]
  const named = rows.filter(({ id, ordinal }) =>
    (id !== null && ids.includes(id)) || traceIds.includes(String(ordinal))
  )
  if (named.length > 0) return named[0]
  const quoted = rows.filter(({ values }) => {
    const value = column === undefined ? undefined : own(values, column.name)
    return typeof value === 'string' && value.length >= quotedMin && message.includes(value)
  })
  return quoted.length === 1 ? quoted[0] : undefined
}

/** A value shorter than this can stand in a message by chance. */
const quotedMin = 3

/**
 * The fault for an answer whose status says that the request failed. Only for requests that surely wrote nothing; see
 * `isRefusal`.
 */
export function faultOfResponse(response: HttpResponse, place: Place): FaultData {
  const { status, body } = response
  const [first, ...others] = readErrors(tryParseJson(body))
  const base = first === undefined
    ? plainFault(response, place)
    : faultOf([first, ...others], { ...place, status })
  switch (status) {
    case 401:
      return recoded(base, 'credential_refused', { hint: 'Reconnect the HubSpot account.' })
    case 423:
      return recoded(base, 'row_locked', { hint: waitHint(response) })
    case 429:
      return recoded(base, 'rate_limited', { hint: waitHint(response) })
    case 477:
      return recoded(base, 'platform_failed', {
        hint: `HubSpot is moving the account to another data center. ${waitHint(response)}`,
      })
    default:
      return base
  }
}

function waitHint(response: HttpResponse): string {
  return `Try again in ${Math.ceil(refusalWaitMs(response) / 1000)} s.`
}

function plainFault({ status }: HttpResponse, { table }: Place): FaultData {
  const detail = `The answer has HTTP status ${status} and is not one of the HubSpot API.`
  return faultData('platform_failed', { ...placeOf(table), detail })
}

/** Does this failed answer to a write say that surely nothing was written? */
export function isRefusal({ status }: HttpResponse): boolean {
  return isRefusalStatus(status)
}

/** The outcome is not known: the reply was lost or cannot be read. */
export function unknownFault(reason: string, table: SyncedTable): FaultData {
  const hint = 'Look at the rows at HubSpot before you send the statement again.'
  return unknownOutcome(reason, { place: placeOf(table), hint })
}

// Room platforms: from Stripe's errors to faults in Postgres' words, with table, column, value and row.

import type { HttpResponse } from '../../lib/http.ts'
import { type FaultCode, type FaultData, faultData } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { aboutValue, unknownOutcome, wordsMax } from '../faults.ts'
import { own } from '../own.ts'
import { clause, cut, keyOf, sentence } from '../words.ts'
import { faultCodeOf, hints } from './codes.ts'
import { type ApiError, readError, rootOf } from './errors.ts'
import { waitOf } from './rates.ts'

/** Where an error belongs, as far as known. */
export interface Place {
  readonly table?: SyncedTable
  /** The row at fault. */
  readonly row?: PlannedRow
}

/** The fields that place a fault at a table, and at a row where one is given. */
export function placeOf({ table, row }: Place): Partial<FaultData> {
  return {
    platform: 'stripe',
    ...(table === undefined ? {} : { schema: table.schema, table: table.name }),
    ...(row === undefined ? {} : { row: row.ordinal }),
  }
}

/** The fault for an answer whose status says that the request failed. */
export function faultOf(response: HttpResponse, place: Place): FaultData {
  const error = readError(response.body)
  const code = faultCodeOf(response.status, error, { gone: isGone(response, error, place) })
  if (error === undefined) {
    const detail = `The answer has HTTP status ${response.status} and is not one of the Stripe API.`
    return faultData(code, { ...placeOf(place), detail, ...hintOf(code, response) })
  }
  const column = columnOf(error, { ...place, code })
  const constraint = error.code === '' ? error.type : error.code
  return faultData(code, {
    ...placeOf(place),
    constraint,
    detail: detailOf(error, { ...place, code, column }),
    ...(column === undefined ? {} : { column }),
    ...hintOf(code, response),
  })
}

/**
 * Is it the record of the path that is missing? Then the status is 404; a missing record that a parameter refers to is
 * answered with 400. Some endpoints name the record in `param` (`id`, `intent`), none by a parameter that was given.
 */
function isGone(
  { status }: HttpResponse,
  error: ApiError | undefined,
  { row }: Place,
): boolean {
  if (status !== 404 || error === undefined || row === undefined || row.id === null) return false
  return !Object.hasOwn(row.values, rootOf(error.param))
}

function hintOf(code: FaultCode, response: HttpResponse): { hint?: string } {
  if (code === 'rate_limited') {
    return { hint: `Try again in ${Math.ceil(waitOf(response) / 1000)} s.` }
  }
  const hint = hints[code]
  return hint === undefined ? {} : { hint }
}

interface Coded extends Place {
  readonly code: FaultCode
}

function columnOf(error: ApiError, { table, row, code }: Coded): string | undefined {
  if (code === 'record_gone') return undefined
  const root = rootOf(error.param)
  const ownId = root === '' && code === 'duplicate' && typeof row?.values['id'] === 'string'
  const field = ownId ? 'id' : root
  return table?.columns.find((column) => column.field === field)?.name
}

function detailOf(error: ApiError, { row, code, column }: Coded & { column: string | undefined }) {
  const declined = error.declineCode === '' ? '' : ` (${error.declineCode})`
  const words = `${cut(clause(error.message), wordsMax)}${declined}`
  const value = column === undefined ? undefined : own(row?.values ?? {}, column)
  if (aboutValue.has(code) && column !== undefined && value !== undefined) {
    return `${keyOf(column, value)} ${sayOf(error, words)}${whereOf(error)}.`
  }
  return sentence(words === '' ? error.code || error.type : words)
}

/** The rest of the sentence that begins with `Key (column)=(value)`. */
function sayOf(error: ApiError, words: string): string {
  if (error.code === 'email_invalid') return 'is not a valid email address'
  if (error.code === 'resource_already_exists') return 'already exists'
  const must = /^(?:This value|The value|Must|must)\b\s*(.*)$/.exec(words)?.[1]
  if (must !== undefined) return /^must\b/.test(must) ? must : `must ${must}`
  return `was refused: ${words === '' ? error.code || error.type : words}`
}

/** Which part of a hash or list it is. */
function whereOf({ param }: ApiError): string {
  return param.includes('[') ? ` (${cut(param, 100)})` : ''
}

/** The outcome of a row is not known: the reply was lost or cannot be read. */
export function unknownFault(reason: string, place: Place): FaultData {
  const hint = 'Look at the row at Stripe before you send it again.'
  return unknownOutcome(reason, { place: placeOf(place), hint })
}

// Room platforms: from GitHub's errors to faults in Postgres' words, with table, column, value and row.
// Source: GitHub Docs, Troubleshooting the REST API; error codes of "Validation failed".

import type { HttpResponse } from '../../lib/http.ts'
import { Fault, type FaultCode, type FaultData, faultData } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../mutation/table.ts'
import { unknownOutcome, wordsMax } from '../faults.ts'
import { clause, cut, keyOf, sentence } from '../words.ts'
import { type ApiError, type GraphqlError, readFailure } from './errors.ts'
import { isLimit, limitedBy } from './limited.ts'

/** Where an error belongs, as far as known. */
export interface Place {
  readonly table?: SyncedTable
  readonly row?: PlannedRow
  /** What was to be done; a read when absent. */
  readonly operation?: Operation
}

/** The fields that place a fault at a table and a row. */
export function placeOf({ table, row }: Place): Partial<FaultData> {
  return {
    platform: 'github',
    ...(table === undefined ? {} : { schema: table.schema, table: table.name }),
    ...(row === undefined ? {} : { row: row.ordinal }),
  }
}

const hiddenHint =
  'GitHub shows a missing permission as 404: the account may lack access to the repository.'
const absentHint = `${hiddenHint} Or what the row belongs to does not exist.`
const goneHint = `The next sync removes the row. ${hiddenHint}`

/** The fault for an answer of the REST API, or of the GraphQL API as a whole, that is not a success. */
export function faultOfResponse(response: HttpResponse, place: Place): FaultData {
  const { status, body } = response
  const limited = limitedBy(response)
  const failure = readFailure(body)
  const words = failure?.message ?? `HTTP status ${status}, not an answer of the GitHub API`
  if (limited !== undefined) return rateFault(words, { ...place, waitMs: limited.waitMs })
  if (status === 422 && failure !== undefined) {
    const [error = { message: failure.message }] = failure.errors
    return faultOfError(error, place)
  }
  const { code, hint } = meaningOf(status, { words, place })
  return faultData(code, {
    ...placeOf(place),
    constraint: `HTTP ${status}`,
    detail: sentence(cut(words, wordsMax)),
    ...(hint === undefined ? {} : { hint }),
  })
}

interface Meaning {
  readonly code: FaultCode
  readonly hint?: string
}

function meaningOf(status: number, { words, place }: { words: string; place: Place }): Meaning {
  switch (status) {
    case 400:
      return { code: 'bad_request' }
    case 401:
      return { code: 'credential_refused', hint: 'Reconnect the GitHub account.' }
    case 403:
      return /login attempt/i.test(words)
        ? { code: 'credential_refused', hint: 'Reconnect the GitHub account.' }
        : { code: 'not_permitted' }
    case 404:
      return missing(place)
    case 405:
      return { code: 'form_not_supported' }
    case 409:
      return { code: 'row_locked', hint: 'Nothing was written. Try again.' }
    case 410:
      return /deleted/i.test(words)
        ? { code: 'record_gone', hint: 'The next sync removes the row.' }
        : { code: 'form_not_supported', hint: 'Switch it on in the settings of the repository.' }
    case 423:
    case 451:
      return { code: 'not_permitted' }
    default:
      return isMoved(status) ? moved(place) : { code: 'platform_failed' }
  }
}

function missing({ operation }: Place): Meaning {
  if (operation === 'insert') return { code: 'not_permitted', hint: absentHint }
  if (operation === undefined) return { code: 'not_found', hint: hiddenHint }
  return { code: 'record_gone', hint: goneHint }
}

/** GitHub redirects instead of carrying out (Best practices for using the REST API, Follow redirects). */
export function isMoved(status: number): boolean {
  return status === 301 || status === 302 || status === 307 || status === 308
}

function moved({ operation }: Place): Meaning {
  const hint = 'It was moved, to another repository or under another name; the next sync finds it.'
  return operation === 'insert'
    ? { code: 'reference_missing', hint }
    : { code: 'record_gone', hint }
}

/** Nothing was written, because of a limit. `waitMs`: until it may be tried again. */
export function rateFault(words: string, place: Place & { waitMs: number }): FaultData {
  const seconds = Math.ceil(place.waitMs / 1000)
  return faultData('rate_limited', {
    ...placeOf(place),
    detail: sentence(cut(words, wordsMax)),
    hint: `Try again in ${seconds} seconds.`,
  })
}

/** The fault for one mutation of a document. `waitMs`: until a limit may be tried again. */
export function faultOfGraphql(error: GraphqlError, place: Place & { waitMs: number }): FaultData {
  const { type = '', message } = error
  if (isLimit(error)) return rateFault(message, place)
  if (type === 'UNPROCESSABLE') return faultOfError({ message }, place)
  const { code, hint } = meaningOfType(type, place)
  return faultData(code, {
    ...placeOf(place),
    ...(type === '' ? {} : { constraint: type }),
    detail: sentence(cut(message, wordsMax)),
    ...(hint === undefined ? {} : { hint }),
  })
}

function meaningOfType(type: string, place: Place): Meaning {
  switch (type) {
    case 'NOT_FOUND':
      return missing(place)
    case 'FORBIDDEN':
      return { code: 'not_permitted' }
    case 'INSUFFICIENT_SCOPES':
      return { code: 'not_permitted', hint: 'Connect the account again with the scopes it lacks.' }
    default:
      return { code: 'platform_failed' }
  }
}

/** The fault for a value that GitHub refused. */
export function faultOfError(error: ApiError, place: Place): FaultData {
  const column = columnOf(error, place)
  const code = codeOf(error)
  return faultData(code, {
    ...placeOf(place),
    detail: detailOf(error, { column, place }),
    ...(error.code === undefined ? {} : { constraint: error.code }),
    ...(column === undefined ? {} : { column }),
  })
}

/** The column of the error's field, else the one that its message begins with: "Title can't be blank". */
function columnOf({ field, message }: ApiError, { table }: Place): string | undefined {
  const quoted = /^Invalid request\.\s+"(\w+)" wasn't supplied/.exec(message)?.[1] ??
    /For '(?:properties\/|\/)?(\w+)/.exec(message)?.[1]
  const wanted = field ?? quoted ?? /^\w+/.exec(message)?.[0].toLowerCase()
  return table?.columns
    .find(({ name, field }) => name === wanted || field.split('.')[0] === wanted)?.name
}

function codeOf({ code, message }: ApiError): FaultCode {
  switch (code) {
    case 'missing_field':
      return 'required_value_missing'
    case 'missing':
      return 'reference_missing'
    case 'already_exists':
      return 'duplicate'
    default:
      return byWords.find(([pattern]) => pattern.test(message))?.[1] ?? 'validation_error'
  }
}

const byWords: readonly (readonly [RegExp, FaultCode])[] = [
  [/already exists|already been taken|is already used/i, 'duplicate'],
  [/wasn't supplied|can't be blank|cannot be blank|not provided/i, 'required_value_missing'],
  [/is too long/i, 'value_too_long'],
  [/is not an? (?:string|integer|boolean|array|object|null)/i, 'value_not_of_type'],
  [/does not exist|could not resolve/i, 'reference_missing'],
]

function detailOf(
  error: ApiError,
  { column, place: { row } }: { column: string | undefined; place: Place },
): string {
  const value = column === undefined ? undefined : row?.values[column]
  const words = cut(clause(error.message), wordsMax)
  if (column === undefined) return sentence(words === '' ? sayOf(error) : words)
  const named = words === '' ? sayOf(error) : withoutName(words, error)
  if (value === undefined) return sentence(`"${column}" ${named}`)
  return `${keyOf(column, value)} ${named}.`
}

/** What the codes mean, in the words of GitHub's page on them. */
function sayOf({ code }: ApiError): string {
  switch (code) {
    case 'missing':
      return 'does not exist'
    case 'missing_field':
      return 'is required'
    case 'invalid':
      return 'is not valid'
    case 'already_exists':
      return 'already exists'
    default:
      return code === undefined ? 'was refused without a reason' : `was refused: ${code}`
  }
}

/** `title is too long` → `is too long`, since the sentence names the column already. */
function withoutName(words: string, { field }: ApiError): string {
  const [first = ''] = words.split(' ', 1)
  const name = first.toLowerCase()
  const starts = / (?:is|was|can't|cannot|has|must|already|does) ?/.test(words.slice(first.length))
  return starts && (field === undefined || name === field) && first !== words
    ? words.slice(first.length + 1)
    : words
}

/** The outcome is not known: the reply was lost or cannot be read. */
export function unknownFault(reason: string, place: Place): FaultData {
  const hint = 'Look at the rows at GitHub before you send the statement again.'
  return unknownOutcome(cut(reason, wordsMax), { place: placeOf(place), hint })
}

/** The same fault with its place, for one that was made where the place is not known. */
export function placed(error: unknown, place: Partial<FaultData>): unknown {
  if (!(error instanceof Fault)) return error
  return new Fault({ ...place, ...error.data }, { cause: error })
}

// Room mutation: the fault catalogue. Nothing else reaches a client: what is not a Fault becomes `internal_error` and
// an id in the log. The README's table of errors is made from this one.

import { cut } from '../lib/cut.ts'
import type { Platform } from './table.ts'

/** Whose doing it is; metrics count by it. */
export type Blame = 'client' | 'platform' | 'credential' | 'quota' | 'database' | 'service'

/** Can the same statement succeed later? `look`: it may already have; look before sending it again. */
export type Retry = 'no' | 'later' | 'look'

export interface CatalogueEntry {
  readonly sqlstate: string
  readonly http: number
  readonly blame: Blame
  readonly retry: Retry
  /** The message; `{platform}` stands for the platform's name. Lower case, no full stop, as Postgres writes. */
  readonly message: string
  /** For the README: when it happens and what to do. */
  readonly about: string
}

const entry = (
  sqlstate: string,
  http: number,
  blame: Blame,
  retry: Retry,
  message: string,
  about: string,
): CatalogueEntry => ({ sqlstate, http, blame, retry, message, about })

/** Every failure that a client can meet. */
export const catalogue = {
  validation_error: entry(
    '23514',
    422,
    'client',
    'no',
    '{platform} validation error',
    'The platform refused a value. DETAIL names column and value; correct it.',
  ),
  required_value_missing: entry(
    '23502',
    422,
    'client',
    'no',
    '{platform} requires a value',
    'A column that the platform requires was not given, or was set to null.',
  ),
  duplicate: entry(
    '23505',
    409,
    'client',
    'no',
    '{platform} refused a duplicate',
    'The platform already has a record with this value.',
  ),
  reference_missing: entry(
    '23503',
    422,
    'client',
    'no',
    '{platform} refused a reference',
    'The row refers to a record that does not exist at the platform, or is still referred to.',
  ),
  value_too_long: entry(
    '22001',
    422,
    'client',
    'no',
    'value too long for {platform}',
    'Shorten the value; DETAIL names column and limit.',
  ),
  value_out_of_range: entry(
    '22003',
    422,
    'client',
    'no',
    'value out of range for {platform}',
    'The number is outside what the field holds.',
  ),
  value_not_of_type: entry(
    '22P02',
    422,
    'client',
    'no',
    'value not of the type {platform} expects',
    'The value cannot be read as the type of the field.',
  ),
  column_unknown: entry(
    '42703',
    422,
    'client',
    'no',
    '{platform} does not know the field',
    'The field was removed at the platform; the next sync will drop the column.',
  ),
  column_read_only: entry(
    '428C9',
    422,
    'client',
    'no',
    'column is read-only',
    'The column is computed or assigned by the platform. Leave it out of the statement.',
  ),
  record_gone: entry(
    'P0002',
    404,
    'client',
    'no',
    'record no longer exists at {platform}',
    'The record was deleted at the platform; the sync process removes the row.',
  ),
  not_permitted: entry(
    '42501',
    403,
    'credential',
    'no',
    'not permitted by {platform}',
    'The connected account may not do this: grant the permission at the platform. Or the token is for another sync.',
  ),
  credential_refused: entry(
    '28000',
    401,
    'credential',
    'no',
    '{platform} refused the credential',
    "The connection's credential was revoked or expired. Reconnect the account.",
  ),
  row_locked: entry(
    '55P03',
    409,
    'platform',
    'later',
    '{platform} has locked the record',
    'Another process at the platform holds the record. Nothing was written; try again.',
  ),
  too_many_rows: entry(
    '54000',
    413,
    'client',
    'no',
    'too many rows for one statement',
    'The platform takes only so many rows in one request. Nothing was sent; split the statement.',
  ),
  form_not_supported: entry(
    '0A000',
    400,
    'client',
    'no',
    'this form of statement is not supported on a synced table',
    'HINT names another way to write it. Nothing was sent.',
  ),
  rate_limited: entry(
    '53400',
    429,
    'quota',
    'later',
    '{platform} rate limit reached',
    'Nothing was written; HINT says when to try again.',
  ),
  unreachable: entry(
    '58030',
    503,
    'service',
    'later',
    '{platform} is unreachable, nothing was sent',
    'The platform or the mutation service could not be reached. Nothing was sent; try again.',
  ),
  service_unreachable: entry(
    '58030',
    503,
    'service',
    'later',
    'mutation service is unreachable, nothing was sent',
    'The mutation service could not be reached. Nothing was sent; reads go on working.',
  ),
  database_unreachable: entry(
    '58030',
    503,
    'database',
    'later',
    'database is unreachable',
    'Your Postgres could not be reached from the listener.',
  ),
  platform_failed: entry(
    '58000',
    502,
    'platform',
    'later',
    '{platform} failed and wrote nothing',
    'The platform reported a failure of its own and surely wrote nothing.',
  ),
  outcome_unknown: entry(
    '40003',
    504,
    'platform',
    'look',
    'outcome unknown: {platform} may have written the rows',
    'The reply was lost. Look at the rows before you send the statement again.',
  ),
  not_yet_applied: entry(
    'SL001',
    500,
    'database',
    'look',
    'accepted by {platform}, not in the database yet',
    'The platform has the rows; the database failed afterwards. They will appear. Do not send the statement again.',
  ),
  outside_proxy: entry(
    'SL002',
    403,
    'client',
    'no',
    'mutations on a synced table must go through Sluice',
    'The table was written by a way that Sluice does not see. Connect through the proxy and write the table directly.',
  ),
  partly_written: entry(
    'SL003',
    207,
    'platform',
    'look',
    '{platform} wrote some rows and refused others',
    'DETAIL lists each row as JSON: written, refused and why, or not sent.',
  ),
  lock_not_available: entry(
    '55P03',
    409,
    'client',
    'no',
    'rows are locked by your own transaction',
    'A mutation does not run inside your transaction, so it cannot pass your own locks. Commit first.',
  ),
  statement_cancelled: entry(
    '57014',
    499,
    'client',
    'later',
    'canceling statement due to user request',
    'Cancelled before anything was sent.',
  ),
  statement_timed_out: entry(
    '57014',
    504,
    'client',
    'later',
    'canceling statement due to statement timeout',
    'The time was up before anything was sent.',
  ),
  serialization_failure: entry(
    '40001',
    409,
    'database',
    'later',
    'could not serialize access due to concurrent update',
    'Other sessions kept changing the same rows. Nothing was sent; try again.',
  ),
  sync_disabled: entry(
    '28000',
    403,
    'client',
    'no',
    'sync is disabled',
    'The sync is paused. Resume it to connect.',
  ),
  unauthorized: entry(
    '28000',
    401,
    'client',
    'no',
    'not authorized',
    'The key or token is missing, wrong or revoked.',
  ),
  not_found: entry('42704', 404, 'client', 'no', 'not found', 'No such sync, table or mutation.'),
  bad_request: entry(
    '22023',
    400,
    'client',
    'no',
    'request is not valid',
    'The request does not have the documented form.',
  ),
  mutation_id_reused: entry(
    '22023',
    409,
    'client',
    'no',
    'mutation id was used for another mutation',
    'A mutation id stands for one mutation only.',
  ),
  database_refused: entry(
    '42000',
    422,
    'client',
    'no',
    'the database refused the statement',
    'HTTP only. The SQLSTATE and the words are those of your Postgres. Nothing was written.',
  ),
  result_too_large: entry(
    '54000',
    422,
    'client',
    'no',
    'result is too large',
    'HTTP only. The query returned more than is taken. Ask for less, or use the Postgres protocol.',
  ),
  idempotency_key_reused: entry(
    '22023',
    409,
    'client',
    'no',
    'idempotency key was used for another request',
    'HTTP only. A key stands for one request. Make another key for another request.',
  ),
  idempotency_key_in_use: entry(
    '55006',
    409,
    'client',
    'later',
    'a request with this idempotency key is under way',
    'HTTP only. Try again in a moment with the same key and body.',
  ),
  shutting_down: entry(
    '57P01',
    503,
    'service',
    'later',
    'terminating connection due to administrator command',
    'The listener is being stopped or replaced: connect again. Or the session is no longer welcome: DETAIL says why.',
  ),
  too_many_connections: entry(
    '53300',
    503,
    'quota',
    'later',
    'sorry, too many clients already',
    'The listener has as many connections as it takes. Close some, or try again.',
  ),
  internal_error: entry(
    'XX000',
    500,
    'service',
    'look',
    'internal error',
    'A fault of Sluice. The message carries an id; the log has the rest.',
  ),
} as const satisfies Record<string, CatalogueEntry>

export type FaultCode = keyof typeof catalogue

/** What a fault says, beyond its place in the catalogue. The names are those of the ErrorResponse fields. */
export interface FaultFields {
  readonly platform?: Platform
  readonly message?: string
  readonly detail?: string
  readonly hint?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  /** The platform's own code. */
  readonly constraint?: string
  /** Position of the row in the statement, from 1. */
  readonly row?: number
}

/** A fault as it travels: JSON between service and listener and in the journal. */
export interface FaultData extends FaultFields {
  readonly code: FaultCode
  readonly sqlstate: string
  readonly message: string
}

/** An error with a place in the catalogue; the only kind whose words a client may read. */
export class Fault extends Error {
  override name = 'Fault'
  readonly data: FaultData

  constructor(data: FaultData, options?: { cause?: unknown }) {
    super(data.message, options)
    this.data = data
  }

  get code(): FaultCode {
    return this.data.code
  }
}

/** The longest code of a platform that is passed on, in characters. */
export const constraintMax = 200
/** The longest message, DETAIL and HINT, in characters. */
export const textMax = 4000

/**
 * The data of a fault: the catalogue's message (or the one given), its SQLSTATE and these fields. What can hold a
 * platform's words is cut: `constraint` at 200 characters; message, DETAIL and HINT at 4,000.
 */
export function faultData(code: FaultCode, fields: FaultFields = {}): FaultData {
  const place: CatalogueEntry = catalogue[code]
  const message = fields.message ??
    place.message.replace('{platform}', fields.platform ?? 'the platform')
  return { ...bounded(fields), code, sqlstate: place.sqlstate, message: cut(message, textMax) }
}

function bounded(fields: FaultFields): FaultFields {
  const { constraint, detail, hint } = fields
  return {
    ...fields,
    ...(constraint === undefined ? {} : { constraint: cut(constraint, constraintMax) }),
    ...(detail === undefined ? {} : { detail: cut(detail, textMax) }),
    ...(hint === undefined ? {} : { hint: cut(hint, textMax) }),
  }
}

/** An error to throw. */
export function fault(
  code: FaultCode,
  fields: FaultFields = {},
  options?: { cause?: unknown },
): Fault {
  return new Fault(faultData(code, fields), options)
}

/** Is this JSON value the data of a fault that we know? For what comes over HTTP or out of the journal. */
export function isFaultData(value: unknown): value is FaultData {
  if (typeof value !== 'object' || value === null) return false
  const { code, sqlstate, message } = value as Record<string, unknown>
  return typeof code === 'string' && Object.hasOwn(catalogue, code) &&
    typeof sqlstate === 'string' && typeof message === 'string'
}

// Room sandbox: Salesforce's errors, in its two shapes. A request that fails answers [{message, errorCode, fields}];
// a row of a collection that fails says {success: false, errors: [{statusCode, message, fields}]}.

import type { Json } from '../json.ts'

/** One error. `status` is the HTTP status when it is the whole request's. */
export interface ApiError {
  readonly code: string
  readonly message: string
  /** Absent where Salesforce leaves the list out. */
  readonly fields?: readonly string[]
  readonly status: number
  /** What a duplicate rule found. */
  readonly duplicateResult?: Json
}

/** Thrown where a request cannot go on; the router answers it. */
export class ApiFailure extends Error {
  override name = 'ApiFailure'
  readonly errors: readonly ApiError[]

  constructor(errors: readonly ApiError[]) {
    super(errors.map(({ code, message }) => `${code}: ${message}`).join('; '))
    this.errors = errors
  }
}

export function apiError(
  code: string,
  message: string,
  { fields, status = 400 }: { fields?: readonly string[]; status?: number } = {},
): ApiError {
  return fields === undefined ? { code, message, status } : { code, message, fields, status }
}

/** An `ApiFailure` of one error, to throw. */
export function failure(
  code: string,
  message: string,
  options: { fields?: readonly string[]; status?: number } = {},
): ApiFailure {
  return new ApiFailure([apiError(code, message, options)])
}

/** The body of a request that failed. */
export function requestErrors(errors: readonly ApiError[]): Json {
  return errors.map((error) => ({
    message: error.message,
    errorCode: error.code,
    ...(error.fields === undefined ? {} : { fields: error.fields }),
    ...duplicatesIn(error),
  }))
}

function duplicatesIn({ duplicateResult }: ApiError): { duplicateResult?: Json } {
  return duplicateResult === undefined ? {} : { duplicateResult }
}

/** The errors of a row that failed. */
export function rowErrors(errors: readonly ApiError[]): Json {
  return errors.map((error) => ({
    statusCode: error.code,
    message: error.message,
    fields: error.fields ?? [],
    ...duplicatesIn(error),
  }))
}

export const noSuchResource = apiError('NOT_FOUND', 'The requested resource does not exist', {
  status: 404,
})

export const entityIsDeleted = apiError('ENTITY_IS_DELETED', 'entity is deleted', {
  fields: [],
  status: 404,
})

export const invalidCrossReference = apiError(
  'INVALID_CROSS_REFERENCE_KEY',
  'invalid cross reference id',
  { fields: [], status: 404 },
)

export const sessionExpired = apiError('INVALID_SESSION_ID', 'Session expired or invalid', {
  status: 401,
})

export const rolledBack = apiError(
  'ALL_OR_NONE_OPERATION_ROLLED_BACK',
  'Record rolled back because not all records were valid and the request was using AllOrNone header',
  { fields: [] },
)

export const processingHalted = apiError(
  'PROCESSING_HALTED',
  'The transaction was rolled back since another operation in the same transaction failed.',
)

export function malformedId(id: string): ApiError {
  return apiError('MALFORMED_ID', `malformed id ${id}`, { fields: [] })
}

export function noSuchColumn(column: string, object: string): ApiError {
  return apiError('INVALID_FIELD', `No such column '${column}' on sobject of type ${object}`)
}

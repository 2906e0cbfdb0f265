// Room sandbox: errors in HubSpot's words.
// https://developers.hubspot.com/docs/api-reference/error-handling

import type { JsonObject } from '../json.ts'
import type { ObjectType } from './objects/definition.ts'

/** What is wrong with one property. */
export interface Issue {
  readonly name: string
  readonly error: string
  readonly message: string
}

/** One error, as an answer or as a part of a partial one. */
export interface ApiError {
  readonly status: number
  readonly message: string
  readonly category?: string
  readonly context?: Readonly<Record<string, readonly string[]>>
  /** What is told beside `context` when the error is a part of a partial answer. */
  readonly partialContext?: Readonly<Record<string, readonly string[]>>
  readonly issues?: readonly Issue[]
}

export class ApiFailure extends Error {
  override name = 'ApiFailure'
  readonly error: ApiError
  constructor(error: ApiError) {
    super(error.message)
    this.error = error
  }
}

export function failure(
  message: string,
  { status = 400, category, context }: {
    status?: number
    category?: string
    context?: ApiError['context']
  } = {},
): ApiFailure {
  return new ApiFailure({
    status,
    message,
    ...(category === undefined ? {} : { category }),
    ...(context === undefined ? {} : { context }),
  })
}

export const invalid = (message: string, context?: ApiError['context']): ApiFailure =>
  failure(message, { category: 'VALIDATION_ERROR', ...(context === undefined ? {} : { context }) })

/** The values of some properties are refused: all that is wrong, in the message as JSON and once more as a list. */
export function invalidProperties(issues: readonly Issue[]): ApiError {
  const list = issues.map(({ message, error, name }) => ({ isValid: false, message, error, name }))
  return {
    status: 400,
    category: 'VALIDATION_ERROR',
    message: `Property values were not valid: ${JSON.stringify(list)}`,
    issues,
  }
}

export function missingProperties({ code }: ObjectType, names: readonly string[]): ApiError {
  return {
    status: 400,
    category: 'VALIDATION_ERROR',
    message: `Error creating ${code}. Some required properties were not set.`,
    context: { properties: names },
  }
}

/** A new record with a value that another has. `id` is null where HubSpot does not tell it. */
export function conflict({ label }: ObjectType, id: string | null): ApiError {
  const message = `${label} already exists`
  if (id === null) return { status: 409, category: 'CONFLICT', message }
  return {
    status: 409,
    category: 'CONFLICT',
    message: `${message}. Existing ID: ${id}`,
    partialContext: { existingId: [id] },
  }
}

export const notFound = (id: string): ApiFailure =>
  /^\d+$/.test(id)
    ? failure('resource not found', { status: 404, category: 'OBJECT_NOT_FOUND' })
    : failure('Object not found.  objectId are usually numeric.', {
      status: 404,
      category: 'OBJECT_NOT_FOUND',
      context: { id: [id] },
    })

export function someNotFound({ code }: ObjectType, ids: readonly string[]): ApiError {
  return {
    status: 404,
    category: 'OBJECT_NOT_FOUND',
    message:
      `Could not get some ${code} objects, they may be deleted or not exist. Check that ids are valid.`,
    context: { ids },
  }
}

/** The body of an answer that is an error. */
export function errorBody(error: ApiError, correlationId: string): JsonObject {
  return {
    status: 'error',
    message: error.message,
    correlationId,
    ...(error.context === undefined ? {} : { context: error.context }),
    ...(error.issues === undefined ? {} : { errors: error.issues.map(issueBody) }),
    ...(error.category === undefined ? {} : { category: error.category }),
  }
}

/** One of the `errors` of a partial answer. `context`: by what the input is known. */
export function errorItem(error: ApiError, context: ApiError['context']): JsonObject {
  return {
    status: 'error',
    category: error.category ?? 'VALIDATION_ERROR',
    message: error.message,
    context: { ...context, ...error.context, ...error.partialContext },
  }
}

function issueBody({ message, error, name }: Issue): JsonObject {
  return { message, code: error, context: { propertyName: [name] } }
}

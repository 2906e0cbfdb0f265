// Room platforms: reading GitHub's errors. REST: `{message, errors: [{resource, field, code, message} | text]}`; GraphQL:
// `{data, errors: [{type, path, message, locations}]}` with status 200.
// Source: GitHub Docs, Troubleshooting the REST API, Validation failed; GraphQL specification, section 7.1.2, Errors.

import { isJsonObject, type Json, tryParseJson } from '../json.ts'

/** One thing that GitHub found wrong. */
export interface ApiError {
  /** missing, missing_field, invalid, already_exists, unprocessable, custom; absent for a message alone. */
  readonly code?: string
  readonly field?: string
  readonly message: string
}

/** What a failed answer of the REST API says; none when the body is not one of the API. */
export interface RestFailure {
  readonly message: string
  readonly errors: readonly ApiError[]
}

/** Reads the body of a failed answer of the REST API. */
export function readFailure(body: string): RestFailure | undefined {
  const json = tryParseJson(body)
  if (!isJsonObject(json)) return undefined
  const message = json['message'] ?? json['error']
  if (typeof message !== 'string') return undefined
  const { errors } = json
  const items: readonly Json[] = Array.isArray(errors) ? errors : []
  return { message, errors: items.flatMap((item) => readError(item) ?? []) }
}

function readError(item: Json): ApiError | undefined {
  if (typeof item === 'string') return { message: item }
  if (!isJsonObject(item)) return undefined
  const { code, field, message } = item
  return {
    message: typeof message === 'string' ? message : '',
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof field === 'string' ? { field } : {}),
  }
}

/** An error of the GraphQL API. */
export interface GraphqlError {
  /** NOT_FOUND, FORBIDDEN, UNPROCESSABLE, RATE_LIMITED, …; absent where a document does not fit the schema. */
  readonly type?: string
  readonly message: string
  /** Where in `data`; empty: the document as a whole. */
  readonly path: readonly string[]
  /** Does it point into the document? */
  readonly located: boolean
}

/** An answer of the GraphQL API. `data` is null when nothing at all was answered. */
export interface GraphqlAnswer {
  readonly data: Readonly<Record<string, Json | undefined>> | null
  readonly errors: readonly GraphqlError[]
}

/** Reads an answer of the GraphQL API; undefined when it is not one. */
export function readAnswer(body: string): GraphqlAnswer | undefined {
  const json = tryParseJson(body)
  if (!isJsonObject(json)) return undefined
  const { data = null, errors = [] } = json
  if (data !== null && !isJsonObject(data)) return undefined
  if (!Array.isArray(errors) || (data === null && errors.length === 0)) return undefined
  const items: readonly Json[] = errors
  return { data, errors: items.map(readGraphqlError) }
}

function readGraphqlError(item: Json): GraphqlError {
  const { type, message, path, locations } = isJsonObject(item) ? item : {}
  const steps: readonly unknown[] = Array.isArray(path) ? path : []
  return {
    message: typeof message === 'string' ? message : '',
    path: steps.map((step) => typeof step === 'string' ? step : '#'),
    located: Array.isArray(locations) && locations.length > 0,
    ...(typeof type === 'string' ? { type } : {}),
  }
}

/** Types of errors that a mutation ends with before it has changed anything. */
const final: ReadonlySet<string> = new Set([
  'FORBIDDEN',
  'INSUFFICIENT_SCOPES',
  'NOT_FOUND',
  'RATE_LIMITED',
  'UNPROCESSABLE',
])

/** Does the error end one mutation of a document, surely without having changed anything? */
export function isFinal({ type, path }: GraphqlError): boolean {
  return path.length === 1 && type !== undefined && final.has(type)
}

/** Does the error say that the document was not begun: a limit, or a document that does not fit the schema? */
export function isUnbegun({ type, path, located }: GraphqlError): boolean {
  return path.length === 0 && (type === undefined ? located : final.has(type))
}

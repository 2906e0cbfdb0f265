// Room sandbox: how the GraphQL door words failures: in `errors`, with a type and the path, beside null in `data`.

import { type FieldError, type Refusal, Refused } from '../refusal.ts'

export type FailureType =
  | 'NOT_FOUND'
  | 'FORBIDDEN'
  | 'UNPROCESSABLE'
  | 'RATE_LIMITED'
  | 'MISSING_PAGINATION_BOUNDARIES'
  | 'EXCESSIVE_PAGINATION'
  | 'INVALID_CURSOR_ARGUMENTS'
  /** The sandbox's own: the schema has the field, and the sandbox no answer to it. */
  | 'NOT_IN_SANDBOX'

/** Thrown by a field's resolver; the field is null then. */
export class GraphFailure extends Error {
  override name = 'GraphFailure'
  readonly type: FailureType
  constructor(type: FailureType, message: string) {
    super(message)
    this.type = type
  }
}

/** What a refusal is at this door; any other error stays what it is. */
export function failureOf(error: unknown): unknown {
  if (!(error instanceof Refused)) return error
  const { refusal } = error
  return new GraphFailure(typeOf(refusal), sentenceOf(refusal))
}

function typeOf({ kind }: Refusal): FailureType {
  if (kind === 'forbidden') return 'FORBIDDEN'
  return kind === 'not-found' || kind === 'moved' ? 'NOT_FOUND' : 'UNPROCESSABLE'
}

function sentenceOf(refusal: Refusal): string {
  if (refusal.kind === 'invalid') return refusal.errors.map(phraseOf).join(', ')
  return 'message' in refusal && refusal.message !== undefined ? refusal.message : 'Not Found'
}

/** As Rails words it: `Title can't be blank`. */
function phraseOf({ field, code, message }: FieldError): string {
  const words = (field ?? '').replaceAll('_', ' ')
  const name = words.charAt(0).toUpperCase() + words.slice(1)
  switch (code) {
    case 'missing_field':
      return `${name} can't be blank`
    case 'already_exists':
      return `${name} has already been taken`
    case 'invalid':
      return `${name} is invalid`
    case 'missing':
      return `${name} does not exist`
    case 'custom': {
      const text = message ?? ''
      return text.charAt(0).toUpperCase() + text.slice(1)
    }
  }
}

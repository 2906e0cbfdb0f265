// Room sandbox: errors in Airtable's words. https://airtable.com/developers/web/api/errors

import type { Json } from '../json.ts'
import type { Field } from './field.ts'

export class ApiFailure extends Error {
  override name = 'ApiFailure'
  readonly status: number
  readonly body: Json
  constructor(status: number, body: Json, message: string) {
    super(message)
    this.status = status
    this.body = body
  }
}

export function failure(type: string, message: string, status = 422): ApiFailure {
  return new ApiFailure(status, { error: { type, message } }, message)
}

export const notFound = (): ApiFailure =>
  new ApiFailure(404, { error: 'NOT_FOUND' }, 'there is nothing at the path')

export const noModel = (): ApiFailure =>
  failure(
    'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND',
    'Invalid permissions, or the requested model was not found. Check that both your user and your token have ' +
      'the required permissions, and that the model names and/or ids are correct.',
    403,
  )

export const invalidRequest = (
  message = 'Invalid request: parameter validation failed. Check your request data.',
): ApiFailure => failure('INVALID_REQUEST_UNKNOWN', message)

export const cannotAccept = ({ name }: Field): ApiFailure =>
  failure('INVALID_VALUE_FOR_COLUMN', `Field "${name}" cannot accept the provided value`)

export const computedField = ({ name }: Field): ApiFailure =>
  failure(
    'INVALID_VALUE_FOR_COLUMN',
    `Field "${name}" cannot accept a value because the field is computed`,
  )

export const unknownField = (name: string): ApiFailure =>
  failure('UNKNOWN_FIELD_NAME', `Unknown field name: "${name}"`)

export const noRow = (id: string): ApiFailure =>
  failure('ROW_DOES_NOT_EXIST', `Record ID ${id} does not exist in this table`)

export const invalidFormula = (why: string): ApiFailure =>
  failure('INVALID_FILTER_BY_FORMULA', `The formula for filtering records is invalid: ${why}`)

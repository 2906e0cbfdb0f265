// Room platforms: reading Salesforce's errors. They come as `[{errorCode, message, fields}]` for a request and as
// `{success: false, errors: [{statusCode, message, fields}]}` for a record of a collection.

import { isJsonObject, type Json } from '../json.ts'

export interface ApiError {
  /** `INVALID_EMAIL_ADDRESS` */
  readonly code: string
  readonly message: string
  /** API names. */
  readonly fields: readonly string[]
  /** Ids of the records that a duplicate rule found. */
  readonly duplicateIds: readonly string[]
}

/** The rows that did nothing wrong say this when another one did. */
export const rolledBack = 'ALL_OR_NONE_OPERATION_ROLLED_BACK'

/** Another transaction holds the record: nothing was written, and the same can succeed a moment later. */
export const lockedRow = 'UNABLE_TO_LOCK_ROW'

/** Is a lock all that is wrong, so that the same may be sent again? The rows that were only rolled back do not count. */
export function areLocks(errors: readonly ApiError[]): boolean {
  const causes = errors.filter(({ code }) => code !== rolledBack)
  return causes.length > 0 && causes.every(({ code }) => code === lockedRow)
}

/** Said of a subrequest that was not carried out because another one failed. */
export const halted = 'PROCESSING_HALTED'

/** The errors in a body; none when it holds nothing that is an error of the API. */
export function readErrors(body: Json | undefined): ApiError[] {
  const items: readonly unknown[] = Array.isArray(body) ? body : [body]
  return items.flatMap((item) => readError(item) ?? [])
}

function readError(item: unknown): ApiError | undefined {
  if (!isJsonObject(item)) return undefined
  const code = item['errorCode'] ?? item['statusCode']
  if (typeof code !== 'string') return undefined
  const { message, fields } = item
  const named: readonly unknown[] = Array.isArray(fields) ? fields : []
  return {
    code,
    message: typeof message === 'string' ? message : '',
    fields: named.filter((field) => typeof field === 'string'),
    duplicateIds: duplicateIds(item['duplicateResult']),
  }
}

function duplicateIds(result: unknown): string[] {
  return listAt(result, 'matchResults')
    .flatMap((match) => listAt(match, 'matchRecords'))
    .flatMap((match) => {
      const record = isJsonObject(match) ? match['record'] : undefined
      const id = isJsonObject(record) ? record['Id'] : undefined
      return typeof id === 'string' ? [id] : []
    })
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const list = isJsonObject(value) ? value[key] : undefined
  return Array.isArray(list) ? list : []
}

/** The fields at fault: those that the error names, else those that its message names. */
export function fieldsOf({ fields, message }: ApiError): readonly string[] {
  if (fields.length > 0) return fields
  const patterns = [
    /^duplicate value found: (\w+) duplicates value/,
    /^Required fields are missing: \[([\w, ]+)\]/,
    /^No such column '(\w+)' on/,
    /^Unable to create\/update fields: ([\w, ]+)\./,
    /^(\w+): /,
  ]
  for (const pattern of patterns) {
    const found = pattern.exec(message)?.[1]
    if (found !== undefined) return found.split(',').map((field) => field.trim())
  }
  return []
}

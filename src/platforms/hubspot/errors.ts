// Room platforms: reading HubSpot's errors. A request is refused with `{status: 'error', category, message, context,
// errors}`; a batch carried out in part has a list of such errors. Every field can be missing (Error handling).

import { isJsonObject, type Json, type JsonObject, tryParseJson } from '../json.ts'

export interface ApiError {
  /** Most telling first: `INVALID_EMAIL`, `VALIDATION_ERROR`. */
  readonly codes: readonly string[]
  readonly message: string
  /** Name of the property at fault. */
  readonly property?: string
  /** Ids of the records at fault. */
  readonly ids: readonly string[]
  /** `objectWriteTraceId`s of the inputs at fault. */
  readonly traceIds: readonly string[]
  /** Id of the record that has the value already. */
  readonly existingId?: string
  /** Scopes that the token lacks. */
  readonly scopes: readonly string[]
}

/** What one error of HubSpot's says, property by property; empty when it is no error of the API. */
export function readErrors(body: Json | undefined): ApiError[] {
  if (!isJsonObject(body) || typeof body['message'] !== 'string') return []
  const whole = readError(body, body['message'])
  const listed = listedIn(whole).concat(detailsOf(body, whole))
  return listed.length === 0 ? [whole] : distinct(listed)
}

function readError(json: JsonObject, message: string): ApiError {
  const context = contextOf(json)
  const conflict = /propertyName=([^,}\s]+),.* (\d+) already has that value/s.exec(message)
  const property = propertyIn(json) ?? conflict?.[1] ??
    /not set: \[([^,\]]+)/.exec(message)?.[1]
  const existingId = stringsIn(context['existingId'])[0] ?? conflict?.[2] ??
    /Existing ID: (\d+)/.exec(message)?.[1]
  const traceIds = ['objectWriteTraceId', 'objectWriteTraceIds']
    .flatMap((key) => [...stringsIn(context[key]), ...stringsIn(json[key])])
  return {
    codes: codesIn(json),
    message,
    ...(property === undefined ? {} : { property }),
    ids: [...new Set(['ids', 'id'].flatMap((key) => stringsIn(context[key])))],
    traceIds: [...new Set(traceIds)],
    ...(existingId === undefined ? {} : { existingId }),
    scopes: ['requiredGranularScopes', 'requiredScopes', 'missingScopes']
      .flatMap((key) => stringsIn(context[key])),
  }
}

/** `subCategory` can be `crm.associations.INVALID_IDENTIFIER`. */
function codesIn(json: JsonObject): string[] {
  const { code, error, subCategory, errorType, category } = json
  return [code, error, subCategory, errorType, category]
    .filter((text) => typeof text === 'string')
    .map((text) => text.replace(/^.*\./, ''))
    .filter((text) => text !== '')
}

function contextOf(json: JsonObject): JsonObject {
  return isJsonObject(json['context']) ? json['context'] : {}
}

const propertyKeys = [
  'propertyName',
  'properties',
  'missingRequiredProperties',
  'requiredProperties',
  'property',
]

function propertyIn(json: JsonObject): string | undefined {
  const context = contextOf(json)
  const [named] = propertyKeys.flatMap((key) => stringsIn(context[key]))
  const { name } = json
  return named ?? (typeof name === 'string' ? name : undefined)
}

/** A string, or the strings of a list. */
function stringsIn(value: Json | undefined): string[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value]
  return items.filter((item) => typeof item === 'string')
}

const listedPrefix = /^Property values were not valid:\s*(?=\[)/

/** The list of properties that HubSpot writes as JSON into its message. */
function listedIn(whole: ApiError): ApiError[] {
  if (!listedPrefix.test(whole.message)) return []
  const list = tryParseJson(whole.message.replace(listedPrefix, ''))
  return partsIn(list, whole)
}

/** The list `errors` in the body. */
function detailsOf(body: JsonObject, whole: ApiError): ApiError[] {
  return partsIn(body['errors'], whole)
}

/** What a part does not say is as the whole says. */
function partsIn(list: Json | undefined, whole: ApiError): ApiError[] {
  const items: readonly unknown[] = Array.isArray(list) ? list : []
  return items.filter(isJsonObject).flatMap((item) => {
    const { message } = item
    if (typeof message !== 'string') return []
    const part = readError(item, message)
    return [{
      ...whole,
      ...part,
      codes: [...part.codes, ...whole.codes],
      ids: part.ids.length > 0 ? part.ids : whole.ids,
      traceIds: part.traceIds.length > 0 ? part.traceIds : whole.traceIds,
      scopes: part.scopes.length > 0 ? part.scopes : whole.scopes,
    }]
  })
}

/** The message's list and `errors` say the same things, and say them again for every row. */
function distinct(errors: readonly ApiError[]): ApiError[] {
  const seen = new Set<string>()
  return errors.filter(({ codes: [code = ''], property = '', message }) => {
    const key = JSON.stringify([code, property, message])
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

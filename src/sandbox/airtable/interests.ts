// Room sandbox: what a webhook wants to be told of. https://airtable.com/developers/web/api/model/webhooks-specification

import { isArray, isObject, type Json, scalarText } from '../json.ts'
import { tables } from './schema.ts'

const changeTypes = ['add', 'remove', 'update'] as const
export type ChangeType = typeof changeTypes[number]

const dataTypes: readonly string[] = ['tableData', 'tableFields', 'tableMetadata']

export interface Filters {
  /** The only table; null: all of them. */
  readonly tableId: string | null
  readonly changeTypes: ReadonlySet<ChangeType>
  /** Records and cells, made by the API? Nothing else ever changes here. */
  readonly isOfData: boolean
  /** The only fields; null: all of them. */
  readonly fieldIds: ReadonlySet<string> | null
}

/** null: they are no filters. A view is none of the scopes that the sandbox has. */
export function readFilters(json: Json | undefined): Filters | null {
  if (!isObject(json)) return null
  const types = listOf(json['dataTypes'])
  const changes = listOf(json['changeTypes'] ?? [...changeTypes])
  const sources = listOf(json['fromSources'] ?? ['publicApi'])
  const fields = json['watchDataInFieldIds']
  const scope = json['recordChangeScope']
  const isGood = types.length > 0 && types.every((type) => dataTypes.includes(type)) &&
    changes.every((type) => changeTypes.some((known) => known === type)) &&
    (scope === undefined || tables.some(({ id }) => id === scope))
  if (!isGood) return null
  return {
    tableId: scalarText(scope),
    changeTypes: new Set(changeTypes.filter((type) => changes.includes(type))),
    isOfData: types.includes('tableData') && sources.includes('publicApi'),
    fieldIds: fields === undefined ? null : new Set(listOf(fields)),
  }
}

function listOf(json: Json | undefined): readonly string[] {
  return isArray(json) ? json.map((item) => scalarText(item) ?? '') : []
}

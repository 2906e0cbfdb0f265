// Room sandbox: the fields of Airtable's tables, as data. https://airtable.com/developers/web/api/field-model

import type { JsonObject } from '../json.ts'

export type FieldType =
  | 'singleLineText'
  | 'email'
  | 'url'
  | 'phoneNumber'
  | 'multilineText'
  | 'richText'
  | 'number'
  | 'currency'
  | 'percent'
  | 'duration'
  | 'rating'
  | 'checkbox'
  | 'date'
  | 'dateTime'
  | 'singleSelect'
  | 'multipleSelects'
  | 'multipleRecordLinks'
  | 'multipleAttachments'
  | 'formula'
  | 'rollup'
  | 'count'
  | 'multipleLookupValues'
  | 'autoNumber'
  | 'createdTime'
  | 'lastModifiedTime'

export interface Field {
  readonly id: string
  readonly name: string
  readonly type: FieldType
  /** As the meta API gives them; null for a type that has none. */
  readonly options: JsonObject | null
  /** The names that a select takes. */
  readonly choices: readonly string[]
  /** Where a link leads: the ids of the table and of its field that leads back. */
  readonly link: { readonly tableId: string; readonly inverseId: string } | null
}

export interface Table {
  readonly id: string
  readonly name: string
  /** The first field is the primary one. */
  readonly fields: readonly Field[]
  readonly view: { readonly id: string; readonly name: string }
}

const computedTypes: ReadonlySet<FieldType> = new Set([
  'formula',
  'rollup',
  'count',
  'multipleLookupValues',
  'autoNumber',
  'createdTime',
  'lastModifiedTime',
])

/** Does Airtable work the value out itself? */
export function isComputed({ type }: Field): boolean {
  return computedTypes.has(type)
}

/** A field of the table by its id or its name. */
export function findField({ fields }: Table, idOrName: string): Field | undefined {
  return fields.find(({ id }) => id === idOrName) ?? fields.find(({ name }) => name === idOrName)
}

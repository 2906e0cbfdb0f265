// Room platforms: Airtable's fields as columns. Source: Airtable Web API reference, "Field types and cell values".

import type { Column } from '../../mutation/table.ts'
import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import { nameOfWords, uniqueNames } from '../names.ts'
import { own } from '../own.ts'

/** A field as the base's schema describes it. */
export interface Field {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly options: JsonObject
}

/** Reads a field; undefined for what is none. */
export function readField(json: Json): Field | undefined {
  if (!isJsonObject(json)) return undefined
  const { id, name, type, options } = json
  if (typeof id !== 'string' || typeof name !== 'string' || typeof type !== 'string') {
    return undefined
  }
  return { id, name, type, options: isJsonObject(options) ? options : {} }
}

/** Types of fields by their type in Postgres. What is not here is jsonb: the API's value as it is. */
const types: Readonly<Record<string, string>> = {
  singleLineText: 'text',
  multilineText: 'text',
  richText: 'text',
  email: 'text',
  url: 'text',
  phoneNumber: 'text',
  singleSelect: 'text',
  externalSyncSource: 'text',
  number: 'numeric',
  currency: 'numeric',
  percent: 'numeric',
  duration: 'numeric',
  rating: 'integer',
  count: 'integer',
  autoNumber: 'integer',
  checkbox: 'boolean',
  date: 'date',
  dateTime: 'timestamptz',
  createdTime: 'timestamptz',
  lastModifiedTime: 'timestamptz',
  multipleSelects: 'text[]',
  multipleRecordLinks: 'text[]',
}

/**
 * An upsert can merge on them ("Update multiple records", fieldsToMergeOn: number, text, long text, single select, date).
 * Airtable promises of none that no two records have the same value.
 */
const mergeable: ReadonlySet<string> = new Set([
  'singleLineText',
  'multilineText',
  'email',
  'url',
  'phoneNumber',
  'singleSelect',
  'number',
  'date',
])

/** Computed, or set by Airtable. */
const readOnly: ReadonlySet<string> = new Set([
  'aiText',
  'autoNumber',
  'button',
  'count',
  'createdBy',
  'createdTime',
  'externalSyncSource',
  'formula',
  'lastModifiedBy',
  'lastModifiedTime',
  'lookup',
  'manualSort',
  'multipleLookupValues',
  'rollup',
])

/** The column of a record's `createdTime`, which is not a field. */
export const createdTime = 'createdTime'

/**
 * The columns of a table: id, created_time, then its fields in their order, named after their names. The field's id is
 * kept, so that a field that is renamed is the same column until the sync is set up anew.
 */
export function columnsOf(fields: readonly Field[]): Column[] {
  const proposals = new Map(fields.map((field) => [field.id, nameOfWords(field.name)]))
  const names = uniqueNames(fields.map(({ id }) => id), (id) => proposals.get(id) ?? id, [
    'id',
    'created_time',
  ])
  return [
    assigned('id', 'id', 'text'),
    assigned('created_time', createdTime, 'timestamptz'),
    ...fields.map((field) => columnOf(field, names.get(field.id) ?? field.id)),
  ]
}

function assigned(name: string, field: string, type: string): Column {
  return { name, field, type, insertable: false, updatable: false, required: false }
}

function columnOf(field: Field, name: string): Column {
  const writable = !readOnly.has(field.type)
  return {
    name,
    field: field.id,
    type: typeOf(field),
    insertable: writable,
    updatable: writable,
    required: false, // Airtable has no required fields
    ...(mergeable.has(field.type) ? { upsert: 'loose' } : {}),
    ...(holdsAttachments(field) ? { volatile: ['url', 'thumbnails'] } : {}),
  }
}

/** Their URLs expire after two hours, and each answer has new ones ("Field types and cell values", Attachment). */
function holdsAttachments({ type, options }: Field): boolean {
  if (type === 'multipleAttachments') return true
  const result = options['result']
  return isJsonObject(result) && result['type'] === 'multipleAttachments'
}

function typeOf({ type, options }: Field): string {
  if (type !== 'formula' && type !== 'rollup') return own(types, type) ?? 'jsonb'
  const result = options['result']
  const of = isJsonObject(result) ? result['type'] : undefined
  // a formula of checkboxes or selections gives what its author made of it
  const known = typeof of === 'string' ? own(types, of) : undefined
  return known === undefined || known.endsWith('[]') ? 'jsonb' : known
}

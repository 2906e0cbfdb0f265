// Room platforms: from a field of a Salesforce describe to a column of a synced table.
// Source: Object Reference, Primitive Data Types and Field Types; Metadata REST resource sObject Describe.

import type { Column } from '../../mutation/table.ts'
import { isJsonObject, type Json, toInteger } from '../json.ts'
import { uniqueNames } from '../names.ts'
import { columnName } from './names.ts'

/** What we read of a field's description. */
export interface Field {
  readonly name: string
  readonly type: string
  readonly precision: number
  readonly scale: number
  readonly calculated: boolean
  readonly createable: boolean
  readonly updateable: boolean
  readonly nillable: boolean
  readonly defaultedOnCreate: boolean
  readonly externalId: boolean
  readonly unique: boolean
}

/** Reads one entry of `fields`; undefined when it is not a field's description. */
export function readField(json: Json): Field | undefined {
  if (!isJsonObject(json)) return undefined
  const { name, type } = json
  if (typeof name !== 'string' || !/^[A-Za-z]\w*$/.test(name)) return undefined
  if (typeof type !== 'string') return undefined
  return {
    name,
    type,
    precision: toInteger(json['precision']) ?? 0,
    scale: toInteger(json['scale']) ?? 0,
    calculated: json['calculated'] === true,
    createable: json['createable'] === true,
    updateable: json['updateable'] === true,
    nillable: json['nillable'] === true,
    defaultedOnCreate: json['defaultedOnCreate'] === true,
    externalId: json['externalId'] === true,
    unique: json['unique'] === true,
  }
}

/** The columns of a table, `id` first, then in the order of the describe. Binary fields have none. */
export function columnsOf(fields: readonly Field[]): Column[] {
  const kept = fields.filter(({ name, type }) => name !== 'Id' && type !== 'base64')
  const names = uniqueNames(['Id', ...kept.map(({ name }) => name)], columnName)
  return [idOf(), ...kept.map((field) => columnOf(field, names.get(field.name) ?? field.name))]
}

function idOf(): Column {
  return {
    name: 'id',
    field: 'Id',
    type: 'varchar(18)',
    insertable: false,
    updatable: false,
    required: false,
  }
}

function columnOf(field: Field, name: string): Column {
  const type = typeOf(field)
  // Compound fields are written through their parts (Object Reference, Compound Fields).
  const writable = type !== 'jsonb'
  const required = field.createable && !field.nillable && !field.defaultedOnCreate &&
    field.type !== 'boolean'
  return {
    name,
    field: field.name,
    type,
    insertable: writable && field.createable,
    updatable: writable && field.updateable,
    required: writable && required,
    ...(writable ? upsertOf(field) : {}),
  }
}

/** An upsert goes by an external id (Upsert Records Using sObject Collections: "Only external ids are supported"). */
function upsertOf(
  { externalId, unique, createable, updateable }: Field,
): Pick<Column, 'upsert'> {
  if (!externalId || !createable || !updateable) return {}
  return { upsert: unique ? 'unique' : 'loose' }
}

/** Lengths are left to the platform: they change there, and it says what is too long. */
function typeOf(field: Field): string {
  switch (field.type) {
    case 'id':
    case 'reference':
      return 'varchar(18)'
    case 'string':
    case 'textarea':
    case 'phone':
    case 'url':
    case 'email':
    case 'picklist':
    case 'combobox':
    case 'encryptedstring':
    case 'datacategorygroupreference':
      return 'text'
    case 'multipicklist':
      return 'text[]'
    case 'boolean':
      return 'boolean'
    case 'int':
      return 'integer'
    case 'long':
      return 'bigint'
    case 'double':
    case 'currency':
    case 'percent':
      return numericOf(field)
    case 'date':
      return 'date'
    case 'datetime':
      return 'timestamptz'
    case 'time':
      return 'time'
    default:
      // address, location, complexvalue, anyType, json, and whatever a later version adds
      return 'jsonb'
  }
}

/** A formula can compute more digits than its description says, so it gets no limit. */
function numericOf({ precision, scale, calculated }: Field): string {
  const limited = !calculated && precision > 0 && scale >= 0 && scale <= precision
  return limited ? `numeric(${precision},${scale})` : 'numeric'
}

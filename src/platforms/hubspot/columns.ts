// Room platforms: from a HubSpot property to a column of a synced table.
// Source: CRM API guide, Properties: property types, modificationMetadata.

import type { Column } from '../../mutation/table.ts'
import { isJsonObject, type Json } from '../json.ts'
import { uniqueNames } from '../names.ts'

/** What we read of a property's definition. */
export interface Property {
  readonly name: string
  readonly type: string
  readonly fieldType: string
  readonly writable: boolean
  /** No two records have the same value. */
  readonly unique: boolean
}

/** Reads one entry of `results`; undefined when it is not a property's definition. */
export function readProperty(json: Json): Property | undefined {
  if (!isJsonObject(json)) return undefined
  const { name, type, fieldType, modificationMetadata } = json
  if (typeof name !== 'string' || name === '' || typeof type !== 'string') return undefined
  const readOnly = isJsonObject(modificationMetadata) && modificationMetadata['readOnlyValue']
  return {
    name,
    type,
    fieldType: typeof fieldType === 'string' ? fieldType : '',
    unique: json['hasUniqueValue'] === true,
    writable: json['calculated'] !== true && readOnly !== true && !internalTypes.has(type),
  }
}

/** Properties of these types cannot be edited. */
const internalTypes: ReadonlySet<string> = new Set(['json', 'object_coordinates'])

const fixed = { insertable: false, updatable: false, required: false } as const

/** What every record has beside its properties. Names of properties are in lower case, so no field is another's. */
const own = {
  id: { name: 'id', field: 'id', type: 'text', ...fixed },
  createdAt: { name: 'created_at', field: 'createdAt', type: 'timestamptz', ...fixed },
  updatedAt: { name: 'updated_at', field: 'updatedAt', type: 'timestamptz', ...fixed },
} as const satisfies Record<string, Column>

const ownNames = Object.values(own).map(({ name }) => name)

/** What the object's own page says of its properties, by their names. */
export interface Known {
  readonly required: readonly string[]
  readonly unique: readonly string[]
}

/** The columns of a table: `id`, then a column for every property under its name, then `created_at`, `updated_at`. */
export function columnsOf(
  properties: readonly Property[],
  { required, unique }: Known,
): Column[] {
  const names = uniqueNames(properties.map(({ name }) => name), (name) => name, ownNames)
  const columns = properties.map((property): Column => ({
    name: names.get(property.name) ?? property.name,
    field: property.name,
    type: typeOf(property),
    insertable: property.writable,
    updatable: property.writable,
    required: property.writable && required.includes(property.name),
    ...(isKey(property, unique) ? { upsert: 'unique' } : {}),
  }))
  return [own.id, ...columns, own.createdAt, own.updatedAt]
}

/** Can a record be found by it (CRM API guide, batch upsert: `idProperty`)? */
function isKey(property: Property, unique: readonly string[]): boolean {
  const type = typeOf(property)
  return property.writable && (type === 'text' || type === 'numeric') &&
    (property.unique || unique.includes(property.name))
}

/** Is it a column that every record has beside its properties? */
export function isOwn({ name, field }: Column): boolean {
  return Object.values(own).some((column) => column.name === name && column.field === field)
}

/** The properties behind the columns. */
export function propertiesOf(columns: readonly Column[]): string[] {
  return columns.filter((column) => !isOwn(column)).map(({ field }) => field)
}

function typeOf({ type, fieldType }: Property): string {
  switch (type) {
    case 'number':
      return 'numeric'
    case 'date':
      return 'date'
    case 'datetime':
      return 'timestamptz'
    case 'bool':
      return 'boolean'
    case 'enumeration':
      return fieldType === 'checkbox' ? 'text[]' : 'text'
    case 'json':
    case 'object_coordinates':
      return 'jsonb'
    default:
      // string, phone_number, and whatever is added
      return 'text'
  }
}

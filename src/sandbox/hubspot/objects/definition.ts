// Room sandbox: what one type of HubSpot's objects is.

import { datetime, external, number, type Property, readOnly, text } from '../property.ts'

export interface ObjectType {
  /** As in URLs: `contacts`. */
  readonly name: string
  /** As in URLs, too: `0-1`. */
  readonly id: string
  /** As in messages: `CONTACT`. */
  readonly code: string
  readonly label: string
  readonly labels: string
  readonly createdName: string
  readonly modifiedName: string
  /** Shown when a request does not say which. */
  readonly defaults: readonly string[]
  /** Needed for a new record. */
  readonly required: readonly string[]
  readonly primary: string
  readonly custom: boolean
  readonly properties: readonly Property[]
  readonly byName: ReadonlyMap<string, Property>
  /** Names of the properties that no two records have the same value of. */
  readonly unique: readonly string[]
}

interface Outline {
  readonly name: string
  readonly id: string
  readonly code: string
  readonly label: string
  readonly labels: string
  readonly primary: string
  readonly properties: readonly Property[]
  readonly defaults?: readonly string[]
  readonly required?: readonly string[]
  /** Names of the properties that hold when a record was made and changed. */
  readonly stamps?: readonly [created: string, modified: string]
  readonly custom?: boolean
}

/** An object type with the properties that every type has. */
export function defineObject(outline: Outline): ObjectType {
  const [createdName, modifiedName] = outline.stamps ?? ['createdate', 'hs_lastmodifieddate']
  const groupName = `${outline.code.toLowerCase()}information`
  const own = outline.properties.map((one) => ({ ...one, groupName }))
  const common = [
    readOnly(datetime(createdName, 'Create date')),
    readOnly(datetime(modifiedName, 'Last modified date')),
    readOnly(number('hs_object_id', 'Record ID')),
    readOnly(text('hs_object_source', 'Record creation source')),
    readOnly(text('hs_object_source_label', 'Record source')),
    readOnly({
      ...external('hs_merged_object_ids', 'Merged record IDs', []),
      fieldType: 'checkbox',
    }),
  ].map((one) => ({ ...one, groupName }))
  const properties = [...own, ...common]
  return {
    name: outline.name,
    id: outline.id,
    code: outline.code,
    label: outline.label,
    labels: outline.labels,
    createdName,
    modifiedName,
    defaults: [...(outline.defaults ?? []), createdName, modifiedName, 'hs_object_id'],
    required: outline.required ?? [],
    primary: outline.primary,
    custom: outline.custom ?? false,
    properties,
    byName: new Map(properties.map((one) => [one.name, one])),
    unique: properties.filter(({ unique }) => unique).map(({ name }) => name),
  }
}

/** The owners that a record may have. */
export const ownerIds = ['41629779', '41629780'] as const

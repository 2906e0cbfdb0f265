// Room sandbox: a record as an API answer shows it.

import type { Json } from '../json.ts'
import type { Field } from './field.ts'
import type { Row } from './org.ts'

/** `/services/data/v60.0`, which every URL in an answer starts with. */
export type BasePath = string

export function attributesOf(row: Row, base: BasePath): Json {
  return { type: row.object.name, url: `${base}/sobjects/${row.object.name}/${row.id}` }
}

/** The record with these fields, in their order, after its attributes. */
export function renderRow(row: Row, fields: readonly Field[], base: BasePath): Json {
  const shown: Record<string, Json> = { attributes: attributesOf(row, base) }
  for (const field of fields) shown[field.name] = renderField(row, field)
  return shown
}

export function renderField(row: Row, field: Field): Json {
  if (field.type === 'address') return renderAddress(row, field)
  if (field.name === 'PhotoUrl') return `/services/images/photo/${row.id}`
  return row.values.get(field.name) ?? null
}

/** The parts of an address together; null when it has none. */
function renderAddress(row: Row, field: Field): Json {
  const prefix = field.name.replace(/Address$/, '')
  const part = (name: string): Json => row.values.get(`${prefix}${name}`) ?? null
  const whole = {
    city: part('City'),
    country: part('Country'),
    geocodeAccuracy: part('GeocodeAccuracy'),
    latitude: part('Latitude'),
    longitude: part('Longitude'),
    postalCode: part('PostalCode'),
    state: part('State'),
    street: part('Street'),
  }
  return Object.values(whole).every((value) => value === null) ? null : whole
}

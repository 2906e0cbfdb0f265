// Room sandbox: a record as an API answer shows it.

import { type Json, writeJson } from '../json.ts'
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

const addressParts = [
  'City',
  'Country',
  'GeocodeAccuracy',
  'Latitude',
  'Longitude',
  'PostalCode',
  'State',
  'Street',
] as const

/** The fields of an address's parts, by the name of the address. */
const partFields = new Map<string, readonly string[]>()

function partsOf(address: string): readonly string[] {
  const known = partFields.get(address)
  if (known !== undefined) return known
  const names = addressParts.map((part) => address.replace(/Address$/, part))
  partFields.set(address, names)
  return names
}

/** The parts of an address together; null when it has none. */
function renderAddress({ values }: Row, field: Field): Json {
  const names = partsOf(field.name)
  if (names.every((name) => (values.get(name) ?? null) === null)) return null
  return Object.fromEntries(addressParts.map((part, i) => {
    const key = part.charAt(0).toLowerCase() + part.slice(1)
    return [key, values.get(names[i] ?? '') ?? null]
  }))
}

/** Many records with these fields, as the text of a JSON array, without making all of them first. */
export function writeRows(
  rows: Iterable<Row>,
  fields: readonly Field[],
  base: BasePath,
): string {
  const heads = fields.map((field) => ({ field, head: `,${JSON.stringify(field.name)}:` }))
  const texts: string[] = []
  // joined row by row: a text grown piece by piece keeps all its pieces
  const parts: string[] = []
  for (const row of rows) {
    parts.length = 0
    for (const { field, head } of heads) parts.push(head, writeJson(renderField(row, field)))
    texts.push(`{"attributes":${writeJson(attributesOf(row, base))}${parts.join('')}}`)
  }
  return `[${texts.join(',')}]`
}

// Room sandbox: records as Airtable gives them: empty cells are left out, computed ones are worked out.

import { type Json, JsonNumber, type JsonObject, scalarText } from '../json.ts'
import { type Base, idsIn, type Row } from './base.ts'
import { writeInstant } from './dates.ts'
import { type Field, findField } from './field.ts'
import { findTable } from './schema.ts'

export interface Showing {
  /** Are fields called by their ids? */
  readonly byId: boolean
  /** Only these; null: all. */
  readonly fields: readonly Field[] | null
}

export function renderRow(base: Base, row: Row, { byId, fields }: Showing): JsonObject {
  const shown = (fields ?? row.table.fields).flatMap((field) => {
    const value = cellOf(base, row, field)
    return value === null ? [] : [[byId ? field.id : field.name, value] as const]
  })
  return {
    id: row.id,
    createdTime: writeInstant(row.createdAtMs),
    fields: Object.fromEntries(shown),
  }
}

/** What a cell holds, stored or computed; null when it is empty. */
export function cellOf(base: Base, row: Row, field: Field): Json {
  switch (field.type) {
    case 'formula':
      return formulaValue(row, field)
    case 'rollup':
      return sum(linkedCells(base, row, field))
    case 'count':
      return idsIn(row.cells.get(text(field.options?.['recordLinkFieldId']))).length
    case 'multipleLookupValues': {
      const values = linkedCells(base, row, field)
      return values.length === 0 ? null : values
    }
    case 'autoNumber':
      return row.number
    case 'createdTime':
      return writeInstant(row.createdAtMs)
    case 'lastModifiedTime':
      return row.modifiedAtMs === null ? null : writeInstant(row.modifiedAtMs)
    default:
      return row.cells.get(field.id) ?? null
  }
}

function text(json: Json | undefined): string {
  return scalarText(json) ?? ''
}

/** The two formulas that the base has. */
function formulaValue({ table, cells }: Row, { name }: Field): Json {
  const valueOf = (other: string) => cells.get(findField(table, other)?.id ?? '')
  if (name === 'Active Points') return valueOf('Active') === true ? 1 : 0
  return `${text(valueOf('Name'))} <${text(valueOf('Email'))}>`
}

/** The cells that a lookup or a rollup draws on. */
function linkedCells(base: Base, row: Row, { options }: Field): readonly Json[] {
  const link = findField(row.table, text(options?.['recordLinkFieldId']))
  const table = findTable(link?.link?.tableId ?? '')
  const fieldId = text(options?.['fieldIdInLinkedTable'])
  if (link === undefined || table === undefined) return []
  const ids = idsIn(row.cells.get(link.id))
  return ids.flatMap((id) => base.get(table, id)?.cells.get(fieldId) ?? [])
}

/** The sum of whole numbers; others do not count. */
function sum(values: readonly Json[]): Json {
  const wholes = values.map(text).filter((value) => /^-?\d+$/.test(value))
  return new JsonNumber(wholes.reduce((total, value) => total + BigInt(value), 0n).toString())
}

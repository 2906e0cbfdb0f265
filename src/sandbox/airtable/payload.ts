// Room sandbox: what a payload says of records: which were created, which cells of which changed, computed ones among them,
// and which are gone. https://airtable.com/developers/web/api/model/webhooks-table-changed

import { isArray, isObject, type Json, type JsonObject, scalarText, writeJson } from '../json.ts'
import { type Base, idsIn, type Row, type Turn } from './base.ts'
import { writeInstant } from './dates.ts'
import { type Field, findField, type Table } from './field.ts'
import type { Filters } from './interests.ts'
import { cellOf } from './render.ts'
import { findTable, tables } from './schema.ts'

/** By the id of the table, as far as the filters let it through. */
export function changesOf(base: Base, turns: readonly Turn[], filters: Filters): JsonObject {
  const told = tables.flatMap((table) => {
    if (!filters.isOfData || (filters.tableId ?? table.id) !== table.id) return []
    const change = changeOf(base, table, { turns, filters })
    return Object.keys(change).length === 0 ? [] : [[table.id, change] as const]
  })
  return Object.fromEntries(told)
}

function changeOf(
  base: Base,
  table: Table,
  { turns, filters }: { turns: readonly Turn[]; filters: Filters },
): JsonObject {
  const created: Record<string, Json> = {}
  const changed: Record<string, Json> = {}
  const destroyed: string[] = []
  for (const { id, before, after } of turns.filter((turn) => turn.table === table)) {
    if (before === undefined && after !== undefined) created[id] = createdRecord(base, after)
    else if (after === undefined) destroyed.push(id)
    else if (before !== undefined) {
      const fields = table.fields.filter((field) => isChanged(base, field, { before, after }))
      changed[id] = changedRecord(base, after, watched(fields, filters))
    }
  }
  for (const [row, fields] of dependents(base, table, turns)) {
    if (row.id in created) continue
    changed[row.id] ??= changedRecord(base, row, watched(fields, filters))
  }
  for (const [id, record] of Object.entries(changed)) if (record === null) delete changed[id]
  const of = (type: 'add' | 'remove' | 'update') => filters.changeTypes.has(type)
  return {
    ...(of('add') && Object.keys(created).length > 0 ? { createdRecordsById: created } : {}),
    ...(of('update') && Object.keys(changed).length > 0 ? { changedRecordsById: changed } : {}),
    ...(of('remove') && destroyed.length > 0 ? { destroyedRecordIds: destroyed } : {}),
  }
}

function watched(fields: readonly Field[], { fieldIds }: Filters): readonly Field[] {
  return fields.filter(({ id }) => fieldIds === null || fieldIds.has(id))
}

function createdRecord(base: Base, row: Row): JsonObject {
  const cellValuesByFieldId = cellsOf(base, row, row.table.fields)
  return { createdTime: writeInstant(row.createdAtMs), cellValuesByFieldId }
}

/** null: nothing of it is watched. */
function changedRecord(base: Base, row: Row, fields: readonly Field[]): JsonObject | null {
  if (fields.length === 0) return null
  const cells = Object.fromEntries(fields.map(({ id }) => [id, null]))
  return { current: { cellValuesByFieldId: { ...cells, ...cellsOf(base, row, fields) } } }
}

function isChanged(
  base: Base,
  field: Field,
  { before, after }: { before: Row; after: Row },
): boolean {
  return writeJson(cellOf(base, before, field)) !== writeJson(cellOf(base, after, field))
}

/** Rows of the table whose lookups and rollups draw on cells that have changed in another, with those fields. */
function dependents(base: Base, table: Table, turns: readonly Turn[]): Map<Row, Field[]> {
  const found = new Map<Row, Field[]>()
  for (const field of table.fields) {
    const link = findField(table, scalarText(field.options?.['recordLinkFieldId']) ?? '')?.link
    const source = scalarText(field.options?.['fieldIdInLinkedTable'])
    if (link === undefined || link === null || source === null) continue
    for (const { before, after } of turns.filter(({ table: { id } }) => id === link.tableId)) {
      if (before === undefined || after === undefined) continue
      if (
        writeJson(before.cells.get(source) ?? null) === writeJson(after.cells.get(source) ?? null)
      ) {
        continue
      }
      for (const id of idsIn(after.cells.get(link.inverseId))) {
        const row = base.get(table, id)
        if (row !== undefined) found.set(row, [...found.get(row) ?? [], field])
      }
    }
  }
  return found
}

function cellsOf(base: Base, row: Row, fields: readonly Field[]): JsonObject {
  const cells = fields.flatMap((field) => {
    const value = cellOf(base, row, field)
    return value === null ? [] : [[field.id, inFull(base, field, value)] as const]
  })
  return Object.fromEntries(cells)
}

/** Choices and linked records are told with their names ("V2 cell value format"). */
function inFull(base: Base, field: Field, value: Json): Json {
  switch (field.type) {
    case 'singleSelect':
      return choiceOf(field, value)
    case 'multipleSelects':
      return isArray(value) ? value.map((one) => choiceOf(field, one)) : value
    case 'multipleRecordLinks': {
      const table = findTable(field.link?.tableId ?? '')
      return idsIn(value).map((id) => {
        const linked = table && base.get(table, id)
        return { id, name: linked?.cells.get(linked.table.fields[0]?.id ?? '') ?? '' }
      })
    }
    default:
      return value
  }
}

function choiceOf({ options }: Field, name: Json): Json {
  const choices = options?.['choices']
  const choice = isArray(choices)
    ? choices.find((one) => isObject(one) && one['name'] === name)
    : undefined
  return choice ?? name
}

// Room sync: which of a platform's objects and fields become tables and columns.

import { Fault, fault } from '../mutation/fault.ts'
import { type Column, idColumn, type SyncedTable, traitsOf } from '../mutation/table.ts'
import type { Adapter, Caller, TableShape } from '../platforms/platform.ts'
import type { Selection } from '../store/syncs.ts'
import { freeName } from './drift-plan.ts'

/** What a platform said of the objects that were asked for. */
export interface Described {
  readonly shapes: readonly TableShape[]
  /** Objects that it does not describe, and why. */
  readonly missing: readonly { readonly object: string; readonly fault: Fault }[]
}

/** Faults that are about one object; others would be the same for all. */
const ofOne: ReadonlySet<string> = new Set(['not_found', 'not_permitted', 'record_gone'])

/**
 * Describes the objects: all at once, and where that fails because of one of them, each by itself, so that the others are
 * described all the same. Throws the Fault that is about none of them.
 */
export async function describeObjects(
  adapter: Pick<Adapter, 'describe'>,
  { objects, caller }: { objects: readonly string[]; caller: Caller },
): Promise<Described> {
  try {
    return { shapes: await adapter.describe(objects, caller), missing: [] }
  } catch (error) {
    if (!(error instanceof Fault) || !ofOne.has(error.code)) throw error
    if (objects.length === 1) {
      return { shapes: [], missing: [{ object: objects[0] ?? '', fault: error }] }
    }
  }
  const present: string[] = []
  const missing: { object: string; fault: Fault }[] = []
  for (const object of objects) {
    try {
      await adapter.describe([object], caller)
      present.push(object)
    } catch (error) {
      if (!(error instanceof Fault) || !ofOne.has(error.code)) throw error
      missing.push({ object, fault: error })
    }
  }
  // once more together: names that two of them would like are given to one
  const shapes = present.length === 0 ? [] : await adapter.describe(present, caller)
  return { shapes, missing }
}

/**
 * The shape as a table of the sync, with the fields that were chosen: `id`, what a new record needs and what records are
 * addressed by are always among them. `unchosen`: the fields that are left out. Throws `bad_request` for a field that
 * there is not, unless it is `lenient`: a field that was chosen once may be gone by now.
 */
export function chooseFields(
  shape: TableShape,
  { syncId, platform, schema, selection, lenient = false }:
    & Pick<SyncedTable, 'syncId' | 'platform' | 'schema'>
    & { selection: Selection; lenient?: boolean },
): { table: SyncedTable; unchosen: ReadonlySet<string> } {
  const { object, name, columns } = shape
  const wanted = selection.fields?.[object] ?? selection.fields?.[name]
  const chosen = wanted === undefined ? columns : pick(shape, { wanted, lenient })
  const unchosen = new Set(
    columns.filter((column) => !chosen.includes(column)).map(({ field }) => field),
  )
  const table = { syncId, platform, schema, name, object, columns: chosen, ...traitsOf(shape) }
  return { table, unchosen }
}

function pick(
  shape: TableShape,
  { wanted, lenient }: { wanted: readonly string[]; lenient: boolean },
): readonly Column[] {
  const { columns, keyColumns = [], object } = shape
  const isNamed = ({ name, field }: Column) => wanted.includes(field) || wanted.includes(name)
  const unknown = wanted.find((word) =>
    !columns.some(({ name, field }) => name === word || field === word)
  )
  if (unknown !== undefined && !lenient) {
    const names = columns.map(({ field }) => field).join(', ')
    throw fault('bad_request', {
      message: `object "${object}" has no field "${unknown}"`,
      hint: `It has ${names}.`,
    })
  }
  return columns.filter((column) =>
    column.name === idColumn || column.required || keyColumns.includes(column.name) ||
    isNamed(column)
  )
}

/**
 * Names for the tables: a table that is known keeps its own, under whatever name its object is described now; a new one
 * takes the first that is free. `foreign`: relations of the schema that are not the sync's.
 */
export function nameTables(
  described: readonly SyncedTable[],
  { known, foreign }: { known: readonly SyncedTable[]; foreign: ReadonlySet<string> },
): readonly SyncedTable[] {
  const taken = new Set([...foreign, ...known.map(({ name }) => name)])
  return described.map((table) => {
    const old = known.find(({ object }) => object === table.object)
    const name = old?.name ?? freeName(table.name, taken)
    taken.add(name)
    return name === table.name ? table : { ...table, name, label: table.name }
  })
}

// Room platforms: GitHub's objects as tables. They are the same for every account, so nothing is asked.

import { fault } from '../../mutation/fault.ts'
import { traitsOf } from '../../mutation/table.ts'
import type { TableShape } from '../platform.ts'
import type { GithubTable } from './columns.ts'
import { tables } from './tables.ts'

/** Describes these objects, in this order. @throws Fault not_found for one that is not a table */
export async function describe(objects: readonly string[]): Promise<TableShape[]> {
  return objects.map((object) => shapeOf(tableFor(object)))
}

/** The table of this object. @throws Fault not_found */
export function tableFor(object: string): GithubTable {
  const table = tables.get(object)
  if (table !== undefined) return table
  throw fault('not_found', {
    platform: 'github',
    hint: `GitHub's tables are ${[...tables.keys()].join(', ')}; "${object}" is none of them.`,
  })
}

function shapeOf(table: GithubTable): TableShape {
  return {
    object: table.name,
    name: table.name,
    columns: table.columns.map(({ empty: _empty, ...column }) => column),
    ...traitsOf(table),
  }
}

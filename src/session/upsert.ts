// Room session: INSERT … ON CONFLICT DO UPDATE: which of them one request to the platform carries out exactly, and what is
// told of the others.

import type { UpsertRequest } from '../engine/deps.ts'
import { type Fault, fault, type FaultFields } from '../mutation/fault.ts'
import { upsertLimits } from '../mutation/limits.ts'
import { findColumn, type SyncedTable } from '../mutation/table.ts'
import type { Target, Upsert } from '../sql/index.ts'

/** The way round that is open to every upsert. */
export const upsertRecipe =
  'UPDATE the row; then INSERT … SELECT … WHERE NOT EXISTS (SELECT FROM … WHERE …).'

/** Message and hint of the forms that no platform carries out. */
export const upsertForm = [
  'this form of ON CONFLICT DO UPDATE is not supported on a synced table',
  upsertRecipe,
] as const

const differences: Readonly<Record<Extract<Upsert, { plain: false }>['differs'], string>> = {
  target: 'The platform finds a record by one column: write ON CONFLICT (column).',
  value: 'The platform writes the same values whether the record is new or not: write ' +
    'SET column = EXCLUDED.column.',
  where: 'The platform updates every record that it finds: leave out WHERE.',
}

/**
 * What an upsert asks of the platform, or the fault `form_not_supported` where one request cannot mean the same.
 * `view`: the target is a view over the table, whose columns may have other names.
 */
export function readUpsert(
  { upsert, insertColumns }: Pick<Target, 'upsert' | 'insertColumns'>,
  { table, view }: { table: SyncedTable; view: boolean },
): UpsertRequest | Fault {
  const { platform } = table
  if (upsertLimits[platform] === null) {
    return refused(table, { message: `${platform} has no upsert`, hint: upsertRecipe })
  }
  if (view) return odd(table, 'Write to the table itself: a view may name its columns otherwise.')
  if (upsert === null || !upsert.plain) return odd(table, differences[upsert?.differs ?? 'target'])
  const { by, setColumns, blank } = upsert
  if (findColumn(table, by)?.upsert === undefined) return unfound(table, by)
  if (insertColumns === null) return odd(table, 'Write out the columns of the INSERT.')
  if (!insertColumns.includes(by)) return odd(table, `Give column "${by}" a value in the INSERT.`)
  // a column that is inserted as DEFAULT or NULL is not sent: a new record gets the platform's own value
  const unset = insertColumns.filter((name, at) =>
    name !== by && !setColumns.includes(name) && isWritable(table, name) && !blank.includes(at)
  )
  if (unset.length > 0) return odd(table, unsetWords(unset))
  const columns = [...new Set([...insertColumns, ...setColumns])]
  return { by, columns: columns.filter((name) => setColumns.includes(name) || name === by) }
}

/** What the platform does not know is not sent. An id that is inserted as DEFAULT is none. */
function isWritable(table: SyncedTable, name: string): boolean {
  const column = findColumn(table, name)
  return column !== undefined && (column.insertable || column.updatable)
}

function unsetWords(names: readonly string[]): string {
  const all = names.map((name) => `"${name}" = EXCLUDED."${name}"`).join(', ')
  return `The platform writes every column that it is given: add ${all} to SET.`
}

function unfound(table: SyncedTable, by: string): Fault {
  const { platform, columns } = table
  const known = columns.filter(({ upsert }) => upsert !== undefined).map(({ name }) => name)
  const message = `${platform} does not find records by column "${by}"`
  const some = known.slice(0, namesMax).join(', ')
  const more = known.length > namesMax ? ', …' : ''
  const way = known.length === 0
    ? 'It finds them by no column of the table. A sync that an older Sluice has set up: set it up again.'
    : `It finds them by ${some}${more}.`
  return refused(table, { message, hint: `${way} Or: ${upsertRecipe}`, column: by })
}

/** Columns that a hint names. */
const namesMax = 8

function odd(table: SyncedTable, why: string): Fault {
  return refused(table, { message: upsertForm[0], hint: `${why} Or: ${upsertRecipe}` })
}

function refused(table: SyncedTable, fields: FaultFields): Fault {
  const place = { platform: table.platform, schema: table.schema, table: table.name }
  return fault('form_not_supported', { detail: 'Nothing was sent.', ...place, ...fields })
}

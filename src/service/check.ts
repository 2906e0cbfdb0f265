// Room service: what must be so before a mutation is sent and after it was answered. The listener has checked the same;
// here it holds for every caller.

import { rowLimitFor, upsertLimits } from '../mutation/limits.ts'
import { fault } from '../mutation/fault.ts'
import type { Mutation } from '../mutation/mutation.ts'
import { findColumn, idColumn, type SyncedTable } from '../mutation/table.ts'
import type { Sync } from '../store/syncs.ts'

export { isOutcomeOf } from '../mutation/doubt.ts'

/**
 * The table that a mutation changes.
 * Throws `sync_disabled`, `not_found`, `form_not_supported`, `too_many_rows`, `bad_request`, `column_unknown`,
 * `column_read_only`.
 */
export function checkMutation(mutation: Mutation, sync: Sync): SyncedTable {
  if (sync.state !== 'active') throw fault('sync_disabled', { platform: sync.platform })
  const table = sync.tables.find((known) =>
    known.schema === mutation.schema && known.name === mutation.table
  )
  if (table === undefined) {
    const message = `table "${mutation.schema}.${mutation.table}" is not in sync "${sync.id}"`
    throw fault('not_found', { message, schema: mutation.schema, table: mutation.table })
  }
  checkOperation(mutation, table)
  checkUpsert(mutation, table)
  checkRows(mutation, table)
  checkKeys(mutation, table)
  const names = new Set(mutation.rows.flatMap((row) => Object.keys(row.values)))
  for (const name of names) checkColumn(name, { mutation, table })
  return table
}

function checkOperation({ operation }: Mutation, table: SyncedTable): void {
  const refusal = table.refuses?.[operation]
  if (refusal === undefined) return
  const { platform, schema, name } = table
  const message = `${platform} has no ${operation} for ${name}`
  throw fault('form_not_supported', { platform, message, ...refusal, schema, table: name })
}

/** The platform must be able to find records by the column, and every row must say which. */
function checkUpsert({ upsertBy, rows }: Mutation, table: SyncedTable): void {
  if (upsertBy === undefined) return
  const { platform, schema, name } = table
  const place = { platform, schema, table: name, column: upsertBy }
  if (upsertLimits[platform] === null || findColumn(table, upsertBy)?.upsert === undefined) {
    const message = `${platform} has no upsert by column "${upsertBy}" of ${name}`
    throw fault('form_not_supported', { ...place, message })
  }
  const keyless = rows.find(({ values }) => (values[upsertBy] ?? null) === null)
  if (keyless === undefined) return
  const message = `null value in column "${upsertBy}", by which ${platform} finds the record`
  throw fault('required_value_missing', { ...place, message, row: keyless.ordinal })
}

/** What the platform addresses the records by must be there. */
function checkKeys(mutation: Mutation, { keyColumns = [] }: SyncedTable): void {
  if (mutation.operation === 'insert') return
  const row = mutation.rows.find(({ key = {} }) =>
    keyColumns.some((name) => !Object.hasOwn(key, name))
  )
  if (row === undefined) return
  throw fault('bad_request', { message: `row ${row.ordinal} lacks ${keyColumns.join(', ')}` })
}

function checkRows(mutation: Mutation, table: SyncedTable): void {
  const { platform } = table
  const rowsMax = rowLimitFor(table, mutation)
  if (mutation.rows.length <= rowsMax) return
  throw fault('too_many_rows', {
    platform,
    detail: `${mutation.rows.length} rows; ${platform} takes ${rowsMax} in one ` +
      `${mutation.operation}. Nothing was sent.`,
    hint: 'Split the statement.',
    schema: mutation.schema,
    table: mutation.table,
  })
}

function checkColumn(
  name: string,
  { mutation, table }: { mutation: Mutation; table: SyncedTable },
): void {
  const place = {
    platform: table.platform,
    schema: table.schema,
    table: table.name,
    column: name,
  }
  const column = findColumn(table, name)
  if (column === undefined) {
    const message = `column "${name}" of relation "${table.name}" does not exist`
    throw fault('column_unknown', { ...place, message })
  }
  const { operation, upsertBy } = mutation
  const inserts = operation === 'insert'
  const updates = !inserts || upsertBy !== undefined
  const writable = (!inserts || column.insertable) &&
    (!updates || (column.updatable && name !== idColumn))
  if (writable) return
  throw fault('column_read_only', { ...place, message: `column "${name}" is read-only` })
}

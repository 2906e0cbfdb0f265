// Room service: what must be so before a mutation is sent and after it was answered. The listener has checked the same;
// here it holds for every caller.

import { rowLimitOf } from '../mutation/limits.ts'
import { fault } from '../mutation/fault.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import { findColumn, idColumn, type SyncedTable } from '../mutation/table.ts'
import type { Sync } from '../store/syncs.ts'

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
  const rowsMax = rowLimitOf(table, mutation.operation)
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
  const insert = mutation.operation === 'insert'
  const writable = insert ? column.insertable : column.updatable && name !== idColumn
  if (writable) return
  throw fault('column_read_only', { ...place, message: `column "${name}" is read-only` })
}

/** Does the outcome speak of exactly the rows of the mutation? What does not must not be believed. */
export function isOutcomeOf(mutation: Mutation, outcome: Outcome): boolean {
  if (outcome.state === 'refused' || outcome.state === 'unknown') return true
  const planned = new Map(mutation.rows.map((row) => [row.ordinal, row]))
  const others = outcome.state === 'partial' ? outcome.others : []
  if (outcome.state === 'partial' && outcome.rows.length === 0) return false
  if (outcome.rows.length + others.length !== planned.size) return false
  if (!others.every(({ ordinal }) => planned.delete(ordinal))) return false
  const deleted = mutation.operation === 'delete'
  return outcome.rows.every((row) => {
    const plan = planned.get(row.ordinal)
    if (plan === undefined || !planned.delete(row.ordinal)) return false
    const sameRecord = plan.id === null ? row.id !== '' : plan.id === row.id
    return sameRecord && (deleted || row.values !== null)
  })
}

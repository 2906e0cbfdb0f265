// Room engine: from what Postgres said it would change to a mutation. Pure.

import type { PlanReport } from '../database/index.ts'
import { fault } from '../mutation/fault.ts'
import { rowLimitFor, rowLimitOf } from '../mutation/limits.ts'
import type { PlannedRow, Values } from '../mutation/mutation.ts'
import {
  type Column,
  idColumn,
  type Operation,
  operations,
  type SyncedTable,
  tableKey,
} from '../mutation/table.ts'

/** What a statement would change: one operation on one synced table. */
export interface Plan {
  readonly table: SyncedTable
  readonly operation: Operation
  /** An upsert: the column that it goes by. */
  readonly upsertBy?: string
  readonly rows: readonly PlannedRow[]
}

export interface PlanInput {
  /** What the triggers reported, in the order of the statement. */
  readonly reports: readonly PlanReport[]
  /** How many rows the statement would change; larger than the reports when it went past the limit. */
  readonly count: number
  /** Synced tables of the database by tableKey. */
  readonly tables: ReadonlyMap<string, SyncedTable>
  /** Columns of an UPDATE's SET list; null when not known: then the columns that changed. */
  readonly setColumns: readonly string[] | null
}

/**
 * The plan, or null when no row would change. Throws the faults form_not_supported (two tables or operations, one that the
 * platform does not have, or a row that is changed twice), too_many_rows and column_read_only.
 */
export function makePlan(input: PlanInput): Plan | null {
  const [first] = input.reports
  if (first === undefined) return null
  const table = tableOf(first, input.tables)
  const operation = first.operation
  for (const report of input.reports) refuseMixture(first, report)
  refuseOperation(table, operation)
  refuseTooMany(table, { operation, count: input.count })
  const rows = input.reports.map((report) =>
    plannedRow(report, { table, setColumns: input.setColumns })
  )
  refuseTwice(table, rows)
  return { table, operation, rows }
}

/** How many rows a statement on this table may change, whatever its operation: what the triggers report at most. */
export function reportLimit(table: SyncedTable): number {
  return Math.max(...operations.map((operation) => rowLimitOf(table, operation)))
}

export function tableOf(report: PlanReport, tables: ReadonlyMap<string, SyncedTable>): SyncedTable {
  const table = tables.get(tableKey(report.schema, report.table))
  if (table !== undefined) return table
  throw fault('form_not_supported', {
    schema: report.schema,
    table: report.table,
    detail:
      `Table ${report.schema}.${report.table} carries Sluice's triggers but belongs to no active sync.`,
    hint: 'Resume its sync, or wait until the listener has heard of it.',
  })
}

export function refuseMixture(first: PlanReport, report: PlanReport): void {
  const sameTable = report.schema === first.schema && report.table === first.table
  if (sameTable && report.operation === first.operation) return
  throw fault('form_not_supported', {
    message: 'two mutations in one statement are not supported',
    detail: `The statement would ${first.operation} ${first.schema}.${first.table} and ` +
      `${report.operation} ${report.schema}.${report.table}.`,
    hint: 'Write one statement for each.',
    schema: report.schema,
    table: report.table,
  })
}

export function refuseOperation(table: SyncedTable, operation: Operation): void {
  const refusal = table.refuses?.[operation]
  if (refusal === undefined) return
  throw fault('form_not_supported', {
    platform: table.platform,
    message: `${table.platform} has no ${operation} for ${table.name}`,
    ...refusal,
    schema: table.schema,
    table: table.name,
  })
}

export function refuseTooMany(
  table: SyncedTable,
  { operation, upsertBy, count }: { operation: Operation; upsertBy?: string; count: number },
): void {
  const limit = rowLimitFor(table, { operation, ...(upsertBy === undefined ? {} : { upsertBy }) })
  const what = upsertBy === undefined ? operation : 'upsert'
  if (count <= limit) return
  throw fault('too_many_rows', {
    platform: table.platform,
    message: `too many rows for one statement: ${count} rows, but ${table.platform} takes ` +
      `${limit} in one ${what}`,
    detail: 'Nothing was sent.',
    hint: limit === 1
      ? 'Write a statement for each row.'
      : `Split the statement into parts of at most ${limit} rows.`,
    schema: table.schema,
    table: table.name,
  })
}

/** What the platform would be sent of a row is one change; and the apply would not know which of two it meets. */
export function refuseTwice(table: SyncedTable, rows: readonly PlannedRow[]): void {
  const seen = new Set<string>()
  for (const { id, ordinal } of rows) {
    if (id === null) continue
    if (seen.has(id)) throw twice(table, { id, ordinal })
    seen.add(id)
  }
}

function twice(table: SyncedTable, { id, ordinal }: { id: string; ordinal: number }): Error {
  return fault('form_not_supported', {
    platform: table.platform,
    message: 'a statement may change a row once',
    detail: `It would change the row with the id "${id}" twice. Nothing was sent.`,
    hint: 'A function that the statement calls, or a trigger, changes the row as well: ' +
      'write one statement for each change.',
    schema: table.schema,
    table: table.name,
    row: ordinal,
  })
}

interface RowContext {
  readonly table: SyncedTable
  readonly setColumns: readonly string[] | null
}

function plannedRow(report: PlanReport, context: RowContext): PlannedRow {
  const { ordinal } = report
  switch (report.operation) {
    case 'insert':
      return { ordinal, id: null, values: insertValues(report, context) }
    case 'update':
      return {
        ordinal,
        id: idOf(report),
        values: updateValues(report, context),
        ...keyOf(report, context),
      }
    case 'delete':
      return { ordinal, id: idOf(report), values: {}, ...keyOf(report, context) }
  }
}

/** The table's key columns as they were. */
function keyOf({ before }: PlanReport, { table }: RowContext): Pick<PlannedRow, 'key'> {
  const names = table.keyColumns ?? []
  if (names.length === 0) return {}
  return { key: Object.fromEntries(names.map((name) => [name, valueOf(before, name)])) }
}

/** The id the row has at the platform: the one before the statement. */
export function idOf(report: PlanReport): string {
  const id = report.before?.[idColumn] ?? report.id
  if (id === null || id === undefined) throw new Error('Postgres reported a row without an id')
  return id
}

/** An INSERT's values: every column that is not null. An id is the platform's to give. */
function insertValues(report: PlanReport, { table }: RowContext): Values {
  const given: [name: string, value: string][] = []
  for (const column of table.columns) {
    const value = valueOf(report.row, column.name)
    if (value === null) continue
    if (!column.insertable) throw readOnly(column, { table, ordinal: report.ordinal })
    given.push([column.name, value])
  }
  return valuesOf(given)
}

/** An UPDATE's values: the columns it set, and those that changed all the same (by a trigger of the user's). */
function updateValues(report: PlanReport, { table, setColumns }: RowContext): Values {
  const set: [name: string, value: string | null][] = []
  for (const column of table.columns) {
    const value = valueOf(report.row, column.name)
    const changed = value !== valueOf(report.before, column.name)
    if (changed && !column.updatable) throw readOnly(column, { table, ordinal: report.ordinal })
    const named = setColumns?.includes(column.name) ?? false
    if (changed || (named && column.updatable)) set.push([column.name, value])
  }
  return valuesOf(set)
}

/** Not by assignment: that of `__proto__` would be lost. */
export function valuesOf(entries: readonly (readonly [string, string | null])[]): Values {
  return Object.fromEntries(entries)
}

/** A column can have a name that every object knows, such as `constructor`. */
export function valueOf(row: Values | null, name: string): string | null {
  return row !== null && Object.hasOwn(row, name) ? row[name] ?? null : null
}

/**
 * The fault of a value for a column that does not take it: one that the platform computes or assigns, one that only an
 * INSERT can give, or one that only an UPDATE can set.
 */
export function readOnly(column: Column, at: { table: SyncedTable; ordinal: number }) {
  const { table, ordinal } = at
  return fault('column_read_only', {
    platform: table.platform,
    ...readOnlyWords(column, table),
    schema: table.schema,
    table: table.name,
    column: column.name,
    row: ordinal,
  })
}

function readOnlyWords({ name, field, insertable, updatable }: Column, table: SyncedTable) {
  const { platform } = table
  if (insertable && !updatable) {
    return {
      message: `column "${name}" cannot be changed`,
      detail: `At ${platform} field ${field} can only be given in an INSERT.`,
      hint: 'Leave the column out of the statement; only a new row can have another value.',
    }
  }
  if (updatable && !insertable) {
    return {
      message: `column "${name}" cannot be given in an INSERT`,
      detail: `At ${platform} field ${field} can only be set by an UPDATE.`,
      hint: 'INSERT without it, then UPDATE.',
    }
  }
  return {
    message: `column "${name}" is read-only`,
    detail: name === idColumn
      ? `${platform} assigns the id of a record.`
      : `${platform} computes or assigns field ${field}.`,
    hint: 'Leave the column out of the statement.',
  }
}

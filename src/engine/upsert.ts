// Room engine: the plan of an INSERT … ON CONFLICT DO UPDATE: one row for each row that was to be inserted, with the id of
// the row that it met. What the platform is sent is the same whether it has the record or not. Pure.

import type { PlanReport } from '../database/index.ts'
import { fault, type FaultFields } from '../mutation/fault.ts'
import type { PlannedRow, Values } from '../mutation/mutation.ts'
import { type Column, findColumn, type SyncedTable } from '../mutation/table.ts'
import { DatabaseError } from './conduit.ts'
import type { EngineRequest, UpsertRequest } from './deps.ts'
import {
  idOf,
  type Plan,
  type PlanInput,
  readOnly,
  refuseMixture,
  refuseOperation,
  refuseTooMany,
  refuseTwice,
  tableOf,
  valueOf,
  valuesOf,
} from './plan.ts'

export interface UpsertInput extends Omit<PlanInput, 'setColumns'> {
  readonly upsert: UpsertRequest
  /** How many rows were to be inserted. */
  readonly proposed: number
}

/**
 * The plan, or null when there is no row. Throws the faults of `makePlan`; `required_value_missing` where a row has no key;
 * `form_not_supported` where a default or a trigger of the table's own gives a column a value that the statement does not
 * name, or keeps a row back.
 */
export function makeUpsertPlan(input: UpsertInput): Plan | null {
  const { upsert, reports, count, tables } = input
  const [first] = reports
  if (first === undefined) return null
  const table = tableOf(first, tables)
  for (const report of reports) refuseMixture(asInsert(first), asInsert(report))
  refuseOperation(table, 'insert')
  refuseOperation(table, 'update')
  refuseTooMany(table, { operation: 'insert', upsertBy: upsert.by, count })
  const rows = reports.map((report) => plannedRow(report, { table, upsert }))
  refuseTwice(table, rows)
  return { table, operation: 'insert', upsertBy: upsert.by, rows: inOrder(rows, input, table) }
}

function asInsert(report: PlanReport): PlanReport {
  return report.operation === 'update' ? { ...report, operation: 'insert' } : report
}

interface Context {
  readonly table: SyncedTable
  readonly upsert: UpsertRequest
}

function plannedRow(report: PlanReport, { table, upsert }: Context): PlannedRow {
  const { ordinal } = report
  const given: [name: string, value: string | null][] = []
  for (const column of table.columns) {
    const value = valueOf(report.row, column.name)
    if (!upsert.columns.includes(column.name)) {
      refuseUnnamed(column, { report, table })
      continue
    }
    if (!(column.insertable && column.updatable)) throw readOnly(column, { table, ordinal })
    given.push([column.name, value])
  }
  const values = valuesOf(given)
  refuseKeyless(values, { table, upsert, ordinal })
  return { ordinal, id: report.operation === 'update' ? idOf(report) : null, values }
}

/** A value that the statement does not give would be sent for some records and must not be for others. */
function refuseUnnamed(
  column: Column,
  { report, table }: { report: PlanReport; table: SyncedTable },
): void {
  const before = report.operation === 'update' ? valueOf(report.before, column.name) : null
  if (valueOf(report.row, column.name) === before) return
  if (!column.insertable) throw readOnly(column, { table, ordinal: report.ordinal })
  throw refused(table, {
    message:
      `column "${column.name}" gets its value from a default or a trigger, not from the upsert`,
    hint: `Name it in the INSERT, and add "${column.name}" = EXCLUDED."${column.name}" to SET.`,
    column: column.name,
    row: report.ordinal,
  })
}

function refuseKeyless(
  values: Values,
  { table, upsert, ordinal }: Context & { ordinal: number },
): void {
  if (valueOf(values, upsert.by) !== null) return
  const { platform, schema, name } = table
  throw fault('required_value_missing', {
    platform,
    message: `null value in column "${upsert.by}", by which ${platform} finds the record`,
    detail: `Row ${ordinal}. Nothing was sent.`,
    schema,
    table: name,
    column: upsert.by,
    row: ordinal,
  })
}

/**
 * The rows that met others have the places that those inserted leave free, in order: so they come again in the apply.
 * Throws where that does not come out even.
 */
function inOrder(
  rows: readonly PlannedRow[],
  { proposed }: UpsertInput,
  table: SyncedTable,
): PlannedRow[] {
  const inserted = rows.filter(({ id }) => id === null)
  const taken = new Set(inserted.map(({ ordinal }) => ordinal))
  const free = rows.map((_, index) => index + 1).filter((ordinal) => !taken.has(ordinal))
  const met = rows.filter(({ id }) => id !== null).toSorted((a, b) => a.ordinal - b.ordinal)
  if (proposed !== rows.length || free.length !== met.length) {
    throw refused(table, {
      message: 'a trigger of the table keeps rows of the upsert back or adds others',
      hint: 'Write an UPDATE and an INSERT.',
    })
  }
  const placed = met.map((row, index) => ({ ...row, ordinal: free[index] ?? row.ordinal }))
  return [...inserted, ...placed].toSorted((a, b) => a.ordinal - b.ordinal)
}

function refused(table: SyncedTable, fields: FaultFields): Error {
  const { platform, schema, name } = table
  const detail = 'Nothing was sent.'
  return fault('form_not_supported', { platform, schema, table: name, detail, ...fields })
}

const noUniqueIndex = '42P10'
const noFunction = '42883'

/** What Postgres says of an upsert, where the way out is not in its words; any other error as it is. */
export function explainUpsert(
  error: unknown,
  { upsert, table }: Pick<EngineRequest, 'upsert' | 'table'>,
): unknown {
  if (upsert === undefined || !(error instanceof DatabaseError)) return error
  const column = upsert.by
  if (error.own && error.sqlstate === noUniqueIndex) {
    const place = `"${table.schema}"."${table.name}"`
    const index = `CREATE UNIQUE INDEX ON ${place} ("${column}")`
    const promised = findColumn(table, column)?.upsert === 'unique'
    return refused(table, {
      message: `column "${column}" has no unique index, which ON CONFLICT needs`,
      hint: promised
        ? `Set up the sync again, when the table has no value of "${column}" twice.`
        : `${table.platform} does not promise that it holds no value twice. Where it does not: ${index}, ` +
          'as the owner of the table.',
      column,
    })
  }
  if (!error.own && error.sqlstate === noFunction) {
    const message = 'the database was set up by a Sluice that has no upsert'
    return refused(table, { message, hint: 'Set up the sync again.' })
  }
  return error
}

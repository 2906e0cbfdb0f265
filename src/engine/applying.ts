// Room engine: carrying the platform's version of the rows into the database: with the statement, or where that fails, by
// id.

import { type About, alreadyAppliedState, closeSql, encodeTicketRows } from '../database/index.ts'
import { quoteName } from '../lib/quote.ts'
import { Fault, fault, type FaultData } from '../mutation/fault.ts'
import type { OutcomeRow } from '../mutation/mutation.ts'
import { type SyncedTable, tableKey } from '../mutation/table.ts'
import { type Conduit, DatabaseError, type Step } from './conduit.ts'
import type { Plan } from './plan.ts'
import { control, open, reasonOf, rollback, type Running } from './steps.ts'

export interface Applying extends Running {
  readonly plan: Plan | null
  readonly rows: readonly OutcomeRow[]
  /** Where there is a plan. */
  readonly about?: About
  readonly table: SyncedTable
}

export async function apply(conduit: Conduit, applying: Applying): Promise<void> {
  const { id, plan, deps } = applying
  try {
    await conduit.run([
      openApply(conduit, applying),
      { kind: 'statement', phase: 'apply' },
      ...closeSteps(applying),
      control('COMMIT'),
    ])
  } catch (error) {
    await rollback(conduit, error).catch((failure: unknown) => {
      deps.log.warn('rollback_failed', { mutation: id, error: reasonOf(failure) })
    })
    if (plan === null) throw error
    throw await applyById(conduit, applying, error)
  }
  if (plan !== null) deps.applied(id)
}

/**
 * The platform took only some of the rows. These are committed, by id and without the statement, which fails: its
 * RETURNING and its other effects are not there.
 */
export async function applyPart(
  conduit: Conduit,
  applying: Applying,
  told: FaultData,
): Promise<Fault> {
  const { id, deps } = applying
  const steps = [openApply(conduit, applying), ...closeSteps(applying), control('COMMIT')]
  try {
    await conduit.run(steps)
  } catch (error) {
    await rollback(conduit, error).catch((failure: unknown) => {
      deps.log.warn('rollback_failed', { mutation: id, error: reasonOf(failure) })
    })
    const { written } = await applyAgain(conduit, applying, error)
    if (written) return new Fault(told)
    const { schema, name } = applying.table
    const hint = `The rows marked written will appear in ${schema}.${name}. Do not send them again.`
    return new Fault({ ...told, hint }, { cause: error })
  }
  deps.applied(id)
  return new Fault(told)
}

/**
 * The platform has the rows, but the statement failed in the database the second time (a deferred constraint, a full
 * disk, a conflict with a row that came meanwhile). The rows themselves are written by id, without the statement.
 */
async function applyById(conduit: Conduit, applying: Applying, cause: unknown): Promise<Fault> {
  return notApplied(applying, { cause, ...await applyAgain(conduit, applying, cause) })
}

/** By id, in a transaction of its own. */
async function applyAgain(
  conduit: Conduit,
  applying: Applying,
  cause: unknown,
): Promise<{ written: boolean }> {
  const { id, deps, table } = applying
  deps.log.warn('apply_failed', { mutation: id, cause: reasonOf(cause) })
  if (isApplied(cause)) return { written: true }
  try {
    await conduit.run([
      control('BEGIN'),
      openApply(conduit, applying),
      ...closeSteps(applying),
      control('COMMIT'),
    ])
  } catch (error) {
    deps.log.error('apply_by_id_failed', { mutation: id, error: reasonOf(error) })
    await rollback(conduit, error).catch(() => {})
    return { written: isApplied(error) }
  }
  deps.applied(id)
  deps.log.info('applied_by_id', { mutation: id, table: tableKey(table.schema, table.name) })
  return { written: true }
}

/** Recovery was there first: the rows are in the database. */
function isApplied(error: unknown): boolean {
  return error instanceof DatabaseError && error.sqlstate === alreadyAppliedState
}

function notApplied(
  { id, table, rows }: Applying,
  { cause, written }: { cause: unknown; written: boolean },
): Fault {
  const reason = cause instanceof DatabaseError
    ? cause.message
    : 'the connection to the database was lost'
  const place = `${table.schema}.${table.name}`
  return fault('not_yet_applied', {
    platform: table.platform,
    ...(written
      ? { message: `accepted by ${table.platform}, but the statement failed in the database` }
      : {}),
    detail:
      `${rows.length} row(s) were accepted by ${table.platform} (mutation ${id}); then: ${reason}.`,
    hint: written
      ? `The rows are in ${place}; other effects of the statement and its RETURNING are lost. Do not send it again.`
      : `The rows will appear in ${place}. Do not send the statement again.`,
    schema: table.schema,
    table: table.name,
  }, { cause })
}

/** With nothing planned, nothing may be written: that is what mode `lock` is for. */
function openApply(conduit: Conduit, { id, plan, rows, about, deps }: Applying): Step {
  if (plan === null) return open(conduit, { mode: 'lock', id, rowsMax: 0, deps })
  const encoded = encodeTicketRows(plan.table, plan.operation, rows, about)
  const step = open(conduit, { mode: 'apply', id, rowsMax: rows.length, rows: encoded, deps })
  return { ...step, sql: `${step.sql}, ${applySettingsSql}` }
}

/** The platform has the rows: the statement_timeout of the client's is no reason any more to stop, a lock for ever is. */
const applyWaitMs = 60_000
/** Whoever hears that it is applied forgets it, so the commit must be on disk whatever the session is set to. */
const applySettingsSql = `pg_catalog.set_config('statement_timeout', '${applyWaitMs}', true),
  case pg_catalog.current_setting('synchronous_commit') when 'off'
    then pg_catalog.set_config('synchronous_commit', 'on', true) end`

/** Nothing planned leaves no trace: only a mutation that was sent is closed. */
function closeSteps({ id, plan, rows }: Applying): Step[] {
  if (plan === null) return []
  const { table, operation } = plan
  return [
    control(closeSql, [
      id,
      table.syncId,
      quoteName(table.schema, table.name),
      operation,
      String(rows.length),
    ]),
  ]
}

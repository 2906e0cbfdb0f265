// Room engine: carrying the platform's version of the rows into the database: with the statement, or where that fails, by
// id; never over what is newer.

import { counted } from '../lib/counted.ts'
import {
  type About,
  alreadyAppliedState,
  closeSql,
  encodeIds,
  encodeTicketRows,
  lockSql,
} from '../database/index.ts'
import { quoteName } from '../lib/quote.ts'
import { Fault, fault, type FaultData } from '../mutation/fault.ts'
import type { OutcomeRow } from '../mutation/mutation.ts'
import { tableKey } from '../mutation/table.ts'
import { type Conduit, DatabaseError, type Step } from './conduit.ts'
import type { Plan } from './plan.ts'
import { control, open, reasonOf, rollback, type Running } from './steps.ts'

export interface Applying extends Running {
  readonly plan: Plan
  readonly rows: readonly OutcomeRow[]
  readonly about: About
}

export async function apply(conduit: Conduit, applying: Applying): Promise<void> {
  const failed = await carryIn(conduit, applying, [{ kind: 'statement', phase: 'apply' }])
  if (failed !== null) throw notApplied(applying, failed)
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
  const failed = await carryIn(conduit, applying, [])
  if (failed === null || failed.written) return new Fault(told)
  const { schema, name } = applying.plan.table
  const hint = `The rows marked written will appear in ${schema}.${name}. Do not send them again.`
  return new Fault({ ...told, hint }, { cause: failed.cause })
}

/** Runs a statement of which no row is planned, where it can write none: that is what mode `lock` is for. */
export async function applyNothing(conduit: Conduit, { id, deps }: Running): Promise<void> {
  try {
    await conduit.run([
      open(conduit, { mode: 'lock', id, rowsMax: 0, deps }),
      { kind: 'statement', phase: 'apply' },
      control('COMMIT'),
    ])
  } catch (error) {
    await endTransaction(conduit, { id, deps }, error)
    throw error
  }
}

interface Failed {
  readonly cause: unknown
  /** The rows are in the database all the same. */
  readonly written: boolean
}

/**
 * Carries the rows in and commits. Where the statement fails (a full disk, a trigger that says no this time), the rows are
 * written by id within the same transaction: it has their locks, and its snapshot shows what others have changed since
 * (40001). A new transaction would have neither, and might write what is older over what is newer; recovery, which asks the
 * journal, does the rest.
 */
async function carryIn(
  conduit: Conduit,
  applying: Applying,
  statement: readonly Step[],
): Promise<Failed | null> {
  const { id, deps } = applying
  const before = [...lockFound(applying), control(savepointSql)]
  const steps = [...before, ...rowSteps(conduit, applying, statement)]
  try {
    await conduit.run(steps)
  } catch (cause) {
    deps.log.warn('apply_failed', { mutation: id, cause: reasonOf(cause) })
    const range = { from: before.length, commit: steps.length - 1 }
    const byId = mayWriteById(cause, range) && await writeById(conduit, applying)
    if (byId) return { cause, written: true }
    await endTransaction(conduit, applying, cause)
    return { cause, written: await isAppliedByNow(conduit, applying, cause) }
  }
  deps.applied(id)
  return null
}

const savepointSql = 'SAVEPOINT sluice_apply'

function rowSteps(conduit: Conduit, applying: Applying, statement: readonly Step[] = []): Step[] {
  return [openApply(conduit, applying), ...statement, closeStep(applying), control('COMMIT')]
}

/** The records that the platform has found by itself: whoever has changed one since the plan is found out (40001). */
function lockFound({ id, plan, rows }: Applying): Step[] {
  if (plan.operation === 'insert' && plan.upsertBy === undefined) return []
  const planned = new Set(plan.rows.map((row) => row.id))
  const found = rows.flatMap((row) => planned.has(row.id) ? [] : [row.id])
  if (found.length === 0) return []
  const place = quoteName(plan.table.schema, plan.table.name)
  return [control(lockSql, [place, encodeIds(found), id])] // mode lock is open since the plan
}

/** The transaction is as it was before the failure: its locks are held, and it was not COMMIT that failed. */
function mayWriteById(cause: unknown, { from, commit }: { from: number; commit: number }): boolean {
  if (!(cause instanceof DatabaseError) || isApplied(cause)) return false
  return cause.step >= from && cause.step < commit
}

async function writeById(conduit: Conduit, applying: Applying): Promise<boolean> {
  const { id, deps } = applying
  try {
    await conduit.run([control(`ROLLBACK TO ${savepointSql}`), ...rowSteps(conduit, applying)])
  } catch (error) {
    deps.log.error('apply_by_id_failed', { mutation: id, error: reasonOf(error) })
    return false
  }
  deps.applied(id)
  const { schema, name } = applying.plan.table
  deps.log.info('applied_by_id', { mutation: id, table: tableKey(schema, name) })
  return true
}

async function endTransaction(
  conduit: Conduit,
  { id, deps }: Running,
  cause: unknown,
): Promise<void> {
  await rollback(conduit, cause).catch((error: unknown) => {
    deps.log.warn('rollback_failed', { mutation: id, error: reasonOf(error) })
  })
}

/** Recovery may have been there first, and this transaction's snapshot too old to show it. */
async function isAppliedByNow(
  conduit: Conduit,
  { id, deps, plan }: Applying,
  cause: unknown,
): Promise<boolean> {
  if (isApplied(cause)) return true
  const rows = encodeTicketRows(plan.table, plan.operation, [])
  try {
    await conduit.run([
      control('BEGIN'),
      open(conduit, { mode: 'apply', id, rowsMax: 0, rows, deps }),
      control('ROLLBACK'),
    ])
    return false
  } catch (error) {
    await endTransaction(conduit, { id, deps }, error)
    return isApplied(error)
  }
}

/** Recovery was there first: the rows are in the database. */
function isApplied(error: unknown): boolean {
  return error instanceof DatabaseError && error.sqlstate === alreadyAppliedState
}

function notApplied(
  { id, plan: { table }, rows }: Applying,
  { cause, written }: Failed,
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
    detail: `${
      counted(rows.length, 'row was', 'rows were')
    } accepted by ${table.platform} (mutation ${id})${
      written ? '' : ` and will appear in ${place}`
    }; then: ${reason}.`,
    hint: written
      ? `The rows are in ${place}; other effects of the statement and its RETURNING are lost. Do not send it again.`
      : `The rows will appear in ${place}. Do not send the statement again.`,
    schema: table.schema,
    table: table.name,
  }, { cause })
}

function openApply(conduit: Conduit, { id, plan, rows, about, deps }: Applying): Step {
  const encoded = encodeTicketRows(plan.table, plan.operation, rows, {
    about,
    upsertBy: plan.upsertBy,
  })
  const step = open(conduit, { mode: 'apply', id, rowsMax: rows.length, rows: encoded, deps })
  return { ...step, sql: `${step.sql}, ${applySettingsSql}` }
}

/** The platform has the rows: the statement_timeout of the client's is no reason any more to stop, a lock for ever is. */
const applyWaitMs = 60_000
/** Whoever hears that it is applied forgets it, so the commit must be on disk whatever the session is set to. */
const applySettingsSql = `pg_catalog.set_config('statement_timeout', '${applyWaitMs}', true),
  case pg_catalog.current_setting('synchronous_commit') when 'off'
    then pg_catalog.set_config('synchronous_commit', 'on', true) end`

function closeStep({ id, plan: { table, operation }, rows }: Applying): Step {
  const place = quoteName(table.schema, table.name)
  return control(closeSql, [id, table.syncId, place, operation, String(rows.length)])
}

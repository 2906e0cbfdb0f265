// Room engine: the plan: what a statement would change, as Postgres says, with nothing kept. Nothing has been sent yet,
// so whatever goes wrong here is Postgres's error or a refusal.

import {
  encodeIds,
  guardedSql,
  lockKeysSql,
  lockSql,
  plannedSql,
  type PlanReport,
  planSeal,
  proposedSql,
} from '../database/index.ts'
import { required } from '../lib/assert.ts'
import { quoteIdent, quoteName } from '../lib/quote.ts'
import { fault } from '../mutation/fault.ts'
import { statementWaitMaxMs } from '../mutation/limits.ts'
import type { PlannedRow } from '../mutation/mutation.ts'
import { type Conduit, DatabaseError, type Step, type StepResult } from './conduit.ts'
import type { EngineRequest } from './deps.ts'
import { makePlan, type Plan, reportLimit } from './plan.ts'
import { control, open, resultAt, rollback, type Running } from './steps.ts'
import { explainPlan } from './explain.ts'
import { makeUpsertPlan } from './upsert.ts'

/**
 * How often a plan is tried when other sessions change the same rows: each time one of them has got ahead, so that all of
 * them do in the end. Postgres would have let each wait for its turn.
 */
const planTriesMax = 1_000
/** Where a function of the client's says that it cannot be serialized, which nobody may ever change. */
const raisedTriesMax = 10

export interface Planned {
  /** Null: no row would change. */
  readonly plan: Plan | null
  /** The session asks for what would happen, and for nothing to happen: `sluice.dry_run` is on. */
  readonly dry: boolean
  /** How long the platform may take, in milliseconds. */
  readonly waitMs: number
}

/** Plans, and for UPDATE and DELETE takes the row locks; starts over while other sessions get there first. */
export async function planLocked(
  conduit: Conduit,
  request: EngineRequest & Running,
): Promise<Planned> {
  const { deps, signal } = request
  const started = deps.now()
  let waitMs: number | null = null
  for (let tries = 1;; tries++) {
    try {
      const planned = await planOnce(conduit, request)
      if (!planned.dry) await lockRows(conduit, planned, request)
      return planned
    } catch (error) {
      await rollback(conduit, error)
      if (isReadOnly(error)) throw await readOnlyError(conduit, { request, error })
      if (!isSerialization(error)) throw await explainPlan(conduit, error, request)
      if (signal.aborted) throw fault('statement_cancelled')
      waitMs ??= await statementWaitMs(conduit)
      const isLate = deps.now() - started >= waitMs
      if (isLate && waitMs < statementWaitMaxMs) throw fault('statement_timed_out')
      if (isLate || tries >= triesMaxOf(error)) throw withHint(error)
    }
  }
}

const overtaken = 'Other sessions kept changing the same rows. Nothing was sent; try again.'

/** A function of the client's has raised it, for a reason of its own. */
const isTheirs = ({ own, raised }: DatabaseError): boolean => own && raised

const triesMaxOf = (error: DatabaseError): number => isTheirs(error) ? raisedTriesMax : planTriesMax

const withHint = (error: DatabaseError): DatabaseError =>
  isTheirs(error) ? error : error.with({ hint: overtaken })

function isSerialization(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && ['40001', '40P01'].includes(error.sqlstate)
}

/** It was our ticket that met a READ ONLY transaction. */
function isReadOnly(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && error.sqlstate === '25006' && !error.own
}

/** Postgres's own words on the client's statement, which name its verb, in place of those on our ticket. */
async function readOnlyError(
  conduit: Conduit,
  { request, error }: { request: EngineRequest; error: DatabaseError },
): Promise<unknown> {
  try {
    await conduit.run([control(`BEGIN${accessMode(request)}`), {
      kind: 'statement',
      phase: 'plan',
    }])
    return error
  } catch (own) {
    return own
  } finally {
    await rollback(conduit, null)
  }
}

const accessMode = ({ readOnly }: EngineRequest): string => readOnly ? ' READ ONLY' : ''

async function planOnce(conduit: Conduit, request: EngineRequest & Running): Promise<Planned> {
  const results = await conduit.run([
    control(`BEGIN ISOLATION LEVEL REPEATABLE READ${accessMode(request)}`),
    guardedSettings(conduit, request), // at `guardStep`
    control('SAVEPOINT sluice'),
    ...planSteps(conduit, request),
    control('ROLLBACK TO SAVEPOINT sluice'),
  ])
  const [timeout, dry] = resultAt(results, 1).rows[0] ?? []
  return {
    plan: readPlan(conduit, { request, results: results.slice(3) }),
    dry: isOn(dry ?? ''),
    waitMs: waitMsOf(timeout ?? '0'),
  }
}

/** The steps that find out what the statement would change. */
export function planSteps(
  conduit: Conduit,
  { id, deps, table, upsert }: EngineRequest & Running,
): Step[] {
  return [
    open(conduit, { mode: 'plan', id, rowsMax: reportLimit(table), deps }),
    { kind: 'statement', phase: 'plan' },
    control(plannedSql), // checks deferred constraints too: COMMIT would be too late
    ...(upsert === undefined ? [] : [control(proposedSql)]),
  ]
}

/** What `planSteps` have found out. Throws as makePlan. */
export function readPlan(
  conduit: Conduit,
  { request, results }: { request: EngineRequest & Running; results: readonly StepResult[] },
): Plan | null {
  const { id, deps, table, setColumns, upsert } = request
  const seal = planSeal(deps.ticketKey, { mutationId: id, pid: conduit.pid })
  const reports = resultAt(results, 1).reports.filter((report) => report.seal === seal)
  const count = Number(resultAt(results, 2).rows[0]?.[0])
  checkCount(reports, { count, rowsMax: reportLimit(table) })
  const { tables } = deps
  if (upsert === undefined) return makePlan({ reports, count, tables, setColumns })
  const proposed = Number(resultAt(results, 3).rows[0]?.[0])
  return makeUpsertPlan({ reports, count, tables, upsert, proposed })
}

/**
 * A function of the client's could forge the reports or the count, but not both alike. A deferred trigger that changes a
 * synced table shows here too: it fires when the statement is over. Throws `form_not_supported`.
 */
function checkCount(
  reports: readonly PlanReport[],
  { count, rowsMax }: { count: number; rowsMax: number },
): void {
  const expected = Math.min(count, rowsMax + 1)
  if (reports.length !== expected) {
    throw fault('form_not_supported', {
      message: 'what the statement would change cannot be seen as a whole, nothing was sent',
      detail: `Postgres planned ${count} rows and reported ${reports.length}.`,
      hint: 'A deferred trigger, or a function that the statement calls, changes a synced table.',
    })
  }
}

/**
 * The transaction will wait for the API, so Postgres must not end it meanwhile; and the second run of the statement
 * must see its rows in the order of the first.
 */
export function settingsSql(serverMajor: number): string {
  const names = [
    'idle_in_transaction_session_timeout',
    ...serverMajor >= 17 ? ['transaction_timeout'] : [],
  ]
  const zero = names.map((name) => `pg_catalog.set_config('${name}', '0', true)`)
  const dry = `pg_catalog.current_setting('${dryRunName}', true)`
  return `select ${timeoutMsSql}, ${dry}, ${
    zero.join(', ')
  }, pg_catalog.set_config('synchronize_seqscans', 'off', true)`
}

/** The same of a statement that writes the table: it has to have its triggers. */
export function guardedSettings(
  { serverMajor }: Conduit,
  { table: { schema, name } }: Pick<EngineRequest, 'table'>,
): Step {
  return control(`${settingsSql(serverMajor)}, ${guardedSql}`, [
    quoteIdent(schema),
    quoteName(schema, name),
  ])
}

// read as an interval, since it is shown with a unit; pg_settings would list every setting for it
const timeoutMsSql = `(extract(epoch from
  pg_catalog.current_setting('statement_timeout')::pg_catalog.interval) * 1000)::pg_catalog.int8`

async function statementWaitMs(conduit: Conduit): Promise<number> {
  const [result] = await conduit.run([control(`select ${timeoutMsSql}`)])
  return waitMsOf(result?.rows[0]?.[0] ?? '0')
}

/** A setting of the session: mutations are planned and checked, and nothing is sent or kept. */
export const dryRunName = 'sluice.dry_run'

/** Postgres knows nothing of the setting, so its value is read here, as Postgres reads a boolean. */
function isOn(value: string): boolean {
  const word = value.trim().toLowerCase()
  const is = (name: string, lengthMin: number): boolean =>
    word.length >= lengthMin && name.startsWith(word)
  if (is('true', 1) || is('yes', 1) || is('on', 2) || word === '1') return true
  if (word === '' || is('false', 1) || is('no', 1) || is('off', 2) || word === '0') return false
  throw fault('bad_request', {
    message: `invalid value for parameter "${dryRunName}": "${value}"`,
    detail: 'Nothing was sent.',
    hint: 'Set it to on or off.',
  })
}

/** `statement_timeout` in milliseconds, where one is set, within bounds. */
function waitMsOf(statementTimeout: string): number {
  const timeoutMs = Number(statementTimeout)
  return timeoutMs > 0 ? Math.min(timeoutMs, statementWaitMaxMs) : statementWaitMaxMs
}

async function lockRows(
  conduit: Conduit,
  { plan }: Planned,
  request: EngineRequest & Running,
): Promise<void> {
  if (plan === null) return
  const { table, rows, operation, upsertBy } = plan
  if (operation === 'insert' && upsertBy === undefined) return
  const { id, deps } = request
  const place = quoteName(table.schema, table.name)
  const found = rows.flatMap((row) => row.id === null ? [] : [row.id])
  const lockKeys = upsertBy === undefined
    ? []
    : [control(lockKeysSql, [place, upsertBy, encodeIds(keysOf(rows, upsertBy)), id])]
  const results = await conduit.run([
    open(conduit, { mode: 'lock', id, rowsMax: rows.length, deps }),
    ...lockKeys,
    control(lockSql, [place, encodeIds(found), id]),
    ...(upsertBy === undefined ? [] : planAgain(conduit, request)),
  ])
  const locked = Number(resultAt(results, 1 + lockKeys.length).rows[0]?.[0])
  if (locked !== new Set(found).size) {
    throw new Error(`Locked ${locked} of ${found.length} planned rows`)
  }
}

function keysOf(rows: readonly PlannedRow[], upsertBy: string): string[] {
  return rows.map(({ values }) => required(values[upsertBy], 'the key of an upsert'))
}

/**
 * A row with one of the keys may have been committed after the snapshot and before the lock: Postgres says so (40001) when
 * it meets the row. After the platform has accepted it would be too late.
 */
function planAgain(conduit: Conduit, { id, deps }: Running): Step[] {
  return [
    control('SAVEPOINT sluice_again'),
    open(conduit, { mode: 'plan', id, rowsMax: 0, deps }),
    { kind: 'statement', phase: 'plan' },
    control('ROLLBACK TO SAVEPOINT sluice_again'),
  ]
}

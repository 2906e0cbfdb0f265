// Room engine: one mutation's life: plan → send → apply → commit. Postgres evaluates the statement; the platform hears
// of it before the database keeps anything. What is sent, and when, is decided here and nowhere else.

import {
  alreadyAppliedState,
  closeSql,
  encodeIds,
  encodeTicketRows,
  lockSql,
  openSql,
  plannedSql,
  type PlanReport,
  planSeal,
  ticketMac,
} from '../database/index.ts'
import { required } from '../lib/assert.ts'
import type { Log } from '../lib/log.ts'
import { quoteName } from '../lib/quote.ts'
import { Fault, fault } from '../mutation/fault.ts'
import { requestWaitMs, statementWaitMaxMs } from '../mutation/limits.ts'
import type { Mutation, Outcome, OutcomeRow } from '../mutation/mutation.ts'
import { type SyncedTable, tableKey } from '../mutation/table.ts'
import {
  type Conduit,
  ConnectionLost,
  DatabaseError,
  type Step,
  type StepResult,
} from './conduit.ts'
import { makePlan, type Plan, reportLimit } from './plan.ts'
import { nameRow } from './refusal.ts'

/** What the engine needs besides the connection. */
export interface EngineDeps {
  /** Hands the mutation to the platform. Never throws for what happened there: that is an outcome. */
  send(mutation: Mutation, options: { waitMs: number }): Promise<Outcome>
  /** Called when the mutation is committed in the database; not awaited. */
  applied(mutationId: string): void
  /** A new UUID. */
  newId(): string
  readonly ticketKey: Uint8Array
  readonly tables: ReadonlyMap<string, SyncedTable>
  readonly log: Log
}

export interface EngineRequest {
  /** The synced table the statement names. */
  readonly table: SyncedTable
  readonly setColumns: readonly string[] | null
  /** Begin the transaction READ ONLY, because the client's own is. */
  readonly readOnly: boolean
  /** Aborted when the client cancels; heeded until the mutation is sent. */
  readonly signal: AbortSignal
}

/** How often a plan is tried again when other sessions change the same rows. */
const planTriesMax = 10

/**
 * Carries one mutation through. Resolves when it is committed; the rows and the command tag have gone where the
 * conduit sends what a statement returns in `apply`. Throws Fault, DatabaseError (Postgres refused the statement;
 * nothing was sent) or ConnectionLost. The connection is left outside a transaction in every case.
 */
export async function runMutation(
  conduit: Conduit,
  request: EngineRequest,
  deps: EngineDeps,
): Promise<void> {
  const id = deps.newId()
  const planned = await planLocked(conduit, { ...request, id, deps })
  const { plan, waitMs } = planned
  const rows = plan === null ? [] : await sendPlan(conduit, { plan, waitMs, request, id, deps })
  await apply(conduit, { id, plan, rows, table: plan?.table ?? request.table, deps })
}

interface Running {
  readonly id: string
  readonly deps: EngineDeps
}

interface Planned {
  readonly plan: Plan | null
  /** How long the platform may take, in milliseconds. */
  readonly waitMs: number
}

/** Plans, and for UPDATE and DELETE takes the row locks; starts over while other sessions get there first. */
async function planLocked(
  conduit: Conduit,
  request: EngineRequest & Running,
): Promise<Planned> {
  for (let tries = 1;; tries++) {
    try {
      const planned = await planOnce(conduit, request)
      await lockRows(conduit, { planned, ...request })
      return planned
    } catch (error) {
      await rollback(conduit, error)
      const again = error instanceof DatabaseError && isSerialization(error) && tries < planTriesMax
      if (!again) throw error
    }
  }
}

function isSerialization(error: DatabaseError): boolean {
  return error.sqlstate === '40001' || error.sqlstate === '40P01'
}

async function planOnce(conduit: Conduit, request: EngineRequest & Running): Promise<Planned> {
  const { id, deps, table } = request
  const rowsMax = reportLimit(table)
  const steps: Step[] = [
    control(`BEGIN ISOLATION LEVEL REPEATABLE READ${request.readOnly ? ' READ ONLY' : ''}`),
    control(settingsSql(conduit.serverMajor)),
    control('SAVEPOINT sluice'),
    open(conduit, { mode: 'plan', id, rowsMax, deps }),
    { kind: 'statement', phase: 'plan' },
    control(plannedSql), // checks deferred constraints too: COMMIT would be too late
    control('ROLLBACK TO SAVEPOINT sluice'),
  ]
  const results = await conduit.run(steps)
  const seal = planSeal(deps.ticketKey, { mutationId: id, pid: conduit.pid })
  const reports = resultAt(results, 4).reports.filter((report) => report.seal === seal)
  const count = Number(resultAt(results, 5).rows[0]?.[0])
  checkCount(reports, { count, rowsMax })
  const plan = makePlan({
    reports,
    count,
    tables: deps.tables,
    setColumns: request.setColumns,
  })
  return { plan, waitMs: waitMsOf(resultAt(results, 1).rows[0]?.[0] ?? '0') }
}

/** A function of the client's could forge the reports or the count, but not both alike. */
function checkCount(
  reports: readonly PlanReport[],
  { count, rowsMax }: { count: number; rowsMax: number },
): void {
  const expected = Math.min(count, rowsMax + 1)
  if (reports.length !== expected) {
    throw new Error(`Postgres planned ${count} rows and reported ${reports.length}`)
  }
}

/**
 * The transaction will wait for the API, so Postgres must not end it meanwhile; and the second run of the statement
 * must see its rows in the order of the first.
 */
function settingsSql(serverMajor: number): string {
  const names = [
    'idle_in_transaction_session_timeout',
    ...serverMajor >= 17 ? ['transaction_timeout'] : [],
  ]
  const zero = names.map((name) => `pg_catalog.set_config('${name}', '0', true)`)
  // read as an interval, since it is shown with a unit; pg_settings would list every setting for it
  const timeout = `pg_catalog.current_setting('statement_timeout')::pg_catalog.interval`
  const milliseconds = `(extract(epoch from ${timeout}) * 1000)::pg_catalog.int8`
  return `select ${milliseconds}, ${
    zero.join(', ')
  }, pg_catalog.set_config('synchronize_seqscans', 'off', true)`
}

/** `statement_timeout` in milliseconds, where one is set, within bounds; else the limit of a request. */
function waitMsOf(statementTimeout: string): number {
  const timeoutMs = Number(statementTimeout)
  return timeoutMs > 0 ? Math.min(timeoutMs, statementWaitMaxMs) : requestWaitMs
}

async function lockRows(conduit: Conduit, { planned, id, deps }: Running & { planned: Planned }) {
  const { plan } = planned
  if (plan === null || plan.operation === 'insert') return
  const { table, rows } = plan
  const ids = encodeIds(rows.map((row) => required(row.id, 'the id of a planned row')))
  const results = await conduit.run([
    open(conduit, { mode: 'lock', id, rowsMax: rows.length, deps }),
    control(lockSql, [quoteName(table.schema, table.name), ids, id]),
  ])
  const found = Number(resultAt(results, 1).rows[0]?.[0])
  if (found !== new Set(rows.map((row) => row.id)).size) {
    throw new Error(`Locked ${found} of ${rows.length} planned rows`)
  }
}

async function sendPlan(
  conduit: Conduit,
  sending: Running & { plan: Plan; waitMs: number; request: EngineRequest },
): Promise<readonly OutcomeRow[]> {
  const { plan, waitMs, request, id, deps } = sending
  try {
    if (request.signal.aborted) throw fault('statement_cancelled', {})
    const mutation: Mutation = {
      id,
      syncId: plan.table.syncId,
      schema: plan.table.schema,
      table: plan.table.name,
      operation: plan.operation,
      rows: plan.rows,
    }
    const outcome = await deps.send(mutation, { waitMs })
    if (outcome.state !== 'accepted') throw new Fault(nameRow(outcome.fault, plan))
    return outcome.rows
  } catch (error) {
    // a connection that is lost now must not hide what the platform has said
    await rollback(conduit, error).catch((failure: unknown) => {
      deps.log.warn('rollback_failed', { mutation: id, error: reasonOf(failure) })
    })
    throw error
  }
}

interface Applying extends Running {
  readonly plan: Plan | null
  readonly rows: readonly OutcomeRow[]
  readonly table: SyncedTable
}

async function apply(conduit: Conduit, applying: Applying): Promise<void> {
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
 * The platform has the rows, but the statement failed in the database the second time (a deferred constraint, a full
 * disk, a conflict with a row that came meanwhile). The rows themselves are written by id, without the statement.
 */
async function applyById(conduit: Conduit, applying: Applying, cause: unknown): Promise<Fault> {
  const { id, deps, table } = applying
  deps.log.warn('apply_failed', { mutation: id, cause: reasonOf(cause) })
  if (isApplied(cause)) return notApplied(applying, { cause, written: true })
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
    return notApplied(applying, { cause, written: isApplied(error) })
  }
  deps.applied(id)
  deps.log.info('applied_by_id', { mutation: id, table: tableKey(table.schema, table.name) })
  return notApplied(applying, { cause, written: true })
}

/** For the log: what Postgres says of a value holds the value. */
function reasonOf(error: unknown): unknown {
  if (!(error instanceof DatabaseError)) return error
  const { name, sqlstate, step, own } = error
  return { name, sqlstate, step, own }
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
function openApply(conduit: Conduit, { id, plan, rows, deps }: Applying): Step {
  if (plan === null) return open(conduit, { mode: 'lock', id, rowsMax: 0, deps })
  const encoded = encodeTicketRows(plan.table, plan.operation, rows)
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

/** A cancel that was on its way can meet our ROLLBACK, once. */
const rollbackTriesMax = 3

/** ROLLBACK, unless the connection is gone; then Postgres rolls back by itself. */
async function rollback(conduit: Conduit, after: unknown): Promise<void> {
  if (after instanceof ConnectionLost) return
  for (let tries = 1;; tries++) {
    try {
      await conduit.run([control('ROLLBACK')])
      return
    } catch (error) {
      const again = error instanceof DatabaseError && tries < rollbackTriesMax
      if (!again) throw error
    }
  }
}

function open(
  conduit: Conduit,
  { mode, id, rowsMax, rows = null, deps }: {
    mode: 'plan' | 'lock' | 'apply'
    id: string
    rowsMax: number
    rows?: string | null
    deps: EngineDeps
  },
): ControlStep {
  const mac = ticketMac(deps.ticketKey, { mode, mutationId: id, pid: conduit.pid })
  return control(openSql, [mode, id, mac, String(rowsMax), rows])
}

type ControlStep = Extract<Step, { kind: 'control' }>

function control(sql: string, parameters: readonly (string | null)[] = []): ControlStep {
  return { kind: 'control', sql, parameters }
}

function resultAt(results: readonly StepResult[], index: number): StepResult {
  const result = results[index]
  if (result === undefined) throw new Error(`Step ${index} gave no result`)
  return result
}

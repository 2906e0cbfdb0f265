// Room engine: what a statement would do, shown and not done: every change is rolled back, and nothing is sent.

import type { Conduit } from './conduit.ts'
import type { EngineRequest } from './deps.ts'
import { type Plan, reportLimit } from './plan.ts'
import { guardedSettings, planSteps, readPlan, settingsSql } from './planning.ts'
import { control, open, resultAt, rollback, type Running } from './steps.ts'
import { explainPlan } from './explain.ts'

/**
 * Runs a planned statement once more, in the transaction of its plan, for the rows that it returns; then ends the
 * transaction. An insert's rows have placeholders for ids.
 */
export async function rehearse(
  conduit: Conduit,
  { id, deps, table }: EngineRequest & Running,
): Promise<void> {
  try {
    await conduit.run([
      open(conduit, { mode: 'plan', id, rowsMax: reportLimit(table), deps }),
      { kind: 'statement', phase: 'show' },
      control('ROLLBACK'),
    ])
  } catch (error) {
    await rollback(conduit, error)
    throw error
  }
}

/**
 * Shows what the client's EXPLAIN returns, and plans the statement that it explains: the conduit runs that one in `plan`.
 * Null: no row would change.
 */
export async function explain(
  conduit: Conduit,
  request: EngineRequest & Running,
): Promise<Plan | null> {
  try {
    const results = await conduit.run([
      // an EXPLAIN is allowed where writing is not, and its plan is rolled back
      control('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE'),
      guardedSettings(conduit, request), // at `guardStep`
      { kind: 'statement', phase: 'show' },
      ...planSteps(conduit, request),
      control('ROLLBACK'),
    ])
    return readPlan(conduit, { request, results: results.slice(3) })
  } catch (error) {
    await rollback(conduit, error)
    throw await explainPlan(conduit, error, request)
  }
}

/**
 * Begins the client's COPY FROM STDIN, for whose data the conduit has none, and ends it again: the client's own errors
 * come before it sends any. `statement_timeout` in milliseconds, 0: none.
 */
export async function openCopy(
  conduit: Conduit,
  { readOnly }: Pick<EngineRequest, 'readOnly'>,
): Promise<number> {
  try {
    const results = await conduit.run([
      control(readOnly ? 'BEGIN READ ONLY' : 'BEGIN'),
      control(settingsSql(conduit.serverMajor)),
      { kind: 'statement', phase: 'show' },
      control('ROLLBACK'),
    ])
    return Number(resultAt(results, 1).rows[0]?.[0])
  } catch (error) {
    await rollback(conduit, error)
    throw error
  }
}

// Room engine: the steps of ours that a mutation is made of: opening a mode, ending the transaction.

import { openSql, ticketMac } from '../database/index.ts'
import {
  type Conduit,
  ConnectionLost,
  DatabaseError,
  type Step,
  type StepResult,
} from './conduit.ts'
import type { EngineDeps } from './deps.ts'

/** One mutation under way. */
export interface Running {
  readonly id: string
  readonly deps: EngineDeps
}

export type ControlStep = Extract<Step, { kind: 'control' }>

export function control(sql: string, parameters: readonly (string | null)[] = []): ControlStep {
  return { kind: 'control', sql, parameters }
}

/** Opens a mode of the triggers for the rest of the transaction. */
export function open(
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

/** What the step at `index` gave. */
export function resultAt(results: readonly StepResult[], index: number): StepResult {
  const result = results[index]
  if (result === undefined) throw new Error(`Step ${index} gave no result`)
  return result
}

/** A cancel that was on its way can meet our ROLLBACK, once. */
const rollbackTriesMax = 3

/** ROLLBACK, unless the connection is gone; then Postgres rolls back by itself. */
export async function rollback(conduit: Conduit, after: unknown): Promise<void> {
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

/** For the log: what Postgres says of a value holds the value. */
export function reasonOf(error: unknown): unknown {
  if (!(error instanceof DatabaseError)) return error
  const { name, sqlstate, step, own } = error
  return { name, sqlstate, step, own }
}

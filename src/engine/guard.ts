// Room engine: a table without its triggers. What is written to it would not be seen, so nothing is planned and nothing sent.

import { notSyncedState, unguardedState } from '../database/index.ts'
import { type Fault, fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { DatabaseError } from './conduit.ts'

/** Where the step with `guardedSql` stands among those of a plan. */
export const guardStep = 1

/** What a client hears where the error of a plan means that the table lacks triggers; null: it means something else. */
export function unguarded(
  error: unknown,
  { syncId, platform, schema, name }: SyncedTable,
): Fault | null {
  if (!(error instanceof DatabaseError) || error.own) return null
  const { sqlstate, step } = error
  const isMissing = sqlstate === unguardedState && step === guardStep
  // taken away since
  const isRefused = sqlstate === notSyncedState && error.message.startsWith('not a synced table')
  if (!isMissing && !isRefused) return null
  return fault('outside_proxy', {
    platform,
    message: `the triggers of ${schema}.${name} were taken away, nothing was sent`,
    detail:
      `Without them Sluice does not see what is written to the table, and ${platform} would not hear of it.`,
    hint: `The owner of the sync puts them back: sluice syncs repair --sync ${syncId}`,
    schema,
    table: name,
  }, { cause: error })
}

// Room sync: what the writer of one table has, and how it holds the table in a transaction.

import { fenceSql } from '../database/index.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Store } from '../store/store.ts'
import type { Absences } from './writer-absent.ts'
import type { InSync, Session } from './writer-session.ts'
import { nameOf } from './writer-stage.ts'

/** What the writer of one table has. */
export interface Writing {
  readonly session: Session
  readonly table: SyncedTable
  readonly store: Store
  readonly fence: string
  readonly absences: Absences
  readonly inSync: InSync
  /** The batches of a first filling are taken for new, until one was not. */
  allNew: boolean
}

/**
 * In a transaction: from now on to its end nobody else takes the table. In the order in which a change of it takes locks.
 * Gives the fence that it had; null: none.
 */
export async function hold(
  { session, table, fence }: Writing,
  mutation: string,
): Promise<string | null> {
  const [, [row]] = await Promise.all([
    session.run(`lock table only ${nameOf(table)} in row exclusive mode`),
    session.run(fenceSql, [mutation, nameOf(table), fence]),
  ])
  const found = row?.['fence']
  return typeof found === 'string' ? found : null // the driver tells an int8 as text
}

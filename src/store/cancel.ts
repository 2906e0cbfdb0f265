// Room store: cancelling a mutation that has not been sent, wherever it waits.

import { faultData } from '../mutation/fault.ts'
import type { Outcome } from '../mutation/mutation.ts'
import { statesBefore } from '../mutation/life.ts'
import type { Sql, Store } from './store.ts'

/**
 * Settles a mutation as cancelled if it has not been sent; the process that has it finds that out before it sends it.
 * sent: it was sent, or settled in another way. unknown: it is not there, or of another sync than these (null: of any).
 */
export async function cancelMutation(
  store: Store,
  { id, syncs }: { id: string; syncs: readonly string[] | null },
): Promise<'cancelled' | 'sent' | 'unknown'> {
  const outcome: Outcome = { state: 'refused', fault: faultData('statement_cancelled') }
  const [row] = await store.ask(
    'Cancelling the mutation',
    (sql) =>
      sql<{ changed: boolean; known: boolean }[]>`
      with changed as (
        update sluice_store.mutations
        set state = ${outcome.state}, outcome = ${JSON.stringify(outcome)}::text::json,
          answered_at = now()
        where id = ${id} and state in ${sql(statesBefore('send'))} and ${ofSyncs(sql, syncs)}
        returning id
      )
      select exists (select from changed) as changed,
        exists (select from sluice_store.mutations where id = ${id} and ${ofSyncs(sql, syncs)})
          as known`,
  )
  if (row?.changed) return 'cancelled'
  return row?.known ? 'sent' : 'unknown'
}

/** The condition that a mutation is of one of these syncs; null: of any. */
export function ofSyncs(sql: Sql, syncs: readonly string[] | null) {
  return syncs === null ? sql`true` : sql`sync_id = any(${[...syncs]}::text[])`
}

/** Those of these mutations that were settled unsent. Of one that is in doubt somebody wants to know what became of it. */
export async function settledAmong(store: Store, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const rows = await store.ask('Looking for cancelled mutations', (sql) =>
    sql<{ id: string }[]>`
      select id from sluice_store.mutations
      where id in ${sql(ids)} and state = 'refused'`)
  return rows.map(({ id }) => id)
}

// Room store: what has been written to a table since a mutation came, for whoever thinks of sending that one again.

import type { LifeState } from '../mutation/life.ts'
import type { Mutation } from '../mutation/mutation.ts'
import type { Store } from './store.ts'

export interface LaterMutation {
  readonly id: string
  readonly state: LifeState
  readonly request: Mutation
}

/** Mutations looked through at most. */
export const laterMax = 5_000

/**
 * Mutations of the same table that came after this one and are not refused, oldest first; `laterMax` and one more where
 * there are too many to be sure. Throws `service_unreachable`.
 */
export async function readLater(
  store: Store,
  { id, syncId, table }: Pick<Mutation, 'id' | 'syncId' | 'table'>,
): Promise<readonly LaterMutation[]> {
  const rows = await store.ask('Reading later mutations', (sql) =>
    sql<LaterMutation[]>`
      select m.id, m.state, m.request
      from sluice_store.mutations own
        join sluice_store.mutations m on m.sync_id = own.sync_id and m.table_name = own.table_name
          and m.received_at >= own.received_at and m.id <> own.id
      where own.id = ${id} and own.sync_id = ${syncId} and own.table_name = ${table}
        and m.state <> 'refused'
      order by m.received_at limit ${laterMax + 1}`)
  return rows.map((row) => ({ ...row }))
}

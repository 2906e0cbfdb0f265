// Room store: deliveries of webhooks that were taken, by what their platform calls them, so that each counts once.

import type { Store } from './store.ts'

/** Longer than any platform repeats a delivery. */
export const deliveriesKeepMs = 7 * 24 * 60 * 60_000
const pruneRowsMax = 5_000
/** Names of deliveries are short; what is longer was not made by a platform. */
const idCharactersMax = 500

/** Was the delivery taken before? Throws `service_unreachable`. */
export async function isDelivered(
  store: Store,
  { syncId, id }: { syncId: string; id: string },
): Promise<boolean> {
  const found = await store.ask('Looking for a delivery', (sql) =>
    sql`
      select from sluice_store.deliveries
      where sync_id = ${syncId} and id = ${kept(id)}`)
  return found.length > 0
}

/** Notes that a delivery was taken, after what it brought is kept. Throws `service_unreachable`. */
export async function noteDelivery(
  store: Store,
  { syncId, id }: { syncId: string; id: string | null },
): Promise<void> {
  await store.ask('Noting a delivery', (sql) =>
    sql`
      with heard as (
        update sluice_store.webhooks set heard_at = now() where id = ${syncId}
      )
      insert into sluice_store.deliveries (sync_id, id)
      select ${syncId}, ${kept(id ?? '')} where ${id !== null} on conflict do nothing`)
}

/** Forgets old deliveries, some thousands at a time. Gives how many. Throws `service_unreachable`. */
export async function pruneDeliveries(store: Store): Promise<number> {
  const gone = await store.ask('Forgetting deliveries', (sql) =>
    sql`
      delete from sluice_store.deliveries where ctid in (
        select ctid from sluice_store.deliveries
        where at < now() - ${deliveriesKeepMs} * interval '1 millisecond' limit ${pruneRowsMax})`)
  return gone.count
}

function kept(id: string): string {
  return id.replaceAll('\u0000', '').slice(0, idCharactersMax)
}

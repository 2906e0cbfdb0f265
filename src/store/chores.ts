// Room store: what is done for each sync now and then, by one process at a time.

import type { Store } from './store.ts'

/** reconcile: following the platform's schema. webhook: looking whether it is at the platform still. */
export type Chore = 'reconcile' | 'webhook'

/**
 * Claims an active sync for which the chore is due, and makes it due again after `everyMs` milliseconds. A sync that is
 * new is due after a first such time. Null: there is none. Throws `service_unreachable`.
 */
export async function claimChore(
  store: Store,
  { chore, everyMs }: { chore: Chore; everyMs: number },
): Promise<string | null> {
  const [row] = await store.ask('Claiming a chore', (sql) =>
    sql<{ id: string }[]>`
      with made as (
        insert into sluice_store.chores (sync_id, chore, due_at)
        select s.id, ${chore}, now() + ${everyMs} * interval '1 millisecond'
        from sluice_store.syncs s
        where not exists (select from sluice_store.chores c
          where c.sync_id = s.id and c.chore = ${chore})
        on conflict do nothing
      ), due as materialized (
        select c.sync_id from sluice_store.chores c
          join sluice_store.syncs s on s.id = c.sync_id and s.state = 'active'
        where c.chore = ${chore} and c.due_at <= now()
        order by c.due_at limit 1 for update of c skip locked
      )
      update sluice_store.chores c set due_at = now() + ${everyMs} * interval '1 millisecond'
      from due where c.sync_id = due.sync_id and c.chore = ${chore}
      returning c.sync_id as id`)
  return row?.id ?? null
}

/**
 * Makes the chore due at once for every sync, but for those of which it is due so many milliseconds ahead (`unless`, both
 * ends included). Throws `service_unreachable`.
 */
export async function hastenChore(
  store: Store,
  { chore, unless: { fromMs, toMs } }: {
    chore: Chore
    unless: { readonly fromMs: number; readonly toMs: number }
  },
): Promise<void> {
  await store.ask('Hastening a chore', (sql) =>
    sql`
      insert into sluice_store.chores as c (sync_id, chore, due_at)
      select s.id, ${chore}, now() from sluice_store.syncs s
      on conflict (sync_id, chore) do update set due_at = least(c.due_at, excluded.due_at)
        where c.due_at not between now() + ${fromMs} * interval '1 millisecond'
          and now() + ${toMs} * interval '1 millisecond'`)
}

/** Makes it due so many milliseconds from now. Throws `service_unreachable`. */
export async function putOffChore(
  store: Store,
  { chore, syncId, inMs }: { chore: Chore; syncId: string; inMs: number },
): Promise<void> {
  await store.ask('Putting off a chore', (sql) =>
    sql`
      update sluice_store.chores set due_at = now() + ${inMs} * interval '1 millisecond'
      where sync_id = ${syncId} and chore = ${chore}`)
}

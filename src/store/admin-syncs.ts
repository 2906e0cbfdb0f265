// Room store: syncs as their administrators see and change them: what was chosen, logins, the end of a sync.

import { fault } from '../mutation/fault.ts'
import type { Store } from './store.ts'
import type { Retired, Selection, Sync, User } from './syncs.ts'

/** What the store knows of how a sync was set up, beside `Sync`. */
export interface SetupRecord {
  /** As `Sync.version`. */
  readonly version: string
  readonly selection: Selection
  /** By the table's name. */
  readonly retired: Readonly<Record<string, readonly Retired[]>>
  /** Names of its logins. */
  readonly users: readonly string[]
  /** Null: clients may connect from anywhere. */
  readonly allow: readonly string[] | null
}

/** Throws `not_found`, `service_unreachable`. */
export async function readSetup(store: Store, id: string): Promise<SetupRecord> {
  const [row] = await store.ask('Reading the sync', (sql) =>
    sql<SetupRecord[]>`
      select s.version, s.selection, s.allow,
        (select coalesce(json_object_agg(t.name, t.retired), '{}')
          from sluice_store.tables t where t.sync_id = s.id) as retired,
        (select coalesce(json_agg(u.name order by u.name), '[]')
          from sluice_store.users u where u.sync_id = s.id) as users
      from sluice_store.syncs s where s.id = ${id}`)
  if (row === undefined) throw noSync(id)
  return { ...row }
}

/** Adds a login, or gives it another password. Throws `not_found`. */
export async function saveUser(
  store: Store,
  { syncId, name, verifier }: User & { syncId: string },
): Promise<void> {
  const saved = await store.ask('Saving the login', (sql) =>
    sql`
      with touched as (
        update sluice_store.syncs set version = version + 1, updated_at = now()
        where id = ${syncId} returning id
      )
      insert into sluice_store.users (sync_id, name, verifier)
      select id, ${name}, ${verifier} from touched
      on conflict (sync_id, name) do update set verifier = excluded.verifier`)
  if (saved.count === 0) throw noSync(syncId)
}

/** Takes a login away. False: the sync has none of that name. Throws `not_found` (no such sync). */
export async function removeUser(
  store: Store,
  { syncId, name }: { syncId: string; name: string },
): Promise<boolean> {
  const [row] = await store.ask(
    'Revoking the login',
    (sql) =>
      sql<{ removed: number; known: number }[]>`
      with touched as (
        update sluice_store.syncs set version = version + 1, updated_at = now()
        where id = ${syncId} returning id
      ), removed as (
        delete from sluice_store.users where sync_id = ${syncId} and name = ${name} returning name
      )
      select (select count(*)::int from removed) as removed,
        (select count(*)::int from touched) as known`,
  )
  if (row?.known !== 1) throw noSync(syncId)
  return row.removed > 0
}

/** Takes all logins of a sync away and all its tokens: nobody comes in by it any more. */
export async function revokeAll(store: Store, syncId: string): Promise<void> {
  await store.ask('Revoking the logins', (sql) =>
    sql`
      with touched as (
        update sluice_store.syncs set version = version + 1, updated_at = now() where id = ${syncId}
      ), revoked as (
        update sluice_store.tokens set revoked_at = coalesce(revoked_at, now())
        where sync_id = ${syncId}
      )
      delete from sluice_store.users where sync_id = ${syncId}`)
}

/** Forgets a sync: its tables, logins and tokens. The journal keeps its mutations. Throws `not_found`. */
export async function deleteSync(store: Store, id: string): Promise<void> {
  const gone = await store.ask(
    'Forgetting the sync',
    (sql) => sql`delete from sluice_store.syncs where id = ${id}`,
  )
  if (gone.count === 0) throw noSync(id)
}

/** Mutations of a sync that are not settled: under way, in doubt and still asked about, or accepted and not applied. */
export interface Unsettled {
  readonly underWay: number
  readonly notApplied: number
  readonly inDoubt: number
  /** Age of the oldest, in milliseconds; 0: there is none. */
  readonly oldestMs: number
}

/** Throws `service_unreachable`. */
export async function readUnsettled(store: Store, syncId: string): Promise<Unsettled> {
  const [row] = await store.ask('Counting what is left', (sql) =>
    sql<Unsettled[]>`
      select count(*) filter (where state in ('received', 'sent'))::int as "underWay",
        count(*) filter (where state = 'accepted')::int as "notApplied",
        count(*) filter (where state not in ('received', 'sent', 'accepted'))::int as "inDoubt",
        coalesce(extract(epoch from now() - min(received_at)) * 1000, 0)::float8 as "oldestMs"
      from sluice_store.mutations
      where sync_id = ${syncId}
        and (state in ('received', 'sent', 'accepted') or next_inquiry_at is not null)`)
  return row === undefined ? { underWay: 0, notApplied: 0, inDoubt: 0, oldestMs: 0 } : { ...row }
}

/** Syncs of a database, or of a connection, by id. Throws `service_unreachable`. */
export async function findSyncs(
  store: Store,
  { databaseId = null, connectionId = null }: {
    databaseId?: string | null
    connectionId?: string | null
  },
): Promise<readonly { id: string; schema: string; state: Sync['state'] }[]> {
  const rows = await store.ask(
    'Reading the syncs',
    (sql) =>
      sql<{ id: string; schema: string; state: Sync['state'] }[]>`
      select id, schema_name as schema, state from sluice_store.syncs
      where (${databaseId}::text is null or database_id = ${databaseId})
        and (${connectionId}::text is null or connection_id = ${connectionId}) order by id`,
  )
  return rows.map((row) => ({ ...row }))
}

function noSync(id: string): Error {
  return fault('not_found', { message: `sync "${id}" not found` })
}

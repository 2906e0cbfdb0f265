// A store in a database of its own, for the tests of store, service and sync.

import { randomBytes } from 'node:crypto'
import { migrate } from '../../src/store/migrations.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { type Presence, presenceClass } from '../../src/store/presence.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import { saveSync } from '../../src/store/syncs.ts'
import type { Mutation } from '../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../src/mutation/table.ts'

export const keyring = parseKeyring(`test:${randomBytes(32).toString('base64')}`)

export const address = {
  host: '127.0.0.1',
  port: 5432,
  database: 'demo',
  user: 'demo',
  password: 'database password',
  sslmode: 'disable',
} as const

/** Opens a migrated store at a URL. */
export async function testStore(url: string): Promise<Store> {
  const store = openStore({ url, keyring, connectionsMax: 8, waitMs: 30_000 })
  await migrate(store)
  return store
}

export function contacts(syncId = 'sync_test01'): SyncedTable {
  const column = (name: string, writable: boolean) => ({
    name,
    field: name,
    type: 'text',
    insertable: writable,
    updatable: writable,
    required: false,
  })
  return {
    syncId,
    platform: 'salesforce',
    schema: 'salesforce',
    name: 'contacts',
    object: 'Contact',
    columns: [column('id', false), column('email', true), column('name', true), {
      ...column('created_at', false),
      type: 'timestamptz',
    }],
  }
}

/** One sync with one table of contacts; its connection has a key. */
export async function seed(
  store: Store,
  { id = 'sync_test01', credential }: {
    id?: string
    credential?: Parameters<typeof saveConnection>[1]['credential']
  } = {},
): Promise<SyncedTable> {
  const table = contacts(id)
  await saveConnection(store, {
    id: `connection of ${id}`,
    platform: 'salesforce',
    baseUrl: 'http://127.0.0.1:1/salesforce',
    credential: credential ?? { kind: 'key', key: 'the key' },
    tokenUrl: 'http://127.0.0.1:1/token',
    clientId: 'client',
  })
  await saveDatabase(store, { id: `database of ${id}`, address }, { random: randomBytes })
  await saveSync(store, {
    id,
    connectionId: `connection of ${id}`,
    databaseId: `database of ${id}`,
    schema: 'salesforce',
    tables: [table],
    users: [{ name: 'demo', verifier: 'SCRAM-SHA-256$4096:c2FsdA==$a:b' }],
  })
  return table
}

/** An update of one contact, with an id of its own. */
export function update(fields: Partial<Mutation> = {}): Mutation {
  return {
    id: crypto.randomUUID(),
    syncId: 'sync_test01',
    schema: 'salesforce',
    table: 'contacts',
    operation: 'update',
    rows: [{ ordinal: 1, id: '003A', values: { email: 'paul@dune.co' } }],
    ...fields,
  }
}

/** The store's clock, which stands still until the test moves it. */
export interface HeldClock {
  /** Milliseconds. */
  pass(ms: number): Promise<void>
  /** It goes on by itself, as it was before. */
  free(): Promise<void>
}

/** Stops the clock by which the store gives turns: a machine that stands still then changes nothing. */
export async function holdClock({ sql }: Store): Promise<HeldClock> {
  const define = (body: string) =>
    sql.unsafe(`create or replace function sluice_store.clock_ms() returns bigint
      language sql volatile return ${body}`)
  const [row] = await sql<{ now: string }[]>`select sluice_store.clock_ms()::text as now`
  let now = BigInt(row?.now ?? 0)
  await define(`${now}::bigint`)
  return {
    pass: async (ms) => void await define(`${now += BigInt(ms)}::bigint`),
    free: async () =>
      void await define('floor(extract(epoch from clock_timestamp()) * 1000)::bigint'),
  }
}

/** Lets go of a presence, and waits until others take it for gone. */
export async function leaveFully(store: Store, presence: Presence): Promise<void> {
  await presence.leave()
  await untilGone(store, presence.service)
}

/** Waits until the session of a presence is gone at Postgres too: only then do others take its process for gone. */
export async function untilGone({ sql }: Store, service: number): Promise<void> {
  const holds = async () =>
    (await sql`
      select from pg_locks where locktype = 'advisory' and granted
        and classid = ${presenceClass} and objid = ${service}
        and database = (select oid from pg_database where datname = current_database())`).count > 0
  for (const end = Date.now() + 60_000; await holds();) {
    if (Date.now() > end) throw new Error('The session of the presence did not end')
    await new Promise((go) => setTimeout(go, 20))
  }
}

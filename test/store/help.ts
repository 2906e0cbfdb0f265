// A store in a database of its own, for the tests of store, service and sync.

import { randomBytes } from 'node:crypto'
import { migrate } from '../../src/store/migrations.ts'
import { parseKeyring } from '../../src/store/seal.ts'
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
  const store = openStore({ url, keyring, connectionsMax: 8, waitMs: 5_000 })
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

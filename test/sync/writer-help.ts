// A store, a customer's database with one synced table, and writers of it, for the tests of the writer.

import { Buffer } from 'node:buffer'
import { randomBytes, randomUUID } from 'node:crypto'
import postgres from 'postgres'
import { applyRows, ensureTable, installDatabase } from '../../src/database/index.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Mutation, Outcome, Values } from '../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../src/mutation/table.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import { createJournal, type Journal, requestHash } from '../../src/store/journal.ts'
import type { Store } from '../../src/store/store.ts'
import { readSync, saveSync } from '../../src/store/syncs.ts'
import { openWriter } from '../../src/sync/writer.ts'
import type { TableWriter, Written } from '../../src/sync/writing.ts'
import type { TestCluster } from '../help/cluster.ts'
import { contacts, testStore } from '../store/help.ts'

export const syncId = 'sync_writer1'

export interface Ground {
  readonly store: Store
  readonly journal: Journal
  readonly ticketKey: Uint8Array
  readonly table: SyncedTable
  /** The owner of the tables. */
  readonly owner: postgres.Sql
  /** The role that the sync process logs in with. */
  readonly sql: postgres.Sql
  readonly url: string
  open(fence?: string, table?: SyncedTable): Promise<TableWriter>
  /** What a mutation does to the database in the end. */
  commit(id: string, values: Values | null): Promise<number>
  /** A mutation of the journal that is sent. */
  begin(mutation: Partial<Mutation>, state?: 'received' | 'sent'): Promise<Mutation>
  accept(mutation: Mutation, rows: { id: string; values: Values | null }[]): Promise<void>
  rows(): Promise<Record<string, string | null>>
  close(): Promise<void>
}

export const record = (id: string, email: string | null, more: Values = {}) => ({
  id,
  values: { email, name: `Name ${id}`, created_at: '2026-01-05T08:00:00+00:00', ...more },
})

/** Resolves when it is so. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!await isSo()) {
    if (Date.now() > deadline) throw new Error('It is still not so')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Every record that was not written, and why. */
export const whys = ({ later }: Written): Record<string, string> =>
  Object.fromEntries(later.map(({ ref, why }) => [ref.id, why]))

export async function makeGround(
  cluster: TestCluster,
  table: SyncedTable = contacts(syncId),
): Promise<Ground> {
  const store = await testStore(await cluster.createDatabase())
  const journal = createJournal(store, { service: 1 })
  const url = new URL(await cluster.createDatabase())
  const owner = postgres(url.href, { max: 4, onnotice: () => {} })
  const role = `writer_${url.pathname.slice(1)}`
  await owner.unsafe(`create role ${role} login password 'writer'`)
  const address = {
    host: '127.0.0.1',
    port: cluster.port,
    database: url.pathname.slice(1),
    user: role,
    password: 'writer',
    sslmode: 'disable' as const,
  }
  const credential = { kind: 'key', key: 'k' } as const
  const connection = { id: 'acme', platform: 'salesforce', baseUrl: 'http://127.0.0.1:1' } as const
  await saveConnection(store, { ...connection, credential })
  const database = await saveDatabase(store, { id: 'demo', address }, { random: randomBytes })
  const ticketKey = Buffer.from(database.ticketKey, 'base64')
  await installDatabase(owner, { ticketKey })
  await ensureTable(owner, table, { role })
  const { schema } = table
  const sync = { id: syncId, connectionId: 'acme', databaseId: 'demo', schema, users: [] }
  await saveSync(store, { ...sync, tables: [table] })
  const place = { syncId, schema, table: table.name }
  url.username = role
  url.password = 'writer'
  const sql = postgres(url.href, { max: 6, onnotice: () => {}, fetch_types: false })
  const { version: syncVersion } = await readSync(store, syncId)
  const name = `${schema}.${table.name}`
  return {
    store,
    journal,
    ticketKey,
    table,
    owner,
    sql,
    url: url.href,
    open: (fence = '1', opened = table) =>
      openWriter({ sql, table: opened, ticketKey, fence, store, log: silentLog, now: Date.now }),
    commit: (id, values) =>
      applyRows(owner, {
        table,
        operation: values === null ? 'delete' : 'upsert',
        rows: [{ id, values }],
        ticketKey,
      }),
    begin: async (given, state = 'sent') => {
      const rows = [{ ordinal: 1, id: null, values: {} }]
      const mutation = { id: randomUUID(), ...place, operation: 'insert', rows, ...given } as const
      await journal.begin(mutation, { hash: requestHash(mutation), syncVersion, state })
      return mutation
    },
    accept: async (mutation, rows) => {
      const outcome: Outcome = {
        state: 'accepted',
        rows: rows.map((row, at) => ({ ordinal: at + 1, ...row })),
      }
      await journal.settle(mutation.id, outcome)
    },
    rows: async () => {
      const found = await owner.unsafe(`select id, email from ${name} order by id`)
      return Object.fromEntries(found.map(({ id, email }) => [id, email]))
    },
    close: async () => {
      await Promise.allSettled([store.close(), owner.end({ timeout: 2 }), sql.end({ timeout: 2 })])
    },
  }
}

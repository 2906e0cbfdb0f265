// A sync whose platform describes what the test says, with a real store and a real customer's database.

import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { silentLog } from '../../src/lib/log.ts'
import type { Column } from '../../src/mutation/table.ts'
import type { Caller, TableShape } from '../../src/platforms/platform.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { readDatabase } from '../../src/store/databases.ts'
import type { Store } from '../../src/store/store.ts'
import { readSync } from '../../src/store/syncs.ts'
import { type DriftDeps, reconcile, type Reconciled } from '../../src/sync/drift.ts'
import { createSync } from '../../src/sync/setup.ts'
import { parseDatabaseUrl } from '../../src/sync/setup-address.ts'
import type { TestCluster } from '../help/cluster.ts'
import { stripe } from '../../src/platforms/stripe/index.ts'
import { testStore } from '../store/help.ts'

export interface DriftStage {
  readonly store: Store
  readonly sql: postgres.Sql
  readonly role: string
  readonly databaseUrl: string
  /** What the platform describes. */
  shapes: TableShape[]
  now: number
  /** Done before the platform's description is there. */
  described: () => Promise<void>
  readonly deps: DriftDeps
  /** Sets the sync up with the shapes that there are. */
  setUp(selection?: { objects: 'all' }): Promise<void>
  reconcile(): Promise<Reconciled>
  columns(table?: string): Promise<Map<string, { type: string; comment: string | null }>>
  /** Its name; null: there is none. */
  relation(name: string): Promise<string | null>
  ticketKey(): Promise<Uint8Array>
  close(): Promise<void>
}

export const syncId = 'sync_drift1'

export function column(name: string, type = 'text', parts: Partial<Column> = {}): Column {
  const writable = name !== 'id'
  return {
    name,
    field: name,
    type,
    insertable: writable,
    updatable: writable,
    required: false,
    ...parts,
  }
}

export function shape(columns: readonly Column[], parts: Partial<TableShape> = {}): TableShape {
  return { object: 'Thing', name: 'things', columns: [column('id'), ...columns], ...parts }
}

export async function driftStage(cluster: TestCluster): Promise<DriftStage> {
  const store = await testStore(await cluster.createDatabase())
  const databaseUrl = await cluster.createDatabase()
  const sql = postgres(databaseUrl, { max: 3, onnotice: () => {} })
  const role = `listener_${randomBytes(4).toString('hex')}`
  await sql.unsafe(`create role ${role} login password 'secret'`)
  const connection = {
    id: 'acme',
    platform: 'salesforce',
    baseUrl: 'http://127.0.0.1:1',
    credential: { kind: 'key', key: 'k' },
  } as const
  await saveConnection(store, connection)
  const describe = async (objects: readonly string[]) => {
    await stage.described()
    return stage.shapes.filter(({ object }) => objects.includes(object))
  }
  const adapter = { ...stripe, describe }
  const callerFor = () => Promise.resolve({} as Caller)
  const owner = parseDatabaseUrl(databaseUrl)
  const stage: DriftStage = {
    store,
    sql,
    role,
    databaseUrl,
    shapes: [],
    described: () => Promise.resolve(),
    now: Date.parse('2026-11-26T12:00:00Z'),
    deps: {
      store,
      adapterFor: () => adapter,
      callerFor,
      objectsOf: () => stage.shapes.map(({ object }) => object),
      now: () => stage.now,
      log: silentLog,
    },
    setUp: async (selection) => {
      await createSync({ ...stage.deps, sql, random: (size) => randomBytes(size) }, {
        id: syncId,
        connection,
        database: { id: 'demo', owner, address: { ...owner, user: role, password: 'secret' } },
        schema: 'salesforce',
        objects: stage.shapes.map(({ object }) => object),
        users: [],
        role,
        ...selection === undefined ? {} : { selection },
      })
    },
    reconcile: () => reconcile(stage.deps, syncId),
    columns: async (table = 'things') => {
      const rows = await sql`
        select attname::text as name, format_type(atttypid, atttypmod) as type,
          col_description(attrelid, attnum) as comment
        from pg_attribute where attrelid = ${`salesforce.${table}`}::text::regclass
          and attnum > 0 and not attisdropped order by attnum`
      return new Map(rows.map(({ name, type, comment }) => [String(name), { type, comment }]))
    },
    relation: async (name) => {
      const [row] = await sql`select to_regclass(${`salesforce.${name}`}::text)::text as name`
      return row?.['name'] as string | null
    },
    ticketKey: async () => {
      const { databaseId } = await readSync(store, syncId)
      return Buffer.from((await readDatabase(store, databaseId)).ticketKey, 'base64')
    },
    close: async () => {
      await Promise.allSettled([store.close(), sql.end()])
    },
  }
  return stage
}

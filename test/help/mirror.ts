// A store, a customer's database and a sandbox with syncs that are set up and not filled, for tests of the sync process: in
// this process as an engine, or as workers of their own.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import process from 'node:process'
import postgres from 'postgres'
import { createHttp } from '../../src/lib/http.ts'
import { type Log, silentLog } from '../../src/lib/log.ts'
import { createMetrics } from '../../src/lib/metrics.ts'
import type { Platform, SyncedTable } from '../../src/mutation/table.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import type { Adapter } from '../../src/platforms/platform.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Callers, createCallers } from '../../src/service/callers.ts'
import type { NewConnection } from '../../src/store/connections.ts'
import { migrate } from '../../src/store/migrations.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { listTableStates, type TableState } from '../../src/store/tables.ts'
import { type Engine, type EngineOptions, startEngine } from '../../src/sync/engine.ts'
import { createSessions, type Sessions } from '../../src/sync/sessions.ts'
import { createSync } from '../../src/sync/setup.ts'
import { createSyncMetrics } from '../../src/sync/sync-metrics.ts'
import type { TestCluster } from './cluster.ts'

export interface Mirror {
  readonly store: Store
  readonly storeUrl: string
  /** As superuser. */
  readonly sql: postgres.Sql
  readonly databaseUrl: string
  readonly sandbox: Sandbox
  readonly callers: Callers
  /** For SLUICE_KEYS. */
  readonly keys: string
  /** Sets up `sync_<platform>` in the schema of that name, or another one of the same account. */
  add(
    platform: Platform,
    objects: readonly string[],
    options?: { name?: string },
  ): Promise<readonly SyncedTable[]>
  /** An engine in this process; it is drained at the end. */
  engine(
    options?: Partial<EngineOptions> & {
      adapterFor?: (p: Platform) => Adapter
      log?: Log
      /** In place of the mirror's own. */
      store?: Store
      sessions?: Sessions
      databaseWaitMs?: number
    },
  ): Engine
  /** Those that its engines take. */
  readonly sessions: Sessions
  states(): Promise<readonly TableState[]>
  close(): Promise<void>
}

/** Credentials as the sandbox knows them. */
const accounts: Record<Platform, Partial<NewConnection> & { readonly tokenPath?: string }> = {
  salesforce: { tokenPath: '/services/oauth2/token' },
  hubspot: { tokenPath: '/oauth/v3/token' },
  stripe: {},
  airtable: { tokenPath: '/oauth2/v1/token', settings: { base: 'appSandbox0000001' } },
  github: {
    tokenPath: '/login/oauth/access_token',
    settings: { repositories: ['octo/hello', 'octo/world'] },
  },
}

export async function startMirror(
  cluster: TestCluster,
  { limits = false, latencyMs = 0, sandbox: given }: {
    limits?: boolean
    latencyMs?: number
    /** One that runs elsewhere; it is closed at the end. */
    sandbox?: Sandbox
  } = {},
): Promise<Mirror> {
  const [storeUrl, databaseUrl] = [await cluster.createDatabase(), await cluster.createDatabase()]
  const sandbox = given ??
    await startSandbox({ port: 0, limits, latencyMs, rotateRefreshTokens: false })
  const keys = `test:${randomBytes(32).toString('base64')}`
  const store = openStore({ url: storeUrl, keyring: parseKeyring(keys), connectionsMax: 10 })
  await migrate(store)
  const sql = postgres(databaseUrl, { max: 4, onnotice: () => {} })
  const http = createHttp()
  const callers = createCallers({ store, http, adapterFor, log: silentLog })
  const sessions = createSessions({ store, log: silentLog, now: Date.now })
  const engines: Engine[] = []
  const role = `mirror_${new URL(databaseUrl).pathname.slice(1)}`
  await sql.unsafe(`create role ${role} login password 'mirror'`)
  return {
    store,
    storeUrl,
    sql,
    databaseUrl,
    sandbox,
    callers,
    keys,
    sessions,
    add: async (platform, objects, { name = platform } = {}) => {
      const { tables } = await createSync({
        store,
        sql,
        adapterFor,
        callerFor: (id, options) => callers.callerFor(id, options),
        random: (bytes) => randomBytes(bytes),
        now: Date.now,
      }, {
        id: `sync_${name}`,
        connection: connectionOf(platform, sandbox.platformUrl(platform)),
        database: {
          id: 'database',
          address: addressOf(databaseUrl, { user: role, password: 'mirror' }),
          owner: addressOf(databaseUrl, {}),
        },
        schema: name,
        objects,
        users: [],
        role,
      })
      return tables
    },
    engine: (given = {}) => {
      const { adapterFor: adapters = adapterFor, log = silentLog, ...options } = given
      const metrics = createSyncMetrics(createMetrics({ log: silentLog }))
      const engine = startEngine({
        store: options.store ?? store,
        sessions: options.sessions ?? sessions,
        ...(options.databaseWaitMs === undefined ? {} : { databaseWaitMs: options.databaseWaitMs }),
        metrics,
        log,
        adapterFor: adapters,
        callerFor: (id, given) => callers.callerFor(id, given),
        now: Date.now,
        random: Math.random,
      }, { owner: 'test', lookMs: 100, ...options })
      engines.push(engine)
      return engine
    },
    states: () => listTableStates(store, { syncId: null }),
    close: async () => {
      await Promise.all(engines.map((engine) => engine.drain({ waitMs: 10_000 })))
      await callers.close()
      await Promise.allSettled([
        sessions.close(),
        store.close(),
        sql.end({ timeout: 2 }),
        http.close(),
        sandbox.close(),
      ])
    },
  }
}

function connectionOf(platform: Platform, baseUrl: string): NewConnection {
  const { tokenPath, settings = {} } = accounts[platform]
  const common = { id: `connection_${platform}`, platform, baseUrl, settings }
  if (tokenPath === undefined) return { ...common, credential: { kind: 'key', key: 'sandbox' } }
  return {
    ...common,
    tokenUrl: baseUrl + tokenPath,
    clientId: 'sandbox',
    credential: { kind: 'oauth', refreshToken: 'sandbox', clientSecret: 'sandbox' },
  }
}

function addressOf(url: string, given: { user?: string; password?: string }) {
  const { hostname: host, port, pathname, username, password } = new URL(url)
  return {
    host,
    port: Number(port),
    database: pathname.slice(1),
    user: username,
    password,
    sslmode: 'disable',
    ...given,
  } as const
}

/** Waits until the condition holds; fails with what it saw last. */
export async function eventually<T>(
  look: () => Promise<T>,
  { holds, waitMs = 60_000, everyMs = 25 }: {
    holds: (seen: T) => boolean
    waitMs?: number
    everyMs?: number
  },
): Promise<T> {
  const until = Date.now() + waitMs
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    if (Date.now() > until) {
      throw new Error(`It did not come about; last seen: ${JSON.stringify(seen)?.slice(0, 4_000)}`)
    }
    await new Promise((done) => setTimeout(done, everyMs))
  }
}

/** Ends the claims of all tables, as if their processes had been stopped for long, until others have taken them. */
export async function takeAway(mirror: Mirror): Promise<void> {
  const before = new Map((await mirror.states()).map(({ syncId, name, fence }) => [
    `${syncId}.${name}`,
    fence,
  ]))
  await eventually(async () => {
    // again: whoever has it may have been renewing it just then
    await mirror.store.sql`
      update sluice_store.table_states set lease_until = now() - interval '1 second'
      where fence::text in ${mirror.store.sql([...before.values()])}`
    return await mirror.states()
  }, {
    holds: (states) =>
      states.every(({ syncId, name, fence }) => before.get(`${syncId}.${name}`) !== fence),
  })
}

/** Every table is filled and follows, and nothing is to be read again. */
export function areQuiet(states: readonly TableState[]): boolean {
  return states.length > 0 &&
    states.every(({ phase, pass, hints, filledAt }) =>
      phase === 'following' && pass === null && hints === 0 && filledAt !== null
    )
}

const onDeno = 'Deno' in globalThis

export interface SyncWorker {
  readonly exited: Promise<number | null>
  kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  /** What it has logged last. */
  log(): string
}

/** Starts workers/sync.ts as a process of its own. Its log is kept. */
export function startSyncWorker(
  mirror: Mirror,
  env: Record<string, string> = {},
): SyncWorker {
  const file = resolve(import.meta.dirname ?? '.', '../../workers/sync.ts')
  const args = onDeno ? ['run', '--quiet', '--no-check', '-A', file] : [file]
  const child = spawn(process.execPath, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: {
      ...process.env,
      SLUICE_STORE_URL: mirror.storeUrl,
      SLUICE_KEYS: mirror.keys,
      SLUICE_PRIVATE_ADDRESSES: 'allow',
      SLUICE_EXIT_WITH_STDIN: '1',
      SLUICE_STORE_CONNECTIONS: '6',
      ...env,
    },
  })
  let log = ''
  child.stdin?.on('error', () => {})
  child.stderr?.on('data', (data: Uint8Array) => {
    log = (log + new TextDecoder().decode(data)).slice(-200_000)
  })
  const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)))
  return {
    exited,
    log: () => log,
    kill: (signal) => {
      // not child.kill: on Deno it closes stdin as well, and forgets the exit code
      const over = child.exitCode !== null || child.signalCode !== null
      if (!over && child.pid !== undefined) process.kill(child.pid, signal)
    },
  }
}

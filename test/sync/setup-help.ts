// An administration as the command line has it, on a store and databases of its own, against the sandbox.

import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { anyAddress } from '../../src/lib/addresses.ts'
import { createHttp } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { adapterFor, objectsOf } from '../../src/platforms/index.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { createCallers } from '../../src/service/callers.ts'
import { dialSession } from '../../src/session/adopted.ts'
import { saveConnection } from '../../src/store/connections.ts'
import type { Store } from '../../src/store/store.ts'
import { type Administration, createAdministration } from '../../src/sync/setup-administration.ts'
import { parseDatabaseUrl } from '../../src/sync/setup-address.ts'
import type { AdminDeps } from '../../src/sync/setup-request.ts'
import { makeVerifier } from '../../src/wire/scram.ts'
import type { TestCluster } from '../help/cluster.ts'
import { testStore } from '../store/help.ts'

export interface SetupStage {
  readonly store: Store
  readonly admin: Administration
  readonly deps: AdminDeps
  readonly sandboxUrl: string
  /** A new database, with an owner that is no superuser: its URL, as the owner, and a superuser's session. */
  database(options?: { createrole?: boolean }): Promise<CustomerDatabase>
  close(): Promise<void>
}

export interface CustomerDatabase {
  readonly url: string
  readonly owner: string
  readonly name: string
  readonly sql: postgres.Sql
}

export async function setupStage(cluster: TestCluster): Promise<SetupStage> {
  const store = await testStore(await cluster.createDatabase())
  const sandbox = await startSandbox({ port: 0, limits: false })
  const http = createHttp()
  const callers = createCallers({ store, http, adapterFor, log: silentLog })
  const sessions: postgres.Sql[] = []
  const deps: AdminDeps = {
    store,
    adapterFor,
    objectsOf,
    callerFor: (id, options) => callers.callerFor(id, options),
    dial: (address, options) =>
      dialSession(address, { ...options, log: silentLog, approach: { guard: anyAddress } }),
    http,
    makeVerifier,
    random: (size) => randomBytes(size),
    now: Date.now,
    log: silentLog,
    listeners: [
      { name: 'iad', host: 'db.example', port: 6432 },
      { name: 'fra', host: 'fd00::7', port: 5432 },
    ],
    hosted: parseDatabaseUrl(cluster.url('postgres')),
    baseUrlFlaw: () => null,
  }
  await saveConnection(store, {
    id: 'shop',
    platform: 'stripe',
    baseUrl: sandbox.platformUrl('stripe'),
    credential: { kind: 'key', key: 'sandbox' },
  })
  return {
    store,
    deps,
    sandboxUrl: sandbox.url,
    admin: createAdministration(deps),
    database: async ({ createrole = true } = {}) => {
      const superuser = new URL(await cluster.createDatabase())
      const sql = postgres(superuser.href, { max: 2, onnotice: () => {} })
      sessions.push(sql)
      const [owner, name] = [`owner_${randomBytes(5).toString('hex')}`, superuser.pathname.slice(1)]
      await sql.unsafe(
        `create role ${owner} login ${createrole ? 'createrole' : ''} password 'secret'`,
      )
      await sql.unsafe(`alter database ${name} owner to ${owner}`)
      const url = new URL(superuser)
      url.username = owner
      url.password = 'secret'
      return { url: url.href, owner, name, sql }
    },
    close: async () => {
      await Promise.allSettled([
        callers.close(),
        store.close(),
        ...sessions.map((sql) => sql.end()),
      ])
      await Promise.allSettled([http.close(), sandbox.close()])
    },
  }
}

/** Runs one statement as the role of the URL. */
export async function runAs(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    await sql.unsafe(statement)
  } finally {
    await sql.end()
  }
}

/** Waits until it holds; fails after a minute. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000
  while (!await holds()) {
    if (Date.now() > end) throw new Error('The condition never held')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

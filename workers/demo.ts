// Workers: what `npm start` sets up: keys and a certificate, a store, a demo database, and one sync for each platform
// that there is an adapter for.

import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { selfSignedCertificate } from '../src/lib/certificate.ts'
import { type Cluster, startCluster } from '../src/lib/cluster.ts'
import { createHttp } from '../src/lib/http.ts'
import { silentLog } from '../src/lib/log.ts'
import { quoteIdent, quoteLiteral } from '../src/lib/quote.ts'
import type { DatabaseAddress } from '../src/mutation/config.ts'
import { adapterFor } from '../src/platforms/index.ts'
import { createService } from '../src/service/service.ts'
import { saveAdminToken } from '../src/store/admin-tokens.ts'
import { freeTables } from '../src/store/claims.ts'
import { saveConnection } from '../src/store/connections.ts'
import { createJournal } from '../src/store/journal.ts'
import { saveListenerKey } from '../src/store/keys.ts'
import { migrate } from '../src/store/migrations.ts'
import { listOAuthApps, saveOAuthApp } from '../src/store/oauth-apps.ts'
import { parseKeyring } from '../src/store/seal.ts'
import { openStore, type Store } from '../src/store/store.ts'
import { listTableStates, requestResync, type TableState } from '../src/store/tables.ts'
import { saveToken } from '../src/store/tokens.ts'
import { dropWebhook, readWebhook } from '../src/store/webhooks.ts'
import { createSync } from '../src/sync/setup.ts'
import { parseDatabaseUrl } from '../src/sync/setup-address.ts'
import { makeVerifier } from '../src/wire/scram.ts'
import type { DemoSync } from './demo-syncs.ts'

/** Secrets of this installation, made at the first start and kept in the data folder. */
export interface Secrets {
  /** For SLUICE_KEYS: what seals credentials in the store. */
  readonly keys: string
  readonly listenerKey: string
  /** Password of the role that the listener logs in with. */
  readonly rolePassword: string
}

export interface Demo {
  readonly store: string
  /** The store is in the embedded Postgres: the processes that worked on it ended with the last `npm start`. */
  readonly isStoreOurs: boolean
  readonly database: string
  readonly secrets: Secrets
  readonly certFile: string
  readonly keyFile: string
}

const superuserPassword = 'postgres'
const demoRole = 'sluice_demo'

/** Makes what is missing of the secrets and the certificate in a folder that is there. */
export function prepareFiles(dataDir: string): Pick<Demo, 'secrets' | 'certFile' | 'keyFile'> {
  const certFile = join(dataDir, 'tls.crt')
  const keyFile = join(dataDir, 'tls.key')
  if (!existsSync(certFile) || !existsSync(keyFile)) {
    const { cert, key } = selfSignedCertificate({ hosts: ['localhost', '127.0.0.1'], days: 3650 })
    writeFileSync(certFile, cert)
    writeFileSync(keyFile, key, { mode: 0o600 })
  }
  return { secrets: readSecrets(join(dataDir, 'secrets.json')), certFile, keyFile }
}

function readSecrets(file: string): Secrets {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Secrets
  const secret = () => randomBytes(24).toString('base64url')
  const secrets: Secrets = {
    keys: `k1:${randomBytes(32).toString('base64')}`,
    listenerKey: secret(),
    rolePassword: secret(),
  }
  writeFileSync(file, JSON.stringify(secrets, null, 2), { mode: 0o600 })
  return secrets
}

/** The embedded Postgres, with the databases `sluice_store` and `demo`. */
export async function startDemoCluster(dataDir: string, port: number): Promise<Cluster> {
  const cluster = await startCluster({
    dataDir: join(dataDir, 'postgres'),
    port,
    password: superuserPassword,
  })
  const sql = postgres(cluster.url('postgres'), { max: 1, onnotice: () => {} })
  try {
    for (const name of ['sluice_store', 'demo']) {
      const [found] = await sql`select from pg_database where datname = ${name}`
      if (found === undefined) await sql.unsafe(`create database ${quoteIdent(name)}`)
    }
  } finally {
    await sql.end()
  }
  return cluster
}

/**
 * Sets up the store, the demo database and the syncs; the sync process fills the tables. Gives the moment when it began, in
 * milliseconds since 1970.
 */
export async function setUp(demo: Demo, syncs: readonly DemoSync[]): Promise<number> {
  const begunAt = Date.now()
  const store = openStore({
    url: demo.store,
    keyring: parseKeyring(demo.secrets.keys),
    connectionsMax: 4,
  })
  const sql = postgres(demo.database, { max: 4, onnotice: () => {} })
  const http = createHttp()
  try {
    await migrate(store)
    // else tables of a process that was killed would wait for the end of its leases
    if (demo.isStoreOurs) await freeTables(store)
    await saveListenerKey(store, { id: 'dev', key: demo.secrets.listenerKey })
    await saveAdminToken(store, { id: 'demo', name: 'npm start', token: 'sluice_demo_admin' })
    const address = await demoAddress(sql, demo)
    const owner = parseDatabaseUrl(demo.database)
    await makeLocalNotes(sql, address.user)
    const journal = createJournal(store, { service: 0 })
    const service = createService({ store, journal, http, adapterFor, log: silentLog })
    for (const sync of syncs) {
      const callerFor: SyncDeps['callerFor'] = (id, options) => service.callerFor(id, options)
      const deps = { store, sql, adapterFor, callerFor }
      await setUpSync(deps, { sync, address, owner })
    }
    return begunAt
  } finally {
    await Promise.all([store.close(), sql.end(), http.close()])
  }
}

type SyncDeps = Pick<
  Parameters<typeof createSync>[0],
  'store' | 'sql' | 'adapterFor' | 'callerFor'
>

function syncIdOf({ platform }: DemoSync): string {
  return `sync_${platform}`
}

async function setUpSync(
  deps: SyncDeps,
  { sync, address, owner }: { sync: DemoSync; address: DatabaseAddress; owner: DatabaseAddress },
): Promise<void> {
  const { platform, objects, connection } = sync
  const syncId = syncIdOf(sync)
  // the store has the tokens of a sandbox that has ended since, and has forgotten them
  await saveConnection(deps.store, connection, { replace: true })
  if (sync.inSandbox) await forgetWebhook(deps.store, syncId)
  await registerSandbox(deps, connection)
  await createSync({
    ...deps,
    random: (size) => randomBytes(size),
    now: Date.now,
  }, {
    id: syncId,
    connection,
    database: { id: 'demo', address, owner },
    schema: platform,
    objects,
    users: [{ name: 'demo', verifier: await makeVerifier('demo') }],
    role: address.user,
  })
  // what was followed before is gone: the sandbox begins anew with every start
  await requestResync(deps.store, { syncId, table: null, why: 'started' })
  await saveToken(deps.store, {
    id: `demo_${platform}`,
    syncId,
    name: 'npm start',
    token: `sluice_demo_${platform}`,
  })
}

/** One that was registered is made anew by the sync process; a secret that somebody has pasted stays. */
async function forgetWebhook(store: Store, syncId: string): Promise<void> {
  const webhook = await readWebhook(store, syncId)
  const registered = webhook !== null && webhook.registration !== null && webhook.url !== null
  if (registered) await dropWebhook(store, syncId)
}

/** How often the store is asked, in milliseconds. */
const lookMs = 30

/**
 * Waits until every table of these syncs (not of others that somebody has made, nor of paused ones) has been filled since that moment
 * (milliseconds since 1970), at most `waitMs` milliseconds. Gives the tables that are not filled by then, or cannot be, in
 * words.
 */
export async function waitForTables(
  demo: Pick<Demo, 'store' | 'secrets'>,
  { syncs, waitMs, since }: { syncs: readonly DemoSync[]; waitMs: number; since: number },
): Promise<readonly string[]> {
  const keyring = parseKeyring(demo.secrets.keys)
  const store = openStore({ url: demo.store, keyring, connectionsMax: 1 })
  const until = Date.now() + waitMs
  const ours = new Set(syncs.map(syncIdOf))
  try {
    for (;;) {
      const states = await listTableStates(store, { syncId: null })
      const open = states.filter((state) =>
        ours.has(state.syncId) && state.syncState === 'active' && (state.filledAt ?? 0) < since
      )
      const hopeless = open.every(({ phase }) => phase === 'failed')
      if (hopeless || Date.now() > until) return open.map(wordsOf)
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
  } finally {
    await store.close()
  }
}

function wordsOf({ schema, name, phase, failure }: TableState): string {
  return `${schema}.${name}: ${failure?.message ?? phase}`
}

/** Registers the app that every platform of the sandbox knows, unless somebody has registered one of their own. */
async function registerSandbox(
  { store, adapterFor }: SyncDeps,
  { platform, baseUrl }: DemoSync['connection'],
): Promise<void> {
  const apps = await listOAuthApps(store)
  if (apps.some((app) => app.platform === platform && app.clientId !== 'sandbox')) return
  const { oauth } = adapterFor(platform)
  const at = (url: string) => baseUrl + new URL(url).pathname
  const [authorizeUrl, tokenUrl] = [at(oauth.authorizeUrl), at(oauth.tokenUrl)]
  const app = { platform, clientId: 'sandbox', clientSecret: 'sandbox', authorizeUrl, tokenUrl }
  await saveOAuthApp(store, app)
}

/** How the listener reaches the demo database: as an ordinary role, which cannot get round the triggers. */
async function demoAddress(sql: postgres.Sql, demo: Demo): Promise<DatabaseAddress> {
  const url = new URL(demo.database)
  const database = decodeURIComponent(url.pathname.slice(1))
  const password = quoteLiteral(demo.secrets.rolePassword)
  const [role] = await sql`select from pg_roles where rolname = ${demoRole}`
  await sql.unsafe(
    `${role === undefined ? 'create' : 'alter'} role ${demoRole} login password ${password}`,
  )
  await sql.unsafe(
    `grant connect, create, temporary on database ${quoteIdent(database)} to ${demoRole}`,
  )
  await sql.unsafe(`grant usage, create on schema public to ${demoRole}`)
  return {
    host: url.hostname,
    port: Number(url.port || '5432'),
    database,
    user: demoRole,
    password: demo.secrets.rolePassword,
    sslmode: url.searchParams.get('sslmode') === 'require' ? 'require' : 'disable',
  }
}

async function makeLocalNotes(sql: postgres.Sql, role: string): Promise<void> {
  await sql.unsafe(`
    create table if not exists public.local_notes (contact_id text, body text);
    grant select, insert, update, delete on public.local_notes to ${quoteIdent(role)}`)
}

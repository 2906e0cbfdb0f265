// Workers: what `npm start` sets up: keys and a certificate, a store, a demo database, and one sync for each platform
// that there is an adapter for.

import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { selfSignedCertificate } from '../src/lib/certificate.ts'
import { type Cluster, startCluster } from '../src/lib/cluster.ts'
import { createHttp } from '../src/lib/http.ts'
import { silentLog } from '../src/lib/log.ts'
import { quoteIdent, quoteLiteral } from '../src/lib/quote.ts'
import type { DatabaseAddress } from '../src/mutation/config.ts'
import type { Platform } from '../src/mutation/table.ts'
import { adapterFor } from '../src/platforms/index.ts'
import { createService } from '../src/service/service.ts'
import { type NewConnection, saveConnection } from '../src/store/connections.ts'
import { createJournal } from '../src/store/journal.ts'
import { saveListenerKey } from '../src/store/keys.ts'
import { migrate } from '../src/store/migrations.ts'
import { parseKeyring } from '../src/store/seal.ts'
import { openStore } from '../src/store/store.ts'
import { fillTable } from '../src/sync/fill.ts'
import { createSync } from '../src/sync/setup.ts'
import { makeVerifier } from '../src/wire/scram.ts'

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
  readonly database: string
  readonly secrets: Secrets
  readonly certFile: string
  readonly keyFile: string
}

const superuserPassword = 'postgres'
const demoRole = 'sluice_demo'

/** One sync for each platform: what it mirrors and how its sandbox is reached. */
export interface DemoSync {
  readonly platform: Platform
  readonly objects: readonly string[]
  readonly baseUrl: string
  /** Path of the token endpoint under the base URL. */
  readonly tokenPath: string
}

/** Makes what is missing of the secrets and the certificate. */
export function prepareFiles(dataDir: string): Omit<Demo, 'store' | 'database'> {
  // open to the user that Postgres runs as when we are root
  mkdirSync(dataDir, { recursive: true, mode: 0o755 })
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

/** Sets up the store, the demo database and the syncs, and fills the tables. */
export async function setUp(demo: Demo, syncs: readonly DemoSync[]): Promise<void> {
  const store = openStore({
    url: demo.store,
    keyring: parseKeyring(demo.secrets.keys),
    connectionsMax: 4,
  })
  const sql = postgres(demo.database, { max: 4, onnotice: () => {} })
  const http = createHttp()
  try {
    await migrate(store)
    await saveListenerKey(store, { id: 'dev', key: demo.secrets.listenerKey })
    const address = await demoAddress(sql, demo)
    await makeLocalNotes(sql, address.user)
    const journal = createJournal(store, { service: 0 })
    const service = createService({ store, journal, http, adapterFor, log: silentLog })
    for (const sync of syncs) {
      const callerFor: SyncDeps['callerFor'] = (id, options) => service.callerFor(id, options)
      const deps = { store, sql, adapterFor, callerFor }
      await setUpSync(deps, { sync, address })
    }
  } finally {
    await Promise.all([store.close(), sql.end(), http.close()])
  }
}

type SyncDeps = Pick<
  Parameters<typeof createSync>[0],
  'store' | 'sql' | 'adapterFor' | 'callerFor'
>

async function setUpSync(
  deps: SyncDeps,
  { sync, address }: { sync: DemoSync; address: DatabaseAddress },
): Promise<void> {
  const { platform, objects, baseUrl } = sync
  const connection = demoConnection(sync)
  // the sandbox forgets the tokens it has rotated when it ends, and the store keeps them for a credential that it knows:
  // another one in between makes it take this one anew
  const replaced = { kind: 'key', key: 'replaced' } as const
  await saveConnection(deps.store, { id: connection.id, platform, baseUrl, credential: replaced })
  const { tables, database } = await createSync({
    ...deps,
    random: (size) => randomBytes(size),
    now: Date.now,
  }, {
    id: `sync_${platform}`,
    connection,
    database: { id: 'demo', address },
    schema: platform,
    objects,
    users: [{ name: 'demo', verifier: await makeVerifier('demo') }],
    role: address.user,
  })
  for (const table of tables) {
    await fillTable({
      adapter: deps.adapterFor(platform),
      caller: ({ deadline }) => deps.callerFor(connection.id, { deadline }),
      sql: deps.sql,
      ticketKey: Buffer.from(database.ticketKey, 'base64'),
      log: silentLog,
      now: Date.now,
    }, table)
  }
}

function demoConnection({ platform, baseUrl, tokenPath }: DemoSync): NewConnection {
  return {
    id: `demo_${platform}`,
    platform,
    baseUrl,
    tokenUrl: baseUrl + tokenPath,
    clientId: 'sandbox',
    credential: { kind: 'oauth', refreshToken: 'sandbox', clientSecret: 'sandbox' },
  }
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

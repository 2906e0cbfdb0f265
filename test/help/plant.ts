// A store, a customer's database and the syncs in them, set up from scratch with a table for each platform. Who serves
// them, in this process or in others, and by which ways they reach one another, the test says.

import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { createHttp } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Bastion, DatabaseAddress } from '../../src/mutation/config.ts'
import type { Platform, SyncedTable } from '../../src/mutation/table.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { createService } from '../../src/service/service.ts'
import { createJournal } from '../../src/store/journal.ts'
import { saveListenerKey } from '../../src/store/keys.ts'
import { migrate } from '../../src/store/migrations.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore } from '../../src/store/store.ts'
import { fillTable } from '../../src/sync/fill.ts'
import { createSync } from '../../src/sync/setup.ts'
import { makeVerifier } from '../../src/wire/scram.ts'
import type { Subject } from './subjects.ts'

export interface PlantOptions {
  readonly subjects: readonly Subject[]
  /** Superuser URLs of two empty databases, straight. */
  readonly storeUrl: string
  readonly databaseUrl: string
  /** By which port, of loopback where no host is given, listeners and recovery reach the customer's database. */
  readonly databasePort: number
  readonly databaseHost?: string
  /** In front of the database, for all but the plant itself. */
  readonly ssh?: Bastion
  /** Where the sandbox is reached by the service, without a slash at the end. */
  readonly platformsUrl: string
}

export interface Plant {
  /** For SLUICE_KEYS. */
  readonly keys: string
  readonly listenerKey: string
  readonly tables: ReadonlyMap<Platform, SyncedTable>
  /** The role that listeners log in with. */
  readonly role: string
  readonly database: string
  /** Superuser, straight, on the customer's database. */
  readonly sql: postgres.Sql
  /** The same on the store. */
  readonly store: postgres.Sql
  /** Connection URL of a sync's user through a listener. */
  url(platform: Platform, listenerPort: number): string
  close(): Promise<void>
}

const rolePassword = 'plant'

/** Sets everything up and fills the tables. */
export async function setUpPlant(options: PlantOptions): Promise<Plant> {
  const { subjects, storeUrl, databaseUrl } = options
  const keys = `k1:${randomBytes(32).toString('base64')}`
  const listenerKey = randomBytes(24).toString('base64url')
  const database = new URL(databaseUrl).pathname.slice(1)
  const role = `role_of_${database}`
  const straight = { max: 3, onnotice: () => {} }
  const sql = postgres(databaseUrl, straight)
  const plain = postgres(storeUrl, straight)
  await sql.unsafe(`create role ${role} login password '${rolePassword}'`)
  await sql.unsafe(`grant connect, create, temporary on database ${database} to ${role};
    create table public.local_notes (contact_id text, body text);
    grant usage, create on schema public to ${role}; grant all on public.local_notes to ${role}`)
  const store = openStore({ url: storeUrl, keyring: parseKeyring(keys), connectionsMax: 2 })
  const http = createHttp()
  const tables = new Map<Platform, SyncedTable>()
  try {
    await migrate(store)
    await saveListenerKey(store, { id: 'plant', key: listenerKey })
    const journal = createJournal(store, { service: 0 })
    const service = createService({ store, journal, http, adapterFor, log: silentLog })
    const callerFor: typeof service.callerFor = (id, given) => service.callerFor(id, given)
    const address: DatabaseAddress = {
      host: options.databaseHost ?? '127.0.0.1',
      port: options.databasePort,
      database,
      user: role,
      password: rolePassword,
      sslmode: 'disable',
      ...(options.ssh === undefined ? {} : { ssh: options.ssh }),
    }
    for (const subject of subjects) {
      const deps = { store, sql, adapterFor, callerFor, random: randomBytes, now: Date.now }
      const made = await createSync(deps, {
        id: syncOf(subject.platform),
        connection: connectionOf(subject, options),
        database: { id: 'plant', address },
        schema: subject.platform,
        objects: [subject.object],
        users: [{ name: 'demo', verifier: await makeVerifier('demo') }],
        role,
      })
      if (subject.prepare !== undefined) await sql.unsafe(subject.prepare)
      for (const table of made.tables.filter(({ name }) => name === subject.table)) {
        tables.set(subject.platform, table)
        await fillTable({
          adapter: adapterFor(subject.platform),
          caller: ({ deadline }) => callerFor(`plant_${subject.platform}`, { deadline }),
          sql,
          store,
          ticketKey: Buffer.from(made.database.ticketKey, 'base64'),
          log: silentLog,
          now: Date.now,
        }, table)
      }
    }
    await service.drain({ waitMs: 5_000 })
  } finally {
    await Promise.all([store.close(), http.close()])
  }
  return {
    keys,
    listenerKey,
    tables,
    role,
    database,
    sql,
    store: plain,
    url: (platform, port) =>
      `postgresql://demo.${syncOf(platform)}:demo@127.0.0.1:${port}/${database}?sslmode=disable`,
    close: async () => void await Promise.all([sql.end({ timeout: 5 }), plain.end({ timeout: 5 })]),
  }
}

export function syncOf(platform: Platform): string {
  return `sync_${platform}`
}

function connectionOf(
  { platform, tokenPath, settings = {} }: Subject,
  { platformsUrl }: PlantOptions,
) {
  const baseUrl = `${platformsUrl}/${platform}`
  const connection = { id: `plant_${platform}`, platform, baseUrl, settings }
  if (tokenPath === undefined) {
    return { ...connection, credential: { kind: 'key', key: 'sandbox' } as const }
  }
  return {
    ...connection,
    tokenUrl: baseUrl + tokenPath,
    clientId: 'sandbox',
    credential: { kind: 'oauth', refreshToken: 'sandbox', clientSecret: 'sandbox' } as const,
  }
}

// Bench: what listeners are measured in: a database, a store, the sandbox and a mutation service; and sessions by the
// hundred.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import postgres from 'postgres'
import { required } from '../src/lib/assert.ts'
import { selfSignedCertificate } from '../src/lib/certificate.ts'
import { startSandbox } from '../src/sandbox/sandbox.ts'
import { freePort } from '../test/help/cluster.ts'
import { type Plant, setUpPlant } from '../test/help/plant.ts'
import { subjects } from '../test/help/subjects.ts'
import { type Child, startProgram, waitForPort } from './child.ts'
import { programOf, startTalker } from './regions-programs.ts'

export interface Site {
  readonly plant: Plant
  readonly service: Child
  startListener(options: ListenerOptions): Child
}

export interface ListenerOptions {
  readonly port: number
  /** Is it given a certificate? */
  readonly tls: boolean
}

export interface Sessions {
  readonly clients: readonly pg.Client[]
  /** Opens so many more, one after the other; each has its first answer. */
  add(count: number): Promise<void>
  close(): Promise<void>
}

const startWaitMs = 60_000
// one platform is enough, and this one's quota lets anybody write as fast as he can for a while
const subject = required(subjects.find(({ platform }) => platform === 'salesforce'), 'salesforce')

/** Starts it all but a listener. `sessionsMax`: for which the database has connections. */
export async function openSite(
  { folder, sessionsMax }: { folder: string; sessionsMax: number },
  onClose: (end: () => Promise<unknown>) => void,
): Promise<Site> {
  const connectionsMax = String(sessionsMax + 200)
  const args = ['database', '127.0.0.1', connectionsMax]
  const database = startTalker(programOf('bench/regions-part.ts', args))
  onClose(() => database.child.stop())
  const { port } = await database.hear<{ port: number }>(startWaitMs)
  const sandbox = await startSandbox({ port: 0 })
  onClose(() => sandbox.close())
  const url = (name: string) => `postgres://postgres:postgres@127.0.0.1:${port}/${name}`
  const superuser = postgres(url('postgres'), { max: 1 })
  await superuser`create database store`
  await superuser`create database customer`
  await superuser.end()
  const plant = await setUpPlant({
    subjects: [subject],
    storeUrl: url('store'),
    databaseUrl: url('customer'),
    databasePort: port,
    platformsUrl: sandbox.url,
  })
  onClose(() => plant.close())
  const servicePort = await freePort()
  const service = startWorker('mutations.ts', {
    SLUICE_STORE_URL: url('store'),
    SLUICE_KEYS: plant.keys,
    SLUICE_SERVICE_PORT: String(servicePort),
  })
  onClose(() => service.stop())
  await waitForPort(service, { port: servicePort, waitMs: startWaitMs })
  const certificate = saveCertificate(folder)
  return {
    plant,
    service,
    startListener: (options) =>
      startWorker('listener.ts', {
        SLUICE_LISTENER_HOST: '127.0.0.1',
        SLUICE_LISTENER_PORT: String(options.port),
        SLUICE_LISTENER_KEY: plant.listenerKey,
        SLUICE_SERVICE_URL: `http://127.0.0.1:${servicePort}`,
        SLUICE_CONNECTIONS_MAX: connectionsMax,
        SLUICE_CONNECTIONS_PER_SYNC_MAX: connectionsMax,
        SLUICE_UNAUTHENTICATED_PER_ADDRESS_MAX: connectionsMax,
        ...(options.tls ? certificate : {}),
      }),
  }
}

function saveCertificate(folder: string): Record<string, string> {
  const { cert, key } = selfSignedCertificate({ hosts: ['127.0.0.1'], days: 1 })
  const files = { cert: join(folder, 'listener.crt'), key: join(folder, 'listener.key') }
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key, { mode: 0o600 })
  return { SLUICE_TLS_CERT_FILE: files.cert, SLUICE_TLS_KEY_FILE: files.key }
}

function startWorker(file: string, env: Record<string, string>): Child {
  const all = {
    SLUICE_PRIVATE_ADDRESSES: 'allow',
    SLUICE_LOG_LEVEL: 'error',
    SLUICE_EXIT_WITH_STDIN: '1',
    ...env,
  }
  return startProgram({ ...programOf(`workers/${file}`), env: all })
}

/** A client of the sync at that listener, not connected yet. */
export function makeClient({ plant }: Site, { port, tls }: ListenerOptions): pg.Client {
  const url = new URL(plant.url('salesforce', port))
  url.search = ''
  const ssl = tls && { rejectUnauthorized: false } // it is signed by itself
  const client = new pg.Client({ connectionString: url.href, ssl })
  client.on('error', () => {}) // the query that runs, or the next one, rejects with it
  return client
}

/** None yet. */
export function openSessions(site: Site, options: ListenerOptions): Sessions {
  const clients: pg.Client[] = []
  return {
    clients,
    add: async (count) => {
      for (let n = 0; n < count; n++) {
        const client = makeClient(site, options)
        clients.push(client)
        await client.connect()
        await client.query('select 1')
      }
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.end().catch(() => {})))
    },
  }
}

// What a run consists of: two listeners, two services (each with recovery), sync processes, a Postgres for the store and one for the
// customer's database, the sandbox; each a process of its own, with relays between that can be cut.

import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { type Cluster, startCluster } from '../../src/lib/cluster.ts'
import { freePort } from '../help/cluster.ts'
import { type Plant, setUpPlant } from '../help/plant.ts'
import { type Ledger, type Relay, startRelay } from '../help/relay.ts'
import type { Subject } from '../help/subjects.ts'
import { type Proc, startProc, type WorkerFile } from './processes.ts'

export type Kind = 'listener' | 'service' | 'sync'
export type Link = 'client' | 'service' | 'database' | 'store' | 'platform'

/** A place that always has a process, but for the moment after it was killed. */
export interface Slot {
  readonly kind: Kind
  proc: Proc | null
}

/** A Postgres that can be stopped and started again. */
export interface Server {
  readonly port: number
  restart(mode: 'fast' | 'immediate'): Promise<void>
  stop(): Promise<void>
}

export interface World {
  readonly plant: Plant
  readonly slots: Readonly<Record<Kind, readonly Slot[]>>
  readonly relays: Readonly<Record<Link, Relay>>
  readonly servers: Readonly<Record<'database' | 'store', Server>>
  readonly sandboxUrl: string
  /** Where the logs of all processes are. */
  readonly logs: string
  /** What ended by itself, or did not end when it was told to. */
  readonly accidents: string[]
  /** Starts a process for a slot that has none. */
  fill(slot: Slot): Promise<void>
  /** A new process first; then the old one is told to end. */
  roll(slot: Slot): Promise<void>
  close(): Promise<void>
}

export interface WorldOptions {
  readonly subjects: readonly Subject[]
  /** More environment for listeners and services. */
  readonly env?: Readonly<Record<string, string>>
  /** Keeps the folder with logs and data. */
  readonly keep: boolean
  /** How many processes there are of each kind; two when absent. */
  readonly each?: number
  /** How many sync processes there are; none when absent. */
  readonly syncs?: number
  /** Counts what passes the relays; the platforms have one then as well. */
  readonly ledger?: Ledger
}

const files: Readonly<Record<Kind, WorkerFile>> = {
  listener: 'listener.ts',
  service: 'mutations.ts',
  sync: 'sync.ts',
}
const password = 'postgres'
const host = '127.0.0.1'

export async function createWorld(options: WorldOptions): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-chaos-'))
  chmodSync(folder, 0o755)
  const ends: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    const failed: unknown[] = []
    for (const end of ends.splice(0).reverse()) {
      await end().catch((error: unknown) => void failed.push(error))
    }
    if (!options.keep) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    if (failed.length > 0) throw failed[0]
  }
  try {
    return { ...await build(options, { folder, ends }), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function build(
  { subjects, env = {}, each = 2, syncs = 0, ledger }: WorldOptions,
  { folder, ends }: { folder: string; ends: (() => Promise<unknown>)[] },
): Promise<Omit<World, 'close'>> {
  const accidents: string[] = []
  const logs = join(folder, 'logs')
  mkdirSync(logs)
  const died = (what: string) => void accidents.push(what)
  const start = async (file: WorkerFile, port: number, given: Readonly<Record<string, string>>) =>
    await startProc({ file, port, env: given, folder: logs, died })

  const servers = { database: await startServer(folder), store: await startServer(folder) }
  ends.push(() => Promise.all([servers.database.stop(), servers.store.stop()]))
  const sandboxPort = await freePort()
  const sandbox = await start('sandbox.ts', sandboxPort, {
    SLUICE_SANDBOX_PORT: String(sandboxPort),
    SLUICE_SANDBOX_LIMITS: 'off',
  })
  ends.push(() => sandbox.terminate())

  const slots: Record<Kind, Slot[]> = {
    listener: Array.from({ length: each }, () => ({ kind: 'listener', proc: null })),
    service: Array.from({ length: each }, () => ({ kind: 'service', proc: null })),
    sync: Array.from({ length: syncs }, () => ({ kind: 'sync', proc: null })),
  }
  const targets: Record<Link, () => number> = {
    client: turns(slots.listener),
    service: turns(slots.service),
    database: () => servers.database.port,
    store: () => servers.store.port,
    platform: () => sandboxPort,
  }
  const relays = {} as Record<Link, Relay>
  for (const link of ['client', 'service', 'database', 'store', 'platform'] as const) {
    const protocol = link === 'service' || link === 'platform' ? 'http' : 'postgres'
    const counting = ledger === undefined ? {} : { ledger }
    const relay = await startRelay({ link, target: targets[link], protocol, ...counting })
    ends.push(() => relay.close())
    relays[link] = relay
  }
  const sandboxUrl = `http://${host}:${sandboxPort}`
  const plant = await setUpPlant({
    subjects,
    storeUrl: await createDatabase(servers.store.port, 'chaos_store'),
    databaseUrl: await createDatabase(servers.database.port, 'chaos'),
    databasePort: relays.database.port,
    // Salesforce tells where it is with a token: its sandbox is asked past the relay from then on
    platformsUrl: `http://${host}:${relays.platform.port}`,
  })
  ends.push(() => plant.close())
  await fetch(`${sandboxUrl}/_exchanges`, { method: 'DELETE' })

  const common = { SLUICE_LOG_LEVEL: 'info', SLUICE_PRIVATE_ADDRESSES: 'allow', ...env }
  const storeUrl = `postgres://postgres:${password}@${host}:${relays.store.port}/chaos_store`
  const stored = { SLUICE_STORE_URL: storeUrl, SLUICE_KEYS: plant.keys }
  // without sync processes nobody makes webhooks
  const hooked = { SLUICE_PUBLIC_URL: `http://${host}:${relays.service.port}` }
  const envs: Record<Kind, (port: number) => Record<string, string>> = {
    listener: (port) => ({
      SLUICE_LISTENER_HOST: host,
      SLUICE_LISTENER_PORT: String(port),
      SLUICE_SERVICE_URL: `http://${host}:${relays.service.port}`,
      SLUICE_LISTENER_KEY: plant.listenerKey,
      ...common,
    }),
    service: (port) => ({
      ...stored,
      ...(syncs > 0 ? hooked : {}),
      SLUICE_SERVICE_PORT: String(port),
      ...common,
    }),
    sync: (port) => ({
      ...stored,
      ...hooked,
      SLUICE_WEBHOOKS: 'on',
      SLUICE_POLL_MS: '2000',
      SLUICE_SYNC_LEASE_MS: '4000',
      SLUICE_SYNC_HTTP_PORT: String(port),
      ...common,
    }),
  }
  const make = async ({ kind }: Slot): Promise<Proc> => {
    const port = await freePort()
    return await start(files[kind], port, envs[kind](port))
  }
  const fill = async (slot: Slot): Promise<void> => {
    slot.proc = await make(slot)
  }
  const roll = async (slot: Slot): Promise<void> => {
    const old = slot.proc
    slot.proc = await make(slot)
    const code = await old?.terminate().catch((error: unknown) => String(error))
    if (old !== null && code !== 0) accidents.push(`A ${slot.kind} told to end ended with ${code}`)
  }
  ends.push(async () => {
    for (const slot of Object.values(slots).flat()) await slot.proc?.kill()
  })
  await Promise.all(Object.values(slots).flat().map(fill))
  return { plant, slots, relays, servers, sandboxUrl, logs, accidents, fill, roll }
}

/** Ports of the processes there are, in turn; of one that is gone when there is none. */
function turns(slots: readonly Slot[]): () => number {
  let turn = 0
  return () => {
    const live = slots.flatMap(({ proc }) => proc?.alive ? [proc.port] : [])
    return live[turn++ % live.length] ?? slots[0]?.proc?.port ?? 1
  }
}

let count = 0

async function startServer(folder: string): Promise<Server> {
  const port = await freePort()
  const options = {
    dataDir: join(folder, `postgres-${++count}`),
    port,
    password,
    settings: { fsync: 'off', max_connections: '300' },
  }
  let cluster: Cluster = await startCluster(options)
  return {
    port,
    restart: async (mode) => {
      await cluster.stop(mode)
      cluster = await startCluster(options)
    },
    stop: async () => await cluster.stop('immediate'),
  }
}

async function createDatabase(port: number, name: string): Promise<string> {
  const url = (database: string) => `postgres://postgres:${password}@${host}:${port}/${database}`
  const sql = postgres(url('postgres'), { max: 1 })
  try {
    await sql.unsafe(`create database ${name}`)
  } finally {
    await sql.end()
  }
  return url(name)
}

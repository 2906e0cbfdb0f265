// Bench: what distance costs: `npm run bench -- regions`. Listener, service, Postgres and sandbox run on this machine,
// joined by ways that are as long as between regions. First one way is made long at a time: how many of its round trips a
// read and a mutation wait for. Then the placements that people choose, in milliseconds and in round trips of the client.

import process from 'node:process'
import pg from 'pg'
import { testCluster } from '../test/help/cluster.ts'
import { freePort } from '../test/help/cluster.ts'
import { type Plant, setUpPlant } from '../test/help/plant.ts'
import { required } from '../src/lib/assert.ts'
import { startSandbox } from '../src/sandbox/sandbox.ts'
import { subjects } from '../test/help/subjects.ts'
import { startProgram, waitForPort } from './child.ts'
import { openWay, type Way } from './delay.ts'
import { formatTable } from './print.ts'
import { median } from './statistics.ts'

/** The ways, by what they join. */
export const links = ['client–listener', 'listener–database', 'listener–service', 'service–API']
type Link = 0 | 1 | 2 | 3

export const statements = ['read', 'insert', 'update', 'delete'] as const
export type Statement = typeof statements[number]

/** Milliseconds of a statement. */
type Timing = Readonly<Record<Statement, number>>

export interface Regions {
  /** How many round trips of each way a statement waits for: the way made longer, the others short. */
  trips(link: Link, options: { roundTripMs: number; tries: number }): Promise<Timing>
  /** How long a statement takes with ways of such round trips, in milliseconds. */
  time(roundTripsMs: readonly number[], options: { tries: number }): Promise<Timing>
  close(): Promise<void>
}

interface Placement {
  readonly name: string
  /** Of each way, in the order of `links`. */
  readonly roundTripsMs: readonly [number, number, number, number]
}

const placements: readonly Placement[] = [
  { name: 'all in one region', roundTripsMs: [1, 1, 1, 20] },
  { name: 'client, listener, database here; service far', roundTripsMs: [1, 1, 80, 20] },
  { name: 'client far from the listener beside its database', roundTripsMs: [80, 1, 1, 20] },
  { name: 'listener beside the client, database far', roundTripsMs: [1, 80, 80, 20] },
]

/** The tables, as text. `rounds`: statements of each kind for a figure. */
export async function measureRegions({ rounds }: { rounds: number }): Promise<string> {
  const regions = await startRegions()
  const tries = Math.max(3, rounds)
  try {
    const trips: string[][] = []
    for (const [at, name] of links.entries()) {
      const timing = await regions.trips(at as Link, { roundTripMs: 60, tries })
      trips.push([name, ...statements.map((statement) => timing[statement].toFixed(1))])
    }
    const placed: string[][] = []
    for (const { name, roundTripsMs } of placements) {
      const timing = await regions.time(roundTripsMs, { tries })
      placed.push([
        name,
        roundTripsMs.join(' / '),
        ...statements.map((statement) => `${Math.round(timing[statement])} ms`),
      ])
    }
    return [
      'Round trips of each way that a statement waits for:',
      formatTable(['way', ...statements], trips),
      '',
      `Placements; round trips ${links.join(' / ')} in ms:`,
      formatTable(['placement', 'round trips', ...statements], placed),
    ].join('\n')
  } finally {
    await regions.close()
  }
}

const subject = required(subjects.find(({ platform }) => platform === 'salesforce'), 'salesforce')

/** Starts it all, with ways of no length. */
export async function startRegions(): Promise<Regions> {
  const ends: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return { ...await start((end) => ends.push(end)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function start(
  onClose: (end: () => Promise<unknown>) => void,
): Promise<Omit<Regions, 'close'>> {
  const cluster = await testCluster()
  onClose(() => cluster.stop())
  const ports = { service: await freePort(), listener: await freePort(), sandbox: 0 }
  const open = async (target: () => number) => {
    const way = await openWay(target)
    onClose(() => way.close())
    return way
  }
  const ways = [
    await open(() => ports.listener),
    await open(() => cluster.port),
    await open(() => ports.service),
    await open(() => ports.sandbox),
  ] as const
  const platformsUrl = `http://127.0.0.1:${ways[3].port}`
  const sandbox = await startSandbox({ port: 0, publicUrl: platformsUrl })
  onClose(() => sandbox.close())
  ports.sandbox = sandbox.port
  const storeUrl = await cluster.createDatabase()
  const databaseUrl = await cluster.createDatabase()
  const common = { subjects: [subject], storeUrl, databaseUrl, platformsUrl }
  const plant = await setUpPlant({ ...common, databasePort: ways[1].port })
  onClose(() => plant.close())
  await startWorkers({ plant, storeUrl, ports, ways }, onClose)
  const client = new pg.Client({ connectionString: plant.url('salesforce', ways[0].port) })
  await client.connect()
  onClose(() => client.end())
  return measures(client, ways)
}

async function startWorkers(
  { plant, storeUrl, ports, ways }: {
    plant: Plant
    storeUrl: string
    ports: { service: number; listener: number }
    ways: readonly [Way, Way, Way, Way]
  },
  onClose: (end: () => Promise<unknown>) => void,
): Promise<void> {
  const worker = async (file: string, port: number, env: Record<string, string>) => {
    const path = new URL(`../workers/${file}`, import.meta.url).pathname
    const args = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', path] : [path]
    const all = { SLUICE_PRIVATE_ADDRESSES: 'allow', SLUICE_LOG_LEVEL: 'error', ...env }
    const child = startProgram({ command: process.execPath, args, env: all })
    onClose(() => child.stop())
    await waitForPort(child, { port, waitMs: 30_000 })
  }
  await worker('mutations.ts', ports.service, {
    SLUICE_STORE_URL: storeUrl,
    SLUICE_KEYS: plant.keys,
    SLUICE_SERVICE_PORT: String(ports.service),
  })
  await worker('listener.ts', ports.listener, {
    SLUICE_LISTENER_HOST: '127.0.0.1',
    SLUICE_LISTENER_PORT: String(ports.listener),
    SLUICE_LISTENER_KEY: plant.listenerKey,
    SLUICE_SERVICE_URL: `http://127.0.0.1:${ways[2].port}`,
  })
}

function measures(client: pg.Client, ways: readonly Way[]): Omit<Regions, 'close'> {
  const time: Regions['time'] = async (roundTripsMs, { tries }) => {
    for (const [at, way] of ways.entries()) way.set((roundTripsMs[at] ?? 0) / 2)
    await play(client) // the first one may connect
    const timings: Timing[] = []
    for (let n = 0; n < tries; n++) timings.push(await play(client))
    for (const way of ways) way.set(0)
    const middle = (statement: Statement) => median(timings.map((timing) => timing[statement]))
    return {
      read: middle('read'),
      insert: middle('insert'),
      update: middle('update'),
      delete: middle('delete'),
    }
  }
  return {
    time,
    trips: async (link, { roundTripMs, tries }) => {
      const none = await time([], { tries })
      const long = await time(ways.map((_, at) => at === link ? roundTripMs : 0), { tries })
      const trips = (statement: Statement) => (long[statement] - none[statement]) / roundTripMs
      return {
        read: trips('read'),
        insert: trips('insert'),
        update: trips('update'),
        delete: trips('delete'),
      }
    },
  }
}

async function play(client: pg.Client): Promise<Timing> {
  const timed = async (text: string, values: unknown[]) => {
    const start = performance.now()
    const { rows } = await client.query(text, values)
    return { ms: performance.now() - start, id: String(rows[0]?.id) }
  }
  const inserted = await timed(
    'insert into salesforce.contacts (last_name) values ($1) returning id',
    ['Far'],
  )
  const id = [inserted.id]
  const read = await timed('select id, last_name from salesforce.contacts where id = $1', id)
  const updated = await timed(
    `update salesforce.contacts set last_name = 'Farther' where id = $1 returning id`,
    id,
  )
  const deleted = await timed('delete from salesforce.contacts where id = $1 returning id', id)
  return { read: read.ms, insert: inserted.ms, update: updated.ms, delete: deleted.ms }
}

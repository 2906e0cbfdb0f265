// Bench: Sluice's parts, each on its host of a network, joined by its ways.

import postgres from 'postgres'
import { required } from '../src/lib/assert.ts'
import { freePort } from '../test/help/cluster.ts'
import { type Plant, setUpPlant } from '../test/help/plant.ts'
import { subjects } from '../test/help/subjects.ts'
import type { Way } from './delay.ts'
import { type Host, links, type Network } from './regions-network.ts'
import { programOf, startTalker, startWorker, type Talker } from './regions-programs.ts'
import type { Timing } from './regions-statements.ts'

export interface Parts {
  /** In the order of `links`. */
  readonly ways: readonly Way[]
  /** Has the client run the statements, each once. */
  play(): Promise<Timing>
  close(): Promise<void>
}

const subject = required(subjects.find(({ platform }) => platform === 'salesforce'), 'salesforce')
const startWaitMs = 60_000
const playWaitMs = 60_000

/** Starts them, with ways of no length. */
export async function startParts(network: Network): Promise<Parts> {
  const ends: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return { ...await start(network, (end) => ends.push(end)), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Keeps what is to be done at the end. */
type OnClose = (end: () => Promise<unknown>) => void

async function start(network: Network, onClose: OnClose): Promise<Omit<Parts, 'close'>> {
  const ports: Record<Host, number> = {
    client: 0, // nobody connects to it
    listener: await freePort(),
    service: await freePort(),
    database: 0,
    platform: 0,
  }
  const ways: Way[] = []
  for (const link of links) {
    const way = await network.openWay(link, () => ports[link.to])
    onClose(() => way.close())
    ways.push(way)
  }
  const [toListener, toDatabase, toService, toPlatform] = ways as [Way, Way, Way, Way]
  const talker = (host: Host, args: readonly string[]): Talker => {
    const started = startTalker(network.on(host, programOf('bench/regions-part.ts', args)))
    onClose(() => started.child.stop())
    return started
  }
  const portOf = async (host: Host, args: readonly string[]) =>
    (await talker(host, args).hear<{ port: number }>(startWaitMs)).port
  const platformsUrl = `http://${toPlatform.host}:${toPlatform.port}`
  ports.platform = await portOf('platform', ['platform', network.bindAddress, platformsUrl])
  ports.database = await portOf('database', ['database', network.bindAddress])
  const storePort = await portOf('service', ['database', network.bindAddress])
  const plant = await setUpPlant({
    subjects: [subject],
    storeUrl: await createDatabase(urlOf(network.reach('service'), storePort), 'store'),
    databaseUrl: await createDatabase(urlOf(network.reach('database'), ports.database), 'customer'),
    databaseHost: toDatabase.host,
    databasePort: toDatabase.port,
    platformsUrl,
  })
  onClose(() => plant.close())
  await startWorkers(network, { plant, ports, storePort, toService, onClose })
  const url = new URL(plant.url('salesforce', toListener.port))
  url.hostname = toListener.host
  const client = talker('client', ['client', url.href])
  const play = () => {
    client.tell('again')
    return client.hear<Timing>(playWaitMs)
  }
  return { ways, play }
}

async function startWorkers(
  network: Network,
  { plant, ports, storePort, toService, onClose }: {
    plant: Plant
    ports: { service: number; listener: number }
    storePort: number
    toService: Way
    onClose: OnClose
  },
): Promise<void> {
  const service = await startWorker(network, {
    host: 'service',
    file: 'mutations.ts',
    port: ports.service,
    env: {
      SLUICE_STORE_URL: `${urlOf('127.0.0.1', storePort)}/store`,
      SLUICE_KEYS: plant.keys,
      SLUICE_SERVICE_HOST: network.bindAddress,
      SLUICE_SERVICE_PORT: String(ports.service),
    },
  })
  onClose(() => service.stop())
  const listener = await startWorker(network, {
    host: 'listener',
    file: 'listener.ts',
    port: ports.listener,
    env: {
      SLUICE_LISTENER_HOST: network.bindAddress,
      SLUICE_LISTENER_PORT: String(ports.listener),
      SLUICE_LISTENER_KEY: plant.listenerKey,
      SLUICE_SERVICE_URL: `http://${toService.host}:${toService.port}`,
    },
  })
  onClose(() => listener.stop())
}

/** Of the superuser of a test cluster, without the database. */
function urlOf(host: string, port: number): string {
  return `postgres://postgres:postgres@${host}:${port}`
}

async function createDatabase(url: string, name: string): Promise<string> {
  const sql = postgres(`${url}/postgres`, { max: 1 })
  try {
    await sql.unsafe(`create database ${name}`)
  } finally {
    await sql.end()
  }
  return `${url}/${name}`
}

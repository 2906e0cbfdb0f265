// Bench: what a listener takes: `npm run bench -- footprint`. From the start of its process to the first answer of a
// query, its memory with idle sessions, and what it loads. Memory is of the process alone: the sessions' other halves are
// Postgres's.

import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import postgres from 'postgres'
import { required } from '../src/lib/assert.ts'
import { startSandbox } from '../src/sandbox/sandbox.ts'
import { freePort, startTestCluster } from '../test/help/cluster.ts'
import { type Plant, setUpPlant } from '../test/help/plant.ts'
import { subjects } from '../test/help/subjects.ts'
import { type Child, startProgram, waitForPort } from './child.ts'
import { formatTable } from './print.ts'
import { median } from './statistics.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const machineMiB = 256
/** Of a machine's memory, so much is the system's. */
const systemMiB = 40
const sessionsMax = 300
const subject = required(subjects.find(({ platform }) => platform === 'stripe'), 'stripe')

/** The table, as text. `rounds`: cold starts. */
export async function measureFootprint({ rounds }: { rounds: number }): Promise<string> {
  const ends: (() => Promise<unknown>)[] = []
  try {
    const site = await prepare((end) => ends.push(end))
    const starts: number[] = []
    const bare: number[] = []
    for (let round = 0; round < rounds; round++) {
      starts.push(await coldStart(site))
      bare.push(await bareStart())
    }
    const memory = await idleMemory(site)
    return formatTable(['listener', 'figure'], [
      ['cold start to the first answer, ms', String(Math.round(median(starts)))],
      ['the same, in starts of an empty program', (median(starts) / median(bare)).toFixed(1)],
      ['memory without a session, MiB', memory.bare.toFixed(0)],
      [`memory with ${sessionsMax} idle sessions, MiB`, memory.full.toFixed(0)],
      ['per idle session, KiB', memory.perSession.toFixed(0)],
      [
        `idle sessions of a machine of ${machineMiB} MiB`,
        String(Math.floor((machineMiB - systemMiB - memory.bare) * 1024 / memory.perSession)),
      ],
      ['code that it loads, KiB', String(Math.round(codeBytes() / 1024))],
    ])
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

interface Site {
  readonly plant: Plant
  readonly servicePort: number
}

async function prepare(onClose: (end: () => Promise<unknown>) => void): Promise<Site> {
  const settings = { max_connections: String(sessionsMax + 100) }
  const cluster = await startTestCluster({ settings })
  onClose(() => cluster.stop())
  const sandbox = await startSandbox({ port: 0 })
  onClose(() => sandbox.close())
  const [storeUrl, databaseUrl] = ['store', 'customer'].map((name) => cluster.url(name)) as [
    string,
    string,
  ]
  const superuser = postgres(cluster.url('postgres'), { max: 1 })
  await superuser`create database store`
  await superuser`create database customer`
  await superuser.end()
  const plant = await setUpPlant({
    subjects: [subject],
    storeUrl,
    databaseUrl,
    databasePort: cluster.port,
    platformsUrl: sandbox.url,
  })
  onClose(() => plant.close())
  const servicePort = await freePort()
  const service = startWorker('mutations.ts', {
    SLUICE_STORE_URL: storeUrl,
    SLUICE_KEYS: plant.keys,
    SLUICE_SERVICE_PORT: String(servicePort),
  })
  onClose(() => service.stop())
  await waitForPort(service, { port: servicePort, waitMs: 30_000 })
  return { plant, servicePort }
}

function startWorker(file: string, env: Record<string, string>): Child {
  const path = join(root, 'workers', file)
  const args = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', path] : [path]
  const all = { SLUICE_PRIVATE_ADDRESSES: 'allow', SLUICE_LOG_LEVEL: 'error', ...env }
  return startProgram({ command: process.execPath, args, env: all })
}

function startListener({ plant, servicePort }: Site, port: number): Child {
  return startWorker('listener.ts', {
    SLUICE_LISTENER_HOST: '127.0.0.1',
    SLUICE_LISTENER_PORT: String(port),
    SLUICE_LISTENER_KEY: plant.listenerKey,
    SLUICE_SERVICE_URL: `http://127.0.0.1:${servicePort}`,
    SLUICE_CONNECTIONS_PER_SYNC_MAX: '1000',
    SLUICE_UNAUTHENTICATED_PER_ADDRESS_MAX: '1000',
  })
}

async function coldStart(site: Site): Promise<number> {
  const port = await freePort()
  const start = performance.now()
  const child = startListener(site, port)
  try {
    for (;;) {
      const client = new pg.Client({ connectionString: site.plant.url('stripe', port) })
      client.on('error', () => {})
      try {
        await client.connect()
        await client.query('select 1')
        return performance.now() - start
      } catch (error) {
        if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error
        await Promise.race([new Promise((resolve) => setTimeout(resolve, 5)), child.ended])
      } finally {
        await client.end().catch(() => {})
      }
    }
  } finally {
    await child.stop()
  }
}

/** A program that says it is there and ends, on the same runtime. */
function bareStart(): Promise<number> {
  const args = 'Deno' in globalThis ? ['eval', 'console.log(1)'] : ['-e', 'console.log(1)']
  const start = performance.now()
  execFileSync(process.execPath, args)
  return Promise.resolve(performance.now() - start)
}

async function idleMemory(site: Site) {
  const port = await freePort()
  const child = startListener(site, port)
  const clients: pg.Client[] = []
  const add = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const client = new pg.Client({ connectionString: site.plant.url('stripe', port) })
      await client.connect()
      await client.query('select 1')
      clients.push(client)
    }
  }
  try {
    await waitForPort(child, { port, waitMs: 30_000 })
    const pid = child.process.pid ?? 0
    const bare = residentMiB(pid)
    const first = sessionsMax / 3 // warms up what is made once
    await add(first)
    const some = residentMiB(pid)
    await add(sessionsMax - first)
    const full = residentMiB(pid)
    return { bare, full, perSession: (full - some) * 1024 / (sessionsMax - first) }
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => {})))
    await child.stop()
  }
}

function residentMiB(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ??
    []
  return Number(kilobytes) / 1024
}

/** What `deno info` finds from the listener's file on, without types. */
function codeBytes(): number {
  const deno = join(root, 'node_modules', '.bin', 'deno')
  const text = execFileSync(deno, ['info', '--json', join(root, 'workers', 'listener.ts')], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    cwd: root,
  })
  const { modules } = JSON.parse(text) as { modules: { local?: string }[] }
  const files = modules.flatMap(({ local }) => local === undefined ? [] : local)
  return files.filter((file) => !file.endsWith('.d.ts'))
    .reduce((sum, file) => sum + statSync(file).size, 0)
}

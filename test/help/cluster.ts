// A real Postgres for tests: one cluster a run, a database of its own for each test file.

import { randomBytes, randomInt } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { type Cluster, startCluster } from '../../src/lib/cluster.ts'

/** How a test reaches its cluster: the one of the run (test/run.ts) or one started for this file alone. */
export interface TestCluster {
  readonly port: number
  url(database: string): string
  /** Makes an empty database and gives its superuser URL. */
  createDatabase(): Promise<string>
  stop(): Promise<void>
}

const password = 'postgres'

/** The cluster to test against. Call `stop` in `after`. */
export async function testCluster(): Promise<TestCluster> {
  const shared = process.env['SLUICE_TEST_CLUSTER_PORT']
  if (shared !== undefined) return clusterAt(Number(shared))
  const own = await startTestCluster()
  return wrap(own.port, () => own.stop())
}

/** Starts a fresh cluster in a temporary folder; `stop` removes it. */
export async function startTestCluster(
  options: { binDir?: string; hba?: string[]; settings?: Record<string, string> } = {},
): Promise<Cluster> {
  // initdb runs as another user when the tests run as root, so the folder must be open to it
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  chmodSync(folder, 0o755)
  const settings = { fsync: 'off', max_prepared_transactions: '10', ...options.settings }
  const cluster = await startCluster({
    ...options,
    settings,
    dataDir: join(folder, 'data'),
    port: await freePort(),
    password,
  })
  return {
    ...cluster,
    stop: async () => {
      await cluster.stop('immediate')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/**
 * A port of loopback that nobody listened on a moment ago, and that is given to nobody else for the next minutes, in no process:
 * what is to listen there may take its time. None of those that the system gives to connections (from 32768
 * on): one of them may take it before a slow machine has started what is to listen there.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < portTriesMax; tries++) {
    const port = randomInt(10_000, 32_000)
    if (reserve(port) && await isFree(port)) return port
  }
  throw new Error('There is no free port')
}

const portTriesMax = 100
/** At least so long a port is given to nobody else, at most twice as long. */
const reservedMs = 10 * 60_000

/** Folders are made by one alone, of all processes. Those of the turn before count as well; older ones are removed. */
function reserve(port: number): boolean {
  const turn = Math.floor(Date.now() / reservedMs)
  // who runs as another user can make nothing there
  const folder = join(tmpdir(), `sluice-ports-${process.getuid?.() ?? 0}`)
  const [now, earlier] = [join(folder, String(turn)), join(folder, String(turn - 1))]
  if (mkdirSync(now, { recursive: true }) !== undefined) {
    for (const name of readdirSync(folder)) {
      if (Number(name) < turn - 1) rmSync(join(folder, name), { recursive: true, force: true })
    }
  }
  if (existsSync(join(earlier, String(port)))) return false
  try {
    mkdirSync(join(now, String(port)))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** A cluster that somebody else starts and stops. */
export function clusterAt(port: number): TestCluster {
  return wrap(port, async () => {})
}

let count = 0

function wrap(port: number, stop: () => Promise<void>): TestCluster {
  const url = (database: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`
  return {
    port,
    url,
    stop,
    createDatabase: async () => {
      // test files of one process that run at the same time count each for themselves
      const name = `test_${process.pid}_${randomBytes(4).toString('hex')}_${++count}`
      const sql = postgres(url('postgres'), { max: 1 })
      try {
        await sql.unsafe(`create database ${name}`)
      } finally {
        await sql.end()
      }
      return url(name)
    },
  }
}

// The whole system as `npm start` runs it, in processes of its own: workers/dev.ts on free ports with a temporary data
// folder, on the same runtime as the test. `startParts` adds a service and a listener that a test may kill.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { withDeadline } from '../../src/lib/deadline.ts'
import type { Platform } from '../../src/mutation/table.ts'
import { freePort } from './cluster.ts'
import { keepOutput, registerSecrets, secretsOfExchange } from './secrets.ts'

/** One exchange of the sandbox with a caller, as GET /_exchanges tells it. */
export interface Exchange {
  readonly platform: string
  readonly method: string
  readonly url: string
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly requestBody: string
  /** 0: the caller got no answer. */
  readonly status: number
  readonly responseHeaders: Readonly<Record<string, string>>
  readonly responseBody: string
}

export interface MischiefRequest {
  /** Salesforce when absent. */
  readonly platform?: Platform
  readonly kind: 'latency' | '429' | '500' | 'drop' | 'lost-reply' | 'expire-token'
  readonly times?: number
  readonly latencyMs?: number
  readonly target?: 'api' | 'oauth'
}

/** A record as the sandbox keeps it: the platform's own field names. */
export type PlatformRecord = Readonly<Record<string, unknown>>

export interface System {
  readonly listenerPort: number
  readonly databasePort: number
  readonly servicePort: number
  readonly sandboxPort: number
  /** The folder of the installation: secrets, certificate, Postgres. */
  readonly dataDir: string
  /** What `npm start` has printed so far. */
  readonly welcome: string
  /** Connection URL of the Salesforce sync through the listener, without TLS. */
  url(): string
  /** The same of another platform's sync. */
  urlOf(platform: Platform): string
  /** The same with `sslmode=require`. */
  tlsUrl(): string
  exchanges(): Promise<Exchange[]>
  clearExchanges(): Promise<void>
  /** Scripts the sandbox. */
  mischief(request: MischiefRequest): Promise<void>
  clearMischief(): Promise<void>
  /** Every live record of a Salesforce table (`contacts`, …) at the sandbox. */
  records(table: string): Promise<PlatformRecord[]>
  /** Every live record of a platform's table at the sandbox, the text of a JSON array. */
  recordsText(platform: Platform, table: string): Promise<string>
  /** Superuser on the demo database, past the listener. */
  readonly sql: postgres.Sql
  /** The same on the store of the mutation service. */
  readonly store: postgres.Sql
  /** A signal to the whole; resolves with its exit code once it has ended. Does not clear up: call `stop` as well. */
  terminate(signal?: 'SIGTERM' | 'SIGINT'): Promise<number | null>
  /** Stops everything and asserts that no process is left and that every port is free. */
  stop(): Promise<void>
}

/** A worker that a test may kill and start again on the same port. */
export interface Part {
  readonly port: number
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it (again), with more environment than the usual; resolves when it takes connections. */
  start(env?: Readonly<Record<string, string>>): Promise<void>
  /** SIGTERM; resolves with the exit code. */
  terminate(): Promise<number | null>
  /** The last of what it has written since its last start. */
  output(): string
}

/** A system whose `url` leads to a listener of its own, which asks a service of its own. */
export interface Parts extends System {
  readonly service: Part
  readonly listener: Part
}

export interface SystemOptions {
  /** More environment for the workers. */
  readonly env?: Readonly<Record<string, string>>
  /** The folder of an installation that is there already; a temporary one when absent. */
  readonly dataDir?: string
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const startWaitMs = 180_000
const stopWaitMs = 120_000
const portWaitMs = 90_000
const pollMs = 25
const outputMax = 64 * 1024

/** Starts `npm start`. Every file starts one, and calls `stop` in `after`. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const ports = await freePorts(4)
  const [listenerPort = 0, databasePort = 0, servicePort = 0, sandboxPort = 0] = ports
  const dataDir = options.dataDir ?? temporaryFolder()
  const worker = startWorker('dev.ts', {
    SLUICE_LISTENER_PORT: String(listenerPort),
    SLUICE_DATABASE_PORT: String(databasePort),
    SLUICE_SERVICE_PORT: String(servicePort),
    SLUICE_SANDBOX_PORT: String(sandboxPort),
    SLUICE_DATA_DIR: dataDir,
    ...options.env,
  })
  await waitForWelcome(worker).catch((error: unknown) => {
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    throw error
  })
  const pids = descendants(worker.pid)
  registerSecrets(...installationSecrets(dataDir))
  const [sql, store] = ['demo', 'sluice_store'].map((database) =>
    postgres(`postgres://postgres:postgres@127.0.0.1:${databasePort}/${database}`, {
      max: 2,
      onnotice: () => {},
    })
  ) as [postgres.Sql, postgres.Sql]
  const url = `postgresql://demo.sync_salesforce:demo@127.0.0.1:${listenerPort}/demo`
  return {
    listenerPort,
    databasePort,
    servicePort,
    sandboxPort,
    dataDir,
    get welcome() {
      return worker.output()
    },
    url: () => `${url}?sslmode=disable`,
    urlOf: (platform) => urlOf({ platform, port: listenerPort }),
    tlsUrl: () => `${url}?sslmode=require`,
    ...sandboxClient(sandboxPort),
    sql,
    store,
    terminate: (signal) => worker.end(signal ?? 'SIGTERM'),
    stop: async () => {
      const last = await sandboxClient(sandboxPort).exchanges().catch(() => [])
      registerSecrets(...last.flatMap(secretsOfExchange))
      await Promise.all([sql.end({ timeout: 5 }), store.end({ timeout: 5 })])
      const code = await worker.end('SIGTERM')
      try {
        await assertNothingLeft({ pids, ports })
        if (code !== 0) throw new Error(`npm start ended with ${code}:\n${worker.output()}`)
      } finally {
        rmSync(dataDir, { recursive: true, force: true })
      }
    },
  }
}

/** What `npm start` has made up for itself. */
function installationSecrets(dataDir: string): string[] {
  const text = readFileSync(join(dataDir, 'secrets.json'), 'utf8')
  const { keys, listenerKey, rolePassword } = JSON.parse(text) as Record<string, string>
  const sealing = (keys ?? '').split(',').map((key) => key.slice(key.indexOf(':') + 1))
  return [...sealing, listenerKey ?? '', rolePassword ?? '']
}

function urlOf({ platform, port }: { platform: Platform; port: number }): string {
  return `postgresql://demo.sync_${platform}:demo@127.0.0.1:${port}/demo?sslmode=disable`
}

/** A system with one more service and one more listener on the same store, for the test to kill. */
export async function startParts(options: SystemOptions = {}): Promise<Parts> {
  const system = await startSystem(options)
  const [listenerPort = 0, servicePort = 0] = await freePorts(2)
  const { keys, listenerKey } = JSON.parse(
    readFileSync(join(system.dataDir, 'secrets.json'), 'utf8'),
  ) as { keys: string; listenerKey: string }
  const service = createPart(servicePort, 'mutations.ts', {
    SLUICE_STORE_URL: `postgres://postgres:postgres@127.0.0.1:${system.databasePort}/sluice_store`,
    SLUICE_KEYS: keys,
    SLUICE_SERVICE_PORT: String(servicePort),
    ...options.env,
  })
  const listener = createPart(listenerPort, 'listener.ts', {
    SLUICE_LISTENER_HOST: '127.0.0.1',
    SLUICE_LISTENER_PORT: String(listenerPort),
    SLUICE_SERVICE_URL: `http://127.0.0.1:${servicePort}`,
    SLUICE_LISTENER_KEY: listenerKey,
    SLUICE_TLS_CERT_FILE: join(system.dataDir, 'tls.crt'),
    SLUICE_TLS_KEY_FILE: join(system.dataDir, 'tls.key'),
    ...options.env,
  })
  const stop = async () => {
    await listener.terminate()
    await service.terminate()
    await system.stop()
    await assertNothingLeft({ pids: [], ports: [listenerPort, servicePort] })
  }
  try {
    await service.start()
    await listener.start()
  } catch (error) {
    await stop()
    throw error
  }
  const url = `postgresql://demo.sync_salesforce:demo@127.0.0.1:${listenerPort}/demo`
  return {
    ...system,
    listenerPort,
    servicePort,
    service,
    listener,
    url: () => `${url}?sslmode=disable`,
    urlOf: (platform) => urlOf({ platform, port: listenerPort }),
    tlsUrl: () => `${url}?sslmode=require`,
    stop,
  }
}

/** The exchanges that changed or could have changed records: everything but reads and tokens. */
export function writesOf(exchanges: readonly Exchange[]): Exchange[] {
  return exchanges.filter(({ method, url }) =>
    method !== 'GET' && !url.includes('/oauth2/') && !(method === 'POST' && postedReads.test(url))
  )
}

/** What Salesforce and HubSpot read with a POST. */
const postedReads = /\/composite\/sobjects\/\w+$|\/(batch\/read|search)$/

/** Waits until `look` gives something other than false, null or undefined. The last error, if any, is in the message. */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | null | undefined> | T | false | null | undefined,
  { waitMs = 60_000 }: { waitMs?: number } = {},
): Promise<T> {
  const end = Date.now() + waitMs
  for (;;) {
    const found = await look()
    if (found !== false && found !== null && found !== undefined) return found
    if (Date.now() > end) throw new Error(`Waited ${waitMs} ms in vain: ${what}`)
    await pause(pollMs)
  }
}

interface Worker {
  readonly pid: number
  readonly exited: Promise<number | null>
  /** The last of what it wrote to stdout and stderr. */
  output(): string
  /** Sends a signal, if it runs; resolves with the exit code (null: the signal ended it) when it has ended. */
  end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | null>
}

/** Starts a worker on this runtime. It ends with us, however we end, because its stdin does. */
function startWorker(file: string, env: Readonly<Record<string, string>>): Worker {
  const path = join(root, 'workers', file)
  const args = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', path] : [path]
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...foreignEnv(),
      SLUICE_EXIT_WITH_STDIN: '1',
      SLUICE_LOG_LEVEL: 'warn',
      SLUICE_PRIVATE_ADDRESSES: 'allow', // all of it is on loopback
      SLUICE_HANDSHAKE_WAIT_MS: '60000', // a busy machine may take much of it
      SLUICE_SYNC: 'once', // who counts what the sandbox was asked wants to be alone with it
      ...env,
    },
  })
  const output = collect(child)
  child.stdin.on('error', () => {})
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const pid = child.pid ?? 0
  return {
    pid,
    exited,
    output,
    end: (signal) => {
      // not child.kill: on Deno it closes stdin as well, and forgets the exit code
      if (child.exitCode === null && child.signalCode === null) process.kill(pid, signal)
      return withDeadline(exited, { waitMs: stopWaitMs, what: `${signal} to ${file}` }).catch(
        (error: unknown) => {
          process.kill(pid, 'SIGKILL') // its children end with its stdin
          throw error
        },
      )
    },
  }
}

/** The environment without any SLUICE_ variable: the test says what the worker is told. */
function foreignEnv(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name.startsWith('SLUICE_') ? [] : [[name, value] as const]
  )
  return Object.fromEntries(entries)
}

function collect(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      keepOutput(chunk)
      text = (text + chunk).slice(-outputMax)
    })
  }
  return () => text
}

async function waitForWelcome(worker: Worker): Promise<void> {
  let code: number | null | undefined
  void worker.exited.then((exit) => code = exit)
  await until('the welcome of npm start', () => {
    if (code !== undefined) throw new Error(`npm start ended with ${code}:\n${worker.output()}`)
    return worker.output().includes('Ctrl-C stops everything.')
  }, { waitMs: startWaitMs }).catch(async (error: unknown) => {
    await worker.end('SIGKILL')
    throw error
  })
}

function createPart(port: number, file: string, env: Record<string, string>): Part {
  let worker: Worker | null = null
  let latest = () => ''
  return {
    port,
    start: async (more) => {
      const started = startWorker(file, { ...env, ...more })
      worker = started
      latest = () => started.output()
      await until(`${file} on port ${port}`, () => listens(port), { waitMs: portWaitMs })
        .catch((error: unknown) => {
          throw new Error(`${file} did not start:\n${started.output()}`, { cause: error })
        })
    },
    kill: async () => {
      await worker?.end('SIGKILL')
      worker = null
    },
    terminate: async () => {
      const code = await worker?.end('SIGTERM') ?? null
      worker = null
      return code
    },
    output: () => latest(),
  }
}

function sandboxClient(port: number) {
  const base = `http://127.0.0.1:${port}`
  const ask = async (path: string, init: RequestInit = {}): Promise<string> => {
    const response = await fetch(base + path, { ...init, signal: AbortSignal.timeout(60_000) })
    const text = await response.text()
    if (!response.ok) throw new Error(`The sandbox answered ${response.status}: ${text}`)
    return text
  }
  return {
    exchanges: async () => {
      const lines = (await ask('/_exchanges')).split('\n').filter((line) => line !== '')
      return lines.map((line) => JSON.parse(line) as Exchange)
    },
    clearExchanges: async () => void await ask('/_exchanges', { method: 'DELETE' }),
    mischief: async (request: MischiefRequest) => {
      const body = JSON.stringify({ platform: 'salesforce', ...request })
      await ask('/_mischief', { method: 'POST', body })
    },
    clearMischief: async () => void await ask('/_mischief', { method: 'DELETE' }),
    recordsText: (platform: Platform, table: string) => ask(`/_records/${platform}/${table}`),
    records: async (table: string) => {
      const all = JSON.parse(await ask(`/_records/salesforce/${table}`)) as PlatformRecord[]
      return all.filter((record) => record['IsDeleted'] !== true)
    },
  }
}

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const end = (found: boolean) => {
      socket.destroy()
      resolve(found)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}

interface ProcessRow {
  readonly pid: number
  readonly parent: number
  readonly state: string
}

function processes(): ProcessRow[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
  return text.split('\n').filter((line) => line.trim() !== '').map((line) => {
    const [pid, parent, state = ''] = line.trim().split(/\s+/)
    return { pid: Number(pid), parent: Number(parent), state }
  })
}

/** The process and all that it started. */
function descendants(pid: number): number[] {
  const rows = processes()
  const found = [pid]
  for (let index = 0; index < found.length; index++) {
    found.push(...rows.filter(({ parent }) => parent === found[index]).map((row) => row.pid))
  }
  return found
}

async function assertNothingLeft(
  { pids, ports }: { pids: readonly number[]; ports: readonly number[] },
): Promise<void> {
  const alive = () =>
    processes().filter(({ pid, state }) => pids.includes(pid) && !state.startsWith('Z'))
  await until('the processes of npm start to end', () => alive().length === 0, { waitMs: 30_000 })
    .catch((error: unknown) => {
      const left = alive()
      for (const { pid } of left) process.kill(pid, 'SIGKILL')
      throw new Error(`Left running: ${JSON.stringify(left)}`, { cause: error })
    })
  for (const port of ports) {
    if (await listens(port)) throw new Error(`Port ${port} is still taken`)
  }
}

/** Postgres runs as another user when the tests run as root, so the folder must be open to it. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-system-'))
  chmodSync(folder, 0o755)
  return folder
}

function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}

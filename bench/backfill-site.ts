// Bench: a store and a customer's database on a Postgres of their own, a sandbox in a process of its own, and the sync
// process, which fills what is set up.

import process from 'node:process'
import type { Platform, SyncedTable } from '../src/mutation/table.ts'
import { setSyncState } from '../src/store/syncs.ts'
import type { TableState } from '../src/store/tables.ts'
import { freePort, testCluster } from '../test/help/cluster.ts'
import { eventually, type Mirror, startMirror } from '../test/help/mirror.ts'
import { type Child, startProgram, waitForPort } from './child.ts'
import { liftLimits } from './no-limits.ts'

export interface Site {
  readonly mirror: Mirror
  /** Makes so many more records. */
  seed(platform: Platform, table: string, count: number): Promise<void>
  /** From now on the platform answers so much later. */
  setLatency(platform: Platform, latencyMs: number): Promise<void>
  /** Starts the sync process. Limits are off where the sandbox's are. */
  startSync(): Promise<Child>
  /** Starts the mutation service, and gives its URL. */
  startService(): Promise<string>
  /** Sets up a sync of this one object, which the sync process fills, and gives how long that took. */
  fill(subject: Subject): Promise<Filled>
  close(): Promise<void>
}

/** What is filled. */
export interface Subject {
  readonly platform: Platform
  readonly object: string
  /** The sandbox's name of it. */
  readonly records: string
}

export interface Filled {
  readonly table: SyncedTable
  readonly rows: number
  /** From the begin of the listing to its end, by the sync process's clock. */
  readonly ms: number
}

const startWaitMs = 60_000
const fillWaitMs = 900_000
/** Whoever looks takes time from what is measured. */
const lookEveryMs = 200

/** Starts all of it but the sync process. */
export async function startSite({ limits }: { limits: boolean }): Promise<Site> {
  const children: Child[] = []
  if (!limits) liftLimits()
  const cluster = await testCluster()
  const url = await startSandbox(children, limits)
  const mirror = await startMirror(cluster, {
    sandbox: {
      port: Number(new URL(url).port),
      url,
      platformUrl: (name) => `${url}/${name}`,
      reset: () => {},
      close: () => Promise.resolve(),
    },
  })
  // what is committed is on the disk, as it is for customers
  await mirror.sql.unsafe('alter system set fsync = on')
  await mirror.sql.unsafe('select pg_reload_conf()')
  let made = 0
  return {
    mirror,
    seed: (platform, table, count) => seed(`${url}/_seed/${platform}/${table}`, count),
    setLatency: (platform, latencyMs) => setLatency(url, { platform, latencyMs }),
    startSync: async () => {
      const child = await startSync(mirror, limits)
      children.push(child)
      return child
    },
    startService: () => startService(children, mirror),
    fill: (subject) => fill(mirror, subject, `bench${made += 1}`),
    close: async () => {
      for (const child of children.reverse()) await child.stop()
      await mirror.close()
      await cluster.stop()
    },
  }
}

async function startSandbox(children: Child[], limits: boolean): Promise<string> {
  const port = await freePort()
  const env = { SLUICE_SANDBOX_PORT: String(port), SLUICE_SANDBOX_LIMITS: limits ? 'on' : 'off' }
  const child = startWorker('../workers/sandbox.ts', env)
  children.push(child)
  await waitForPort(child, { port, waitMs: startWaitMs })
  return `http://127.0.0.1:${port}`
}

async function startSync(mirror: Mirror, limits: boolean): Promise<Child> {
  const port = await freePort()
  const child = startWorker(limits ? '../workers/sync.ts' : './backfill-process.ts', {
    SLUICE_STORE_URL: mirror.storeUrl,
    SLUICE_KEYS: mirror.keys,
    SLUICE_PRIVATE_ADDRESSES: 'allow',
    SLUICE_LOG_LEVEL: 'warn',
    SLUICE_SYNC_HTTP_PORT: String(port),
    SLUICE_DRAIN_MS: '5000',
  })
  await waitForPort(child, { port, waitMs: startWaitMs })
  return child
}

async function startService(children: Child[], mirror: Mirror): Promise<string> {
  const port = await freePort()
  const child = startWorker('../workers/mutations.ts', {
    SLUICE_SERVICE_PORT: String(port),
    SLUICE_STORE_URL: mirror.storeUrl,
    SLUICE_KEYS: mirror.keys,
    SLUICE_PRIVATE_ADDRESSES: 'allow',
    SLUICE_LOG_LEVEL: 'warn',
    SLUICE_DRAIN_MS: '2000',
    SLUICE_RECOVERY_AFTER_MS: '3600000', // nobody applies what is accepted here
  })
  children.push(child)
  await waitForPort(child, { port, waitMs: startWaitMs })
  return `http://127.0.0.1:${port}`
}

function startWorker(file: string, env: Record<string, string>): Child {
  const path = new URL(file, import.meta.url).pathname
  const flags = ['run', '--quiet', '--no-check', '-A', heapFlag('v8-flags')]
  const args = 'Deno' in globalThis ? [...flags, path] : [heapFlag(''), path]
  return startProgram({ command: process.execPath, args, env })
}

/** A million records are in the sandbox's memory. */
function heapFlag(name: string): string {
  return name === '' ? '--max-old-space-size=8192' : `--${name}=--max-old-space-size=8192`
}

async function setLatency(
  sandboxUrl: string,
  { platform, latencyMs }: { platform: Platform; latencyMs: number },
): Promise<void> {
  const url = `${sandboxUrl}/_mischief`
  const mischief = { platform, kind: 'latency', times: 1_000_000, latencyMs }
  const answers = [
    await fetch(url, { method: 'DELETE' }),
    ...latencyMs === 0 ? [] : [
      await fetch(url, { method: 'POST', body: JSON.stringify(mischief) }),
    ],
  ]
  for (const answer of answers) {
    const text = await answer.text()
    if (!answer.ok) throw new Error(`The sandbox answered ${answer.status}: ${text}`)
  }
}

async function seed(url: string, count: number): Promise<void> {
  const body = JSON.stringify({ count })
  const answer = await fetch(url, { method: 'POST', body })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`The sandbox answered ${answer.status}: ${text}`)
}

async function fill(mirror: Mirror, subject: Subject, name: string): Promise<Filled> {
  const [table] = await mirror.add(subject.platform, [subject.object], { name })
  if (table === undefined) throw new Error(`${subject.platform} has no ${subject.object}`)
  const syncId = `sync_${name}`
  let begun: number | null = null
  const look = async (): Promise<TableState | undefined> => {
    const state = (await mirror.states()).find((one) => one.syncId === syncId)
    begun = state?.pass?.startedAt ?? begun
    return state
  }
  const ended = await eventually(look, {
    holds: (state) => state !== undefined && state.filledAt !== null,
    waitMs: fillWaitMs,
    everyMs: lookEveryMs,
  })
  await setSyncState(mirror.store, { id: syncId, state: 'disabled' })
  await eventually(look, { holds: (state) => state?.owner === null })
  const [counted] = await mirror.sql.unsafe(
    `select count(*)::int as rows from ${name}.${table.name}`,
  )
  await mirror.sql.unsafe('checkpoint') // so that no turn pays for another
  if (begun === null || ended?.filledAt == null) throw new Error('The filling was not seen')
  return { table, rows: Number(counted?.['rows']), ms: ended.filledAt - begun }
}

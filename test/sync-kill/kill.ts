// All tables of all platforms are set up, filled and followed by sync processes that are killed again and again, while
// another client changes what the platforms have. In the end the tables are compared with the platforms.

import { setTimeout as pause } from 'node:timers/promises'
import type { Platform } from '../../src/mutation/table.ts'
import type { TableState } from '../../src/store/tables.ts'
import { createRandom } from '../chaos/random.ts'
import type { TestCluster } from '../help/cluster.ts'
import {
  areQuiet,
  eventually,
  type Mirror,
  startMirror,
  startSyncWorker,
  type SyncWorker,
} from '../help/mirror.ts'
import { openClient, type OtherClient } from './client.ts'
import { compareAll, type Compared } from './compare.ts'

export interface KillOptions {
  /** Of Salesforce's contacts; the other large tables have a fiftieth of it. */
  readonly records: number
  readonly kills: number
  readonly seed: number
  readonly say: (what: string) => void
}

export interface Killed {
  readonly compared: Compared
  /** Compared once more, after changes that no process was there to follow. */
  readonly differs: Compared
  /** How many died while the large table was being filled. */
  readonly killedFilling: number
  readonly changes: OtherClient['counts']
  readonly seconds: number
  /** From the last change until all were found equal, or given up. */
  readonly settledSeconds: number
}

const objects: Readonly<Record<Platform, readonly string[]>> = {
  salesforce: ['Contact', 'Account', 'Lead', 'Opportunity', 'Project__c'],
  hubspot: [
    'contacts',
    'companies',
    'deals',
    'tickets',
    'products',
    'line_items',
    'notes',
    'tasks',
    'calls',
    'meetings',
    'emails',
  ],
  stripe: [
    'customers',
    'products',
    'prices',
    'plans',
    'coupons',
    'promotion_codes',
    'subscriptions',
    'subscription_items',
    'invoices',
    'invoice_items',
    'payment_intents',
    'refunds',
    'charges',
    'tax_rates',
    'payment_links',
  ],
  airtable: ['*'],
  github: [
    'issues',
    'labels',
    'milestones',
    'issue_comments',
    'releases',
    'pull_requests',
    'repositories',
  ],
}
/** Tables that have many records too. */
const large: readonly (readonly [Platform, string])[] = [
  ['salesforce', 'accounts'],
  ['salesforce', 'leads'],
  ['hubspot', 'contacts'],
  ['hubspot', 'deals'],
  ['stripe', 'customers'],
  ['stripe', 'subscriptions'],
  ['stripe', 'invoices'],
  ['airtable', 'contacts'],
  ['github', 'issues'],
  ['github', 'labels'],
]
const partOfOthers = 50
/** Airtable's five requests a second are in force also where the sandbox has no limits. */
const othersMax = 500
const env = {
  SLUICE_SYNC_LEASE_MS: '700',
  SLUICE_POLL_MS: '500',
  SLUICE_BACKGROUND_SHARE: '99',
}
/** For the one that is not killed: it keeps what it has, also on a machine that stands still for seconds. */
const lastEnv = { ...env, SLUICE_SYNC_LEASE_MS: '15000', SLUICE_POLL_MS: '2000' }
const betweenActsMs = 60
/** The more there is to do, the longer a process lives at most, in milliseconds. */
const lifeMaxMs = (records: number) => Math.min(4_000, 1_000 + records / 20)
const settleWaitMs = 600_000

/** Runs it on a cluster. Throws when something does not come about in minutes. */
export async function runKills(cluster: TestCluster, options: KillOptions): Promise<Killed> {
  const { kills, seed, say } = options
  const from = Date.now()
  const mirror = await startMirror(cluster)
  const workers: SyncWorker[] = []
  const over = new AbortController()
  try {
    await setUp(mirror, options)
    const random = createRandom(seed)
    const client = await openClient({ sandboxUrl: mirror.sandbox.url, random: random.fork() })
    const changing = keepChanging(client, over.signal)
    changing.catch(() => {}) // told when it is waited for
    let killedFilling = 0
    for (let n = 1; n <= kills; n++) {
      const worker = startSyncWorker(mirror, env)
      workers.push(worker)
      await claimed(mirror, worker)
      await pause(random.within(0, lifeMaxMs(options.records)))
      const state = await largeTable(mirror)
      worker.kill('SIGKILL')
      await worker.exited
      if (state?.pass?.why === 'fill') killedFilling += 1
      say(`killed ${n}: ${state?.phase}, ${state?.pass?.rows ?? '-'} rows`)
    }
    const last = startSyncWorker(mirror, lastEnv)
    workers.push(last)
    await eventually(restless(mirror), { holds: isEmpty, waitMs: settleWaitMs })
    over.abort()
    await changing
    const stoppedAt = Date.now()
    say(`changed: ${JSON.stringify(client.counts)}`)
    const compared = await settled(mirror, stoppedAt)
    last.kill('SIGTERM')
    if (await last.exited !== 0) throw new Error(`The last process ended badly: ${last.log()}`)
    const unfollowed = 10
    for (let n = 0; n < unfollowed; n++) await client.act()
    const differs = await compareAll({ sql: mirror.sql, sandboxUrl: mirror.sandbox.url })
    return {
      compared,
      differs,
      killedFilling,
      changes: client.counts,
      seconds: (Date.now() - from) / 1_000,
      settledSeconds: (Date.now() - stoppedAt) / 1_000,
    }
  } finally {
    over.abort()
    for (const worker of workers) worker.kill('SIGKILL')
    await Promise.all(workers.map(({ exited }) => exited))
    await mirror.close()
  }
}

async function setUp(mirror: Mirror, { records, say }: KillOptions): Promise<void> {
  const others = Math.min(othersMax, Math.ceil(records / partOfOthers))
  const counts = [['salesforce', 'contacts', records] as const].concat(
    large.map(([platform, table]) => [platform, table, others] as never),
  )
  for (const [platform, table, count] of counts) {
    const url = `${mirror.sandbox.url}/_seed/${platform}/${table}`
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ count }) })
    if (!answer.ok) throw new Error(`The sandbox cannot seed ${table}: ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  for (const [platform, names] of Object.entries(objects)) {
    await mirror.add(platform as Platform, names)
  }
  say('set up')
}

/** Until told to stop. What does not succeed ends the run. */
async function keepChanging(client: OtherClient, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await client.act()
    await pause(betweenActsMs)
  }
}

async function largeTable(mirror: Mirror) {
  const states = await mirror.states()
  return states.find(({ platform, name }) => platform === 'salesforce' && name === 'contacts')
}

/** Something is under way that was not before. */
async function claimed(mirror: Mirror, worker: SyncWorker): Promise<void> {
  const sum = async () => {
    const [row] = await mirror.store.sql`select sum(fence) as sum from sluice_store.table_states`
    return Number(row?.['sum'] ?? 0)
  }
  const before = await sum()
  await eventually(async () => ({ sum: await sum(), log: worker.log() }), {
    holds: (now) => now.sum > before,
    waitMs: 180_000,
  })
}

/**
 * A look that gives the tables that no look so far has found quiet, and compared after `since`. Each by itself, not all at
 * the same moment: on a slow machine some are always being compared.
 */
function restless(mirror: Mirror, since = 0): () => Promise<TableState[]> {
  const rested = new Set<string>()
  const keyOf = ({ syncId, schema, name }: TableState) => `${syncId} ${schema}.${name}`
  return async () => {
    const states = await mirror.states()
    for (const state of states) {
      if (areQuiet([state]) && Number(state.scannedAt) >= since) rested.add(keyOf(state))
    }
    return states.filter((state) => !rested.has(keyOf(state)))
  }
}

const isEmpty = (list: readonly unknown[]) => list.length === 0

/** The regular comparison comes at once; then each table has been quiet, and what happened last has been asked for. */
async function settled(mirror: Mirror, stoppedAt: number): Promise<Compared> {
  const look = restless(mirror, stoppedAt)
  const scanned = async () => {
    await mirror.store.sql`
      update sluice_store.table_states set scanned_at = null, due_at = now()
      where (lease_until is null or lease_until < now()) and pass is null
        and scanned_at <= ${new Date(stoppedAt).toISOString()}::text::timestamptz`
    return await look()
  }
  await eventually(scanned, {
    holds: isEmpty,
    waitMs: settleWaitMs,
    everyMs: 500,
  })
  let compared = await compareAll({ sql: mirror.sql, sandboxUrl: mirror.sandbox.url })
  // changes that a platform tells of late
  for (const until = Date.now() + 180_000; Date.now() < until && !areEqual(compared);) {
    await pause(1_000)
    compared = await compareAll({ sql: mirror.sql, sandboxUrl: mirror.sandbox.url })
  }
  return compared
}

function areEqual({ differences }: Compared): boolean {
  return differences.length === 0
}

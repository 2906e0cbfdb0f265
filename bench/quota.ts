// Bench: how much of a platform's quota is used, and how often it says no. More is asked of service processes than each
// platform allows; the sandbox counts as the platform does, and what it counted is read from its exchanges.

import process from 'node:process'
import { randomBytes } from 'node:crypto'
import { deadlineIn } from '../src/lib/deadline.ts'
import { createHttp, type Http, type HttpResponse } from '../src/lib/http.ts'
import { silentLog } from '../src/lib/log.ts'
import type { SyncedTable } from '../src/mutation/table.ts'
import { adapterFor } from '../src/platforms/index.ts'
import type { Adapter, Caller, Page } from '../src/platforms/platform.ts'
import type { RatedRequest, RateRule } from '../src/platforms/rates.ts'
import { saveConnection } from '../src/store/connections.ts'
import { saveDatabase } from '../src/store/databases.ts'
import { saveListenerKey } from '../src/store/keys.ts'
import { migrate } from '../src/store/migrations.ts'
import { parseKeyring } from '../src/store/seal.ts'
import { openStore, type Store } from '../src/store/store.ts'
import { saveSync } from '../src/store/syncs.ts'
import { freePort, startTestCluster } from '../test/help/cluster.ts'
import { demoSyncs } from '../workers/demo-syncs.ts'
import { type Child, startProgram, waitForPort } from './child.ts'
import type { Options } from './options.ts'
import { formatTable } from './print.ts'
import { type Load, loads, mutationOf } from './quota-loads.ts'

const host = '127.0.0.1'
const startWaitMs = 60_000
/** Mutations that wait or are under way at any time: more than any quota lets through at once. */
const mutationsMax = 120
/** As long as a session without a statement_timeout waits. */
const mutationWaitMs = 150_000
const askWaitMs = 160_000
/** What setting up took of the quota, past the buckets, is over then: no platform counts reads for longer than that. */
const warmMs = 11_000
const shareMark = 0.95

interface Running {
  readonly url: string
  readonly http: Http
  readonly listenerKey: string
}

interface Account {
  readonly adapter: Adapter
  readonly table: SyncedTable
  readonly records: Page['rows']
  readonly at: { readonly baseUrl: string; readonly settings: Readonly<Record<string, unknown>> }
}

/** Measures every platform that has an adapter, and gives the table. */
export async function measureQuota({ seconds, processes }: Options): Promise<string> {
  const rows: string[][] = []
  for (const load of loads) {
    for (const count of processes) rows.push(await measure(load, { seconds, count }))
  }
  const heads = ['', 'processes', 'limit', 'used', 'of', 'share', 'refusals', 'mark']
  const title = `Quota: what was used of it in ${seconds} s of load above it`
  return `${title}\n\n${formatTable(heads, rows)}`
}

async function measure(
  load: Load,
  { seconds, count }: { seconds: number; count: number },
): Promise<string[]> {
  const http = createHttp({ connectionsMax: 256, bytesMax: 512 * 1024 * 1024 })
  const cluster = await startTestCluster()
  const url = cluster.url('postgres')
  const keys = `bench:${randomBytes(32).toString('base64')}`
  const listenerKey = randomBytes(32).toString('base64url')
  const children: Child[] = []
  const store = openStore({ url, keyring: parseKeyring(keys) })
  try {
    await migrate(store)
    await saveListenerKey(store, { id: 'bench', key: listenerKey })
    const sandbox = await startSandbox(children)
    const account = await setUp(store, load, { sandbox, http })
    const services: Running[] = []
    for (let n = 0; n < count; n++) {
      services.push({ url: await startService(children, { url, keys }), http, listenerKey })
    }
    const seen = await runLoad(load, { account, services, sandbox, seconds })
    return row(load, { account, seen, seconds, count })
  } finally {
    for (const child of children.reverse()) await child.stop()
    await store.close()
    await http.close()
    await cluster.stop()
  }
}

async function startSandbox(children: Child[]): Promise<string> {
  const port = await freePort()
  const env = { SLUICE_SANDBOX_PORT: String(port), SLUICE_SANDBOX_LIMITS: 'on' }
  await startWorker(children, { name: 'sandbox', port, env })
  return `http://${host}:${port}`
}

async function startService(
  children: Child[],
  { url, keys }: { url: string; keys: string },
): Promise<string> {
  const port = await freePort()
  const env = {
    SLUICE_SERVICE_PORT: String(port),
    SLUICE_STORE_URL: url,
    SLUICE_KEYS: keys,
    SLUICE_PRIVATE_ADDRESSES: 'allow',
    SLUICE_LOG_LEVEL: 'warn',
    SLUICE_DRAIN_MS: '2000',
    SLUICE_RECOVERY_AFTER_MS: '3600000', // there is no customer's database
  }
  await startWorker(children, { name: 'mutations', port, env })
  return `http://${host}:${port}`
}

async function startWorker(
  children: Child[],
  { name, port, env }: { name: string; port: number; env: Record<string, string> },
): Promise<void> {
  const file = new URL(`../workers/${name}.ts`, import.meta.url).pathname
  const args = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', file] : [file]
  const child = startProgram({ command: process.execPath, args, env })
  children.push(child)
  await waitForPort(child, { port, waitMs: startWaitMs })
}

/** One sync of the platform, in the store alone: nobody applies what is accepted. */
async function setUp(
  store: Store,
  load: Load,
  { sandbox, http }: { sandbox: string; http: Http },
): Promise<Account> {
  const { platform } = load
  const demo = demoSyncs(sandbox).find((sync) => sync.platform === platform)
  if (demo === undefined) throw new Error(`There is no demo of ${platform}`)
  const { baseUrl, settings = {} } = demo.connection
  const adapter = adapterFor(platform)
  const caller = callerOf({ http, baseUrl, settings })
  const shapes = await adapter.describe(demo.objects, caller)
  const shape = shapes.find(({ name }) => name === load.table)
  if (shape === undefined) throw new Error(`${platform} has no table ${load.table}`)
  const table: SyncedTable = { ...shape, syncId: 'sync_bench1', platform, schema: platform }
  const { rows: records } = await adapter.page(table, null, caller)
  await saveConnection(store, {
    id: 'bench',
    platform,
    baseUrl,
    settings,
    credential: { kind: 'key', key: 'sandbox' },
  })
  const address = {
    host,
    port: 1,
    database: '',
    user: '',
    password: '',
    sslmode: 'disable',
  } as const
  await saveDatabase(store, { id: 'none', address }, { random: randomBytes })
  const sync = { id: table.syncId, connectionId: 'bench', databaseId: 'none', schema: platform }
  await saveSync(store, { ...sync, tables: [table], users: [] })
  return { adapter, table, records, at: { baseUrl, settings } }
}

function callerOf(
  { http, baseUrl, settings }: Pick<Caller, 'http' | 'baseUrl' | 'settings'>,
): Caller {
  return {
    baseUrl,
    settings,
    http,
    deadline: deadlineIn(startWaitMs),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
  }
}

interface Exchange {
  readonly platform: string
  readonly method: RatedRequest['method']
  readonly url: string
  readonly requestBody: string
  readonly status: number
  readonly responseHeaders: Readonly<Record<string, string>>
  readonly responseBody: string
}

interface Seen {
  readonly exchanges: readonly Exchange[]
  /** Too many to be kept: those before the last ones. */
  readonly dropped: number
}

/** Keeps so many mutations waiting for so long, and gives what the sandbox saw in that time. */
async function runLoad(
  load: Load,
  { account, services, sandbox, seconds }: {
    account: Account
    services: readonly Running[]
    sandbox: string
    seconds: number
  },
): Promise<Seen> {
  const [{ http } = { http: createHttp() }] = services
  await new Promise((resolve) => setTimeout(resolve, warmMs))
  await http.send({ method: 'DELETE', url: `${sandbox}/_exchanges`, waitMs: askWaitMs })
  const until = Date.now() + seconds * 1_000
  let n = 0
  const work = async (service: Running): Promise<void> => {
    while (Date.now() < until) {
      n += 1
      await post(service, mutationOf(load, { n, ...account }))
    }
  }
  const workers = Array.from({ length: mutationsMax }, (_, i) => {
    const service = services[i % services.length]
    return service === undefined ? Promise.resolve() : work(service)
  })
  const working = Promise.all(workers).catch((error: unknown) => error)
  await new Promise((resolve) => setTimeout(resolve, until - Date.now()))
  const url = `${sandbox}/_exchanges`
  const { body, headers } = await http.send({ method: 'GET', url, waitMs: askWaitMs })
  void working // what still waits is ended with the services
  const exchanges = body.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Exchange)
  return { exchanges, dropped: Number(headers['x-exchanges-dropped']) }
}

async function post({ url, http, listenerKey }: Running, mutation: unknown): Promise<void> {
  try {
    await http.send({
      method: 'POST',
      url: `${url}/internal/mutations`,
      headers: { authorization: `Bearer ${listenerKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ mutation, waitMs: mutationWaitMs }),
      waitMs: askWaitMs,
    })
  } catch {
    // the service was ended, with all that waited
  }
}

interface Used {
  readonly rule: RateRule
  readonly units: number
  /** What the rule allows in the time. */
  readonly quota: number
}

function row(
  load: Load,
  { account, seen: { exchanges, dropped }, seconds, count }: {
    account: Account
    seen: Seen
    seconds: number
    count: number
  },
): string[] {
  const { refused, used } = tally(account, exchanges, seconds * 1_000)
  const head = [load.platform, String(count)]
  const fullest = used.toSorted((a, b) => b.units / b.quota - a.units / a.quota)[0]
  const share = fullest === undefined ? 0 : fullest.units / fullest.quota
  // a day's quota is not used up in a minute
  if (fullest === undefined || share < 0.5) {
    const mark = refused === 0 ? 'met' : 'MISSED'
    const sent = String(exchanges.length + dropped)
    return [...head, 'none within reach', sent, '', '', String(refused), mark]
  }
  if (dropped > 0) throw new Error(`The sandbox has forgotten ${dropped} exchanges of the load`)
  const { rule, units, quota } = fullest
  const met = share >= shareMark && refused === 0
  const figures = [units.toFixed(0), quota.toFixed(0), `${(share * 100).toFixed(1)} %`]
  return [...head, rule.name, ...figures, String(refused), met ? 'met' : 'MISSED']
}

/** Refusals, and what the carried out requests took of each bucket. */
function tally({ adapter, at }: Account, exchanges: readonly Exchange[], loadMs: number) {
  const { rates } = adapter
  const rules = rates.rules(at.settings)
  const units = new Map<string, number>()
  let refused = 0
  for (const exchange of exchanges) {
    const { method, requestBody, url } = exchange
    const path = url.slice(`/${adapter.platform}`.length)
    const request = { method, url: at.baseUrl + path, body: requestBody }
    if (rates.learn(request, responseOf(exchange), at).refused) refused += 1
    for (const charge of rates.charges(request, at)) {
      const id = JSON.stringify([charge.rule, charge.key ?? ''])
      units.set(id, (units.get(id) ?? 0) + charge.units)
    }
  }
  const used = [...units].flatMap(([id, taken]): Used[] => {
    const [name] = JSON.parse(id) as [string, string]
    const rule = rules.find((known) => known.name === name)
    if (rule === undefined || rule.windowMs === null) return []
    return [{ rule, units: taken, quota: rule.limit * Math.max(1, loadMs / rule.windowMs) }]
  })
  return { refused, used }
}

function responseOf({ status, responseHeaders, responseBody }: Exchange): HttpResponse {
  return { status, headers: responseHeaders, body: responseBody }
}

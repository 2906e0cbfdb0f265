// Bench: what mutations feel of a backfill of the same account, with the platforms' limits in force: the time from asking
// the service to its answer, by turns without a backfill and with one under way.

import { randomBytes } from 'node:crypto'
import { createHttp, type Http } from '../src/lib/http.ts'
import type { SyncedTable } from '../src/mutation/table.ts'
import type { Page } from '../src/platforms/platform.ts'
import { saveListenerKey } from '../src/store/keys.ts'
import { setSyncState } from '../src/store/syncs.ts'
import { eventually } from '../test/help/mirror.ts'
import { type Site, startSite, type Subject } from './backfill-site.ts'
import type { Options } from './options.ts'
import { formatMark, formatRatio, formatTable } from './print.ts'
import { loads, mutationOf } from './quota-loads.ts'
import { median, quantile, ratioOf } from './statistics.ts'

interface Account extends Subject {
  /** One mutation after the other begins so often at most: well below the platform's limit: the background uses what is left below its share. */
  readonly everyMs: number
}

const accounts: readonly Account[] = [
  { platform: 'stripe', object: 'customers', records: 'customers', everyMs: 100 },
  { platform: 'airtable', object: 'Contacts', records: 'contacts', everyMs: 1_000 },
]
/** As quick as platforms answer. */
const latencyMs = 100
const mutationWaitMs = 30_000
const most = 1.1

/** Measures, and gives the table. */
export async function measureQuotaBackfill(
  { rounds, rows, seconds }: Options,
): Promise<string> {
  const lines: string[][] = []
  for (const account of accounts) lines.push(...await measure(account, { rounds, rows, seconds }))
  const title = `Mutations beside a backfill of the same account: milliseconds (medians of ` +
    `${rounds} rounds), and ratios within a round (median, quartiles); the sandbox answers after ${latencyMs} ms`
  const heads = ['', 'without', 'beside', 'beside / without', '', 'rows a second']
  return `${title}\n\n${formatTable(heads, lines)}`
}

interface Turn {
  readonly median: number
  readonly p95: number
}

async function measure(
  account: Account,
  { rounds, rows, seconds }: Pick<Options, 'rounds' | 'rows' | 'seconds'>,
): Promise<string[][]> {
  const site = await startSite({ limits: true })
  const http = createHttp()
  try {
    const send = await openSender(site, account, http)
    await site.seed(account.platform, account.records, rows)
    await site.setLatency(account.platform, latencyMs)
    await turn(send, { account, seconds }) // programs of all processes are compiled meanwhile
    const [without, beside]: [Turn[], Turn[]] = [[], []]
    const paces: number[] = []
    for (let round = 0; round < rounds; round++) {
      without.push(await turn(send, { account, seconds }))
      const backfill = await beginBackfill(site, account, `beside${round}`)
      beside.push(await turn(send, { account, seconds }))
      paces.push(await backfill.end())
    }
    return (['median', 'p95'] as const).map((name) => {
      const [one, other] = [without, beside].map((turns) => turns.map((turn) => turn[name]))
      return row(`${account.platform}, ${name}`, { one: one ?? [], other: other ?? [], paces })
    })
  } finally {
    await site.close()
    await http.close()
  }
}

function row(
  name: string,
  { one, other, paces }: {
    one: readonly number[]
    other: readonly number[]
    paces: readonly number[]
  },
): string[] {
  const ratio = ratioOf(other, one)
  return [
    name,
    median(one).toFixed(1),
    median(other).toFixed(1),
    formatRatio(ratio),
    name.endsWith('median') ? formatMark(ratio.median, { most }) : '',
    median(paces).toFixed(0),
  ]
}

type Send = () => Promise<void>

/** Sets up a sync whose records are changed one after the other, through a service of its own. */
async function openSender(site: Site, { platform, object }: Account, http: Http): Promise<Send> {
  const { mirror } = site
  const [table] = await mirror.add(platform, [object])
  const load = loads.find((one) => one.platform === platform)
  if (table === undefined || load === undefined) throw new Error(`There is no load of ${platform}`)
  await site.startSync()
  await eventually(() => mirror.states(), {
    holds: (states) => states.every(({ filledAt }) => filledAt !== null),
  })
  const found = await mirror.sql.unsafe(`select id from ${platform}.${table.name} limit 20`)
  const records: Page['rows'] = found.map(({ id }) => ({ id: String(id), values: {} }))
  const listenerKey = randomBytes(32).toString('base64url')
  await saveListenerKey(mirror.store, { id: 'bench', key: listenerKey })
  const url = await site.startService()
  let n = 0
  return async () => {
    const mutation = mutationOf(load, { n: n += 1, table, records })
    const { status, body } = await http.send({
      method: 'POST',
      url: `${url}/internal/mutations`,
      headers: { authorization: `Bearer ${listenerKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ mutation, waitMs: mutationWaitMs }),
      waitMs: mutationWaitMs,
    })
    if (status !== 200) throw new Error(`The service answered ${status}: ${body}`)
  }
}

async function turn(
  send: Send,
  { account, seconds }: { account: Account; seconds: number },
): Promise<Turn> {
  const until = performance.now() + seconds * 1_000
  const times: number[] = []
  while (performance.now() < until) {
    const from = performance.now()
    await send()
    const ms = performance.now() - from
    times.push(ms)
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, account.everyMs - ms)))
  }
  return { median: median(times), p95: quantile(times, 0.95) }
}

/** A sync of the whole table; `end` gives the rows a second that it filled meanwhile. */
async function beginBackfill(
  { mirror }: Site,
  { platform, object }: Account,
  name: string,
): Promise<{ end(): Promise<number> }> {
  const [table] = await mirror.add(platform, [object], { name })
  const syncId = `sync_${name}`
  const look = async () => (await mirror.states()).find((one) => one.syncId === syncId)
  const begun = await eventually(look, { holds: (state) => (state?.pass?.pages ?? 0) > 0 })
  const from = { at: Date.now(), rows: begun?.pass?.rows ?? 0 }
  return {
    end: async () => {
      const state = await look()
      const rows = state?.pass?.rows ?? await countOf(mirror.sql, name, table)
      if (state?.pass == null) console.error(`${platform}: filled before the turn was over`)
      const pace = (rows - from.rows) / (Date.now() - from.at) * 1_000
      await setSyncState(mirror.store, { id: syncId, state: 'disabled' })
      await eventually(look, { holds: (left) => left?.owner == null })
      return pace
    },
  }
}

async function countOf(
  sql: Site['mirror']['sql'],
  schema: string,
  table: SyncedTable | undefined,
): Promise<number> {
  const [row] = await sql.unsafe(`select count(*)::int as rows from ${schema}.${table?.name}`)
  return Number(row?.['rows'])
}

// Bench: how quickly the sync process fills a table, beside a program written by hand that upserts record by record, and
// beside the network's own pace: the same pages fetched and thrown away.

import { readFileSync } from 'node:fs'
import postgres from 'postgres'
import { deadlineIn } from '../src/lib/deadline.ts'
import { createHttp, type Http } from '../src/lib/http.ts'
import { silentLog } from '../src/lib/log.ts'
import { quoteIdent } from '../src/lib/quote.ts'
import { answerBytesMax } from '../src/mutation/limits.ts'
import type { SyncedTable } from '../src/mutation/table.ts'
import { adapterFor } from '../src/platforms/index.ts'
import type { Caller, Page } from '../src/platforms/platform.ts'
import { readConnection } from '../src/store/connections.ts'
import { type Site, startSite, type Subject } from './backfill-site.ts'
import type { Options } from './options.ts'
import { formatMark, formatRatio, formatTable } from './print.ts'
import { type Figures, median, ratioOf, takeTurns } from './statistics.ts'

const subjects: readonly Subject[] = [
  { platform: 'salesforce', object: 'Contact', records: 'contacts' },
  { platform: 'stripe', object: 'customers', records: 'customers' },
  { platform: 'hubspot', object: 'contacts', records: 'contacts' },
  { platform: 'airtable', object: 'Contacts', records: 'contacts' },
]
/** The program by hand is slow: so many rows of the list are enough to tell its pace. */
const handRowsMax = 2_000
/** Programs of all processes are compiled meanwhile. */
const warmRounds = 1
/** Of the sandbox: none at all, what a machine next door has, and less than any platform's. */
const latenciesMs = [0, 2, 50] as const
const leastOfNetwork = 0.8
const waitMs = 600_000
/** Rows of the tables whose memory is told. */
const memoryRows = [10_000, 1_000_000] as const

/** Measures, and gives the tables. */
export async function measureBackfill({ rounds, rows }: Options): Promise<string> {
  const site = await startSite({ limits: false })
  try {
    await site.startSync()
    const lines: string[][] = []
    for (const subject of subjects) lines.push(...await measure(site, { subject, rounds, rows }))
    const title = `Backfill: rows a second of one table of ${rows} rows (medians of ` +
      `${rounds} rounds), and ratios within a round (median, quartiles)`
    const heads = ['', 'by hand', 'network', 'Sluice', 'Sluice / hand', 'Sluice / network', '']
    return `${title}\n\n${formatTable(heads, lines)}`
  } finally {
    await site.close()
  }
}

async function measure(
  site: Site,
  { subject, rounds, rows }: { subject: Subject; rounds: number; rows: number },
): Promise<string[][]> {
  const { platform, records } = subject
  await site.seed(platform, records, rows)
  const { table } = await site.fill(subject)
  const reader = await openReader(site, table)
  const sql = postgres(site.mirror.databaseUrl, { max: 1, onnotice: () => {} })
  try {
    const variants = {
      hand: () => byHand(reader, { table, sql }),
      network: () => fetched(reader, table),
      sluice: async () => paceOf(await site.fill(subject)),
    }
    await takeTurns(variants, { rounds: warmRounds })
    const lines: string[][] = []
    for (const latencyMs of latenciesMs) {
      await site.setLatency(platform, latencyMs)
      lines.push(row({ platform, latencyMs }, await takeTurns(variants, { rounds })))
    }
    return lines
  } finally {
    await Promise.all([sql.end(), reader.http.close()])
  }
}

function row(
  { platform, latencyMs }: { platform: string; latencyMs: number },
  { hand, network, sluice }: Figures<'hand' | 'network' | 'sluice'>,
): string[] {
  const ratio = ratioOf(sluice, network)
  return [
    `${platform}, sandbox at ${latencyMs} ms`,
    ...[hand, network, sluice].map((paces) => median(paces).toFixed(0)),
    formatRatio(ratioOf(sluice, hand)),
    formatRatio(ratio),
    // at 0 ms nothing is the network's: its pace is that of four processes sharing this machine's processors
    latencyMs === 0 ? '' : formatMark(ratio.median, { least: leastOfNetwork }),
  ]
}

/** Rows a second. */
function paceOf({ rows, ms }: { rows: number; ms: number }): number {
  return rows / ms * 1_000
}

interface Reader {
  readonly http: Http
  page(table: SyncedTable, cursor: string | null): Promise<Page>
}

/** Reads as the sync process does, but for the limits. */
async function openReader({ mirror }: Site, { platform }: SyncedTable): Promise<Reader> {
  const { baseUrl, settings } = await readConnection(mirror.store, `connection_${platform}`)
  const http = createHttp({ bytesMax: answerBytesMax })
  const caller = (): Caller => ({
    baseUrl,
    settings,
    http,
    deadline: deadlineIn(waitMs),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
  })
  return { http, page: (table, cursor) => adapterFor(platform).page(table, cursor, caller()) }
}

async function* pages(reader: Reader, table: SyncedTable): AsyncGenerator<Page['rows']> {
  let cursor: string | null = null
  do {
    const page: Page = await reader.page(table, cursor)
    yield page.rows
    cursor = page.next
  } while (cursor !== null)
}

async function fetched(reader: Reader, table: SyncedTable): Promise<number> {
  const from = performance.now()
  let rows = 0
  for await (const page of pages(reader, table)) rows += page.length
  return paceOf({ rows, ms: performance.now() - from })
}

/** A list and an upsert for each record, into a table without triggers. */
async function byHand(
  reader: Reader,
  { table, sql }: { table: SyncedTable; sql: postgres.Sql },
): Promise<number> {
  const names = table.columns.map(({ name }) => quoteIdent(name))
  await sql.unsafe(`
    drop table if exists public.plain;
    create table public.plain (like ${quoteIdent(table.schema)}.${quoteIdent(table.name)}
      including indexes)`)
  const changes = names.slice(1).map((name) => `${name} = excluded.${name}`).join(', ')
  const upsert = `insert into public.plain (${names.join(', ')})
    select ${names.join(', ')} from json_populate_record(null::public.plain, $1::text::json)
    on conflict (id) do update set ${changes}`
  const from = performance.now()
  let rows = 0
  for await (const page of pages(reader, table)) {
    for (const { id, values } of page.slice(0, handRowsMax - rows)) {
      await sql.unsafe(upsert, [JSON.stringify({ ...plainOf(table, values), id })], {
        prepare: true,
      })
      rows += 1
    }
    if (rows >= handRowsMax) break
  }
  return paceOf({ rows, ms: performance.now() - from })
}

/** Arrays and JSON are texts of their own. */
function plainOf({ columns }: SyncedTable, values: Page['rows'][number]['values']) {
  return Object.fromEntries(columns.flatMap(({ name, type }) => {
    const value = values[name]
    if (value === undefined || value === null) return []
    return [[name, /json|\[\]$/.test(type) ? JSON.parse(value) as unknown : value]]
  }))
}

/** Measures how much memory the sync process takes while it fills tables, and gives the table. */
export async function measureMemory(): Promise<string> {
  const site = await startSite({ limits: false })
  try {
    const lines: string[][] = []
    let there = 0
    for (const rows of memoryRows) {
      await site.seed('salesforce', 'contacts', rows - there)
      there = rows
      lines.push(await memoryOf(site))
    }
    const heads = ['rows', 'before', 'peak', 'rows a second']
    return `Memory of the sync process (VmRSS, MB)\n\n${formatTable(heads, lines)}`
  } finally {
    await site.close()
  }
}

async function memoryOf(site: Site): Promise<string[]> {
  const child = await site.startSync()
  const pid = child.process.pid ?? 0
  const before = memory(pid, 'VmRSS')
  const [subject] = subjects
  if (subject === undefined) throw new Error('There is nothing to fill')
  const filled = await site.fill(subject)
  const peak = memory(pid, 'VmHWM')
  await child.stop()
  const pace = paceOf(filled).toFixed(0)
  return [String(filled.rows), before.toFixed(0), peak.toFixed(0), pace]
}

/** In megabytes, from /proc (Linux). VmHWM: the peak of VmRSS. */
function memory(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)
  return Number(found?.[1] ?? NaN) / 1_024
}

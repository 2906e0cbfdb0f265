// Room sync: how a sync and its tables are, for people and for programs.

import type { Platform } from '../mutation/table.ts'
import type { Retired, Selection } from '../store/syncs.ts'
import { listTableStates, paceOf, type Phase, type TableState } from '../store/tables.ts'
import type { AdminDeps } from './setup-request.ts'
import { readWhole } from './setup-tables.ts'
import { readWebhookStatus, type WebhookStatus } from './setup-webhook.ts'

/** One table. Moments as ISO texts. */
export interface TableStatus {
  readonly name: string
  readonly object: string
  readonly columns: number
  /** `paused` where the whole sync is. */
  readonly phase: Phase | 'paused'
  /** Of the listing under way; null: none is. */
  readonly listing: {
    readonly why: 'fill' | 'scan'
    readonly pages: number
    readonly rows: number
    readonly total: number | null
    readonly rowsPerSecond: number | null
    readonly secondsLeft: number | null
  } | null
  readonly filledAt: string | null
  /** All that happened at the platform longer ago than this is in the table. */
  readonly secondsBehind: number | null
  /** Records that are to be read again. */
  readonly hints: number
  /** Of the rows compared with the platform lately, the share that was equal, 0 to 1. */
  readonly agreement: number | null
  readonly problem: {
    readonly code: string
    readonly message: string
    readonly hint: string | null
  } | null
  /** Columns that the table still has and that are written no more. */
  readonly retired: readonly Retired[]
}

export interface SyncStatus {
  readonly id: string
  readonly platform: Platform
  readonly state: 'active' | 'paused'
  readonly connection: string
  readonly database: string
  readonly schema: string
  readonly selection: Selection
  /** Names of its logins. */
  readonly logins: readonly string[]
  readonly allow: readonly string[] | null
  /** Null: the platform has none. */
  readonly webhook: WebhookStatus | null
  readonly tables: readonly TableStatus[]
}

/** Throws `not_found`, `service_unreachable`. `now` in milliseconds since 1970. */
export async function readStatus(
  deps: Pick<AdminDeps, 'store' | 'adapterFor' | 'publicUrl' | 'now'>,
  syncId: string,
): Promise<SyncStatus> {
  const { sync, setup } = await readWhole(deps, syncId)
  const states = new Map(
    (await listTableStates(deps.store, { syncId })).map((state) => [state.name, state]),
  )
  const { id, platform, connectionId, databaseId, schema } = sync
  const { selection, users, allow } = setup
  return {
    id,
    platform,
    state: sync.state === 'active' ? 'active' : 'paused',
    connection: connectionId,
    database: databaseId,
    schema,
    selection,
    logins: users,
    allow,
    webhook: await readWebhookStatus(deps, sync),
    tables: sync.tables.map(({ name, object, columns }) => ({
      name,
      object,
      columns: columns.length,
      ...statusOf(states.get(name), deps.now()),
      ...sync.state === 'active' ? {} : { phase: 'paused' as const },
      retired: setup.retired[name] ?? [],
    })),
  }
}

type Dynamic = Omit<TableStatus, 'name' | 'object' | 'columns' | 'retired'>

const unseen: Dynamic = {
  phase: 'waiting',
  listing: null,
  filledAt: null,
  secondsBehind: null,
  hints: 0,
  agreement: null,
  problem: null,
}

function statusOf(state: TableState | undefined, now: number): Dynamic {
  if (state === undefined) return unseen
  const { phase, pass, filledAt, freshAt, hints, agreement, failure } = state
  return {
    phase,
    listing: pass === null ? null : listingOf(pass, now),
    filledAt: filledAt === null ? null : new Date(filledAt).toISOString(),
    secondsBehind: freshAt === null ? null : Math.max(0, Math.round((now - freshAt) / 1000)),
    hints,
    agreement: agreement === null || agreement.sampled === 0
      ? null
      : 1 - agreement.differing / agreement.sampled,
    problem: failure === null
      ? null
      : { code: failure.code, message: failure.message, hint: failure.hint },
  }
}

function listingOf(pass: NonNullable<TableState['pass']>, now: number): TableStatus['listing'] {
  const { why, pages, rows, total } = pass
  const { rowsPerSecond, leftMs } = paceOf(pass, now)
  return {
    why,
    pages,
    rows,
    total,
    rowsPerSecond: rowsPerSecond === null ? null : Math.round(rowsPerSecond),
    secondsLeft: leftMs === null ? null : Math.ceil(leftMs / 1000),
  }
}

/**
 * Lines for a terminal: one for the sync, one for its webhook, one for each table, and below a table what is wrong with it. `now`
 * in milliseconds since 1970.
 */
export function statusLines(status: SyncStatus, now: number): string[] {
  const { id, platform, state, schema, logins, webhook, tables } = status
  const head = `${id}  ${platform}  ${state}  schema ${schema}  logins ${
    logins.join(', ') || 'none'
  }`
  const rows = tables.map((table) => cellsOf(table))
  const titles = ['table', 'phase', 'rows', 'pages', 'rate', 'left', 'behind', 'agreement', 'hints']
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...rows.map((cells) => (cells[index] ?? '').length))
  )
  const line = (cells: readonly string[]) =>
    cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ').trimEnd()
  return [
    head,
    ...webhook === null ? [] : [webhookLine(webhook, now)],
    line(titles),
    ...tables.flatMap((table, index) => [line(rows[index] ?? []), ...problemLines(table)]),
  ]
}

/** A line for a terminal. `now` in milliseconds since 1970. */
export function webhookLine(webhook: WebhookStatus, now: number): string {
  const { address, state, byItself, heardAt, problem } = webhook
  const heard = heardAt === null
    ? 'nothing heard yet'
    : `last heard ${duration(Math.max(0, now - Date.parse(heardAt)) / 1000)} ago`
  const none = byItself
    ? 'none yet; it is made by itself when SLUICE_PUBLIC_URL is set'
    : 'none; set it up at the platform, then: sluice syncs webhook-secret'
  const told = problem ?? (state === 'none' ? none : `${state}, ${heard}`)
  return `webhook  ${address}  ${told}`
}

function problemLines({ problem }: TableStatus): string[] {
  if (problem === null) return []
  const { message, hint } = problem
  return [`  ! ${message}`, ...hint === null ? [] : [`    → ${hint}`]]
}

function cellsOf({ name, phase, listing, secondsBehind, agreement, hints }: TableStatus): string[] {
  const total = listing?.total ?? null
  return [
    name,
    listing === null ? phase : `${phase} (${listing.why})`,
    listing === null ? '-' : `${listing.rows}${total === null ? '' : `/${total}`}`,
    listing === null ? '-' : String(listing.pages),
    listing?.rowsPerSecond == null ? '-' : `${listing.rowsPerSecond}/s`,
    listing?.secondsLeft == null ? '-' : duration(listing.secondsLeft),
    secondsBehind === null ? '-' : duration(secondsBehind),
    agreement === null ? '-' : `${(agreement * 100).toFixed(1)} %`,
    String(hints),
  ]
}

/** `42 s`, `3 min`, `5 h`, `2 d`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h`
    : `${Math.round(seconds / 86_400)} d`
}

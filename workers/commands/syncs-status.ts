// Workers: `sluice syncs status`: how syncs and their tables are, once or until all are filled.

import type { Store } from '../../src/store/store.ts'
import { listLeases, listSyncProcesses } from '../../src/store/processes.ts'
import type { Administration } from '../../src/sync/setup-administration.ts'
import { statusLines, type SyncStatus, type TableStatus } from '../../src/sync/setup-status.ts'
import { type Command, type CommandDeps, durationOption, type Lines, syncIn } from './command.ts'
import { noSyncs } from './doctor.ts'
import { bar } from './screen.ts'
import { addressText } from './syncs-deps.ts'
import { withAdmin } from './syncs-setup.ts'

/** Between two looks of `--watch`, in milliseconds. */
const watchMs = 1_000
const timeoutUsual = '24h'
/** A table that waits is claimed within seconds: after so long without any claim it is said that nobody works. */
const idleMs = 15_000

export const status: Command = async (given, deps) => {
  const { options, flags } = given
  const sync = syncIn(given)
  const timeoutMs = durationOption(options, 'timeout', { otherwise: timeoutUsual })
  return await withAdmin(deps, {}, async (admin) => {
    if (flags.has('watch')) return await watch(deps, { admin, sync, timeoutMs })
    const statuses = await read(admin, sync)
    if (flags.has('json')) {
      return [JSON.stringify(sync === undefined ? statuses : statuses[0], null, 2)]
    }
    if (statuses.length === 0) return [noSyncs]
    return statuses.flatMap((each) => [...linesOf(each), ''])
  })
}

/** A webhook whose host the store does not know says whose it is. */
function linesOf(status: SyncStatus): string[] {
  const { webhook } = status
  const told = webhook === null ? null : { ...webhook, address: addressText(webhook.address) }
  return statusLines({ ...status, webhook: told }, Date.now())
}

async function read(admin: Administration, sync: string | undefined): Promise<SyncStatus[]> {
  const ids = sync === undefined ? (await admin.list()).map(({ id }) => id) : [sync]
  const statuses: SyncStatus[] = []
  for (const id of ids) statuses.push(await admin.status(id))
  return statuses
}

interface Watching {
  readonly admin: Administration
  readonly sync: string | undefined
  readonly timeoutMs: number
}

/** Until no table is being filled any more, on a terminal in place, else a block at each change. */
async function watch(
  { store, print, isTerminal }: CommandDeps,
  { admin, sync, timeoutMs }: Watching,
): Promise<Lines> {
  const startedAt = performance.now()
  let [shown, claimedAt] = ['', startedAt]
  for (;;) {
    const statuses = await read(admin, sync)
    const [now, works] = [performance.now(), await isWorkedOn(store)]
    if (works) claimedAt = now
    const lines = statuses.flatMap((each) => [
      ...linesOf(each),
      ...isTerminal ? barLines(each) : [],
      '',
    ])
    const isOver = now - startedAt >= timeoutMs || !statuses.some(isBusy)
    if (!isOver && now - claimedAt >= idleMs) lines.push(nobody)
    const text = lines.join('\n')
    if (text !== shown) print(isTerminal ? `${clear}${text}` : text)
    shown = text
    if (isOver) return result(statuses, { works })
    await new Promise((resolve) => setTimeout(resolve, watchMs))
  }
}

const nobody = 'No sync process is alive: start one (sluice sync).'

/** Is a sync process alive, or has one claimed a table? */
async function isWorkedOn(store: Store): Promise<boolean> {
  const [alive, leases] = await Promise.all([listSyncProcesses(store), listLeases(store)])
  return alive.length > 0 || leases.some(({ what }) => what === 'table')
}

function isBusy({ tables }: SyncStatus): boolean {
  return tables.some(({ phase, filledAt }) =>
    filledAt === null && phase !== 'paused' && phase !== 'failed'
  )
}

function result(statuses: readonly SyncStatus[], { works }: { works: boolean }): Lines {
  const left = statuses.flatMap(({ id, schema, tables }) =>
    tables.filter(({ phase, filledAt }) => filledAt === null || phase === 'failed')
      .map((table) => `  ${id} ${schema}.${table.name}: ${stateOf(table)}`)
  )
  if (left.length === 0) return { lines: ['Every table is filled.'], exitCode: 0 }
  const idle = !works && statuses.some(isBusy) ? [nobody] : []
  return { lines: ['Not filled, or failed:', ...left, ...idle], exitCode: 1 }
}

function stateOf({ phase, problem }: TableStatus): string {
  return problem === null ? phase : `${phase}: ${problem.message}`
}

/** The terminal is empty, and what comes begins at its top. */
const clear = '\x1b[H\x1b[2J'
const barWidth = 30

/** For each table that is being filled, how far it is. */
function barLines({ tables }: SyncStatus): string[] {
  const width = Math.max(0, ...tables.map(({ name }) => name.length))
  return tables.flatMap(({ name, listing, filledAt }) => {
    const total = listing?.total ?? 0
    if (listing === null || total === 0 || filledAt !== null) return []
    const share = Math.min(1, listing.rows / total)
    return [`${name.padEnd(width)}  ${bar(share, barWidth)} ${Math.floor(share * 100)} %`]
  })
}

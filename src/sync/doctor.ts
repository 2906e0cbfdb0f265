// Room sync: what is wrong with a sync, and what to do. It only looks.

import type { SyncedTable } from '../mutation/table.ts'
import { watchClock } from '../platforms/clock.ts'
import { readUnsettled, type SetupRecord } from '../store/admin-syncs.ts'
import { watchBuckets } from '../store/buckets.ts'
import type { Connection } from '../store/connections.ts'
import { readDatabase } from '../store/databases.ts'
import { listListenerKeys } from '../store/keys.ts'
import type { Sync } from '../store/syncs.ts'
import { listTableStates, type TableState } from '../store/tables.ts'
import { fail, failure, type Finding, ok, warn } from './checks.ts'
import { checkConnection, checkPlatform } from './checks-platform.ts'
import { type DatabaseLook, lookAtDatabase } from './doctor-database.ts'
import { planDrift } from './drift-plan.ts'
import { lookAtWebhook } from './doctor-webhook.ts'
import { type AdminDeps, asFault } from './setup-request.ts'
import { duration } from './setup-status.ts'
import { readWhole } from './setup-tables.ts'

/** Everything that can be looked at of one sync. Throws `not_found`, `service_unreachable`. */
export async function examine(deps: AdminDeps, syncId: string): Promise<readonly Finding[]> {
  const { sync, setup } = await readWhole(deps, syncId)
  const database = await readDatabase(deps.store, sync.databaseId)
  const { connection, findings } = await checkConnection(deps, sync.connectionId)
  const [platform, look, ...rest] = await Promise.all([
    connection === null ? null : lookAtPlatform(deps, { connection, sync, setup }),
    lookAtDatabase(deps, { sync, database }),
    lookAtBuckets(deps, sync),
    lookAtTables(deps, sync),
    lookAtWebhook(deps, { sync, ask: connection?.state === 'active' }),
    lookAtJournal(deps, sync),
    lookAtListeners(deps, sync),
    lookAtClocks(deps),
  ])
  return [
    stateOf(sync, setup),
    ...findings,
    ...platform?.findings ?? [],
    ...look.findings,
    ...platform === null
      ? []
      : lookAtDrift(deps, { sync, setup, look, described: platform.tables }),
    ...rest.flat(),
  ]
}

function stateOf({ id, state, tables }: Sync, { users }: SetupRecord): Finding {
  const check = 'sync'
  if (state === 'disabled') return warn(check, 'is paused', `sluice syncs resume --sync ${id}`)
  if (users.length === 0) {
    return warn(check, 'has no login', `sluice syncs password --sync ${id} --user app`)
  }
  return ok(check, `active; ${tables.length} tables; logins ${users.join(', ')}`)
}

/** Clocks may differ by so much without anything being wrong, in milliseconds. */
const clocksApartMs = 5_000

async function lookAtPlatform(
  deps: AdminDeps,
  { connection, sync, setup }: { connection: Connection; sync: Sync; setup: SetupRecord },
) {
  const clocks: (() => number)[] = []
  const callerFor: AdminDeps['callerFor'] = async (id, options) => {
    const watched = watchClock(await deps.callerFor(id, options), deps.now())
    clocks.push(watched.apartMs)
    return watched.caller
  }
  const objects = sync.tables.map(({ object }) => object)
  const selection = { ...setup.selection, objects }
  const { id: syncId, schema } = sync
  const found = await checkPlatform({ ...deps, callerFor }, {
    connection,
    syncId,
    schema,
    selection,
    lenient: true,
  })
  const apartMs = Math.max(0, ...clocks.map((apart) => apart()))
  if (apartMs <= clocksApartMs) return found
  const about = `the platform's and this machine's are ${duration(apartMs / 1000)} apart`
  const clock = warn('clock', about, 'Set the clock of this machine by NTP.')
  return { ...found, findings: [...found.findings, clock] }
}

function lookAtDrift(
  deps: AdminDeps,
  { sync, setup, look, described }: {
    sync: Sync
    setup: SetupRecord
    look: DatabaseLook
    described: readonly SyncedTable[]
  },
): Finding[] {
  const { present } = look
  if (present === null) return []
  return sync.tables.flatMap((table) => {
    const now = described.find(({ object }) => object === table.object)
    if (now === undefined) return []
    const there = present.get(table.name)
    if (there === undefined) return [] // it is gone, which is said, and with it all of its columns
    const plan = planDrift({
      platform: sync.platform,
      known: table.columns,
      retired: setup.retired[table.name] ?? [],
      described: now.columns,
      unchosen: new Set(),
      present: there.columns,
      attributes: there.attributes,
      today: new Date(deps.now()).toISOString().slice(0, 10),
    })
    const { columns } = there
    const isKnown = (name: string) => table.columns.some((column) => column.name === name)
    const dropped = plan.added.filter((name) => isKnown(name) && !columns.has(name))
    const added = plan.added.filter((name) => !dropped.includes(name))
    const about = [
      ...dropped.map((name) => `column "${name}" was dropped from the table`),
      ...added.length === 0 ? [] : [`new columns ${added.join(', ')}`],
      ...plan.steps.map(({ kind, name }) =>
        kind === 'leave' ? `"${name}" is gone at the platform` : `"${name}" has another type`
      ),
      ...plan.notes,
    ]
    if (about.length === 0) return []
    const hint =
      `The sync process brings the table to it within ten minutes; sluice syncs repair --sync ${sync.id} does it now.`
    return [warn(`fields of ${table.name}`, about.join('; '), hint)]
  })
}

async function lookAtBuckets({ store }: AdminDeps, { connectionId }: Sync): Promise<Finding[]> {
  const { now, connections } = await watchBuckets(store, [connectionId])
  const blocks = connections.flatMap((each) => each.blocks)
  if (blocks.length === 0) return [ok('rate limits', 'the platform has not stopped us')]
  return blocks.map(({ rule, until }) =>
    warn(
      'rate limits',
      `${rule} is used up for ${duration((until - now) / 1000)} more`,
      'It passes; less at a time makes it rarer.',
    )
  )
}

const startHint =
  'Start the sync process: sluice sync, with the SLUICE_STORE_URL and SLUICE_KEYS of the service. npm start ' +
  'runs one by itself; on Fly.io it is the process group sync: fly scale count sync=1'

async function lookAtTables(deps: AdminDeps, sync: Sync): Promise<Finding[]> {
  const states = await listTableStates(deps.store, { syncId: sync.id })
  if (sync.state === 'disabled') return []
  const worked = states.some(({ polledAt, fence }) => polledAt !== null || fence !== '0')
  if (states.length > 0 && !worked) {
    return [
      fail(
        'sync process',
        'nobody has looked at any table yet',
        startHint,
      ),
    ]
  }
  return states.map((state) => lookAtState(deps, { sync, state }))
}

/** A table is late when it is behind by so many of its own rounds, and so much more, in milliseconds. */
const roundsLate = 3
const lateMs = 120_000
/** A table that nobody has come back to for so long, in milliseconds, is forgotten. */
const forgottenMs = 5 * 60_000

function lookAtState(
  { adapterFor, now }: AdminDeps,
  { sync, state }: { sync: Sync; state: TableState },
): Finding {
  const check = `sync of ${state.name}`
  const { failure: why, freshAt, dueAt, owner, phase, hints, agreement } = state
  if (why !== null && phase === 'failed') {
    return fail(check, why.message, why.hint ?? 'It is tried again every few minutes.')
  }
  if (why !== null) return warn(check, why.message, why.hint ?? 'It is tried again by itself.')
  if (owner === null && dueAt !== null && dueAt < now() - forgottenMs) {
    return fail(
      check,
      `nobody has looked at it for ${duration((now() - dueAt) / 1000)}`,
      `Is one running? sluice state tells. ${startHint}`,
    )
  }
  if (phase === 'waiting' || freshAt === null) {
    return warn(
      check,
      phase === 'backfill' ? 'is being filled' : 'is not filled yet',
      'Wait; sluice syncs status --watch shows how far it is.',
    )
  }
  const table = sync.tables.find(({ name }) => name === state.name)
  const pace = table && adapterFor(sync.platform).follow?.pace(table)
  const roundMs = pace === undefined ? forgottenMs : pace.changes ? pace.everyMs : pace.scanEveryMs
  const behindMs = now() - freshAt
  const words = `${duration(behindMs / 1000)} behind, ${hints} to be read again${
    agreement === null || agreement.sampled === 0
      ? ''
      : `, ${agreement.differing} of ${agreement.sampled} sampled differed`
  }`
  if (behindMs <= roundsLate * roundMs + lateMs) return ok(check, words)
  return warn(check, words, 'Look at the rate limits above, and at the log of the sync process.')
}

/** A mutation that is not settled for so long is worth a look, in milliseconds. */
const settledLateMs = 5 * 60_000

async function lookAtJournal({ store }: AdminDeps, { id }: Sync): Promise<Finding[]> {
  const { underWay, notApplied, inDoubt, oldestMs } = await readUnsettled(store, id)
  const about =
    `${underWay} under way, ${notApplied} accepted and not applied yet, ${inDoubt} in doubt`
  if (oldestMs < settledLateMs || underWay + notApplied + inDoubt === 0) {
    return [ok('journal', about)]
  }
  const hint =
    'Recovery goes on with them: see the log of the mutation service (recovery., inquiry.).'
  return [warn('journal', `${about}; the oldest for ${duration(oldestMs / 1000)}`, hint)]
}

async function lookAtListeners({ store }: AdminDeps, { id }: Sync): Promise<Finding[]> {
  const keys = await listListenerKeys(store)
  const valid = keys.filter(({ revokedAt, syncs }) =>
    revokedAt === null && (syncs === null || syncs.includes(id))
  )
  if (valid.length === 0) {
    return [fail('listeners', 'none has a key for this sync', 'sluice listeners create --id …')]
  }
  return [ok('listeners', `${valid.map((key) => key.id).join(', ')} may serve it`)]
}

async function lookAtClocks({ store, now }: AdminDeps): Promise<Finding[]> {
  try {
    const before = now()
    const [row] = await store.ask(
      'Asking the time',
      (sql) =>
        sql<{ ms: number }[]>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
    )
    const after = now()
    const told = row?.ms ?? before
    const apartMs = Math.max(0, before - told, told - after)
    if (apartMs <= clocksApartMs) return [ok('clock', "the store's and this machine's agree")]
    return [
      warn(
        'clock',
        `the store's and this machine's are ${duration(apartMs / 1000)} apart`,
        'Set both by NTP.',
      ),
    ]
  } catch (error) {
    return [failure('store', asFault(error))]
  }
}

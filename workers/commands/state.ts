// Workers: `sluice state`: what runs on this store, what it holds, and what is left to do. Nothing secret is in it.

import { adapterFor } from '../../src/platforms/index.ts'
import { readBuckets } from '../../src/service/admin/buckets.ts'
import type { BucketAnswer } from '../../src/service/admin/insight-schemas.ts'
import { createFigures, type Figures } from '../../src/store/figures.ts'
import { newestMigration, readMigration } from '../../src/store/migrations.ts'
import {
  listLeases,
  listServices,
  listSyncProcesses,
  unnamedProcess,
} from '../../src/store/processes.ts'
import type { Store } from '../../src/store/store.ts'
import { listTableStates } from '../../src/store/tables.ts'
import { duration } from '../../src/sync/setup-status.ts'
import { type Command, counted, wantsJson } from './command.ts'
import { bar } from './screen.ts'

export const state: Command = async (given, { store }) => {
  const found = await read(store)
  return wantsJson(given) ? [JSON.stringify(found, null, 2)] : linesOf(found)
}

type State = Awaited<ReturnType<typeof read>>

async function read(store: Store) {
  const asked = [
    readMigration(store),
    listServices(store),
    listSyncProcesses(store),
    listLeases(store),
    listTableStates(store, { syncId: null }),
    createFigures({ store, now: Date.now })(),
    readBuckets({ store, adapterFor, waiting: () => new Map() }),
  ] as const
  // where one fails the others end first: a session that is still being opened would outlive the store's closing
  await Promise.allSettled(asked)
  const [step, services, alive, leases, tables, left, { connections }] = await Promise.all(asked)
  const owners = leases.flatMap(({ owner }) => owner === null ? [] : [owner])
  return {
    store: { step, newestStep: newestMigration },
    services,
    // one that has just lost its session still has its tables
    syncProcesses: [...new Set([...alive, ...owners])].sort().map((name) => ({
      name,
      tables: leases.filter(({ owner }) => owner === name).length,
    })),
    leases,
    tables: {
      all: tables.length,
      filling: tables.filter(({ phase }) => phase === 'waiting' || phase === 'backfill').length,
      failed: tables.filter(({ phase }) => phase === 'failed').length,
      hints: tables.reduce((sum, { hints }) => sum + hints, 0),
    },
    backlog: left,
    buckets: connections.flatMap(({ connection, buckets, underWay }) =>
      buckets.map((bucket) => ({ connection, ...toldOf(bucket, underWay) }))
    ),
  }
}

/**
 * Of what may be under way at one time processes reserve places, used or not, for mutations and for what the sync process
 * reads. How many mutations there are the journal tells; nobody but the process itself knows what is read just now.
 */
function toldOf(bucket: BucketAnswer, mutations: number) {
  if (bucket.windowMs !== null) return bucket
  const left = Math.max(0, bucket.limit - mutations)
  return { ...bucket, used: mutations, left, reserved: bucket.used, mutations }
}

function linesOf(found: State): string[] {
  const { step, newestStep } = found.store
  const { all, filling, failed, hints } = found.tables
  const lag = step < newestStep ? `, this version wants ${newestStep}: sluice migrate` : ''
  return [
    `store     step ${step}${lag}`,
    ...titled('services', found.services.map(serviceLine), 'none is alive: sluice service'),
    ...titled(
      'sync',
      found.syncProcesses.map(syncLine),
      'none is alive: sluice sync',
    ),
    `tables    ${all}: ${filling} being filled, ${failed} failed, ${hints} hints waiting`,
    ...backlogLines(found.backlog),
    ...titled('leases', found.leases.map(leaseLine), 'none'),
    ...titled('buckets', found.buckets.map(bucketLine), 'no connections'),
  ]
}

function titled(title: string, lines: readonly string[], none: string): string[] {
  const told = lines.length === 0 ? [none] : lines
  return told.map((line, index) => `${(index === 0 ? title : '').padEnd(10)}${line}`)
}

function serviceLine({ id, name, startedAt, underWay }: State['services'][number]): string {
  const since = startedAt.toISOString()
  return `${name}  number ${id}, since ${since}, ${counted(underWay, 'mutation')} under way`
}

function syncLine({ name, tables }: State['syncProcesses'][number]): string {
  // its tables are listed under the name that its leases tell
  if (name === unnamedProcess) return name
  return `${name}  ${tables === 0 ? 'waits for work' : `at work on ${counted(tables, 'table')}`}`
}

function leaseLine({ what, of, owner, until }: State['leases'][number]): string {
  return `${what} ${of}${owner === null ? '' : ` by ${owner}`} until ${until.toISOString()}`
}

function backlogLines({ notApplied, inDoubt, givenUp, journalRows, journalBytes }: Figures) {
  const oldest = (ms: number) => ms === 0 ? '' : `, the oldest for ${duration(ms / 1000)}`
  const rows = journalRows < 0 ? 'not counted yet' : `about ${journalRows} mutations`
  return titled('backlog', [
    `${notApplied.count} accepted and not applied${oldest(notApplied.oldestMs)}`,
    `${inDoubt.count} in doubt${oldest(inDoubt.oldestMs)}`,
    `${givenUp.count} in doubt for good${oldest(givenUp.oldestMs)}`,
    `journal: ${rows}, ${(journalBytes / 1_048_576).toFixed(1)} MB`,
  ], '')
}

const barWidth = 12

function bucketLine(bucket: State['buckets'][number]): string {
  const { connection, rule, key, limit, ahead, blockedMs } = bucket
  const name = key === '' ? `${connection} ${rule}` : `${connection} ${rule} ${key}`
  const waits = ahead > 0 ? `, ${ahead} promised` : ''
  const blocked = blockedMs > 0 ? `, blocked for ${duration(blockedMs / 1000)}` : ''
  if ('reserved' in bucket) {
    const { reserved, mutations } = bucket
    const held = `${reserved} of ${limit} reserved by processes for mutations and for reading`
    const told = `${counted(mutations, 'mutation')} under way; ${held}`
    return `${bar(mutations / limit, barWidth)} ${mutations}/${limit}  ${name}: ${told}${blocked}`
  }
  const { used } = bucket
  return `${bar(used / limit, barWidth)} ${used}/${limit}  ${name}${waits}${blocked}`
}

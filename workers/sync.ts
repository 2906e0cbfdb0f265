// The sync process: it fills the tables of all syncs and keeps them true. Reads the environment, works, and ends when it is
// told to. Several may run on one store.
//
// SLUICE_STORE_URL (required), SLUICE_KEYS (required), SLUICE_STORE_CONNECTIONS (20), SLUICE_SYNC_TABLES_MAX (8, tables at
// once), SLUICE_SYNC_LEASE_MS (30000), SLUICE_BACKGROUND_SHARE (50, per cent), SLUICE_PUBLIC_URL, SLUICE_WEBHOOKS (on where
// SLUICE_PUBLIC_URL is set), SLUICE_POLL_MS (instead of the platforms' own intervals), SLUICE_RECONCILE_MS (600000),
// SLUICE_SYNC_HTTP_HOST (127.0.0.1), SLUICE_SYNC_HTTP_PORT (none), SLUICE_DRAIN_MS (40000), SLUICE_LOG_LEVEL, those of
// approach.ts and of watch.ts, SLUICE_EXIT_WITH_STDIN.

import './quiet.ts'
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import process from 'node:process'
import type { Deadline } from '../src/lib/deadline.ts'
import { createHttp } from '../src/lib/http.ts'
import type { Log } from '../src/lib/log.ts'
import { type MonitorServer, type Readiness, startMonitor } from '../src/lib/monitor.ts'
import { answerBytesMax } from '../src/mutation/limits.ts'
import { adapterFor, objectsOf } from '../src/platforms/index.ts'
import { type Callers, createCallers } from '../src/service/callers.ts'
import { createPlatformMetrics } from '../src/service/metrics.ts'
import { dialSession } from '../src/session/adopted.ts'
import type { Approach } from '../src/session/login.ts'
import { hearNotices } from '../src/store/notices.ts'
import type { Store } from '../src/store/store.ts'
import { createSyncFigures } from '../src/store/sync-figures.ts'
import type { Dial } from '../src/sync/database.ts'
import { reconcile } from '../src/sync/drift.ts'
import { type Engine, startEngine } from '../src/sync/engine.ts'
import { createSessions } from '../src/sync/sessions.ts'
import { createSyncMetrics } from '../src/sync/sync-metrics.ts'
import { startTending, type Tending } from '../src/sync/tending.ts'
import { approachEnv } from './approach.ts'
import { backgroundShare } from './background-share.ts'
import { env, numberEnv, optionalEnv, runWorker, workerLog } from './environment.ts'
import { paced } from './paced.ts'
import { webhooksUrl } from './public-url.ts'
import { readyStore, storeEnv } from './store-env.ts'
import { createWatch, type Watch } from './watch.ts'

/**
 * Postgres keeps so many characters of a session's name, beside what goes before it; what tells one machine of a set from
 * another stands at the end of its name.
 */
const processName = `${hostname().slice(-40)}:${process.pid}`

/** Requests to platforms at a time are bounded by the tables at once. */
const connectionsMax = 64

await runWorker(async () => {
  const log = workerLog('sync')
  const store = storeEnv({
    connectionsMax: numberEnv('SLUICE_STORE_CONNECTIONS', { otherwise: 20, min: 1 }),
  })
  const taken = await readyStore(store)
  const approach = approachEnv()
  const http = createHttp({ bytesMax: answerBytesMax, connectionsMax, guard: approach.guard })
  const watch = createWatch(log)
  const metrics = createPlatformMetrics(watch.registry)
  const share = { backgroundShare: backgroundShare() }
  const callers = createCallers({ store, http, adapterFor, log, metrics, ...share })
  const parts = { store, log, callers, watch, approach }
  const { engine, sessions } = startWork(parts)
  const tending = startChores(parts)
  const notices = hearNotices(store, {
    log,
    name: processName,
    hear: () => {
      engine.ring()
      tending.ring()
    },
  })
  let draining = false
  const monitor = await monitorOf({ log, watch, ready: () => readiness(engine, () => draining) })
  log.info('sync.started', { migrations: taken })
  return async () => {
    draining = true
    await watch.giveNotice()
    await notices.stop()
    const waitMs = numberEnv('SLUICE_DRAIN_MS', { otherwise: 40_000 })
    const [drained, tended] = await Promise.all([
      engine.drain({ waitMs }),
      tending.stop({ waitMs }),
    ])
    if (!drained) log.error('sync.not_drained', { waitMs })
    if (!tended) log.warn('sync.chores_not_ended', { waitMs })
    const saved = await callers.close()
    await Promise.allSettled([sessions.close(), store.close(), http.close(), monitor?.close()])
    log.info('sync.ended', { drained, saved })
    process.exit(drained && saved ? 0 : 1)
  }
})

interface Parts {
  readonly store: Store
  readonly log: Log
  readonly callers: Callers
  readonly watch: Watch
  readonly approach: Required<Approach>
}

function dialOf({ log, approach }: Parts): Dial {
  return (address, options) => dialSession(address, { ...options, log, approach })
}

function startWork(parts: Parts) {
  const { store, log, callers, watch } = parts
  const pollMs = numberEnv('SLUICE_POLL_MS', { otherwise: 0, max: 86_400_000 })
  const metrics = createSyncMetrics(watch.registry)
  const sessions = createSessions({ store, log, dial: dialOf(parts), now: Date.now })
  const engine = startEngine({
    store,
    log,
    metrics,
    sessions,
    adapterFor: pollMs === 0 ? adapterFor : (platform) => paced(adapterFor(platform), pollMs),
    callerFor: (id, options) => callers.callerFor(id, options),
    now: Date.now,
    random: Math.random,
  }, {
    owner: processName,
    tablesMax: numberEnv('SLUICE_SYNC_TABLES_MAX', { otherwise: 8, min: 1, max: 1_000 }),
    leaseMs: numberEnv('SLUICE_SYNC_LEASE_MS', { otherwise: 30_000, min: 500 }),
  })
  const figures = createSyncFigures({ store, now: Date.now })
  metrics.watch({ working: () => engine.working, figures })
  return { engine, sessions }
}

function startChores(parts: Parts): Tending {
  const { store, log, callers } = parts
  const drift = {
    store,
    log,
    adapterFor,
    objectsOf,
    dial: dialOf(parts),
    now: Date.now,
    callerFor: (id: string, options: { deadline: Deadline }) => callers.callerFor(id, options),
  }
  return startTending({
    store,
    log,
    adapterFor,
    callerFor: (id, options) => callers.callerFor(id, options),
    now: Date.now,
    random: (bytes) => randomBytes(bytes),
    publicUrl: webhooksUrl(),
    reconcile: (syncId) => reconcile(drift, syncId),
    reconcileEveryMs: numberEnv('SLUICE_RECONCILE_MS', { otherwise: 600_000, min: 1_000 }),
  })
}

function readiness(engine: Engine, draining: () => boolean): Promise<Readiness> {
  const checks = {
    store: engine.isWell ? 'ok' : 'unreachable',
    draining: draining() ? 'yes' : 'no',
  }
  const notReady = [
    ...(engine.isWell ? [] : ['store']),
    ...(draining() ? ['draining'] : []),
  ]
  return Promise.resolve({ checks, notReady })
}

/** Null: SLUICE_SYNC_HTTP_PORT is not set, and nobody watches. */
async function monitorOf(
  { log, watch, ready }: { log: Log; watch: Watch; ready: () => Promise<Readiness> },
): Promise<MonitorServer | null> {
  if (optionalEnv('SLUICE_SYNC_HTTP_PORT') === undefined) return null
  const port = numberEnv('SLUICE_SYNC_HTTP_PORT', { otherwise: 0, max: 65_535 })
  const host = env('SLUICE_SYNC_HTTP_HOST', '127.0.0.1')
  return await startMonitor({ metrics: watch.registry, ...watch, ready, log }, { host, port })
}

process.on('uncaughtException', (error) => {
  // porsager/postgres#1208: a connection lost within a transaction; the statement was rejected before
  const ours = error instanceof TypeError &&
    /\bnextWrite\b.*\bpostgres\/src\/connection\.js/.test(error.stack?.split('\n')[1] ?? '')
  const log = workerLog('sync')
  if (ours) return log.warn('driver.connection_lost', { error })
  log.error('sync.crashed', { error })
  process.exit(1)
})

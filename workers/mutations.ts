// The mutation service as a process: reads the environment, listens, and ends when it is told to.
//
// SLUICE_STORE_URL (required), SLUICE_KEYS (required, `id:base64,…`), SLUICE_SERVICE_HOST (127.0.0.1), SLUICE_SERVICE_PORT
// (8787), SLUICE_RECOVERY_AFTER_MS (30000), SLUICE_RECOVERY_EVERY_MS (10000), SLUICE_INQUIRY_WAIT_MS (15000), SLUICE_INQUIRY_AFTER_MS (10000),
// SLUICE_JOURNAL_KEEP_DAYS (30), SLUICE_LOG_LEVEL (info), SLUICE_IN_FLIGHT_MAX (1000),
// SLUICE_STORE_CONNECTIONS (20), SLUICE_DRAIN_MS (40000), SLUICE_PUBLIC_URL (http://localhost:8787, where browsers reach
// it), SLUICE_HOSTED_URL (none, where databases of syncs are made on the spot), SLUICE_LISTENER_HOST and SLUICE_LISTENER_PORT (what connection URLs say), SLUICE_REGIONS and SLUICE_OUTBOUND_ADDRESSES (what the console says), SLUICE_RETURN_ORIGINS (none), SLUICE_RENEW_MS (120000, between passes over tokens that are due), SLUICE_BACKGROUND_SHARE (50), those of approach.ts and of watch.ts, SLUICE_EXIT_WITH_STDIN (1: ends when its standard input ends).

import './quiet.ts'
import { hostname } from 'node:os'
import process from 'node:process'
import { createAdaptorServer } from '@hono/node-server'
import { baseUrlFlaw } from '../src/lib/addresses.ts'
import { withDeadline } from '../src/lib/deadline.ts'
import { createHttp } from '../src/lib/http.ts'
import type { Log } from '../src/lib/log.ts'
import { answerBytesMax } from '../src/mutation/limits.ts'
import { type MonitorServer, startMonitor } from '../src/lib/monitor.ts'
import { adapterFor, objectsOf } from '../src/platforms/index.ts'
import { createServiceMetrics, type ServiceMetrics } from '../src/service/metrics.ts'
import { createService, type Service } from '../src/service/service.ts'
import { dialSession } from '../src/session/adopted.ts'
import type { Approach } from '../src/session/login.ts'
import { createInside } from '../src/session/inside.ts'
import { createSessionMetrics } from '../src/session/metrics.ts'
import { createIdempotencyKeys, type IdempotencyKeys } from '../src/store/idempotency.ts'
import { createJournal, type Journal } from '../src/store/journal.ts'
import { announce } from '../src/store/presence.ts'
import { recover, type RecoveryDeps } from '../src/sync/recovery.ts'
import { createAdministration } from '../src/sync/setup-administration.ts'
import { createSilences } from '../src/sync/silences.ts'
import { approachEnv } from './approach.ts'
import { backgroundShare } from './background-share.ts'
import {
  booleanEnv,
  ConfigError,
  env,
  failStart,
  numberEnv,
  StartError,
  workerLog,
} from './environment.ts'
import { httpProxiesEnv } from './http-proxies.ts'
import { placeEnv } from './place.ts'
import { publicUrl, returnOrigins, toldUrl } from './public-url.ts'
import { startAftermath } from './aftermath.ts'
import { adminDeps } from './commands/syncs-deps.ts'
import { startRenewals } from './renewals.ts'
import { readyStore, storeEnv } from './store-env.ts'
import { createWatch, type Watch } from './watch.ts'

const recoverEveryMinMs = 100
/** A sweep for so many passes of recovery. */
const recoveriesPerSweep = 3
/** For answers that are on their way when everything is settled. */
const closeWaitMs = 2_000

/** Throws ConfigError. */
function number(name: string, otherwise: number): number {
  return numberEnv(name, { otherwise })
}

function logEnv(): Log {
  try {
    return workerLog('mutations')
  } catch (error) {
    return failStart(error)
  }
}

const log = logEnv()

async function start(): Promise<void> {
  const store = storeEnv({ connectionsMax: number('SLUICE_STORE_CONNECTIONS', 20) })
  const host = env('SLUICE_SERVICE_HOST', '127.0.0.1')
  const port = number('SLUICE_SERVICE_PORT', 8787)
  const inFlightMax = number('SLUICE_IN_FLIGHT_MAX', 1000)
  const taken = await readyStore(store)
  const presence = await announce(store, { name: `${hostname()}:${process.pid}`, log })
  const firstGapMs = Math.max(number('SLUICE_INQUIRY_AFTER_MS', 10_000), recoverEveryMinMs)
  const journal = createJournal(store, { ...presence, inquiryAfterMs: firstGapMs })
  const keys = createIdempotencyKeys(store, presence)
  const sweep = () => sweepStore(journal, keys)
  await sweep()
  const recoverEveryMs = Math.max(number('SLUICE_RECOVERY_EVERY_MS', 10_000), recoverEveryMinMs)
  const sweeping = setInterval(() => void sweep(), recoverEveryMs * recoveriesPerSweep)
  const approach = approachEnv()
  const recovery = recoveryOf({ store, journal, approach })
  const watch = createWatch(log)
  const metrics = createServiceMetrics(watch.registry)
  const sessions = createSessionMetrics(watch.registry)
  const recoveries = startRecoveries(recovery, { everyMs: recoverEveryMs, metrics })
  // a request whose turn has come must not wait for a connection; the platforms' limits bound what is under way
  const http = createHttp({ bytesMax: answerBytesMax, connectionsMax: 256, guard: approach.guard })
  const service = createService({
    store,
    journal,
    http,
    adapterFor,
    log,
    inFlightMax,
    inquiryWaitMs: number('SLUICE_INQUIRY_WAIT_MS', 15_000),
    publicUrl: publicUrl(),
    returnOrigins: returnOrigins(),
    presence,
    backgroundShare: backgroundShare(),
    watched: { ...watch, metrics, apart: number('SLUICE_METRICS_PORT', 0) > 0 },
    administration: (callerFor) =>
      createAdministration(
        adminDeps({ store, callerFor, http, log, approach, publicUrl: toldUrl() }),
      ),
    objectsOf,
    ...surroundings(approach),
    door: {
      keys,
      statements: (carrier) => createInside({ service: carrier, log, approach, metrics: sessions }),
    },
  })
  const server = await listen(service, { host, port })
  const monitor = await monitorOf(service, host)
  log.info('service.listening', { host, port: portOf(server.address()), migrations: taken })
  const aftermath = startAftermath({
    ...recovery,
    adapterFor,
    callerFor: (id, options) => service.callerFor(id, options),
    firstGapMs,
    metrics,
    everyMs: recoverEveryMs,
    keepDays: number('SLUICE_JOURNAL_KEEP_DAYS', 30),
  })
  const renewals = startRenewals(service, { everyMs: number('SLUICE_RENEW_MS', 120_000), log })

  heedEnds(createEnd({
    service,
    server,
    watch,
    timers: [sweeping, recoveries],
    background: [renewals, aftermath],
    close: () =>
      Promise.allSettled([presence.leave(), store.close(), http.close(), monitor?.close()]),
  }))
}

/** Null: SLUICE_METRICS_PORT is not set, and the figures are told where everything else is. */
async function monitorOf({ monitored }: Service, host: string): Promise<MonitorServer | null> {
  const port = number('SLUICE_METRICS_PORT', 0)
  return port === 0 ? null : await startMonitor(monitored, { host, port })
}

/** Where it is, what is in front of it, and where it may go. Throws ConfigError. */
function surroundings({ guard }: Pick<ReturnType<typeof approachEnv>, 'guard'>) {
  return {
    place: placeEnv(),
    httpProxies: httpProxiesEnv(),
    baseUrlFlaw: (url: string) => baseUrlFlaw(url, guard),
  }
}

/** What recovery works with; what comes after mutations shares it. */
function recoveryOf(
  { approach, ...parts }: Pick<RecoveryDeps, 'store' | 'journal'> & { approach: Approach },
): RecoveryDeps {
  return {
    ...parts,
    log,
    afterMs: number('SLUICE_RECOVERY_AFTER_MS', 30_000),
    dial: (address, options) => dialSession(address, { ...options, log, approach }),
    silences: createSilences({ now: Date.now }),
    now: Date.now,
  }
}

interface Parts {
  readonly service: Service
  readonly server: Server
  readonly watch: Watch
  readonly timers: readonly ReturnType<typeof setInterval>[]
  readonly background: readonly { stop(): Promise<void> }[]
  readonly close: () => Promise<unknown>
}

/** Drains and ends the process, once. */
function createEnd(parts: Parts): (why: string) => void {
  const { service, server, watch, timers, background, close } = parts
  const drainMs = number('SLUICE_DRAIN_MS', 40_000)
  let ending = false
  const end = async (why: string): Promise<void> => {
    log.info('service.draining', { why })
    service.warn()
    await watch.giveNotice()
    for (const timer of timers) clearInterval(timer)
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    // first, so that draining saves what they bring
    const stopped = Promise.all(background.map((each) => each.stop()))
    await withDeadline(stopped, { waitMs: drainMs / 2, what: 'Ending renewals and inquiries' })
      .catch((error: unknown) => log.error('renewals.not_ended', { error }))
    const drained = await service.drain({ waitMs: drainMs })
    if (!drained) log.error('service.not_drained', { waitMs: drainMs })
    await withDeadline(closed, { waitMs: closeWaitMs, what: 'Closing connections' }).catch(() => {})
    await close()
    log.info('service.ended', { drained })
    process.exit(drained ? 0 : 1)
  }
  return (why) => {
    if (ending) return
    ending = true
    void end(why)
  }
}

type Server = ReturnType<typeof createAdaptorServer>

/** Whoever does not finish its request holds nothing for ever. Long answers (live pages) are not bounded by these. */
const serverLimits = { maxConnections: 10_000, headersTimeout: 10_000, requestTimeout: 60_000 }

async function listen(
  { app }: Service,
  { host, port }: { host: string; port: number },
): Promise<Server> {
  const created = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false })
  const server = Object.assign(created, serverLimits)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return server
}

/** A pass of recovery every `everyMs`, unless the one before is still under way. */
function startRecoveries(
  recovery: RecoveryDeps,
  { everyMs, metrics }: { everyMs: number; metrics: Pick<ServiceMetrics, 'recovered'> },
): ReturnType<typeof setInterval> {
  let recovering = false
  const recoverNow = async (): Promise<void> => {
    if (recovering) return
    recovering = true
    await recover(recovery)
      .then(({ applied, failed }) => {
        metrics.recovered.add({ result: 'applied' }, applied)
        metrics.recovered.add({ result: 'failed' }, failed)
      })
      .catch((error: unknown) => log.error('recovery.not_run', { error }))
      .finally(() => recovering = false)
  }
  return setInterval(() => void recoverNow(), everyMs)
}

/** Calls `end` for signals, and for the end of standard input where SLUICE_EXIT_WITH_STDIN is 1. */
function heedEnds(end: (why: string) => void): void {
  process.on('SIGTERM', () => end('SIGTERM'))
  process.on('SIGINT', () => end('SIGINT'))
  if (!booleanEnv('SLUICE_EXIT_WITH_STDIN', false)) return
  process.stdin.on('end', () => end('stdin ended')).on('error', () => end('stdin failed'))
  process.stdin.resume()
}

/** Settles what processes that are gone have left, and forgets old idempotency keys. */
async function sweepStore(journal: Journal, keys: IdempotencyKeys): Promise<void> {
  await journal.sweep().then(
    (count) => count > 0 && log.warn('journal.swept', { count }),
    (error: unknown) => log.error('journal.not_swept', { error }),
  )
  await keys.sweep().catch((error: unknown) => log.error('keys.not_swept', { error }))
}

function portOf(address: unknown): number | null {
  if (typeof address !== 'object' || address === null) return null
  return (address as { port: number }).port
}

/**
 * porsager/postgres#1208: when a connection is lost within a transaction, the driver writes the rollback to a socket that
 * is no longer there, where nobody can catch it. The statement was rejected before; only this error is survived.
 */
function isDriverWrite(error: Error): boolean {
  return error instanceof TypeError &&
    /\bnextWrite\b.*\bpostgres\/src\/connection\.js/.test(error.stack?.split('\n')[1] ?? '')
}

process.on('uncaughtException', (error) => {
  if (isDriverWrite(error)) return log.warn('driver.connection_lost', { error })
  log.error('service.crashed', { error })
  process.exit(1)
})

start().catch((error: unknown) => {
  if (error instanceof ConfigError || error instanceof StartError) failStart(error)
  log.error('service.cannot_start', { error })
  process.exit(1)
})

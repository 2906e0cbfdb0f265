// Worker: the listener. It speaks the Postgres protocol to clients and HTTP to the mutation service.

import { createHash } from 'node:crypto'
import { createHttp } from '../src/lib/http.ts'
import { answerBytesMax } from '../src/mutation/limits.ts'
import { type Monitored, type MonitorServer, startMonitor, type Taken } from '../src/lib/monitor.ts'
import { readiness } from '../src/session/health.ts'
import { listenerLimits, serviceTransport } from '../src/session/limits.ts'
import { createListenerMetrics } from '../src/session/listener-metrics.ts'
import { startListener } from '../src/session/listener.ts'
import { createPeersDoor } from '../src/session/peers-door.ts'
import { questionBytesMax, questionPath } from '../src/session/peers-question.ts'
import { peersTransport } from '../src/session/peers.ts'
import { createService } from '../src/session/service.ts'
import { approachEnv } from './approach.ts'
import {
  booleanEnv,
  ConfigError,
  env,
  fileEnv,
  numberEnv,
  optionalEnv,
  requiredEnv,
  runWorker,
  workerLog,
} from './environment.ts'
import { guardsEnv } from './guards.ts'
import { peersEnv, sealKeyEnv } from './peers.ts'
import { createWatch } from './watch.ts'

await runWorker(async () => {
  const log = workerLog('listener')
  const guards = guardsEnv()
  const transport = serviceTransport({ ...listenerLimits, ...guards.limits })
  const http = createHttp({ bytesMax: answerBytesMax, ...transport })
  const listenerKey = requiredEnv('SLUICE_LISTENER_KEY')
  const cert = fileEnv('SLUICE_TLS_CERT_FILE')
  const key = fileEnv('SLUICE_TLS_KEY_FILE')
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError('SLUICE_TLS_CERT_FILE and SLUICE_TLS_KEY_FILE go together')
  }
  const watch = createWatch(log)
  const metrics = createListenerMetrics(watch.registry)
  const sealKey = sealKeyEnv()
  const peersHttp = createHttp(peersTransport)
  const service = createService({
    url: env('SLUICE_SERVICE_URL', 'http://127.0.0.1:8787').replace(/\/+$/, ''),
    listenerKey,
    http,
    log,
  })
  const listener = await startListener({
    host: env('SLUICE_LISTENER_HOST', '0.0.0.0'),
    port: numberEnv('SLUICE_LISTENER_PORT', { otherwise: 6432, max: 65_535 }),
    ...(cert === undefined || key === undefined ? {} : { tls: { cert, key } }),
    tlsRequired: booleanEnv('SLUICE_TLS_REQUIRED', false),
    ...guards,
    ...regionEnv(),
    ...peersEnv({ sealKey, http: peersHttp, log }),
    handshakeWaitMs: numberEnv('SLUICE_HANDSHAKE_WAIT_MS', { otherwise: 10_000, min: 100 }),
    // unknown users get their salts from it, the same at every listener, as known ones do
    mockSecret: createHash('sha256').update(env('SLUICE_MOCK_SECRET', `mock:${listenerKey}`))
      .digest(),
    approach: approachEnv(),
    service,
    metrics,
    log,
  })
  let draining = false
  const ready = () => readiness({ service, draining: () => draining })
  const takes = sealKey === null ? null : {
    path: questionPath,
    bytesMax: questionBytesMax,
    answer: createPeersDoor({
      sealKey,
      cancel: (cancelled) => listener.cancel(cancelled),
      count: (result) => metrics.cancels.add({ result }),
      log,
      now: Date.now,
    }),
  }
  const monitor = await monitorOf({ metrics: watch.registry, ...watch, ready, log }, takes)
  log.info('listening', { port: listener.port, tls: cert !== undefined })
  return async () => {
    log.info('stopping', { sessions: listener.sessions })
    draining = true
    await watch.giveNotice()
    await listener.close({
      graceMs: numberEnv('SLUICE_DRAIN_WAIT_MS', { otherwise: 30_000 }),
    })
    await http.close()
    await peersHttp.close()
    await monitor?.close()
  }
})

/** SLUICE_REGION; on Fly.io each machine knows its own. */
function regionEnv(): { region?: string } {
  const region = optionalEnv('SLUICE_REGION') ?? optionalEnv('FLY_REGION')
  if (region === undefined) return {}
  if (/^[a-z0-9-]{1,63}$/.test(region)) return { region }
  throw new ConfigError('SLUICE_REGION is lower-case letters, digits and hyphens: "iad"')
}

/** Null: SLUICE_LISTENER_HTTP_PORT is not set, and nobody watches. */
async function monitorOf(
  monitored: Monitored,
  takes: Taken | null,
): Promise<MonitorServer | null> {
  if (optionalEnv('SLUICE_LISTENER_HTTP_PORT') === undefined) return null
  const port = numberEnv('SLUICE_LISTENER_HTTP_PORT', { otherwise: 0, max: 65_535 })
  return await startMonitor(monitored, {
    host: env('SLUICE_LISTENER_HTTP_HOST', '127.0.0.1'),
    port,
    ...(takes === null ? {} : { takes }),
  })
}

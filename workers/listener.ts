// Worker: the listener. It speaks the Postgres protocol to clients and HTTP to the mutation service.

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { createHttp } from '../src/lib/http.ts'
import { answerBytesMax } from '../src/mutation/limits.ts'
import { startListener } from '../src/session/listener.ts'
import { createService } from '../src/session/service.ts'
import {
  booleanEnv,
  ConfigError,
  env,
  fileEnv,
  numberEnv,
  requiredEnv,
  runWorker,
  workerLog,
} from './environment.ts'

await runWorker(async () => {
  const log = workerLog('listener')
  const http = createHttp({ bytesMax: answerBytesMax })
  const listenerKey = requiredEnv('SLUICE_LISTENER_KEY')
  const cert = fileEnv('SLUICE_TLS_CERT_FILE')
  const key = fileEnv('SLUICE_TLS_KEY_FILE')
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError('SLUICE_TLS_CERT_FILE and SLUICE_TLS_KEY_FILE go together')
  }
  const listener = await startListener({
    host: env('SLUICE_LISTENER_HOST', '0.0.0.0'),
    port: numberEnv('SLUICE_LISTENER_PORT', { otherwise: 6432, max: 65_535 }),
    ...(cert === undefined || key === undefined ? {} : { tls: { cert, key } }),
    tlsRequired: booleanEnv('SLUICE_TLS_REQUIRED', false),
    connectionsMax: numberEnv('SLUICE_CONNECTIONS_MAX', { otherwise: 1000, min: 1 }),
    handshakeWaitMs: numberEnv('SLUICE_HANDSHAKE_WAIT_MS', { otherwise: 10_000, min: 100 }),
    // unknown users get their salts from it; it must not change while the listener key does not
    mockSecret: Buffer.from(createHash('sha256').update(`mock:${listenerKey}`).digest()),
    service: createService({
      url: env('SLUICE_SERVICE_URL', 'http://127.0.0.1:8787').replace(/\/+$/, ''),
      listenerKey,
      http,
      log,
    }),
    log,
  })
  log.info('listening', { port: listener.port, tls: cert !== undefined })
  return async () => {
    log.info('stopping', { sessions: listener.sessions })
    await listener.close({
      graceMs: numberEnv('SLUICE_DRAIN_WAIT_MS', { otherwise: 30_000 }),
    })
    await http.close()
  }
})

// Room lib: what a process answers to those who watch it: is it up (`/healthz`), would it serve (`/readyz`), its figures
// (`/metrics`). It promises an answer in time, whatever hangs.

import { Buffer } from 'node:buffer'
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { withDeadline } from './deadline.ts'
import type { Log } from './log.ts'
import { type Metrics, metricsType } from './metrics.ts'

/** Each thing that was looked at and how it is; `notReady`: those that keep the process from serving. */
export interface Readiness {
  readonly checks: Readonly<Record<string, string>>
  readonly notReady: readonly string[]
}

export interface Monitored {
  readonly metrics: Metrics
  /** Who asks for the figures must show this; nobody need when absent. */
  readonly token?: string
  readonly ready: () => Promise<Readiness>
  readonly log: Log
}

/** What a process takes beside questions of how it is: a POST to one path. */
export interface Taken {
  readonly path: string
  /** The longest body, in bytes. */
  readonly bytesMax: number
  /** Gives the status; there is no body to it. */
  readonly answer: (posted: { body: string; authorization: string }) => Promise<number>
}

export interface MonitorAnswer {
  readonly status: 200 | 401 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** How long being ready may take to find out, in milliseconds. */
const readyWaitMs = 3_000

/** The answer to a GET of this path; null: it is not one of ours. `authorization`: the header, if there is one. */
export async function answerMonitor(
  monitored: Monitored,
  { path, authorization }: { path: string; authorization: string | undefined },
): Promise<MonitorAnswer | null> {
  switch (path) {
    case '/healthz':
      return json(200, { status: 'up' })
    case '/readyz':
      return await answerReady(monitored)
    case '/metrics':
      if (!isAllowed(monitored.token, authorization)) return unauthorized
      return {
        status: 200,
        headers: { ...common, 'content-type': metricsType },
        body: await monitored.metrics.expose(),
      }
    default:
      return null
  }
}

async function answerReady({ ready, log }: Monitored): Promise<MonitorAnswer> {
  try {
    const { checks, notReady } = await withDeadline(ready(), {
      waitMs: readyWaitMs,
      what: 'Finding out whether it is ready',
    })
    if (notReady.length === 0) return json(200, { status: 'ready', checks })
    return json(503, { status: 'not ready', notReady, checks })
  } catch (error) {
    log.warn('readiness.not_known', { error })
    return json(503, { status: 'not ready', notReady: ['readiness'], checks: {} })
  }
}

const common = { 'cache-control': 'no-store' } as const

function json(status: 200 | 503, body: unknown): MonitorAnswer {
  return {
    status,
    headers: { ...common, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
}

const unauthorized: MonitorAnswer = {
  status: 401,
  headers: { ...common, 'content-type': 'text/plain', 'www-authenticate': 'Bearer' },
  body: 'Send Authorization: Bearer <the metrics token>.\n',
}

/** Compares digests, so that the time tells nothing of the token. */
function isAllowed(token: string | undefined, authorization: string | undefined): boolean {
  if (token === undefined) return true
  const shown = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? ''
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(token))
}

export interface MonitorServer {
  readonly port: number
  close(): Promise<void>
}

/** Connections at a time; whoever watches needs few. */
const connectionsMax = 64
/** The same where something is taken: others of its kind keep some open. */
const connectionsTakenMax = 256
const requestWaitMs = 10_000

/** Listens for a process that has no HTTP of its own. `port` 0: any free one. `takes`: nothing when absent. */
export async function startMonitor(
  monitored: Monitored,
  { host, port, takes }: { host: string; port: number; takes?: Taken },
): Promise<MonitorServer> {
  const server = createServer((request, response) => {
    const { method, url = '', headers } = request
    const path = url.split('?')[0] ?? ''
    if (takes !== undefined && method === 'POST' && path === takes.path) {
      return void take(request, { takes, response, log: monitored.log })
    }
    request.resume()
    const answering = method === 'GET' || method === 'HEAD'
      ? answerMonitor(monitored, { path, authorization: headers.authorization })
      : Promise.resolve(null)
    answering.then((answer) => {
      const { status, headers, body } = answer ?? nothing
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
      response.end(method === 'HEAD' ? undefined : body)
    }, (error: unknown) => {
      monitored.log.error('monitor.failed', { error })
      response.destroy()
    })
  })
  server.maxConnections = takes === undefined ? connectionsMax : connectionsTakenMax
  server.requestTimeout = requestWaitMs
  server.headersTimeout = requestWaitMs
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve())
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Reads the whole request and answers it. Never rejects. */
async function take(
  request: IncomingMessage,
  { takes, response, log }: { takes: Taken; response: ServerResponse; log: Log },
): Promise<void> {
  try {
    const body = await bodyOf(request, takes.bytesMax)
    const { authorization = '' } = request.headers
    const status = body === null ? 413 : await takes.answer({ body, authorization })
    // what was not read is not worth reading
    const close = body === null ? { connection: 'close' } : {}
    response.writeHead(status, { ...common, ...close, 'content-length': 0 }).end()
  } catch (error) {
    log.debug('monitor.not_taken', { error })
    response.destroy()
  }
}

/** Null: it is longer. */
async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<string | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bytesMax) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

const nothing = {
  status: 404,
  headers: { ...common, 'content-type': 'text/plain' },
  body: 'There is /healthz, /readyz and /metrics.\n',
} as const

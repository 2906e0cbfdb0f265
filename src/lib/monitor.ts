// Room lib: what a process answers to those who watch it: is it up (`/healthz`), would it serve (`/readyz`), its figures
// (`/metrics`). It promises an answer in time, whatever hangs.

import { Buffer } from 'node:buffer'
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
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
const requestWaitMs = 10_000

/** Listens for a process that has no HTTP of its own. `port` 0: any free one. */
export async function startMonitor(
  monitored: Monitored,
  { host, port }: { host: string; port: number },
): Promise<MonitorServer> {
  const server = createServer((request, response) => {
    const { method, url = '', headers } = request
    const path = url.split('?')[0] ?? ''
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
  server.maxConnections = connectionsMax
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

const nothing = {
  status: 404,
  headers: { ...common, 'content-type': 'text/plain' },
  body: 'There is /healthz, /readyz and /metrics.\n',
} as const

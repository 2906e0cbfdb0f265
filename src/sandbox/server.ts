// Room sandbox: the HTTP server. It reads a request to its end, lets mischief befall it, logs the exchange, answers.

import { Buffer } from 'node:buffer'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Control } from './control.ts'
import type { ExchangeLog } from './exchanges.ts'
import type { MischiefBox, Misfortune } from './mischief.ts'
import type { PlatformRequest, PlatformResponse, SandboxPlatform } from './platform.ts'

interface ServerParts {
  readonly port: number
  readonly host: string
  /** Every platform's answer is late by this much. */
  readonly latencyMs: number
  readonly platforms: readonly SandboxPlatform[]
  readonly log: ExchangeLog
  readonly mischief: MischiefBox
  readonly control: Control
}

/** The largest request body, in bytes. */
export const bodySizeMax = 50 * 1024 * 1024

const keepAliveWaitMs = 60_000

/** What becomes of a request: an answer, or (null) none, and when: so long after mischief has held it back. */
interface Ending {
  readonly response: PlatformResponse | null
  readonly heldMs: number
  readonly latencyMs: number
}

/** Listens. Rejects when the port is taken. `close` ends every connection and waits for the server to be gone. */
export async function listen(
  parts: ServerParts,
): Promise<{ port: number; close: () => Promise<void> }> {
  const held = createLater()
  const late = createLater()
  parts.mischief.onClear(() => held.hurry())
  const server = createServer((request, response) => {
    receive(request, response, (body) => {
      const ending = endingOf(parts, request, body)
      held.add(ending.heldMs, () => {
        late.add(ending.latencyMs, () => surely(request, response, ending))
      })
    })
  })
  server.keepAliveTimeout = keepAliveWaitMs
  const port = await bind(server, parts)
  return {
    port,
    close: () => {
      held.forget()
      late.forget()
      return new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

/** Acts that wait, each for its time. One without a time to wait is done at once. */
function createLater() {
  const waiting = new Map<ReturnType<typeof setTimeout>, () => void>()
  const forget = () => {
    for (const timer of waiting.keys()) clearTimeout(timer)
    waiting.clear()
  }
  return {
    add: (waitMs: number, act: () => void): void => {
      if (waitMs === 0) return act()
      const timer = setTimeout(() => {
        waiting.delete(timer)
        act()
      }, waitMs)
      waiting.set(timer, act)
    },
    /** Does at once what waits. */
    hurry: (): void => {
      const acts = [...waiting.values()]
      forget()
      for (const act of acts) act()
    },
    forget,
  }
}

function bind(server: Server, { port, host }: { port: number; host: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

/** Reads a whole body; a client that goes away before its end was not heard. */
function receive(
  request: IncomingMessage,
  response: ServerResponse,
  heard: (body: string) => void,
): void {
  const chunks: Uint8Array[] = []
  let size = 0
  request.on('error', () => response.destroy())
  request.on('data', (chunk: Uint8Array) => {
    size += chunk.length
    if (size <= bodySizeMax) chunks.push(chunk)
    else if (!response.headersSent) response.writeHead(413, { connection: 'close' }).end()
  })
  request.on('end', () => {
    if (size <= bodySizeMax) heard(Buffer.concat(chunks).toString('utf8'))
  })
}

function endingOf(parts: ServerParts, request: IncomingMessage, body: string): Ending {
  const url = request.url ?? '/'
  const method = request.method ?? 'GET'
  const controlled = parts.control({ method, path: url.split('?')[0] ?? url, body })
  if (controlled !== null) return { response: controlled, heldMs: 0, latencyMs: 0 }
  const name = url.split(/[/?]/)[1] ?? ''
  const platform = parts.platforms.find((known) => known.name === name)
  if (platform === undefined) {
    const error = `The sandbox does not have the platform "${name}"`
    return {
      response: {
        status: 404,
        headers: { 'content-type': 'application/json' },
        body: `${JSON.stringify({ error })}\n`,
      },
      heldMs: 0,
      latencyMs: 0,
    }
  }
  return exchange(parts, platform, {
    method,
    path: url.slice(name.length + 1) || '/',
    headers: headersOf(request),
    body,
  })
}

/** One exchange with a platform, under whatever misfortune is due. */
function exchange(
  { mischief, log, latencyMs }: ServerParts,
  platform: SandboxPlatform,
  request: PlatformRequest,
): Ending {
  const fortune = mischief.take(platform.name, platform.isOAuth(request) ? 'oauth' : 'api')
  if (fortune.expireTokens) platform.expireTokens()
  const response = safely(() => respond(platform, request, fortune.fate))
  const lost = fortune.fate === 'drop' || fortune.fate === 'lost-reply'
  log.add({
    platform: platform.name,
    method: request.method,
    url: `/${platform.name}${request.path}`,
    requestHeaders: request.headers,
    requestBody: request.body,
    status: lost ? 0 : response.status,
    responseHeaders: lost ? {} : response.headers,
    responseBody: lost ? '' : response.body,
  })
  return { response: lost ? null : response, heldMs: fortune.latencyMs, latencyMs }
}

/** A fault of the sandbox itself must be seen, and must not end it. */
function safely(respond: () => PlatformResponse): PlatformResponse {
  try {
    return respond()
  } catch (error) {
    return faultOf(error)
  }
}

function faultOf(error: unknown): PlatformResponse {
  const body = `The sandbox has a fault: ${error instanceof Error ? error.stack : String(error)}\n`
  return { status: 500, headers: { 'content-type': 'text/plain' }, body }
}

function respond(
  platform: SandboxPlatform,
  request: PlatformRequest,
  fate: Misfortune['fate'],
): PlatformResponse {
  switch (fate) {
    case null:
    case 'lost-reply':
      return platform.handle(request)
    case '429':
    case '500':
      return platform.refuse(fate, request)
    case 'drop':
      return { status: 0, headers: {}, body: '' }
  }
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return flat
}

/** Ends a request. Never throws: others may wait to be ended after it. */
function surely(request: IncomingMessage, response: ServerResponse, ending: Ending): void {
  try {
    finish(request, response, ending)
  } catch (error) {
    if (response.headersSent) request.socket.destroy()
    else finish(request, response, { ...ending, response: faultOf(error) })
  }
}

function finish(
  request: IncomingMessage,
  response: ServerResponse,
  { response: answer }: Ending,
): void {
  if (answer === null) {
    request.socket.destroy()
    return
  }
  if (response.destroyed) return
  const body = Buffer.from(answer.body, 'utf8')
  const length = answer.status === 204 ? {} : { 'content-length': String(body.length) }
  response.writeHead(answer.status, { ...answer.headers, ...length })
  response.end(answer.status === 204 || request.method === 'HEAD' ? undefined : body)
}

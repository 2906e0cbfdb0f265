// Room lib: the one transport for everything that Sluice sends over HTTP. It promises to send each request at most once,
// whatever becomes of the connection (the runtimes' own clients do not: on Deno, fetch and node:http send a POST again
// when a kept-alive connection dies), and to say truthfully whether anything can have reached the server.

import { Agent, buildConnector, type Dispatcher, errors } from 'undici'
import {
  type AddressGuard,
  AddressNotAllowed,
  checkLiteral,
  guardedLookup,
  isPublicAddress,
  type Resolve,
} from './addresses.ts'

/** What to send. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** For connecting, sending and reading the whole answer, in milliseconds. */
  readonly waitMs: number
  /** Gives up when aborted. */
  readonly signal?: AbortSignal
}

/** A whole answer: the body has been read to its end. */
export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * No usable answer. `sent: false`: surely nothing reached the server (no connection could be made, or given up before
 * the first byte was written). `sent: true`: in doubt, the server may have carried the request out.
 */
export class HttpFailure extends Error {
  override name = 'HttpFailure'
  readonly sent: boolean

  constructor(message: string, options: { sent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.sent = options.sent
  }
}

/** Sends each request exactly once over kept-alive connections; never follows a redirect. */
export interface Http {
  send(request: HttpRequest): Promise<HttpResponse>
  /** Closes idle connections; requests under way finish first. */
  close(): Promise<void>
}

export interface HttpOptions {
  /** PEM of the certificate authorities to trust instead of the system's. */
  readonly ca?: string | readonly string[]
  /** Connections to one origin at a time; more requests wait for a free one. */
  readonly connectionsMax?: number
  /** Requests under way or waiting, over all origins; one more fails at once, unsent. */
  readonly requestsMax?: number
  /** The longest answer that is read, in bytes. */
  readonly bytesMax?: number
  /** How long making a connection may take, in milliseconds. */
  readonly connectWaitMs?: number
  /** How long an idle connection is kept, in milliseconds. Below what servers keep, so that none is used as it closes. */
  readonly idleMs?: number
  /** Where connections may go, and then in the clear to addresses only that are not public; anywhere when absent. */
  readonly guard?: AddressGuard
  /** How the guard finds the addresses of a name; the system's way when absent. */
  readonly resolve?: Resolve
}

const defaults = {
  connectionsMax: 32,
  requestsMax: 1024,
  bytesMax: 32 * 1024 * 1024,
  connectWaitMs: 10_000,
  idleMs: 4_000,
} as const

/** Travels with one request through undici, which tells us here that it has a connection and is about to write. */
interface Progress {
  started: boolean
}

/** A transport of its own, with its own connections. Call `close` when done. */
export function createHttp(options: HttpOptions = {}): Http {
  const { requestsMax = defaults.requestsMax } = options
  const agent = createAgent(options)
  const dispatcher = agent.compose(noteStart)
  let pending = 0
  return {
    send: async (request) => {
      if (pending >= requestsMax) {
        throw failure(request, `more than ${requestsMax} requests are waiting`, { sent: false })
      }
      pending += 1
      try {
        return await send(dispatcher, request)
      } finally {
        pending -= 1
      }
    },
    close: () => agent.close(),
  }
}

function createAgent(options: HttpOptions): Agent {
  const { ca, connectionsMax, bytesMax, connectWaitMs, idleMs } = { ...defaults, ...options }
  return new Agent({
    connections: connectionsMax,
    // One request at a time on a connection, and HTTP/1.1 only: with pipelining or with HTTP/2 a request can be requeued
    // and written again when its connection goes away.
    pipelining: 1,
    allowH2: false,
    maxResponseSize: bytesMax,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: idleMs,
    // The deadline of each request covers these two.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: connectorFor(options, {
      timeout: connectWaitMs,
      allowH2: false,
      ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
    }),
  })
}

/** A connector that keeps to the guard: before a name is connected to, and once more on the address that it is. */
function connectorFor(
  { guard, resolve }: HttpOptions,
  options: buildConnector.BuildOptions,
): buildConnector.BuildOptions | buildConnector.connector {
  if (guard === undefined) return options
  const connect = buildConnector({ ...options, lookup: guardedLookup(guard, resolve) })
  return (target, callback) => {
    try {
      checkLiteral(guard, target.hostname)
    } catch (error) {
      return callback(error as AddressNotAllowed, null)
    }
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      const { remoteAddress = '' } = socket
      const secret = target.protocol === 'https:' || !isPublicAddress(remoteAddress)
      if (guard.allows(remoteAddress) && secret) return callback(null, socket)
      socket.destroy()
      const refusal = secret ? new AddressNotAllowed(remoteAddress) : new Error(clearText)
      callback(refusal, null)
    })
  }
}

const clearText = 'address not allowed: over http the credential would travel in the clear'

/** An interceptor that notes in the request's Progress that a connection was had. */
const noteStart: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const progress = (options as { opaque?: unknown }).opaque as Progress
  return dispatch(options, {
    onRequestStart: (controller, context) => {
      progress.started = true
      handler.onRequestStart?.(controller, context)
    },
    onResponseStart: (...answer) => handler.onResponseStart?.(...answer),
    onResponseData: (...chunk) => handler.onResponseData?.(...chunk),
    onResponseEnd: (...trailers) => handler.onResponseEnd?.(...trailers),
    onResponseError: (...error) => handler.onResponseError?.(...error),
  })
}

/** Sends one request. @throws HttpFailure, and nothing else. */
async function send(dispatcher: Dispatcher, request: HttpRequest): Promise<HttpResponse> {
  const { method, headers = {}, body, waitMs, signal } = request
  if (signal?.aborted) throw failure(request, 'given up', { sent: false })
  if (waitMs <= 0) throw failure(request, 'the time was up', { sent: false })
  const { origin, pathname, search } = addressOf(request)
  const progress: Progress = { started: false }
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(new TimeUp(`no answer within ${waitMs} ms`)), waitMs)
  const giveUp = () => stop.abort(new TimeUp('given up'))
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    const answer = await dispatcher.request({
      origin,
      path: pathname + search,
      method,
      headers,
      body: body ?? null,
      idempotent: false,
      signal: stop.signal,
      opaque: progress,
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, headers: flatten(answer.headers), body: text }
  } catch (cause) {
    throw failure(request, reasonOf(cause), { sent: progress.started, cause })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}

/**
 * The address, if it is the very one that was asked for. A URL resolves dots in its path, turns `\\` into `/`, drops line
 * breaks and what follows `#`: an id that holds such would quietly address something else.
 */
function addressOf(request: HttpRequest): URL {
  const { url } = request
  const path = /^https?:\/\/[^/?#]+([^?#]*)(?:\?[^#]*)?$/i.exec(url)?.[1]
  if (path === undefined || !URL.canParse(url)) {
    throw failure(request, 'it is not an address of the web', { sent: false })
  }
  const address = new URL(url)
  const same = address.pathname === (path === '' ? '/' : path) && !/[\t\r\n]/.test(url)
  if (same) return address
  throw failure(request, 'its path is not the one that would be sent', { sent: false })
}

class TimeUp extends Error {
  override name = 'TimeUp'
}

/** The path stays out of the message: it can hold ids and values. */
function failure(
  { method, url }: HttpRequest,
  reason: string,
  options: { sent: boolean; cause?: unknown },
): HttpFailure {
  const origin = URL.canParse(url) ? new URL(url).origin : 'an address that is not a URL'
  return new HttpFailure(`${method} to ${origin}: ${reason}`, options)
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.ResponseExceededMaxSizeError) return 'the answer is too long'
  if (!(error instanceof Error)) return String(error)
  const code = (error as { code?: unknown }).code
  // Node puts the attempts on all addresses of a name into one error without a message.
  const message = error.message === '' ? error.name : error.message
  return typeof code === 'string' && !message.includes(code) ? `${message} (${code})` : message
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) =>
    [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value ?? ''] as const
  )
  return Object.fromEntries(entries)
}

// Room client: one call of the API: sent, sent again where that is safe, and its answer read.

import type { Problem } from '../service/v1/schemas.ts'
import { NoAnswer, SluiceError } from './error.ts'
import { readJson, writeJson } from './json.ts'

export interface CallOptions {
  /** Base URL of the service. */
  readonly url: string
  readonly token: string
  /** `fetch` of the runtime when absent. */
  readonly fetch?: typeof fetch
  /** For each try, in milliseconds; 200,000 when absent, since a mutation may wait for its turn. */
  readonly waitMs?: number
  /** Tries of a request that has a key and gets no answer; 3 when absent. */
  readonly triesMax?: number
  /** How long to go on asking while another request with the key is under way, in milliseconds; 400,000 when absent. */
  readonly inUseWaitMs?: number
  /** Waits between tries; setTimeout when absent. */
  readonly pause?: (waitMs: number) => Promise<void>
  /** Milliseconds of a clock that does not go back; `performance.now` when absent. */
  readonly now?: () => number
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly key?: string
  readonly signal?: AbortSignal | undefined
}

const waitMsDefault = 200_000
const triesMaxDefault = 3
const firstPauseMs = 200
/** A mutation that waits for its turn is written to the database minutes later. */
const inUseWaitMsDefault = 400_000
const inUsePauseMs = 1_000

/** Throws SluiceError, NoAnswer, or the signal's reason. */
export async function call<T>(options: CallOptions, request: Call): Promise<T> {
  const { triesMax = triesMaxDefault, inUseWaitMs = inUseWaitMsDefault, pause = sleep } = options
  const now = options.now ?? (() => performance.now())
  const end = now() + inUseWaitMs
  for (let tries = 1;;) {
    try {
      return await attempt<T>(options, request)
    } catch (error) {
      request.signal?.throwIfAborted()
      // under its key the same request is not carried out twice
      if (request.key === undefined) throw error
      if (error instanceof NoAnswer && tries < triesMax) {
        await pause(firstPauseMs * 2 ** tries)
        tries += 1
      } else if (isInUse(error) && now() < end) {
        await pause(Math.max(firstPauseMs, error.retryAfterMs ?? inUsePauseMs))
      } else throw error
      request.signal?.throwIfAborted()
    }
  }
}

function isInUse(error: unknown): error is SluiceError {
  return error instanceof SluiceError && error.code === 'idempotency_key_in_use'
}

async function attempt<T>(options: CallOptions, request: Call): Promise<T> {
  const { response, text } = await exchange(options, request)
  const body = parse(text)
  if (response.status < 300 && response.status !== 207) return body as T
  if (!isProblem(body)) throw new NoAnswer(`Sluice answered ${response.status} without a problem`)
  const seconds = Number(response.headers.get('retry-after') ?? NaN)
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : null
  throw new SluiceError(body, { retryAfterMs })
}

async function exchange(
  options: CallOptions,
  { method, path, body, key, signal }: Call,
): Promise<{ response: Response; text: string }> {
  const { url, token, fetch: send = fetch, waitMs = waitMsDefault } = options
  const timeout = AbortSignal.timeout(waitMs)
  try {
    const response = await send(url.replace(/\/+$/, '') + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: writeJson(body) }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    })
    return { response, text: await response.text() }
  } catch (cause) {
    throw new NoAnswer(`No answer to ${method} ${path}`, { cause })
  }
}

function parse(text: string): unknown {
  try {
    return readJson(text)
  } catch {
    return undefined
  }
}

function isProblem(value: unknown): value is Problem {
  if (typeof value !== 'object' || value === null) return false
  const { code, sqlstate, title } = value as Record<string, unknown>
  return [code, sqlstate, title].every((text) => typeof text === 'string')
}

function sleep(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}

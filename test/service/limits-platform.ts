// A platform of a few lines that counts what arrives, as platforms do, and the adapter that goes with it.

import { createServer } from 'node:http'
import { createHttp, type Http } from '../../src/lib/http.ts'
import { Fault, faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import type { Adapter, Caller } from '../../src/platforms/platform.ts'
import type { Charge, RateAnswer, RateRule } from '../../src/platforms/rates.ts'
import { limitOf } from '../../src/service/limits/limit.ts'
import { takeTurns } from '../../src/store/buckets.ts'
import type { Store } from '../../src/store/store.ts'
import { accept, fakeAdapter } from './help.ts'

export interface Arrival {
  readonly at: number
  readonly path: string
}

export interface CountingPlatform {
  readonly http: Http
  readonly url: string
  readonly arrivals: Arrival[]
  /** Requests that were more than its limit. */
  refused: number
  /** Under way now, and the most that ever were. */
  busy: number
  busiest: number
  /** What the next requests are answered instead; in turn. */
  readonly play: { status: number; headers?: Record<string, string> }[]
  /** Reads are answered 304, and not counted. */
  unchanged: boolean
  /** Requests are not answered until this is over. */
  hold: Promise<void> | null
  close(): Promise<void>
}

/** A server that takes `limit` requests in any `windowMs`. */
export async function countingPlatform(
  { limit = Infinity, windowMs = 1_000 }: { limit?: number; windowMs?: number } = {},
): Promise<CountingPlatform> {
  let recent: number[] = []
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      const at = performance.now()
      recent = recent.filter((time) => time > at - windowMs)
      platform.arrivals.push({ at, path: request.url ?? '' })
      platform.busy += 1
      platform.busiest = Math.max(platform.busiest, platform.busy)
      const played = platform.play.shift()
      const over = recent.length >= limit
      const unchanged = platform.unchanged && request.method === 'GET'
      if (over) platform.refused += 1
      else if (!unchanged) recent.push(at)
      const status = played?.status ?? (over ? 429 : unchanged ? 304 : 200)
      const answer = () => {
        platform.busy -= 1
        response.writeHead(status, played?.headers ?? {}).end(status === 304 ? '' : '{}')
      }
      if (platform.hold === null) answer()
      else void platform.hold.then(answer)
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const http = createHttp({ connectionsMax: 64 })
  const platform: CountingPlatform = {
    http,
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    arrivals: [],
    refused: 0,
    busy: 0,
    busiest: 0,
    play: [],
    unchanged: false,
    hold: null,
    close: async () => {
      await http.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return platform
}

/** A request that has left, and when, by performance.now(). */
export interface Left {
  readonly at: number
  readonly method: string
}

/** An Http that notes when each request leaves: that is what turns are for; what comes then is the way's. */
export function notingHttp(http: Http): Http & { readonly left: Left[] } {
  const left: Left[] = []
  const send: Http['send'] = (request) => {
    left.push({ at: performance.now(), method: request.method })
    return http.send(request)
  }
  return { ...http, send, left }
}

/** The most requests that left in any window of so many milliseconds. */
export function fullest(left: readonly Pick<Left, 'at'>[], windowMs: number): number {
  const counts = left.map(({ at: end }) =>
    left.filter(({ at }) => at > end - windowMs && at <= end).length
  )
  return Math.max(0, ...counts)
}

/**
 * For how long the event loop stood still, or a store was slow to give turns or to have them used, in milliseconds: a bound
 * on a time is longer by so much. What stood still at the same time counts once.
 */
export interface Stillness {
  readonly ms: number
  end(): void
}

/** What a request waits for that has, or is to have, its turn. */
const onTheWay: ReadonlySet<string> = new Set(['Taking turns', 'Recording the sending'])

interface Span {
  readonly from: number
  readonly to: number
}

/** What takes no longer than `usualMs` is not slow. */
export function watchStillness(
  stores: readonly Store[],
  { usualMs = 50 }: { usualMs?: number } = {},
): Stillness {
  const spans: Span[] = []
  const note = (from: number) => {
    const to = performance.now()
    if (to - from > usualMs) spans.push({ from: from + usualMs, to })
  }
  let at = performance.now()
  const timer = setInterval(() => {
    note(at)
    at = performance.now()
  }, usualMs * 0.4)
  for (const store of stores) {
    const ask = store.ask.bind(store)
    const timed: Store['ask'] = async (what, work) => {
      const from = performance.now()
      try {
        return await ask(what, work)
      } finally {
        if (onTheWay.has(what)) note(from)
      }
    }
    Object.assign(store, { ask: timed })
  }
  return {
    get ms() {
      return covered(spans)
    },
    end: () => clearInterval(timer),
  }
}

/** How much of the time lies in any of the spans. */
function covered(spans: readonly Span[]): number {
  let sum = 0
  let end = -Infinity
  for (const { from, to } of spans.toSorted((one, other) => one.from - other.from)) {
    sum += Math.max(0, to - Math.max(from, end))
    end = Math.max(end, to)
  }
  return sum
}

export const second: RateRule = {
  name: 'second',
  limit: 5,
  windowMs: 1_000,
  about: '5 requests a second',
}

/** An adapter that sends one request for each row, one after the other; a 429 with Retry-After is a refusal. */
export function countingAdapter(
  url: string,
  { rules, charges = [{ rule: 'second', units: 1 }] }: {
    rules: readonly RateRule[]
    charges?: readonly Charge[]
  },
): Adapter & { writes: Mutation[] } {
  const path = '/write'
  return fakeAdapter({
    rates: {
      rules: () => rules,
      charges: () => charges,
      learn: (_request, { status, headers }): RateAnswer => {
        const remaining = headers['remaining']
        if (status === 304) {
          const news = charges.map(({ rule }) => ({ kind: 'uncounted', rule }) as const)
          return { refused: false, news }
        }
        const news = remaining === undefined ? [] : [
          {
            kind: 'remaining',
            rule: rules[0]?.name ?? '',
            remaining: Number(remaining),
            ...(headers['limit'] === undefined ? {} : { limit: Number(headers['limit']) }),
          } as const,
        ]
        if (status !== 429) return { refused: false, news }
        const waitMs = Number(headers['retry-after'] ?? 1) * 1_000
        const [charge] = charges
        return {
          refused: true,
          news: [{ kind: 'blocked', rule: charge?.rule ?? '', waitMs }, ...news],
        }
      },
    },
    requests: ({ rows }) => rows.map(() => ({ method: 'POST', path, rows: 1, charges })),
    write: async (mutation, caller) => {
      for (let row = 0; row < mutation.rows.length; row++) {
        const outcome = await writeRow(url + path, caller)
        if (outcome !== null) return outcome
      }
      return accept(mutation)
    },
    page: async (_table, _cursor, { http, deadline }) => {
      await http.send({ method: 'GET', url: `${url}/page`, waitMs: deadline.at - Date.now() })
      return { rows: [], next: null }
    },
  })
}

async function writeRow(url: string, { http, signal }: Caller): Promise<Outcome | null> {
  if (signal.aborted) return { state: 'refused', fault: faultData('statement_cancelled') }
  try {
    const { status } = await http.send({ method: 'POST', url, waitMs: 30_000 })
    return status === 200 ? null : { state: 'refused', fault: faultData('rate_limited') }
  } catch (error) {
    if (error instanceof Fault) return { state: 'refused', fault: error.data }
    throw error
  }
}

/**
 * Takes turns of the bucket of `second` of the seeded connection, as others would, so that none is free for so many times a
 * fifth of a second.
 */
export async function takeAhead(store: Store, count: number): Promise<void> {
  const { bucket } = limitOf(second)
  const requests = Array.from({ length: count }, () => [[0, 1] as const])
  const job = { leadMs: 0, waitMs: 120_000, background: false, confirm: false, back: [], requests }
  const question = { buckets: [bucket], jobs: [job] }
  const taken = await takeTurns(store, 'connection of sync_test01', question)
  const [turned] = taken?.jobs ?? []
  if (turned == null || !('moments' in turned)) throw new Error('The turns were not to be had')
}

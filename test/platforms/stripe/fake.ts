// A Stripe of a few lines that answers what a test tells it, in the forms of the API reference.

import { createServer, type ServerResponse } from 'node:http'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Mutation, PlannedRow, Values } from '../../../src/mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../../src/mutation/table.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import { stripe } from '../../../src/platforms/stripe/index.ts'

export interface Asked {
  readonly method: string
  /** With the query, without the prefix of the base URL. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** The body's pairs. */
  readonly form: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  /** An object, or text as it is. */
  readonly body: unknown
}

/** Answers a request, or does something to its connection and returns nothing. */
export type Script = (
  asked: Asked,
  response: ServerResponse,
) => Answer | undefined | Promise<Answer | undefined>

export interface FakeStripe {
  readonly asked: Asked[]
  /** The most requests that were under way at one time. */
  readonly most: () => number
  play(script: Script): void
  caller(more?: Partial<Caller>): Caller
  close(): Promise<void>
}

const prefix = '/stripe'
const keepAliveWaitMs = 60_000

export async function fakeStripe(): Promise<FakeStripe> {
  const asked: Asked[] = []
  let script: Script = () => undefined
  let underWay = 0
  let most = 0
  const server = createServer((request, response) => {
    underWay += 1
    most = Math.max(most, underWay)
    let isOver = false
    const over = () => {
      if (!isOver) underWay -= 1
      isOver = true
    }
    response.on('close', over)
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      const body = new TextDecoder().decode(Buffer.concat(chunks))
      const one: Asked = {
        method: request.method ?? '',
        path: (request.url ?? '').slice(prefix.length),
        headers: request.headers as Record<string, string>,
        body,
        form: Object.fromEntries(new URLSearchParams(body)),
      }
      asked.push(one)
      void Promise.resolve(script(one, response)).then((answer) => {
        if (answer === undefined) return
        // before the answer goes out: the next request can come as soon as it is there
        over()
        const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
        response.writeHead(answer.status ?? 200, {
          'content-type': 'application/json',
          ...answer.headers,
        })
        response.end(text)
      })
    })
  })
  // much longer than a client keeps a connection: it is never closed just when a request goes out on it
  server.keepAliveTimeout = keepAliveWaitMs
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const http = createHttp({ connectionsMax: 100 })
  return {
    asked,
    most: () => most,
    play: (next) => {
      script = next
      asked.length = 0
      most = 0
    },
    caller: (more = {}) => ({
      baseUrl: `http://127.0.0.1:${port}${prefix}`,
      settings: {},
      http,
      deadline: deadlineIn(60_000),
      signal: new AbortController().signal,
      log: silentLog,
      token: (refused) => Promise.resolve(refused === undefined ? 'first' : 'second'),
      ...more,
    }),
    close: async () => {
      await http.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The table of an object, as a sync has it. */
export async function tableOf(name: string): Promise<SyncedTable> {
  const [shape] = await stripe.describe([name], {} as Caller)
  if (shape === undefined) throw new Error(`no table ${name}`)
  return { ...shape, syncId: 'sync_test', platform: 'stripe', schema: 'stripe' }
}

export const mutationId = '00000000-0000-4000-8000-000000000001'

/** A mutation of these rows; updates and deletes are of `id_1`, `id_2`, … unless `ids` says otherwise. */
export function mutation(
  table: string,
  operation: Operation,
  rows: readonly Values[],
  ids: readonly string[] = rows.map((_, i) => `id_${i + 1}`),
): Mutation {
  const planned = rows.map((values, i): PlannedRow => ({
    ordinal: i + 1,
    id: operation === 'insert' ? null : ids[i] ?? '',
    values,
  }))
  return { id: mutationId, syncId: 'sync_test', schema: 'stripe', table, operation, rows: planned }
}

/** The error body of the API. */
export function errorBody(type: string, more: Record<string, unknown> = {}) {
  return { error: { type, message: 'It went wrong.', ...more } }
}

/** The ordinal of the row whose request this is. */
export function ordinalOf({ headers }: Asked): number {
  return Number((headers['idempotency-key'] ?? '').split('-').at(-1))
}

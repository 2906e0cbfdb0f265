// An API of a few lines that answers what a test tells it, over a real socket.

import { createServer, type ServerResponse } from 'node:http'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { createHttp } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Caller } from '../../src/platforms/platform.ts'

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  /** A string goes out as it is; nothing when absent. */
  readonly body?: unknown
}

/** Answers a request, or does something to its connection and returns nothing. */
export type Script = (asked: Asked, response: ServerResponse) => Answer | undefined

export interface FakeApi {
  readonly url: string
  readonly asked: Asked[]
  /** The next requests are answered by these, in turn; the last one stays. */
  play(...scripts: Script[]): void
  caller(more?: Partial<Caller>): Caller
  close(): Promise<void>
}

const keepAliveWaitMs = 60_000

export async function fakeApi(): Promise<FakeApi> {
  const asked: Asked[] = []
  let scripts: Script[] = []
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      const one: Asked = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers as Record<string, string>,
        body: new TextDecoder().decode(Buffer.concat(chunks)),
      }
      asked.push(one)
      const script = scripts.length > 1 ? scripts.shift() : scripts[0]
      const answer = script?.(one, response)
      if (answer === undefined) return
      const { status = 200, body = '', headers = {} } = answer
      const type = status === 204 ? {} : { 'content-type': 'application/json;charset=UTF-8' }
      response.writeHead(status, { ...type, ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  // much longer than a client keeps a connection: it is never closed just when a request goes out on it
  server.keepAliveTimeout = keepAliveWaitMs
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const http = createHttp()
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    asked,
    play: (...next) => {
      scripts = next
      asked.length = 0
    },
    caller: (more = {}) => ({
      baseUrl: url,
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

const triesMax = 10
/** What was sent just before the deadline is heard within so many turns: the server is in this process. */
const lateTurns = 30
const turnMs = 10

/**
 * Runs `attempt`, which has a short deadline, until it has come so far that `begun` holds; a machine that stands still may
 * take all the time that there is before anything is sent. Gives the outcome of the last: what an attempt has sent is not
 * taken for a sign of the next.
 */
export async function untilBegun<T>(
  attempt: () => Promise<T>,
  begun: (outcome: T) => boolean,
): Promise<T> {
  for (let tries = 1;; tries++) {
    const outcome = await attempt()
    // counted in turns, not in time, which a machine that stands still uses up without hearing anything
    for (let turns = 0; turns < lateTurns && !begun(outcome); turns++) {
      await new Promise((resolve) => setTimeout(resolve, turnMs))
    }
    if (begun(outcome) || tries === triesMax) return outcome
  }
}

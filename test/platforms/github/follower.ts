// A follower of the sandbox's GitHub, for tests: a table as following makes it, and the requests that it took.

import assert from 'node:assert/strict'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http, type HttpRequest } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Values } from '../../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { github } from '../../../src/platforms/github/index.ts'
import type { Caller, Follower, Settings } from '../../../src/platforms/platform.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'
import { rest } from '../../sandbox/github_client.ts'

export const follow: Follower = github.follow ?? assert.fail('github can be followed')

export interface Stage {
  readonly sandbox: Sandbox
  /** Moves GitHub's clock on. */
  pass(seconds: number): void
  /** GitHub's clock, in milliseconds since 1970. */
  now(): number
  caller(settings: Settings, more?: Partial<Caller>): Caller
  /** One request of somebody else, which must succeed. */
  readonly act: (method: string, path: string, body?: unknown) => Promise<Answered>
  close(): Promise<void>
}

// what JSON.parse gives
export type Answered = ReturnType<typeof JSON.parse>

export async function createStage(): Promise<Stage> {
  let nowMs = Date.parse('2026-11-20T08:00:00Z')
  const sandbox = await startSandbox({ port: 0, now: () => nowMs })
  const http = createHttp()
  return {
    sandbox,
    now: () => nowMs,
    pass: (seconds) => void (nowMs += seconds * 1000),
    caller: (settings, more = {}) => ({
      baseUrl: sandbox.platformUrl('github'),
      settings,
      http,
      deadline: deadlineIn(60_000),
      signal: new AbortController().signal,
      log: silentLog,
      token: () => Promise.resolve('sandbox'),
      ...more,
    }),
    act: async (method, path, body) => {
      const { status, text } = await rest(sandbox, path, { method, body })
      assert.ok(status >= 200 && status < 300, `${method} ${path}: ${status} ${text}`)
      return text === '' ? null : JSON.parse(text)
    },
    close: async () => {
      await http.close()
      await sandbox.close()
    },
  }
}

/** The same transport with small pages; `before` is run before each request. */
export function watched(
  http: Http,
  { perPage = 100, before = () => Promise.resolve() }: {
    perPage?: number
    before?: (request: HttpRequest) => Promise<void>
  },
): Http & { readonly requests: HttpRequest[]; readonly statuses: number[] } {
  const requests: HttpRequest[] = []
  const statuses: number[] = []
  let turn = Promise.resolve() // one after the other, also before requests at one time
  return {
    requests,
    statuses,
    close: () => Promise.resolve(),
    send: async (request) => {
      turn = turn.then(() => before(request))
      await turn
      const url = request.url.replace('per_page=100', `per_page=${perPage}`)
      requests.push(request)
      const response = await http.send({ ...request, url })
      statuses.push(response.status)
      return response
    },
  }
}

export interface Followed {
  /** What the table has. */
  readonly rows: Map<string, Values>
  /** Asks until there is no more; what was told, by id, null being gone. */
  poll(caller: Caller): Promise<Map<string, Values | null>>
  cursor(): string
}

/** A table that is filled now and followed from now on. */
export async function followed(
  table: SyncedTable,
  caller: Caller,
  follower: Follower = follow,
): Promise<Followed> {
  let cursor = await follower.start(table, caller)
  const rows = await listed(table, caller)
  return {
    rows,
    cursor: () => cursor,
    poll: async (asking) => {
      const told = new Map<string, Values | null>()
      for (let calls = 0;; calls += 1) {
        assert.ok(calls < 2000, 'polls end')
        const changes = await follower.changes(table, cursor, asking)
        cursor = changes.next
        for (const { id, values } of changes.rows) told.set(id, values)
        for (const id of changes.gone) told.set(id, null)
        for (let at = 0; at < changes.touched.length; at += follower.readMax) {
          const some = changes.touched.slice(at, at + follower.readMax)
          for (const { id, values } of await follower.read(table, some, asking)) {
            told.set(id, values)
          }
        }
        if (!changes.more) break
      }
      for (const [id, values] of told) {
        if (values === null) rows.delete(id)
        else rows.set(id, { ...rows.get(id), ...values })
      }
      return told
    },
  }
}

/** All records as the platform lists them. */
export async function listed(table: SyncedTable, caller: Caller): Promise<Map<string, Values>> {
  const rows = new Map<string, Values>()
  for (let cursor: string | null = null;;) {
    const page: Awaited<ReturnType<typeof github.page>> = await github.page(table, cursor, caller)
    for (const { id, values } of page.rows) rows.set(id, values)
    cursor = page.next
    if (cursor === null) return rows
  }
}

/** What a record is addressed by. */
export function refOf(table: SyncedTable, id: string, values: Values) {
  const names = table.keyColumns ?? []
  return { id, keys: Object.fromEntries(names.map((name) => [name, values[name] ?? null])) }
}

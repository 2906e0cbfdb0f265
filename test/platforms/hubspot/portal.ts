// A portal of the sandbox in this process: no sockets, a clock that stands still, pages as short as a test wants them, and
// a search as far behind as it says.

import assert from 'node:assert/strict'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import type { Http } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Values } from '../../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { createFollower } from '../../../src/platforms/hubspot/follow.ts'
import { hubspot } from '../../../src/platforms/hubspot/index.ts'
import type { Caller, Changes, Follower } from '../../../src/platforms/platform.ts'
import { createHubspot } from '../../../src/sandbox/hubspot/hubspot.ts'
import { type LagOptions, noLag } from '../../../src/sandbox/hubspot/lag.ts'
import type { Spoken } from '../contract/openapi.ts'
import type { SandboxPlatform, WebhookDelivery } from '../../../src/sandbox/platform.ts'

export interface Portal {
  readonly platform: SandboxPlatform
  readonly follower: Follower
  readonly caller: Caller
  /** Requests of the adapter so far: method and path. */
  readonly heard: string[]
  /** The same, with their answers. */
  readonly spoken: Spoken[]
  readonly deliveries: WebhookDelivery[]
  /** HubSpot's clock; goes on when told to. */
  nowMs: number
  /** Records on a page, at most; not limited when null. */
  pageRows: number | null
  table(object: string): Promise<SyncedTable>
  /** Asks as another client; the JSON of a success. */
  ask(method: string, path: string, body?: unknown): ReturnType<typeof JSON.parse>
  /** Living records by their ids, as the adapter's list has them. */
  records(table: SyncedTable): Promise<Map<string, Values>>
}

const baseUrl = 'http://portal.test/hubspot'

/** `skewMs`: how far this service's clock is ahead of HubSpot's. */
export function createTestPortal(
  { search = noLag, skewMs = 0 }: { search?: LagOptions; skewMs?: number } = {},
): Portal {
  const deliveries: WebhookDelivery[] = []
  const heard: string[] = []
  const spoken: Spoken[] = []
  const platform = createHubspot({
    baseUrl: () => baseUrl,
    now: () => portal.nowMs,
    tokenLifetimeMs: 3_600_000,
    rotateRefreshTokens: true,
    limits: false,
    deliver: (delivery) => void deliveries.push(delivery),
    makeSecret: () => crypto.randomUUID(),
  }, search)
  const http: Http = {
    close: () => Promise.resolve(),
    send: ({ method, url, headers = {}, body = '' }) => {
      const path = url.slice(baseUrl.length)
      heard.push(`${method} ${path}`)
      const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
      const answer = platform.handle({
        method,
        path: shortened(path, portal.pageRows),
        headers: Object.fromEntries(lower) as Record<string, string>,
        body: path.endsWith('/search') ? shortenedBody(body, portal.pageRows) : body,
      })
      spoken.push({
        method,
        path,
        requestBody: body,
        status: answer.status,
        responseBody: answer.body,
      })
      const date = new Date(portal.nowMs).toUTCString()
      return Promise.resolve({ ...answer, headers: { ...answer.headers, date } })
    },
  }
  const caller: Caller = {
    baseUrl,
    settings: {},
    http,
    deadline: deadlineIn(600_000),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
  }
  const portal: Portal = {
    platform,
    follower: createFollower(() => portal.nowMs + skewMs),
    caller,
    heard,
    spoken,
    deliveries,
    nowMs: Date.UTC(2026, 10, 25, 12),
    pageRows: null,
    table: async (object) => {
      const [shape] = await hubspot.describe([object], caller)
      assert.ok(shape)
      return { ...shape, syncId: 'sync_test', platform: 'hubspot', schema: 'hubspot' }
    },
    ask: (method, path, body) => {
      const { status, body: text } = platform.handle({
        method,
        path,
        headers: { authorization: 'Bearer sandbox', 'content-type': 'application/json' },
        body: body === undefined ? '' : JSON.stringify(body),
      })
      assert.ok(status < 300, `${method} ${path}: ${status} ${text}`)
      return text === '' ? undefined : JSON.parse(text)
    },
    records: async (table) => {
      const rows = new Map<string, Values>()
      let cursor: string | null = null
      do {
        const page = await hubspot.page(table, cursor, caller)
        for (const { id, values } of page.rows) rows.set(id, values)
        cursor = page.next
      } while (cursor !== null)
      return rows
    },
  }
  return portal
}

function shortened(path: string, rows: number | null): string {
  return rows === null ? path : path.replace(/\blimit=\d+/, `limit=${rows}`)
}

function shortenedBody(body: string, rows: number | null): string {
  if (rows === null) return body
  const json = JSON.parse(body) as { limit: number }
  return JSON.stringify({ ...json, limit: Math.min(json.limit, rows) })
}

const pagesMax = 5_000

/** Changes until there is no more, or one page of them. */
export async function poll(
  portal: Portal,
  table: SyncedTable,
  cursor: string,
  { whole = true }: { whole?: boolean } = {},
): Promise<{ touched: string[]; next: string; until: number; pages: number }> {
  const touched: string[] = []
  let changes: Changes | undefined
  let pages = 0
  do {
    assert.ok(pages < pagesMax, 'there is an end')
    changes = await portal.follower.changes(table, changes?.next ?? cursor, portal.caller)
    touched.push(...changes.touched.map(({ id }) => id))
    assert.deepEqual([changes.rows, changes.gone], [[], []])
    pages += 1
  } while (whole && changes.more)
  return { touched, next: changes.next, until: changes.until, pages }
}

type Ids = Awaited<ReturnType<NonNullable<Follower['ids']>>>

/** Every id of the table, page by page. */
export async function allIds(portal: Portal, table: SyncedTable): Promise<Set<string>> {
  const { follower } = portal
  const found = new Set<string>()
  let cursor: string | null = null
  do {
    const page: Ids | undefined = await follower.ids?.(table, cursor, portal.caller)
    assert.ok(page)
    for (const id of page.ids) found.add(id)
    cursor = page.next
  } while (cursor !== null)
  return found
}

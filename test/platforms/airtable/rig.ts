// The follower against the sandbox: two clocks that tests move, another client that changes records, requests counted.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http, type HttpRequest } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { followWith } from '../../../src/platforms/airtable/follow.ts'
import { airtable } from '../../../src/platforms/airtable/index.ts'
import type { Caller, Changes, Follower, Page } from '../../../src/platforms/platform.ts'
import { startSandbox } from '../../../src/sandbox/sandbox.ts'
import type { Spoken } from '../contract/openapi.ts'

export type Values = Page['rows'][number]['values']

export type Rig = Awaited<ReturnType<typeof startRig>>

const prefix = '/airtable'

export async function startRig() {
  const clock = { theirs: 0, ours: 0 }
  const sandbox = await startSandbox({ port: 0, now: () => clock.theirs })
  const http = createHttp()
  const sent: HttpRequest[] = []
  /** Every exchange, for the official description. */
  const spoken: Spoken[] = []
  const counting: Http = {
    close: () => http.close(),
    send: async (request) => {
      sent.push(request)
      const response = await http.send(request)
      const { method, url, body: requestBody = '' } = request
      const path = url.slice(sandbox.url.length + prefix.length)
      spoken.push({
        method,
        path,
        requestBody,
        status: response.status,
        responseBody: response.body,
      })
      return response
    },
  }
  const follower: Follower = followWith({
    now: () => clock.ours,
    monotonic: () => performance.now(),
  })
  const caller = (more: Partial<Caller> = {}): Caller => ({
    baseUrl: sandbox.platformUrl('airtable'),
    settings: { base: 'appSandbox0000001' },
    http: counting,
    deadline: deadlineIn(60_000),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
    ...more,
  })
  /** A request by somebody else, who is not counted. */
  const api = async (method: HttpRequest['method'], path: string, body?: unknown) => {
    const response = await http.send({
      method,
      url: `${sandbox.url}${prefix}/v0/appSandbox0000001/${path}`,
      headers: { authorization: 'Bearer sandbox', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      waitMs: 60_000,
    })
    assert.equal(response.status, 200, response.body)
    return JSON.parse(response.body)
  }
  return {
    clock,
    sandbox,
    sent,
    spoken,
    follower,
    caller,
    /** Moves both clocks. */
    pass: (ms: number) => {
      clock.theirs += ms
      clock.ours += ms
    },
    reset: () => {
      clock.theirs = Date.UTC(2026, 10, 20, 12)
      clock.ours = clock.theirs
      sandbox.reset()
      sent.length = 0
    },
    table: async (object: string): Promise<SyncedTable> => {
      const [shape] = await airtable.describe([object], caller())
      assert.ok(shape)
      sent.length = 0
      return { ...shape, syncId: 'sync_test', platform: 'airtable', schema: 'airtable' }
    },
    create: async (table: string, ...rows: readonly object[]): Promise<string[]> => {
      const records = rows.map((fields) => ({ fields }))
      const made: { records: { id: string }[] } = await api('POST', table, { records })
      return made.records.map(({ id }) => id)
    },
    update: async (table: string, id: string, fields: object): Promise<void> => {
      await api('PATCH', table, { records: [{ id, fields }] })
    },
    remove: async (table: string, id: string): Promise<void> => {
      await api('DELETE', `${table}?records[]=${id}`)
    },
    close: async () => {
      await http.close()
      await sandbox.close()
    },
  }
}

/** All looks until there is no more. */
export async function lookAll(
  { follower, caller }: Rig,
  table: SyncedTable,
  cursor: string,
): Promise<{ rows: Map<string, Values>; next: string; until: number; looks: number }> {
  const rows = new Map<string, Values>()
  let [next, looks] = [cursor, 0]
  for (;;) {
    const changes: Changes = await follower.changes(table, next, caller())
    assert.deepEqual([changes.gone, changes.touched], [[], []])
    for (const { id, values } of changes.rows) rows.set(id, values)
    next = changes.next
    looks += 1
    if (!changes.more) return { rows, next, until: changes.until, looks }
  }
}

/** All records by their ids, listed page by page. */
export async function listAll({ caller }: Rig, table: SyncedTable): Promise<Map<string, Values>> {
  const rows = new Map<string, Values>()
  let cursor: string | null = null
  do {
    const page: Page = await airtable.page(table, cursor, caller())
    for (const { id, values } of page.rows) rows.set(id, values)
    cursor = page.next
  } while (cursor !== null)
  return rows
}

export interface Post {
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

/** A server of ours that a platform calls; `next` waits for the next delivery. */
export async function startReceiver() {
  const posts: Post[] = []
  const waiting: ((post: Post) => void)[] = []
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      const headers = new Map(Object.entries(request.headers).map(([k, v]) => [k, String(v)]))
      const post = { headers, body: new Uint8Array(Buffer.concat(chunks)) }
      response.writeHead(200).end()
      const heard = waiting.shift()
      if (heard === undefined) posts.push(post)
      else heard(post)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/webhooks/airtable/sync_test`,
    next: (): Promise<Post> => {
      const post = posts.shift()
      return post === undefined
        ? new Promise((heard) => waiting.push(heard))
        : Promise.resolve(post)
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

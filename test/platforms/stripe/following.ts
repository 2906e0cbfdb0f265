// What the tests of following share: another client of the sandbox, and a table that is followed by hand.

import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Values } from '../../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import type { Caller, Follower, Page } from '../../../src/platforms/platform.ts'
import { stripe } from '../../../src/platforms/stripe/index.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'
import { tableOf } from './fake.ts'

export interface Followed {
  readonly sandbox: Sandbox
  readonly caller: Caller
  /** A request of somebody else; what it answers. Throws when it is refused. */
  ask(call: string, form?: string): Promise<Answer>
  close(): Promise<void>
}

export type Answer = ReturnType<typeof JSON.parse>

export function follower(): Follower {
  if (stripe.follow === undefined) throw new Error('Stripe is not followed')
  return stripe.follow
}

export async function followed(): Promise<Followed> {
  const sandbox = await startSandbox({ port: 0 })
  const http: Http = createHttp()
  const other: Http = createHttp()
  const baseUrl = sandbox.platformUrl('stripe')
  return {
    sandbox,
    caller: {
      baseUrl,
      settings: {},
      http,
      get deadline() {
        return deadlineIn(60_000)
      },
      signal: new AbortController().signal,
      log: silentLog,
      token: () => Promise.resolve('sandbox'),
    },
    ask: async (call, form = '') => {
      const [method = 'GET', path = ''] = call.split(' ')
      const headers = {
        authorization: 'Bearer sandbox',
        'content-type': 'application/x-www-form-urlencoded',
      }
      const { status, body } = await other.send({
        method: method as 'GET',
        url: `${baseUrl}/v1/${path}`,
        headers,
        ...(method === 'GET' ? {} : { body: form }),
        waitMs: 60_000,
      })
      if (status !== 200) throw new Error(`${call} ${form}: ${body}`)
      return JSON.parse(body)
    },
    close: async () => {
      await Promise.all([http.close(), other.close()])
      await sandbox.close()
    },
  }
}

/** A table as the sync process would keep it, without its care. */
export interface Copy {
  readonly table: SyncedTable
  readonly rows: ReadonlyMap<string, Values>
  /** Asks for changes once more, to their end, and reads what was touched. What was told. */
  poll(): Promise<string[]>
}

/** Begins to follow, then reads all. */
export async function copyOf(name: string, caller: Caller): Promise<Copy> {
  const follow = follower()
  const table = await tableOf(name)
  let cursor = await follow.start(table, caller)
  const rows = await listed(name, caller)
  return {
    table,
    rows,
    poll: async () => {
      const told = new Set<string>()
      for (let more = true; more;) {
        const changes = await follow.changes(table, cursor, caller)
        for (const { id } of changes.touched) told.add(id)
        const ids = [...changes.touched]
        for (let at = 0; at < ids.length; at += follow.readMax) {
          const read = await follow.read(table, ids.slice(at, at + follow.readMax), caller)
          for (const { id, values } of read) {
            if (values === null) rows.delete(id)
            else rows.set(id, values)
          }
        }
        cursor = changes.next
        more = changes.more
      }
      return [...told]
    },
  }
}

/** All records of a table as its list has them. */
export async function listed(name: string, caller: Caller): Promise<Map<string, Values>> {
  const table = await tableOf(name)
  const rows = new Map<string, Values>()
  let cursor: string | null = null
  do {
    const page: Page = await stripe.page(table, cursor, caller)
    for (const { id, values } of page.rows) rows.set(id, values)
    cursor = page.next
  } while (cursor !== null)
  return rows
}

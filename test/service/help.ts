// A mutation service on a store of its own, with a platform that the test plays.

import type { Hono } from 'hono'
import type { Http } from '../../src/lib/http.ts'
import { createLog } from '../../src/lib/log.ts'
import { rowLimits } from '../../src/mutation/limits.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import type { Adapter, Caller } from '../../src/platforms/platform.ts'
import { salesforce } from '../../src/platforms/salesforce/index.ts'
import { createService, type Service, type ServiceDeps } from '../../src/service/service.ts'
import { createJournal } from '../../src/store/journal.ts'
import { saveListenerKey } from '../../src/store/keys.ts'
import { announce } from '../../src/store/presence.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { keyring } from '../store/help.ts'

export const listenerKey = 'listener key of the tests'.replaceAll(' ', '-')

/** Sends nothing: no test may reach a network by mistake. */
const noHttp: Http = {
  send: () => Promise.reject(new Error('No test sends HTTP')),
  close: () => Promise.resolve(),
}

/** What accepts every row as it was planned. */
export function accept(mutation: Mutation): Outcome {
  const deleted = mutation.operation === 'delete'
  const rows = mutation.rows.map(({ ordinal, id, values }) => ({
    ordinal,
    id: id ?? `new ${ordinal}`,
    values: deleted ? null : values,
  }))
  return { state: 'accepted', rows }
}

const noNews = { refused: false, news: [] }

export type Write = (mutation: Mutation, caller: Caller) => Promise<Outcome> | Outcome

/** An adapter of which the test plays the parts; the others are refused. */
export function fakeAdapter(
  parts:
    & Partial<Pick<Adapter, 'refresh' | 'page' | 'rates' | 'requests' | 'inquire'>>
    & { write?: Write } = {},
): Adapter & { writes: Mutation[] } {
  const writes: Mutation[] = []
  const none = () => Promise.reject(new Error('The test does not play this part'))
  return {
    writes,
    platform: 'salesforce',
    limits: rowLimits.salesforce,
    oauth: salesforce.oauth,
    rates: parts.rates ?? { rules: () => [], charges: () => [], learn: () => noNews },
    requests: parts.requests ?? (() => []),
    check: none,
    describe: none,
    page: parts.page ?? none,
    refresh: parts.refresh ?? none,
    ...(parts.inquire === undefined ? {} : { inquire: parts.inquire }),
    write: async (mutation, _table, caller) => {
      writes.push(mutation)
      return await (parts.write ?? accept)(mutation, caller)
    },
  }
}

/** A question under way while the machine stands still is no store that is down. */
const storeWaitMs = 30_000

export interface TestService extends Service {
  readonly store: Store
  readonly lines: string[]
  /** Leaves the store as a killed process does: its presence is gone. */
  close(): Promise<void>
}

/** One service process; several may share a store's URL. */
export async function testService(
  url: string,
  adapter: Adapter,
  deps: Partial<ServiceDeps> = {},
): Promise<TestService> {
  const store = openStore({ url, keyring, connectionsMax: 8, waitMs: storeWaitMs })
  const lines: string[] = []
  const log = createLog({ level: 'debug', write: (line) => lines.push(line) })
  const presence = await announce(store, { name: 'test', log })
  const journal = createJournal(store, presence)
  await saveListenerKey(store, { id: 'test', key: listenerKey })
  const adapterFor = () => adapter
  const service = createService({ store, journal, http: noHttp, adapterFor, log, ...deps })
  return {
    ...service,
    store,
    lines,
    close: async () => {
      await Promise.allSettled([presence.leave(), store.close()])
    },
  }
}

export const headers = { authorization: `Bearer ${listenerKey}` }

/** Posts a mutation as a listener does. */
export async function post(
  { app }: { app: Hono },
  mutation: unknown,
  { waitMs = 60_000 }: { waitMs?: number } = {},
): Promise<{ status: number; body: Answer }> {
  const body = JSON.stringify({ mutation, waitMs })
  const response = await app.request('/internal/mutations', { method: 'POST', headers, body })
  return { status: response.status, body: await response.json() as Answer }
}

/** An Outcome or a Problem: what a test looks at of either. */
export interface Answer {
  readonly state?: Outcome['state']
  readonly rows?: { ordinal: number; id: string }[]
  readonly title?: string
  readonly status?: number
  readonly type?: string
  readonly fault?: {
    code: string
    sqlstate: string
    message: string
    detail?: string
    hint?: string
  }
}

/** Waits until the condition holds; fails after `waitMs`, a minute by default. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  waitMs = 60_000,
): Promise<void> {
  const end = Date.now() + waitMs
  while (!await holds()) {
    if (Date.now() > end) throw new Error('The condition never held')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A promise with its handles. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => open = resolve)
  return { promise, open }
}

// Room service: the HTTP API for listeners. It holds the credentials and calls the platforms; a client that goes away
// stops nothing.

import { createHash, randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Deadline } from '../lib/deadline.ts'
import type { Http } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import type { Adapter, Caller } from '../platforms/platform.ts'
import { readConnection } from '../store/connections.ts'
import type { Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
import { readSyncConfig } from '../store/syncs.ts'
import { createAuthentication } from './authentication.ts'
import { createCredentials, type Credentials } from './credentials.ts'
import { faultFor, problemResponse } from './problem.ts'
import { bodyBytesMax, readApplied, readMutationRequest } from './request.ts'
import { createRunner, type Runner } from './runner.ts'
import { createSyncs } from './syncs.ts'

export interface ServiceDeps {
  readonly store: Store
  /** The journal as this process writes it. */
  readonly journal: Journal
  readonly http: Http
  readonly adapterFor: (platform: Platform) => Adapter
  readonly log: Log
  /** Milliseconds since 1970; Date.now when absent. */
  readonly now?: () => number
  /** Ids for what only the log may know; random UUIDs when absent. */
  readonly newId?: () => string
  /** Mutations under way at once, 1000 when absent. */
  readonly inFlightMax?: number
}

export interface Service {
  readonly app: Hono
  /** What an adapter needs, for those who call a platform outside a mutation (fill, recovery). Throws `not_found`. */
  callerFor(
    connectionId: string,
    options: { deadline: Deadline; signal?: AbortSignal },
  ): Promise<Caller>
  /** Takes no new mutations, waits for those under way. False: some were not settled in time. */
  drain(options: { waitMs: number }): Promise<boolean>
}

/** Makes the service. Routes: GET /internal/syncs/:id, POST /internal/mutations, POST /internal/applied,
 * GET /healthz, GET /readyz. */
export function createService(deps: ServiceDeps): Service {
  const { store, http, log } = deps
  const all = {
    ...deps,
    now: deps.now ?? Date.now,
    newId: deps.newId ?? randomUUID,
    inFlightMax: deps.inFlightMax ?? 1000,
  }
  const credentials = createCredentials(all)
  const runner = createRunner({ ...all, credentials, syncs: createSyncs(store) })
  const app = new Hono()
  app.onError((error) => problemResponse(faultFor(error, all)))
  app.notFound(() => problemResponse(fault('not_found', { message: 'no such route' }).data))
  addHealth(app, store)
  addInternal(app, { ...all, runner })
  return {
    app,
    callerFor: (id, options) => callerFor({ store, credentials, http, log }, id, options),
    drain: async ({ waitMs }) => {
      const drained = await runner.drain({ waitMs })
      return await credentials.flush() && drained
    },
  }
}

function addHealth(app: Hono, store: Store): void {
  app.get('/healthz', (c) => c.json({ status: 'up' }))
  app.get('/readyz', async (c) => {
    await store.ask('Asking the store', (sql) => sql`select 1`)
    return c.json({ status: 'ready' })
  })
}

interface Inside {
  readonly store: Store
  readonly journal: Journal
  readonly runner: Runner
  readonly now: () => number
}

function addInternal(app: Hono, inside: Inside): void {
  const { store, journal, runner } = inside
  const authentication = createAuthentication(inside)
  app.use('/internal/*', async (c, next) => {
    await authentication.check(c.req.header('authorization'))
    await next()
  })
  app.use('/internal/*', bodyLimit({ maxSize: bodyBytesMax, onError: tooLarge }))
  app.get('/internal/syncs/:id', async (c) => {
    const id = c.req.param('id')
    if (!/^\w{1,64}$/.test(id)) throw fault('not_found', { message: 'no such sync' })
    return tagged(await readSyncConfig(store, id), c.req.header('if-none-match'))
  })
  app.post('/internal/mutations', async (c) => {
    const body = new Uint8Array(await c.req.arrayBuffer())
    const { mutation, waitMs } = readMutationRequest(body)
    return c.json(await runner.run(mutation, { waitMs }))
  })
  app.post('/internal/applied', async (c) => {
    const ids = readApplied(new Uint8Array(await c.req.arrayBuffer()))
    await Promise.all(ids.map((id) => runner.settled(id)))
    return c.json({ applied: await journal.applied(ids) })
  })
}

/** JSON with an ETag over it, or 304 when the caller has it. Holds secrets, so nobody on the way may keep it. */
function tagged(value: unknown, ifNoneMatch: string | undefined): Response {
  const body = JSON.stringify(value)
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
  const headers = { etag, 'cache-control': 'no-store' }
  const known = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  if (known.includes(etag)) return new Response(null, { status: 304, headers })
  return new Response(body, { headers: { ...headers, 'content-type': 'application/json' } })
}

function tooLarge(): never {
  throw fault('too_many_rows', {
    message: 'request body is too large, nothing was sent',
    detail: `At most ${bodyBytesMax} bytes are taken.`,
  })
}

async function callerFor(
  deps: { store: Store; credentials: Credentials; http: Http; log: Log },
  id: string,
  { deadline, signal }: { deadline: Deadline; signal?: AbortSignal },
): Promise<Caller> {
  const { store, credentials, http, log } = deps
  const { baseUrl } = await readConnection(store, id)
  return {
    baseUrl,
    http,
    deadline,
    signal: signal ?? new AbortController().signal,
    log: log.with({ connection: id }),
    token: (refused) =>
      credentials.token(id, { deadline, ...(refused === undefined ? {} : { refused }) }),
  }
}

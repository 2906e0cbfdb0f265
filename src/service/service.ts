// Room service: the HTTP API for listeners. It holds the credentials and calls the platforms; a client that goes away
// stops nothing.

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { baseUrlFlaw, guardAddresses } from '../lib/addresses.ts'
import { required } from '../lib/assert.ts'
import { type Deadline, deadlineIn, remainingMs, withDeadline } from '../lib/deadline.ts'
import type { Http } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { createMetrics, type Metrics } from '../lib/metrics.ts'
import { answerMonitor, type Monitored, type Readiness } from '../lib/monitor.ts'
import { parseTraceparent } from '../lib/trace.ts'
import { fault } from '../mutation/fault.ts'
import type { Mutation } from '../mutation/mutation.ts'
import type { Statements } from '../mutation/statement.ts'
import type { Platform } from '../mutation/table.ts'
import type { Adapter, Caller } from '../platforms/platform.ts'
import type { Connection } from '../store/connections.ts'
import type { IdempotencyKeys } from '../store/idempotency.ts'
import type { Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
import { createFigures } from '../store/figures.ts'
import type { Presence } from '../store/presence.ts'
import { readSyncConfig } from '../store/syncs.ts'
import { addAdmin, type AdminDoorDeps } from './admin/admin.ts'
import type { Administration } from './admin/administration.ts'
import { noPlace, type Place } from './admin/place.ts'
import { createAuthentication } from './authentication.ts'
import { type Carrier, type CarrierDeps, createCarrier } from './carrier.ts'
import { type Callers, createCallers } from './callers.ts'
import { addConsole, type Console, type ConsoleDeps } from './console.ts'
import { type HttpProxies, noProxies } from './console-client.ts'
import { inquiryWaitMs } from './doubt.ts'
import { readiness } from './health.ts'
import { createServiceMetrics, type Door, resultOf, type ServiceMetrics } from './metrics.ts'
import { reconnectHint } from './oauth/link.ts'
import { addOAuth } from './oauth/routes.ts'
import { faultFor, problemResponse } from './problem.ts'
import {
  bodyBytesMax,
  isMutationId,
  readApplied,
  readLogin,
  readMutationRequest,
  readQuoteRequest,
} from './request.ts'
import { renewDue } from './renewal.ts'
import { createRunner, type Runner } from './runner.ts'
import { createSyncs } from './syncs.ts'
import { createDoor } from './v1/door.ts'
import { checkText } from './v1/lossless.ts'
import { addWebhooks } from './webhooks.ts'

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
  /** How long a client that is in doubt waits at most for what became of its mutation, 15 s when absent and at most. */
  readonly inquiryWaitMs?: number
  /** Where browsers reach the service, without a slash at the end; `http://localhost:8787` when absent. */
  readonly publicUrl?: string
  /** Origins besides its own that a browser may be sent to when an account is connected; none when absent. */
  readonly returnOrigins?: readonly string[]
  /** Where the service counts, and who may read it; absent: it counts for nobody. */
  readonly watched?: Watched
  /** The presence that the journal writes under; absent: nobody has announced this process. */
  readonly presence?: Pick<Presence, 'held'>
  /** The part of every platform's limits that work in the background may use; half when absent. */
  readonly backgroundShare?: number
  /** What the HTTP door needs; absent: there is none. */
  readonly door?: DoorParts
  /** Makes what the administrators' routes call; absent: there are none. */
  readonly administration?: (callerFor: Callers['callerFor']) => Administration
  /** Every object of a platform that can be synced; none when absent. */
  readonly objectsOf?: (platform: Platform) => readonly string[]
  /** Proxies in front that say who asks for the console; none when absent. */
  readonly httpProxies?: HttpProxies
  /** What is wrong with a base URL of a platform; when absent it has to be one of the public internet. */
  readonly baseUrlFlaw?: (url: string) => string | null
  /** Where clients and databases find this installation; this machine when absent. */
  readonly place?: Place
  /** Waits so many milliseconds before the console answers a wrong token, or until the signal; a timer when absent. */
  readonly holdBack?: NonNullable<ConsoleDeps['holdBack']>
}

export interface Watched {
  readonly registry: Metrics
  readonly metrics: ServiceMetrics
  /** Who asks for the figures must show this; nobody need when absent. */
  readonly token?: string
  /** The figures are told elsewhere (`Service.monitored`), and not at `/metrics`. */
  readonly apart?: boolean
}

export interface DoorParts {
  /** Makes what runs statements; their mutations go to the carrier. */
  readonly statements: (carrier: Carrier) => Statements
  readonly keys: IdempotencyKeys
}

export interface Service {
  readonly app: Hono
  /** How the process is, for a port of its own. */
  readonly monitored: Monitored
  /** What an adapter needs, for those who call a platform outside a mutation (fill, recovery). Throws `not_found`. */
  callerFor(
    connectionId: string,
    options: { deadline: Deadline; signal?: AbortSignal },
  ): Promise<Caller>
  /** Renews the tokens that are due, ahead of need; to be called every few minutes. Throws `service_unreachable`. */
  renewDue(options: { signal: AbortSignal }): Promise<number>
  /** Says at `/readyz` that it is about to end; everything goes on working. */
  warn(): void
  /** Takes no new mutations, waits for those under way. False: some were not settled in time. */
  drain(options: { waitMs: number }): Promise<boolean>
}

const internet = guardAddresses([])

/** Makes the service. Routes: GET /internal/syncs/:id, POST /internal/mutations, POST /internal/applied,
 * POST /internal/mutations/:id/cancel, POST /internal/quotes, GET /internal/ready, GET /healthz, GET /readyz, GET /metrics, GET /oauth/:platform/start and
 * /callback, POST /webhooks/:platform/:sync, those of the HTTP door, and where there is an administration /v1/admin and /console. */
export function createService(deps: ServiceDeps): Service {
  const { store } = deps
  const all = {
    ...deps,
    now: deps.now ?? Date.now,
    newId: deps.newId ?? randomUUID,
    inFlightMax: deps.inFlightMax ?? 1000,
    inquiryWaitMs: Math.min(deps.inquiryWaitMs ?? inquiryWaitMs, inquiryWaitMs),
    publicUrl: deps.publicUrl ?? 'http://localhost:8787',
    returnOrigins: deps.returnOrigins ?? [],
    random: (bytes: number) => randomBytes(bytes),
    place: deps.place ?? noPlace,
    httpProxies: deps.httpProxies ?? noProxies,
    baseUrlFlaw: deps.baseUrlFlaw ?? ((url: string) => baseUrlFlaw(url, internet)),
    objectsOf: deps.objectsOf ?? (() => []),
    monotonic: () => performance.now(),
    ...watchedOf(deps),
  }
  let draining = false
  const link = { publicUrl: all.publicUrl, keyring: store.keyring }
  const hintFor = (connection: Connection) => reconnectHint(link, connection, all.now())
  const callers = createCallers({ ...all, hintFor })
  const { credentials, limiter, turns } = callers
  const runner = createRunner({ ...all, credentials, turns, syncs: createSyncs(store) })
  all.metrics.watch({
    underWay: () => runner.size,
    waiting: () => limiter.waiting(),
    questions: () => store.questions,
    figures: createFigures(all),
  })
  const app = new Hono()
  addCounting(app, all.metrics)
  app.onError((error) => problemResponse(faultFor(error, all)))
  app.notFound((c) => noRoute(app, c))
  const ready = () => readiness({ ...all, draining: () => draining })
  const monitored = { ...all.monitored, ready }
  addMonitor(app, monitored, { figures: deps.watched?.apart !== true })
  addInternal(app, { ...all, runner, ready })
  app.use('/oauth/*', async (c, next) => {
    checkQuery(c.req.query())
    await next()
  })
  addOAuth(app, all)
  addWebhooks(app, all)
  const consoleOf = addAdministration(app, { ...all, callers })
  const door = deps.door === undefined ? null : openDoor(app, { ...all, runner, parts: deps.door })
  return {
    app,
    monitored,
    callerFor: (id, options) => callers.callerFor(id, options),
    renewDue: (options) => renewDue({ ...all, credentials }, options),
    warn: () => void (draining = true),
    drain: async ({ waitMs }) => {
      draining = true
      consoleOf?.close()
      const deadline = deadlineIn(waitMs, all.now())
      const [drained] = await Promise.all([runner.drain({ waitMs }), door?.close(deadline)])
      return await callers.close() && drained
    },
  }
}

/** Adds the administrators' routes and the console above them; null: there are none. */
function addAdministration(
  app: Hono,
  { callers, administration, ...deps }:
    & Omit<AdminDoorDeps & ConsoleDeps, 'administration' | 'callerFor' | 'waiting'>
    & Pick<ServiceDeps, 'administration'>
    & { readonly callers: Callers },
): Console | null {
  if (administration === undefined) return null
  const callerFor: Callers['callerFor'] = (id, options) => callers.callerFor(id, options)
  const waiting = () => callers.limiter.waiting()
  addAdmin(app, { ...deps, callerFor, waiting, administration: administration(callerFor) })
  return addConsole(app, deps)
}

/** Of the time there is to close the door, so much is for keeping the answers, in milliseconds. */
const keepWaitMs = 2_000

/** Adds the HTTP door's routes. `close` takes no more statements and waits for those under way. */
function openDoor(
  app: Hono,
  { parts, ...deps }: CarrierDeps & { store: Store; now: () => number; parts: DoorParts },
): { close(deadline: Deadline): Promise<void> } {
  const carrier = createCarrier(deps)
  const statements = parts.statements(carrier)
  const settled = (id: string) => carrier.settled(id)
  const lookAgain = (mutation: Mutation) => carrier.lookAgain(mutation)
  const door = createDoor({ ...deps, statements, settled, lookAgain, keys: parts.keys })
  app.route('/', door.app)
  return {
    close: async (deadline) => {
      const leftMs = remainingMs(deadline, deps.now())
      await statements.close({ graceMs: Math.max(leftMs - keepWaitMs, leftMs / 2) })
      const kept = Promise.all([carrier.settle(), door.settle()])
      const waitMs = remainingMs(deadline, deps.now())
      await withDeadline(kept, { waitMs, what: 'Keeping the answers' })
        .catch((error: unknown) => deps.log.warn('door.not_settled', { error }))
    },
  }
}

/** Where the service counts. */
function watchedOf({ watched, log }: Pick<ServiceDeps, 'watched' | 'log'>) {
  const registry = watched?.registry ?? createMetrics({ log })
  const metrics = watched?.metrics ?? createServiceMetrics(registry)
  const token = watched?.token
  return { metrics, monitored: { metrics: registry, log, ...(token ? { token } : {}) } }
}

function addMonitor(app: Hono, monitored: Monitored, { figures }: { figures: boolean }): void {
  for (const path of ['/healthz', '/readyz', ...figures ? ['/metrics'] : []]) {
    app.get(path, async (c) => {
      const authorization = c.req.header('authorization')
      const answer = required(await answerMonitor(monitored, { path, authorization }), path)
      return c.newResponse(answer.body, answer.status, { ...answer.headers })
    })
  }
}

/** What the routes of a door begin with. */
const doorOf: Readonly<Record<string, Door>> = { internal: 'internal', v1: 'v1', oauth: 'oauth' }

function addCounting(app: Hono, { http }: ServiceMetrics): void {
  app.use(async (c, next) => {
    await next()
    const door = doorOf[c.req.path.split('/')[1] ?? ''] ?? 'other'
    const result = resultOf(c.res.status)
    http.add({ door, status: result === '429' ? '4xx' : result })
  })
}

interface Inside {
  readonly store: Store
  readonly journal: Journal
  readonly runner: Runner
  readonly now: () => number
  readonly log: Log
  readonly ready: () => Promise<Readiness>
}

function addInternal(app: Hono, inside: Inside): void {
  const { store, journal, runner, log } = inside
  const authentication = createAuthentication(inside)
  const permit = (c: Context, syncId: string) =>
    authentication.permit(c.req.header('authorization'), syncId)
  app.use('/internal/*', async (c, next) => {
    await authentication.check(c.req.header('authorization'))
    await next()
  })
  app.use('/internal/*', bodyLimit({ maxSize: bodyBytesMax, onError: tooLarge }))
  app.get('/internal/ready', async (c) => {
    const { notReady } = await inside.ready()
    return c.json({ notReady }, notReady.length === 0 ? 200 : 503)
  })
  app.get('/internal/syncs/:id', async (c) => {
    const id = c.req.param('id')
    if (!/^\w{1,64}$/.test(id)) throw fault('not_found', { message: 'no such sync' })
    await permit(c, id)
    return tagged(await readSyncConfig(store, id), c.req.header('if-none-match'))
  })
  app.post('/internal/mutations', async (c) => {
    const body = new Uint8Array(await c.req.arrayBuffer())
    const { mutation, waitMs } = readMutationRequest(body)
    await permit(c, mutation.syncId)
    const trace = parseTraceparent(c.req.header('traceparent') ?? '')
    const named = { ...mutation, ...readLogin(c.req.header('sluice-login')) }
    return c.json(await runner.run(named, { waitMs, trace }))
  })
  app.post('/internal/quotes', async (c) => {
    const body = new Uint8Array(await c.req.arrayBuffer())
    const mutation = readQuoteRequest(body)
    await permit(c, mutation.syncId)
    return c.json(await runner.quote(mutation))
  })
  app.post('/internal/mutations/:id/cancel', async (c) => {
    const id = c.req.param('id').toLowerCase()
    if (!isMutationId(id)) throw fault('not_found', { message: 'no such mutation' })
    const syncs = await authentication.scope(c.req.header('authorization'))
    return c.json({ state: await runner.cancel(id, { syncs }) })
  })
  app.post('/internal/applied', async (c) => {
    const ids = readApplied(new Uint8Array(await c.req.arrayBuffer()))
    const syncs = await authentication.scope(c.req.header('authorization'))
    await Promise.all(ids.map((id) => runner.settled(id)))
    const applied = await journal.applied(ids, { syncs })
    for (const id of applied) log.debug('mutation.applied', { mutation: id })
    return c.json({ applied })
  })
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** 404, or 405 where the path is one of other methods. */
function noRoute(app: Hono, { req: { path, method } }: Context): Response {
  const allowed = methods.filter((each) =>
    app.router.match(each, path)[0].some(([[, route]]) => route.method === each)
  )
  // a route of this method that has passed the request on found nothing
  if (allowed.length === 0 || (allowed as readonly string[]).includes(method)) {
    return problemResponse(fault('not_found', { message: 'no such route' }).data)
  }
  const message = `${method} is not a method of this path`
  const response = problemResponse(fault('method_not_allowed', { message }).data)
  response.headers.set('allow', allowed.join(', '))
  return response
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

/** Throws `bad_request` for values that the store cannot be asked for. */
function checkQuery(query: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(query)) checkText(value, `the value of ${name}`)
}

function tooLarge(): never {
  throw fault('too_many_rows', {
    message: 'request body is too large, nothing was sent',
    detail: `At most ${bodyBytesMax} bytes are taken.`,
  })
}

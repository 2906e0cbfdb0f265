// Room service: the HTTP door. Every write takes the way that a statement takes at the SQL door: same engine, same checks,
// same journal, the API first and then the database.

import { createHash } from 'node:crypto'
import { type Context, Hono } from 'hono'
import type { Log } from '../../lib/log.ts'
import { parseTraceparent } from '../../lib/trace.ts'
import { fault } from '../../mutation/fault.ts'
import type { Mutation, Outcome } from '../../mutation/mutation.ts'
import type { Statements } from '../../mutation/statement.ts'
import type { IdempotencyKeys, KeyedRequest } from '../../store/idempotency.ts'
import type { Journal } from '../../store/journal.ts'
import type { Store } from '../../store/store.ts'
import { type DoorAnswer, problemAnswer } from './answer.ts'
import { readBody } from './body.ts'
import { createTokenAuthentication } from './authentication.ts'
import { checkIdsBody, checkQueryBody, checkRecordsBody } from './check.ts'
import { createConfigs, tableOf } from './configs.ts'
import { documentOf } from './document.ts'
import { docsPage, docsPolicy } from './docs.ts'
import { answerList, answerOne } from './history.ts'
import { type Json, readJson } from './lossless.ts'
import { createOnce, type Once } from './once.ts'
import { resume } from './resume.ts'
import {
  deleteRoute,
  insertRoute,
  listRoute,
  queryRoute,
  readRoute,
  updateRoute,
} from './routes.ts'
import { insertBodySchema, keyCharsMax, updateBodySchema } from './schemas.ts'
import {
  type Plan,
  planDelete,
  planInsert,
  planQuery,
  planUpdate,
  type Target,
} from './statements.ts'

export interface DoorDeps {
  readonly store: Store
  readonly journal: Journal
  readonly statements: Statements
  readonly keys: IdempotencyKeys
  /** Resolves when the mutation's outcome, if it is under way in this process, is in the journal. */
  readonly settled: (mutationId: string) => Promise<void>
  /** What became of a mutation in doubt, which is not sent again. Null: that cannot be said now. Never throws. */
  readonly lookAgain: (mutation: Mutation) => Promise<Outcome | null>
  readonly log: Log
  readonly now: () => number
  readonly newId: () => string
}

export interface Door {
  readonly app: Hono<DoorEnv>
  /** Waits until the answers given are kept under their keys. */
  settle(): Promise<void>
}

export interface DoorEnv {
  Variables: { syncId: string }
}

/** Makes the door. Routes: those of `routes`, GET /openapi.json, GET /docs. */
export function createDoor(deps: DoorDeps): Door {
  const app = new Hono<DoorEnv>()
  const once = createOnce(deps)
  const authentication = createTokenAuthentication(deps)
  app.use('/v1/*', async (c, next) => {
    const { syncId } = await authentication.check(c.req.header('authorization'))
    const asked = /^\/v1\/syncs\/([^/]*)/.exec(c.req.path)?.[1]
    if (asked !== undefined && asked !== syncId) throw otherSync()
    c.set('syncId', syncId)
    await next()
  })
  addWrites(app, { ...deps, once })
  addReads(app, deps)
  const document = documentOf()
  const json = JSON.stringify(document)
  const page = docsPage(document)
  app.get('/openapi.json', (c) => c.body(json, 200, { 'content-type': 'application/json' }))
  app.get('/docs', (c) => {
    c.header('content-security-policy', docsPolicy)
    return c.html(page)
  })
  return { app, settle: () => once.settle() }
}

type DoorContext = Context<DoorEnv>

/** What a route makes of a request; the body has been read. */
type Planner = (c: DoorContext, target: Target, body: Json | undefined) => Plan

function addWrites(app: Hono<DoorEnv>, deps: DoorDeps & { once: Once }): void {
  const configs = createConfigs(deps)
  const add = (route: { method: string; path: string }, planner: Planner): void => {
    app.on(route.method, honoPath(route.path), async (c) => {
      const bytes = await readBody(c.req.raw)
      const keyed = keyedRequest(c, bytes)
      const trace = parseTraceparent(c.req.header('traceparent') ?? '')
      const config = await configs.get(c.var.syncId)
      const target = { config, signal: c.req.raw.signal, trace }
      const body = bytes.length === 0 ? undefined : readJson(bytes)
      return respond(c, await write(deps, keyed, planner(c, target, body)))
    })
  }
  const table = (c: DoorContext, { config }: Target) => tableOf(config, c.req.param('table') ?? '')
  add(insertRoute, (c, target, body) => {
    const records = checkRecordsBody(insertBodySchema, body ?? null)
    return planInsert(deps, target, { table: table(c, target), records })
  })
  add(updateRoute, (c, target, body) => {
    const records = checkRecordsBody(updateBodySchema, body ?? null)
    return planUpdate(deps, target, { table: table(c, target), records })
  })
  add(deleteRoute, (c, target, body) => {
    const ids = checkIdsBody(body, c.req.queries('id') ?? [])
    return planDelete(deps, target, { table: table(c, target), ids })
  })
  add(queryRoute, (_c, target, body) => planQuery(deps, target, checkQueryBody(body ?? null)))
}

async function write(
  deps: DoorDeps & { once: Once },
  keyed: KeyedRequest | null,
  plan: Plan,
): Promise<DoorAnswer> {
  return await deps.once.do(keyed, {
    run: (mutationId) => plan.run(mutationId),
    resume: (mutationId) =>
      resume(deps, mutationId, plan)
        .catch((error: unknown) => ({ ...problemAnswer(error, deps), key: 'leave' as const })),
  })
}

function addReads(app: Hono<DoorEnv>, { store }: DoorDeps): void {
  app.get(honoPath(listRoute.path), async (c) => {
    return c.json(await answerList(store, { syncId: c.var.syncId, query: c.req.query() }))
  })
  app.get(honoPath(readRoute.path), async (c) => {
    const id = c.req.param('id') ?? ''
    return c.json(await answerOne(store, { syncId: c.var.syncId, id }))
  })
}

/** `{name}` → `:name` */
function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

/** The request under its Idempotency-Key: same method, address and body are the same request. Throws `bad_request`. */
function keyedRequest(c: DoorContext, body: Uint8Array): KeyedRequest | null {
  const key = c.req.header('idempotency-key')
  if (key === undefined) return null
  if (!/^[\x20-\x7e]+$/.test(key) || key.length > keyCharsMax) {
    throw fault('bad_request', {
      message: `Idempotency-Key must be 1 to ${keyCharsMax} printable ASCII characters`,
    })
  }
  const { pathname, search } = new URL(c.req.url)
  const head = JSON.stringify([c.req.method, pathname, search])
  const hash = createHash('sha256').update(head).update('\0').update(body).digest()
  return { syncId: c.var.syncId, key, hash }
}

function respond(c: DoorContext, answer: DoorAnswer): Response {
  const { status, contentType, body, headers } = answer
  return c.newResponse(body, status as 200, {
    'content-type': contentType,
    'cache-control': 'no-store',
    ...headers,
  })
}

function otherSync(): Error {
  return fault('unauthorized', { message: 'the token is not for this sync' })
}

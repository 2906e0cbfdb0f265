// Room service: what administrators look at: the journal, what it comes to, the buckets, the place.

import type { Context } from 'hono'
import { type Deadline, deadlineIn } from '../../lib/deadline.ts'
import { catalogue, Fault, fault, type FaultCode } from '../../mutation/fault.ts'
import { requestWaitMs } from '../../mutation/limits.ts'
import { type Platform, platforms } from '../../mutation/table.ts'
import type { Adapter, Caller } from '../../platforms/platform.ts'
import { readConnection } from '../../store/connections.ts'
import { readMinutes } from '../../store/minutes.ts'
import { listOAuthApps } from '../../store/oauth-apps.ts'
import type { Store } from '../../store/store.ts'
import { isMutationId } from '../request.ts'
import { check } from '../v1/check.ts'
import { entryOf } from './activity.ts'
import type { Administration } from './administration.ts'
import { bodyOf, param } from './body.ts'
import { readBuckets } from './buckets.ts'
import { activityQuerySchema, figuresQuerySchema, insightRoutes } from './insight-routes.ts'
import { linkBodySchema } from './insight-schemas.ts'
import { linkTo } from './link.ts'
import { readOverview } from './overview.ts'
import type { Place } from './place.ts'
import { shownText } from './redact.ts'
import { remembered } from './remember.ts'
import { createSearch } from './search.ts'

export interface InsightDeps {
  readonly store: Store
  readonly adapterFor: (platform: Platform) => Adapter
  /** Every object of a platform that can be synced, as `describe` takes them. */
  readonly objectsOf: (platform: Platform) => readonly string[]
  readonly callerFor: (connectionId: string, options: { deadline: Deadline }) => Promise<Caller>
  /** Jobs of this process that wait for their turn. */
  readonly waiting: () => ReadonlyMap<Platform, number>
  readonly now: () => number
  /** Where browsers reach the service, without a slash at the end. */
  readonly publicUrl: string
  readonly returnOrigins: readonly string[]
  /** What is wrong with a base URL, in words that go after "the URL"; null: nothing. */
  readonly baseUrlFlaw: (url: string) => string | null
  readonly place: Place
  readonly administration: Pick<Administration, 'rows'>
}

interface Told {
  readonly message: string
  readonly detail?: string | undefined
}

type Add = (
  route: { method: string; path: string },
  handler: (c: Context) => Promise<Response>,
) => void

/** Custom objects that are told of. */
const customMax = 500
const activityLimit = 50
const activityMinutes = 24 * 60
const figuresMinutes = 60
/** A hundred thousand mutations an hour take half a second to count; so long it is told what was counted. */
const figuresKeepMs = 10_000
const overviewKeepMs = 2_000
/** To count rows is a connection to the customer's database, and work there. */
const rowsKeepMs = 20_000

/** Adds the routes of `insightRoutes`. */
export function addInsight(add: Add, deps: InsightDeps): void {
  addJournal(add, deps)
  addConnecting(add, deps)
  const { store, now } = deps
  const figures = remembered(
    (query: Parameters<typeof readMinutes>[1]) => readMinutes(store, query),
    { keepMs: figuresKeepMs, now },
  )
  const lately = () => figures({ syncId: null, minutes: figuresMinutes })
  const overview = remembered(async () => await readOverview(deps, await lately()), {
    keepMs: overviewKeepMs,
    now,
  })
  const count = async (sync: string) => await deps.administration.rows?.(sync) ?? []
  const rows = remembered(count, { keepMs: rowsKeepMs, now })
  add(insightRoutes.figures, async (c) => {
    const query = check(figuresQuerySchema, c.req.query(), 'the query')
    const { sync: syncId = null, minutes: span = figuresMinutes } = query
    const { minutes, syncs, faults } = await figures({ syncId, minutes: span })
    const blamed = faults.map((each) => ({ ...each, blame: blameOf(each.code) }))
    return c.json({ minutes, syncs, faults: blamed })
  })
  add(insightRoutes.overview, async (c) => c.json(await overview('all')))
  add(insightRoutes.buckets, async (c) => c.json(await readBuckets(deps)))
  add(insightRoutes.rows, async (c) => c.json({ tables: await rows(param(c, 'sync')) }))
  add(insightRoutes.place, async (c) => {
    const apps = new Set((await listOAuthApps(store)).map(({ platform }) => platform))
    const known = platforms.map((platform) => {
      const { oauth, mint } = deps.adapterFor(platform)
      const baseUrl = oauth.apiUrl ?? new URL(oauth.authorizeUrl).origin
      return { platform, oauth: apps.has(platform), app: mint !== undefined, baseUrl }
    })
    return c.json({ ...deps.place, platforms: known })
  })
}

function addJournal(add: Add, deps: InsightDeps): void {
  const search = createSearch(deps.store)
  add(insightRoutes.mutations, async (c) => {
    const query = check(activityQuerySchema, c.req.query(), 'the query')
    const { limit = activityLimit, since = activityMinutes } = query
    const { mutations, next } = await search({
      syncId: query.sync ?? null,
      state: query.state ?? null,
      table: query.table ?? null,
      operation: query.operation ?? null,
      by: query.by ?? null,
      text: query.q ?? null,
      sinceMs: since * 60_000,
      after: query.after === undefined ? null : readPlace(query.after),
      limit,
    })
    return c.json({
      mutations: mutations.map((each) => ({ ...each, fault: told(each.fault) })),
      next: next === null ? null : `${next.receivedAt}_${next.id}`,
    })
  })
  add(insightRoutes.mutation, async (c) => {
    const id = param(c, 'mutation').toLowerCase()
    const entry = isMutationId(id) ? await entryOf(deps, id) : null
    if (entry === null) throw fault('not_found', { message: 'no such mutation' })
    return c.json({ ...entry, fault: told(entry.fault) })
  })
}

function readPlace(text: string): { receivedAt: string; id: string } {
  const [, receivedAt = '', id = ''] = /^([0-9T:.+-]{20,40})_([0-9a-f-]{36})$/.exec(text) ?? []
  if (isMutationId(id) && !Number.isNaN(Date.parse(receivedAt))) return { receivedAt, id }
  throw fault('bad_request', { message: 'after is not the next of a page' })
}

function told<T extends Told>(problem: T | null): T | null {
  if (problem === null) return null
  const { detail, message } = problem
  return {
    ...problem,
    message: shownText(message),
    ...(detail === undefined ? {} : { detail: shownText(detail) }),
  }
}

function addConnecting(add: Add, deps: InsightDeps): void {
  const { store } = deps
  add(insightRoutes.link, async (c) => {
    const body = await bodyOf(c, linkBodySchema)
    return c.json(await linkTo(deps, { id: param(c, 'connection'), ...body }), 201)
  })
  add(insightRoutes.objects, async (c) => {
    const id = param(c, 'connection')
    const { platform } = await readConnection(store, id)
    const deadline = deadlineIn(requestWaitMs, deps.now())
    const caller = await deps.callerFor(id, { deadline })
    const shapes = await deps.adapterFor(platform).describe(deps.objectsOf(platform), caller)
    const custom = await customOf(deps.adapterFor(platform), caller)
    const objects = shapes.map(({ object, name, columns }) => ({
      object,
      name,
      fields: columns.map(({ field, name, type, required, insertable, updatable }) => ({
        field,
        name,
        type,
        required,
        writable: insertable || updatable,
      })),
    }))
    return c.json({ objects, custom })
  })
}

/** Whoever may not list them can still name them. */
async function customOf(adapter: Adapter, caller: Caller): Promise<readonly string[]> {
  try {
    return (await adapter.custom?.(caller) ?? []).slice(0, customMax)
  } catch (error) {
    if (error instanceof Fault) return []
    throw error
  }
}

function blameOf(code: string): string {
  return Object.hasOwn(catalogue, code) ? catalogue[code as FaultCode].blame : 'service'
}

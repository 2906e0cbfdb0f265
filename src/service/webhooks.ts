// Room service: where platforms tell that something has changed: POST /webhooks/{platform}/{sync}. What a delivery carries is
// never written anywhere: it only says which records are to be read again. It is answered when that is committed, so
// that one that fails comes again, and one that comes twice does no harm.

import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Log } from '../lib/log.ts'
import { fault } from '../mutation/fault.ts'
import { type Platform, platforms, type SyncedTable } from '../mutation/table.ts'
import type { Adapter, Delivery, Settings, Webhooks } from '../platforms/platform.ts'
import { isDelivered, noteDelivery } from '../store/deliveries.ts'
import { noteHints } from '../store/hints.ts'
import type { Store } from '../store/store.ts'
import { readSync } from '../store/syncs.ts'
import { requestLook } from '../store/tables.ts'
import { type KeptRegistration, readWebhook, requestCollect } from '../store/webhooks.ts'
import { createFlood, type Flood } from './webhooks-flood.ts'

export interface WebhooksDeps {
  readonly store: Store
  readonly adapterFor: (platform: Platform) => Adapter
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** The base of the addresses that platforms were given, without a slash at the end. */
  readonly publicUrl: string
}

/** Longest body, in bytes. */
export const webhookBytesMax = 5 * 1024 * 1024
/** What is known of a sync is good for so long, in milliseconds. */
const keptMs = 5_000
const syncsKeptMax = 1_000

/** Adds the routes. */
export function addWebhooks(app: Hono, deps: WebhooksDeps): void {
  const flood = createFlood(deps)
  const known = createKnown(deps)
  const path = '/webhooks/:platform/:sync'
  app.use(path, bodyLimit({ maxSize: webhookBytesMax, onError: (c) => c.body(null, 413) }))
  // some platforms look whether somebody is there; whoever asks hears the same of every sync
  app.get(path, (c) => c.body(null, 200))
  app.post(path, async (c) => {
    const { platform, sync: id } = c.req.param()
    const entered = flood.enter(id)
    if (entered !== 'in') return later(c, entered)
    try {
      return await hear(deps, { c, platform, id, known, flood })
    } finally {
      flood.leave()
    }
  })
}

function later(c: Context, why: 'sync' | 'all'): Response {
  return c.body(null, why === 'sync' ? 429 : 503, { 'retry-after': '5' })
}

/** What is known of a sync's webhook. */
interface Hooked {
  readonly webhooks: Webhooks
  readonly registration: KeptRegistration
  readonly tables: readonly SyncedTable[]
  readonly settings: Settings
}

interface Known {
  /** Null: there is no such sync of that platform, or it has no webhook. `fresh`: the store is asked anew. */
  find(id: string, options: { platform: string; fresh: boolean }): Promise<Hooked | null>
}

interface Arrival {
  readonly c: Context
  readonly platform: string
  readonly id: string
  readonly known: Known
  readonly flood: Flood
}

async function hear(
  deps: WebhooksDeps,
  { c, platform, id, known, flood }: Arrival,
): Promise<Response> {
  const body = new Uint8Array(await c.req.arrayBuffer())
  for (const fresh of [false, true]) {
    const hooked = await known.find(id, { platform, fresh })
    if (hooked === null) break
    const headers = new Map(Object.entries(c.req.header()))
    const delivery = receive(deps, { hooked, headers, body, platform, id })
    if (delivery.kind === 'heard') return await take(deps, { c, id, hooked, delivery })
    if (!fresh) continue // its secret may be another one by now
    flood.refused(id)
    deps.log.info('webhook.refused', { sync: id, platform, why: delivery.why })
    return c.body(null, 401)
  }
  throw fault('not_found', { message: 'no such route' })
}

function receive(
  { publicUrl, now, log }: WebhooksDeps,
  { hooked, headers, body, platform, id }: {
    hooked: Hooked
    headers: ReadonlyMap<string, string>
    body: Uint8Array
    platform: string
    id: string
  },
): Delivery {
  const { webhooks, registration, tables, settings } = hooked
  const url = `${publicUrl}/webhooks/${platform}/${id}`
  try {
    return webhooks.receive({ headers, body, url, registration, tables, settings, now: now() })
  } catch (error) {
    log.error('webhook.not_understood', { sync: id, platform, error })
    return { kind: 'refused', why: 'it could not be understood' }
  }
}

type Heard = Extract<Delivery, { kind: 'heard' }>

/** What it says is committed before it is answered, and only then does it count as taken. */
async function take(
  { store, log }: WebhooksDeps,
  { c, id: syncId, hooked, delivery }: {
    c: Context
    id: string
    hooked: Hooked
    delivery: Heard
  },
): Promise<Response> {
  const { id, touched, look, collect, answer } = delivery
  const again = id !== null && await isDelivered(store, { syncId, id })
  if (!again) {
    const named = (object: string) => hooked.tables.filter((table) => table.object === object)
    const hints = touched.flatMap(({ object, ref }) =>
      named(object).map(({ name }) => ({ table: name, ...ref }))
    )
    await noteHints(store, { syncId, hints })
    const tables = look.flatMap((object) => named(object).map(({ name }) => name))
    await requestLook(store, { syncId, tables })
    if (collect) await requestCollect(store, syncId)
    await noteDelivery(store, { syncId, id })
    log.debug('webhook.heard', { sync: syncId, hints: hints.length, look: tables.length, collect })
  }
  if (answer === undefined) return c.body(null, 200)
  return c.body(answer.body, 200, { 'content-type': answer.contentType })
}

/** Looks syncs up, and remembers for some seconds what there is and what there is not. */
function createKnown(deps: WebhooksDeps): Known {
  const kept = new Map<string, { readonly at: number; readonly hooked: Promise<Hooked | null> }>()
  return {
    find: async (id, { platform, fresh }) => {
      const key = `${platform}\n${id}`
      const found = kept.get(key)
      const at = deps.now()
      const age = at - (found?.at ?? -Infinity)
      // whoever floods us with bad signatures must not make us ask the store each time
      if (found !== undefined && age < (fresh ? keptMs / 5 : keptMs)) return await found.hooked
      const hooked = lookUp(deps, { id, platform })
      kept.delete(key)
      kept.set(key, { at, hooked })
      const oldest = kept.keys().next()
      if (kept.size > syncsKeptMax && !oldest.done) kept.delete(oldest.value)
      hooked.catch(() => kept.delete(key))
      return await hooked
    },
  }
}

async function lookUp(
  { store, adapterFor }: WebhooksDeps,
  { id, platform }: { id: string; platform: string },
): Promise<Hooked | null> {
  if (!platforms.some((name) => name === platform) || !/^\w{1,64}$/.test(id)) return null
  const webhook = await readWebhook(store, id)
  if (webhook === null || webhook.registration === null) return null
  const sync = await readSync(store, id)
  const { webhooks } = adapterFor(sync.platform).follow ?? {}
  if (sync.platform !== platform || webhooks === undefined) return null
  const { tables, settings } = sync
  return { webhooks, registration: webhook.registration, tables, settings }
}

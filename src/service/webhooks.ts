// Room service: where platforms tell that something has changed: POST /webhooks/{platform}/{sync}. What a delivery carries is
// never written anywhere: it only says which records are to be read again. It is answered when that is committed, so
// that one that fails comes again, and one that comes twice does no harm.

import type { Context, Hono } from 'hono'
import type { Log } from '../lib/log.ts'
import { fault } from '../mutation/fault.ts'
import type { Delivery } from '../platforms/platform.ts'
import { isDelivered, noteDelivery } from '../store/deliveries.ts'
import { noteHints } from '../store/hints.ts'
import { requestLook } from '../store/tables.ts'
import { requestCollect } from '../store/webhooks.ts'
import { readDelivery } from './webhooks-body.ts'
import { createFlood, type Flood, type From } from './webhooks-flood.ts'
import { createKnown, type Hooked, type Known, type KnownDeps } from './webhooks-known.ts'

export interface WebhooksDeps extends KnownDeps {
  readonly log: Log
  /** The base of the addresses that platforms were given, without a slash at the end. */
  readonly publicUrl: string
  /** How long a body may take, in milliseconds; ten seconds when absent. */
  readonly bodyWaitMs?: number | undefined
}

/** Longest body, in bytes. */
export const webhookBytesMax = 5 * 1024 * 1024
/** From where many came with a bad signature. */
const suspectBytesMax = 256 * 1024
const bodyWaitMs = 10_000

/** Adds the routes. A sync is looked up before anything is read: what strangers send for none takes no place. */
export function addWebhooks(app: Hono, deps: WebhooksDeps): void {
  const [flood, known] = [createFlood(deps), createKnown(deps)]
  const path = '/webhooks/:platform/:sync'
  // some platforms look whether somebody is there; whoever asks hears the same of every sync
  app.get(path, (c) => c.body(null, 200))
  app.post(path, async (c) => {
    const { platform, sync: syncId } = c.req.param()
    const from = { syncId, address: addressOf(c) }
    const mayAsk = () => flood.mayMiss(from.address)
    const find = (fresh: boolean) => known.find(syncId, { platform, fresh, mayAsk })
    const hooked = await find(false)
    if (hooked === 'busy') return later(c, 503)
    if (hooked === null) {
      flood.missed(from.address)
      throw noSuch()
    }
    const entered = flood.enter(from)
    if (entered !== 'in') return later(c, entered === 'many' ? 429 : 503)
    try {
      return await hear(deps, { c, platform, from, hooked, find, flood })
    } finally {
      flood.leave(from)
    }
  })
}

/** Of who has connected: behind a proxy, the proxy's. */
function addressOf({ env }: Context): string {
  const { incoming } = (env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
  return incoming?.socket?.remoteAddress ?? ''
}

function later(c: Context, status: 429 | 503): Response {
  return c.body(null, status, { 'retry-after': '5' })
}

/** The connection cannot be used again: there is more of the body to come. */
function unread(c: Context, status: 408 | 413 | 429): Response {
  const headers = { connection: 'close' }
  return c.body(null, status, status === 413 ? headers : { ...headers, 'retry-after': '5' })
}

function noSuch(): Error {
  return fault('not_found', { message: 'no such route' })
}

interface Arrival {
  readonly c: Context
  readonly platform: string
  readonly from: From
  readonly hooked: Hooked
  /** Looks the sync up again. */
  readonly find: (fresh: boolean) => ReturnType<Known['find']>
  readonly flood: Flood
}

async function hear(deps: WebhooksDeps, arrival: Arrival): Promise<Response> {
  const { c, platform, from, flood, find } = arrival
  const suspect = flood.suspects(from)
  const bytesMax = suspect ? suspectBytesMax : webhookBytesMax
  const waitMs = deps.bodyWaitMs ?? bodyWaitMs
  const body = await readDelivery(c.req.raw, { bytesMax, waitMs })
  if (body === 'late') return unread(c, 408)
  if (body === 'long') return unread(c, suspect ? 429 : 413)
  const headers = new Map(Object.entries(c.req.header()))
  let why = ''
  for (const fresh of [false, true]) {
    // its secret may be another one by now
    const hooked = fresh ? await find(true) : arrival.hooked
    if (hooked === 'busy') return later(c, 503)
    if (hooked === null) throw noSuch()
    const delivery = receive(deps, { hooked, headers, body, platform, id: from.syncId })
    if (delivery.kind === 'heard') {
      flood.heard(from)
      return await take(deps, { c, id: from.syncId, hooked, delivery })
    }
    why = delivery.why
  }
  flood.refused(from)
  if (!suspect) deps.log.info('webhook.refused', { sync: from.syncId, platform, why })
  return c.body(null, 401)
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

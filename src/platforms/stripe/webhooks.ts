// Room platforms: how Stripe calls us: endpoints that it delivers events to. What an event carries is not believed, only
// which records it names. Sources: Stripe API reference, "Webhook Endpoints" (16 of them at most); Stripe documentation,
// "Receive Stripe events in your webhook endpoint".

import { Fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type JsonObject, tryParseJson } from '../json.ts'
import type { Caller, Delivery, Registration, Touched, Webhooks } from '../platform.ts'
import { answered, jsonOf, unanswered } from '../reading.ts'
import { segmentOf } from '../segment.ts'
import { type ApiRequest, apiVersion, call } from './client.ts'
import { readEvent, toldBy } from './event.ts'
import { faultOf, placeOf } from './faults.ts'
import { followingOf } from './parts.ts'
import { listOf } from './read.ts'
import { distrust } from './signed.ts'
import { typesOf } from './tellings.ts'

type Receiving = Parameters<Webhooks['receive']>[0]

/** The longest delivery that is read, in bytes. */
const bodyMax = 4 * 1024 * 1024

/** How often an endpoint is looked at: Stripe turns it off when it was not answered for days. */
const renewEveryMs = 24 * 60 * 60 * 1000

/** By this Sluice knows its own. */
const metadata = { made_by: 'sluice' } as const

export function webhooksOf(now: () => number): Webhooks {
  return {
    receive,
    register: ({ url, tables }, caller) => register({ url, events: eventsOf(tables) }, caller, now),
    isRegistered,
    renew: (registration, caller) => renew(registration, caller, now),
    unregister,
  }
}

function receive({ headers, body, registration, tables, now }: Receiving): Delivery {
  if (body.length > bodyMax) return { kind: 'refused', why: 'it is too long' }
  const header = headers.get('stripe-signature')
  const why = distrust({ header, body, secret: registration.secret, now })
  if (why !== null) return { kind: 'refused', why }
  const event = readEvent(tryParseJson(new TextDecoder().decode(body)))
  if (event === undefined) return { kind: 'refused', why: 'it is no event' }
  const told = tables.flatMap((table) => {
    const one = toldBy(event, followingOf(table).tellings)
    return [{ table, ids: one?.ids ?? [], more: one === undefined || one.partsOf !== null }]
  })
  const touched = told.flatMap(({ table: { object }, ids }): Touched[] =>
    ids.map((id) => ({ object, ref: { id, keys: {} } }))
  )
  const look = told.filter(({ more }) => more).map(({ table: { object } }) => object)
  return { kind: 'heard', id: event.id, touched, collect: false, look }
}

function eventsOf(tables: readonly SyncedTable[]): string[] {
  return [...new Set(tables.flatMap((table) => typesOf(followingOf(table))))].toSorted()
}

interface Wanted {
  readonly url: string
  readonly events: readonly string[]
}

/** Makes an endpoint, since the secret of one is told only then; those of before are taken away. @throws Fault */
async function register(
  wanted: Wanted,
  caller: Caller,
  now: () => number,
): Promise<Registration> {
  const before = await endpointsOf(wanted.url, caller)
  try {
    const made = await make(wanted, caller, now)
    await removeAll(before, caller)
    return made
  } catch (error) {
    // there may be as many as Stripe allows
    const full = error instanceof Fault && error.code === 'validation_error'
    if (!full || before.length === 0) throw error
    await removeAll(before, caller)
    return await make(wanted, caller, now)
  }
}

async function make(
  { url, events }: Wanted,
  caller: Caller,
  now: () => number,
): Promise<Registration> {
  const parameters = {
    url,
    enabled_events: events,
    api_version: apiVersion,
    description: 'Sluice: keeps a database in step',
    metadata,
  }
  const made = await objectFrom(
    { method: 'POST', path: '/v1/webhook_endpoints', parameters },
    caller,
  )
  const { id, secret } = made
  if (typeof id !== 'string' || id === '' || typeof secret !== 'string' || secret === '') {
    throw unanswered('the new webhook endpoint has no secret', place)
  }
  const state = { endpoint: id, url, events: [...events] }
  return { secret, state, renewAt: now() + renewEveryMs }
}

/** The endpoints at this address that Sluice has made. */
async function endpointsOf(url: string, caller: Caller): Promise<string[]> {
  const path = '/v1/webhook_endpoints?limit=100'
  const list = listOf(await objectFrom({ method: 'GET', path }, caller))
  if (list === undefined) throw unanswered('this is not a list', place)
  return list.data.flatMap((item) => {
    if (!isJsonObject(item) || typeof item['id'] !== 'string') {
      throw unanswered('an entry is no webhook endpoint', place)
    }
    const { metadata: about, id } = item
    const mine = isJsonObject(about) && about['made_by'] === metadata.made_by
    return mine && item['url'] === url ? [id] : []
  })
}

async function removeAll(ids: readonly string[], caller: Caller): Promise<void> {
  for (const id of ids) await remove(id, caller)
}

async function remove(id: string, caller: Caller): Promise<void> {
  const path = `/v1/webhook_endpoints/${segmentOf(id) ?? ''}`
  const response = answered(await call({ method: 'DELETE', path }, caller), place)
  if (response.status !== 200 && response.status !== 404) throw new Fault(faultOf(response, {}))
}

/** Somebody may have removed it, turned it off or sent it elsewhere; Stripe turns off what does not answer. @throws Fault */
async function isRegistered(registration: Registration, caller: Caller): Promise<boolean> {
  const { endpoint, url } = stateOf(registration)
  const path = `/v1/webhook_endpoints/${segmentOf(endpoint) ?? ''}`
  const response = answered(await call({ method: 'GET', path }, caller), place)
  if (response.status === 404) return false
  const json = jsonOf(response, { place, faultOf: (failed) => faultOf(failed, {}) })
  return isJsonObject(json) && json['status'] === 'enabled' && json['url'] === url
}

/** Turns it on again, should Stripe have turned it off; makes it anew where it is gone. @throws Fault */
async function renew(
  registration: Registration,
  caller: Caller,
  now: () => number,
): Promise<Registration> {
  const { endpoint, url, events } = stateOf(registration)
  const path = `/v1/webhook_endpoints/${segmentOf(endpoint) ?? ''}`
  const parameters = { disabled: 'false', enabled_events: events, url }
  const response = answered(await call({ method: 'POST', path, parameters }, caller), place)
  if (response.status === 404) return await register({ url, events }, caller, now)
  if (response.status !== 200) throw new Fault(faultOf(response, {}))
  return { ...registration, renewAt: now() + renewEveryMs }
}

async function unregister(registration: Registration, caller: Caller): Promise<void> {
  await remove(stateOf(registration).endpoint, caller)
}

interface State extends Wanted {
  readonly endpoint: string
}

function stateOf({ state }: Registration): State {
  const { endpoint, url, events } = state
  const names: unknown[] = Array.isArray(events) ? events : []
  if (typeof endpoint !== 'string' || endpoint === '' || typeof url !== 'string') {
    throw unanswered('what is kept of the webhook endpoint cannot be read', place)
  }
  return { endpoint, url, events: names.filter((name) => typeof name === 'string') }
}

const place = placeOf({})

async function objectFrom(request: ApiRequest, caller: Caller): Promise<JsonObject> {
  const response = answered(await call(request, caller), place)
  const json = jsonOf(response, { place, faultOf: (failed) => faultOf(failed, {}) })
  if (!isJsonObject(json)) throw unanswered('this is no object', place)
  return json
}

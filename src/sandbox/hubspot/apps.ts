// Room sandbox: HubSpot's webhooks: for every app a target and the events that it wants to hear of. The developer's key is
// `sandbox`. https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide

import { isObject, type Json, type JsonObject, scalarText } from '../json.ts'
import { type Call, noContent, readBody, type Reply, reply } from './call.ts'
import { failure, invalid } from './errors.ts'
import { writeInstant } from './moments.ts'
import { objectTypes } from './objects/schema.ts'
import { methodNotAllowed } from './single.ts'

export interface Subscription {
  readonly id: number
  /** `contact.creation`, or `object.creation` with the object type. */
  readonly eventType: string
  readonly objectTypeId: string | null
  /** Of a propertyChange: which. */
  readonly propertyName: string | null
  readonly active: boolean
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

export interface App {
  readonly id: string
  readonly targetUrl: string
  readonly maxConcurrentRequests: number
  /** What deliveries are signed with. */
  readonly clientSecret: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

export interface Apps {
  /** The paths under /webhooks/v3/{appId}. Throws an `ApiFailure`. */
  answer(call: Omit<Call, 'writer' | 'lag'>, nowMs: number): Reply
  /** Those that have a target, with what they want to hear of. */
  listening(): readonly { app: App; subscriptions: readonly Subscription[] }[]
  nextEventId(): number
}

const developerKey = 'sandbox'
const clientSecretDefault = 'sandbox'
const appsMax = 100
const subscriptionsMax = 1000

const happenings = ['creation', 'deletion', 'merge', 'restore', 'propertyChange'] as const

interface Kept {
  app: App | null
  readonly subscriptions: Map<number, Subscription>
}

type Asked = Omit<Call, 'writer' | 'lag'>

export function createApps(): Apps {
  const apps = new Map<string, Kept>()
  let subscriptionsMade = 0
  let events = 0
  const appNamed = (id: string): Kept => {
    const known = apps.get(id)
    if (known !== undefined) return known
    if (apps.size >= appsMax) throw invalid(`There are ${appsMax} apps already`)
    const made: Kept = { app: null, subscriptions: new Map() }
    apps.set(id, made)
    return made
  }
  return {
    nextEventId: () => ++events,
    answer: (call, nowMs) => {
      if (call.query.get('hapikey') !== developerKey) {
        throw failure('The API key provided is invalid.', {
          status: 401,
          category: 'INVALID_AUTHENTICATION',
        })
      }
      const [, , id = '', place, subscriptionId, ...rest] = call.segments
      if (!/^\d{1,12}$/.test(id) || rest.length > 0) throw missing()
      const app = appNamed(id)
      if (place === 'settings' && subscriptionId === undefined) {
        return settings(call, app, { id, nowMs })
      }
      if (place !== 'subscriptions') throw missing()
      if (subscriptionId !== undefined) return subscription(call, app, { subscriptionId, nowMs })
      return collection(call, app, { makeId: () => ++subscriptionsMade, nowMs })
    },
    listening: () =>
      [...apps.values()].flatMap(({ app, subscriptions }) =>
        app === null ? [] : [{ app, subscriptions: [...subscriptions.values()] }]
      ),
  }
}

const missing = () => failure('resource not found', { status: 404 })

/**
 * GET, PUT and DELETE .../settings. Besides HubSpot's own `targetUrl` and `throttling` it takes `clientSecret`, which at
 * HubSpot is the app's.
 */
function settings(call: Asked, kept: Kept, { id, nowMs }: { id: string; nowMs: number }): Reply {
  switch (call.method) {
    case 'GET':
      if (kept.app === null) throw missing()
      return reply(200, renderApp(kept.app))
    case 'DELETE':
      kept.app = null
      return noContent
    case 'PUT': {
      const body = readBody(call)
      const { throttling } = body
      const most = scalarText(isObject(throttling) ? throttling['maxConcurrentRequests'] : null)
      const targetUrl = scalarText(body['targetUrl']) ?? ''
      if (!URL.canParse(targetUrl)) throw invalid('targetUrl is not a URL')
      if (!/^[1-9]\d{0,2}$/.test(most ?? '')) throw invalid('maxConcurrentRequests is missing')
      kept.app = {
        id,
        targetUrl,
        maxConcurrentRequests: Number(most),
        clientSecret: scalarText(body['clientSecret']) ?? clientSecretDefault,
        createdAtMs: kept.app?.createdAtMs ?? nowMs,
        updatedAtMs: nowMs,
      }
      return reply(200, renderApp(kept.app))
    }
    default:
      throw methodNotAllowed(call)
  }
}

function renderApp({ targetUrl, maxConcurrentRequests, ...app }: App): JsonObject {
  return {
    targetUrl,
    throttling: { maxConcurrentRequests },
    createdAt: writeInstant(app.createdAtMs),
    updatedAt: writeInstant(app.updatedAtMs),
  }
}

/** GET and POST .../subscriptions */
function collection(
  call: Asked,
  { subscriptions }: Kept,
  { makeId, nowMs }: { makeId: () => number; nowMs: number },
): Reply {
  if (call.method === 'GET') {
    return reply(200, { results: [...subscriptions.values()].map(renderSubscription) })
  }
  if (call.method !== 'POST') throw methodNotAllowed(call)
  if (subscriptions.size >= subscriptionsMax) {
    throw invalid(`An app has at most ${subscriptionsMax} subscriptions`)
  }
  const wanted = readSubscription(readBody(call))
  const made = { ...wanted, id: makeId(), createdAtMs: nowMs, updatedAtMs: nowMs }
  subscriptions.set(made.id, made)
  return reply(201, renderSubscription(made))
}

/** GET, PATCH and DELETE .../subscriptions/{id} */
function subscription(
  call: Asked,
  { subscriptions }: Kept,
  { subscriptionId, nowMs }: { subscriptionId: string; nowMs: number },
): Reply {
  const known = subscriptions.get(Number(subscriptionId))
  if (known === undefined) throw missing()
  switch (call.method) {
    case 'GET':
      return reply(200, renderSubscription(known))
    case 'DELETE':
      subscriptions.delete(known.id)
      return noContent
    case 'PATCH': {
      const changed = { ...known, active: isActive(readBody(call)['active']), updatedAtMs: nowMs }
      subscriptions.set(known.id, changed)
      return reply(200, renderSubscription(changed))
    }
    default:
      throw methodNotAllowed(call)
  }
}

function isActive(value: Json | undefined): boolean {
  return value === true
}

function readSubscription(
  body: JsonObject,
): Pick<Subscription, 'eventType' | 'objectTypeId' | 'propertyName' | 'active'> {
  const eventType = scalarText(body['eventType']) ?? ''
  const objectTypeId = scalarText(body['objectTypeId'])
  const propertyName = scalarText(body['propertyName'])
  const [subject = '', happening = ''] = eventType.split('.')
  const type = subject === 'object'
    ? objectTypes.find(({ id }) => id === objectTypeId)
    : objectTypes.find(({ code }) => code.toLowerCase() === subject && isClassic(code))
  const known = happenings.some((name) => name === happening) ||
    eventType === 'contact.privacyDeletion'
  if (type === undefined || !known) throw invalid(`Unknown event type: ${eventType}`)
  if (happening === 'propertyChange' && !type.byName.has(propertyName ?? '')) {
    throw invalid(`${eventType} needs the name of a property`)
  }
  return { eventType, objectTypeId, propertyName, active: isActive(body['active']) }
}

/** The types that have events of their own name. */
export function isClassic(code: string): boolean {
  return ['CONTACT', 'COMPANY', 'DEAL', 'TICKET', 'PRODUCT', 'LINE_ITEM'].includes(code)
}

function renderSubscription({ id, eventType, active, ...rest }: Subscription): JsonObject {
  return {
    id: String(id),
    eventType,
    active,
    ...(rest.objectTypeId === null ? {} : { objectTypeId: rest.objectTypeId }),
    ...(rest.propertyName === null ? {} : { propertyName: rest.propertyName }),
    createdAt: writeInstant(rest.createdAtMs),
    updatedAt: writeInstant(rest.updatedAtMs),
  }
}

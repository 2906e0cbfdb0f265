// Room sandbox: what happened to records, as HubSpot's webhooks tell it: lists of up to a hundred events, signed.
// https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide ("Webhook payloads"),
// https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests

import { createHash, createHmac } from 'node:crypto'
import { type JsonObject, writeJson } from '../json.ts'
import type { WebhookDelivery } from '../platform.ts'
import { type App, type Apps, isClassic, type Subscription } from './apps.ts'
import { mergedName } from './leave.ts'
import type { ObjectType } from './objects/definition.ts'
import { portalId } from './objects/goods.ts'
import type { Replaced } from './portal.ts'
import { isLiving } from './table.ts'

const eventsMax = 100

/** What happened to one record. */
interface Happening {
  readonly type: ObjectType
  /** `creation`, `deletion`, `merge`, `restore`, `propertyChange`, `privacyDeletion`. */
  readonly name: string
  readonly objectId: string
  readonly propertyName: string | null
  readonly more: JsonObject
}

/** The deliveries for what a call did. */
export function deliveriesOf(
  replaced: readonly Replaced[],
  apps: Apps,
  nowMs: number,
): WebhookDelivery[] {
  const listening = replaced.length === 0 ? [] : apps.listening()
  if (listening.length === 0) return []
  const happenings = replaced.flatMap((one) => happeningsOf(one, replaced))
  return listening.flatMap(({ app, subscriptions }) => {
    const events = happenings.flatMap((happening) =>
      subscriptions.filter((subscription) => isWanted(happening, subscription)).map((
        subscription,
      ) => eventOf(happening, subscription, { appId: app.id, eventId: apps.nextEventId(), nowMs }))
    )
    return chunks(events).map((chunk) => deliveryOf(chunk, app, nowMs))
  })
}

function happeningsOf({ before, after }: Replaced, all: readonly Replaced[]): Happening[] {
  const { type, id, left } = after
  const one = (name: string, more: JsonObject = {}, propertyName: string | null = null) => ({
    type,
    name,
    objectId: id,
    propertyName,
    more,
  })
  if (before === undefined) {
    const primary = mergedInto(id, all)
    if (primary.length === 0) {
      return [one('creation', { changeFlag: 'NEW' }), ...changes(one, after)]
    }
    return [one('merge', mergeOf(id, primary))]
  }
  if (left !== null) {
    return left.into === null && before.left === null ? [one('privacyDeletion')] : []
  }
  if (!isLiving(after)) return isLiving(before) ? [one('deletion', { changeFlag: 'DELETED' })] : []
  return isLiving(before)
    ? changes(one, after, before)
    : [one('restore', { changeFlag: 'RESTORED' })]
}

/** Ids of the records that the call merged into this one, the primary one first. */
function mergedInto(id: string, all: readonly Replaced[]): string[] {
  return all.filter(({ after }) => after.left?.into === id).map(({ after }) => after.id)
}

function mergeOf(newId: string, [primary, ...others]: readonly string[]): JsonObject {
  return {
    primaryObjectId: Number(primary),
    mergedObjectIds: others.map(Number),
    newObjectId: Number(newId),
    numberOfPropertiesMoved: 0,
  }
}

function changes(
  one: (name: string, more: JsonObject, propertyName: string) => Happening,
  after: Replaced['after'],
  before?: Replaced['after'],
): Happening[] {
  const { type } = after
  const silent = [type.createdName, type.modifiedName, 'hs_object_id', mergedName]
  return type.properties.flatMap(({ name }) => {
    const value = after.values.get(name) ?? ''
    if (silent.includes(name) || value === (before?.values.get(name) ?? '')) return []
    return [one('propertyChange', { propertyName: name, propertyValue: value }, name)]
  })
}

function isWanted(happening: Happening, subscription: Subscription): boolean {
  const { type, name, propertyName } = happening
  const { eventType, objectTypeId, active } = subscription
  const own = isClassic(type.code) && eventType === `${type.code.toLowerCase()}.${name}`
  const generic = eventType === `object.${name}` && objectTypeId === type.id
  return active && (own || generic) &&
    (propertyName === null || propertyName === subscription.propertyName)
}

function eventOf(
  { type, objectId, more }: Happening,
  { id, eventType }: Subscription,
  { appId, eventId, nowMs }: { appId: string; eventId: number; nowMs: number },
): JsonObject {
  return {
    eventId,
    subscriptionId: id,
    portalId: Number(portalId),
    appId: Number(appId),
    occurredAt: nowMs,
    subscriptionType: eventType,
    attemptNumber: 0,
    objectId: Number(objectId),
    ...(eventType.startsWith('object.') ? { objectTypeId: type.id } : {}),
    changeSource: 'INTEGRATION',
    ...more,
  }
}

function chunks(events: readonly JsonObject[]): JsonObject[][] {
  const count = Math.ceil(events.length / eventsMax)
  return Array.from({ length: count }, (_, i) => events.slice(i * eventsMax, (i + 1) * eventsMax))
}

function deliveryOf(
  events: readonly JsonObject[],
  { targetUrl, clientSecret }: App,
  nowMs: number,
): WebhookDelivery {
  const body = writeJson(events)
  const timestamp = String(nowMs)
  const signed = `POST${decoded(targetUrl)}${body}${timestamp}`
  return {
    url: targetUrl,
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent':
        'HubSpot Connect 2.0 (http://dev.hubspot.com/) - WebhooksExecutorDaemon-executor',
      'x-hubspot-signature-version': 'v1',
      'x-hubspot-signature': createHash('sha256').update(clientSecret + body).digest('hex'),
      'x-hubspot-signature-v3': createHmac('sha256', clientSecret).update(signed).digest('base64'),
      'x-hubspot-request-timestamp': timestamp,
    },
  }
}

const decodedOnes: readonly (readonly [string, string])[] = [
  ['%3A', ':'],
  ['%2F', '/'],
  ['%3F', '?'],
  ['%40', '@'],
  ['%21', '!'],
  ['%24', '$'],
  ['%27', "'"],
  ['%28', '('],
  ['%29', ')'],
  ['%2A', '*'],
  ['%2C', ','],
  ['%3B', ';'],
]

/** The address as it is signed: these characters stand for themselves. */
function decoded(url: string): string {
  return decodedOnes.reduce(
    (text, [code, sign]) => text.replace(new RegExp(code, 'gi'), () => sign),
    url,
  )
}

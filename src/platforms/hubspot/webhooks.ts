// Room platforms: HubSpot's webhooks. A person sets them up at the app and gives us the app's client secret. Sources: HubSpot,
// Validate requests (v3 signature: base64 of HMAC SHA-256 over method, address, body and timestamp, five minutes);
// Webhooks API, payloads (up to 100 events); generic webhook subscriptions (`object.*` with objectTypeId).

import { Buffer } from 'node:buffer'
import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonNumber, isJsonObject, type Json, type JsonObject, tryParseJson } from '../json.ts'
import type { Delivery, Touched, Webhooks } from '../platform.ts'
import { hmacSha256, isSameDigest } from '../signature.ts'
import { isId } from './found.ts'
import { objectType, requiredOf } from './objects.ts'

const ageMaxMs = 5 * 60_000

/** A hundred events, some of them with a text of 65,536 characters. */
const bodyBytesMax = 16 * 1024 * 1024

/** Ten times what HubSpot says that it sends at once. */
const eventsMax = 1_000

type Received = Parameters<Webhooks['receive']>[0]

/**
 * Looks at a delivery. HubSpot has no name for it; its signature, over its moment and all that is in it, is one. Events of
 * objects without a table are passed over.
 */
export function receive({ headers, body, url, registration, tables, now }: Received): Delivery {
  if (body.length > bodyBytesMax) return refused('the body is too long')
  const signature = headers.get('x-hubspot-signature-v3') ?? ''
  const timestamp = headers.get('x-hubspot-request-timestamp') ?? ''
  if (signature === '') return refused('there is no signature of version 3')
  if (!/^\d{1,15}$/.test(timestamp)) return refused('there is no timestamp')
  if (Math.abs(now - Number(timestamp)) > ageMaxMs) return refused('it is too old')
  if (registration.secret === '') return refused('no client secret is known')
  const given = digestOf(signature)
  const isSigned = given !== undefined &&
    addressesOf(url).some((address) =>
      isSameDigest(hmacSha256(registration.secret, 'POST', address, body, timestamp), given)
    )
  if (!isSigned) return refused('the signature is not of this secret, address and body')
  const events = eventsIn(body)
  if (events === undefined) return refused('it is not a list of events')
  return { kind: 'heard', id: signature, collect: false, ...heardIn(events, tables) }
}

function refused(why: string): Delivery {
  return { kind: 'refused', why }
}

/** 32 bytes in base64, and nothing else. */
function digestOf(signature: string): Uint8Array | undefined {
  return /^[A-Za-z0-9+/]{43}=$/.test(signature) ? Buffer.from(signature, 'base64') : undefined
}

/** These stand for themselves where an address is signed. */
const decodedSigns: ReadonlyMap<string, string> = new Map([
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
])

/** The address as it can have been signed: as it is, and with some signs decoded. */
function addressesOf(url: string): readonly string[] {
  const decoded = url.replace(
    /%[0-9a-f]{2}/gi,
    (code) => decodedSigns.get(code.toUpperCase()) ?? code,
  )
  return decoded === url ? [url] : [url, decoded]
}

function eventsIn(body: Uint8Array): readonly JsonObject[] | undefined {
  const json = tryParseJson(new TextDecoder().decode(body))
  const events: readonly unknown[] | undefined = Array.isArray(json)
    ? json
    : isJsonObject(json)
    ? [json]
    : undefined
  if (events === undefined || events.length > eventsMax || !events.every(isJsonObject)) {
    return undefined
  }
  return events
}

/** The standard objects by their type ids. Source: CRM API guide, Object type IDs. */
const typeIds: ReadonlyMap<string, string> = new Map([
  ['0-1', 'contacts'],
  ['0-2', 'companies'],
  ['0-3', 'deals'],
  ['0-5', 'tickets'],
  ['0-7', 'products'],
  ['0-8', 'line_items'],
  ['0-27', 'tasks'],
  ['0-46', 'notes'],
  ['0-47', 'meetings'],
  ['0-48', 'calls'],
  ['0-49', 'emails'],
])

/** The standard objects by the first word of `contact.creation`. */
const subjects: ReadonlyMap<string, string> = new Map([
  ['contact', 'contacts'],
  ['company', 'companies'],
  ['deal', 'deals'],
  ['ticket', 'tickets'],
  ['product', 'products'],
  ['line_item', 'line_items'],
])

function heardIn(
  events: readonly JsonObject[],
  tables: readonly SyncedTable[],
): Pick<Extract<Delivery, { kind: 'heard' }>, 'touched' | 'look'> {
  const touched = new Map<string, Touched>()
  const look = new Set<string>()
  for (const event of events) {
    const objects = objectsOf(event, tables)
    const ids = objects.named === null ? [] : idsIn(event)
    for (const id of ids) {
      const object = objects.named ?? ''
      touched.set(`${object} ${id}`, { object, ref: { id, keys: {} } })
    }
    for (const object of objects.perhaps) look.add(object)
  }
  return { touched: [...touched.values()], look: [...look] }
}

/**
 * The object of an event that has a table. A custom object is named by its type id, which a table that was described by the
 * object's name does not know: it is one of those tables, perhaps.
 */
function objectsOf(
  { subscriptionType, objectTypeId }: JsonObject,
  tables: readonly SyncedTable[],
): { readonly named: string | null; readonly perhaps: readonly string[] } {
  const none = { named: null, perhaps: [] }
  const [subject = ''] = typeof subscriptionType === 'string' ? subscriptionType.split('.') : []
  const typeId = typeof objectTypeId === 'string' ? objectTypeId : ''
  const standard = typeIds.get(typeId) ?? subjects.get(subject)
  const object = tables.find((table) => table.object === (standard ?? typeId))?.object
  if (object !== undefined) return { named: object, perhaps: [] }
  if (standard !== undefined || !/^\d+-\d+$/.test(typeId) || typeId.startsWith('0-')) return none
  const perhaps = tables.map((table) => table.object)
    .filter((name) => requiredOf(name) === undefined && !/^\d/.test(objectType(name)))
  return { named: null, perhaps }
}

/** The records of an event: the one that it is about, and those that a merge was made of or made. */
function idsIn(event: JsonObject): readonly string[] {
  const { objectId, primaryObjectId, newObjectId, mergedObjectIds } = event
  const merged: readonly Json[] = Array.isArray(mergedObjectIds) ? mergedObjectIds : []
  const ids = [objectId, primaryObjectId, newObjectId, ...merged].map((value) =>
    isJsonNumber(value) ? value.rawJSON : value
  )
  return [...new Set(ids)].filter((id) => typeof id === 'string').filter(isId)
}

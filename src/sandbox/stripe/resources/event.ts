// Room sandbox: events: what became of the account's objects, for thirty days. https://docs.stripe.com/api/events

import { isObject, type JsonObject, scalarText, writeJson } from '../../json.ts'
import type { Account, Change } from '../account.ts'
import { onlyOne, refusal } from '../errors.ts'
import { boolean, list, text } from '../params.ts'
import { deletedAnswer, numberOf, type Resource, textOf, without } from '../resource.ts'

const lifetimeSeconds = 30 * 86_400

/** How many events an account remembers at least; older ones are forgotten first. */
export const eventsMax = 100_000

export const event: Resource = {
  object: 'event',
  path: 'events',
  title: 'event',
  idParam: 'id',
  eventName: null,
  lifetimeS: lifetimeSeconds,
  filters: { delivery_success: boolean, type: text(), types: list(text()) },
  ownFilters: ['type'],
  checkFilters: ({ type, types }) => {
    if (type !== undefined && types !== undefined) throw onlyOne('type', 'types')
    if (!Array.isArray(types) || types.length <= typesMax) return
    throw refusal(`Array types exceeded maximum ${typesMax} allowed elements.`, { param: 'types' })
  },
  passes: (row, { type, types }) =>
    (type === undefined || matches(textOf(row, 'type'), scalarText(type) ?? '')) &&
    (!Array.isArray(types) || types.includes(textOf(row, 'type'))),
}

/** How many types a list can be narrowed to. */
const typesMax = 20

/** `charge.*` is every event about charges. */
export function matches(type: string, wanted: string): boolean {
  return wanted === '*' || type === wanted ||
    (wanted.endsWith('.*') && type.startsWith(wanted.slice(0, -1)))
}

/** What an event says of the request that it came of. */
export interface Cause {
  readonly requestId: string
  readonly idempotencyKey: string | null
  readonly apiVersion: string
}

interface Telling {
  readonly resource: Resource
  readonly change: Change
  readonly cause: Cause
  /** Answers an object as Stripe would. */
  readonly show: (row: JsonObject) => JsonObject
  /** As it would have answered it before. */
  readonly showBefore: (row: JsonObject) => JsonObject
  /** How many endpoints are to hear of an event. */
  readonly pending: (type: string) => number
}

/** Stores the events of a change, and gives them. */
export function tellOf(
  account: Account,
  { resource, change, cause, show, showBefore, pending }: Telling,
): JsonObject[] {
  const { before, after } = change
  const row = after ?? before
  if (row === null) return []
  const object = after === null
    ? { ...show(row), ...deletedAnswer(resource, textOf(row, 'id')) }
    : show(row)
  return typesOf(resource, before, after).map((type) => {
    const previous = before !== null && after !== null && type.endsWith('.updated')
      ? { previous_attributes: differences(showBefore(before), object) }
      : {}
    const event: JsonObject = {
      id: account.nextId('evt_'),
      object: 'event',
      api_version: cause.apiVersion,
      created: account.nowS(),
      data: { object, ...previous },
      livemode: false,
      pending_webhooks: pending(type),
      request: { id: cause.requestId, idempotency_key: cause.idempotencyKey },
      type,
    }
    account.shelf('event').put(textOf(event, 'id'), event)
    return event
  })
}

/** Forgets the oldest events, when there are many more than the bound. */
export function trimEvents(account: Account): void {
  if (account.shelf('event').end > 2 * eventsMax) account.keepLast('event', eventsMax)
}

/** What a change is called. */
function typesOf(
  { object, eventName = object }: Resource,
  before: JsonObject | null,
  after: JsonObject | null,
): string[] {
  if (eventName === null) return []
  if (after === null) return before === null ? [] : [`${eventName}.deleted`]
  const steps = stepsOf(object, before, after).map((step) => `${eventName}.${step}`)
  if (before === null) return object === 'charge' ? steps : [`${eventName}.created`, ...steps]
  if (steps.includes('customer.subscription.deleted')) return steps
  if (['payment_intent', 'invoiceitem'].includes(object)) return steps
  return isUpdate(object, before, after) ? [`${eventName}.updated`, ...steps] : steps
}

function isUpdate(object: string, before: JsonObject, after: JsonObject): boolean {
  if (object === 'subscription') return true
  const shown = object === 'charge'
    ? (row: JsonObject) => [row['description'] ?? null, row['metadata'] ?? null]
    : (row: JsonObject) => without(row, unsung)
  return writeJson(shown(before)) !== writeJson(shown(after))
}

/** Members whose change alone is no update: how often a coupon was redeemed is told by the discount. */
const unsung = ['times_redeemed']

/** Steps in an object's life that have events of their own. */
function stepsOf(object: string, before: JsonObject | null, after: JsonObject): string[] {
  const became = (name: string, value: string | boolean) =>
    after[name] === value && before?.[name] !== value
  switch (object) {
    case 'payment_intent':
      return [
        ...became('status', 'succeeded') ? ['succeeded'] : [],
        ...became('status', 'canceled') ? ['canceled'] : [],
        ...became('status', 'requires_action') ? ['requires_action'] : [],
        ...became('status', 'requires_capture') ? ['amount_capturable_updated'] : [],
        ...isObject(after['last_payment_error']) && !isObject(before?.['last_payment_error'])
          ? ['payment_failed']
          : [],
      ]
    case 'charge':
      return [
        ...before === null ? [textOf(after, 'status')] : [],
        ...before !== null && became('captured', true) ? ['captured'] : [],
        ...numberOf(after, 'amount_refunded') > numberOf(before ?? after, 'amount_refunded')
          ? ['refunded']
          : [],
      ]
    case 'invoice':
      return [
        ...after['status'] !== 'draft' && (before === null || before['status'] === 'draft')
          ? ['finalized']
          : [],
        ...became('status', 'paid') ? ['paid', 'payment_succeeded'] : [],
        ...became('status', 'void') ? ['voided'] : [],
        ...became('status', 'uncollectible') ? ['marked_uncollectible'] : [],
      ]
    case 'subscription':
      return before !== null && became('status', 'canceled') ? ['deleted'] : []
    default:
      return []
  }
}

function differences(before: JsonObject, after: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.keys(after)
      .filter((name) => writeJson(before[name] ?? null) !== writeJson(after[name] ?? null))
      .map((name) => [name, before[name] ?? null]),
  )
}

// Room sandbox: events: what became of the account's objects, for thirty days. https://docs.stripe.com/api/events

import { isObject, type JsonObject, scalarText, writeJson } from '../../json.ts'
import type { Account, Change } from '../account.ts'
import { boolean, list, text } from '../params.ts'
import { deletedAnswer, numberOf, type Resource, textOf } from '../resource.ts'

const lifetimeSeconds = 30 * 86_400

/** How many events an account remembers; older ones are forgotten first. */
export const eventsMax = 100_000

export const event: Resource = {
  object: 'event',
  path: 'events',
  title: 'event',
  idParam: 'id',
  eventName: null,
  filters: { delivery_success: boolean, type: text(), types: list(text()) },
  ownFilters: ['type'],
  passes: (row, { type, types }, account) =>
    numberOf(row, 'created') > account.nowS() - lifetimeSeconds &&
    (type === undefined || matches(textOf(row, 'type'), scalarText(type) ?? '')) &&
    (!Array.isArray(types) ||
      types.some((wanted) => matches(textOf(row, 'type'), scalarText(wanted) ?? ''))),
}

/** `charge.*` is every event about charges. */
function matches(type: string, wanted: string): boolean {
  return wanted === '*' || type === wanted ||
    (wanted.endsWith('.*') && type.startsWith(wanted.slice(0, -1)))
}

/** What an event says of the request that it came of. */
export interface Cause {
  readonly requestId: string
  readonly idempotencyKey: string | null
  readonly apiVersion: string
}

/** Stores the events of a change. `show` answers an object as Stripe would. */
export function tellOf(
  account: Account,
  { resource, change, cause, show }: {
    resource: Resource
    change: Change
    cause: Cause
    show: (row: JsonObject) => JsonObject
  },
): void {
  const { before, after } = change
  const row = after ?? before
  if (row === null) return
  const object = after === null
    ? { ...show(row), ...deletedAnswer(resource, textOf(row, 'id')) }
    : show(row)
  for (const type of typesOf(resource, before, after)) {
    const previous = before !== null && after !== null && type.endsWith('.updated')
      ? { previous_attributes: differences(show(before), object) }
      : {}
    account.put('event', {
      id: account.nextId('evt_'),
      object: 'event',
      api_version: cause.apiVersion,
      created: account.nowS(),
      data: { object, ...previous },
      livemode: false,
      pending_webhooks: 0,
      request: { id: cause.requestId, idempotency_key: cause.idempotencyKey },
      type,
    })
  }
}

/** Forgets the oldest events beyond the bound. */
export function trimEvents(account: Account): void {
  const events = account.rows('event')
  for (const old of events.slice(0, Math.max(0, events.length - eventsMax))) {
    account.forget('event', textOf(old, 'id'))
  }
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
  const same = object !== 'subscription' && writeJson(before) === writeJson(after)
  return same ? [] : [`${eventName}.updated`, ...steps]
}

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

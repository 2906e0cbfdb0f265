// Room sandbox: one request to the API carried out: limits, idempotency keys, the endpoint, and the events that come of it.

import type { Json, JsonObject } from '../json.ts'
import type { PlatformOptions, PlatformRequest } from '../platform.ts'
import { type Account, type Change, createAccount } from './account.ts'
import { failureBody, refusal, StripeFailure } from './errors.ts'
import { type FormHash, formText, readForm } from './form.ts'
import { type Asked, createKeys, type Keys } from './idempotency.ts'
import { createLimits, type LimitReason, tooMany } from './limits.ts'
import { pathOf } from './oauth.ts'
import { type Cause, tellOf, trimEvents } from './resources/event.ts'
import { routeOf } from './router.ts'
import { resourceOfObject, shown } from './schema.ts'
import { plantMany, plantSeed } from './seed.ts'
import { itemsBefore } from './resources/subscription_item.ts'
import { deliveriesOf, endpointsFor } from './webhooks.ts'

export const apiVersion = '2026-10-28.endive'

/** So many objects planted at once have events; more are as if they had been there before the oldest event. */
const toldMax = 1000

/** How many requests pass between two looks at the number of events. */
const trimEvery = 1000

export interface Reply {
  readonly requestId: string
  readonly status: number
  readonly body: Json
  readonly headers: Readonly<Record<string, string>>
}

/** What requests are carried out on. */
export interface Desk {
  readonly account: Account
  answer(request: PlatformRequest): Reply
  /** Makes so many more objects of a table; false: there is no such table. */
  plant(table: string, count: number): boolean
  /** The answer when there were too many requests, whether there were or not. */
  tooMany(): Reply
  /** The answer when Stripe itself fails. It belongs to its idempotency key as any answer does. */
  broken(request: PlatformRequest): Reply
}

/** A new account with its seed. */
export function createDesk(options: PlatformOptions): Desk {
  const account = planted(options)
  const keys = createKeys()
  const limits = createLimits()
  let requests = 0
  const nextId = () => {
    requests += 1
    if (requests % trimEvery === 0) trimEvents(account)
    return `req_1Sbx${String(requests).padStart(10, '0')}`
  }
  const caught = (act: (requestId: string) => Reply): Reply => {
    const requestId = nextId()
    try {
      return act(requestId)
    } catch (error) {
      if (error instanceof StripeFailure) return failed(error, { requestId, nowS: account.nowS() })
      throw error
    }
  }
  return {
    account,
    answer: (request) =>
      caught((requestId) => {
        const form = formOf(request)
        const route = routeOf(request.method, pathOf(request))
        const reason = options.limits ? limits.take(route.endpoint, options.now()) : null
        if (reason !== null) return limited(reason, { requestId, nowS: account.nowS() })
        return keyed(keys, askedOf(request, form), {
          nowMs: options.now(),
          requestId,
          act: () =>
            attempted(
              { account, options },
              causeOf(request, requestId),
              (on) => route.act(on, form),
            ),
        })
      }),
    plant: (table, count) => {
      const told = (changes: readonly Change[]) => {
        if (count <= toldMax) tell(account, changes, seedCause)
      }
      return account.attempt(
        () => plantMany(account, { table, count, told: count <= toldMax }),
        told,
      )
    },
    tooMany: () =>
      caught((requestId) => limited('global-rate', { requestId, nowS: account.nowS() })),
    broken: (request) =>
      caught((requestId) =>
        keyed(keys, askedOf(request, formOf(request)), {
          nowMs: options.now(),
          requestId,
          act: () => ({ ...failed(broken(), { requestId, nowS: account.nowS() }), executed: true }),
        })
      ),
  }
}

function planted(options: PlatformOptions): Account {
  const account = createAccount(options)
  account.attempt(() => plantSeed(account), (changes) => tell(account, changes, seedCause))
  return account
}

const seedCause: Cause = { requestId: 'req_1SbxSeed', idempotencyKey: null, apiVersion }

/** Makes the events of changes. A price for subscriptions is told of as a plan too. */
function tell(account: Account, changes: readonly Change[], cause: Cause): JsonObject[] {
  return changes.flatMap((change) => {
    const row = change.after ?? change.before ?? {}
    const objects = change.object === 'price' ? ['price', 'plan'] : [change.object]
    return objects.flatMap((object) => {
      const resource = resourceOfObject(object)
      if (resource === undefined || resource.has?.(row) === false) return []
      const show = (shape: JsonObject) => shown(account, resource, shape)
      const showBefore = (shape: JsonObject) => ({
        ...show(shape),
        ...(object === 'subscription' ? itemsBefore(account, shape, changes) : {}),
      })
      const pending = (type: string) => endpointsFor(account, type).length
      return tellOf(account, { resource, change, cause, show, showBefore, pending })
    })
  })
}

interface Attempt extends Reply {
  /** Does the answer belong to the idempotency key? */
  readonly executed: boolean
}

interface Place {
  readonly account: Account
  readonly options: PlatformOptions
}

/** Carries out, with events for what was written, and calls those who want to hear of them. */
function attempted(
  { account, options }: Place,
  cause: Cause,
  act: (account: Account) => JsonObject,
): Attempt {
  const { requestId } = cause
  const told = (changes: readonly Change[]) => {
    for (const event of tell(account, changes, cause)) {
      for (const delivery of deliveriesOf(account, event)) options.deliver(delivery)
    }
  }
  try {
    const body = account.attempt(() => act(account), told)
    return { requestId, status: 200, body, headers: {}, executed: true }
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    return { ...failed(error, { requestId, nowS: account.nowS() }), executed: error.executed }
  }
}

/** The earlier answer to the key, or the new one, kept. */
function keyed(
  keys: Keys,
  asked: Asked | null,
  { nowMs, requestId, act }: { nowMs: number; requestId: string; act: () => Attempt },
): Reply {
  const earlier = asked === null ? null : keys.find(asked, nowMs)
  if (earlier !== null) {
    const headers = { 'idempotent-replayed': 'true', 'original-request': earlier.requestId }
    return { requestId, status: earlier.status, body: earlier.body, headers }
  }
  const reply = act()
  if (asked !== null && reply.executed) {
    keys.keep(asked, { status: reply.status, body: reply.body, requestId }, nowMs)
  }
  return reply
}

interface Moment {
  readonly requestId: string
  readonly nowS: number
}

function failed(
  failure: StripeFailure,
  { requestId, nowS }: Moment,
): Reply {
  const body = failureBody(failure, { requestId, nowS })
  return { requestId, status: failure.status, body, headers: {} }
}

function limited(reason: LimitReason, moment: Moment): Reply {
  const headers = { 'stripe-rate-limited-reason': reason }
  return { ...failed(tooMany(), moment), headers }
}

function causeOf({ headers }: PlatformRequest, requestId: string): Cause {
  return { requestId, idempotencyKey: headers['idempotency-key'] ?? null, apiVersion }
}

/** The parameters, from the query and from the body. */
function formOf({ headers, body, path }: PlatformRequest): FormHash {
  const type = headers['content-type'] ?? 'application/x-www-form-urlencoded'
  if (body !== '' && !/^application\/x-www-form-urlencoded\b/i.test(type)) {
    throw refusal(
      'Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any ' +
        'questions, we can help at https://support.stripe.com/.',
    )
  }
  const query = path.includes('?') ? path.slice(path.indexOf('?') + 1) : ''
  return readForm([query, body].filter((part) => part !== '').join('&'))
}

function askedOf(request: PlatformRequest, form: FormHash): Asked | null {
  const key = request.headers['idempotency-key']
  if (request.method !== 'POST' || key === undefined) return null
  return { key, path: pathOf(request), params: formText(form) }
}

function broken(): StripeFailure {
  return refusal(
    "Sorry! We've encountered an unexpected error on our side. Our engineers have been notified.",
    { status: 500, type: 'api_error' },
  )
}

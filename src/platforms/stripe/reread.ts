// Room platforms: Stripe's records read again by their ids, a request each: Stripe has no read of many. Source: Stripe API
// reference, "Retrieve …" of each object.

import { Fault, type FaultCode } from '../../mutation/fault.ts'
import type { Values } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { tryParseJson } from '../json.ts'
import type { Caller, Ref } from '../platform.ts'
import { answered } from '../reading.ts'
import { segmentOf } from '../segment.ts'
import { call } from './client.ts'
import { readError } from './errors.ts'
import { faultOf, placeOf } from './faults.ts'
import { inLanes } from './lanes.ts'
import type { StripeObject } from './object.ts'
import { objectOf } from './objects.ts'
import { type Reading, unanswered } from './read.ts'
import { isGoneRecord, isRecord, type StripeRecord, valuesOf } from './record.ts'
import { expandingQuery } from './request.ts'
import { settingsOf } from './settings.ts'

/** References that are read at once. */
export const readMax = 20

interface Now {
  readonly id: string
  readonly values: Values | null
}

/**
 * The records as they are now. One that is not there, is deleted, or canceled where DELETE cancels, has no values. A record
 * whose own answer cannot be read is left out, as long as another's can.
 * @throws Fault as `readList`, when nothing could be read
 */
export async function reread(
  table: SyncedTable,
  refs: readonly Ref[],
  caller: Caller,
): Promise<readonly Now[]> {
  const ids = [...new Set(refs.map(({ id }) => id))]
  const reading = { table, caller }
  const failures: Fault[] = []
  const subscriptions = new Map<string, Promise<boolean>>()
  const act = async (id: string): Promise<Now[]> => {
    const [first] = failures
    if (first !== undefined && lasting.has(first.code)) return []
    try {
      return [await readOne(id, { ...reading, subscriptions })]
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      failures.push(error)
      return []
    }
  }
  const read = (await inLanes(ids, act, settingsOf(caller.settings).concurrency)).flat()
  const [first] = failures
  if (first !== undefined && read.length === 0) throw first
  for (const { code } of failures) caller.log.warn('stripe.reread_failed', { code })
  return read
}

/** Faults that the next request would meet too. */
const lasting: ReadonlySet<FaultCode> = new Set([
  'credential_refused',
  'not_permitted',
  'rate_limited',
  'service_unreachable',
  'statement_cancelled',
  'statement_timed_out',
  'unreachable',
])

interface Rereading extends Reading {
  /** Subscriptions that were asked for: do they live? */
  readonly subscriptions: Map<string, Promise<boolean>>
}

async function readOne(id: string, reading: Rereading): Promise<Now> {
  const { table, caller } = reading
  const object = objectOf(table.object)
  const record = await retrieve(id, object, reading)
  if (record === null || !await hasOwner(record, object, reading)) return { id, values: null }
  return { id, values: valuesOf(record, { table, object }, caller.log) }
}

/**
 * null: there is none of that id, or it says that it is gone.
 * @throws Fault not_permitted where Stripe says that the record is there, in the other mode: nothing is gone then
 */
async function retrieve(
  id: string,
  object: StripeObject,
  { table, caller }: Reading,
): Promise<StripeRecord | null> {
  const segment = segmentOf(id)
  // Stripe gives no such id
  if (segment === undefined) return null
  const path = `/v1/${object.path}/${segment}${expandingQuery(object)}`
  const response = answered(await call({ method: 'GET', path }, caller), placeOf({ table }))
  const { status, body } = response
  if (status === 404) {
    const error = readError(body)
    if (error?.code === 'resource_missing') {
      if (!/similar object exists/i.test(error.message)) return null
      throw new Fault({ ...faultOf({ ...response, status: 403 }, { table }) })
    }
  }
  if (status !== 200) throw new Fault(faultOf(response, { table }))
  const record = tryParseJson(body)
  if (!isRecord(record, object) || record.id !== id) {
    throw unanswered(`this is no ${object.kind}`, table)
  }
  return isGoneRecord(record, object) ? null : record
}

/** The items of a canceled subscription can be read, but are listed no more: they go with it. */
async function hasOwner(
  record: StripeRecord,
  object: StripeObject,
  reading: Rereading,
): Promise<boolean> {
  if (object.name !== 'subscription_items') return true
  const { subscription } = record
  if (typeof subscription !== 'string' || subscription === '') {
    throw unanswered('an item has no subscription', reading.table)
  }
  const { subscriptions } = reading
  const lives = subscriptions.get(subscription) ??
    retrieve(subscription, objectOf('subscriptions'), reading).then((owner) => owner !== null)
  subscriptions.set(subscription, lives)
  return await lives
}

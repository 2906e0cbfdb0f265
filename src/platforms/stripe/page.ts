// Room platforms: all records of a Stripe object, page by page, newest first. What is deleted, or canceled where DELETE
// cancels, is not listed. Source: Stripe API reference, "Pagination" and "List all …" of each object.

import { Fault, fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { recoded } from '../faults.ts'
import type { Json } from '../json.ts'
import type { Caller, Page } from '../platform.ts'
import { type StripeObject, wordsOf } from './object.ts'
import { objectOf } from './objects.ts'
import { type List, listOf, type Reading, readList, unanswered } from './read.ts'
import { isRecord, type StripeRecord, valuesOf } from './record.ts'

/** Records of a page, the most that Stripe gives. */
const pageSize = 100

/** Pages of one subscription's items that are read; Stripe allows far fewer items. */
const itemPagesMax = 20

/**
 * One page. The cursor is the id of the last record read.
 * @throws Fault bad_request for a cursor that is none or whose record is gone; else as `readList`
 */
export async function page(
  table: SyncedTable,
  cursor: string | null,
  caller: Caller,
): Promise<Page> {
  const object = objectOf(table.object)
  const after = cursor === null ? null : checked(cursor)
  const reading = { table, caller }
  try {
    // items are listed by subscription only
    if (object.name === 'subscription_items') return await pageOfItems(object, after, reading)
    return await pageOfRecords(object, after, reading)
  } catch (error) {
    const lost = after !== null && error instanceof Fault && error.code === 'reference_missing'
    throw lost ? startAgain(error) : error
  }
}

/** The record that the cursor names was deleted meanwhile. */
function startAgain(error: Fault): Fault {
  const hint = 'Begin again with the first page.'
  return new Fault(recoded(error.data, 'bad_request', { hint }), { cause: error })
}

async function pageOfRecords(
  object: StripeObject,
  after: string | null,
  reading: Reading,
): Promise<Page> {
  const { table } = reading
  const list = await readList(listPath(object, { after }), reading)
  const records = recordsIn(list, object, table)
  return { rows: rowsOf(records, object, reading), next: nextOf(list, records, table) }
}

/** A cursor comes from outside again; as part of a query it can do no harm, but it may be no id. */
function checked(cursor: string): string {
  if (cursor !== '' && cursor.length <= 255 && cursor.isWellFormed()) return cursor
  throw fault('bad_request', { platform: 'stripe', detail: 'The cursor is not one.' })
}

function listPath(
  { path, expand }: StripeObject,
  { after, subscription }: { after: string | null; subscription?: string },
): string {
  const query = new URLSearchParams({ limit: String(pageSize) })
  if (subscription !== undefined) query.set('subscription', subscription)
  if (after !== null) query.set('starting_after', after)
  wordsOf(expand).forEach((field, i) => query.set(`expand[${i}]`, `data.${field}`))
  return `/v1/${path}?${query}`
}

function recordsIn(list: List, object: StripeObject, table: SyncedTable): StripeRecord[] {
  return list.data.map((item) => {
    if (!isRecord(item, object)) throw unanswered(`an entry is no ${object.kind}`, table)
    return item
  })
}

function rowsOf(
  records: readonly StripeRecord[],
  object: StripeObject,
  { table, caller: { log } }: Reading,
): Page['rows'] {
  return records.map((record) => {
    return { id: record.id, values: valuesOf(record, { table, object }, log) }
  })
}

function nextOf(list: List, records: readonly StripeRecord[], table: SyncedTable): string | null {
  if (!list.more) return null
  const last = records.at(-1)
  if (last === undefined) throw unanswered('a page is empty and yet not the last', table)
  return last.id
}

/** The items of a page of subscriptions, which hold them; the cursor is that of the subscriptions. */
async function pageOfItems(
  object: StripeObject,
  after: string | null,
  reading: Reading,
): Promise<Page> {
  const { table } = reading
  const subscriptions = objectOf('subscriptions')
  const list = await readList(listPath(subscriptions, { after }), reading)
  const records = recordsIn(list, subscriptions, table)
  const items: StripeRecord[] = []
  for (const record of records) items.push(...await itemsOf(record, object, reading))
  return { rows: rowsOf(items, object, reading), next: nextOf(list, records, table) }
}

async function itemsOf(
  subscription: StripeRecord,
  object: StripeObject,
  reading: Reading,
): Promise<StripeRecord[]> {
  const { table } = reading
  const { id } = subscription
  const items: StripeRecord[] = []
  let list = held(subscription['items'], table)
  for (let pages = 0;; pages += 1) {
    const records = recordsIn(list, object, table)
    items.push(...records)
    const after = nextOf(list, records, table)
    if (after === null) return items
    if (pages >= itemPagesMax) throw unanswered(`subscription ${id} has too many items`, table)
    list = await readList(listPath(object, { after, subscription: id }), reading)
  }
}

function held(items: Json | undefined, table: SyncedTable): List {
  const list = listOf(items)
  if (list === undefined) throw unanswered('a subscription has no items', table)
  return list
}

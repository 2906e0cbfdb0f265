// Room platforms: all records of a Stripe object, page by page, newest first. What is deleted, or canceled where DELETE
// cancels, is not listed. Source: Stripe API reference, "Pagination" and "List all …" of each object.

import { Fault, fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { recoded } from '../faults.ts'
import { type Json, toInteger } from '../json.ts'
import type { Caller, Page } from '../platform.ts'
import { type StripeObject, wordsOf } from './object.ts'
import { objectOf } from './objects.ts'
import { type List, listOf, type Reading, readList, unanswered } from './read.ts'
import { isGoneRecord, isRecord, type StripeRecord, valuesOf } from './record.ts'

/** Records of a page, the most that Stripe gives. */
const pageSize = 100

/** Pages of one subscription's items that are read; Stripe allows far fewer items. */
const itemPagesMax = 20

/**
 * One page. The cursor is the last record read: when it was made, and its id. Where it is gone, the page begins with what was
 * made in its second, some of which was read before.
 * @throws Fault bad_request for a cursor that is none, or whose record is gone and had no time; else as `readList`
 */
export async function page(
  table: SyncedTable,
  cursor: string | null,
  caller: Caller,
): Promise<Page> {
  const object = objectOf(table.object)
  const reading = { table, caller }
  // items are listed by subscription only
  const pageFrom = object.name === 'subscription_items' ? pageOfItems : pageOfRecords
  if (cursor === null) return await pageFrom(object, {}, reading)
  const { id, madeAtS } = checked(cursor)
  try {
    return await pageFrom(object, { after: id }, reading)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'reference_missing') throw error
    if (madeAtS === undefined) throw startAgain(error)
    return await pageFrom(object, { madeUntilS: madeAtS }, reading)
  }
}

/** The record that the cursor names was deleted meanwhile. */
function startAgain(error: Fault): Fault {
  const hint = 'Begin again with the first page.'
  return new Fault(recoded(error.data, 'bad_request', { hint }), { cause: error })
}

/** Where a page begins: with the newest record, after one, or with those made until a second since 1970. */
interface Beginning {
  readonly after?: string
  readonly madeUntilS?: string
}

async function pageOfRecords(
  object: StripeObject,
  beginning: Beginning,
  reading: Reading,
): Promise<Page> {
  const { table } = reading
  const list = await readList(listPath(object, beginning), reading)
  const records = recordsIn(list, object, table)
  return { rows: rowsOf(records, object, reading), next: cursorAfter(list, records, table) }
}

/**
 * `1764150000 cus_1`, or an id alone. It comes from outside again; as part of a query it can do no harm, but it may be none.
 */
function checked(cursor: string): { id: string; madeAtS?: string } {
  const [, madeAtS, id = cursor] = /^(?:(\d{1,12}) )?(.+)$/s.exec(cursor) ?? []
  if (id === '' || id.length > 255 || !id.isWellFormed()) {
    throw fault('bad_request', { platform: 'stripe', detail: 'The cursor is not one.' })
  }
  return madeAtS === undefined ? { id } : { id, madeAtS }
}

function cursorAfter(
  list: List,
  records: readonly StripeRecord[],
  table: SyncedTable,
): string | null {
  const id = nextOf(list, records, table)
  const last = records.at(-1)
  const madeAtS = toInteger(last?.['created']) ?? toInteger(last?.['date'])
  return id === null || madeAtS === undefined ? id : `${madeAtS} ${id}`
}

interface Listed extends Beginning {
  readonly subscription?: string
}

function listPath(
  { path, expand }: StripeObject,
  { after, madeUntilS, subscription }: Listed,
): string {
  const query = new URLSearchParams({ limit: String(pageSize) })
  if (subscription !== undefined) query.set('subscription', subscription)
  if (after !== undefined) query.set('starting_after', after)
  if (madeUntilS !== undefined) query.set('created[lte]', madeUntilS)
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
  return records.filter((record) => !isGoneRecord(record, object)).map((record) => {
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
  beginning: Beginning,
  reading: Reading,
): Promise<Page> {
  const { table } = reading
  const subscriptions = objectOf('subscriptions')
  const list = await readList(listPath(subscriptions, beginning), reading)
  const records = recordsIn(list, subscriptions, table)
  const items: StripeRecord[] = []
  const living = records.filter((record) => !isGoneRecord(record, subscriptions))
  for (const record of living) items.push(...await itemsOf(record, object, reading))
  return { rows: rowsOf(items, object, reading), next: cursorAfter(list, records, table) }
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

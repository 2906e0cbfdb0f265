// Room platforms: records that are parts of others, as items are of a subscription: an event shows the first of them only.

import { required } from '../../lib/assert.ts'
import { Fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { own } from '../own.ts'
import { objectOf } from './objects.ts'
import { type Reading, readList, unanswered } from './read.ts'
import { isRecord } from './record.ts'
import { type Following, followings } from './tellings.ts'

/** Events of a page whose objects may each have more parts than they show: each costs a list. */
export const partsPageSize = 20

/** Pages of one object's parts that are read; Stripe allows fewer. */
const pagesMax = 20

/** How a table is followed. @throws Fault not_found for an object that is no table */
export function followingOf(table: Pick<SyncedTable, 'object'>): Following {
  const { name } = objectOf(table.object)
  return required(own(followings, name), `how ${name} is followed`)
}

/**
 * The ids of all records that are parts of an object now; none where it is gone: that its parts are missing is found by
 * comparison. @throws Fault as `readList`
 */
export async function readParts(parent: string, reading: Reading): Promise<string[]> {
  try {
    return await readAll(parent, reading)
  } catch (error) {
    if (error instanceof Fault && error.code === 'reference_missing') return []
    throw error
  }
}

async function readAll(parent: string, reading: Reading): Promise<string[]> {
  const { table } = reading
  const object = objectOf(table.object)
  const [parts] = followingOf(table).tellings.flatMap((telling) => telling.parts ?? [])
  const { parameter } = required(parts, `parts in ${object.name}`)
  const ids: string[] = []
  const query = new URLSearchParams({ limit: '100', [parameter]: parent })
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const list = await readList(`/v1/${object.path}?${query}`, reading)
    const found = list.data.map((item) => {
      if (!isRecord(item, object)) throw unanswered(`an entry is no ${object.kind}`, table)
      return item.id
    })
    ids.push(...found)
    if (!list.more) return ids
    const last = found.at(-1)
    if (last === undefined) throw unanswered('a page is empty and yet not the last', table)
    query.set('starting_after', last)
  }
  throw unanswered(`${parent} has too many ${object.name}`, table)
}

// Room platforms: one page of HubSpot's search by the time of the last change. What it shows of a record can be older than
// the record and, as has been seen, newer than what was searched for: it is only believed to name records.
// Source: CRM search guide: at most 200 results on a page and 10,000 of one search, five requests a second; "it may take a
// few moments" until a change is found; archived records are not.

import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json, toInteger } from '../json.ts'
import { own } from '../own.ts'
import type { Caller } from '../platform.ts'
import { type ApiRecord, readRecord } from './answer.ts'
import { objectType } from './objects.ts'
import { read, resultsOf, unanswered } from './read.ts'

/** The most that a search gives on a page. */
const pageRowsMax = 200

/** Names, joined by `;`, the records that were merged into one: they go without being archived. */
export const mergedName = 'hs_merged_object_ids'

/** The most of those that are looked at, for one record. */
const mergedMax = 100

/** Objects whose records have it, whether or not the table has a column for it. */
const mergeable: readonly string[] = ['contacts', 'companies', 'deals', 'tickets']

export interface Hit {
  readonly id: string
  /** When it was changed last, as the search shows it. */
  readonly at: number
  readonly merged: readonly string[]
}

export interface Wanted {
  readonly from: number
  /** Included; null: no end. */
  readonly to: number | null
  /** Only those that changed at `from` with an id beyond this one, in the order of ids; null: all, in that of changes. */
  readonly tie: string | null
}

export interface FoundPage {
  readonly hits: readonly Hit[]
  readonly more: boolean
}

/** The property that says when a record was changed last. Source: CRM API guides, Contacts; Companies and its neighbours. */
export function changedName(object: string): string {
  return object === 'contacts' ? 'lastmodifieddate' : 'hs_lastmodifieddate'
}

/** @throws Fault as `read` */
export async function findChanged(
  table: SyncedTable,
  wanted: Wanted,
  caller: Caller,
): Promise<FoundPage> {
  const name = changedName(table.object)
  const json = await search(table, caller, {
    filters: filtersOf(wanted, name),
    sort: wanted.tie === null ? name : 'hs_object_id',
    limit: pageRowsMax,
  })
  const hits = resultsOf(json, 'a page of a search', table).map((item) => {
    const record = readRecord(item)
    const at = record === undefined ? undefined : changedAt(record, name)
    if (record === undefined || at === undefined || !isId(record.id)) {
      throw unanswered('a record of a search has no id or no time of change', table)
    }
    return { id: record.id, at, merged: mergedIn(record) }
  })
  return { hits, more: hasNext(json, table) }
}

/** How many records the search knows of, about. @throws Fault as `read` */
export async function countRecords(table: SyncedTable, caller: Caller): Promise<number> {
  const sort = changedName(table.object)
  const json = await search(table, caller, { filters: [], sort, limit: 1 })
  const total = isJsonObject(json) ? toInteger(json['total']) : undefined
  if (total === undefined || total < 0) throw unanswered('a search does not say how many', table)
  resultsOf(json, 'a page of a search', table)
  return total
}

/** Ids of records are whole numbers. */
export function isId(text: string): boolean {
  return /^\d{1,20}$/.test(text)
}

interface Filter {
  readonly propertyName: string
  readonly operator: 'GT' | 'GTE' | 'BETWEEN'
  readonly value: string
  readonly highValue?: string
}

function filtersOf({ from, to, tie }: Wanted, propertyName: string): Filter[] {
  const between = (highValue: string): Filter => ({
    propertyName,
    operator: 'BETWEEN',
    value: String(from),
    highValue,
  })
  if (tie !== null) {
    return [between(String(from)), { propertyName: 'hs_object_id', operator: 'GT', value: tie }]
  }
  if (to !== null) return [between(String(to))]
  return [{ propertyName, operator: 'GTE', value: String(from) }]
}

async function search(
  table: SyncedTable,
  caller: Caller,
  { filters, sort, limit }: {
    readonly filters: readonly Filter[]
    readonly sort: string
    readonly limit: number
  },
): Promise<Json> {
  const { object, columns } = table
  const name = changedName(object)
  const hasMerged = mergeable.includes(object) || columns.some(({ field }) => field === mergedName)
  return await read((sdk) =>
    sdk.search.doSearch(objectType(object), {
      // the SDK's enumeration of operators cannot be named without importing its code for it
      filterGroups: filters.length === 0 ? [] : [{ filters: [...filters] as never }],
      sorts: [sort],
      properties: hasMerged ? [name, mergedName] : [name],
      limit,
    }), { caller, table })
}

function changedAt({ properties, json }: ApiRecord, name: string): number | undefined {
  const text = own(properties, name) ?? json['updatedAt']
  if (typeof text !== 'string') return undefined
  const at = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}

/** Ids of the records that were merged into this one, as far as it says. */
export function mergedIn({ properties }: ApiRecord): readonly string[] {
  const text = own(properties, mergedName)
  return typeof text === 'string' ? text.split(';').filter(isId).slice(-mergedMax) : []
}

function hasNext(json: Json, table: SyncedTable): boolean {
  const paging = isJsonObject(json) ? json['paging'] ?? null : null
  if (paging === null) return false
  if (!isJsonObject(paging)) throw unanswered('a search does not say whether there is more', table)
  return isJsonObject(paging['next'])
}

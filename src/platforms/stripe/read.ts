// Room platforms: requests to Stripe that only read. What they cannot have becomes a Fault.

import type { Fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json } from '../json.ts'
import type { Caller } from '../platform.ts'
import { answered, jsonOf, unanswered as noAnswer } from '../reading.ts'
import { call } from './client.ts'
import { faultOf, placeOf } from './faults.ts'

/** One page of a list. */
export interface List {
  readonly data: readonly Json[]
  readonly more: boolean
}

export interface Reading {
  readonly table: SyncedTable
  readonly caller: Caller
}

/**
 * The list at a path. @throws Fault unreachable, credential_refused, rate_limited, not_permitted, … or platform_failed
 * when there is no answer that can be read
 */
export async function readList(path: string, reading: Reading): Promise<List> {
  return (await readDatedList(path, reading)).list
}

/** A list, and when Stripe answered it by its own clock: seconds since 1970; null where the answer does not say. */
export interface DatedList {
  readonly list: List
  readonly atS: number | null
}

/** As `readList`, and when. Source: RFC 9110, 6.6.1 "Date". */
export async function readDatedList(
  path: string,
  { table, caller }: Reading,
): Promise<DatedList> {
  const place = placeOf({ table })
  const response = answered(await call({ method: 'GET', path }, caller), place)
  const list = listOf(jsonOf(response, { place, faultOf: (failed) => faultOf(failed, { table }) }))
  if (list === undefined) throw unanswered('this is not a list', table)
  const told = Date.parse(response.headers['date'] ?? '')
  return { list, atS: Number.isNaN(told) ? null : Math.floor(told / 1000) }
}

/** A list as Stripe writes it; undefined when it is none. */
export function listOf(json: Json | undefined): List | undefined {
  if (!isJsonObject(json) || json['object'] !== 'list') return undefined
  const { data, has_more: more } = json
  return Array.isArray(data) && typeof more === 'boolean' ? { data, more } : undefined
}

/** Reading failed, or gave what it should not. */
export function unanswered(reason: string, table: SyncedTable): Fault {
  return noAnswer(reason, placeOf({ table }))
}

// Room engine: what the client is told when a statement of many rows was refused for one of them. Pure.

import type { FaultData } from '../mutation/fault.ts'
import type { Plan } from './plan.ts'

/**
 * The fault with the row named in DETAIL where the statement has several: an insert's by its position, others by id.
 * A fault that belongs to no row, or whose row is not of this plan, is left as it is.
 */
export function nameRow(data: FaultData, plan: Plan): FaultData {
  if (data.row === undefined || plan.rows.length < 2) return data
  const row = plan.rows.find(({ ordinal }) => ordinal === data.row)
  if (row === undefined) return data
  const words = row.id === null
    ? `Row ${data.row} of ${plan.rows.length}.`
    : `Record ${row.id}, one of ${plan.rows.length}.`
  return { ...data, detail: data.detail === undefined ? words : `${data.detail} ${words}` }
}

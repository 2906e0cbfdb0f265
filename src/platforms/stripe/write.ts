// Room platforms: writing to Stripe, one request for each row, several at a time. Accepted means that Stripe answered so
// for every row; after the first row that is refused or unknown no other is begun.

import { Fault, type FaultData, faultData } from '../../mutation/fault.ts'
import type { Mutation, Outcome, PlannedRow } from '../../mutation/mutation.ts'
import { rowLimitOf } from '../../mutation/limits.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { outcomeOf, type RowResult } from '../outcome.ts'
import type { Caller } from '../platform.ts'
import type { ApiRequest } from './client.ts'
import { placeOf } from './faults.ts'
import type { StripeObject } from './object.ts'
import { objectOf } from './objects.ts'
import { requestOf } from './request.ts'
import { writeRow } from './row.ts'
import { settingsOf } from './settings.ts'

/**
 * Carries out a mutation of at most 100 rows. The rows come back as Stripe has them. `metadata` merges as Stripe merges:
 * the keys given are set, those with null unset, the others stay.
 */
export async function write(
  mutation: Mutation,
  table: SyncedTable,
  caller: Caller,
): Promise<Outcome> {
  const plan = prepare(mutation, table, caller)
  if (plan instanceof Fault) {
    return { state: 'refused', fault: { ...placeOf({ table }), ...plan.data } }
  }
  const { operation, rows } = mutation
  const results: RowResult[] = []
  const queue = rows.values()
  let going = true
  const lane = async () => {
    for (const row of queue) {
      const request = plan.requests.get(row)
      if (!going || request === undefined) return
      const result = await writeRow(request, { operation, row, table, object: plan.object }, caller)
      if (result.state !== 'written') going = false
      results.push(result)
    }
  }
  // the lanes share the queue: each takes the next row when it is done with one
  await Promise.all(Array.from({ length: Math.min(plan.lanes, rows.length) }, lane))
  const inOrder = results.toSorted((a, b) => a.ordinal - b.ordinal)
  return outcomeOf(mutation, inOrder, placeOf({ table }))
}

interface Plan {
  readonly object: StripeObject
  readonly requests: ReadonlyMap<PlannedRow, ApiRequest>
  /** Requests under way at one time. */
  readonly lanes: number
}

/** All requests before the first is sent, so that a row that cannot be sent at all stops them all. */
function prepare(mutation: Mutation, table: SyncedTable, { settings }: Caller): Plan | Fault {
  try {
    const object = objectOf(table.object)
    const impossible = impossibleFault(mutation, table, object)
    if (impossible !== undefined) return new Fault(impossible)
    const requests = new Map(
      mutation.rows.map((row) => [row, requestOf(row, { mutation, table })] as const),
    )
    return { object, requests, lanes: settingsOf(settings).concurrency }
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

function impossibleFault(
  { operation, rows }: Mutation,
  table: SyncedTable,
  { refuses }: StripeObject,
): FaultData | undefined {
  const place = placeOf({ table })
  const refusal = refuses?.[operation]
  if (refusal !== undefined) return faultData('form_not_supported', { ...place, ...refusal })
  const max = rowLimitOf(table, operation)
  if (rows.length <= max) return undefined
  const detail = `The statement has ${rows.length} rows; Stripe takes ${max}.`
  return faultData('too_many_rows', { ...place, detail })
}

// Room platforms: is the record at an address still the row's? Names and numbers can have gone to another record since the
// row was read, and GitHub would change or delete that one.

import { never } from '../../lib/assert.ts'
import { type FaultData, faultData } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, tryParseJson } from '../json.ts'
import type { Caller } from '../platform.ts'
import { call, type RestRequest } from './client.ts'
import { faultOfResponse, placeOf } from './faults.ts'
import { idOf } from './record.ts'

interface Checking {
  readonly caller: Caller
  readonly place: {
    readonly table: SyncedTable
    readonly row: PlannedRow
    readonly operation: Operation
  }
}

/**
 * Reads the record and compares its id. Undefined: it is the row's; else the fault with which the row is refused, since
 * nothing was written: record_gone for another record or none, else why GitHub did not say.
 */
export async function mistakenFor(
  check: RestRequest,
  { caller, place }: Checking,
): Promise<FaultData | undefined> {
  const reply = await call(check, caller)
  switch (reply.state) {
    case 'unsent':
      return { ...placeOf(place), ...reply.fault }
    case 'lost':
      return unsaid(reply.reason, place)
    case 'answered':
      break
    default:
      return never(reply)
  }
  const { response } = reply
  if (response.status !== 200) return faultOfResponse(response, place)
  const record = tryParseJson(response.body)
  const id = isJsonObject(record) ? idOf(record) : undefined
  if (id === undefined) return unsaid('The answer cannot be read.', place)
  if (id === place.row.id) return undefined
  return faultData('record_gone', {
    ...placeOf(place),
    detail: `Where the record was, GitHub has another one now, of id ${id}.`,
    hint: 'It was renamed, moved or replaced; nothing was written. The next sync finds it.',
  })
}

function unsaid(detail: string, place: Checking['place']): FaultData {
  return faultData('platform_failed', {
    ...placeOf(place),
    message: 'github did not say whether the record is still the one meant, nothing was written',
    detail,
  })
}

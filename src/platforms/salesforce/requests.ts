// Room platforms: the one request that a mutation at Salesforce will make, told before it is made.

import type { Mutation } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { PlannedRequest } from '../rates.ts'
import { apiRoot } from './client.ts'
import { charges } from './rates.ts'
import { deletePath, isRecordId, mentionsReference, methodOf, writePath } from './request.ts'

/** One, or none when a row cannot be put into words of the API: the write refuses it then. */
export function requests(mutation: Mutation, table: SyncedTable): readonly PlannedRequest[] {
  const { operation, rows } = mutation
  const ids = rows.map(({ id }) => id ?? '')
  if (rows.length === 0 || (operation !== 'insert' && !ids.every(isRecordId))) return []
  const common = { rows: rows.length, charges }
  if (operation === 'delete') return [{ method: 'DELETE', path: deletePath(ids), ...common }]
  const alone = rows.some(({ values }) => mentionsReference(values))
  if (!alone) return [{ method: 'POST', path: `${apiRoot}/composite`, ...common }]
  return [{ method: methodOf(mutation), path: writePath(mutation, table), ...common }]
}

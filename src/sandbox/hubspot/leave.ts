// Room sandbox: records that leave for good: merged into another, or erased for privacy. Neither is in the list of archived
// records afterwards.
// https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/post-crm-v3-objects-contacts-merge,
// https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide ("Delete contacts")

import { scalarText } from '../json.ts'
import { type Call, noContent, readBody, type Reply, reply } from './call.ts'
import { failure, invalid, notFound } from './errors.ts'
import type { ObjectType } from './objects/definition.ts'
import { altered, livingRow, type Row } from './portal.ts'
import { renderRow } from './render.ts'
import { stamped } from './save.ts'
import { methodNotAllowed, uniqueName } from './single.ts'

/** The property that names the records that were merged into one, joined by `;`. */
export const mergedName = 'hs_merged_object_ids'

/**
 * POST /crm/v3/objects/{type}/merge: a new record takes the place of both, with what the primary one had and what only the
 * other had. Whoever reads either of them gets the new one.
 */
export function merge(call: Call, type: ObjectType): Reply {
  if (call.method !== 'POST') throw methodNotAllowed(call)
  const body = readBody(call)
  const { portal, nowMs } = call.writer
  const [primary, other] = ['primaryObjectId', 'objectIdToMerge'].map((name) => {
    const id = scalarText(body[name]) ?? ''
    const row = livingRow(portal, type, id)
    if (row === undefined) throw notFound(id)
    return row
  }) as [Row, Row]
  if (primary.id === other.id) throw invalid('Cannot merge a record with itself')
  const id = portal.nextId()
  for (const row of [primary, other]) portal.put(altered(row, { left: { into: id } }))
  const filled = [...primary.values].filter(([, value]) => value !== '')
  const merged = [primary, other].flatMap(({ id, values }) => [
    ...(values.get(mergedName) ?? '').split(';').filter(Boolean),
    id,
  ])
  const values = new Map([...other.values, ...filled, [mergedName, merged.join(';')]])
  const createdAtMs = Math.min(primary.createdAtMs, other.createdAtMs)
  const row = stamped(altered(primary, { id, values, createdAtMs, updatedAtMs: nowMs }))
  portal.put(row)
  return reply(200, renderRow(row, type.defaults))
}

/** POST /crm/v3/objects/contacts/gdpr-delete */
export function erase(call: Call, type: ObjectType): Reply {
  if (call.method !== 'POST') throw methodNotAllowed(call)
  if (type.name !== 'contacts') throw failure('resource not found', { status: 404 })
  const body = readBody(call)
  const { portal } = call.writer
  const id = scalarText(body['objectId']) ?? ''
  const name = uniqueName(type, scalarText(body['idProperty']))
  const row = name === null ? portal.get(type, id) : portal.holderOf(type, name, id)
  if (row === undefined) throw notFound(id)
  portal.put(altered(row, { left: { into: null } }))
  return noContent
}

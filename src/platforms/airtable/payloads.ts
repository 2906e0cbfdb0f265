// Room platforms: what Airtable's pings stand for: which records were created, changed or destroyed. Only their ids are
// taken. Source: Airtable Web API reference, "List webhook payloads", "Webhooks payload", "Webhooks table changed".

import type { Log } from '../../lib/log.ts'
import { isJsonObject, type Json, type JsonObject, toInteger } from '../json.ts'
import type { Touched } from '../platform.ts'
import { cut } from '../words.ts'
import { isRecordId } from './formulas.ts'
import { unanswered } from './read.ts'

export interface Payloads {
  readonly touched: readonly Touched[]
  /** The number of the payload that comes next. */
  readonly cursor: number
  readonly more: boolean
}

/** Reads an answer. `objects`: the ids of the tables that matter. @throws Fault platform_failed for what it cannot be */
export function readPayloads(
  json: Json,
  { objects, asked, log }: { objects: ReadonlySet<string>; asked: number; log: Log },
): Payloads {
  const { payloads, cursor, mightHaveMore } = isJsonObject(json) ? json : {}
  const next = toInteger(cursor)
  if (!Array.isArray(payloads) || next === undefined || typeof mightHaveMore !== 'boolean') {
    throw unanswered('these are no payloads of a webhook')
  }
  if (next < asked) throw unanswered('the payloads of the webhook lead backwards')
  const touched = new Map<string, Touched>()
  for (
    const { object, id } of (payloads as readonly Json[]).flatMap((one) => changesOf(one, log))
  ) {
    if (!objects.has(object)) continue
    touched.set(`${object}/${id}`, { object, ref: { id, keys: {} } })
  }
  // a number that stays would be asked for without end
  return { touched: [...touched.values()], cursor: next, more: mightHaveMore && next > asked }
}

interface Change {
  readonly object: string
  readonly id: string
}

function changesOf(payload: Json, log: Log): Change[] {
  if (!isJsonObject(payload)) throw unanswered('a payload of the webhook is no object')
  if (payload['error'] === true) {
    // what it should have told is found by looking and by listing
    const { code } = payload
    log.warn('airtable.payload_failed', { code: typeof code === 'string' ? cut(code, 100) : null })
    return []
  }
  const tables = membersOf(payload['changedTablesById'])
  const created = membersOf(payload['createdTablesById']) // also a table that was brought back
  return [
    ...Object.entries(tables).flatMap(([object, change]) => idsIn(object, changed(change))),
    ...Object.entries(created).flatMap(([object, table]) => {
      const records = isJsonObject(table) ? table['recordsById'] : undefined
      return idsIn(object, Object.keys(membersOf(records)))
    }),
  ]
}

/** The ids in a change of a table, whatever happened to the records. */
function changed(change: Json | undefined): readonly Json[] {
  if (!isJsonObject(change)) throw unanswered('a change of a table is no object')
  const destroyed = change['destroyedRecordIds'] ?? []
  if (!Array.isArray(destroyed)) throw unanswered('the destroyed records are no list')
  return [
    ...Object.keys(membersOf(change['createdRecordsById'])),
    ...Object.keys(membersOf(change['changedRecordsById'])),
    ...(destroyed as readonly Json[]),
  ]
}

function membersOf(json: Json | undefined): JsonObject {
  if (json === undefined || json === null) return {}
  if (isJsonObject(json)) return json
  throw unanswered('a payload of the webhook has something else than an object')
}

function idsIn(object: string, ids: readonly Json[]): Change[] {
  return ids.map((id) => {
    if (typeof id !== 'string' || !isRecordId(id)) throw unanswered('a changed record has no id')
    return { object, id }
  })
}

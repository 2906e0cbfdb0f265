// Room platforms: how tables follow Salesforce. By asking: it calls nobody over HTTP (its change events go over gRPC and
// CometD, and cost extra).

import { Fault } from '../../mutation/fault.ts'
import { isJsonObject, type Json, toInteger } from '../json.ts'
import type { Caller, Follower, Pace } from '../platform.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { apiRoot } from './client.ts'
import { changes, hasBin, stampFieldOf, start } from './feed.ts'
import { ids } from './page.ts'
import { read, unanswered } from './read.ts'
import { readRowsMax, recordsByIds } from './records.ts'
import { isRecordId } from './request.ts'
import { queryRowsMax } from './soql.ts'
import { valuesOf } from './write.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** A feed of everything: the comparison is only a net under it. */
const followed = { everyMs: minuteMs, scanEveryMs: 24 * hourMs } as const
/** Deletions must be found by comparing, which costs a request for 2,000 records. */
const compared = { everyMs: minuteMs, scanEveryMs: 6 * hourMs } as const
/** A request for 2,000 records, too. */
const listed = { everyMs: hourMs, scanEveryMs: hourMs } as const

/** `now`: this service's clock, milliseconds since 1970; `rowsMax`: records asked for at once. */
export function createFollower(
  { now, rowsMax = queryRowsMax }: { readonly now: () => number; readonly rowsMax?: number },
): Follower {
  return {
    pace,
    start: (table, caller) => start(table, { caller, now }),
    changes: (table, cursor, caller) => changes(table, cursor, { caller, now, rowsMax }),
    readMax: readRowsMax,
    read: readRefs,
    ids,
    count,
  }
}

function pace(table: SyncedTable): Pace {
  if (stampFieldOf(table) === undefined) return { changes: false, deletions: false, ...listed }
  const deletions = hasBin(table)
  return { changes: true, deletions, ...(deletions ? followed : compared) }
}

/** What has no id of Salesforce is no record of its. */
const readRefs: Follower['read'] = async (table, refs, caller) => {
  const wanted = [...new Set(refs.map(({ id }) => id))]
  const asked = wanted.filter(isRecordId)
  const records = asked.length === 0 ? [] : await recordsByIds(asked, { table, caller })
  const found = new Map(asked.map((id, i) => [id, records[i] ?? null]))
  return wanted.map((id) => {
    const record = found.get(id) ?? null
    return { id, values: record === null ? null : valuesOf(record, table, caller.log) }
  })
}

/**
 * A number that Salesforce keeps and brings up to date now and then. null: it keeps none of this object, or the user may
 * not see it. Source: REST API Developer Guide, "Record Count".
 */
async function count(table: SyncedTable, caller: Caller): Promise<number | null> {
  const path = `${apiRoot}/limits/recordCount?sObjects=${table.object}`
  try {
    return readCount(await read({ method: 'GET', path }, { table, caller }), table)
  } catch (error) {
    if (error instanceof Fault && unknown.has(error.code)) return null
    throw error
  }
}

const unknown: ReadonlySet<string> = new Set(['not_found', 'not_permitted', 'record_gone'])

function readCount(json: Json, table: SyncedTable): number | null {
  const counts = isJsonObject(json) ? json['sObjects'] : undefined
  if (!Array.isArray(counts)) throw unanswered('this is not a list of counts', table)
  const items: readonly Json[] = counts
  const own = items.find((item) => isJsonObject(item) && item['name'] === table.object)
  return isJsonObject(own) ? toInteger(own['count']) ?? null : null
}

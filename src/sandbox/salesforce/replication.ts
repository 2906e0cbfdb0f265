// Room sandbox: what changed in a span of time: /sobjects/X/updated and /sobjects/X/deleted. Spans are whole minutes,
// seconds are ignored.
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getdeleted.htm

import { type Api, type Call, methodNotAllowed, type Reply, reply } from './call.ts'
import { datetimeMs, daysLater, writeDatetime } from './dates.ts'
import { failure } from './errors.ts'
import type { Sobject } from './objects/schema.ts'
import type { Row } from './org.ts'

const minuteMs = 60_000
const updatedDaysMax = 30
const deletedDaysMax = 15

interface Span {
  readonly startMs: number
  readonly endMs: number
}

export function updatedResource(api: Api, call: Call, object: Sobject): Reply {
  const span = readSpan(api, call, updatedDaysMax)
  const rows = [...rowsSince(api, object, span)].filter((row) =>
    row.deletedAtMs === null && within(span, datetimeMs(String(row.values.get('SystemModstamp'))))
  )
  return reply(200, {
    ids: rows.map(({ id }) => id),
    latestDateCovered: writeDatetime(span.endMs),
  })
}

export function deletedResource(api: Api, call: Call, object: Sobject): Reply {
  const span = readSpan(api, call, deletedDaysMax)
  const rows = [...rowsSince(api, object, span)].filter((row) => within(span, row.deletedAtMs))
  return reply(200, {
    deletedRecords: rows.map((row: Row) => ({
      id: row.id,
      deletedDate: writeDatetime(row.deletedAtMs ?? 0),
    })),
    earliestDateAvailable: writeDatetime(daysLater(api.nowMs(), -deletedDaysMax)),
    latestDateCovered: writeDatetime(span.endMs),
  })
}

/** A deletion is a change as well: it has its stamp. */
function rowsSince({ org }: Api, object: Sobject, { startMs }: Span): Iterable<Row> {
  return org.rowsFrom(object, writeDatetime(startMs))
}

function within({ startMs, endMs }: Span, timeMs: number | null): boolean {
  return timeMs !== null && timeMs >= startMs && timeMs < endMs
}

function readSpan({ nowMs }: Api, call: Call, daysMax: number): Span {
  if (call.method !== 'GET') throw methodNotAllowed(call.method, 'GET,HEAD')
  const startMs = readMinute(call, 'start')
  const endMs = readMinute(call, 'end')
  if (endMs - startMs < minuteMs) {
    throw invalidDate('endDate must be at least one minute greater than startDate')
  }
  if (startMs < daysLater(nowMs(), -daysMax)) {
    throw invalidDate(`startDate cannot be more than ${daysMax} days ago`)
  }
  return { startMs, endMs }
}

function readMinute(call: Call, name: string): number {
  const text = call.query.get(name)
  if (text === null) throw failure('MISSING_ARGUMENT', `The ${name} parameter is required`)
  // A + that was not encoded has become a blank
  const timeMs = datetimeMs(text.replace(' ', '+'))
  if (timeMs === null) throw invalidDate(`${name}: invalid date ${text}`)
  return Math.floor(timeMs / minuteMs) * minuteMs
}

function invalidDate(message: string): Error {
  return failure('INVALID_REPLICATION_DATE', message)
}

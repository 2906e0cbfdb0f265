// Room sandbox: the rest of a query's rows, for GET /query/<locator>. A cursor shows the rows as they were when the
// query ran. Only the newest are kept.

import type { Json } from '../json.ts'
import { type Call, type Reply, reply } from './call.ts'
import { failure } from './errors.ts'
import { makeId } from './ids.ts'
import type { Row } from './org.ts'
import type { Found } from './soql/select.ts'

/** A user has ten cursors open at most; the oldest is closed for an eleventh. */
const cursorsMax = 10

const pageRowsMax = 2000
const pageRowsMin = 200

export interface Cursors {
  open(found: Found): string
  get(locator: string): Found | undefined
  clear(): void
}

export function createCursors(): Cursors {
  const open = new Map<string, Found>()
  let count = 0
  return {
    open: (found) => {
      count += 1
      const locator = makeId('01g', count)
      open.set(locator, found)
      const oldest = open.keys().next().value
      if (open.size > cursorsMax && oldest !== undefined) open.delete(oldest)
      return locator
    },
    get: (locator) => open.get(locator),
    clear: () => open.clear(),
  }
}

/** The first page of a query. */
export function firstPage(cursors: Cursors, found: Found, call: Call): Reply {
  const size = pageSize(call)
  const locator = found.rows.length > size ? cursors.open(found) : ''
  return reply(200, page(found, { locator, start: 0, size, call }))
}

/** A later page: `locator` is the last segment of nextRecordsUrl. */
export function laterPage(cursors: Cursors, locator: string, call: Call): Reply {
  const [, id = '', start = ''] = /^([0-9A-Za-z]+)-(\d{1,9})$/.exec(locator) ?? []
  const found = cursors.get(id)
  if (found === undefined || Number(start) >= found.rows.length) {
    throw failure('INVALID_QUERY_LOCATOR', 'invalid query locator')
  }
  const size = pageSize(call)
  return reply(200, page(found, { locator: id, start: Number(start), size, call }))
}

function page(
  { rows, total, show }: Found,
  { locator, start, size, call }: { locator: string; start: number; size: number; call: Call },
): Json {
  const end = start + size
  const records = rows.slice(start, end).map((row: Row) => show(row))
  if (end >= rows.length) return { totalSize: total, done: true, records }
  const nextRecordsUrl = `${call.base}/query/${locator}-${end}`
  return { totalSize: total, done: false, nextRecordsUrl, records }
}

/** Rows per page: the header `Sforce-Query-Options: batchSize=N`, within the bounds. */
function pageSize({ headers }: Call): number {
  const wanted = /batchSize\s*=\s*(\d{1,9})/i.exec(headers['sforce-query-options'] ?? '')?.[1]
  if (wanted === undefined) return pageRowsMax
  return Math.min(Math.max(Number(wanted), pageRowsMin), pageRowsMax)
}

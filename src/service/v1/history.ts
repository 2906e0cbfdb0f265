// Room service: the mutations of a sync as the HTTP API tells them.

import { fault } from '../../mutation/fault.ts'
import {
  type HistoryItem,
  type HistoryPlace,
  listMutations,
  readMutation,
} from '../../store/history.ts'
import type { Store } from '../../store/store.ts'
import { rowOutcomes } from './answer.ts'
import { listQuerySchema, type MutationEntry, type MutationList } from './schemas.ts'
import { check } from './check.ts'
import { checkText } from './lossless.ts'

/** `GET /v1/mutations`. Throws `bad_request`, `service_unreachable`. */
export async function answerList(
  store: Store,
  { syncId, query }: { syncId: string; query: Record<string, string> },
): Promise<MutationList> {
  const { limit, cursor, state, table } = check(listQuerySchema, query, 'the query')
  if (table !== undefined) checkText(table, '"table" in the query')
  const items = await listMutations(store, {
    syncId,
    state: state ?? null,
    table: table ?? null,
    after: cursor === undefined ? null : readCursor(cursor),
    limit: limit + 1,
  })
  const page = items.slice(0, limit)
  const last = page.at(-1)
  return {
    mutations: page,
    next: items.length > limit && last !== undefined ? writeCursor(last) : null,
  }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** `GET /v1/mutations/{id}`. Throws `not_found`, `service_unreachable`. */
export async function answerOne(
  store: Store,
  { syncId, id }: { syncId: string; id: string },
): Promise<MutationEntry> {
  const entry = uuid.test(id) ? await readMutation(store, { syncId, id }) : null
  if (entry === null) throw fault('not_found', { message: `mutation "${id}" not found` })
  const { request, outcome, ...item } = entry
  return { ...item, results: rowOutcomes(request, outcome) }
}

function writeCursor({ receivedAt, id }: HistoryItem): string {
  return Buffer.from(JSON.stringify([receivedAt, id])).toString('base64url')
}

function readCursor(cursor: string): HistoryPlace {
  try {
    const [receivedAt, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[]
    if (typeof receivedAt === 'string' && typeof id === 'string' && uuid.test(id)) {
      if (isTime(receivedAt)) return { receivedAt, id }
    }
  } catch {
    // no cursor of ours
  }
  throw fault('bad_request', { message: 'cursor is not one that a list has given' })
}

/** A time as the list writes it, and that there is. Throws RangeError for some that there are not. */
function isTime(text: string): boolean {
  const seconds = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,6})?\+00:00$/.exec(text)?.[1]
  if (seconds === undefined || seconds.startsWith('0000')) return false
  return new Date(`${seconds}Z`).toISOString().startsWith(seconds)
}

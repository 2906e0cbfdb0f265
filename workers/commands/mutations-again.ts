// Workers: whether a mutation can be sent again: only where the first time surely wrote nothing and nobody has written
// the same since, so that it can neither double a record nor undo what came later.

import { catalogue } from '../../src/mutation/fault.ts'
import type { Mutation, PlannedRow } from '../../src/mutation/mutation.ts'
import { findColumn, isJsonType, type SyncedTable } from '../../src/mutation/table.ts'
import { type Json, readJson } from '../../src/service/v1/lossless.ts'
import type { ActivityEntry } from '../../src/store/activity.ts'
import { laterMax, type LaterMutation } from '../../src/store/later.ts'

/** Why it cannot be sent again, in words, and what to do instead; null: it can. */
export function objection(
  { request, state, outcome }: ActivityEntry,
  later: readonly LaterMutation[],
): string | null {
  if (outcome === null || state === 'received' || state === 'sent') {
    return 'it is still under way: wait for its outcome'
  }
  if (outcome.state === 'unknown') {
    return 'it may have been written: services find out what can be told (sluice recover). ' +
      'Look at its rows there, and send the statement again yourself if they are not written'
  }
  if (outcome.state !== 'refused') {
    return outcome.state === 'accepted'
      ? 'it was written'
      : 'some of its rows were written: send those that were not with a statement of their own'
  }
  const { code } = outcome.fault
  const { retry } = catalogue[code]
  if (retry !== 'later') {
    return `it was refused for a reason that does not pass by itself (${code}): mend that, and send ` +
      'the statement again yourself'
  }
  return formObjection(request) ?? laterObjection(request, later)
}

function formObjection({ upsertBy, rows }: Mutation): string | null {
  if (upsertBy !== undefined) {
    return 'it is an insert or update by a column: send the statement again yourself'
  }
  const columns = (row: PlannedRow) => Object.keys(row.values).sort().join()
  const [first] = rows
  if (first === undefined || rows.every((row) => columns(row) === columns(first))) return null
  return 'its rows set different columns: send the statement again yourself'
}

function laterObjection(request: Mutation, later: readonly LaterMutation[]): string | null {
  if (later.length > laterMax) {
    return 'too many mutations came after it to be sure that none has written the same: look at the ' +
      'rows, and send the statement again yourself'
  }
  const same = later.find((other) => touches(request, other.request))
  if (same === undefined) return null
  return request.operation === 'insert'
    ? `the same record was inserted later, by mutation ${same.id} (${same.state})`
    : `one of its records was written later, by mutation ${same.id} (${same.state})`
}

function touches(own: Mutation, other: Mutation): boolean {
  if (own.operation !== 'insert') {
    const ids = new Set(own.rows.map(({ id }) => id))
    // a later upsert may have found any record
    return other.upsertBy !== undefined || other.rows.some(({ id }) => id !== null && ids.has(id))
  }
  if (other.operation !== 'insert') return false
  const made = new Set(other.rows.map(textOf))
  return own.rows.some((row) => made.has(textOf(row)))
}

function textOf({ values }: PlannedRow): string {
  return JSON.stringify(Object.entries(values).sort(([a], [b]) => a < b ? -1 : 1))
}

/** The request to the HTTP API that sends it again. */
export interface Again {
  readonly method: 'POST' | 'PATCH' | 'DELETE'
  readonly body: { readonly [name: string]: Json }
}

/** Throws what a value that is no JSON in a column of JSON throws, `bad_request`. */
export function again({ operation, rows }: Mutation, table: SyncedTable): Again {
  switch (operation) {
    case 'insert':
      return { method: 'POST', body: { records: rows.map((row) => recordOf(row, table)) } }
    case 'update':
      return {
        method: 'PATCH',
        body: { records: rows.map((row) => ({ ...recordOf(row, table), id: row.id })) },
      }
    case 'delete':
      return { method: 'DELETE', body: { ids: rows.map(({ id }) => id) } }
  }
}

function recordOf({ values }: PlannedRow, table: SyncedTable): { [name: string]: Json } {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const isJson = isJsonType(findColumn(table, name)?.type ?? 'text')
      return [name, value !== null && isJson ? readJson(new TextEncoder().encode(value)) : value]
    }),
  )
}

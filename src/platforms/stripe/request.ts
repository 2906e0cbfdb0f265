// Room platforms: the requests that carry a mutation out, one for each row.
// Source: Stripe API reference, "Create", "Update", "Delete" and "Cancel" of each object; "Idempotent requests".

import { Fault, fault } from '../../mutation/fault.ts'
import type { Mutation, PlannedRow } from '../../mutation/mutation.ts'
import { type Column, findColumn, type Operation, type SyncedTable } from '../../mutation/table.ts'
import type { Caller } from '../platform.ts'
import type { PlannedRequest } from '../rates.ts'
import { segmentOf } from '../segment.ts'
import { keyOf } from '../words.ts'
import type { ApiRequest, Parameter } from './client.ts'
import { placeOf } from './faults.ts'
import { type StripeObject, wordsOf } from './object.ts'
import { objectOf } from './objects.ts'
import { chargesOf, endpointOf } from './rates.ts'
import { settingsOf } from './settings.ts'
import { toPlatform } from './values.ts'

interface Rows {
  readonly mutation: Mutation
  readonly table: SyncedTable
}

/** The request for one row. @throws Fault when the row cannot be put into words of the API; nothing was sent. */
export function requestOf(row: PlannedRow, { mutation, table }: Rows): ApiRequest {
  const { id, operation } = mutation
  const object = objectOf(table.object)
  if (operation === 'delete') {
    return { method: 'DELETE', path: recordPath(object, row, table) }
  }
  const path = operation === 'insert' ? `/v1/${object.path}` : recordPath(object, row, table)
  return {
    method: 'POST',
    path,
    parameters: { ...parametersOf(row, { operation, table }), ...expansionOf(object) },
    idempotencyKey: `${id}-${row.ordinal}`,
  }
}

function expansionOf({ expand }: StripeObject): { expand?: string[] } {
  return expand === undefined ? {} : { expand: wordsOf(expand) }
}

/** Reads the record that a row is about, with the fields that Stripe answers only when asked to. */
export function readRequestOf(row: PlannedRow, table: SyncedTable): ApiRequest {
  const object = objectOf(table.object)
  return { method: 'GET', path: recordPath(object, row, table) + expandingQuery(object) }
}

/** `?expand[0]=tiers`; nothing where there is nothing to ask for. */
export function expandingQuery({ expand }: StripeObject): string {
  const query = new URLSearchParams(
    wordsOf(expand).map((field, i) => [`expand[${i}]`, field]),
  )
  return query.size === 0 ? '' : `?${query}`
}

function recordPath({ path }: StripeObject, row: PlannedRow, table: SyncedTable): string {
  const id = segmentOf(row.id ?? '')
  if (id === undefined) {
    throw fault('value_not_of_type', {
      ...placeOf({ table, row }),
      column: 'id',
      detail: `${keyOf('id', row.id)} is not a Stripe id.`,
    })
  }
  return `/v1/${path}/${id}`
}

function parametersOf(
  row: PlannedRow,
  { operation, table }: { operation: Operation; table: SyncedTable },
): Record<string, Parameter> {
  const insert = operation === 'insert'
  const parameters = Object.entries(row.values)
    // unsetting would only stand in the way of a default
    .filter(([, text]) => !insert || text !== null)
    .map(([name, text]) => {
      const column = columnOf(name, { row, insert, table })
      return [column.field, placed(() => toPlatform(text, column), { row, table })] as const
    })
  return Object.fromEntries(parameters)
}

function columnOf(
  name: string,
  { row, insert, table }: { row: PlannedRow; insert: boolean; table: SyncedTable },
): Column {
  const column = findColumn(table, name)
  const place = { ...placeOf({ table, row }), column: name }
  if (column === undefined) {
    throw fault('column_unknown', { ...place, detail: `Column "${name}" has no field behind it.` })
  }
  if (insert ? !column.insertable : !column.updatable) {
    const what = insert ? 'an INSERT' : 'an UPDATE'
    const detail = `Stripe does not let ${what} set "${name}".`
    throw fault('column_read_only', { ...place, detail })
  }
  return column
}

/** Says of which row and table a value is that cannot be sent. */
function placed(value: () => Parameter, place: { row: PlannedRow; table: SyncedTable }): Parameter {
  try {
    return value()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new Fault({ ...placeOf(place), ...error.data }, { cause: error })
  }
}

/** The write requests of a mutation, one for each row. @throws Fault for settings or a table that are none */
export function requests(
  { operation, rows }: Mutation,
  table: SyncedTable,
  { settings }: Pick<Caller, 'settings'>,
): readonly PlannedRequest[] {
  settingsOf(settings)
  const { path } = objectOf(table.object)
  const method = operation === 'delete' ? 'DELETE' : 'POST'
  return rows.map((row) => {
    const record = operation === 'insert' ? '' : `/${segmentOf(row.id ?? '') ?? ''}`
    const url = `/v1/${path}${record}`
    return { method, path: url, rows: 1, charges: chargesOf(endpointOf(method, url)) }
  })
}

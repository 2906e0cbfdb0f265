// Room sandbox: reading records, one or page by page. https://airtable.com/developers/web/api/list-records

import { isArray, isObject, type Json, type JsonObject, scalarText } from '../json.ts'
import type { Base, Row } from './base.ts'
import { type Call, readBody, type Reply, reply } from './call.ts'
import { failure, invalidRequest, notFound, unknownField } from './errors.ts'
import { type Field, findField, type Table } from './field.ts'
import { createFilter, idsNamed } from './evaluation.ts'
import { type Formula, readFormula } from './formula.ts'
import type { Rest } from './iterators.ts'
import { compareScalars } from './scalars.ts'
import { cellOf, renderRow } from './render.ts'

const pageRowsMax = 100

/** GET of the record in the path. */
export function showRecord({ base, query }: Call, table: Table, id: string): Reply {
  const row = base.get(table, id)
  if (row === undefined) throw notFound()
  if ([...query.keys()].some((name) => name.startsWith('fields'))) throw invalidRequest()
  const byId = query.get('returnFieldsByFieldId') === 'true'
  return reply(200, renderRow(base, row, { byId, fields: null }))
}

interface Order {
  readonly field: Field
  readonly descending: boolean
}

/** What a list is asked for. */
interface Question {
  readonly pageRows: number
  readonly rowsMax: number
  readonly offset: string | null
  readonly formula: string
  readonly fields: readonly Field[] | null
  readonly orders: readonly Order[]
  readonly byId: boolean
}

/** GET of a table, or POST to its /listRecords. */
export function listRecords(call: Call, table: Table): Reply {
  const body = call.method === 'POST' ? readBody(call, listMembers) : bodyOf(call.query)
  const question = readQuestion(body, table)
  const rest = question.offset === null
    ? { ids: select(call, table, question), at: 0 }
    : resume(call, question.offset)
  const { rows, at } = pageOf(call, table, { rest, rowsMax: question.pageRows })
  const { byId, fields } = question
  return reply(200, {
    records: rows.map((row) => renderRow(call.base, row, { byId, fields })),
    ...(at < rest.ids.length
      ? { offset: call.iterators.keep({ ids: rest.ids, at }, call.nowMs) }
      : {}),
  })
}

/** The next rows that are still there, as they are now. */
function pageOf(
  { base }: Call,
  table: Table,
  { rest: { ids, at: start }, rowsMax }: { rest: Rest; rowsMax: number },
): { readonly rows: readonly Row[]; readonly at: number } {
  const rows: Row[] = []
  let at = start
  for (; at < ids.length && rows.length < rowsMax; at++) {
    const row = base.get(table, ids[at] ?? '')
    if (row !== undefined) rows.push(row)
  }
  return { rows, at }
}

const listMembers = [
  'timeZone',
  'userLocale',
  'pageSize',
  'maxRecords',
  'offset',
  'view',
  'sort',
  'filterByFormula',
  'cellFormat',
  'fields',
  'returnFieldsByFieldId',
  'recordMetadata',
  'method',
]

/** A query as the body that it stands for: `fields[]=a`, `sort[0][field]=a`. */
function bodyOf(query: URLSearchParams): JsonObject {
  const body: Record<string, Json> = {}
  const sorts: Record<string, Json>[] = []
  for (const [key, text] of query) {
    const [, name = '', first, second] = /^([A-Za-z]+)(?:\[(\d*)\])?(?:\[([a-z]+)\])?$/.exec(key) ??
      []
    if (!listMembers.includes(name)) throw invalidRequest()
    if (name === 'sort' && second !== undefined) {
      const index = Number(first)
      sorts[index] = { ...sorts[index], [second]: text }
    } else if (name === 'fields' || name === 'recordMetadata') {
      const list = body[name]
      body[name] = [...(isArray(list) ? list : []), text]
    } else body[name] = name === 'returnFieldsByFieldId' ? text === 'true' : text
  }
  return { ...body, sort: sorts.filter(isObject) }
}

function readQuestion(body: JsonObject, table: Table): Question {
  const view = scalarText(body['view'])
  if (view !== null && view !== table.view.id && view !== table.view.name) {
    throw failure('VIEW_NAME_NOT_FOUND', `View ${view} not found`)
  }
  if ((scalarText(body['cellFormat']) ?? 'json') !== 'json') {
    throw invalidRequest('The sandbox has cellFormat json only')
  }
  return {
    pageRows: countOf(body['pageSize'], pageRowsMax, pageRowsMax),
    rowsMax: countOf(body['maxRecords'], Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    offset: scalarText(body['offset']),
    formula: scalarText(body['filterByFormula']) ?? '',
    fields: readFields(body['fields'], table),
    orders: readOrders(body['sort'], table),
    byId: body['returnFieldsByFieldId'] === true,
  }
}

function countOf(json: Json | undefined, most: number, absent: number): number {
  if (json === undefined || json === null) return absent
  const text = scalarText(json) ?? ''
  const count = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > most) throw invalidRequest()
  return count
}

function readFields(json: Json | undefined, table: Table): readonly Field[] | null {
  if (!isArray(json) || json.length === 0) return null
  return json.map((name) => fieldNamed(table, scalarText(name) ?? ''))
}

function readOrders(json: Json | undefined, table: Table): readonly Order[] {
  return (isArray(json) ? json : []).map((order) => {
    if (!isObject(order)) throw invalidRequest()
    const field = fieldNamed(table, scalarText(order['field']) ?? '')
    return { field, descending: order['direction'] === 'desc' }
  })
}

function fieldNamed(table: Table, name: string): Field {
  const field = findField(table, name)
  if (field === undefined) throw unknownField(name)
  return field
}

/** The ids of the rows, in their order. */
function select({ base, nowMs }: Call, table: Table, question: Question): readonly string[] {
  const { formula: text, orders, rowsMax } = question
  const found = text.trim() === ''
    ? [...base.rows(table)]
    : matching(readFormula(text, table), { base, table, nowMs })
  const sorted = orders.length === 0 ? found : found.toSorted((left, right) => {
    for (const { field, descending } of orders) {
      const order = compareScalars(cellOf(base, left, field), cellOf(base, right, field))
      if (order !== 0) return descending ? -order : order
    }
    return 0
  })
  return sorted.slice(0, rowsMax).map(({ id }) => id)
}

function matching(
  formula: Formula,
  { base, table, nowMs }: { base: Base; table: Table; nowMs: number },
): Row[] {
  const matches = createFilter(formula)
  const ids = idsNamed(formula)
  const candidates = ids === null
    ? base.rows(table)
    : [...ids].flatMap((id) => base.get(table, id) ?? []).sort((a, b) => a.number - b.number)
  const found: Row[] = []
  for (const row of candidates) if (matches({ base, row, nowMs })) found.push(row)
  return found
}

function resume({ iterators, nowMs }: Call, offset: string): Rest {
  const rest = iterators.take(offset, nowMs)
  if (rest !== null) return rest
  throw failure(
    'LIST_RECORDS_ITERATOR_NOT_AVAILABLE',
    'The list records iterator is no longer available. Please start again without an offset.',
  )
}

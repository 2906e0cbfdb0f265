// What must hold after every step: the table has the records of the platform, no more and no fewer, field by field.

import assert from 'node:assert/strict'
import type { Exchange, PlatformRecord, System } from '../help/system.ts'

interface MirrorColumn {
  readonly name: string
  /** The API's name of the field: the comment of the column, without what it says of writing it. */
  readonly field: string
  readonly type: string
}

/** Asserts that a Salesforce table and the sandbox hold the same, every column of it. */
export async function assertMirrors(system: System, table = 'contacts'): Promise<void> {
  const columns = await columnsOf(system, table)
  const records = await system.records(table)
  const rows = await system.sql.unsafe<Row[]>(
    `select id, to_jsonb(t) as row from salesforce.${table} t`,
  )
  assert.deepEqual(
    rows.map(({ id }) => id).toSorted(),
    records.map((record) => String(record['Id'])).toSorted(),
    'the table and the sandbox have other records',
  )
  const byId = new Map(rows.map(({ id, row }) => [id, row]))
  for (const record of records) {
    const id = String(record['Id'])
    assertRow(byId.get(id) ?? {}, { record, columns, id })
  }
}

/**
 * Asserts that no row of the table is ahead of the platform: each is a record there, and looks as it does there. Records
 * that the table does not have yet are allowed; `behind` names rows whose later version only the platform has.
 */
export async function assertNotAhead(
  system: System,
  { table = 'contacts', behind = [] }: { table?: string; behind?: Iterable<string> } = {},
): Promise<void> {
  const columns = await columnsOf(system, table)
  const late = new Set(behind)
  const records = new Map(
    (await system.records(table)).map((record) => [String(record['Id']), record]),
  )
  const rows = await system.sql.unsafe<Row[]>(
    `select id, to_jsonb(t) as row from salesforce.${table} t`,
  )
  for (const { id, row } of rows.filter((each) => !late.has(each.id))) {
    const record = records.get(id)
    assert.ok(record !== undefined, `row ${id} is not at the sandbox`)
    assertRow(row, { record, columns, id })
  }
}

interface Row {
  readonly id: string
  readonly row: Readonly<Record<string, unknown>>
}

function assertRow(
  row: Row['row'],
  { record, columns, id }: { record: PlatformRecord; columns: readonly MirrorColumn[]; id: string },
): void {
  for (const column of columns) {
    assert.deepEqual(
      fromTable(row[column.name], column.type),
      fromRecord(record[column.field], column.type),
      `record ${id}: column ${column.name} and field ${column.field} differ`,
    )
  }
}

async function columnsOf(system: System, table: string): Promise<MirrorColumn[]> {
  const columns = await system.sql<MirrorColumn[]>`
    select attname::text as name,
      regexp_replace(col_description(attrelid, attnum),
        ' [(]((read-only|insert only|update only|required)(, )?)+[)]$', '') as field,
      format_type(atttypid, null) as type
    from pg_attribute
    where attrelid = ${`salesforce.${table}`}::text::regclass and attnum > 0 and not attisdropped`
  assert.ok(columns.length > 1 && columns.every(({ field }) => field !== null))
  return [...columns]
}

/** One form for both sides: Salesforce writes timestamps, times and lists its own way. */
function fromTable(value: unknown, type: string): unknown {
  if (type === 'timestamp with time zone' && typeof value === 'string') return Date.parse(value)
  return value ?? null
}

function fromRecord(value: unknown, type: string): unknown {
  if (typeof value !== 'string') return value ?? null
  switch (type) {
    case 'timestamp with time zone':
      return Date.parse(value)
    case 'time without time zone':
      return value.replace(/Z$/, '').replace(/\.0*$|(\.\d*[1-9])0*$/, '$1')
    case 'text[]':
      return value.split(';')
    default:
      return value
  }
}

interface WriteBody {
  readonly compositeRequest: readonly { readonly method: string; readonly body: CollectionBody }[]
}

interface CollectionBody {
  readonly allOrNone: boolean
  readonly records: readonly PlatformRecord[]
}

/** The records that one write request to Salesforce holds; of a DELETE their ids. */
export function recordsIn(exchange: Exchange): PlatformRecord[] {
  if (exchange.method === 'DELETE') {
    const ids = new URL(exchange.url, 'http://sandbox').searchParams.get('ids') ?? ''
    return ids.split(',').map((id) => ({ id }))
  }
  const { compositeRequest } = JSON.parse(exchange.requestBody) as WriteBody
  const [write, ...others] = compositeRequest
  assert.ok(write?.body.allOrNone, 'all or none')
  assert.ok(
    others.every(({ body }) => !('records' in body)),
    'the other parts of the request read',
  )
  return [...write.body.records]
}

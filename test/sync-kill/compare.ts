// Are the tables what the platforms have, record by record and field by field? An independent witness: it reads the
// sandbox's records and the tables themselves, with names and types of its own making, and imports nothing of ours.

import type postgres from 'postgres'

export interface Compared {
  readonly tables: number
  readonly records: number
  readonly fields: number
  /** What differs, in words; the first ones of each table. */
  readonly differences: readonly string[]
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }
type Fields = { readonly [name: string]: Json }

interface Column {
  readonly name: string
  readonly type: string
}

const schemas = ['salesforce', 'hubspot', 'stripe', 'airtable', 'github'] as const
type Schema = typeof schemas[number]
const shownMax = 5
/** Repositories that the sync was told of; the sandbox has others. */
const repositories: ReadonlySet<Json> = new Set(['octo/hello', 'octo/world'])

/** Compares every table of the five schemas. `sandboxUrl`: without a slash at the end. */
export async function compareAll(
  { sql, sandboxUrl }: { sql: postgres.Sql; sandboxUrl: string },
): Promise<Compared> {
  const columns = await columnsOf(sql)
  let [records, fields] = [0, 0]
  const differences: string[] = []
  for (const [name, listed] of columns) {
    const [schema = '', table = ''] = name.split('.')
    const theirs = await recordsOf(sandboxUrl, { schema: schema as Schema, table })
    const ours = await rowsOf(sql, { schema, table })
    const found = compareTable({ schema: schema as Schema, table, columns: listed, theirs, ours })
    records += theirs.length
    fields += theirs.length * listed.length
    differences.push(...found.slice(0, shownMax))
    if (found.length > shownMax) differences.push(`${name}: ${found.length} differences in all`)
  }
  return { tables: columns.size, records, fields, differences }
}

async function columnsOf(sql: postgres.Sql): Promise<Map<string, Column[]>> {
  const found = await sql<{ table: string; name: string; type: string }[]>`
    select table_schema || '.' || table_name as table, column_name as name, data_type as type
    from information_schema.columns where table_schema in ${sql(schemas)}
    order by table_schema, table_name, ordinal_position`
  const columns = new Map<string, Column[]>()
  for (const { table, name, type } of found) {
    columns.set(table, [...columns.get(table) ?? [], { name, type }])
  }
  return columns
}

/** Numbers that JavaScript would round stay as they are written. */
function parse(text: string): Json {
  const exactly = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) &&
      /^-?\d+$/.test(context?.source ?? '')
      ? context?.source
      : value
  return JSON.parse(text, exactly as (key: string, value: unknown) => unknown) as Json
}

/** Live records of what the sync was told of. */
async function recordsOf(
  sandboxUrl: string,
  { schema, table }: { schema: Schema; table: string },
): Promise<Fields[]> {
  const answer = await fetch(`${sandboxUrl}/_records/${schema}/${table}`)
  const text = await answer.text()
  if (!answer.ok) throw new Error(`The sandbox answered ${answer.status}: ${text}`)
  const all = parse(text) as readonly Fields[]
  return all.filter((record) => isMirrored(record, { schema, table }))
}

function isMirrored(
  record: Fields,
  { schema, table }: { schema: Schema; table: string },
): boolean {
  if (record['IsDeleted'] === true) return false
  if (schema !== 'github') return schema !== 'hubspot' || record['archived'] !== true
  if (!repositories.has(record[table === 'repositories' ? 'full_name' : 'repository'] ?? null)) {
    return false
  }
  // what GitHub calls issues has the pull requests among them
  return table !== 'issues' || record['pull_request'] === undefined
}

async function rowsOf(
  sql: postgres.Sql,
  { schema, table }: { schema: string; table: string },
): Promise<Map<string, Fields>> {
  const rows = await sql.unsafe<{ row: string }[]>(
    `set timezone = 'UTC'; select row_to_json(t)::text as row from "${schema}"."${table}" t`,
  ) as unknown as readonly { row?: string }[][]
  const found = (rows.at(-1) ?? []).map(({ row }) => parse(row ?? '{}') as Fields)
  return new Map(found.map((row) => [textOf(row['id']), row]))
}

interface Table {
  readonly schema: Schema
  readonly table: string
  readonly columns: readonly Column[]
  readonly theirs: readonly Fields[]
  readonly ours: ReadonlyMap<string, Fields>
}

function compareTable({ schema, table, columns, theirs, ours }: Table): string[] {
  const name = `${schema}.${table}`
  const found: string[] = []
  const seen = new Set<string>()
  for (const record of theirs) {
    const id = textOf(record['id'] ?? record['Id'])
    seen.add(id)
    const row = ours.get(id)
    if (row === undefined) {
      found.push(`${name} ${id}: not in the table`)
      continue
    }
    const fields = fieldsOf(record, schema)
    for (const column of columns) {
      const [wanted, is] = [wantedOf(column, { fields, schema, table }), row[column.name] ?? null]
      const [one, other] = [plain(wanted, column.type), plain(is, column.type)]
      if (one !== other) found.push(`${name} ${id}.${column.name}: ${other}, not ${one}`)
    }
  }
  for (const id of ours.keys()) if (!seen.has(id)) found.push(`${name} ${id}: not at the platform`)
  return found
}

/** By names in lower case without what separates words, as far as a platform's names are no columns' names already. */
function fieldsOf(record: Fields, schema: Schema): Fields {
  const { properties, fields, ...own } = record
  const all = { ...own, ...properties as Fields | undefined, ...fields as Fields | undefined }
  if (schema === 'stripe' || schema === 'github') return record
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [bare(name), value]))
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[_ ]/g, '')
}

function wantedOf(
  { name, type }: Column,
  { fields, schema, table }: { fields: Fields; schema: Schema; table: string },
): Json {
  switch (schema) {
    case 'salesforce':
    case 'hubspot': {
      const value = fields[bare(name)] ?? null
      return type === 'ARRAY' && typeof value === 'string' && value !== ''
        ? value.split(';').filter((part) => part !== '')
        : value
    }
    case 'airtable':
      return fields[bare(name)] ?? (type === 'boolean' ? false : null)
    case 'stripe':
      return table === 'invoices' && name === 'subscription'
        ? inside(fields, 'parent', 'subscription_details', 'subscription')
        : stripeOf(fields[name] ?? null, type)
    case 'github':
      return githubOf(fields, name)
  }
}

function inside(value: Json, ...path: readonly string[]): Json {
  return path.reduce<Json>((part, name) => (part as Fields | null)?.[name] ?? null, value)
}

/** Moments are seconds; an object where a column takes an id is there by its id. */
function stripeOf(value: Json, type: string): Json {
  if (value === null) return null
  if (type.startsWith('timestamp') && typeof value === 'number') {
    return new Date(value * 1_000).toISOString()
  }
  if (type === 'text' && typeof value === 'object') return (value as Fields)['id'] ?? null
  return value
}

const members: Readonly<Record<string, string>> = {
  user: 'login',
  creator: 'login',
  author: 'login',
  owner: 'login',
  assignees: 'login',
  requested_reviewers: 'login',
  labels: 'name',
  milestone: 'number',
  license: 'spdx_id',
  head: 'ref',
  base: 'ref',
}

function githubOf(fields: Fields, name: string): Json {
  if (name === 'issue_number') return Number(/\d+$/.exec(textOf(fields['issue_url']))?.[0])
  if (name === 'head_sha' || name === 'base_sha') return inside(fields, name.slice(0, 4), 'sha')
  if (name === 'head_repository') return inside(fields, 'head', 'repo', 'full_name')
  const value = fields[name] ?? null
  const member = members[name]
  if (member === undefined || value === null || typeof value !== 'object') return value
  return Array.isArray(value)
    ? value.map((part: Json) => inside(part, member))
    : inside(value, member)
}

const nothing = 'nothing'

/** One text for equal values. */
function plain(value: Json, type: string): string {
  if (value === null || value === '') return nothing
  if (type === 'ARRAY') return Array.isArray(value) && value.length > 0 ? stable(value) : nothing
  if (type.startsWith('timestamp')) return new Date(textOf(value)).toISOString()
  if (type.startsWith('time ')) return textOf(value).replace(/(\.0*)?Z?$/, '')
  if (type === 'numeric') return String(Number(value))
  if (type === 'jsonb') return stable(value)
  return textOf(value)
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

/** JSON with the names in order. */
function stable(value: Json): string {
  return JSON.stringify(
    value,
    (_name, part: Json) =>
      part !== null && typeof part === 'object' && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
  )
}

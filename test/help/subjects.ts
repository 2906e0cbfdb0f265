// A table of each platform, and statements on it of which every row bears a mark: what the platform, the table, the
// journal and the log of exchanges have of a statement can be told by it.

import type { Platform } from '../../src/mutation/table.ts'
import {
  isJsonNumber,
  isJsonObject,
  type Json,
  type JsonObject,
  parseJson,
} from '../../src/platforms/json.ts'
import type { Exchange } from './system.ts'

export interface Subject {
  readonly platform: Platform
  readonly table: string
  /** The platform's own name of the object, or what stands for all of them. */
  readonly object: string
  /** Path of the token endpoint; absent: the account has a key. */
  readonly tokenPath?: string
  readonly settings?: Readonly<Record<string, unknown>>
  /** The column that bears the mark. */
  readonly column: string
  /** Rows of one INSERT at most, and of an UPDATE or DELETE. */
  readonly insertMax: number
  readonly changeMax: number
  /** `$1`: an array of marks, a row each. */
  readonly insert: string
  /** `$1`: marks, `$2`: keys, a row each; what has the key gets the mark, else it is made. Absent: there is no upsert. */
  readonly upsert?: string
  /** For the owner of the table, before the first upsert. */
  readonly prepare?: string
  /** The INSERT with a value that the platform refuses. */
  readonly refused: string
  /** Id and mark of a record; null: the record is none of this sync. */
  readonly read: (record: JsonObject) => Marked | null
}

/** A record or row, as far as it is looked at. */
export interface Marked {
  readonly id: string
  readonly mark: string
}

export interface Statement {
  readonly text: string
  readonly values: unknown[]
}

const textOf = (value: Json | undefined): string => {
  if (isJsonNumber(value)) return value.rawJSON
  return typeof value === 'string' ? value : ''
}

const within = (value: Json | undefined, name: string): string =>
  isJsonObject(value) ? textOf(value[name]) : ''

export const subjects: readonly Subject[] = [
  {
    platform: 'salesforce',
    table: 'contacts',
    object: 'Contact',
    tokenPath: '/services/oauth2/token',
    column: 'last_name',
    insertMax: 200,
    changeMax: 200,
    insert: 'insert into salesforce.contacts (last_name) select m from unnest($1::text[]) m',
    upsert: `insert into salesforce.contacts (external_id__c, last_name)
      select k, m from unnest($1::text[], $2::text[]) u(m, k)
      on conflict (external_id__c) do update set last_name = excluded.last_name`,
    refused: `insert into salesforce.contacts (last_name, email)
      select m, 'pauldune.co' from unnest($1::text[]) m`,
    read: (record) =>
      record['IsDeleted'] === true
        ? null
        : { id: textOf(record['Id']), mark: textOf(record['LastName']) },
  },
  {
    platform: 'hubspot',
    table: 'contacts',
    object: 'contacts',
    tokenPath: '/oauth/v3/token',
    column: 'jobtitle',
    insertMax: 1,
    changeMax: 100,
    insert: `insert into hubspot.contacts (email, jobtitle)
      select m || '@sluice.example', m from unnest($1::text[]) m`,
    upsert: `insert into hubspot.contacts (email, jobtitle)
      select k || '@sluice.example', m from unnest($1::text[], $2::text[]) u(m, k)
      on conflict (email) do update set jobtitle = excluded.jobtitle`,
    refused: `insert into hubspot.contacts (email, jobtitle)
      select 'pauldune.co', m from unnest($1::text[]) m`,
    read: (record) => ({
      id: textOf(record['id']),
      mark: within(record['properties'], 'jobtitle'),
    }),
  },
  {
    platform: 'stripe',
    table: 'customers',
    object: 'customers',
    column: 'name',
    insertMax: 100,
    changeMax: 100,
    insert: 'insert into stripe.customers (name) select m from unnest($1::text[]) m',
    refused: `insert into stripe.customers (name, email)
      select m, 'pauldune.co' from unnest($1::text[]) m`,
    read: (record) => ({ id: textOf(record['id']), mark: textOf(record['name']) }),
  },
  {
    platform: 'airtable',
    table: 'contacts',
    object: '*',
    tokenPath: '/oauth2/v1/token',
    settings: { base: 'appSandbox0000001' },
    column: 'notes',
    insertMax: 10,
    changeMax: 10,
    insert: 'insert into airtable.contacts (notes) select m from unnest($1::text[]) m',
    prepare: 'create unique index on airtable.contacts (email)',
    upsert: `insert into airtable.contacts (email, notes)
      select k || '@sluice.example', m from unnest($1::text[], $2::text[]) u(m, k)
      on conflict (email) do update set notes = excluded.notes`,
    refused: `insert into airtable.contacts (notes, status)
      select m, 'No such status' from unnest($1::text[]) m`,
    read: (record) => ({ id: textOf(record['id']), mark: within(record['fields'], 'Notes') }),
  },
  {
    platform: 'github',
    table: 'issues',
    object: 'issues',
    tokenPath: '/login/oauth/access_token',
    settings: { repositories: ['octo/hello', 'octo/world'] },
    column: 'title',
    insertMax: 100,
    changeMax: 100,
    insert: `insert into github.issues (repository, title)
      select 'octo/hello', m from unnest($1::text[]) m`,
    refused: `insert into github.issues (repository, title, labels)
      select 'octo/hello', m, '{no-such-label}'::text[] from unnest($1::text[]) m`,
    read: (record) =>
      ['octo/hello', 'octo/world'].includes(textOf(record['repository']))
        ? { id: textOf(record['id']), mark: textOf(record['title']) }
        : null,
  },
]

/** The mark of a row of a statement: the statement's name, and what tells its rows apart. No mark is part of another. */
export function markOf(name: string, row: string | number): string {
  return `${name}y${row}z`
}

/** `name`: the statement's, without a `y` or `z`. `refused`: one that the platform refuses. */
export function insertOf(
  subject: Subject,
  { name, rows, refused = false }: { name: string; rows: number; refused?: boolean },
): Statement {
  const marks = Array.from({ length: rows }, (_, row) => markOf(name, row))
  const text = refused ? subject.refused : subject.insert
  return { text: `${text} returning id, ${subject.column} as mark`, values: [marks] }
}

/** Keys of their own for the rows: those of `keys`, by their number. Throws for a subject that has no upsert. */
export function upsertOf(
  subject: Subject,
  { name, keys, rows }: { name: string; keys: string; rows: number },
): Statement {
  const { platform, column, upsert } = subject
  if (upsert === undefined) throw new Error(`${platform} has no upsert`)
  const each = (prefix: string) => Array.from({ length: rows }, (_, row) => markOf(prefix, row))
  return { text: `${upsert} returning id, ${column} as mark`, values: [each(name), each(keys)] }
}

export function updateOf(
  { platform, table, column }: Subject,
  { name, ids }: { name: string; ids: readonly string[] },
): Statement {
  const text = `update ${platform}.${table} set ${column} = $2 || 'y' || id || 'z'
    where id = any($1) returning id, ${column} as mark`
  return { text, values: [ids, name] }
}

export function deleteOf(
  { platform, table, column }: Subject,
  { ids }: { ids: readonly string[] },
): Statement {
  const text = `delete from ${platform}.${table} where id = any($1) returning id, ${column} as mark`
  return { text, values: [ids] }
}

/** What the sandbox has, from the text of `/_records/…`. */
export function recordsOf({ read }: Subject, text: string): ReadonlyMap<string, string> {
  const records = parseJson(text)
  const all: readonly Json[] = Array.isArray(records) ? records : []
  return new Map(
    all.filter(isJsonObject).map(read).flatMap((found) =>
      found === null ? [] : [[found.id, found.mark] as const]
    ),
  )
}

/** Salesforce reads records by their ids with a POST that names their type, and makes them with one that does not. */
const reading = /oauth|access_token|batch\/read|\/search\b|\/composite\/sobjects\/\w+$/

/** Did it ask the platform to change something? */
export function isWrite({ method, url, requestBody }: Exchange): boolean {
  if (method === 'GET' || reading.test(url)) return false
  if (url.endsWith('/graphql')) return /"query"\s*:\s*"\s*mutation\b/.test(requestBody)
  if (url.endsWith('/composite')) return /"method"\s*:\s*"(POST|PATCH|DELETE)"/.test(requestBody)
  return true
}

/** A write that surely changed nothing, by what the platform says of such answers: it may be sent again. */
export function isUnheard({ status }: Exchange): boolean {
  return status === 401 || status === 403 || status === 429
}

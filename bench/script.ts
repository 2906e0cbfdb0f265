// Bench: the program that somebody would write by hand instead: jsforce first, and when Salesforce has accepted, the rows
// with their new ids into a plain table. It is written as a good engineer would write it, and no faster.

import { Connection } from 'jsforce'
import type postgres from 'postgres'
import type { NewContact } from './contacts.ts'

export interface ScriptOptions {
  /** Of the Salesforce sandbox. */
  readonly baseUrl: string
  readonly accessToken: string
  readonly sql: postgres.Sql
}

/** Column of the plain table, the field behind it, and its type as Postgres names it. */
export interface MirroredColumn {
  readonly name: string
  readonly field: string
  readonly type: string
}

/** One record: POST /sobjects/Contact. Many: POST /composite/sobjects, all or none. Gives the ids. */
async function create(
  connection: Connection,
  contacts: readonly NewContact[],
): Promise<string[]> {
  const records = contacts.map((contact) => ({
    FirstName: contact.first_name,
    LastName: contact.last_name,
    Email: contact.email,
    Phone: contact.phone,
    Title: contact.title,
  }))
  const [first] = records
  const results = records.length === 1 && first !== undefined
    ? [await connection.sobject('Contact').create(first)]
    : await connection.sobject('Contact').create(records, { allOrNone: true })
  return results.map((result) => {
    if (!result.success) throw new Error(JSON.stringify(result.errors))
    return result.id
  })
}

function connect({ baseUrl, accessToken }: ScriptOptions): Connection {
  return new Connection({ instanceUrl: baseUrl, accessToken, version: '62.0' })
}

/** Inserts what was sent, with the ids that Salesforce gave. */
export function createScript(
  options: ScriptOptions,
): (contacts: readonly NewContact[]) => Promise<string[]> {
  const connection = connect(options)
  const { sql } = options
  return async (contacts) => {
    const ids = await create(connection, contacts)
    const rows = contacts.map((contact, i) => ({ id: ids[i] ?? '', ...contact }))
    await sql`insert into bench.contacts ${sql(rows)}`
    return ids
  }
}

/** Reads the records back first and inserts every column as Salesforce has it, as Sluice does. */
export function createFaithfulScript(
  options: ScriptOptions,
  columns: readonly MirroredColumn[],
): (contacts: readonly NewContact[]) => Promise<string[]> {
  const connection = connect(options)
  const { sql } = options
  const fields = columns.map(({ field }) => field)
  return async (contacts) => {
    const ids = await create(connection, contacts)
    const records = await connection.sobject('Contact').retrieve(ids, { fields })
    const rows = records.map((record) =>
      Object.fromEntries(columns.map((column) => [column.name, valueOf(column, record)]))
    )
    await sql`
      insert into bench.contacts
      select * from jsonb_populate_recordset(null::bench.contacts, ${sql.json(rows)})`
    return ids
  }
}

type Plain = postgres.JSONValue

function valueOf({ field, type }: MirroredColumn, record: Record<string, unknown>): Plain {
  const value = (record[field] ?? null) as Plain
  return type === 'ARRAY' && typeof value === 'string' ? value.split(';') : value
}

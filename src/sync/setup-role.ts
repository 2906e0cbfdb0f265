// Room sync: the database role that listeners log in with: made on the spot, with no more rights than it needs. It is not
// given pg_read_all_data: whoever has that reads the secret of the triggers too.

import type postgres from 'postgres'
import { quoteIdent, quoteLiteral } from '../lib/quote.ts'

/**
 * Makes a role that may log in and nothing else. `verifier` instead of the password, so that no log of the server has
 * it. Needs CREATEROLE. Errors are Postgres's own.
 */
export async function makeRole(
  sql: postgres.Sql,
  { name, verifier }: { name: string; verifier: string },
): Promise<void> {
  await sql.unsafe(`create role ${quoteIdent(name)} login password ${quoteLiteral(verifier)}`)
}

/** Takes away a role that was made here, with what it was granted. Errors are Postgres's own. */
export async function dropRole(sql: postgres.Sql, name: string): Promise<void> {
  const role = quoteIdent(name)
  const [row] = await sql.unsafe(
    'select rolsuper as super from pg_catalog.pg_roles where rolname = current_user',
  )
  // who made it may give it to itself, and only who has it may take away what it has
  if (row?.['super'] !== true) await sql.unsafe(`grant ${role} to current_user`)
  await sql.unsafe(`drop owned by ${role}`)
  await sql.unsafe(`drop role ${role}`)
}

/**
 * What the role needs beside the synced tables: to connect, temporary tables, and to read the owner's tables in these
 * schemas, those to come among them. What it has already is not granted again.
 */
export async function grantRole(
  sql: postgres.Sql,
  { role, read }: { role: string; read: readonly string[] },
): Promise<void> {
  const [has] = await sql.unsafe(
    `select pg_catalog.current_database()::text as database,
      pg_catalog.has_database_privilege($1::text, pg_catalog.current_database(), 'connect') as connect,
      pg_catalog.has_database_privilege($1::text, pg_catalog.current_database(), 'temporary') as temporary`,
    [role],
  )
  const [to, database] = [quoteIdent(role), quoteIdent(String(has?.['database']))]
  for (const privilege of ['connect', 'temporary']) {
    if (has?.[privilege] === true) continue
    await sql.unsafe(`grant ${privilege} on database ${database} to ${to}`)
  }
  for (const schema of read) {
    const name = quoteIdent(schema)
    await sql.unsafe(`grant usage on schema ${name} to ${to}`)
    await sql.unsafe(`grant select on all tables in schema ${name} to ${to}`)
    await sql.unsafe(`alter default privileges in schema ${name} grant select on tables to ${to}`)
  }
}

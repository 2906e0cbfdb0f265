// Room sync: is a customer's Postgres fit for a sync? Everything is asked before anything is made.

import { Buffer } from 'node:buffer'
import type postgres from 'postgres'
import { hasTicketKey, tableFlaw } from '../database/index.ts'
import { quoteIdent, quoteName } from '../lib/quote.ts'
import type { Bastion, DatabaseAddress } from '../mutation/config.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { KnownDatabase } from '../store/databases.ts'
import { fail, type Finding, ok, warn } from './checks.ts'
import { freeName } from './drift-plan.ts'
import { isInside, placeOf } from './setup-address.ts'

/** What a Postgres says of itself. */
export interface Facts {
  readonly version: string
  readonly number: number
  readonly database: string
  readonly user: string
  readonly superuser: boolean
  readonly createrole: boolean
  readonly encrypted: boolean
  readonly standby: boolean
  readonly readOnly: boolean
  /** May it make schemas? */
  readonly mayCreate: boolean
  /** Owner of the schema of the sync; null: there is no such schema. */
  readonly schemaOwner: string | null
  readonly schemaOurs: boolean
  /** Owner of schema `sluice`; null: it is not installed. */
  readonly sluiceOwner: string | null
  readonly sluiceOurs: boolean
  readonly connections: number
  readonly connectionsMax: number
  readonly reserved: number
}

const factsSql = `
  select pg_catalog.current_setting('server_version') as version,
    pg_catalog.current_setting('server_version_num')::int as number,
    pg_catalog.current_database()::text as database, current_user::text as user,
    r.rolsuper as superuser, r.rolsuper or r.rolcreaterole as createrole,
    coalesce((select s.ssl from pg_catalog.pg_stat_ssl s where s.pid = pg_catalog.pg_backend_pid()), false) as encrypted,
    pg_catalog.pg_is_in_recovery() as standby,
    pg_catalog.current_setting('transaction_read_only') = 'on' as "readOnly",
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create') as "mayCreate",
    (select pg_catalog.pg_get_userbyid(n.nspowner)::text from pg_catalog.pg_namespace n where n.nspname = $1::text) as "schemaOwner",
    coalesce((select pg_catalog.pg_has_role(n.nspowner, 'usage') from pg_catalog.pg_namespace n
      where n.nspname = $1::text), false) as "schemaOurs",
    (select pg_catalog.pg_get_userbyid(n.nspowner)::text from pg_catalog.pg_namespace n where n.nspname = 'sluice') as "sluiceOwner",
    coalesce((select pg_catalog.pg_has_role(n.nspowner, 'usage') from pg_catalog.pg_namespace n
      where n.nspname = 'sluice'), false) as "sluiceOurs",
    (select pg_catalog.count(*)::int from pg_catalog.pg_stat_activity where backend_type = 'client backend') as connections,
    pg_catalog.current_setting('max_connections')::int as "connectionsMax",
    pg_catalog.current_setting('superuser_reserved_connections')::int as reserved
  from pg_catalog.pg_roles r where r.rolname = current_user`

/** Asks the Postgres, as the owner. Errors are Postgres's own. */
export async function readFacts(sql: postgres.Sql, schema: string): Promise<Facts> {
  const [row] = await sql.unsafe(factsSql, [schema])
  return row as unknown as Facts
}

/** What a server of that age, and what stands in the way of it being written to. */
export function checkServer(facts: Facts, address: DatabaseAddress): Finding[] {
  const where = placeOf(address)
  const findings = [
    facts.number >= 140_000 ? ok('database', `${where} is Postgres ${facts.version}`) : fail(
      'database',
      `${where} is Postgres ${facts.version}`,
      'Sluice needs Postgres 14 or newer.',
    ),
  ]
  if (facts.standby || facts.readOnly) {
    findings.push(
      fail(
        'database',
        'it takes no writes: a standby, or read-only',
        'Give the URL of the primary.',
      ),
    )
  }
  if (address.ssh !== undefined) findings.push(bastionFound(address.ssh))
  if (facts.encrypted) findings.push(ok('TLS', 'the connection is encrypted'))
  else if (!isInside(address.host) && address.ssh === undefined) {
    findings.push(
      fail(
        'TLS',
        'the connection would not be encrypted',
        'Give the URL with ?sslmode=require, or verify-full.',
      ),
    )
  } else {findings.push(
      warn(
        'TLS',
        'the connection is not encrypted',
        'It is inside your network; ?sslmode=require asks for it all the same.',
      ),
    )}
  return [...findings, ...checkRights(facts), checkRoom(facts)]
}

/** The session that the facts come from was made through it. */
function bastionFound({ host, port, user }: Bastion): Finding {
  return ok('bastion', `${host}:${port} showed the pinned key, let "${user}" in and connects`)
}

function checkRights(facts: Facts): Finding[] {
  const { user, database } = facts
  const findings: Finding[] = []
  if (facts.mayCreate) findings.push(ok('rights', `"${user}" may make schemas in ${database}`))
  else {
    findings.push(
      fail(
        'rights',
        `"${user}" may not make schemas in ${database}`,
        `GRANT CREATE ON DATABASE "${database}" TO "${user}";`,
      ),
    )
  }
  if (facts.sluiceOwner !== null && !facts.sluiceOurs) {
    findings.push(
      fail(
        'schema sluice',
        `belongs to "${facts.sluiceOwner}"`,
        `Give the URL of that role, or GRANT "${facts.sluiceOwner}" TO "${user}";`,
      ),
    )
  }
  return findings
}

/** Connections that a sync may want at once, at least. */
const connectionsFew = 10

function checkRoom({ connections, connectionsMax, reserved }: Facts): Finding {
  const free = connectionsMax - reserved - connections
  const about = `${free} of ${connectionsMax} connections are free`
  if (free >= connectionsFew) return ok('connections', about)
  return warn(
    'connections',
    about,
    'Each client of the sync takes one: raise max_connections, or put a pooler in front of the listeners.',
  )
}

/** Is the schema one that may have tables of this sync? */
export function checkSchema(facts: Facts, schema: string): Finding[] {
  const check = `schema ${schema}`
  if (/^pg_|^information_schema$|^sluice$/.test(schema)) {
    return [
      fail(
        check,
        'is a name that Postgres or Sluice has for itself',
        'Choose another with --schema.',
      ),
    ]
  }
  if (facts.schemaOwner === null) return [ok(check, 'will be made')]
  if (facts.schemaOurs) return [ok(check, 'is there')]
  const hint = `Choose another with --schema, or GRANT "${facts.schemaOwner}" TO "${facts.user}";`
  return [fail(check, `belongs to "${facts.schemaOwner}"`, hint)]
}

interface TablesLook {
  /** Is schema `sluice` there? */
  readonly installed: boolean
  /** The sync is there, and its schema with it: no other one can be chosen. */
  readonly settled?: boolean
}

/** What stands in the schema under the name of a table: whose it is, and whether it can be what it must be. */
export async function checkTables(
  sql: postgres.Sql,
  tables: readonly SyncedTable[],
  look: TablesLook,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const table of tables) findings.push(...await checkTable(sql, table, look))
  return findings
}

async function checkTable(
  sql: postgres.Sql,
  table: SyncedTable,
  { installed, settled = false }: TablesLook,
): Promise<Finding[]> {
  const { schema, name, syncId } = table
  const check = `table ${schema}.${name}`
  const [there] = await sql.unsafe(
    `select pg_catalog.obj_description(c.oid, 'pg_class') as about from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1::text and c.relname = $2::text`,
    [schema, name],
  )
  if (there === undefined) return []
  const owner = installed ? await ownerOf(sql, table) : null
  if (owner !== null && owner !== syncId) {
    const hint = settled
      ? `Take it out of that sync first: sluice syncs remove-table --sync ${owner} --table ${name} --remove-tables`
      : 'Choose another schema with --schema.'
    return [fail(check, `belongs to ${owner}`, hint)]
  }
  if (owner === null) return [await occupied(sql, table, { about: there['about'], settled })]
  const flaw = await tableFlaw(sql, table)
  if (flaw === null) return [ok(check, 'is there, and will be brought up to date')]
  return [
    fail(
      check,
      flaw,
      settled ? 'Do as it says.' : 'Do as it says, or choose another schema with --schema.',
    ),
  ]
}

/** What `releaseTables` writes on a table that it keeps. */
const keptPattern = /^was a table of (sync_\w+) until ([\d-]+);/

/**
 * A table of somebody's has the name. One that was kept is not taken back: since then people may have changed its rows, or
 * made some of their own, which would go with the first comparison.
 */
async function occupied(
  sql: postgres.Sql,
  { schema, name, syncId }: SyncedTable,
  { about, settled }: { about: unknown; settled: boolean },
): Promise<Finding> {
  const check = `table ${schema}.${name}`
  const place = quoteName(schema, name)
  const begin = settled ? '' : 'Choose another schema with --schema. Or '
  const capital = (text: string) => settled ? text.charAt(0).toUpperCase() + text.slice(1) : text
  const [, was, on] = keptPattern.exec(typeof about === 'string' ? about : '') ?? []
  if (was === undefined) {
    const hint = capital(`rename what is there: ALTER TABLE ${place} RENAME TO …;`)
    return fail(check, 'is there already, and is not a table of this sync', begin + hint)
  }
  const free = quoteIdent(freeName(`${name}_kept`, await namesIn(sql, schema)))
  const aside = capital(`set it aside: ALTER TABLE ${place} RENAME TO ${free};`)
  return fail(
    check,
    `is there as a plain table: it was kept when ${
      was === syncId ? 'this sync' : was
    } let go of it on ${on}`,
    `${begin}${aside} Or give it up: DROP TABLE ${place}; ` +
      'Then do this again: the table is made anew, with all that the platform has.',
  )
}

async function namesIn(sql: postgres.Sql, schema: string): Promise<ReadonlySet<string>> {
  const rows = await sql.unsafe(
    `select c.relname::text as name from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = $1::text`,
    [schema],
  )
  return new Set(rows.map((row) => String(row['name'])))
}

async function ownerOf(sql: postgres.Sql, { schema, name }: SyncedTable): Promise<string | null> {
  const [row] = await sql.unsafe(
    'select sync_id from sluice.synced where schema_name = $1::text and table_name = $2::text',
    [schema, name],
  )
  return row === undefined ? null : String(row['sync_id'])
}

/**
 * Which of the databases of the store this one is, whatever name or address it was reached by: it knows the key of its
 * tickets. `foreign`: it has the key of another installation of Sluice.
 */
export async function identify(
  sql: postgres.Sql,
  { facts, databases }: { facts: Facts; databases: readonly KnownDatabase[] },
): Promise<{ known: KnownDatabase | null; foreign: boolean }> {
  if (facts.sluiceOwner === null || !facts.sluiceOurs) return { known: null, foreign: false }
  for (const known of databases) {
    if (await hasTicketKey(sql, Buffer.from(known.ticketKey, 'base64'))) {
      return { known, foreign: false }
    }
  }
  const [row] = await sql.unsafe('select pg_catalog.count(*)::int as tables from sluice.synced')
  return { known: null, foreign: Number(row?.['tables'] ?? 0) > 0 }
}

// Room sync: is the customer's database still as the sync left it?

import { Buffer } from 'node:buffer'
import type postgres from 'postgres'
import {
  hasTicketKey,
  type PresentColumn,
  readColumns,
  tableComment,
  tableFlaw,
  triggerNames,
} from '../database/index.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Database } from '../store/databases.ts'
import type { Sync } from '../store/syncs.ts'
import { fail, failure, type Finding, ok, warn } from './checks.ts'
import { checkServer, readFacts } from './checks-database.ts'
import { checkRole } from './checks-role.ts'
import { placeOf } from './setup-address.ts'
import { type AdminDeps, asFault, onDatabase } from './setup-request.ts'

/** What was found, and the columns of the tables as they are, by table; null: the database could not be asked. */
export interface DatabaseLook {
  readonly findings: readonly Finding[]
  readonly present: ReadonlyMap<string, Present> | null
}

export interface Present {
  readonly columns: ReadonlyMap<string, PresentColumn>
  readonly attributes: number
}

/** Looks as the owner, and logs in as clients do. Does not throw for what the database says. */
export async function lookAtDatabase(
  deps: AdminDeps,
  { sync, database }: { sync: Sync; database: Database },
): Promise<DatabaseLook> {
  const { owner, address } = database
  const login = await lookAtLogin(deps, { sync, database })
  if (owner === undefined) {
    const hint =
      'Tell it: sluice databases set --database … --database-url postgres://owner…; without it the tables follow nothing.'
    return {
      findings: [
        warn('database owner', 'nobody has told how the owner reaches it', hint),
        ...login,
      ],
      present: null,
    }
  }
  try {
    return await onDatabase(deps, owner, async (sql) => {
      const facts = await readFacts(sql, sync.schema)
      const server = checkServer(facts, owner)
      const role = await checkRole(sql, {
        role: address.user,
        owner: facts.user,
        schema: sync.schema,
      })
      const key = await lookAtKey(sql, { ...database, syncId: sync.id })
      const { findings, present } = await lookAtTables(deps, sql, sync)
      return { findings: [...server, ...role, ...login, ...key, ...findings], present }
    })
  } catch (error) {
    return {
      findings: [failure(`database ${placeOf(owner)}`, asFault(error)), ...login],
      present: null,
    }
  }
}

async function lookAtLogin(
  deps: AdminDeps,
  { sync, database: { address } }: { sync: Sync; database: Database },
): Promise<Finding[]> {
  const check = `login role ${address.user}`
  try {
    return await onDatabase(deps, address, async (sql) => {
      const rows = await sql.unsafe(
        `select t.name, coalesce(pg_catalog.has_schema_privilege(n.oid, 'usage')
          and pg_catalog.has_table_privilege(c.oid, 'select') and pg_catalog.has_table_privilege(c.oid, 'insert')
          and pg_catalog.has_table_privilege(c.oid, 'update') and pg_catalog.has_table_privilege(c.oid, 'delete'), false) as may
        from pg_catalog.json_array_elements_text($2::text::json) t(name)
        join pg_catalog.pg_namespace n on n.nspname = $1::text
        join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.name`,
        [sync.schema, JSON.stringify(sync.tables.map(({ name }) => name))],
      )
      const without = rows.filter((row) => row['may'] !== true).map((row) => String(row['name']))
      if (without.length === 0) return [ok(check, 'can log in, and has its rights on every table')]
      const hint =
        `GRANT USAGE ON SCHEMA "${sync.schema}" TO "${address.user}"; and SELECT, INSERT, UPDATE, DELETE on them.`
      return [fail(check, `lacks rights on ${without.join(', ')}`, hint)]
    })
  } catch (error) {
    return [failure(check, asFault(error))]
  }
}

async function lookAtKey(
  sql: postgres.Sql,
  { ticketKey, syncId }: Database & { syncId: string },
): Promise<Finding[]> {
  if (await hasTicketKey(sql, Buffer.from(ticketKey, 'base64')).catch(() => false)) {
    return [ok('schema sluice', 'is installed, with the key of this database')]
  }
  const hint =
    `Another installation may have taken the database: sluice syncs repair --sync ${syncId} sets it up again.`
  return [fail('schema sluice', 'is not there, or has the key of another installation', hint)]
}

const triggersSql = `
  select count(*)::int as triggers from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1::text and c.relname = $2::text and t.tgenabled = 'A'
    and t.tgname in (select pg_catalog.json_array_elements_text($3::text::json))`

async function lookAtTables(deps: AdminDeps, sql: postgres.Sql, sync: Sync) {
  const findings: Finding[] = []
  const present = new Map<string, Present>()
  for (const table of sync.tables) {
    const there = await readColumns(sql, table)
    if (there !== null) present.set(table.name, there)
    findings.push(await lookAtTable(sql, { table, there: there !== null }))
  }
  return { findings, present }
}

const names = Object.values(triggerNames)

async function lookAtTable(
  sql: postgres.Sql,
  { table, there }: { table: SyncedTable; there: boolean },
): Promise<Finding> {
  const check = `table ${table.schema}.${table.name}`
  const repair = `sluice syncs repair --sync ${table.syncId}`
  if (!there) return await lookForGone(sql, { table, check, repair })
  const flaw = await tableFlaw(sql, table)
  if (flaw !== null) return fail(check, flaw, 'Do as it says.')
  const [row] = await sql.unsafe(triggersSql, [table.schema, table.name, JSON.stringify(names)])
  const triggers = Number(row?.['triggers'] ?? 0)
  if (triggers === names.length) return ok(check, `has its ${triggers} triggers, all ALWAYS`)
  return fail(
    check,
    `has ${triggers} of its ${names.length} triggers enabled ALWAYS: writes may pass Sluice by`,
    `Put them back, and have the table filled anew: ${repair}`,
  )
}

// What was renamed or moved has its comment still, and our triggers.
const renamedSql = `
  select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and pg_catalog.obj_description(c.oid, 'pg_class') = $1::text and exists (
    select from pg_catalog.pg_trigger t where t.tgrelid = c.oid
      and t.tgfoid = pg_catalog.to_regprocedure('sluice.before_row()')
  ) and not exists (
    select from sluice.synced s where s.schema_name = n.nspname and s.table_name = c.relname
  ) order by 1 limit 1`

async function lookForGone(
  sql: postgres.Sql,
  { table, check, repair }: { table: SyncedTable; check: string; repair: string },
): Promise<Finding> {
  const [row] = await sql.unsafe(renamedSql, [tableComment(table)]).catch(() => [])
  const anew = `Have it made anew and filled: ${repair}`
  if (row === undefined) return fail(check, 'is gone from the database', anew)
  const name = String(row['name'])
  return fail(
    check,
    `is gone from the database; it was renamed: ${name} has its triggers`,
    `Give ${name} its name back (ALTER TABLE). Or: ${anew}; ${name} refuses writes until its triggers are dropped.`,
  )
}

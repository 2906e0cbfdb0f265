// Room sync: whether a database role may be the one that clients are given. It must not get round the triggers: not own
// what they stand on, not become who owns it, not read the secret that opens them.

import type postgres from 'postgres'
import { fail, type Finding, ok, warn } from './checks.ts'

interface RoleRow {
  readonly name: string
  readonly login: boolean
  readonly superuser: boolean
  readonly replication: boolean
  readonly bypassrls: boolean
  readonly createrole: boolean
  readonly limit: number
  readonly owner: string | null
  readonly dangerous: readonly string[]
  readonly owns: readonly string[]
  /** May it make functions and operators where others look for theirs? */
  readonly makes: boolean
}

/** Predefined roles that read or write what nobody granted, the files of the server among it (manual, section 22.5). */
const dangerousRoles = [
  'pg_read_all_data',
  'pg_write_all_data',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_execute_server_program',
  'pg_maintain',
  'pg_create_subscription',
]

const roleSql = `
  select r.rolname::text as name, r.rolcanlogin as login, r.rolsuper as superuser,
    r.rolreplication as replication, r.rolbypassrls as bypassrls, r.rolcreaterole as createrole,
    r.rolconnlimit as limit,
    (select o.rolname::text from pg_catalog.pg_roles o
      where o.rolname = $2::text and pg_catalog.pg_has_role(r.oid, o.oid, 'member')) as owner,
    pg_catalog.to_json(array(
      select d.rolname::text from pg_catalog.pg_roles d
      where d.rolname::text in (select pg_catalog.json_array_elements_text($3::text::json)) and pg_catalog.pg_has_role(r.oid, d.oid, 'member')
      order by 1)) as dangerous,
    pg_catalog.to_json(array(
      select 'schema ' || pg_catalog.quote_ident(n.nspname) from pg_catalog.pg_namespace n
      where n.nspname in ($1::text, 'sluice') and pg_catalog.pg_has_role(r.oid, n.nspowner, 'member')
      union all
      select 'table ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1::text and c.relkind in ('r', 'p') and pg_catalog.pg_has_role(r.oid, c.relowner, 'member')
      union all
      select 'database ' || pg_catalog.quote_ident(d.datname) from pg_catalog.pg_database d
      where d.datname = pg_catalog.current_database() and pg_catalog.pg_has_role(r.oid, d.datdba, 'member')
    )) as owns,
    coalesce((select pg_catalog.has_schema_privilege(r.oid, n.oid, 'create')
      from pg_catalog.pg_namespace n where n.nspname = 'public'), false) as makes
  from pg_catalog.pg_roles r where r.rolname = $4::text`

/**
 * Findings about the role `role`, by the session of the owner. A superuser is told of first: it is a member of everything.
 * Errors are Postgres's own.
 */
export async function checkRole(
  sql: postgres.Sql,
  { role, owner, schema }: { role: string; owner: string; schema: string },
): Promise<Finding[]> {
  const check = `role ${role}`
  const [row] = await sql.unsafe(roleSql, [schema, owner, JSON.stringify(dangerousRoles), role])
  if (row === undefined) {
    return [fail(check, 'there is no such role', 'Make it, with LOGIN and a password of its own.')]
  }
  const found = row as unknown as RoleRow
  const flaws = flawsOf(found)
  if (flaws.length === 0) return [ok(check, 'cannot get round the triggers'), ...placeFound(found)]
  return flaws.map(([about, hint]) => fail(check, about, hint))
}

/** Sluice's own statements name what they mean; those of other programs, and triggers, may not. */
function placeFound({ name, makes }: RoleRow): Finding[] {
  if (!makes) return []
  return [
    warn(
      `role ${name}`,
      'may make functions and operators in schema public, which others may take for those of Postgres',
      `REVOKE CREATE ON SCHEMA public FROM PUBLIC, "${name}";`,
    ),
  ]
}

const another =
  'Give listeners a role of its own that has only LOGIN, or leave --login-url away and Sluice makes one.'

function flawsOf(role: RoleRow): [about: string, hint: string][] {
  const name = `"${role.name}"`
  if (role.superuser) return [['is a superuser, and so may do anything past the triggers', another]]
  const attributes: [boolean, string, string][] = [
    [
      role.replication,
      'may replicate (REPLICATION), and so read every secret',
      `ALTER ROLE ${name} NOREPLICATION;`,
    ],
    [role.bypassrls, 'passes row-level security (BYPASSRLS)', `ALTER ROLE ${name} NOBYPASSRLS;`],
    [
      role.createrole,
      'may make roles and join them (CREATEROLE)',
      `ALTER ROLE ${name} NOCREATEROLE;`,
    ],
    [!role.login, 'may not log in (NOLOGIN)', `ALTER ROLE ${name} LOGIN;`],
  ]
  return [
    ...attributes.filter(([is]) => is).map(([, about, hint]): [string, string] => [about, hint]),
    ...role.owner === null ? [] : [
      [
        role.owner === role.name
          ? 'is the owner of the tables, whom no trigger stops'
          : `may become the owner of the tables, "${role.owner}"`,
        role.owner === role.name ? another : `REVOKE "${role.owner}" FROM ${name};`,
      ] as [string, string],
    ],
    ...role.dangerous.map((member): [string, string] => [
      `is a member of ${member}, and so reads or writes what nobody granted it, the secret of the triggers among it`,
      `REVOKE ${member} FROM ${name};`,
    ]),
    ...role.owner !== null ? [] : role.owns.map((
      what,
    ): [string, string] => [`owns ${what}, or may become its owner`, another]),
  ]
}

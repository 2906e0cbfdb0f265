// Room sync: databases made on the spot, each with an owner and a login of its own, on a server that is ours.

import type postgres from 'postgres'
import { quoteIdent } from '../lib/quote.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import { fail, type Finding, ok } from './checks.ts'
import { placeOf } from './setup-address.ts'
import { type AdminDeps, onDatabase, randomName, randomPassword } from './setup-request.ts'
import { makeRole } from './setup-role.ts'

/** May databases and roles be made there? Errors are Postgres's and `dial`'s. */
export async function checkHosted(deps: AdminDeps, server: DatabaseAddress): Promise<Finding> {
  const rights = await onDatabase(deps, server, async (sql) => {
    const [row] = await sql`
      select rolsuper or (rolcreatedb and rolcreaterole) as enough from pg_catalog.pg_roles
      where rolname = current_user`
    return row?.['enough'] === true
  })
  const where = placeOf(server)
  if (rights) return ok('hosted database', `will be made at ${where}`)
  return fail(
    'hosted database',
    `"${server.user}" may not make databases and roles at ${where}`,
    `ALTER ROLE "${server.user}" CREATEDB CREATEROLE; or set SLUICE_HOSTED_URL to another role.`,
  )
}

/** A database with its two roles. */
export interface HostedDatabase {
  readonly owner: DatabaseAddress
  readonly login: DatabaseAddress
}

/** Makes a database that only its own two roles may connect to. Errors are Postgres's and `dial`'s. */
export async function makeHosted(
  deps: AdminDeps,
  server: DatabaseAddress,
): Promise<HostedDatabase> {
  const suffix = randomName(deps.random, 10)
  const database = `sluice_${suffix}`
  const owner = {
    ...server,
    database,
    user: `${database}_owner`,
    password: randomPassword(deps.random),
  }
  const login = {
    ...server,
    database,
    user: `${database}_login`,
    password: randomPassword(deps.random),
  }
  await onDatabase(deps, server, async (sql) => {
    for (const { user, password } of [owner, login]) {
      await makeRole(sql, { name: user, verifier: await deps.makeVerifier(password) })
    }
    await becomeMember(sql, owner.user)
    const [name, by] = [quoteIdent(database), quoteIdent(owner.user)]
    await sql.unsafe(`create database ${name} owner ${by}`)
    await sql.unsafe(`revoke all on database ${name} from public`)
    await sql.unsafe(`grant connect, temporary on database ${name} to ${quoteIdent(login.user)}`)
  })
  return { owner, login }
}

/** Whoever is no superuser can give a database only to a role that it may become. */
async function becomeMember(sql: postgres.Sql, role: string): Promise<void> {
  const [row] =
    await sql`select rolsuper as super from pg_catalog.pg_roles where rolname = current_user`
  if (row?.['super'] === true) return
  await sql.unsafe(`grant ${quoteIdent(role)} to current_user`)
}

/** Takes a database that was made here away for good, and its roles. */
export async function dropHosted(
  deps: AdminDeps,
  server: DatabaseAddress,
  { owner, login }: HostedDatabase,
): Promise<void> {
  await onDatabase(deps, server, async (sql) => {
    await sql.unsafe(`drop database if exists ${quoteIdent(owner.database)} with (force)`)
    for (const { user } of [login, owner]) {
      await sql.unsafe(`drop role if exists ${quoteIdent(user)}`)
    }
  })
}

// Room database: puts schema sluice into a customer's Postgres, step by step from whatever version is there.

import type postgres from 'postgres'
import { functionsSql } from './functions.ts'
import { grantsSql, schemaSql } from './schema.ts'
import { hmacPads } from './ticket.ts'
import { triggersSql } from './triggers.ts'

/** Step n brings a database from version n to n + 1. Never change a step that was released: add one. */
const steps: readonly string[] = [[schemaSql, triggersSql, functionsSql, grantsSql].join('\n')]

/** The oldest Postgres that has what Sluice needs, as server_version_num. */
const serverVersionMin = 140_000

/** How long installing may wait for a lock, and how long any of its statements may take, in milliseconds. */
export const ddlLockWaitMs = 10_000
export const ddlWaitMs = 60_000

/** Runs `work` in a transaction that only one session at a time runs in this database, with bounded waits. */
export async function inDdlTransaction<T>(
  sql: postgres.Sql,
  work: (tx: postgres.TransactionSql) => Promise<T>,
): Promise<T> {
  const result = await sql.begin(async (tx) => {
    await tx.unsafe(`set local lock_timeout = ${ddlLockWaitMs}`)
    await tx.unsafe(`set local statement_timeout = ${ddlWaitMs}`)
    await tx.unsafe('set local client_min_messages = warning')
    await tx.unsafe(
      "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('sluice.install'))",
    )
    return await work(tx)
  })
  return result as T
}

/**
 * Installs schema `sluice`, or brings it up to date; changes nothing when it is. A ticketKey other than the one
 * installed replaces it: mutations under way with the old key are refused (42501).
 * Needs the CREATE privilege on the database; the connected role becomes the owner of everything.
 * Errors: Postgres older than 14; a schema `sluice` of another owner; a database installed by a newer Sluice; 55P03 when
 * a lock was not to be had within `ddlLockWaitMs`.
 */
export async function installDatabase(
  sql: postgres.Sql,
  { ticketKey }: { ticketKey: Uint8Array },
): Promise<void> {
  await inDdlTransaction(sql, async (tx) => {
    await checkServer(tx)
    await migrate(tx, await installedVersion(tx))
    await storeKey(tx, ticketKey)
  })
}

async function checkServer(tx: postgres.TransactionSql): Promise<void> {
  const [row] = await tx.unsafe(
    `select current_setting('server_version_num')::int as number,
      current_setting('server_version') as version`,
  )
  if (Number(row?.['number']) >= serverVersionMin) return
  throw new Error(`Cannot install Sluice: Postgres ${row?.['version']} is older than Postgres 14`)
}

async function installedVersion(tx: postgres.TransactionSql): Promise<number> {
  const [schema] = await tx.unsafe(
    `select pg_catalog.pg_get_userbyid(nspowner) as owner,
      pg_catalog.pg_has_role(nspowner, 'usage') as ours,
      exists (select from pg_catalog.pg_class where relnamespace = n.oid and relname = 'version') as versioned
    from pg_catalog.pg_namespace n where nspname = 'sluice'`,
  )
  if (schema === undefined) return 0
  if (schema['ours'] !== true) {
    throw new Error(`Cannot install Sluice: schema sluice belongs to role "${schema['owner']}"`)
  }
  if (schema['versioned'] !== true) return 0
  const [row] = await tx.unsafe('select max(version) as version from sluice.version')
  return Number(row?.['version'] ?? 0)
}

async function migrate(tx: postgres.TransactionSql, from: number): Promise<void> {
  if (from > steps.length) {
    throw new Error(
      `Cannot install Sluice: the database has version ${from}, this Sluice knows ${steps.length}`,
    )
  }
  for (const [index, step] of steps.entries()) {
    if (index < from) continue
    await tx.unsafe(step)
    await tx.unsafe('insert into sluice.version (version) values ($1::int)', [index + 1])
  }
}

async function storeKey(tx: postgres.TransactionSql, ticketKey: Uint8Array): Promise<void> {
  const { ipad, opad } = hmacPads(ticketKey)
  const hex = [ipad, opad].map((pad) => Buffer.from(pad).toString('hex'))
  await tx.unsafe(
    `insert into sluice.secret (ipad, opad)
    values (pg_catalog.decode($1::text, 'hex'), pg_catalog.decode($2::text, 'hex'))
    on conflict (one) do update set ipad = excluded.ipad, opad = excluded.opad
    where (sluice.secret.ipad, sluice.secret.opad) is distinct from (excluded.ipad, excluded.opad)`,
    hex,
  )
}

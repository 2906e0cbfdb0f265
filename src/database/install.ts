// Room database: puts schema sluice into a customer's Postgres, step by step from whatever version is there.

import type postgres from 'postgres'
import { quoteIdent } from '../lib/quote.ts'
import { saveFaults } from './catalog.ts'
import { inDdlTransaction } from './ddl.ts'
import { functionsSql } from './functions.ts'
import { pruneFunctionSql } from './prune.ts'
import {
  catalogSql,
  grantsSql,
  syncingTablesSql,
  tablesSql,
  upsertSql,
  wordsSql,
} from './schema.ts'
import { syncingSql } from './syncing.ts'
import { hmacPads } from './ticket.ts'
import { triggersSql } from './triggers.ts'
import { viewsSql } from './views.ts'

/** Step n brings the tables from version n to n + 1. Never change a step that was released: add one. */
const steps: readonly string[] = [tablesSql, catalogSql, upsertSql, syncingTablesSql, wordsSql]

/** What is not a table is made anew at every version. */
const aboveSql = [triggersSql, functionsSql, syncingSql, pruneFunctionSql, viewsSql, grantsSql]
  .join(
    '\n',
  )

/** The oldest Postgres that has what Sluice needs, as server_version_num. */
const serverVersionMin = 140_000

/** How often and after how long locks are tried for again while mutations hold one of them. */
const excludeTriesMax = 5
const excludeAgainMs = 100

/**
 * Installs schema `sluice`, or brings it up to date; changes nothing when it is. An older version is brought up to date
 * between two mutations; listeners of both versions work with the new one. A ticketKey other than the one installed
 * replaces it: mutations under way with the old key are refused (42501).
 * Needs the CREATE privilege on the database; the connected role becomes the owner of everything.
 * Errors: Postgres older than 14; a schema `sluice` of another owner; a database installed by a newer Sluice; 55P03 when
 * a lock was not to be had in ten seconds: try again.
 */
export async function installDatabase(
  sql: postgres.Sql,
  { ticketKey }: { ticketKey: Uint8Array },
): Promise<void> {
  await inDdlTransaction(sql, async (tx) => {
    await checkServer(tx)
    const { version, owner } = await installed(tx)
    if (owner !== null) await becomeOwner(tx, owner)
    await migrate(tx, version)
    await saveFaults(tx)
    await storeKey(tx, ticketKey)
  })
}

/**
 * Brings schema `sluice` up to date where an older Sluice has installed it. One that is not there, or is of a newer Sluice, is
 * left alone. Gives whether it has. Needs to be its owner; errors as `installDatabase`.
 */
export async function upgradeDatabase(
  sql: postgres.Sql,
  options: { ticketKey: Uint8Array },
): Promise<boolean> {
  const { version } = await installed(sql)
  if (version === 0 || version >= steps.length) return false
  await installDatabase(sql, options)
  return true
}

async function checkServer(tx: postgres.TransactionSql): Promise<void> {
  const [row] = await tx.unsafe(
    `select current_setting('server_version_num')::int as number,
      current_setting('server_version') as version`,
  )
  if (Number(row?.['number']) >= serverVersionMin) return
  throw new Error(`Cannot install Sluice: Postgres ${row?.['version']} is older than Postgres 14`)
}

/** What is there; owner: of the schema, null where there is none. */
interface Installed {
  readonly version: number
  readonly owner: string | null
}

async function installed(tx: Pick<postgres.Sql, 'unsafe'>): Promise<Installed> {
  const [schema] = await tx.unsafe(
    `select pg_catalog.pg_get_userbyid(nspowner) as owner,
      pg_catalog.pg_has_role(nspowner, 'usage') as ours,
      exists (select from pg_catalog.pg_class where relnamespace = n.oid and relname = 'version') as versioned
    from pg_catalog.pg_namespace n where nspname = 'sluice'`,
  )
  if (schema === undefined) return { version: 0, owner: null }
  if (schema['ours'] !== true) {
    throw new Error(`Cannot install Sluice: schema sluice belongs to role "${schema['owner']}"`)
  }
  const owner = String(schema['owner'])
  if (schema['versioned'] !== true) return { version: 0, owner }
  const [row] = await tx.unsafe('select max(version) as version from sluice.version')
  return { version: Number(row?.['version'] ?? 0), owner }
}

/** Whatever is added must belong to whom the rest belongs: the functions run as their owner. */
async function becomeOwner(tx: postgres.TransactionSql, owner: string): Promise<void> {
  const [row] = await tx.unsafe('select current_user::text as name')
  if (row?.['name'] !== owner) await tx.unsafe(`set local role ${quoteIdent(owner)}`)
}

async function migrate(tx: postgres.TransactionSql, from: number): Promise<void> {
  if (from > steps.length) {
    throw new Error(
      `Cannot install Sluice: the database has version ${from}, this Sluice knows ${steps.length}`,
    )
  }
  if (from === steps.length) return
  if (from > 0) await excludeMutations(tx)
  for (const [index, step] of steps.entries()) {
    if (index < from) continue
    await tx.unsafe(step)
    await tx.unsafe('insert into sluice.version (version) values ($1::int)', [index + 1])
  }
  await tx.unsafe(aboveSql)
}

/**
 * Locks every table of ours, so that no mutation sees half a version. Where a mutation holds one, all are let go and it
 * is tried again: to wait with the others in hand would be a deadlock, of which the mutation could be the victim.
 */
async function excludeMutations(tx: postgres.TransactionSql): Promise<void> {
  const [row] = await tx.unsafe(
    `select string_agg(format('sluice.%I', relname), ', ') as names
    from pg_class where relnamespace = 'sluice'::regnamespace and relkind = 'r'`,
  )
  for (let tries = 1;; tries++) {
    let waiting = true
    try {
      await tx.savepoint(async (nested) => {
        await nested.unsafe('lock table sluice.tickets in access exclusive mode')
        waiting = false
        await nested.unsafe(`lock table ${row?.['names']} in access exclusive mode nowait`)
      })
      return
    } catch (error) {
      if (waiting || tries === excludeTriesMax) throw error
      await new Promise((resolve) => setTimeout(resolve, excludeAgainMs))
    }
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

/** Is this the key of the tickets that the database has? Needs schema `sluice`, and to be its owner. */
export async function hasTicketKey(sql: postgres.Sql, ticketKey: Uint8Array): Promise<boolean> {
  const { ipad, opad } = hmacPads(ticketKey)
  const [row] = await sql.unsafe(
    `select count(*)::int as keys from sluice.secret
    where ipad = pg_catalog.decode($1::text, 'hex') and opad = pg_catalog.decode($2::text, 'hex')`,
    [ipad, opad].map((pad) => Buffer.from(pad).toString('hex')),
  )
  return row?.['keys'] === 1
}

// Room sync: recovery. A mutation that the platform accepted and that nobody has applied (its listener or the database
// died) is applied by id, once: `sluice.mutations` in the customer's database decides. It never undoes a later mutation,
// and what it cannot apply keeps it from nothing else.

import { Buffer } from 'node:buffer'
import postgres from 'postgres'
import { applyRows, encodeIds } from '../database/index.ts'
import type { Log } from '../lib/log.ts'
import { quoteIdent, quoteName } from '../lib/quote.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import type { Mutation, Outcome, OutcomeRow } from '../mutation/mutation.ts'
import { idColumn, type SyncedTable } from '../mutation/table.ts'
import type { Journal } from '../store/journal.ts'
import { isStoreDown, type Sql, type Store } from '../store/store.ts'
import { readSyncConfig } from '../store/syncs.ts'

export interface RecoveryDeps {
  readonly store: Store
  readonly journal: Journal
  readonly log: Log
  /** How long a listener has to apply what was accepted, in milliseconds. */
  readonly afterMs: number
}

/** What one pass did. */
export interface Recovered {
  readonly applied: number
  /** Left for the next pass: the database cannot be reached, say. */
  readonly failed: number
}

interface Left {
  readonly request: Mutation
  readonly outcome: Extract<Outcome, { state: 'accepted' | 'partial' }>
  /** As text, since a Date would lose the microseconds. */
  readonly answered_at: string
  readonly sent_at: string
}

/** Mutations read at a time, and how often in one pass. */
const pageRowsMax = 100
const pagesMax = 100
const connectWaitSeconds = 10
const applyWaitMs = 30_000
/** For a row that a mutation holds; the next pass tries again. */
const lockWaitMs = 5_000

/** One pass. Several processes may run it at once: a mutation is applied once all the same. */
export async function recover(deps: RecoveryDeps): Promise<Recovered> {
  const done = { applied: 0, failed: 0 }
  const down = new Set<string>() // syncs whose database does not answer: one wait for it is enough
  let last: Left | null = null
  for (let pages = 0; pages < pagesMax; pages++) {
    const left: readonly Left[] = await readLeft(deps, last)
    for (const mutation of left) {
      const applied = !down.has(mutation.request.syncId) && await tryApply(deps, mutation, down)
      done[applied ? 'applied' : 'failed'] += 1
    }
    last = left.at(-1) ?? null
    if (last === null || left.length < pageRowsMax) break
  }
  return done
}

/** The next accepted mutations after `last`, whatever has become of that one. */
async function readLeft({ store, afterMs }: RecoveryDeps, last: Left | null): Promise<Left[]> {
  return await store.ask('Looking for what is not applied', (sql) =>
    sql<Left[]>`
      select request, outcome, answered_at::text, coalesce(sent_at, received_at)::text as sent_at
      from sluice_store.mutations
      where state = 'accepted' and answered_at < now() - ${afterMs} * interval '1 millisecond'
        ${
      last === null
        ? sql``
        : sql`and (answered_at, id) > (${last.answered_at}::text::timestamptz, ${last.request.id})`
    }
      order by answered_at, id limit ${pageRowsMax}`)
}

async function tryApply(
  deps: RecoveryDeps,
  left: Left,
  down: Set<string>,
): Promise<boolean> {
  const { id, syncId } = left.request
  try {
    const rows = await applyLeft(deps, left)
    deps.log.info('recovery.applied', { mutation: id, rows })
    return true
  } catch (error) {
    if (isDatabaseDown(error)) down.add(syncId)
    deps.log.warn('recovery.failed', { mutation: id, sync: syncId, error: reasonOf(error) })
    return false
  }
}

/** For the log: what Postgres says of a value holds the value. */
function reasonOf(error: unknown): unknown {
  if (!(error instanceof postgres.PostgresError)) return error
  const { name, code, table_name: table, column_name: column, constraint_name: constraint } = error
  return { name, code, table, column, constraint }
}

/** A statement that took too long (57014) is no reason to leave the others of the same database. */
function isDatabaseDown(error: unknown): boolean {
  return isStoreDown(error) && (error as { code?: unknown }).code !== '57014'
}

async function applyLeft(deps: RecoveryDeps, left: Left): Promise<number> {
  const { request } = left
  const config = await readSyncConfig(deps.store, request.syncId)
  const table = config.tables.find(({ schema, name, syncId }) =>
    schema === request.schema && name === request.table && syncId === request.syncId
  )
  if (table === undefined) throw new Error(`Cannot find table ${request.schema}.${request.table}`)
  const ticketKey = Buffer.from(config.ticketKey, 'base64')
  const sql = connect(config.database)
  try {
    const changed = await sql.begin(
      'isolation level read committed',
      (tx) => applyLocked(tx, { store: deps.store, left, table, ticketKey }),
    )
    await deps.journal.applied([request.id])
    return changed
  } finally {
    await sql.end({ timeout: connectWaitSeconds })
  }
}

/** Takes the rows' locks first: a mutation that holds one is in the journal, answered, before it lets go. */
async function applyLocked(
  tx: postgres.TransactionSql,
  { store, left, table, ticketKey }: {
    store: Store
    left: Left
    table: SyncedTable
    ticketKey: Uint8Array
  },
): Promise<number> {
  const { request, outcome } = left
  await tx.unsafe(settingsSql)
  await tx.unsafe(lockSql(table), [encodeIds(outcome.rows.map(({ id }) => id))])
  const newer = await newerIds(store, left)
  const { gone, kept } = split(outcome.rows.filter(({ id }) => !newer.has(id)))
  // applyRows begins a transaction; ours is open already, and the row locks are in it
  const begin = (work: (sql: unknown) => Promise<unknown>) => work(tx)
  const sql = { begin } as unknown as postgres.Sql
  const common = { table, ticketKey, waitMs: applyWaitMs, syncId: request.syncId }
  // the first of the two notes the mutation, and only one that finds it new goes on
  const changed = await applyRows(sql, {
    ...common,
    operation: kept.length > 0 ? 'upsert' : 'delete',
    rows: kept.length > 0 ? kept : gone,
    mutationId: request.id,
    noted: { operation: request.operation, rows: outcome.rows.length },
  })
  if (kept.length > 0 && gone.length > 0) {
    await applyRows(sql, { ...common, operation: 'delete', rows: gone })
  }
  return changed
}

/** The journal says `applied` afterwards and for good, so the commit must be on disk. */
const settingsSql = `
  select pg_catalog.set_config('lock_timeout', '${lockWaitMs}', true),
    pg_catalog.set_config('statement_timeout', '${applyWaitMs}', true),
    case pg_catalog.current_setting('synchronous_commit') when 'off'
      then pg_catalog.set_config('synchronous_commit', 'on', true) end`

function lockSql(table: SyncedTable): string {
  const id = `t.${quoteIdent(idColumn)}`
  // without the length: a cast to varchar(18) would cut an id that is longer and lock another row
  const type = (table.columns[0]?.type ?? 'text').replace(
    /^(varchar|character varying) ?\(.*\)$/,
    '$1',
  )
  return `select from only ${quoteName(table.schema, table.name)} t
    where ${id} = any ($1::text::${type}[]) order by ${id} for update`
}

/** Rows that the platform has, and rows that it no longer has. */
function split(rows: readonly OutcomeRow[]): { kept: OutcomeRow[]; gone: OutcomeRow[] } {
  return {
    kept: rows.filter(({ values }) => values !== null),
    gone: rows.filter(({ values }) => values === null),
  }
}

/**
 * Ids of rows that a mutation sent later has written: what it wrote is newer and must stay. By the order of sending, as
 * an answer may come late. Looked for in the outcome's text, as the journal wrote it: Postgres cannot take apart JSON
 * whose values hold what its own text cannot (U+0000, half a surrogate pair).
 */
async function newerIds(
  store: Store,
  { request, outcome, sent_at }: Left,
): Promise<ReadonlySet<string>> {
  const keys = outcome.rows.map(({ id }) => `"id":${JSON.stringify(id)}`)
  const found = await store.ask('Looking for newer mutations', (sql) =>
    sql<{ key: string }[]>`
      select distinct k.key
      from sluice_store.mutations m, json_array_elements_text(${
      JSON.stringify(keys)
    }::text::json) k(key)
      where m.sync_id = ${request.syncId} and m.schema_name = ${request.schema}
        and m.table_name = ${request.table} and m.state in ('accepted', 'applied')
        and m.received_at > ${sent_at}::text::timestamptz - ${waitLongestMs} * interval '1 millisecond'
        and (coalesce(m.sent_at, m.received_at), m.id) > (${sent_at}::text::timestamptz, ${request.id})
        and strpos(${writtenText(sql)}, k.key) > 0`)
  const newer = new Set(found.map(({ key }) => key))
  return new Set(outcome.rows.map(({ id }) => id).filter((_, i) => newer.has(keys[i] ?? '')))
}

/**
 * The part of an outcome's text that has the rows written, without those that were not. What is within a value has its
 * quotation marks escaped, so that both names are found where they are members.
 */
function writtenText(sql: Sql) {
  return sql`case when strpos(m.outcome::text, '"others":[') > strpos(m.outcome::text, '"rows":[')
    then split_part(m.outcome::text, '"others":[', 1)
    else substr(m.outcome::text, strpos(m.outcome::text, '"rows":[')) end`
}

/** No mutation waits longer between its coming and its sending; it keeps the question within an index. */
const waitLongestMs = 600_000

function connect(address: DatabaseAddress): postgres.Sql {
  const { host, port, database, user, password, sslmode, sslrootcert } = address
  const verify = { rejectUnauthorized: true, ...(sslrootcert ? { ca: sslrootcert } : {}) }
  const ssl = { disable: false, require: { rejectUnauthorized: false }, 'verify-full': verify }
  return postgres({
    host,
    port,
    database,
    username: user,
    password,
    ssl: ssl[sslmode],
    max: 1,
    connect_timeout: connectWaitSeconds,
    onnotice: () => {},
    connection: { application_name: 'sluice recovery' },
  })
}

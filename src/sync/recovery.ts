// Room sync: recovery. A mutation that the platform accepted and that nobody has applied (its listener or the database
// died) is applied by id, once: `sluice.mutations` in the customer's database decides.

import { Buffer } from 'node:buffer'
import postgres from 'postgres'
import { applyRows } from '../database/index.ts'
import type { Log } from '../lib/log.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import type { Mutation, Outcome, OutcomeRow } from '../mutation/mutation.ts'
import type { Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
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
  readonly outcome: Extract<Outcome, { state: 'accepted' }>
  readonly answered_at: Date
}

/** Mutations taken up in one pass. */
const passMax = 100
const connectWaitSeconds = 10
const applyWaitMs = 30_000

/** One pass. Several processes may run it at once: a mutation is applied once all the same. */
export async function recover(deps: RecoveryDeps): Promise<Recovered> {
  const { store, log, afterMs } = deps
  const left = await store.ask('Looking for what is not applied', (sql) =>
    sql<Left[]>`
      select request, outcome, answered_at from sluice_store.mutations
      where state = 'accepted' and answered_at < now() - ${afterMs} * interval '1 millisecond'
      order by answered_at limit ${passMax}`)
  let failed = 0
  for (const mutation of left) {
    try {
      const rows = await applyLeft(deps, mutation)
      log.info('recovery.applied', { mutation: mutation.request.id, rows })
    } catch (error) {
      failed += 1
      log.warn('recovery.failed', { mutation: mutation.request.id, error })
    }
  }
  return { applied: left.length - failed, failed }
}

async function applyLeft(deps: RecoveryDeps, left: Left): Promise<number> {
  const { request, outcome } = left
  const config = await readSyncConfig(deps.store, request.syncId)
  const table = config.tables.find(({ schema, name, syncId }) =>
    schema === request.schema && name === request.table && syncId === request.syncId
  )
  if (table === undefined) throw new Error(`Cannot find table ${request.schema}.${request.table}`)
  const newer = await newerIds(deps.store, left)
  const rows = outcome.rows.filter(({ id }) => !newer.has(id))
  const sql = connect(config.database)
  try {
    const common = {
      table,
      ticketKey: Buffer.from(config.ticketKey, 'base64'),
      waitMs: applyWaitMs,
      syncId: request.syncId,
    }
    const { gone, kept } = split(rows)
    // the first of the two notes the mutation, and only one that finds it new goes on
    const changed = await applyRows(sql, {
      ...common,
      operation: kept.length > 0 ? 'upsert' : 'delete',
      rows: kept.length > 0 ? kept : gone,
      mutationId: request.id,
    })
    if (kept.length > 0 && gone.length > 0) {
      await applyRows(sql, { ...common, operation: 'delete', rows: gone })
    }
    await deps.journal.applied([request.id])
    return changed
  } finally {
    await sql.end({ timeout: connectWaitSeconds })
  }
}

/** Rows that the platform has, and rows that it no longer has. */
function split(rows: readonly OutcomeRow[]): { kept: OutcomeRow[]; gone: OutcomeRow[] } {
  return {
    kept: rows.filter(({ values }) => values !== null),
    gone: rows.filter(({ values }) => values === null),
  }
}

/** Ids of rows that a later mutation has written: what it wrote is newer and must stay. */
async function newerIds(
  store: Store,
  { request, answered_at }: Left,
): Promise<ReadonlySet<string>> {
  const rows = await store.ask('Looking for newer mutations', (sql) =>
    sql<{ id: string }[]>`
      select distinct r.value ->> 'id' as id
      from sluice_store.mutations m, json_array_elements(m.outcome -> 'rows') r
      where m.sync_id = ${request.syncId} and m.schema_name = ${request.schema}
        and m.table_name = ${request.table} and m.state in ('accepted', 'applied')
        and m.id <> ${request.id} and m.answered_at > ${answered_at}`)
  return new Set(rows.map(({ id }) => id))
}

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

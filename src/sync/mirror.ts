// Room sync: writing pages of records beside mutations. On one session of the customer's database: which ids were there
// at the start, which ids the platform has, and the writing of what is not newer than its page.

import type postgres from 'postgres'
import { applyRows, encodeIds, keysOf, noteFilled } from '../database/index.ts'
import { quoteIdent, quoteName } from '../lib/quote.ts'
import { idColumn, type SyncedTable } from '../mutation/table.ts'
import type { Page } from '../platforms/platform.ts'

/** One filling of one table. */
export interface Mirror {
  readonly session: postgres.ReservedSql
  readonly table: SyncedTable
  readonly ticketKey: Uint8Array
}

type Rows = Page['rows']

/** Longest wait for a row that a mutation holds: its turn in the bucket and its request. */
const rowWaitMs = 160_000
const statementWaitMs = 60_000
const removeRowsMax = 500
const id = `t.${quoteIdent(idColumn)}`

/** Notes which ids there are. */
export async function open({ session, table }: Mirror): Promise<void> {
  await session.unsafe(`
    drop table if exists pg_temp.sluice_before, pg_temp.sluice_seen;
    create temporary table sluice_before (id text primary key);
    create temporary table sluice_seen (id text primary key);
    insert into pg_temp.sluice_before select ${id}::text from ${nameOf(table)} t`)
}

/** Forgets them. Does not fail when the session is gone. */
export async function close({ session }: Mirror): Promise<void> {
  await session.unsafe('drop table if exists pg_temp.sluice_before, pg_temp.sluice_seen')
    .then(() => {}, () => {})
}

/** The transaction id that the next change will have at least. What is written from now on is newer. */
export async function clock({ session }: Mirror): Promise<string> {
  const [row] = await session.unsafe(`select ${nextXid}::text as xid`)
  return String(row?.['xid'])
}

/** Notes ids that the platform has. */
export async function note({ session }: Mirror, rows: Rows): Promise<void> {
  await session.unsafe(
    'insert into pg_temp.sluice_seen select unnest($1::text::text[]) on conflict do nothing',
    [encodeIds(rows.map(({ id }) => id))],
  )
}

/**
 * Writes the rows that were not changed since `since` and gives how many changed. Rows that a mutation holds are waited
 * for one by one, so that no other mutation waits with us.
 */
export async function write(
  mirror: Mirror,
  rows: Rows,
  { since }: { since: string },
): Promise<number> {
  const first = await writeFree(mirror, rows, { since, wait: false })
  let { changed } = first
  for (const row of first.busy) {
    changed += (await writeFree(mirror, [row], { since, wait: true })).changed
  }
  return changed
}

async function writeFree(
  mirror: Mirror,
  rows: Rows,
  options: { since: string; wait: boolean },
): Promise<{ changed: number; busy: Rows }> {
  if (rows.length === 0) return { changed: 0, busy: [] }
  return await inTransaction(mirror, async () => {
    const { busy, newer } = await lock(mirror, rows, options)
    const free = rows.filter(({ id }) => !busy.has(id) && !newer.has(id))
    const changed = await apply(mirror, 'upsert', free)
    return { changed, busy: rows.filter(({ id }) => busy.has(id)) }
  })
}

/**
 * Locks the rows that are there, and those that have a key of one of them. busy: somebody else holds one. newer: one was
 * changed or deleted since.
 */
async function lock(
  mirror: Mirror,
  rows: Rows,
  options: { since: string; wait: boolean },
): Promise<{ busy: Set<string>; newer: Set<string> }> {
  const holders = await holdersOf(mirror, rows)
  const all = new Set([...rows.map(({ id }) => id), ...holders.map(({ holder }) => holder)])
  const { busy, newer } = await lockIds(mirror, [...all], options)
  const withHeld = (found: ReadonlySet<string>) =>
    new Set([...found, ...holders.filter(({ holder }) => found.has(holder)).map(({ id }) => id)])
  return { busy: withHeld(busy), newer: withHeld(newer) }
}

/** Which other rows have keys of these rows, in columns of which the platform holds no value twice. */
async function holdersOf(
  { session, table }: Mirror,
  rows: Rows,
): Promise<{ id: string; holder: string }[]> {
  const found: { id: string; holder: string }[] = []
  for (const key of await keysOf(session, table)) {
    const claims = rows.flatMap(({ id, values }) => {
      const value = values[key]
      return typeof value === 'string' ? [{ id, value }] : []
    })
    const column = `t.${quoteIdent(key)}`
    const type = table.columns.find(({ name }) => name === key)?.type ?? 'text'
    const held = await session.unsafe(
      `select p.id, ${id}::text as holder from unnest($1::text::text[], $2::text::text[]) p(id, value)
        join ${nameOf(table)} t on ${column} = p.value::${type} where ${id}::text <> p.id`,
      [encodeIds(claims.map(({ id }) => id)), encodeIds(claims.map(({ value }) => value))],
    )
    found.push(...held.map((row) => ({ id: String(row['id']), holder: String(row['holder']) })))
  }
  return found
}

async function lockIds(
  { session, table }: Mirror,
  wanted: readonly string[],
  { since, wait }: { since: string; wait: boolean },
): Promise<{ busy: Set<string>; newer: Set<string> }> {
  const ids = encodeIds(wanted)
  const type = table.columns[0]?.type ?? 'text'
  const from = `from ${nameOf(table)} t where ${id} = any ($1::text::${type}[])`
  const idsOf = async (sql: string, values: string[]) => {
    const found = await session.unsafe(sql, values)
    return new Set(found.map((row) => String(row['id'])))
  }
  const present = await idsOf(`select ${id}::text as id ${from}`, [ids])
  const locking = `for update of t ${wait ? '' : 'skip locked'}`
  const locked = await idsOf(`select ${id}::text as id ${from} ${locking}`, [ids])
  const changed = await idsOf(
    `select ${id}::text as id ${from} and ${xidOf('t.xmin')} >= $2::text::bigint`,
    [ids, since],
  )
  const deleted = await idsOf(
    `select id from pg_temp.sluice_before b where id = any ($1::text::text[])
      and not exists (select ${from} and ${id}::text = b.id)`,
    [ids],
  )
  return {
    busy: new Set([...present].filter((id) => !locked.has(id))),
    newer: new Set([...changed, ...deleted]),
  }
}

/** Removes the rows that were there at the start and that the platform does not have. Gives how many. */
export async function missing(mirror: Mirror): Promise<number> {
  let removed = 0
  for (;;) {
    const gone = await mirror.session.unsafe(`
      delete from pg_temp.sluice_before where id in (
        select id from pg_temp.sluice_before b
        where not exists (select from pg_temp.sluice_seen s where s.id = b.id)
        limit ${removeRowsMax}) returning id`)
    if (gone.length === 0) return removed
    const rows = gone.map((row) => ({ id: String(row['id']), values: {} }))
    removed += await inTransaction(mirror, () => apply(mirror, 'delete', rows))
  }
}

/** Every column of the table, so that what the platform left out is null and not what was there before. */
async function apply(
  { session, table, ticketKey }: Mirror,
  operation: 'upsert' | 'delete',
  rows: Rows,
): Promise<number> {
  if (rows.length === 0) return 0
  const nulls = Object.fromEntries(table.columns.map(({ name }) => [name, null]))
  const whole = rows.map(({ id, values }) => ({ id, values: { ...nulls, ...values } }))
  const waitMs = statementWaitMs
  return await applyRows(within(session), { table, operation, rows: whole, ticketKey, waitMs })
}

/** Notes for `sluice.tables` that the table has all that the platform has. */
export async function done(mirror: Mirror): Promise<void> {
  const { session, table, ticketKey } = mirror
  await inTransaction(
    mirror,
    () => noteFilled(within(session), { table, ticketKey, waitMs: statementWaitMs }),
  )
}

/** What begins a transaction finds the one that is open already, with the row locks that are in it. */
function within(session: postgres.ReservedSql): postgres.Sql {
  const begin = (work: (sql: unknown) => Promise<unknown>) => work(session)
  return { begin } as unknown as postgres.Sql
}

async function inTransaction<T>({ session }: Mirror, work: () => Promise<T>): Promise<T> {
  await session.unsafe('begin isolation level read committed')
  try {
    await session.unsafe(`
      set local lock_timeout = ${rowWaitMs}; set local statement_timeout = ${rowWaitMs}`)
    const result = await work()
    await session.unsafe('commit')
    return result
  } catch (error) {
    await session.unsafe('rollback').catch(() => {}) // the first error says what happened
    throw error
  }
}

const nextXid = 'pg_snapshot_xmax(pg_current_snapshot())::text::bigint'

/** The 64 bits of a transaction id of which a row has 32 (Postgres manual, 67.1): the last such one that there was. */
function xidOf(xmin: string): string {
  return `${nextXid} - mod(${nextXid} - ${xmin}::text::bigint, 4294967296)`
}

function nameOf({ schema, name }: SyncedTable): string {
  return quoteName(schema, name)
}

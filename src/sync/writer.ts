// Room sync: the writer of one table: it alone writes what reads at the platform bring, until another process has taken
// the table, and never over what is newer.

import postgres from 'postgres'
import { encodeIds, fencedState, fenceSql, forgetSql, seeSql, showSql } from '../database/index.ts'
import { readJsonObject } from '../lib/json.ts'
import type { Log } from '../lib/log.ts'
import { quoteIdent } from '../lib/quote.ts'
import type { Values } from '../mutation/mutation.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Ref } from '../platforms/platform.ts'
import type { Store } from '../store/store.ts'
import { createAbsences } from './writer-absent.ts'
import { absentOf, idType, writeBatch } from './writer-batch.ts'
import { hold, type Writing } from './writer-hold.ts'
import { beforeSql, momentParameters, takeMoment } from './writer-moment.ts'
import { inTurn, reserveSession, type Rows, type Session } from './writer-session.ts'
import { dropStage, makeStage, nameOf } from './writer-stage.ts'
import { Fenced, type Mark, type Pass, type Shown, type TableWriter } from './writing.ts'

export interface WriterOptions {
  /** The customer's database; one connection of it is kept until the writer is closed. */
  readonly sql: postgres.Sql
  readonly table: SyncedTable
  readonly ticketKey: Uint8Array
  /** A whole number as text, greater than that of every process before. */
  readonly fence: string
  readonly store: Store
  readonly log: Log
  /** Milliseconds, of any clock. */
  readonly now: () => number
}

/** For a statement, and for a lock in it, in milliseconds: rows are never waited for, and whoever has the fence ends soon. */
const waits = { waitMs: 60_000, lockWaitMs: 15_000 }
/** A batch that takes longer is told of, in milliseconds. */
const slowMs = 2_000
/** Ids looked at in one statement. */
const windowRows = 20_000
/** A table of at most so many rows is counted. */
const countedRowsMax = 50_000
/** A sample of blocks has about so many times the rows wanted: some blocks are emptier than others. */
const sampleFactor = 4

/**
 * Takes the table: from now on no process with a smaller fence writes it. Throws Fenced when another one has it with a
 * greater fence, Postgres's errors (42883: the database was set up by an older Sluice), and what connecting throws.
 */
export async function openWriter(options: WriterOptions): Promise<TableWriter> {
  const { sql, table, ticketKey, fence, store } = options
  if (!/^\d{1,19}$/.test(fence)) throw new RangeError(`Cannot take a table with fence "${fence}"`)
  const session = await reserveSession(sql)
  const inSync = { ...waits, ticketKey }
  const writing = {
    session,
    table,
    store,
    fence,
    inSync,
    absences: createAbsences(table),
    allNew: true,
  }
  try {
    const found = await unlessFenced(async () => {
      const found = await session.inSync(inSync, (mutation) => hold(writing, mutation))
      await makeStage(session, table)
      return found
    })
    return createWriter(writing, { ...options, found })
  } catch (error) {
    await close(writing)
    throw error
  }
}

/** For a statement, and for a lock in it, in milliseconds: what is wrong is told where that keeps nobody waiting. */
const tellingWaits = { waitMs: 3_000, lockWaitMs: 1_000 }

/**
 * Shows what keeps the table from being opened, without opening it: its columns may be gone. Throws as `openWriter`; 42P01 where
 * the table is gone, which then is shown nowhere.
 */
export async function showUnopened(
  { sql, table, ticketKey, fence }: WriterOptions,
  shown: Shown,
): Promise<void> {
  const session = await reserveSession(sql)
  try {
    await unlessFenced(() =>
      session.inSync({ ...tellingWaits, ticketKey }, async (mutation) => {
        const place = nameOf(table)
        await session.run(fenceSql, [mutation, place, fence])
        await session.run(showSql, [mutation, place, JSON.stringify(columnsOf(shown))])
      })
    )
  } finally {
    session.release()
  }
}

function createWriter(
  writing: Writing,
  { log, now, table, found }: WriterOptions & Pick<TableWriter, 'found'>,
): TableWriter {
  const inSync = <T>(work: (mutation: string) => Promise<T>): Promise<T> =>
    unlessFenced(() =>
      writing.session.inSync(writing.inSync, async (mutation) => {
        await hold(writing, mutation)
        return await work(mutation)
      })
    )
  const turn = inTurn()
  return {
    table,
    found,
    mark: () => mark(writing),
    begin: () => begin(writing, inSync),
    write: async (batch) => {
      const [written, ms] = await turn(async () => {
        const from = now()
        const written = await unlessFenced(() => writeBatch(writing, batch))
        return [written, now() - from] as const
      })
      const rows = batch.rows.length
      if (ms > slowMs) log.warn('writer.slow', { sync: table.syncId, table: table.name, rows, ms })
      return written
    },
    unseen: (pass, { after, rowsMax }) =>
      inSync((id) => unseen(writing, id, { pass, after, rowsMax })),
    see: (_pass, ids) => inSync((id) => see(writing, id, ids)),
    end: () => inSync((id) => forget(writing, id)),
    refs: (ids) => writing.session.alone(() => refs(writing, ids)),
    sample: (rowsMax) => writing.session.alone(() => sample(writing, rowsMax)),
    estimate: () => writing.session.alone(() => estimate(writing)),
    show: async (shown) => {
      const json = JSON.stringify(columnsOf(shown))
      await inSync((id) => writing.session.run(showSql, [id, nameOf(table), json]))
    },
    close: () => close(writing),
  }
}

async function unlessFenced<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isFenced = error instanceof postgres.PostgresError && error.code === fencedState
    if (!isFenced) throw error
    throw new Fenced('Another process has taken the table', { cause: error })
  }
}

async function close({ session }: Writing): Promise<void> {
  await session.alone(() => dropStage(session)).catch(() => {}) // a session that is lost has no stage either
  session.release()
}

async function mark({ session, store }: Writing): Promise<Mark> {
  const [xid, at] = await Promise.all([
    // beside a batch that is being written, whose rows are newer then: the next page need not wait for it
    takeMoment(session).catch(() => session.alone(() => takeMoment(session))),
    store.ask(
      'Looking at the clock',
      (sql) => sql<{ at: string }[]>`select clock_timestamp()::text as at`,
    ),
  ])
  return { xid, at: at[0]?.at ?? '' }
}

type InSync = <T>(work: (mutation: string) => Promise<T>) => Promise<T>

async function begin({ session, table }: Writing, inSync: InSync): Promise<Pass> {
  const looked = async (mutation: string) => {
    if (!await forget({ session, table }, mutation)) return null
    return await session.run(`select exists (select from only ${nameOf(table)}) as before`)
  }
  let rows: Rows | null = null
  while (rows === null) rows = await inSync(looked)
  const [first] = rows
  const xid = await session.alone(() => takeMoment(session))
  return { xid, before: first?.['before'] === true }
}

/** Gives whether that was all. */
async function forget(
  { session, table }: Pick<Writing, 'session' | 'table'>,
  mutation: string,
): Promise<boolean> {
  const [row] = await session.run(forgetSql, [mutation, nameOf(table)])
  return row?.['forget'] !== false
}

/** Gives those that the table has no row of. */
async function see(
  { session: { run }, table }: Writing,
  mutation: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const all = encodeIds([...new Set(ids)])
  await run(seeSql, [mutation, nameOf(table), all])
  return await absentOf({ run }, table, all)
}

/** A window of ids after the other, until there are enough. */
async function unseen(
  writing: Writing,
  mutation: string,
  { pass, after, rowsMax }: { pass: Pass; after: string | null; rowsMax: number },
): Promise<readonly Ref[]> {
  if (!pass.before) return []
  const { session: { run }, table } = writing
  const [target, type] = [nameOf(table), idType(table)]
  const windowSql = `
    with looked as materialized (
      select t.id, ${beforeSql('t', ['$3', '$4'])} as before from only ${target} t
      where $5::text is null or t.id > $5::text::${type} order by t.id limit ${windowRows}
    )
    select (select l.id::text from looked l order by l.id desc limit 1) as last,
      pg_catalog.array_to_json(sluice.unseen($1::text::uuid, $2::text::regclass,
        array(select l.id::text from looked l where l.before order by l.id)))::text as ids`
  const found: string[] = []
  let from = after
  do {
    const parameters = [mutation, target, ...momentParameters(pass.xid), from]
    const [row] = await run(windowSql, parameters)
    found.push(...JSON.parse(String(row?.['ids'])) as string[])
    from = row?.['last'] as string | null
  } while (from !== null && found.length < rowsMax)
  return await refs(writing, found.slice(0, rowsMax))
}

/** In the order of the ids given. */
async function refs({ session, table }: Writing, ids: readonly string[]): Promise<Ref[]> {
  const names = table.keyColumns ?? []
  if (names.length === 0) return ids.map((id) => ({ id, keys: {} }))
  const found = await session.run(
    `select t.id::text as id, ${rowJson(names)} as row from only ${nameOf(table)} t
      where t.id operator(pg_catalog.=) any ($1::text::${idType(table)}[])`,
    [encodeIds(ids)],
  )
  const keys = new Map(found.map((row) => [String(row['id']), valuesOf(row['row'])]))
  return ids.map((id) => ({ id, keys: keys.get(id) ?? {} }))
}

/** Large tables: from some blocks anywhere, small ones from all their rows. */
async function sample(
  writing: Writing,
  rowsMax: number,
): Promise<readonly { ref: Ref; values: Values }[]> {
  const { session: { run }, table } = writing
  const rows = Math.max(await estimate(writing), 1)
  const percent = rows > countedRowsMax ? Math.min(100, rowsMax / rows * 100 * sampleFactor) : 100
  const names = table.columns.map(({ name }) => name)
  const found = await plainly(run, () =>
    run(`
      select ${rowJson(names)} as row from ${nameOf(table)} t tablesample system (${
      percent.toFixed(6)
    })
      order by pg_catalog.random() limit ${Math.trunc(rowsMax)}`))
  return found.map((row) => {
    const values = valuesOf(row['row'])
    const keys = Object.fromEntries(
      (table.keyColumns ?? []).map((name) => [name, values[name] ?? null]),
    )
    return { ref: { id: values['id'] ?? '', keys }, values }
  })
}

/** As platforms write values, whatever the role has set: in UTC, every digit of a float8. */
async function plainly<T>(run: Session['run'], work: () => Promise<T>): Promise<T> {
  try {
    await run(`begin read only; set local timezone = 'UTC'; set local extra_float_digits = 1;
      set local intervalstyle = 'postgres'; set local statement_timeout = ${waits.waitMs}`)
    return await work()
  } finally {
    await run('rollback').catch(() => {}) // the first error says what happened
  }
}

function rowJson(names: readonly string[]): string {
  const listed = names.map((name) => `t.${quoteIdent(name)}`).join(', ')
  return `(select pg_catalog.row_to_json(r.*)::text from (select ${listed}) r)`
}

function valuesOf(json: unknown): Values {
  return Object.fromEntries(
    readJsonObject(String(json)).map((
      { name, kind, text },
    ) => [name, kind === 'null' ? null : text]),
  )
}

async function estimate({ session, table }: Writing): Promise<number> {
  const [row] = await session.run(
    `select c.reltuples::float8 as about, (
      select pg_catalog.count(*)::int from (select from only ${nameOf(table)} limit ${
      countedRowsMax + 1
    }) counted
    ) as counted from pg_catalog.pg_class c where c.oid operator(pg_catalog.=) $1::text::regclass`,
    [nameOf(table)],
  )
  const counted = Number(row?.['counted'] ?? 0)
  return counted <= countedRowsMax ? counted : Math.max(counted, Number(row?.['about']))
}

/** By the names that sluice.show knows. */
function columnsOf(shown: Shown): Record<string, unknown> {
  const { phase, rowsDone, rowsTotal, filled, freshAt, agreement, problem } = shown
  return {
    phase,
    rows_done: rowsDone,
    rows_total: rowsTotal,
    filled,
    fresh_at: freshAt,
    agreement,
    problem,
  }
}

// Room sync: the stage of a writer: a temporary table that a batch is copied into, so that Postgres compares and writes it
// in a few statements, however many rows there are.

import { type CopyRow, encodeCopy, encodeIds, encodeRows } from '../database/index.ts'
import { quoteIdent, quoteLiteral, quoteName } from '../lib/quote.ts'
import { type Column, idColumn, type SyncedTable } from '../mutation/table.ts'
import { beforeSql } from './writer-moment.ts'
import type { Session } from './writer-session.ts'

/** A row of a batch; `isNew`: the table did not have it when it was looked for. */
export interface Staged extends CopyRow {
  readonly isNew: boolean
}

const stage = 'pg_temp.sluice_stage'
/** No field of a platform gives a column such a name. */
const [isNew, isToWrite, why] = ['"~new"', '"~write"', '"~why"']

/** Makes the stage, for rows as the table has them now. It is empty after each transaction. */
export async function makeStage({ run }: Session, table: SyncedTable): Promise<void> {
  await dropStage({ run })
  await run(`
    create temporary table sluice_stage on commit delete rows as
    select false as ${isNew}, false as ${isToWrite}, null::text as ${why}, ${listOf(table, 't')}
    from only ${nameOf(table)} t with no data`)
}

export async function dropStage({ run }: Pick<Session, 'run'>): Promise<void> {
  await run(`drop table if exists ${stage}`)
}

/**
 * From so many rows on COPY is quicker: it takes two round trips more, and a small packet that waits for another one's
 * acknowledgement.
 */
const copyRowsMin = 1_000

/** Puts rows on the stage, inside a transaction. Throws Postgres's errors, for a value that is none of its type, say. */
export async function fillStage(
  { run, copy }: Session,
  table: SyncedTable,
  rows: readonly Staged[],
): Promise<void> {
  const columns = [isNew, isToWrite, why, ...columnsOf(table)].join(', ')
  if (rows.length < copyRowsMin) {
    const target = nameOf(table)
    const fresh = encodeIds(rows.filter((row) => row.isNew).map(({ id }) => id))
    await run(
      `insert into ${stage} (${columns})
      select f.fresh, f.fresh, null, ${listOf(table, 'r')}
      from pg_catalog.jsonb_populate_recordset(null::${target}, $1::text::jsonb) r
        cross join lateral (select r.id::text = any ($2::text[]) as fresh) f`,
      [encodeRows(table, rows), fresh],
    )
    return
  }
  const data = encodeCopy(table, rows, {
    before: (row) => row.isNew ? ['t', 't', '\\N'] : ['f', 'f', '\\N'],
  })
  await copy(`copy ${stage} (${columns}) from stdin`, data)
}

/** The statements that write what is staged, in their order. `moment`: the parameters of a Moment, where `$1` stands. */
export interface StageSql {
  /** Locks the rows that differ, but those that somebody else holds. */
  readonly lock: string
  /** Of the locked ones leaves out those that are newer than the moment. */
  readonly spare: string
  /** For each key of which the platform has no value twice: leaves out rows whose key a newer row has, or one that is held. */
  readonly keys: readonly {
    readonly lock: string
    readonly spare: string
    readonly vacate: string
  }[]
  /** What is not written, and why; before the rest is. */
  readonly left: string
  readonly update: string | null
  readonly insert: string
  /** Rows that somebody has inserted just before. */
  readonly refused: string
  /** Ids that the table has had before. */
  readonly seen: string
}

/**
 * Keys: the columns of which the platform holds no value twice. `count`: of the rows staged; the planner, which knows nothing
 * of the stage, would read the whole table for a few of them.
 */
export function stageSql(
  table: SyncedTable,
  { keys, count }: { keys: readonly string[]; count: number },
): StageSql {
  const target = nameOf(table)
  const staged = `(select * from ${stage} limit ${
    16 ** Math.ceil(Math.log(count + 1) / Math.log(16))
  })`
  const names = columnsOf(table)
  const others = names.slice(1)
  const before = beforeSql('t', ['$1', '$2'])
  const differs = others.length === 0
    ? 'false'
    : `row(${comparedOf(table, 't')})::record operator(pg_catalog.*<>) row(${
      comparedOf(table, 's')
    })::record`
  return {
    lock: `with locked as materialized (
        select t.id from ${staged} s join only ${target} t on t.id = s.id
        where not s.${isNew} and ${differs} for update of t skip locked
      ) update ${stage} s set ${isToWrite} = true from locked l where s.id = l.id`,
    spare: `update ${stage} s set ${isToWrite} = false, ${why} = 'newer' from (
        select w.id from ${staged} w join only ${target} t on t.id = w.id
        where w.${isToWrite} and not w.${isNew} and not ${before} offset 0
      ) n where n.id = s.id`,
    keys: keys.map((key) => keySql(table, key, before)),
    left: `select s.id::text as id, coalesce(s.${why},
        case when t.id is null or not ${before} then 'newer' else 'held' end) as why
      from ${staged} s left join only ${target} t on t.id = s.id
      where not s.${isToWrite} and (s.${why} is not null or not s.${isNew} and (t.id is null or ${differs}))`,
    update: others.length === 0 ? null : `update only ${target} t
      set ${others.map((name) => `${name} = s.${name}`).join(', ')}
      from ${staged} s where t.id operator(pg_catalog.=) s.id and s.${isToWrite} and not s.${isNew}`,
    insert: `insert into ${target} (${names.join(', ')})
      select ${listOf(table, 's')} from ${stage} s where s.${isToWrite} and s.${isNew}
      on conflict (id) do nothing`,
    refused: `select s.id::text as id from ${stage} s join only ${target} t on t.id = s.id
      where s.${isToWrite} and s.${isNew} and t.xmin::text::bigint
        <> pg_catalog.mod(pg_catalog.pg_current_xact_id()::text::bigint, 4294967296)`,
    seen: `array(select s.id::text from ${stage} s where not s.${isNew})`,
  }
}

/** Whoever has the key here is out of date, and loses it until it is read again; but not what is newer than the batch. */
function keySql(table: SyncedTable, key: string, before: string): StageSql['keys'][number] {
  const target = nameOf(table)
  const column = quoteIdent(key)
  const holds = `t.${column} operator(pg_catalog.=) s.${column}
    and t.id operator(pg_catalog.<>) s.id and s.${isToWrite}`
  return {
    lock: `with held as materialized (
        select s.id, t.id as holder from ${stage} s join only ${target} t on ${holds}
      ), locked as materialized (
        select t.id from only ${target} t where t.id in (select h.holder from held h) for update skip locked
      ) update ${stage} s set ${isToWrite} = false, ${why} = 'held' from held h
      where h.id = s.id and h.holder not in (select l.id from locked l)`,
    spare: `update ${stage} s set ${isToWrite} = false, ${why} = 'newer' from only ${target} t
      where ${holds} and not ${before}`,
    vacate: `update only ${target} t set ${column} = null from ${stage} s
      where ${holds} and ${before} returning t.id::text as id`,
  }
}

/** The id first, then the others in the order of the table, as encodeCopy has them. */
export function columnsOf(table: SyncedTable): string[] {
  const names = table.columns.map(({ name }) => name).filter((name) => name !== idColumn)
  return [idColumn, ...names].map(quoteIdent)
}

/** What is compared of all but the id: not what changes by itself. */
function comparedOf({ columns }: SyncedTable, from: string): string {
  return columns.filter(({ name }) => name !== idColumn).map((column) => steadyOf(column, from))
    .join(', ')
}

function steadyOf({ name, type, volatile = [] }: Column, from: string): string {
  const value = `${from}.${quoteIdent(name)}`
  if (volatile.length === 0 || !/^jsonb?$/.test(type)) return value
  const members = volatile.map(quoteLiteral).join(', ')
  const steady = (one: string) =>
    `case pg_catalog.jsonb_typeof(${one}) when 'object' then ${one} operator(pg_catalog.-) array[${members}]::text[] else ${one} end`
  const json = `${value}::text::jsonb`
  return `case pg_catalog.jsonb_typeof(${json}) when 'array' then (
      select coalesce(pg_catalog.jsonb_agg(${steady('e.one')} order by e.at), '[]')
      from pg_catalog.jsonb_array_elements(${json}) with ordinality e(one, at)
    ) else ${steady(json)} end`
}

function listOf(table: SyncedTable, from: string, names = columnsOf(table)): string {
  return names.map((name) => `${from}.${name}`).join(', ')
}

export function nameOf({ schema, name }: SyncedTable): string {
  return quoteName(schema, name)
}

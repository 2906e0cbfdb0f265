// Room database: columns of synced tables that change because the platform's fields do. Nothing is ever dropped: what has
// no field any more, or another type, stays beside with its values. Waits are short, for mutations come first.

import postgres from 'postgres'
import { quoteIdent, quoteLiteral, quoteName } from '../lib/quote.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { inDdlTransaction } from './ddl.ts'
import { ensureTableWithin, type Made } from './table.ts'

/** A column as the catalogue tells it. */
export interface PresentColumn {
  /** As format_type writes it: `character varying(18)`. */
  readonly type: string
  readonly comment: string | null
}

/** Columns that a table may ever have had: those that were dropped count (Postgres manual, appendix K, Limits). */
export const attributesMax = 1_600

/** What is to be done to a table beside what `ensureTable` does. */
export type ColumnStep =
  /** Another type: in place where that loses nothing and nothing stands against it, else the old column is set aside. */
  | {
    readonly kind: 'retype'
    readonly name: string
    readonly type: string
    readonly inPlace: boolean
    /** The old column's name and comment when it is set aside. */
    readonly aside: string
    readonly comment: string
  }
  /** Stays as it is, and its comment says why it is written no more. */
  | { readonly kind: 'leave'; readonly name: string; readonly comment: string }

/** For a lock, in milliseconds: whoever comes after a waiting ALTER TABLE waits with it. */
const shortWaitMs = 1_000
/** For any statement, a change of type among them, which writes the whole table anew, in milliseconds. */
const rewriteWaitMs = 15_000

/** The columns of the relation of that name, and how many it may count to `attributesMax`; null: there is none. */
export async function readColumns(
  sql: postgres.Sql,
  { schema, name }: Pick<SyncedTable, 'schema' | 'name'>,
): Promise<{ columns: Map<string, PresentColumn>; attributes: number } | null> {
  const rows = await sql.unsafe(readSql, [schema, name])
  const [first] = rows
  if (first === undefined) return null
  const columns = rows.filter((row) => row['name'] !== null).map((row): [string, PresentColumn] => [
    String(row['name']),
    { type: String(row['type']), comment: row['comment'] as string | null },
  ])
  return { columns: new Map(columns), attributes: Number(first['attributes']) }
}

const readSql = `
  select a.attname::text as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    pg_catalog.col_description(c.oid, a.attnum) as comment, c.relnatts::int as attributes
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where n.nspname = $1::text and c.relname = $2::text order by a.attnum`

/**
 * Carries out the steps, then makes the table what it should be (`ensureTable`), in one transaction. Gives the names of
 * the columns that were set aside, and what was made beside the steps. Errors: those of ensureTable; 55P03 when the table could not be locked within a second, or
 * `lockWaitMs` (a mutation is under way, say): nothing was changed, try again. `check` is called when nobody else can change
 * anything in the database any more: where it throws nothing is changed.
 */
export async function changeColumns(
  sql: postgres.Sql,
  table: SyncedTable,
  { steps, role, lockWaitMs = shortWaitMs, check }: {
    steps: readonly ColumnStep[]
    role?: string | undefined
    lockWaitMs?: number | undefined
    check?: (() => Promise<void>) | undefined
  },
): Promise<{ readonly aside: ReadonlySet<string>; readonly made: Made }> {
  return await inDdlTransaction(sql, async (tx) => {
    await check?.()
    const aside = new Set<string>()
    const place = quoteName(table.schema, table.name)
    for (const step of steps) {
      if (step.kind === 'leave') {
        await comment(tx, { place, name: step.name, text: step.comment })
        continue
      }
      if (step.inPlace && await retype(tx, place, step)) continue
      await setAside(tx, place, step)
      aside.add(step.name)
    }
    return { aside, made: await ensureTableWithin(tx, table, { role }) }
  }, { lockWaitMs, waitMs: rewriteWaitMs })
}

type Retype = Extract<ColumnStep, { kind: 'retype' }>

/** Locks, and a server that is going down, are no reason to set a column aside. */
const passing: ReadonlySet<string> = new Set(['55P03', '40P01', '57P01', '57P02', '53100', '53200'])

/** False: a view, an index or the time stands against it. */
async function retype(
  tx: postgres.TransactionSql,
  place: string,
  { name, type }: Retype,
): Promise<boolean> {
  const column = quoteIdent(name)
  try {
    await tx.savepoint(async (nested) => {
      await nested.unsafe(`set local timezone = 'UTC'`)
      await nested.unsafe(
        `alter table ${place} alter column ${column} type ${type} using ${column}::${type}`,
      )
    })
    return true
  } catch (error) {
    if (error instanceof postgres.PostgresError && !passing.has(error.code)) return false
    throw error
  }
}

async function setAside(
  tx: postgres.TransactionSql,
  place: string,
  { name, type, aside, comment: text }: Retype,
): Promise<void> {
  await tx.unsafe(`alter table ${place} rename column ${quoteIdent(name)} to ${quoteIdent(aside)}`)
  await tx.unsafe(`alter table ${place} add column ${quoteIdent(name)} ${type}`)
  await comment(tx, { place, name: aside, text })
}

async function comment(
  tx: postgres.TransactionSql,
  { place, name, text }: { place: string; name: string; text: string },
): Promise<void> {
  const on = `comment on column ${place}.${quoteIdent(name)}`
  await tx.unsafe(`${on} is ${quoteLiteral(text)}`)
}

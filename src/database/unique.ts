// Room database: unique indexes for the columns of which the platform itself holds no value twice: ON CONFLICT needs one.

import postgres from 'postgres'
import { quoteIdent, quoteLiteral, quoteName } from '../lib/quote.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { uniqueAbout as about } from './functions.ts'

interface Present {
  readonly schema: string
  readonly index: string
  readonly column: string
  /** Made here. */
  readonly ours: boolean
}

const presentSql = `
  select n.nspname::text as schema, c.relname::text as index, a.attname::text as column,
    obj_description(c.oid, 'pg_class') is not distinct from $2::text as ours
  from pg_index i
  join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where i.indrelid = $1::text::regclass and i.indisunique and i.indisvalid and not i.indisprimary
    and i.indimmediate and i.indnkeyatts = 1 and i.indpred is null`

/**
 * A value that is there twice (the table is out of date), one that is too long for an index, an index that takes too long:
 * then there is none until the sync is set up again, and upserts by the column are refused. Reading goes on.
 */
const harmless: ReadonlySet<string> = new Set(['23505', '54000', '57014'])

/** Makes the indexes that are missing, and drops those made here for what is no longer unique. */
export async function ensureUnique(tx: postgres.TransactionSql, table: SyncedTable): Promise<void> {
  const place = quoteName(table.schema, table.name)
  const wanted = table.columns.filter(({ upsert }) => upsert === 'unique').map(({ name }) => name)
  const rows = await tx.unsafe(presentSql, [place, about])
  const present = rows.map((row) => row as unknown as Present)
  for (const { ours, column, schema, index } of present) {
    if (ours && !wanted.includes(column)) await tx.unsafe(`drop index ${quoteName(schema, index)}`)
  }
  for (const column of wanted) {
    if (!present.some((index) => index.column === column)) await make(tx, place, column)
  }
}

async function make(tx: postgres.TransactionSql, place: string, column: string): Promise<void> {
  try {
    await tx.savepoint(async (nested) => {
      const before = await nested.unsafe(presentSql, [place, about])
      await nested.unsafe(`create unique index on ${place} (${quoteIdent(column)})`)
      const after = await nested.unsafe(presentSql, [place, about])
      const made = after.find(({ index }) => !before.some((known) => known['index'] === index))
      if (made === undefined) throw new Error(`Cannot find the index on ${place} (${column})`)
      const name = quoteName(String(made['schema']), String(made['index']))
      await nested.unsafe(`comment on index ${name} is ${quoteLiteral(about)}`)
    })
  } catch (error) {
    if (!(error instanceof postgres.PostgresError) || !harmless.has(error.code)) throw error
  }
}

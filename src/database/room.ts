// Room database: room for rows whose keys other rows still have. Of what the platform holds once, whoever has it now is
// written: a sync page never fails for a row that is out of date.

import type postgres from 'postgres'
import { quoteName } from '../lib/quote.ts'
import type { Values } from '../mutation/mutation.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { uniqueAbout } from './functions.ts'
import { encodeRows } from './rows.ts'
import { makeRoomSql } from './statements.ts'

// none where an older Sluice has set up the database
const keysSql = `
  select a.attname::text as name from pg_catalog.pg_index i
  join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) i.indrelid
    and a.attnum operator(pg_catalog.=) i.indkey[0]
  where i.indrelid operator(pg_catalog.=) $1::text::regclass and i.indisunique
    and i.indnkeyatts operator(pg_catalog.=) 1 and not i.indisprimary and (a.attname operator(pg_catalog.=) $2::text
      or pg_catalog.obj_description(i.indexrelid, 'pg_class') operator(pg_catalog.=) $3::text)
    and pg_catalog.to_regprocedure('sluice.make_room(uuid, regclass, jsonb, text)') is not null`

/** The columns of which the platform holds no value twice: those of our own unique indexes, and that of an upsert. */
export async function keysOf(
  tx: {
    unsafe(
      text: string,
      parameters: (string | null)[],
    ): PromiseLike<readonly Readonly<Record<string, unknown>>[]>
  },
  table: SyncedTable,
  upsertBy?: string,
): Promise<string[]> {
  const place = quoteName(table.schema, table.name)
  const rows = await tx.unsafe(keysSql, [place, upsertBy ?? null, uniqueAbout])
  return rows.map((row) => String(row['name']))
}

/** Rows to be written, and the columns of which each holds no value twice. */
export interface Keyed {
  readonly table: SyncedTable
  readonly keys: readonly string[]
  readonly rows: readonly { readonly id: string; readonly values: Values | null }[]
  readonly mutation: string
  readonly upsertBy: string | undefined
}

/** Takes the keys of these rows away from other rows. Inside mode `sync` of the mutation. */
export async function makeRoom(
  tx: postgres.TransactionSql,
  { table, keys, rows, mutation, upsertBy }: Keyed,
): Promise<void> {
  const keyed = rows.map(({ id, values }) => ({
    id,
    values: Object.fromEntries(
      keys.flatMap((key) => typeof values?.[key] === 'string' ? [[key, values[key]]] : []),
    ),
  }))
  const place = quoteName(table.schema, table.name)
  await tx.unsafe(makeRoomSql, [mutation, place, encodeRows(table, keyed), upsertBy ?? null])
}

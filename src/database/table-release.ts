// Room database: the end of synced tables: they become plain tables again, with all their rows, or go.

import type postgres from 'postgres'
import { quoteIdent, quoteLiteral, quoteName } from '../lib/quote.ts'
import { uniqueAbout } from './functions.ts'
import { inDdlTransaction } from './ddl.ts'
import { triggerNames } from './triggers.ts'

export interface Release {
  readonly syncId: string
  readonly schema: string
  /** Names of its tables; those that are not the sync's are left alone. Null: all that it has. */
  readonly names: readonly string[] | null
  /** keep: a plain table with all its rows. remove: dropped; what a person has made on it stands against that (2BP01). */
  readonly tables: 'keep' | 'remove'
  /** Loses its rights on tables that are kept. */
  readonly role: string
  /** `2026-11-26`, for the comment of tables that are kept. */
  readonly today: string
}

/**
 * Lets go of tables of the sync, all of them or none, and gives the names of those that it had. Needs to be their owner.
 * With all that it has go the triggers of those that somebody has renamed: they are kept, as plain tables.
 * Where the schema is empty then, and they were removed, it goes too. Errors: 55P03, and 2BP01 when views or foreign keys
 * stand on a table that is to be removed; nothing was changed then.
 */
export async function releaseTables(sql: postgres.Sql, release: Release): Promise<string[]> {
  const { syncId, schema, names, tables } = release
  return await inDdlTransaction(sql, async (tx) => {
    const rows = await tx.unsafe(ownSql, [
      syncId,
      schema,
      names === null ? null : JSON.stringify(names),
    ])
    const found = rows.map((row) => String(row['name']))
    for (const row of rows) {
      const name = String(row['name'])
      if (row['there'] !== true) continue
      if (tables === 'remove') await tx.unsafe(`drop table ${quoteName(schema, name)} restrict`)
      else await free(tx, { ...release, name })
    }
    await tx.unsafe(
      `delete from sluice.synced where sync_id = $1::text and schema_name = $2::text
        and table_name in (select json_array_elements_text($3::text::json))`,
      [syncId, schema, JSON.stringify(found)],
    )
    const renamed = names === null ? await renamedOf(tx, release) : []
    for (const name of renamed) await free(tx, { ...release, name })
    if (tables === 'remove' && found.length > 0) await dropEmpty(tx, schema)
    return tables === 'keep' ? [...found, ...renamed] : found
  })
}

const ownSql = `
  select s.table_name as name, exists (
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = s.schema_name and c.relname = s.table_name and c.relkind = 'r'
  ) as there
  from sluice.synced s where s.sync_id = $1::text and s.schema_name = $2::text
    and ($3::text is null or s.table_name in (select json_array_elements_text($3::text::json)))
  order by 1`

// What was renamed has its comment still.
const renamedSql = `
  select c.relname::text as name from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $2::text and c.relkind = 'r' and pg_has_role(c.relowner, 'usage')
    and obj_description(c.oid, 'pg_class') like '% object %'
    and position(concat(', sync ', $1::text, '.') in obj_description(c.oid, 'pg_class')) > 0
    and exists (
      select from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
      where t.tgrelid = c.oid and p.pronamespace = 'sluice'::regnamespace
    )
    and not exists (
      select from sluice.synced s where s.schema_name = n.nspname and s.table_name = c.relname
    )
  order by 1`

/** Tables of the sync's schema that have its comment and our triggers, and that are no sync's any more. */
async function renamedOf(
  tx: postgres.TransactionSql,
  { syncId, schema }: Release,
): Promise<string[]> {
  const rows = await tx.unsafe(renamedSql, [syncId, schema])
  return rows.map((row) => String(row['name']))
}

async function free(
  tx: postgres.TransactionSql,
  { schema, name, role, syncId, today }: Release & { name: string },
): Promise<void> {
  const place = quoteName(schema, name)
  for (const trigger of Object.values(triggerNames)) {
    await tx.unsafe(`drop trigger if exists ${quoteIdent(trigger)} on ${place}`)
  }
  const indexes = await tx.unsafe(
    `select n.nspname::text as schema, c.relname::text as name from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where i.indrelid = $1::text::regclass and obj_description(c.oid, 'pg_class') = $2::text`,
    [place, uniqueAbout],
  )
  for (const index of indexes) {
    await tx.unsafe(`drop index ${quoteName(String(index['schema']), String(index['name']))}`)
  }
  await tx.unsafe(`revoke insert, update, delete on ${place} from ${quoteIdent(role)}`)
  await plainComments(tx, place)
  const about = `was a table of ${syncId} until ${today}; a plain table since`
  await tx.unsafe(`comment on table ${place} is ${quoteLiteral(about)}`)
}

/** Of a column of a plain table it is not true any more what Sluice says of writing it; the platform's name stays. */
async function plainComments(tx: postgres.TransactionSql, place: string): Promise<void> {
  const rows = await tx.unsafe(
    `select a.attname::text as name, d.about from pg_catalog.pg_attribute a,
      lateral (select col_description(a.attrelid, a.attnum) as about) d
    where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped and d.about ~ $2::text`,
    [place, marks],
  )
  for (const row of rows) {
    const column = `${place}.${quoteIdent(String(row['name']))}`
    const about = String(row['about']).replace(new RegExp(marks), '')
    await tx.unsafe(`comment on column ${column} is ${quoteLiteral(about)}`)
  }
}

/** As `columnComment` ends. */
const marks = ' \\((read-only|insert only|update only|required|(insert|update) only, required)\\)$'

async function dropEmpty(tx: postgres.TransactionSql, schema: string): Promise<void> {
  const [row] = await tx.unsafe(
    `select exists (select from pg_catalog.pg_depend d join pg_catalog.pg_namespace n on n.oid = d.refobjid
      where d.refclassid = 'pg_catalog.pg_namespace'::regclass and n.nspname = $1::text and d.deptype = 'n'
    ) as used, pg_has_role(n.nspowner, 'usage') as ours
    from pg_catalog.pg_namespace n where n.nspname = $1::text and n.nspname <> 'public'`,
    [schema],
  )
  if (row?.['used'] === false && row['ours'] === true) {
    await tx.unsafe(`drop schema ${quoteIdent(schema)} restrict`)
  }
}

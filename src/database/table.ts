// Room database: makes a synced table what it should be. Adds what is missing, never drops, never touches what a person
// added; a table that is in order is not locked.

import type postgres from 'postgres'
import { quoteIdent, quoteLiteral, quoteName } from '../lib/quote.ts'
import { type Column, idColumn, type SyncedTable } from '../mutation/table.ts'
import { saveTable } from './catalog.ts'
import { columnComment, tableComment } from './comments.ts'
import { inDdlTransaction } from './ddl.ts'
import { triggerNames } from './triggers.ts'
import { ensureUnique } from './unique.ts'

/** What there is of a table, as the catalogue tells it. */
interface Present {
  readonly kind: string
  readonly comment: string | null
  readonly columns: ReadonlyMap<string, { comment: string | null }>
  readonly primaryKey: readonly string[]
  readonly children: number
  readonly triggers: ReadonlyMap<string, Trigger>
  /** Roles, quoted, that may make triggers: theirs could change a row after ours. */
  readonly triggerGrantees: readonly string[]
}

interface Trigger {
  readonly enabled: string
  readonly definition: string
  /** Fires before each row, and so could change what ours has written. */
  readonly beforeRow: boolean
}

/** What was missing, or was not as it has to be; null: nothing. */
export type Made =
  /** The table, with all that belongs to it. */
  | { readonly kind: 'table' }
  | { readonly kind: 'parts'; readonly columns: readonly string[]; readonly triggers: boolean }
  | null

/**
 * Makes schema and table if need be, adds missing columns, the primary key `id`, comments (columnComment, tableComment),
 * the triggers, unique indexes for what the platform holds once (unless what is there stands against it), its row of `sluice.tables`, and for `role` the privileges to read and mutate it through Sluice. Takes the
 * TRIGGER privilege from everybody but the owner.
 * Gives what it has made of table, columns and triggers; where that is something, `making` hears of it before the commit, and
 * where it throws nothing is changed. Needs installDatabase first. Errors: the relation is not an ordinary table, has children (their rows would escape the
 * triggers), has another primary key, or a trigger that fires after ours; a column type that is not one; 55P03.
 */
export async function ensureTable(
  sql: postgres.Sql,
  table: SyncedTable,
  { role, making }: { role?: string; making?: (made: Made) => Promise<void> } = {},
): Promise<Made> {
  return await inDdlTransaction(sql, async (tx) => {
    const made = await ensureTableWithin(tx, table, { role })
    if (made !== null) await making?.(made)
    return made
  })
}

/** The same within a transaction of `inDdlTransaction`. */
export async function ensureTableWithin(
  tx: postgres.TransactionSql,
  table: SyncedTable,
  { role }: { role?: string | undefined } = {},
): Promise<Made> {
  checkShape(table)
  const before = await present(tx, table)
  if (before === undefined) {
    for (const text of createSql(table)) await tx.unsafe(text)
  } else {
    checkPresent(table, before)
    await run(tx, [...columnsSql(table, before), ...primaryKeySql(table, before)])
  }
  const now = await present(tx, table)
  if (now === undefined) throw new Error(`Cannot make ${place(table)}`)
  const triggers = triggersSql(table, now)
  await run(tx, [...triggers, ...commentsSql(table, now)])
  await ensureUnique(tx, table)
  await run(
    tx,
    now.triggerGrantees.map((name) => `revoke trigger on ${place(table)} from ${name}`),
  )
  if (role !== undefined) await run(tx, grantsSql(table, role))
  await saveTable(tx, table, { made: before === undefined })
  if (before === undefined) return { kind: 'table' }
  const columns = missingOf(table, before).map(({ name }) => name)
  if (columns.length === 0 && triggers.length === 0) return null
  return { kind: 'parts', columns, triggers: triggers.length > 0 }
}

/** Why the relation of that name cannot become the table, as `ensureTable` would say it; null: it can, or there is none. */
export async function tableFlaw(sql: postgres.Sql, table: SyncedTable): Promise<string | null> {
  const before = await present(sql, table)
  if (before === undefined) return null
  try {
    checkPresent(table, before)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function run(tx: postgres.TransactionSql, texts: readonly string[]): Promise<void> {
  for (const text of texts) await tx.unsafe(text)
}

const typePattern =
  /^[a-z][a-z0-9_]*( [a-z]+)*( ?\(\d{1,5}(, ?\d{1,5})?\))?( with(out)? time zone)?(\[\])?$/

function checkShape(table: SyncedTable): void {
  if (table.columns[0]?.name !== idColumn) {
    throw new RangeError(`Cannot make ${place(table)}: the first column is not "id"`)
  }
  const odd = table.columns.find(({ type }) => !typePattern.test(type))
  if (odd === undefined) return
  throw new RangeError(`Cannot make ${place(table)}: "${odd.type}" is not a column type`)
}

function checkPresent(table: SyncedTable, { kind, children, primaryKey, triggers }: Present): void {
  const refuse = (why: string) => new Error(`Cannot sync into ${place(table)}: ${why}`)
  if (kind !== 'r') throw refuse('it is not an ordinary table')
  if (children > 0) throw refuse('other tables inherit from it')
  if (primaryKey.length > 0 && primaryKey.join() !== idColumn) {
    throw refuse('its primary key is not the column "id"')
  }
  for (const [name, { beforeRow }] of triggers) {
    if (beforeRow && Buffer.compare(Buffer.from(name), Buffer.from(triggerNames.before)) > 0) {
      throw refuse(`its trigger "${name}" would fire after "${triggerNames.before}"; rename it`)
    }
  }
}

function place(table: SyncedTable): string {
  return quoteName(table.schema, table.name)
}

async function present(
  tx: postgres.Sql | postgres.TransactionSql,
  table: SyncedTable,
): Promise<Present | undefined> {
  const [relation] = await tx.unsafe(relationSql, [table.schema, table.name])
  if (relation === undefined) return undefined
  const columns = await tx.unsafe(presentColumnsSql, [relation['oid']])
  const triggers = await tx.unsafe(presentTriggersSql, [relation['oid']])
  return {
    kind: relation['kind'],
    comment: relation['comment'],
    children: relation['children'],
    primaryKey: relation['key'],
    triggerGrantees: relation['trigger_grantees'],
    columns: new Map(columns.map(({ name, comment }) => [name, { comment }])),
    triggers: new Map(triggers.map((row) => [row['name'], row as unknown as Trigger])),
  }
}

const relationSql = `
  select c.oid::text as oid, c.relkind::text as kind, pg_catalog.obj_description(c.oid, 'pg_class') as comment,
    (select pg_catalog.count(*)::int from pg_catalog.pg_inherits i where i.inhparent = c.oid) as children,
    pg_catalog.to_json(array(
      select a.attname::text from pg_catalog.pg_index i join pg_catalog.pg_attribute a
        on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
      where i.indrelid = c.oid and i.indisprimary
    )) as key,
    pg_catalog.to_json(array(
      select distinct case when a.grantee operator(pg_catalog.=) 0 then 'public'
        else a.grantee::regrole::text end
      from pg_catalog.aclexplode(c.relacl) a where a.privilege_type = 'TRIGGER' and a.grantee <> c.relowner
    )) as trigger_grantees
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1::text and c.relname = $2::text`

const presentColumnsSql = `
  select a.attname::text as name, pg_catalog.col_description(a.attrelid, a.attnum) as comment
  from pg_catalog.pg_attribute a
  where a.attrelid = $1::text::oid and a.attnum > 0 and not a.attisdropped`

// tgtype: 1 is FOR EACH ROW, 2 is BEFORE
const presentTriggersSql = `
  select t.tgname::text as name, t.tgenabled::text as enabled, pg_catalog.pg_get_triggerdef(t.oid) as definition,
    (t.tgtype operator(pg_catalog.&) 3::int2) operator(pg_catalog.=) 3 as "beforeRow"
  from pg_catalog.pg_trigger t
  where t.tgrelid = $1::text::oid and not t.tgisinternal`

function createSql(table: SyncedTable): string[] {
  const columns = table.columns.map((column) =>
    `${columnSql(column)}${column.name === idColumn ? ' primary key' : ''}`
  )
  return [
    `create schema if not exists ${quoteIdent(table.schema)}`,
    `create table ${place(table)} (${columns.join(', ')})`,
  ]
}

function columnSql({ name, type }: Column): string {
  return `${quoteIdent(name)} ${type}`
}

function missingOf(table: SyncedTable, { columns }: Present): readonly Column[] {
  return table.columns.filter(({ name }) => !columns.has(name))
}

function columnsSql(table: SyncedTable, before: Present): string[] {
  return missingOf(table, before)
    .map((column) => `alter table ${place(table)} add column ${columnSql(column)}`)
}

function primaryKeySql(table: SyncedTable, { primaryKey }: Present): string[] {
  if (primaryKey.length > 0) return []
  return [`alter table ${place(table)} add primary key (${quoteIdent(idColumn)})`]
}

function triggersSql(table: SyncedTable, { triggers }: Present): string[] {
  const run = 'for each statement execute function'
  const report = `${run} sluice.after_statement()`
  const [inserted, deleted] = ['new table as sluice_new', 'old table as sluice_old']
  const texts: [name: string, when: string, referencing: string, run: string][] = [
    [
      triggerNames.before,
      'before insert or update or delete',
      '',
      'for each row execute function sluice.before_row()',
    ],
    [triggerNames.afterInsert, 'after insert', `referencing ${inserted}`, report],
    [triggerNames.afterUpdate, 'after update', `referencing ${deleted} ${inserted}`, report],
    [triggerNames.afterDelete, 'after delete', `referencing ${deleted}`, report],
    [triggerNames.truncate, 'before truncate', '', `${run} sluice.before_truncate()`],
  ]
  return texts.flatMap(([name, when, referencing, run]) => {
    const trigger = triggers.get(name)
    const what = `${referencing} ${run}`.trim()
    if (trigger?.enabled === 'A' && trigger.definition.toLowerCase().endsWith(what)) return []
    return [
      `create or replace trigger ${quoteIdent(name)} ${when} on ${place(table)} ${what}`,
      `alter table ${place(table)} enable always trigger ${quoteIdent(name)}`,
    ]
  })
}

function commentsSql(table: SyncedTable, { comment, columns }: Present): string[] {
  const about = tableComment(table)
  const onTable = comment === about ? [] : [
    `comment on table ${place(table)} is ${quoteLiteral(about)}`,
  ]
  const onColumns = table.columns
    .map((column) => ({ name: column.name, about: columnComment(column) }))
    .filter(({ name, about }) => columns.get(name)?.comment !== about)
    .map(({ name, about }) =>
      `comment on column ${place(table)}.${quoteIdent(name)} is ${quoteLiteral(about)}`
    )
  return [...onTable, ...onColumns]
}

function grantsSql(table: SyncedTable, role: string): string[] {
  return [
    `grant usage on schema ${quoteIdent(table.schema)} to ${quoteIdent(role)}`,
    `grant select, insert, update, delete on ${place(table)} to ${quoteIdent(role)}`,
  ]
}

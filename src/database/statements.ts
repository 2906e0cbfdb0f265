// Room database: the control statements, as the engine sends them. Every parameter is text, whatever the function takes,
// and every name and type is qualified: they run in the client's own session, whose search_path may hold anything.

import { quoteLiteral } from '../lib/quote.ts'
import { uniqueAbout } from './functions.ts'
import { triggerNames } from './triggers.ts'

/**
 * Opens a mode for the rest of the transaction (or until ROLLBACK TO a savepoint set before): `lock`, `plan`, `apply`
 * or `sync`. Parameters: mode, mutation id, ticketMac, most rows to report, and for `apply` encodeTicketRows (else null).
 * Errors: 42501 the mac is wrong; `alreadyAppliedState`; 22023 a parameter is missing or unknown; 42P01 no such table.
 * Fields of its errors must not reach a client: CONTEXT may hold the parameters.
 */
export const openSql =
  'select sluice.open($1::pg_catalog.text, $2::pg_catalog.text::pg_catalog.uuid, $3::pg_catalog.text,' +
  ' $4::pg_catalog.text::pg_catalog.int4, $5::pg_catalog.text::pg_catalog.jsonb)'

/** What the triggers that see rows are called. */
const guardNames = Object.values(triggerNames).filter((name) => name !== triggerNames.truncate)

/**
 * An expression that fails with `unguardedState` where the table lacks one of the triggers without which a mutation is not
 * seen, or not applied. Parameters: quoteIdent of its schema, quoteName; null where there is no such table, or the role may not look
 * into its schema, of which Postgres itself has to say so. It is in every plan: a join would take twice as long. Without
 * the inner `select` the planner would look the table up, whatever the role may.
 */
export const guardedSql = `case
  when pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace($1::pg_catalog.text)::pg_catalog.oid, 'usage')
  then case when pg_catalog.to_regclass($2::pg_catalog.text) is not null then 1::pg_catalog.int4 operator(pg_catalog./) (
    case when (
      select pg_catalog.count(*)::pg_catalog.int4 from pg_catalog.pg_trigger t
      where t.tgrelid operator(pg_catalog.=) (select pg_catalog.to_regclass($2::pg_catalog.text)::pg_catalog.oid)
        and t.tgenabled operator(pg_catalog.=) 'A'
        and t.tgname operator(pg_catalog.=) any (array[${
  guardNames.map(quoteLiteral).join(', ')
}]::pg_catalog.name[])
    ) operator(pg_catalog.=) ${guardNames.length} then 1 else 0 end
  ) end
end`

/** A division by zero: no function of ours could be asked without another version of schema sluice. */
export const unguardedState = '22012'

/** What a door of ours is given that is no synced table: a trigger was taken away, or is not ALWAYS. */
export const notSyncedState = '42809'

/**
 * Takes the row locks of an UPDATE or DELETE, in mode `lock`. Parameters: quoteName of the table, encodeIds, mutation id.
 * One row, one int4: how many of the rows there are. Errors: 40001 a row was changed since the transaction's snapshot
 * (start again, nothing was sent); 42501 not in mode `lock` of this mutation; 42809 not a synced table.
 */
export const lockSql =
  'select sluice.lock($1::pg_catalog.text::pg_catalog.regclass, $2::pg_catalog.text::pg_catalog.text[],' +
  ' $3::pg_catalog.text::pg_catalog.uuid)'

/**
 * Makes upserts of the same keys wait for one another, in mode `lock`. Parameters: quoteName of the table, column, the keys
 * as encodeIds writes them, mutation id. Errors: 40001 another one was under way (start again, nothing was sent); else as
 * `lockSql`; 42883 the database was set up by an older Sluice.
 */
export const lockKeysSql =
  'select sluice.lock_keys($1::pg_catalog.text::pg_catalog.regclass, $2::pg_catalog.text,' +
  ' $3::pg_catalog.text::pg_catalog.text[], $4::pg_catalog.text::pg_catalog.uuid)'

/**
 * Takes keys away from rows that still have them, inside `sync` mode, before rows with these keys are written. Parameters:
 * mutation id, quoteName, the rows as a JSON array, the column of an upsert or null.
 */
export const makeRoomSql = 'select sluice.make_room($1::pg_catalog.text::pg_catalog.uuid,' +
  ' $2::pg_catalog.text::pg_catalog.regclass, $3::pg_catalog.text::pg_catalog.jsonb, $4::pg_catalog.text)'

/** How many rows a plan was to insert, those among them that an upsert updated: one row, one int4. After `plannedSql`. */
export const proposedSql = `select pg_catalog.current_setting('sluice.ordinal')::pg_catalog.int4`

/**
 * Ends an apply: applies by id what the statement missed, notes the mutation for sluice.mutations, ends the mode.
 * Parameters: mutation id, sync id, quoteName of the table, operation, number of rows the platform accepted.
 * One row, one int4: how many rows the statement had missed. Without it a transaction that opened `apply` cannot commit.
 * Errors: 42501 not in mode `apply` of this mutation; `alreadyAppliedState`.
 */
export const closeSql =
  'select sluice.close($1::pg_catalog.text::pg_catalog.uuid, $2::pg_catalog.text,' +
  ' $3::pg_catalog.text::pg_catalog.regclass, $4::pg_catalog.text, $5::pg_catalog.text::pg_catalog.int4)'

/**
 * Ends a plan, before the ROLLBACK TO that forgets it. Checks deferred constraints, so that none fails at COMMIT after
 * the platform has accepted (their errors are the statement's). One row, one int4: how many rows the plan changed. It
 * must be the number of reports, unless it is more than rows_max + 1: otherwise a function of the client's forged either.
 */
export const plannedSql = 'select sluice.planned()'

/**
 * Notes a mutation inside `sync` mode. Parameters as `closeSql`. One row, one bool: false when it was noted before.
 */
export const recordSql =
  'select sluice.record($1::pg_catalog.text::pg_catalog.uuid, $2::pg_catalog.text,' +
  ' $3::pg_catalog.text::pg_catalog.regclass, $4::pg_catalog.text, $5::pg_catalog.text::pg_catalog.int4)'

/** Says that a table was filled with all that the platform has; inside `sync` mode. Parameters: mutation id, quoteName. */
export const filledSql = 'select sluice.filled($1::pg_catalog.text::pg_catalog.uuid,' +
  ' $2::pg_catalog.text::pg_catalog.regclass)'

const place = (mutation: string, name: string) =>
  `select sluice.${name}($1::pg_catalog.text::pg_catalog.uuid, $2::pg_catalog.text::pg_catalog.regclass${mutation})`

/**
 * Takes the table for a process of the sync, or checks that it has it still; until the transaction ends nobody else can.
 * Inside `sync` mode, as the next ones. Parameters: mutation id, quoteName, fence. One row, one int8: the fence that it had,
 * or null. Errors: `fencedState`; 42809 not in a sync.
 */
export const fenceSql = place(', $3::pg_catalog.text::pg_catalog.int8', 'fence')

/** Notes ids that a pass has brought. Parameters: mutation id, quoteName, encodeIds. */
export const seeSql = place(', $3::pg_catalog.text::pg_catalog.text[]', 'see')

/** Forgets some of what the pass has seen. Parameters: mutation id, quoteName. One row, one bool: was that all? */
export const forgetSql = place('', 'forget')

/** What `sluice.tables` shows of a table. Parameters: mutation id, quoteName, a JSON object of columns of sluice.synced. */
export const showSql = place(', $3::pg_catalog.text::pg_catalog.jsonb', 'show')

/**
 * The column of a unique index that was made here, because the platform holds no value of it twice. Parameters: schema and
 * name of the index. One row, one text; none where the index is somebody else's.
 */
export const ourIndexSql = `
  select a.attname::pg_catalog.text
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
  join pg_catalog.pg_index i on i.indexrelid operator(pg_catalog.=) c.oid
  join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) i.indrelid
    and a.attnum operator(pg_catalog.=) i.indkey[0]
  where n.nspname operator(pg_catalog.=) $1::pg_catalog.text and c.relname operator(pg_catalog.=) $2::pg_catalog.text
    and pg_catalog.obj_description(c.oid, 'pg_class') operator(pg_catalog.=) ${
  quoteLiteral(uniqueAbout)
}`

/** SQLSTATE of the notices (severity INFO) that report a planned row; their DETAIL is for `parsePlanDetail`. */
export const planReportState = 'SLPLN'

/** SQLSTATE of an unannounced write: `outside_proxy` in the catalogue. */
export const outsideProxyState = 'SL002'

/** SQLSTATE of `openSql` and `closeSql` when the mutation is in the database already. Never shown to a client. */
export const alreadyAppliedState = 'SLDUP'

/** SQLSTATE of COMMIT when a plan was not rolled back or an apply was not closed. A fault of ours. */
export const unfinishedState = 'SLOPN'

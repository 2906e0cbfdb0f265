// Room sync: how many rows the tables of a sync have, for people: counted where that is quick, else as Postgres estimates.

import { quoteName } from '../lib/quote.ts'
import { readDatabase } from '../store/databases.ts'
import { readSync } from '../store/syncs.ts'
import { type AdminDeps, asFault, onDatabase } from './setup-request.ts'

export interface TableRows {
  readonly name: string
  /** Null: nobody can say. */
  readonly rows: number | null
  /** Else it is an estimate. */
  readonly exact: boolean
}

/** A table with more rows is not counted. */
const countMax = 20_000
/** So many tables are counted at most. */
const tablesMax = 100
/** All of it may take so long, in milliseconds. */
const waitMs = 5_000

interface Estimate {
  readonly name: string
  readonly estimate: number
}

/** In the order of the sync's tables. Throws `not_found`, `database_unreachable`, what the database says. */
export async function countRows(deps: AdminDeps, syncId: string): Promise<readonly TableRows[]> {
  const sync = await readSync(deps.store, syncId)
  const { address, owner } = await readDatabase(deps.store, sync.databaseId)
  try {
    return await onDatabase(deps, owner ?? address, async (sql) => {
      await sql.unsafe(`set statement_timeout = ${waitMs}`)
      const estimates = await sql<Estimate[]>`
        select c.relname as name,
          greatest(c.reltuples, pg_catalog.pg_stat_get_live_tuples(c.oid))::float8 as estimate
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = ${sync.schema} and c.relkind in ('r', 'p')`
      const known = new Map(estimates.map(({ name, estimate }) => [name, estimate]))
      const small = sync.tables.filter(({ name }) => (known.get(name) ?? Infinity) < countMax)
        .slice(0, tablesMax)
      const counts = new Map<string, number>()
      if (small.length > 0) {
        const parts = small.map(({ schema, name }, index) =>
          `select ${index} as index, pg_catalog.count(*)::int as rows from (select from ${
            quoteName(schema, name)
          } limit ${countMax + 1}) t`
        )
        for (const row of await sql.unsafe(parts.join(' union all '))) {
          const { index, rows } = row as unknown as { index: number; rows: number }
          counts.set(small[index]?.name ?? '', rows)
        }
      }
      return sync.tables.map(({ name }) => rowsOf(name, counts.get(name), known.get(name)))
    })
  } catch (error) {
    throw asFault(error)
  }
}

function rowsOf(
  name: string,
  counted: number | undefined,
  estimate: number | undefined,
): TableRows {
  if (counted !== undefined && counted <= countMax) return { name, rows: counted, exact: true }
  const rows = counted ?? (estimate === undefined || estimate < 0 ? null : Math.round(estimate))
  return { name, rows, exact: false }
}

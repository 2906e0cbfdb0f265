// Room session: views that stand for a synced table: whoever writes to one writes to the table, says Postgres, and so the
// statement is a mutation. A view that is not known here is no hole: the table's triggers refuse the statement.
// https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS

import { Buffer } from 'node:buffer'
import { DatabaseError } from '../engine/conduit.ts'
import { quoteName } from '../lib/quote.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { createNameFilter } from '../sql/index.ts'
import { queryLink } from './conduit.ts'
import type { Link } from './link.ts'

/** What was read is believed for so long, in milliseconds; a session that makes a view looks again at once. */
const freshMs = 10_000
/** While one session reads it anew, the others do not. */
const loadingMs = 2_000

// `base`: the one relation in the FROM of an updatable view, from the tree of its rule, in which there is nothing else but,
// before Postgres 16, the view itself. Found by dependency, so the cost is that of the views over synced tables alone.
const viewsSql = `
with recursive above(oid) as (
  select c.oid from pg_catalog.json_array_elements_text($1::json) n
    join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(n)
  union
  select r.ev_class from above a
    join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = a.oid
      and d.classid = 'pg_catalog.pg_rewrite'::regclass
    join pg_catalog.pg_rewrite r on r.oid = d.objid and r.ev_type = '1'
)
select n.nspname || '.' || v.relname, v.relname, bn.nspname || '.' || bc.relname
from above a
join pg_catalog.pg_class v on v.oid = a.oid and v.relkind = 'v'
join pg_catalog.pg_namespace n on n.oid = v.relnamespace
join pg_catalog.pg_rewrite r on r.ev_class = v.oid and r.ev_type = '1'
cross join lateral (
  select pg_catalog.min(m[1]) as base, pg_catalog.count(distinct m[1]) as bases
  from pg_catalog.regexp_matches(
    pg_catalog.substring(r.ev_action::text, ':rtable .*? :jointree'), ':relid ([0-9]+)', 'g'
  ) m where m[1] <> v.oid::text
) b
join pg_catalog.pg_class bc on bc.oid = b.base::oid
join pg_catalog.pg_namespace bn on bn.oid = bc.relnamespace
where b.bases = 1 and pg_catalog.pg_relation_is_updatable(v.oid, false) <> 0`

export class Views {
  readonly #tables: ReadonlyMap<string, SyncedTable>
  #found: ReadonlyMap<string, SyncedTable> = new Map()
  #mentions: (text: string) => boolean = () => false
  #until = 0
  #loaded = false

  /** Of a database with these synced tables by tableKey; for all sessions with it. */
  constructor(tables: ReadonlyMap<string, SyncedTable>) {
    this.#tables = tables
  }

  /** The synced table behind each view, by `schema.name` of the view. */
  get tables(): ReadonlyMap<string, SyncedTable> {
    return this.#found
  }

  get known(): boolean {
    return performance.now() < this.#until
  }

  /** Does the text, as Latin-1, name one of the views? */
  mentions(text: string): boolean {
    return this.#mentions(text)
  }

  /** Asks Postgres, on a link that is quiet and not in a failed transaction. Throws as queryLink. */
  async load(link: Link): Promise<void> {
    // who comes meanwhile goes on with what was read before
    if (this.#loaded) this.#until = performance.now() + loadingMs
    try {
      await this.#read(link)
      this.#until = performance.now() + freshMs
    } catch (error) {
      const denied = error instanceof DatabaseError && error.sqlstate === '42501'
      this.#until = denied ? Infinity : 0 // what may not be read now may not be read again
      throw error
    }
    this.#loaded = true
  }

  async #read(link: Link): Promise<void> {
    const names = [...this.#tables.values()].map(({ schema, name }) => quoteName(schema, name))
    const rows = await queryLink(link, viewsSql, [JSON.stringify(names)])
    const bases = new Map(rows.map(([view, , base]) => [view ?? '', base ?? '']))
    const found = new Map<string, SyncedTable>()
    const mentioned: string[] = []
    for (const [view, name] of rows) {
      const table = this.#behind(view ?? '', bases)
      if (table === undefined || view === null || view === undefined) continue
      found.set(view, table)
      mentioned.push(Buffer.from(name ?? '').toString('latin1'))
    }
    this.#found = found
    this.#mentions = createNameFilter(mentioned)
  }

  /** The synced table behind the view, through views over views. */
  #behind(view: string, bases: ReadonlyMap<string, string>): SyncedTable | undefined {
    let at = view
    for (let steps = 0; steps <= bases.size; steps++) {
      const base = bases.get(at)
      if (base === undefined) return undefined
      const table = this.#tables.get(base)
      if (table !== undefined) return table
      at = base
    }
    return undefined
  }
}

/** A statement that makes, changes or drops a view has the word in it. */
const definesView = /\bview\b/i

/** The views as one session knows them: it may have made one that the others have not seen. */
export class SessionViews {
  readonly #views: () => Views
  #doubted = false

  /** `views`: those of the configuration in use. */
  constructor(views: () => Views) {
    this.#views = views
  }

  get tables(): ReadonlyMap<string, SyncedTable> {
    return this.#views().tables
  }

  get known(): boolean {
    return !this.#doubted && this.#views().known
  }

  mentions(text: string): boolean {
    return this.#views().mentions(text)
  }

  /** Looks at a text that the client sends. */
  note(text: string): void {
    if (definesView.test(text)) this.#doubted = true
  }

  /**
   * Asks Postgres; call it when the link is quiet, so that what was noted has run. Throws ConnectionLost, and what Postgres
   * says where that has failed the client's transaction; elsewhere there are no views then.
   */
  async load(link: Link): Promise<void> {
    this.#doubted = false
    try {
      await this.#views().load(link)
    } catch (error) {
      const harmless = link.status === 'I' && link.tracker.tail === 0
      if (!(error instanceof DatabaseError) || !harmless) throw error
    }
  }
}

// Room sync: the language between what reads at the platform and what writes into a synced table.

import type { Values } from '../mutation/mutation.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Page, Ref } from '../platforms/platform.ts'

/** A moment before a read at the platform: what has been written since is newer than what the read brings. */
export interface Mark {
  /** The customer's database then: which transactions were over, as text that the writer alone reads. */
  readonly xid: string
  /** The store's clock then, as text. */
  readonly at: string
}

/** What a read at the platform brought, to be written in one transaction. */
export interface Batch {
  /** Taken before the read. */
  readonly mark: Mark
  readonly rows: Page['rows']
  /** Ids of records that surely are no longer there. */
  readonly gone: readonly string[]
  /** The pass that the rows are a page of: they count as seen. */
  readonly pass?: Pass
  /** Records that the platform had already at these moments; milliseconds since 1970 by the store's clock. */
  readonly known?: ReadonlyMap<string, number>
}

/** Why a record was not written now: it is to be read again. */
export type Later =
  /** Something newer than the read is in the table, or has been deleted. */
  | 'newer'
  /** A mutation under way holds the row. */
  | 'held'
  /** A mutation that is not applied yet may have made it. */
  | 'inserting'
  /** The table refuses it: a constraint, an index or a trigger that somebody has made. See sparing.ts. */
  | 'refused'

export interface Written {
  /** Rows that were not as given before. */
  readonly changed: number
  readonly removed: number
  /** Records that were not written, each once. */
  readonly later: readonly { readonly ref: Ref; readonly why: Later }[]
}

/** One listing of all records of a table. Plain data: it is kept in the store and goes on in another process. */
export interface Pass {
  /** As `Mark.xid`, at its begin. */
  readonly xid: string
  /** Were there rows in the table at its begin? Only then can there be some that the platform has no longer. */
  readonly before: boolean
}

/** What `sluice.tables` shows of a table; what is absent stays. */
export interface Shown {
  readonly phase?: 'waiting' | 'backfill' | 'following' | 'failed' | 'paused'
  /** Rows of the pass under way, and how many there will be, about. */
  readonly rowsDone?: number | null
  readonly rowsTotal?: number | null
  /** A pass has ended: the table has all that the platform has. */
  readonly filled?: true
  /** All that happened at the platform before this moment is in the table; milliseconds since 1970. */
  readonly freshAt?: number
  /** Of the rows compared with the platform lately, this share was equal; 0 to 1. */
  readonly agreement?: number
  /** What is wrong, in words; null: nothing. Holds no value of any row. */
  readonly problem?: string | null
}

/** Writes one table, alone: until another has taken it with a greater fence. */
export interface TableWriter {
  readonly table: SyncedTable
  /** The fence that the table had when this writer took it; null: none. */
  readonly found: string | null
  /**
   * Throws Postgres's errors, `service_unreachable` (the store). It may be taken while a batch is being written; what that
   * batch writes is newer then.
   */
  mark(): Promise<Mark>
  /** Begins a pass. */
  begin(): Promise<Pass>
  /**
   * Writes a batch in one transaction, beside mutations and never over what is newer; by COPY into a temporary table. One
   * batch at a time: they are to be given in the order in which they were read. A row that has lost a key to another one
   * (the platform holds no value of it twice) counts as not written. Throws Postgres's errors, Fenced,
   * `service_unreachable`; nothing was written then, unless the connection was lost at the very end.
   */
  write(batch: Batch): Promise<Written>
  /**
   * Rows that were in the table before the pass began, have not changed since, and that no page of it had: at most
   * `rowsMax`, with ids after `after` (null: from the first on), in the order of ids. They are to be read by id.
   */
  unseen(
    pass: Pass,
    options: { readonly after: string | null; readonly rowsMax: number },
  ): Promise<readonly Ref[]>
  /**
   * Notes ids that a cheaper listing than of whole rows has brought. Gives those that the table has no row of: the engine
   * reads them by id.
   */
  see(pass: Pass, ids: readonly string[]): Promise<readonly string[]>
  /** Forgets some of what the pass has seen. Gives whether that was all: false, call it again. `begin` forgets what is left. */
  end(pass: Pass): Promise<boolean>
  /** These ids with their key columns as the table has them; ids that it does not have, with none. */
  refs(ids: readonly string[]): Promise<readonly Ref[]>
  /** Rows chosen at random, at most so many, with all their values as text like Values. */
  sample(rowsMax: number): Promise<readonly { readonly ref: Ref; readonly values: Values }[]>
  /** How many rows there are, about (the planner's estimate, or counted where the table is small). */
  estimate(): Promise<number>
  show(shown: Shown): Promise<void>
  /** Lets go. Does not throw. */
  close(): Promise<void>
}

/** Another process has taken the table meanwhile: what this one holds is worth nothing any more. */
export class Fenced extends Error {
  override name = 'Fenced'
}

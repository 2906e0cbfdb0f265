// What a way of writing to a table is: what it needs, what it does, and what must come of it on a synced table.

import type { RawClient } from '../../help/stage.ts'

/** How the table and what lies beside it are called in one run. */
export interface Names {
  /** The table: `salesforce.contacts`, or its plain twin. */
  readonly t: string
  readonly schema: string
  readonly table: string
  /** A schema of the client's own, made for the run and dropped after it. */
  readonly w: string
  /** `t` in Unicode escapes. */
  readonly unicode: string
  /** The client's role. */
  readonly role: string
}

/** One statement, or with parameters one of the extended protocol. */
export type Statement = string | { readonly text: string; readonly values: readonly string[] }

export interface Way {
  readonly name: string
  /** What the client has set up before: succeeds on every table. */
  readonly setup?: readonly string[]
  /** What a superuser has set up before, and how that is taken back. */
  readonly owner?: readonly string[]
  readonly ownerAfter?: readonly string[]
  /** What the client does then, one after the other whatever comes of each. `{t}`, `{schema}`, `{table}`, `{w}` are replaced. */
  readonly steps?: readonly Statement[]
  /** The same in messages of the protocol; gives the SQLSTATEs of what was refused. */
  readonly speak?: (client: RawClient, names: Names) => Promise<string[]>
  /**
   * Through the proxy: `heard`, the platform was asked first and the table is as it says; `refused`, with one of
   * `states`; `either`, as the database's version has it; `nothing`, no error, and nothing has changed.
   */
  readonly through: 'heard' | 'refused' | 'either' | 'nothing'
  /** Straight at Postgres as the same role: refused with one of `states`, unless it is `nothing`. */
  readonly direct?: 'refused' | 'nothing'
  /** SQLSTATEs of refusals: SL002 alone when absent. */
  readonly states?: readonly string[]
  /** Those of the proxy, where it refuses before the database would. */
  readonly throughStates?: readonly string[]
  /** The oldest Postgres that has it. */
  readonly since?: number
  /** What the platform does meanwhile: `sparse` answers the columns only that were sent. */
  readonly platform?: 'sparse'
}

/** The text of a run. */
export function fill(text: string, names: Names): string {
  return text.replaceAll(
    /\{(t|schema|table|w|unicode|role)\}/g,
    (_, name: keyof Names) => names[name],
  )
}

/** A write that every way may end in. */
export const write = `update {t} set last_name = 'evil'`

/** The functions that a client has in its own schema: each writes when it is called. */
export const functionsSql = [
  `create function {w}.f() returns int language plpgsql volatile as $$
    begin ${write}; return 1; end $$`,
  `create function {w}.imm(x int) returns int language plpgsql immutable as $$
    begin perform {w}.f(); return x; end $$`,
  `create function {w}.yes(x int) returns bool language plpgsql immutable as $$
    begin perform {w}.f(); return true; end $$`,
  `create function {w}.trg() returns trigger language plpgsql as $$
    begin ${write}; return coalesce(new, old); end $$`,
  'create table {w}.other (x int primary key, y int)',
  'insert into {w}.other values (1, 1), (2, 2)',
]

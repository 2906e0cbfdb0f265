// Room sql: what the recogniser says about a text.

export type TargetOperation = 'insert' | 'update' | 'delete' | 'merge' | 'copy_from' | 'truncate'

/** One mutation of one table, as the text names it. The table may be a view; schema null: found by search_path. */
export interface Target {
  readonly operation: TargetOperation
  readonly schema: string | null
  /** Folded, unquoted and cut at 63 bytes, as Postgres reads it. */
  readonly name: string
  /** top: the statement itself, also inside PREPARE, EXPLAIN and COPY (…) TO. cte: in a WITH clause. */
  readonly place: 'top' | 'cte'
  /** UPDATE: the columns of SET in order, `(a, b) = (…)` included. null for every other operation. */
  readonly setColumns: readonly string[] | null
  /** INSERT and COPY: the columns written out. null: none written, or another operation. */
  readonly insertColumns: readonly string[] | null
  readonly onConflict: null | 'nothing' | 'update'
  /** What ON CONFLICT DO UPDATE says; null without one. */
  readonly upsert: Upsert | null
  readonly returning: boolean
}

/**
 * plain: `ON CONFLICT (by) DO UPDATE SET a = EXCLUDED.a, …` and nothing else; `setColumns` in order. Otherwise where the
 * first difference from that form is. target: no column, several, an expression, a constraint, a predicate. value: SET
 * gives a column something else than what was to be inserted into it. where: only some rows are updated.
 */
export type Upsert =
  | {
    readonly plain: true
    readonly by: string
    readonly setColumns: readonly string[]
    /** Positions in the list of columns, from 0, at which every row of VALUES has the word DEFAULT or NULL. */
    readonly blank: readonly number[]
  }
  | { readonly plain: false; readonly differs: 'target' | 'value' | 'where' }

/**
 * insert … truncate: the statement is one (after its WITH clause, if any). select: SELECT, VALUES, TABLE, and WITH before
 * them. commit: COMMIT and END; rollback: ROLLBACK and ABORT; begin: BEGIN and START TRANSACTION. discard_all: it also
 * deallocates every prepared statement. other: everything else, also COPY … TO and two-phase commit.
 */
export type StatementKind =
  | 'insert'
  | 'update'
  | 'delete'
  | 'merge'
  | 'copy_from'
  | 'truncate'
  | 'prepare'
  | 'execute'
  | 'deallocate'
  | 'discard_all'
  | 'explain'
  | 'select'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'release'
  | 'rollback_to'
  | 'other'

export interface Statement {
  /** Range in the text, in UTF-16 units: from its first token to its last, without comments around and the semicolon. */
  readonly start: number
  readonly end: number
  readonly kind: StatementKind
  /** Every mutation in it, in the order of the text. TRUNCATE a, b gives two. A definition (rule, function) has none. */
  readonly targets: readonly Target[]
  /** The name in PREPARE, EXECUTE and DEALLOCATE, also inside EXPLAIN and CREATE TABLE … AS EXECUTE. DEALLOCATE ALL: null. */
  readonly prepared: string | null
  /** EXPLAIN that runs the statement. */
  readonly analyze: boolean
}

/**
 * `certain: false`: nothing is known of the text; `reason` is for people and quotes nothing from it. `beyond`: the text is
 * longer than what is read.
 */
export type Recognition =
  | { readonly certain: true; readonly statements: readonly Statement[] }
  | { readonly certain: false; readonly reason: string; readonly beyond: boolean }

export interface RecogniseOptions {
  /** The session's standard_conforming_strings (ParameterStatus); undefined: not known. */
  readonly standardConformingStrings: boolean | undefined
}

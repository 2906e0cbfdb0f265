// What differs from one platform to the next in the contract that all adapters keep; the cases are the same.

import type fc from 'fast-check'
import type { Values } from '../../../src/mutation/mutation.ts'
import type { Column, Operation } from '../../../src/mutation/table.ts'
import type { Adapter, Settings } from '../../../src/platforms/platform.ts'

/** A value that the platform refuses, and how the client hears of it. */
export interface Bad {
  readonly values: Values
  readonly sqlstate: string
  readonly column?: string
}

/** An answer of the platform, word for word. */
export interface Words {
  readonly status: number
  readonly body: unknown
}

export interface Subject {
  /** `hubspot contacts, batchInsert` */
  readonly title: string
  readonly adapter: Adapter
  /** The object whose table the cases write to. */
  readonly object: string
  readonly settings: Settings
  /** The table's name at the sandbox's control endpoint. */
  readonly records: string
  /** The token endpoint, from the base URL on. */
  readonly tokenPath: string
  /** The n-th row to insert. */
  readonly draft: (n: number) => Values
  /** What every row can be changed to. */
  readonly change: Values
  /** Write requests for so many rows. */
  readonly requests: (operation: Operation, rows: number) => number
  /** An insert of such a row among good ones is refused. */
  readonly bad: Bad
  /** Can some rows of a statement be written and others not? */
  readonly partial: boolean
  /** Rows that cannot both be inserted; absent: the platform has nothing unique for this object. */
  readonly duplicates?: readonly [Values, Values] & { readonly sqlstate?: string }
  /** The SQLSTATE for a record that is not there; null: the platform says nothing of it. */
  readonly gone: Readonly<Record<'update' | 'delete', string | null>>
  /** The answer to a write that the account may not make. */
  readonly forbidden: Words
  /** Does a request whose reply was lost get sent again, with a key that makes it safe? */
  readonly replays: boolean
  /** Does the platform not say when a record was changed? Then an update that it does not show stays in doubt. */
  readonly undated?: boolean
  /** Is a statement given up after its first row that is in doubt? */
  readonly alone?: boolean
  /** A column of the drafts by which an upsert finds records. */
  readonly upsertBy?: string
  /** How many rows to insert so that there are two pages. */
  readonly rowsForTwoPages: number
}

/** A table whose values are sent around the circle. */
export interface ValueSubject {
  readonly adapter: Adapter
  readonly object: string
  readonly settings: Settings
  /** Rows in one insert. */
  readonly rows: number
  /** Given with every insert; `n` is different for every row. */
  readonly always: (n: number) => Values
  /** Values for a column, where its type alone does not say which are good. */
  readonly columns: Readonly<Record<string, fc.Arbitrary<string>>>
  /** Columns that have no null. */
  readonly solid: readonly string[]
  /** Writable columns that are left out, each with the reason. */
  readonly left: Readonly<Record<string, string>>
  /** How exactly a timestamptz is kept, in milliseconds. */
  readonly precisionMs: number
  /** What comes back for a value that the platform documents to change; the value itself when undefined. */
  readonly kept?: (column: Column, text: string) => string | null | undefined
  /** Documents to whose keys an update adds; the others stay. */
  readonly merged?: readonly string[]
}

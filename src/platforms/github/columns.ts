// Room platforms: how a column of a GitHub table is told, and what the tables have in common.

import type { Column, TableTraits } from '../../mutation/table.ts'

/**
 * A column, and what stands for null on the way to GitHub: `null` itself; `blank`: an empty string, which GitHub does not
 * tell from nothing, so that it comes back as null; `never`: there is no nothing.
 */
export interface GithubColumn extends Column {
  readonly empty: 'null' | 'blank' | 'never'
}

/** A table. `name` is also the object's name at GitHub. */
export interface GithubTable extends TableTraits {
  readonly name: string
  readonly columns: readonly GithubColumn[]
  readonly keyColumns: readonly string[]
  /** Columns that are in the path of a request, not in its body. */
  readonly inPath: readonly string[]
  /** The path of its list under `/repos/{owner}/{repo}`; absent: not a list of a repository. */
  readonly list?: string
}

type Writable = 'insert' | 'update' | 'both' | 'required' | 'required and updatable' | 'neither'

interface Extra {
  readonly field?: string
  readonly empty?: GithubColumn['empty']
}

/** A column. `field`, its name when absent, is the path of its value in a record of the REST API: `user.login`. */
export function column(
  name: string,
  type: string,
  { field = name, empty = 'never', writable = 'neither' }: Extra & { writable?: Writable } = {},
): GithubColumn {
  const inserts: readonly Writable[] = ['insert', 'both', 'required', 'required and updatable']
  const updates: readonly Writable[] = ['update', 'both', 'required and updatable']
  return {
    name,
    field,
    type,
    insertable: inserts.includes(writable),
    updatable: updates.includes(writable),
    required: writable === 'required' || writable === 'required and updatable',
    empty,
  }
}

/** What every record has. */
export const identity: readonly GithubColumn[] = [
  column('id', 'bigint'),
  column('node_id', 'text'),
]

/** The repository that a record is in: `owner/name`. */
export const repository: GithubColumn = column('repository', 'text', { writable: 'required' })

/** The column of that name. @throws RangeError when there is none */
export function columnNamed(table: GithubTable, name: string): GithubColumn {
  const found = table.columns.find((each) => each.name === name)
  if (found === undefined) throw new RangeError(`No column "${name}" in github.${table.name}`)
  return found
}

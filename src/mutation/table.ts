// Room mutation: the shared language of listener, service and adapters. No I/O here.

export const platforms = ['salesforce', 'hubspot', 'stripe', 'airtable', 'github'] as const
export type Platform = typeof platforms[number]

export const operations = ['insert', 'update', 'delete'] as const
export type Operation = typeof operations[number]

/** One column of a synced table and the platform's field behind it. */
export interface Column {
  /** Its name in Postgres. */
  readonly name: string
  /** The platform's own name of the field; the column's comment in the database begins with it. */
  readonly field: string
  /** Its Postgres type as DDL writes it: `text`, `varchar(18)`, `numeric(18,2)`, `jsonb`, `text[]`. */
  readonly type: string
  /** May an INSERT give it a value? */
  readonly insertable: boolean
  /** May an UPDATE set it? */
  readonly updatable: boolean
  /** The platform refuses an INSERT without it. Told to people; the platform, not Sluice, enforces it. */
  readonly required: boolean
  /**
   * Can the platform look a record up by it in an upsert? unique: and it holds no value twice; the table gets a unique
   * index. loose: nobody promises that, and the index that ON CONFLICT needs is the owner's to make. Absent: no.
   */
  readonly upsert?: 'unique' | 'loose'
  /**
   * Of a jsonb column that holds an array of objects (or one): their members whose values are others at each reading though
   * nobody has changed anything, such as URLs that are signed anew. A row that differs in these only is the same.
   */
  readonly volatile?: readonly string[]
  /** The name that it would have today, where the platform has renamed the field since: the column keeps its own. */
  readonly label?: string
}

/** Why a platform has no such operation for an object, and what to do instead. */
export interface Refusal {
  readonly detail: string
  readonly hint: string
}

/** What makes a table different from the others of its platform. All of it is optional. */
export interface TableTraits {
  /**
   * Columns whose values before the statement travel with each row of an update or delete, since the platform addresses
   * the record by them and not, or not only, by its id: a GitHub issue's `repository` and `number`.
   */
  readonly keyColumns?: readonly string[]
  /** Rows per statement, where they are not those of `rowLimits`. */
  readonly rowsMax?: Readonly<Partial<Record<Operation, number>>>
  /** Operations that the platform does not have for this object. They are refused with 0A000 before anything is sent. */
  readonly refuses?: Readonly<Partial<Record<Operation, Refusal>>>
  /** The name that it would have today, where the platform has renamed the object since: the table keeps its own. */
  readonly label?: string
}

/** A table whose rows mirror the platform's records. Its primary key is always the column `id`. */
export interface SyncedTable extends TableTraits {
  readonly syncId: string
  readonly platform: Platform
  readonly schema: string
  readonly name: string
  /** The platform's own name of the object: `Contact`, `customers`, … */
  readonly object: string
  /** In the order of the table; the first is `id`. */
  readonly columns: readonly Column[]
}

/** The primary key of every synced table. */
export const idColumn = 'id'

/** `schema.name`, the key under which tables are looked up. Both parts as Postgres folds them, unquoted. */
export function tableKey(schema: string, name: string): string {
  return `${schema}.${name}`
}

/** The traits of a table or shape alone. */
export function traitsOf({ keyColumns, rowsMax, refuses, label }: TableTraits): TableTraits {
  return {
    ...(keyColumns === undefined ? {} : { keyColumns }),
    ...(rowsMax === undefined ? {} : { rowsMax }),
    ...(refuses === undefined ? {} : { refuses }),
    ...(label === undefined ? {} : { label }),
  }
}

/** The column of that name, or undefined. */
export function findColumn(table: SyncedTable, name: string): Column | undefined {
  return table.columns.find((column) => column.name === name)
}

/** Does the value of such a column travel as JSON (arrays and documents), not as plain text? */
export function isJsonType(type: string): boolean {
  return type === 'jsonb' || type === 'json' || type.endsWith('[]')
}

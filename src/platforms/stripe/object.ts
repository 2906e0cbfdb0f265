// Room platforms: how an object of the Stripe API is written down as data, and the columns that come of it.

import type { Column, TableTraits } from '../../mutation/table.ts'

/** `bigint`: whole numbers and amounts in minor units. `timestamptz`: Unix seconds. `jsonb`: hashes and lists. */
export type FieldType = 'text' | 'boolean' | 'bigint' | 'numeric' | 'timestamptz' | 'jsonb'

/** Names of one type, separated by spaces. */
export type Names = Readonly<Partial<Record<FieldType, string>>>

/** Names by who may give them a value: INSERT and UPDATE, only one of them, neither. */
export interface Fields {
  readonly write?: Names
  readonly insert?: Names
  readonly update?: Names
  readonly read?: Names
}

/** An object of the API. */
export interface StripeObject {
  /** Of the table. */
  readonly name: string
  /** Of the collection in the API: `/v1/<path>`. */
  readonly path: string
  /** What an answer says in `object`. */
  readonly kind: string
  /** The fields of the object, besides `id` and `object`. */
  readonly fields: Fields
  /** Parameters that are no fields: Stripe takes them and does not answer them. Their columns read null. */
  readonly parameters?: Fields
  /** Fields that an answer holds at another place, by dots. */
  readonly found?: Readonly<Record<string, string>>
  /** What an INSERT must give, separated by spaces. */
  readonly required?: string
  /** May an INSERT choose the id? */
  readonly ownIds?: true
  /** Fields that Stripe answers only when asked to, separated by spaces. */
  readonly expand?: string
  /** DELETE cancels: the answer is the object with one of these statuses. */
  readonly canceled?: readonly string[]
  readonly refuses?: TableTraits['refuses']
}

/** The words of a list separated by spaces. */
export function wordsOf(list: string | undefined): string[] {
  return (list ?? '').split(/\s+/).filter((word) => word !== '')
}

/** The columns of the table: `id`, the fields in the order of their names, then the parameters in that of theirs. */
export function columnsOf(object: StripeObject): Column[] {
  const required = new Set(wordsOf(object.required))
  return [
    {
      name: 'id',
      field: 'id',
      type: 'text',
      insertable: object.ownIds === true,
      updatable: false,
      required: false,
    },
    ...columnsOfFields(object.fields, required),
    ...columnsOfFields(object.parameters ?? {}, required),
  ]
}

function columnsOfFields(fields: Fields, required: ReadonlySet<string>): Column[] {
  const access = ['write', 'insert', 'update', 'read'] as const
  const columns = access.flatMap((who) =>
    Object.entries(fields[who] ?? {}).flatMap(([type, names]) =>
      wordsOf(names).map((name) => ({
        name,
        field: name,
        type,
        insertable: who === 'write' || who === 'insert',
        updatable: who === 'write' || who === 'update',
        required: required.has(name),
      }))
    )
  )
  return columns.toSorted((a, b) => a.name < b.name ? -1 : 1)
}

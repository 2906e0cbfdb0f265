// Bench: what is written to each platform to use up its quota: one row, again and again.

import type { Mutation } from '../src/mutation/mutation.ts'
import type { Platform, SyncedTable } from '../src/mutation/table.ts'
import type { Page } from '../src/platforms/platform.ts'

/** How one platform is loaded. */
export interface Load {
  readonly platform: Platform
  /** Name of the table, as the adapter proposes it. */
  readonly table: string
  /** What changes, and how; `n`: a number that is another one each time. */
  row(n: number, records: Page['rows']): Pick<Mutation, 'operation' | 'rows'>
}

function updates(platform: Platform, table: string, column: string): Load {
  return {
    platform,
    table,
    row: (n, records) => {
      const record = records[n % records.length]
      if (record === undefined) throw new Error(`The sandbox has no ${table}`)
      const values = { [column]: `bench ${n}` }
      return { operation: 'update', rows: [{ ordinal: 1, id: record.id, values }] }
    },
  }
}

/** In the order in which they are measured. */
export const loads: readonly Load[] = [
  updates('salesforce', 'contacts', 'title'),
  updates('hubspot', 'contacts', 'firstname'),
  updates('stripe', 'customers', 'description'),
  updates('airtable', 'contacts', 'notes'),
  {
    platform: 'github',
    table: 'issues',
    row: (n) => {
      const values = { repository: 'octo/hello', title: `bench ${n}` }
      return { operation: 'insert', rows: [{ ordinal: 1, id: null, values }] }
    },
  },
]

/** A mutation of the load. */
export function mutationOf(
  load: Load,
  { n, table, records }: { n: number; table: SyncedTable; records: Page['rows'] },
): Mutation {
  const { syncId, schema, name } = table
  const place = { syncId, schema, table: name }
  return { id: crypto.randomUUID(), ...place, ...load.row(n, records) }
}

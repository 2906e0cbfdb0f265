// Room store: rotation of the store's keys. Afterwards no value is sealed with an older key, and that key can be dropped.

import { open, type Place, seal, SealError } from './seal.ts'
import type { Store } from './store.ts'

/** Every column that holds sealed values; its table has an `id` and, beside the value, the `key_id`. */
export const sealedColumns = [
  { table: 'connections', column: 'credential' },
  { table: 'databases', column: 'address' },
  { table: 'oauth_apps', column: 'secret' },
  { table: 'oauth_states', column: 'details' },
  { table: 'webhooks', column: 'registration' },
] as const satisfies readonly Omit<Place, 'row'>[]

type SealedColumn = typeof sealedColumns[number]

interface SealedRow {
  readonly id: string
  readonly bytes: Uint8Array
  readonly key_id: string
}

const rowsMax = 500
const roundsMax = 20

/**
 * Seals every value again that an older key sealed, a row at a time, so that it can run beside the service. Gives how
 * many there were. It has only ended when nothing is left: a process that still seals with an older key makes it fail, as
 * does a value whose key is not in the ring (SealError names it); what was done until then stays done.
 */
export async function reseal(store: Store): Promise<number> {
  let count = 0
  for (const column of sealedColumns) count += await resealColumn(store, column)
  for (const column of sealedColumns) {
    const [left] = await readOld(store, column, '')
    if (left !== undefined) throw stillSealed(left, column)
  }
  return count
}

/** Rounds until there is nothing more to do: a row that changes at the same moment is looked at again. */
async function resealColumn(store: Store, column: SealedColumn): Promise<number> {
  let count = 0
  for (let rounds = 0; rounds < roundsMax; rounds++) {
    const { done, missing } = await resealRound(store, column)
    count += done
    if (done > 0) continue
    if (missing !== null) throw missing
    break
  }
  return count
}

/** One look at every row. `missing`: the first that does not open. */
async function resealRound(store: Store, column: SealedColumn) {
  let done = 0
  let missing: SealError | null = null
  let rows = await readOld(store, column, '')
  while (rows.length > 0) {
    for (const row of rows) {
      try {
        if (await resealRow(store, column, row)) done += 1
      } catch (error) {
        if (!(error instanceof SealError)) throw error
        missing ??= error
      }
    }
    rows = await readOld(store, column, rows.at(-1)?.id ?? '')
  }
  return { done, missing }
}

/** Rows after an id that another key than the current one sealed. */
function readOld(store: Store, { table, column }: SealedColumn, after: string) {
  return store.ask('Reading sealed values', (sql) =>
    sql<SealedRow[]>`
      select id, ${sql(column)} as bytes, key_id from sluice_store.${sql(table)}
      where key_id <> ${store.keyring.current} and id > ${after} order by id limit ${rowsMax}`)
}

/** False: the value has changed meanwhile, or is gone. */
async function resealRow(
  store: Store,
  { table, column }: SealedColumn,
  { id, bytes, key_id: keyId }: SealedRow,
): Promise<boolean> {
  const place = { table, column, row: id }
  const sealed = seal(store.keyring, place, open(store.keyring, place, { bytes, keyId }))
  const changed = await store.ask('Sealing a value', (sql) =>
    sql`
      update sluice_store.${sql(table)} set ${
      sql(column)
    } = ${sealed.bytes}, key_id = ${sealed.keyId}
      where id = ${id} and ${sql(column)} = ${bytes}`)
  return changed.count > 0
}

function stillSealed({ id, key_id: keyId }: SealedRow, { table, column }: SealedColumn): Error {
  return new SealError(
    `${table}.${column} of "${id}" is sealed with key "${keyId}" again: a process has that key as its first. ` +
      'Give every process the new key as its first one, then rotate again.',
  )
}

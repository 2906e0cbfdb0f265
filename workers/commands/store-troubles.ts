// Workers: what is wrong with the store, for whoever runs a command on it: where it is looked for, why it does not answer,
// what to do. Never with its password.

import { Fault } from '../../src/mutation/fault.ts'
import { newestMigration, readMigration } from '../../src/store/migrations.ts'
import { SealError } from '../../src/store/seal.ts'
import { isSchemaMissing, type Store, storeReason } from '../../src/store/store.ts'

interface Looked {
  readonly store: Store
  /** Is it that of `npm start`? */
  readonly local: boolean
}

/** Null: the error tells of something else. */
export async function storeLines(
  error: unknown,
  { store, local }: Looked,
): Promise<readonly string[] | null> {
  if (error instanceof SealError) return [error.message, 'Look at SLUICE_KEYS.']
  if (isSchemaMissing(error)) return await oldLines(store)
  const reason = error instanceof Fault && error.code === 'service_unreachable'
    ? storeReason(error)
    : null
  if (reason === null) return null
  const hint = local
    ? 'npm start runs it. Is it running, with this SLUICE_DATA_DIR and SLUICE_DATABASE_PORT?'
    : 'Look at SLUICE_STORE_URL: host, port, database, user, password, sslmode.'
  return [`the store at ${placeOf(store)} is unreachable: ${reason}`, hint]
}

/** Null: it is as this version wants it, and the question was wrong. */
async function oldLines(store: Store): Promise<readonly string[] | null> {
  const step = await readMigration(store).catch((error: unknown) => {
    if (isSchemaMissing(error)) return 0
    throw error
  })
  if (step >= newestMigration) return null
  const is = step === 0
    ? 'is empty'
    : `is at step ${step}, and this version wants ${newestMigration}`
  return [`the store at ${placeOf(store)} ${is}`, 'Bring it to this version: sluice migrate']
}

function placeOf({ url }: Store): string {
  if (!URL.canParse(url)) return 'SLUICE_STORE_URL'
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

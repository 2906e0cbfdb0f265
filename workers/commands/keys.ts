// Workers: `sluice keys`: rotation of the store's keys.

import { reseal, sealedColumns } from '../../src/store/reseal.ts'
import { SealError } from '../../src/store/seal.ts'
import { type Command, UsageError } from './command.ts'

const rotate: Command = async (_given, { store }) => {
  try {
    const count = await reseal(store)
    const { current } = store.keyring
    const where = sealedColumns.map(({ table, column }) => `${table}.${column}`).join(', ')
    return [
      `${count} values are sealed anew, all are sealed with key "${current}" (${where}).`,
      store.keyring.keys.size === 1
        ? 'SLUICE_KEYS has no other key. To change it, put a new one first, restart, and rotate again.'
        : 'The other keys may leave SLUICE_KEYS.',
    ]
  } catch (error) {
    if (error instanceof SealError) throw new UsageError(error.message)
    throw error
  }
}

export const keys = { rotate }

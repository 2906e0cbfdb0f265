// Workers: `sluice migrate`: the store as this version of Sluice wants it, before its processes start.

import { migrations, newestMigration } from '../../src/store/migrations.ts'
import { migrateStore } from '../store-env.ts'
import type { Command } from './command.ts'

const migrate: Command = async (_given, { store }) => {
  const taken = await migrateStore(store)
  if (taken.length === 0) return [`The store is at step ${newestMigration}: nothing to do.`]
  const named = migrations.filter(({ id }) => taken.includes(id))
  return [
    ...named.map(({ id, name }) => `step ${id}: ${name}`),
    `The store is at step ${newestMigration}.`,
  ]
}

export { migrate }

// Workers: `sluice listeners`: the keys with which listeners come, one for each. A key is shown once, when it is made.

import { randomBytes } from 'node:crypto'
import {
  listListenerKeys,
  makeKey,
  revokeListenerKey,
  saveListenerKey,
} from '../../src/store/keys.ts'
import { type Command, requiredOption, rowsOf, UsageError, wantsJson } from './command.ts'

const create: Command = async (given, { store }) => {
  const { options } = given
  const id = requiredOption(options, 'id')
  const before = await listListenerKeys(store)
  if (before.some((key) => key.id === id && key.revokedAt === null)) {
    throw new UsageError(`listener "${id}" has a key: revoke it first, or give another id`)
  }
  const syncs = options['syncs']?.split(',').map((sync) => sync.trim())
  const key = makeKey((size) => randomBytes(size))
  await saveListenerKey(store, { id, key, ...(syncs === undefined ? {} : { syncs }) })
  if (wantsJson(given)) return [JSON.stringify({ id, syncs: syncs ?? null, key }, null, 2)]
  return [`id     ${id}`, `syncs  ${syncs?.join(', ') ?? 'all'}`, `key    ${key}`]
}

const list: Command = async (_given, { store }) =>
  rowsOf(await listListenerKeys(store), {
    id: ({ id }) => id,
    syncs: ({ syncs }) => syncs ?? 'all',
    created: ({ createdAt }) => createdAt,
    revoked: ({ revokedAt }) => revokedAt,
  })

const revoke: Command = async ({ options }, { store }) => {
  const id = requiredOption(options, 'id')
  if (!await revokeListenerKey(store, id)) throw new UsageError(`listener "${id}" has no key`)
  return [`${id} is revoked; services refuse it within five seconds`]
}

export const listeners = { create, list, revoke }

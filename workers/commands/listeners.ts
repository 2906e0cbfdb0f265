// Workers: `sluice listeners`: the keys with which listeners come, one for each. A key is shown once, when it is made.

import { randomBytes } from 'node:crypto'
import { fault } from '../../src/mutation/fault.ts'
import {
  listListenerKeys,
  makeKey,
  revokeListenerKey,
  saveListenerKey,
} from '../../src/store/keys.ts'
import type { Store } from '../../src/store/store.ts'
import { listSyncs } from '../../src/store/syncs.ts'
import {
  type Command,
  type Given,
  listOf,
  requiredOption,
  rowsOf,
  UsageError,
  wantsJson,
} from './command.ts'

const create: Command = async (given, { store }) => {
  const { options } = given
  const id = requiredOption(options, 'id')
  if (!/^[A-Za-z0-9._-]{1,63}$/.test(id)) {
    throw new UsageError('--id is 1 to 63 letters, digits, dots, _ and -')
  }
  const before = await listListenerKeys(store)
  if (before.some((key) => key.id === id && key.revokedAt === null)) {
    throw new UsageError(`listener "${id}" has a key: revoke it first, or give another id`)
  }
  const syncs = await syncsIn(given, store)
  const key = makeKey((size) => randomBytes(size))
  await saveListenerKey(store, { id, key, ...(syncs === undefined ? {} : { syncs }) })
  if (wantsJson(given)) return [JSON.stringify({ id, syncs: syncs ?? null, key }, null, 2)]
  return [`id     ${id}`, `syncs  ${syncs?.join(', ') ?? 'all'}`, `key    ${key}`]
}

/** Undefined: all. */
async function syncsIn({ options }: Given, store: Store): Promise<string[] | undefined> {
  if (options['syncs'] === undefined) return undefined
  const syncs = [...new Set(listOf(options['syncs']))]
  if (syncs.length === 0) throw new UsageError('--syncs names no sync; without it, all are served')
  const known = await listSyncs(store)
  const strange = syncs.filter((sync) => !known.some(({ id }) => id === sync))
  if (strange.length === 0) return syncs
  throw fault('not_found', {
    message: `there is no sync ${strange.map((sync) => `"${sync}"`).join(', ')}`,
    hint: 'sluice syncs list shows them.',
  })
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

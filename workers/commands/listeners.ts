// Workers: `sluice listeners`: the keys with which listeners come, one for each. A key is shown once, when it is made.

import { randomBytes } from 'node:crypto'
import {
  listListenerKeys,
  makeKey,
  revokeListenerKey,
  saveListenerKey,
} from '../../src/store/keys.ts'
import { type Command, readOptions, requiredOption, UsageError } from './command.ts'

const create: Command = {
  usage: '--id <name of the listener> [--syncs <sync>,<sync>…]',
  run: async (args, { store }) => {
    const options = readOptions(args, ['id', 'syncs'])
    const id = requiredOption(options, 'id')
    const before = await listListenerKeys(store)
    if (before.some((key) => key.id === id && key.revokedAt === null)) {
      throw new UsageError(`listener "${id}" has a key: revoke it first, or give another id`)
    }
    const syncs = options['syncs']?.split(',').map((sync) => sync.trim())
    const key = makeKey((size) => randomBytes(size))
    await saveListenerKey(store, { id, key, ...(syncs === undefined ? {} : { syncs }) })
    return [`id     ${id}`, `syncs  ${syncs?.join(', ') ?? 'all'}`, `key    ${key}`]
  },
}

const list: Command = {
  usage: '',
  run: async (args, { store }) => {
    readOptions(args, [])
    const rows = (await listListenerKeys(store)).map(({ id, syncs, createdAt, revokedAt }) =>
      [id, syncs?.join(',') ?? 'all', createdAt.toISOString(), revokedAt?.toISOString() ?? '-']
        .join('\t')
    )
    return [['id', 'syncs', 'created', 'revoked'].join('\t'), ...rows]
  },
}

const revoke: Command = {
  usage: '--id <name of the listener>',
  run: async (args, { store }) => {
    const id = requiredOption(readOptions(args, ['id']), 'id')
    if (!await revokeListenerKey(store, id)) throw new UsageError(`listener "${id}" has no key`)
    return [`${id} is revoked; services refuse it within five seconds`]
  },
}

export const listeners = { create, list, revoke }

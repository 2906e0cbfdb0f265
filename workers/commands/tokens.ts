// Workers: `sluice tokens`: who may use the HTTP API. A token is shown once, when it is made.

import { randomBytes } from 'node:crypto'
import { listTokens, makeToken, revokeToken, saveToken } from '../../src/store/tokens.ts'
import { type Command, readOptions, requiredOption } from './command.ts'

const idBytes = 6

const create: Command = {
  usage: '--sync <sync> [--name <what it is for>]',
  run: async (args, { store }) => {
    const options = readOptions(args, ['sync', 'name'])
    const syncId = requiredOption(options, 'sync')
    const id = `token_${randomBytes(idBytes).toString('hex')}`
    const token = makeToken((size) => randomBytes(size))
    await saveToken(store, { id, syncId, name: options['name'] ?? '', token })
    return [`id     ${id}`, `sync   ${syncId}`, `token  ${token}`]
  },
}

const list: Command = {
  usage: '[--sync <sync>]',
  run: async (args, { store }) => {
    const { sync } = readOptions(args, ['sync'])
    const tokens = await listTokens(store, { syncId: sync ?? null })
    const time = (date: Date | null) => date?.toISOString() ?? '-'
    const rows = tokens.map(({ id, syncId, createdAt, lastUsedAt, revokedAt, name }) =>
      [id, syncId, time(createdAt), time(lastUsedAt), time(revokedAt), name].join('\t')
    )
    return [['id', 'sync', 'created', 'last used', 'revoked', 'name'].join('\t'), ...rows]
  },
}

const revoke: Command = {
  usage: '--id <id of the token>',
  run: async (args, { store }) => {
    const id = requiredOption(readOptions(args, ['id']), 'id')
    await revokeToken(store, id)
    return [`${id} is revoked`]
  },
}

export const tokens = { create, list, revoke }

// Workers: `sluice tokens`: who may use the HTTP API. A token is shown once, when it is made.

import { randomBytes } from 'node:crypto'
import { listTokens, makeToken, revokeToken, saveToken } from '../../src/store/tokens.ts'
import {
  listAdminTokens,
  makeAdminToken,
  revokeAdminToken,
  saveAdminToken,
} from '../../src/store/admin-tokens.ts'
import {
  type Command,
  type CommandDeps,
  type Given,
  requiredOption,
  rowsOf,
  wantsJson,
} from './command.ts'

const idBytes = 6

const create: Command = async (given, { store }) => {
  const { options, flags } = given
  if (flags.has('admin')) return await createAdmin(store, given)
  const syncId = requiredOption(options, 'sync')
  const id = `token_${randomBytes(idBytes).toString('hex')}`
  const token = makeToken((size) => randomBytes(size))
  await saveToken(store, { id, syncId, name: options['name'] ?? '', token })
  if (wantsJson(given)) return [JSON.stringify({ id, sync: syncId, token }, null, 2)]
  return [`id     ${id}`, `sync   ${syncId}`, `token  ${token}`]
}

async function createAdmin(store: CommandDeps['store'], given: Given): Promise<string[]> {
  const name = given.options['name'] ?? ''
  const id = `admin_${randomBytes(idBytes).toString('hex')}`
  const token = makeAdminToken((size) => randomBytes(size))
  await saveAdminToken(store, { id, name, token })
  if (wantsJson(given)) return [JSON.stringify({ id, admin: true, token }, null, 2)]
  return [`id     ${id}`, 'admin  sets up, changes and drops syncs over HTTP', `token  ${token}`]
}

const list: Command = async ({ options: { sync }, flags }, { store }) => {
  if (flags.has('admin')) {
    const tokens = await listAdminTokens(store)
    return shown(tokens.map((token) => ({ ...token, syncId: null })))
  }
  return shown(await listTokens(store, { syncId: sync ?? null }))
}

type Shown = Omit<Awaited<ReturnType<typeof listTokens>>[number], 'syncId'> & {
  readonly syncId: string | null
}

function shown(tokens: readonly Shown[]) {
  return rowsOf(tokens, {
    id: ({ id }) => id,
    sync: ({ syncId }) => syncId,
    created: ({ createdAt }) => createdAt,
    'last used': ({ lastUsedAt }) => lastUsedAt,
    revoked: ({ revokedAt }) => revokedAt,
    name: ({ name }) => name,
  })
}

const revoke: Command = async ({ options }, { store }) => {
  const id = requiredOption(options, 'id')
  await (id.startsWith('admin_') ? revokeAdminToken(store, id) : revokeToken(store, id))
  return [`${id} is revoked`]
}

export const tokens = { create, list, revoke }

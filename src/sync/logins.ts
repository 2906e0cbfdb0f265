// Room sync: the logins of a sync. A password is made here, shown once, and kept as a SCRAM verifier only.

import { fault } from '../mutation/fault.ts'
import { readSetup, removeUser, saveUser } from '../store/admin-syncs.ts'
import { readDatabase } from '../store/databases.ts'
import { readSync } from '../store/syncs.ts'
import { type LoginUrls, loginUrls } from './setup-address.ts'
import { checkUser } from './setup-plan.ts'
import { type AdminDeps, randomPassword } from './setup-request.ts'

export interface GrantedLogin extends LoginUrls {
  /** As clients log in: `app.sync_x`. */
  readonly login: string
  readonly user: string
  readonly password: string
}

type LoginDeps = Pick<AdminDeps, 'store' | 'makeVerifier' | 'random' | 'listeners'>

/**
 * Makes a login, or gives it another password: the old one is refused at new logins within seconds, and sessions that came
 * in with it end within half a minute or so. Throws `not_found`, `bad_request`, `service_unreachable`.
 */
export async function grantLogin(
  deps: LoginDeps,
  { syncId, user }: { syncId: string; user: string },
): Promise<GrantedLogin> {
  checkUser(user)
  const { store, listeners } = deps
  const { databaseId } = await readSync(store, syncId)
  const { address: { database } } = await readDatabase(store, databaseId)
  const password = randomPassword(deps.random)
  await saveUser(store, { syncId, name: user, verifier: await deps.makeVerifier(password) })
  const urls = loginUrls({ user, syncId, password, database }, listeners)
  return { login: `${user}.${syncId}`, user, password, ...urls }
}

/** Takes a login away. Throws `not_found`, `service_unreachable`. */
export async function revokeLogin(
  { store }: Pick<AdminDeps, 'store'>,
  { syncId, user }: { syncId: string; user: string },
): Promise<void> {
  if (await removeUser(store, { syncId, name: user })) return
  const { users } = await readSetup(store, syncId)
  throw fault('not_found', {
    message: `sync "${syncId}" has no login "${user}"`,
    hint: users.length === 0 ? 'It has none.' : `It has ${users.join(', ')}.`,
  })
}

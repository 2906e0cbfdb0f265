// Room session: who it is that wants a session, and what stands for its password. Whoever does not exist, or may not come
// from where he comes, gets a verifier that no password fits: the same questions are asked and the same work is done.

import type { Log } from '../lib/log.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { mockVerifier, parseVerifier } from '../wire/scram.ts'
import type { ScramVerifier } from '../wire/scram.ts'
import { mayConnect } from './peer.ts'

export interface Account {
  /** The name before the dot. */
  readonly login: string
  readonly verifier: ScramVerifier
  /** null: no password fits the verifier. */
  readonly config: SyncConfig | null
  /** The sync could not be looked up: to be thrown when the client has been asked for its proof, as everybody is. */
  readonly failure: { readonly error: unknown } | null
}

export interface AccountOptions {
  /** The client's address, for the allowlist of the sync. */
  readonly address: string
  /** As long-lived as the deployment: salts of unknown users come from it. */
  readonly mockSecret: Uint8Array
  readonly findSync: (syncId: string) => Promise<SyncConfig | null>
  readonly log: Log
  /** The work that is done for every user; a test counts it. */
  readonly work?: Work
}

export interface Work {
  readonly mock: (user: string, secret: Uint8Array) => ScramVerifier
  readonly parse: (text: string) => ScramVerifier | null
}

const work: Work = { mock: mockVerifier, parse: parseVerifier }

const userForm = /^([^.]+)\.([A-Za-z0-9_-]{1,64})$/

/** Read in place of the verifier of a user who does not exist: as long as a real one. */
const dummy = `SCRAM-SHA-256$4096:${'A'.repeat(22)}==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`

/** Who `login.sync` is. Never rejects. */
export async function findAccount(
  user: string,
  { address, mockSecret, findSync, log, work: { mock, parse } = work }: AccountOptions,
): Promise<Account> {
  const [, login = '', syncId] = userForm.exec(user) ?? []
  let failure: Account['failure'] = null
  const config = syncId === undefined ? null : await findSync(syncId).catch((error: unknown) => {
    failure = { error }
    return null
  })
  const mocked = mock(user, mockSecret)
  const stored = config !== null && Object.hasOwn(config.users, login)
    ? config.users[login]
    : undefined
  const verifier = parse(stored ?? dummy)
  if (verifier === null) log.error('verifier is not valid', { user })
  const allowed = mayConnect(config?.allow, address)
  if (!allowed) log.info('address_not_allowed', { sync: syncId })
  return stored === undefined || verifier === null || !allowed
    ? { login, verifier: mocked, config: null, failure }
    : { login, verifier, config, failure }
}

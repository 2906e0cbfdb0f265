// Room session: whether a session is still welcome: what it came in with, held against its sync as it is now.

import type { SyncConfig } from '../mutation/config.ts'
import { mayConnect } from './peer.ts'

/** What a session came in with. */
export interface Entry {
  readonly syncId: string
  /** The name before the dot, and the verifier that its password was proved against. */
  readonly login: string
  readonly verifier: string | undefined
  /** The database it is connected to. */
  readonly place: string
  /** Of the client. */
  readonly address: string
}

/** What a session comes in with that has just logged in to the sync. */
export function entryOf(
  config: SyncConfig,
  { login, address }: Pick<Entry, 'login' | 'address'>,
): Entry {
  const { id: syncId } = config
  return { syncId, login, verifier: verifierOf(config, login), place: placeOf(config), address }
}

/** Why the session must end, as the DETAIL of its last error; null: it may go on. `config` null: the sync is gone. */
export function whyUnwelcome(entry: Entry, config: SyncConfig | null): string | null {
  if (config === null) return 'There is no such sync any more, or this listener may not serve it.'
  if (config.state === 'disabled') return 'The sync is paused.'
  const verifier = verifierOf(config, entry.login)
  if (verifier === undefined) return 'The login was removed.'
  if (verifier !== entry.verifier) return 'The password of the login was changed.'
  // what is written to a database that the sync has left is lost to the one it has moved to
  if (placeOf(config) !== entry.place) return 'The sync has moved to another database.'
  if (mayConnect(config.allow, entry.address)) return null
  return 'The sync takes no connections from this address any more.'
}

function verifierOf({ users }: SyncConfig, login: string): string | undefined {
  return Object.hasOwn(users, login) ? users[login] : undefined
}

function placeOf({ database: { host, port, database, ssh } }: SyncConfig): string {
  return JSON.stringify([host, port, database, ssh?.host, ssh?.port])
}

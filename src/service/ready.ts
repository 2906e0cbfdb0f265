// Room service: the token that a stored connection has, whether it still serves, and when it is to be renewed.

import type { Platform } from '../mutation/table.ts'
import { grantRefused } from '../platforms/refusal.ts'
import type { Connection, Credential } from '../store/connections.ts'
import { commandHint } from './oauth/link.ts'

/** A token in memory. From `refreshAt` on (milliseconds since 1970) the store is asked again. */
export interface Ready {
  readonly token: string
  readonly refreshAt: number
}

const aheadMs = 60_000
/** Renewed in the background: so long before the end of an access token, and so long after it was obtained. */
export const dueAheadMs = 10 * 60_000
export const dueOldMs = 24 * 60 * 60_000
/** After a refresh ahead of time failed, the token that is still valid is used that long. */
const tryAgainMs = 10_000

/** The stored token, if it is not the refused one and not yet to be refreshed. Throws `GrantRefused`. */
export function readyToken(
  connection: Connection,
  { refused, now }: { refused: string | undefined; now: number },
): Ready | null {
  const { credential, state } = connection
  if (state === 'revoked') throw revoked(connection)
  if (credential.kind === 'key') {
    if (credential.key === refused) throw revoked(connection)
    return { token: credential.key, refreshAt: Infinity }
  }
  const { accessToken: token } = credential
  const refreshAt = refreshTime(credential)
  if (token === undefined || token === refused || now >= refreshAt) return null
  return { token, refreshAt }
}

interface Moments {
  readonly obtainedAt?: number
  readonly expiresAt?: number
}

/** A minute before a token expires, or after nine tenths of a short life. */
function refreshTime({ obtainedAt, expiresAt }: Moments): number {
  if (expiresAt === undefined) return Infinity
  const lifeMs = Math.max(0, expiresAt - (obtainedAt ?? expiresAt))
  return expiresAt - Math.min(aheadMs, lifeMs === 0 ? aheadMs : lifeMs / 10)
}

/** Ought it to be renewed before somebody needs it? As `dueConnections` has it. */
export function isDue(credential: Credential, now: number): boolean {
  if (credential.kind === 'key') return false
  const { accessToken, obtainedAt, expiresAt } = credential
  if (accessToken === undefined || obtainedAt === undefined) return true
  if (obtainedAt < now - dueOldMs) return true
  return expiresAt !== undefined &&
    expiresAt - Math.min(dueAheadMs, (expiresAt - obtainedAt) / 5) < now
}

/** The token that is to be refreshed and still serves; null: it does not, or nobody knows. */
export function stillValid({ credential }: Connection, now: number): Ready | null {
  if (credential.kind === 'key') return null
  const { accessToken: token, expiresAt } = credential
  if (token === undefined || expiresAt === undefined || now >= expiresAt) return null
  return { token, refreshAt: Math.min(expiresAt, now + tryAgainMs) }
}

/** The error for a connection whose credential is gone. */
export function revoked(connection: Connection): Error {
  const { id, platform }: { id: string; platform: Platform } = connection
  return grantRefused({
    platform,
    detail: `The credential of connection "${id}" is no longer accepted.`,
    hint: commandHint(connection),
  })
}

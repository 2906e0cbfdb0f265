// Room service: the address at which an account is connected, and what a client is told when a credential is refused.

import { never } from '../../lib/assert.ts'
import type { Connection } from '../../store/connections.ts'
import type { Keyring } from '../../store/seal.ts'
import { signTicket, type TicketTerms } from './ticket.ts'

/** How long the link in an error is good; the next error has a new one. */
const hintTicketMs = 60 * 60_000

export interface LinkDeps {
  /** Where browsers reach the service, without a slash at the end. */
  readonly publicUrl: string
  readonly keyring: Keyring
}

/** `<public URL>/oauth/<platform>/start?connection=…&ticket=…` */
export function connectLink(
  { publicUrl, keyring }: LinkDeps,
  connection: Pick<Connection, 'id' | 'platform' | 'given'>,
  { returnTo, ...terms }: TicketTerms & { returnTo?: string },
): string {
  const url = new URL(`${publicUrl}/oauth/${connection.platform}/start`)
  url.searchParams.set('connection', connection.id)
  url.searchParams.set('ticket', signTicket(keyring, connection, terms))
  if (returnTo !== undefined) url.searchParams.set('return', returnTo)
  return url.href
}

/** A connection as far as what to do about it is concerned. */
export type Refused = Pick<Connection, 'id' | 'platform' | 'given' | 'credential' | 'account'>

/**
 * What a client is told to do about a refused credential, as a HINT: where it can, with a link that is good for an hour.
 * Whoever sees the error can use it, so that there is none while the account is unknown: it could be swapped for another.
 */
export function reconnectHint(deps: LinkDeps, connection: Refused, now: number): string {
  if (connection.credential.kind !== 'oauth' || connection.account === undefined) {
    return commandHint(connection)
  }
  const terms = { expiresAt: now + hintTicketMs, anyAccount: false }
  return `Connect the account again: ${connectLink(deps, connection, terms)}`
}

/** What to do about a refused credential, for whoever can run `sluice`; may be kept and logged. */
export function commandHint({ id, credential }: Pick<Connection, 'id' | 'credential'>): string {
  switch (credential.kind) {
    case 'oauth':
      return `Connect the account again: sluice connect --connection ${id}`
    case 'key':
      return `Give the connection a new key: sluice connections set-key --connection ${id}`
    case 'app':
      return 'Look whether the app is still installed, and give the connection its private key again: ' +
        `sluice connections set-app --connection ${id}`
    default:
      return never(credential)
  }
}

/** The address to return to in the end: a path of ours, or a web address at an allowed origin. Null: it is neither. */
export function returnAddress(
  text: string,
  { publicUrl, returnOrigins }: { publicUrl: string; returnOrigins: readonly string[] },
): string | null {
  const own = new URL(publicUrl).origin
  if (!URL.canParse(text, own)) return null
  const url = new URL(text, own)
  // the origin of blob:https://… is what stands inside
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null
  const allowed = url.origin === own || returnOrigins.includes(url.origin)
  return allowed && url.username === '' && url.password === '' ? url.href : null
}

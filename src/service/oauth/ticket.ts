// Room service: tickets for connecting an account. Who has one may connect an account in place of the connection's, until
// it expires or somebody has done so; it is signed with a key derived from the store's, so that nobody else can make one.

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Connection } from '../../store/connections.ts'
import type { Keyring } from '../../store/seal.ts'

/** Which connection, as it is now. */
export type Ticketed = Pick<Connection, 'id' | 'platform' | 'given'>

export interface TicketTerms {
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /** May it be another account of the platform than before? */
  readonly anyAccount: boolean
}

/** A ticket is `<key id>.<expiry in seconds>.<0 or 1>.<signature>`. */
const form = /^([A-Za-z0-9_-]{1,32})\.(\d{1,12})\.([01])\.([A-Za-z0-9_-]{43})$/

/** Makes a ticket, signed with the current key. */
export function signTicket(keyring: Keyring, connection: Ticketed, terms: TicketTerms): string {
  const { current } = keyring
  const seconds = String(Math.floor(terms.expiresAt / 1000))
  const any = terms.anyAccount ? '1' : '0'
  const signed = signature(keyring, current, [...subjectOf(connection), seconds, any])
  return [current, seconds, any, signed ?? ''].join('.')
}

/** The terms of a ticket for this connection as it is now; null: it is forged, expired, or for another credential. */
export function readTicket(
  keyring: Keyring,
  connection: Ticketed,
  { ticket, now }: { ticket: string; now: number },
): TicketTerms | null {
  const [, keyId = '', seconds = '', any = '', shown = ''] = form.exec(ticket) ?? []
  if (shown === '') return null
  const signed = signature(keyring, keyId, [...subjectOf(connection), seconds, any])
  if (signed === null || !timingSafeEqual(Buffer.from(signed), Buffer.from(shown))) return null
  const expiresAt = Number(seconds) * 1000
  return now < expiresAt ? { expiresAt, anyAccount: any === '1' } : null
}

function subjectOf({ id, platform, given }: Ticketed): string[] {
  return [id, platform, given]
}

/** 43 characters, base64url; null: there is no such key. */
function signature(keyring: Keyring, keyId: string, parts: readonly string[]): string | null {
  const key = keyring.keys.get(keyId)
  if (key === undefined) return null
  const derived = hkdfSync('sha256', key, new Uint8Array(0), 'sluice connect ticket', 32)
  return createHmac('sha256', Buffer.from(derived)).update(JSON.stringify(parts)).digest(
    'base64url',
  )
}

// Room database: tickets. Whoever holds the key may open the triggers; the database checks with sha256() alone, since
// pgcrypto is not everywhere.

import { createHash, createHmac } from 'node:crypto'

/** lock, plan and apply are the engine's; sync is the sync process's and recovery's. */
export type Mode = 'lock' | 'plan' | 'apply' | 'sync'

const blockBytes = 64

/**
 * The mac that opens a mode for one mutation on one connection (`pid`: its BackendKeyData, or pg_backend_pid()):
 * HMAC-SHA256 of `mode:mutation:pid` in hex. Send it as a bind parameter, never in the text of a statement: nothing binds it
 * to the backend's start or to one use, so who gets to see one for `sync` can use it in any backend with that pid.
 */
export function ticketMac(
  ticketKey: Uint8Array,
  { mode, mutationId, pid }: { mode: Mode; mutationId: string; pid: number },
): string {
  return mac(ticketKey, `${mode}:${mutationId.toLowerCase()}:${pid}`)
}

/**
 * What every genuine report of a plan carries as `seal`. A function of the client's can raise a notice that looks like a
 * report; it cannot know the seal. Reports must therefore never be passed on to a client.
 */
export function planSeal(
  ticketKey: Uint8Array,
  { mutationId, pid }: { mutationId: string; pid: number },
): string {
  return mac(ticketKey, `seal:${mutationId.toLowerCase()}:${pid}`)
}

function mac(ticketKey: Uint8Array, message: string): string {
  if (ticketKey.length === 0) throw new RangeError('Cannot make a ticket with an empty key')
  return createHmac('sha256', ticketKey).update(message).digest('hex')
}

/** The two halves of the key as the database keeps them (RFC 2104), 64 bytes each. */
export function hmacPads(ticketKey: Uint8Array): { ipad: Uint8Array; opad: Uint8Array } {
  if (ticketKey.length === 0) throw new RangeError('Cannot install an empty ticket key')
  const key = ticketKey.length > blockBytes
    ? createHash('sha256').update(ticketKey).digest()
    : ticketKey
  const pad = (byte: number) =>
    Uint8Array.from({ length: blockBytes }, (_, index) => (key[index] ?? 0) ^ byte)
  return { ipad: pad(0x36), opad: pad(0x5c) }
}

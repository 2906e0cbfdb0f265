// Room session: the address at the other end of a connection: who counts as one, and who is in which ranges.

import { Buffer } from 'node:buffer'
import { parseAddress, parseRange, plainAddress, type Range, within } from '../lib/addresses.ts'

export { addressKey, plainAddress } from '../lib/addresses.ts'

/** The other end of a connection, as a proxy in front tells it where there is one. */
export interface Peer {
  /** As text, IPv4 never in its IPv6 form; empty: not known (the connection is gone, or it is none of IP). */
  readonly address: string
  readonly port: number
}

/** What a socket knows of its other end. */
export function peerOf(
  socket: { readonly remoteAddress?: string | undefined; readonly remotePort?: number | undefined },
): Peer {
  return { address: plainAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 }
}

/** Says whether an address is in one of some ranges. */
export interface Ranges {
  has(address: string): boolean
}

/** Ranges (`10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`). An IPv4 range has the IPv6 forms too. Throws RangeError. */
export function readRanges(texts: readonly string[]): Ranges {
  const ranges: readonly Range[] = texts.map(parseRange)
  return {
    has: (address) => {
      const bytes = parseAddress(address)
      return bytes !== null && ranges.some((range) => within(bytes, range))
    },
  }
}

const none: Ranges = { has: () => false }
const readOnce = new WeakMap<readonly string[], Ranges>()

/**
 * May a client of this address use a sync with this allowlist? Absent: everybody may. A list that cannot be read allows
 * nobody; a list is read once, so keep the array.
 */
export function mayConnect(allow: readonly string[] | undefined, address: string): boolean {
  if (allow === undefined) return true
  const known = readOnce.get(allow)
  if (known !== undefined) return known.has(address)
  const ranges = readOrNone(allow)
  readOnce.set(allow, ranges)
  return ranges.has(address)
}

function readOrNone(allow: readonly string[]): Ranges {
  try {
    return readRanges(allow)
  } catch {
    return none
  }
}

/** The longest application_name, in bytes: NAMEDATALEN - 1 of Postgres. */
const nameMax = 63

/** Startup parameters in which the application's name ends with the client's address, for pg_stat_activity. */
export function namedAfter(
  { address, port }: Peer,
  parameters: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const host = `${address}:${port}`
  const name = parameters.get('application_name') ?? ''
  const room = Math.max(0, nameMax - host.length - 3)
  const kept = Buffer.from(name).subarray(0, room).toString().replace(/\uFFFD+$/, '')
  const named = kept === '' ? host : `${kept} - ${host}`
  return new Map([...parameters, ['application_name', named]])
}

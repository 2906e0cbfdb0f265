// Room session: where the other listeners are: names that stand for as many addresses as there are machines. It promises
// an answer in a second, from what was known before where the names cannot be asked.

import { lookup } from 'node:dns/promises'
import { isIP, isIPv6 } from 'node:net'
import { withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'

/** A name or an address, and the HTTP port of the listeners there. */
export interface PeerName {
  readonly host: string
  readonly port: number
}

export interface AddressesOptions {
  readonly names: readonly PeerName[]
  readonly log: Log
  /** Milliseconds, of a clock that only goes forward. */
  readonly now: () => number
  /** All addresses of a name; the system's way when absent. */
  readonly resolve?: (host: string) => Promise<readonly string[]>
}

/** What a name stands for is asked again after so long, in milliseconds. */
export const keepMs = 10_000
/** How long is waited for a name, in milliseconds; the answer that comes later is for those who come later. */
const lookupWaitMs = 1_000
/** Peers in all. */
export const peersMax = 32

/** Reads `host:port,…`; an address of IPv6 stands in brackets. Throws RangeError. */
export function parsePeers(text: string): PeerName[] {
  const parts = text.split(',').map((part) => part.trim()).filter((part) => part !== '')
  return parts.map((part) => {
    const found = /^(?:\[([^\]]+)\]|([a-z0-9._-]+)):(\d{1,5})$/i.exec(part)
    const [, v6, name] = found ?? []
    const port = Number(found?.[3])
    const right = port > 0 && port < 65_536 && (v6 === undefined || isIPv6(v6))
    if (!right) throw new RangeError(`not a host and a port: "${part}"`)
    return { host: v6 ?? name ?? '', port }
  })
}

interface Known {
  readonly addresses: readonly string[]
  /** When they were asked for. */
  readonly at: number
}

/** Gives the origins (`http://[fdaa::3]:9090`) of all peers, each once, at most 32. Never rejects. */
export function createAddresses(options: AddressesOptions): () => Promise<readonly string[]> {
  const { names, log } = options
  const hosts = [...new Set(names.map(({ host }) => host))]
  const finders = new Map(hosts.map((host) => [host, createFinder(host, options)]))
  return async () => {
    const found = await Promise.all(
      names.map(async ({ host, port }) => {
        const addresses = await finders.get(host)?.() ?? []
        return addresses.map((address) => originOf(address, port))
      }),
    )
    const origins = [...new Set(found.flat())]
    if (origins.length > peersMax) log.debug('peers_too_many', { found: origins.length, peersMax })
    return origins.slice(0, peersMax)
  }
}

function originOf(address: string, port: number): string {
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`
}

/** Asks for one name, once at a time. */
function createFinder(
  host: string,
  { log, now, resolve = resolveAll }: AddressesOptions,
): () => Promise<readonly string[]> {
  if (isIP(host) !== 0) return () => Promise.resolve([host])
  let known: Known = { addresses: [], at: -Infinity }
  let asking: Promise<void> | null = null
  const ask = async (): Promise<void> => {
    try {
      known = { addresses: await resolve(host), at: now() }
    } catch (error) {
      // nothing may be there, now; what was there last is still the best guess
      known = { addresses: known.addresses, at: now() }
      log.warn('peers_not_resolved', { host, error })
    }
  }
  return async () => {
    if (now() - known.at < keepMs) return known.addresses
    asking ??= ask().finally(() => asking = null)
    await withDeadline(asking, { waitMs: lookupWaitMs, what: 'Finding the peers' }).catch(() => {})
    return known.addresses
  }
}

async function resolveAll(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address)
}

// Room service: how many deliveries of webhooks are taken: so many at a time, in all, of each sync and from each address, and
// so many a second of each sync. What is too much comes again, as platforms do it. What strangers send never counts
// against what a sync's platform sends, also where both come by the address of the same proxy.

import { Buffer } from 'node:buffer'
import { parseAddress, parseRange, within } from '../lib/addresses.ts'

/** Whose a delivery is, and where it comes from. */
export interface From {
  readonly syncId: string
  /** As text; empty: not known. */
  readonly address: string
}

export interface Flood {
  /** in: it may, and `leave` is to be called. many: too many of this sync or from this address; all: too many at a time. */
  enter(from: From): 'in' | 'many' | 'all'
  leave(from: From): void
  /** It was the platform's. */
  heard(from: From): void
  /** It had a bad signature. */
  refused(from: From): void
  /** So many were refused from there that only short ones are looked at, which cost no more than any other request. */
  suspects(from: From): boolean
  /** There was no such sync. */
  missed(address: string): void
  /** May one from there ask the store for a sync that nobody has heard of? */
  mayMiss(address: string): boolean
}

/** Under way at a time: each holds its body in memory. */
const underWayMax = 64
const perSyncMax = 32
const perAddressMax = 16
/** Deliveries of one sync a second, and at once after a quiet time. */
const heardRate = { perSecond: 100, atOnce: 500 }
/** Bad ones of one address, of a sync, or for syncs that there are not. */
const badRate = { perSecond: 5, atOnce: 50 }
const keysMax = 10_000

/** `now`: milliseconds since 1970. */
export function createFlood({ now }: { now: () => number }): Flood {
  const underWay = createCounts()
  const heard = createLevels(heardRate, now)
  const refused = createLevels(badRate, now)
  const missed = createLevels(badRate, now)
  return {
    enter: ({ syncId, address }) => {
      const [sync, peer] = [`sync ${syncId}`, peerOf(address)]
      if (underWay.of('all') >= underWayMax) return 'all'
      if (underWay.of(sync) >= perSyncMax || underWay.of(peer) >= perAddressMax) return 'many'
      if (heard.isFull(syncId)) return 'many'
      for (const key of ['all', sync, peer]) underWay.add(key, 1)
      return 'in'
    },
    leave: ({ syncId, address }) => {
      for (const key of ['all', `sync ${syncId}`, peerOf(address)]) underWay.add(key, -1)
    },
    heard: ({ syncId }) => heard.add(syncId),
    refused: (from) => refused.add(pairOf(from)),
    suspects: (from) => refused.isFull(pairOf(from)),
    missed: (address) => missed.add(peerOf(address)),
    mayMiss: (address) => !missed.isFull(peerOf(address)),
  }
}

function pairOf({ syncId, address }: From): string {
  return `${syncId} ${peerOf(address)}`
}

/** Who counts as one: an IPv4 address; the /56 of an IPv6 address, which is what one customer gets as a rule. */
function peerOf(address: string): string {
  const bytes = parseAddress(address.replace(/%.*$/, ''))
  if (bytes === null) return address
  return Buffer.from(within(bytes, v4) ? bytes : bytes.subarray(0, 7)).toString('hex')
}

const v4 = parseRange('::ffff:0:0/96')

/** Counts that are forgotten at zero. */
function createCounts() {
  const counts = new Map<string, number>()
  return {
    of: (key: string) => counts.get(key) ?? 0,
    add: (key: string, more: number) => {
      const count = (counts.get(key) ?? 0) + more
      if (count > 0) counts.set(key, count)
      else counts.delete(key)
    },
  }
}

/** Levels that rise by one with each, and sink all the time. */
function createLevels(
  { perSecond, atOnce }: { readonly perSecond: number; readonly atOnce: number },
  now: () => number,
) {
  const levels = new Map<string, { readonly level: number; readonly at: number }>()
  const of = (key: string): number => {
    const { level, at } = levels.get(key) ?? { level: 0, at: 0 }
    return Math.max(0, level - Math.max(0, now() - at) * perSecond / 1000)
  }
  return {
    isFull: (key: string) => of(key) > atOnce - 1,
    add: (key: string) => {
      const level = Math.min(of(key) + 1, atOnce)
      levels.delete(key)
      levels.set(key, { level, at: now() })
      const oldest = levels.keys().next()
      if (levels.size > keysMax && !oldest.done) levels.delete(oldest.value)
    },
  }
}

// Room service: who asks for the console: the other end of the socket, or whom a trusted proxy there speaks for.

import type { Context } from 'hono'
import { addressKey, parseAddress, parseRange, within } from '../lib/addresses.ts'

export interface HttpProxies {
  /** Ranges that the proxies in front are in. */
  readonly from: readonly string[]
  /** Where they write the client's address: its last entry is theirs, what stands before it may be anybody's. */
  readonly header: string
}

/** Nobody is believed. */
export const noProxies: HttpProxies = { from: [], header: 'x-forwarded-for' }

/** Gives whom a request is counted for, as `addressKey` does. Throws RangeError for what is no range. */
export function createClientOf({ from, header }: HttpProxies): (c: Context) => string {
  const ranges = from.map(parseRange)
  return (c) => {
    const socket = socketAddress(c)
    const bytes = parseAddress(socket)
    const trusted = bytes !== null && ranges.some((range) => within(bytes, range))
    const told = trusted ? c.req.header(header)?.split(',').at(-1)?.trim() ?? '' : ''
    return addressKey(parseAddress(told) === null ? socket : told)
  }
}

/** As @hono/node-server passes the socket on. */
function socketAddress(c: Context): string {
  const env = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined
  return env?.incoming?.socket?.remoteAddress ?? 'unknown'
}

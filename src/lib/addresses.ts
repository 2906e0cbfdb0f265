// Room lib: which addresses may be connected to. Whoever may name a base URL or a database must not reach what only this
// machine's network can reach. It is decided on the address that is connected to, so that no name gets round it.

import { Buffer } from 'node:buffer'
import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { isIP, isIPv4, type LookupFunction } from 'node:net'

/** Says of an IP address whether it may be connected to. */
export interface AddressGuard {
  /** May it be connected to? What is no IP address may not. */
  allows(address: string): boolean
  /** Does it allow any that is not public? */
  readonly inside: boolean
}

/** Nothing was sent: the address is not one of the internet, and is not allowed. */
export class AddressNotAllowed extends Error {
  override name = 'AddressNotAllowed'

  constructor(address: string) {
    super(`address not allowed: ${address} is not on the public internet`)
  }
}

/** Every address. */
export const anyAddress: AddressGuard = { allows: () => true, inside: true }

/** What the 16 bytes of an IPv4 address begin with, and how many bits that are. */
const v4Prefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
const v4Bits = 96

/** A range: the first `bits` bits of 16 bytes. */
export interface Range {
  readonly bytes: Uint8Array
  readonly bits: number
}

/** IPv4 addresses that are not on the internet (IANA IPv4 Special-Purpose Address Registry), and Azure's host. */
const privateV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
].map(parseRange)

/** All that the internet uses of IPv6, and what of it is not on the internet (IANA IPv6 Special-Purpose registry). */
const publicV6 = parseRange('2000::/3')
const privateV6 = ['2001::/23', '2001:db8::/32', '3fff::/20'].map(parseRange)
/** What leads to the IPv4 address in its last four bytes, and 6to4, which has it behind the first two. */
const v4Mapped = parseRange('::ffff:0:0/96')
const v4Translated = parseRange('64:ff9b::/96')
const v4Tunnelled = parseRange('2002::/16')

/** A guard that allows the public internet and these ranges (`10.0.0.0/8`, `fd00::/8`, `127.0.0.1`). Throws RangeError. */
export function guardAddresses(allowed: readonly string[]): AddressGuard {
  const ranges = allowed.map(parseRange)
  return {
    inside: ranges.length > 0,
    allows: (address) => {
      const bytes = parseAddress(address)
      return bytes !== null && (ranges.some((range) => within(bytes, range)) || isPublic(bytes))
    },
  }
}

/** What an operator writes: `allow` for every address, else ranges between commas; nothing: the internet only. Throws RangeError. */
export function parseGuard(text: string): AddressGuard {
  if (text.trim() === 'allow') return anyAddress
  return guardAddresses(text.split(',').map((part) => part.trim()).filter((part) => part !== ''))
}

/** Is it an address of the public internet? */
export function isPublicAddress(address: string): boolean {
  const bytes = parseAddress(address)
  return bytes !== null && isPublic(bytes)
}

function isPublic(bytes: Uint8Array): boolean {
  const [v4Bytes, tunnelled] = [bytes.subarray(12), bytes.subarray(2, 6)]
  if (within(bytes, v4Mapped) || within(bytes, v4Translated)) return isPublicV4(v4Bytes)
  if (within(bytes, v4Tunnelled)) return isPublicV4(tunnelled)
  return within(bytes, publicV6) && !privateV6.some((range) => within(bytes, range))
}

function isPublicV4(four: Uint8Array): boolean {
  const bytes = mapV4(four)
  return !privateV4.some((range) => within(bytes, range))
}

/** An IPv4 address, in its form of 16 bytes, is only within a range of IPv4: `::/0` is all of IPv6, and no more. */
export function within(bytes: Uint8Array, range: Range): boolean {
  if (range.bits < v4Bits && v4Prefix.every((byte, index) => bytes[index] === byte)) return false
  for (let bit = 0; bit < range.bits; bit += 8) {
    const mask = range.bits - bit >= 8 ? 0xff : (0xff << (8 - (range.bits - bit))) & 0xff
    const index = bit / 8
    if (((bytes[index] ?? 0) & mask) !== ((range.bytes[index] ?? 0) & mask)) return false
  }
  return true
}

/** 16 bytes, IPv4 as it is mapped into IPv6; null: it is no address. A zone (`%eth0`) does not count. */
export function parseAddress(text: string): Uint8Array | null {
  const address = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '')
  const version = isIP(address)
  if (version === 4) return mapV4(Uint8Array.from(address.split('.'), Number))
  return version === 6 ? parseV6(address) : null
}

function mapV4(four: Uint8Array): Uint8Array {
  return Uint8Array.from([...v4Prefix, ...four])
}

function parseV6(address: string): Uint8Array {
  const dotted = /^(.*:)([0-9.]+)$/.exec(address)
  const four = isIPv4(dotted?.[2] ?? '') ? (dotted?.[2] ?? '').split('.').map(Number) : null
  const hex = (byte: number) => byte.toString(16).padStart(2, '0')
  const [a = 0, b = 0, c = 0, d = 0] = four ?? []
  const text = four === null ? address : `${dotted?.[1]}${hex(a)}${hex(b)}:${hex(c)}${hex(d)}`
  const [head = '', tail] = text.split('::')
  const groups = (part: string) => part === '' ? [] : part.split(':')
  const [first, last] = [groups(head), groups(tail ?? '')]
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length
  const all = [...first, ...Array<string>(zeros).fill('0'), ...last]
  return Uint8Array.from(Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex'))
}

/**
 * Throws RangeError for what is no address with or without a length, and for IPv4 in its IPv6 form with a length that
 * takes in more than IPv4 (`::ffff:10.0.0.0/8`; its own form, `10.0.0.0/8`, is what was meant).
 */
export function parseRange(text: string): Range {
  const [address = '', length, ...more] = text.split('/')
  const bytes = parseAddress(address)
  const bitsMax = isIPv4(address) ? 32 : 128
  const bits = length === undefined ? bitsMax : Number(length)
  const whole = length === undefined || /^\d{1,3}$/.test(length)
  const range = { bytes: bytes ?? new Uint8Array(16), bits: bits + 128 - bitsMax }
  const beyond = range.bits < v4Bits && v4Prefix.every((byte, index) => range.bytes[index] === byte)
  if (bytes === null || more.length > 0 || !whole || bits > bitsMax || beyond) {
    throw new RangeError(`Not a range of addresses: "${text}"`)
  }
  return range
}

/** An address without zone, IPv4 in its own form. */
export function plainAddress(address: string): string {
  const bare = address.replace(/%.*$/, '')
  const bytes = parseAddress(bare)
  return bytes !== null && within(bytes, v4Mapped) ? bytes.subarray(12).join('.') : bare
}

/** Who is counted as one: an IPv4 address; the /56 of an IPv6 address, which is what one customer gets as a rule. */
export function addressKey(address: string): string {
  const bytes = parseAddress(address)
  if (bytes === null || within(bytes, v4Mapped)) return plainAddress(address)
  return `${Buffer.from(bytes.subarray(0, 7)).toString('hex')}::/56`
}

/** Asks for the addresses of a name, as dns.lookup does with `all`. */
export type Resolve = (
  name: string,
  options: { family?: number; all: true },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void

/**
 * The `lookup` of a connection that is to go to allowed addresses only: of what a name stands for now it gives no other.
 * A connection to a literal address asks for no lookup: see `checkLiteral`. Fails with AddressNotAllowed.
 */
export function guardedLookup(
  guard: AddressGuard,
  resolve: Resolve = systemLookup as Resolve,
): LookupFunction {
  return (name, options, callback) => {
    const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : options.family
    resolve(name, { all: true, ...(family === undefined ? {} : { family }) }, (error, found) => {
      if (error) return callback(error, [])
      const allowed = found.filter(({ address }) => guard.allows(address))
      const [first] = allowed
      if (first === undefined) {
        return callback(new AddressNotAllowed(found[0]?.address ?? name), [])
      }
      if (options.all) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

/** Throws AddressNotAllowed where the host is an IP address that is not allowed; a name is left to `guardedLookup`. */
export function checkLiteral(guard: AddressGuard, host: string): void {
  if (parseAddress(host) !== null && !guard.allows(host)) throw new AddressNotAllowed(host)
}

/**
 * What is wrong with a base URL, in words that go after "the URL"; null: nothing. It has to be https, unless it leads to
 * an address that is not public and is allowed: what a name stands for is seen when it is connected to.
 */
export function baseUrlFlaw(text: string, guard: AddressGuard): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) return 'is not an address of the web'
  if (url.username !== '' || url.password !== '') return 'has a user or a password in it'
  if (url.search !== '' || url.hash !== '') return 'has a query or a fragment'
  const { hostname } = url
  const literal = parseAddress(hostname) !== null
  if (literal && !guard.allows(hostname)) return `has an address that is not allowed: ${hostname}`
  if (url.protocol === 'https:') return null
  const inside = literal ? !isPublicAddress(hostname) : guard.inside
  return inside ? null : 'is not https'
}

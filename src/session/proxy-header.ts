// Room session: the header in which a proxy in front tells whom it speaks for: PROXY protocol, version 1 (text) and 2
// (binary). It promises that a header is taken whole or not at all, that nothing longer than the bound is waited for, and
// that what follows it is untouched.
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt

import { Buffer } from 'node:buffer'
import { isIPv4, isIPv6 } from 'node:net'
import { ProtocolViolation } from '../wire/violation.ts'
import { type Peer, plainAddress } from './peer.ts'

/** The longest header of version 2 that is taken, in bytes; what is beyond the addresses (TLVs) is skipped. */
export const proxyHeaderMax = 4_096

/** The longest header of version 1, in bytes with its CRLF (section 2.1). */
const textHeaderMax = 107

/** A header. `peer` null: the proxy speaks for itself (LOCAL), or does not say for whom (UNKNOWN, UNSPEC). */
export interface ProxyHeader {
  readonly peer: Peer | null
  /** Its bytes. */
  readonly size: number
}

/** These bytes are the beginning of no header. The message says why. */
export class NoProxyHeader extends ProtocolViolation {
  override name = 'NoProxyHeader'
}

const textStart = Buffer.from('PROXY ')
const binaryStart = Buffer.from([
  0x0d,
  0x0a,
  0x0d,
  0x0a,
  0,
  0x0d,
  0x0a,
  0x51,
  0x55,
  0x49,
  0x54,
  0x0a,
])
const binaryHeadSize = 16

/** Reads the header at the front; null: it has not come whole. Throws NoProxyHeader. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | null {
  if (begins(bytes, binaryStart)) return readBinary(bytes)
  if (begins(bytes, textStart)) return readText(bytes)
  throw new NoProxyHeader('the connection does not begin with a PROXY header')
}

/** Does somebody speak as a proxy? For the log. */
export function looksProxied(bytes: Uint8Array): boolean {
  return bytes.length > 4 && (begins(bytes, textStart) || begins(bytes, binaryStart))
}

/** Are the bytes, as far as they have come, the start? */
function begins(bytes: Uint8Array, start: Uint8Array): boolean {
  const size = Math.min(bytes.length, start.length)
  return Buffer.compare(bytes.subarray(0, size), start.subarray(0, size)) === 0
}

/** Section 2.1. */
function readText(bytes: Uint8Array): ProxyHeader | null {
  const head = Buffer.from(bytes.subarray(0, textHeaderMax)).toString('latin1')
  const end = head.indexOf('\r\n')
  if (end < 0 && head.length < textHeaderMax) return null
  if (end < 0) throw new NoProxyHeader('the PROXY header is too long')
  const [, family = '', source = '', destination = '', ...ports] = head.slice(0, end).split(' ')
  const size = end + 2
  if (family === 'UNKNOWN') return { peer: null, size }
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : null
  const [port = '', otherPort = ''] = ports
  const whole = ports.length === 2 && isAddress?.(source) && isAddress(destination)
  if (!whole || !isPort(port) || !isPort(otherPort)) {
    throw new NoProxyHeader('the PROXY header is not valid')
  }
  return { peer: { address: plainAddress(source), port: Number(port) }, size }
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

/** Section 2.2. */
function readBinary(bytes: Uint8Array): ProxyHeader | null {
  if (bytes.length < binaryHeadSize) return null
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const [versionAndCommand, family] = [view.readUInt8(12), view.readUInt8(13)]
  const size = binaryHeadSize + view.readUInt16BE(14)
  if (versionAndCommand >>> 4 !== 2) throw new NoProxyHeader('the PROXY version is not known')
  if (size > proxyHeaderMax) throw new NoProxyHeader('the PROXY header is too long')
  if (bytes.length < size) return null
  const command = versionAndCommand & 0xf
  if (command === 0) return { peer: null, size }
  if (command !== 1) throw new NoProxyHeader('the PROXY command is not known')
  return { peer: readAddress(view.subarray(binaryHeadSize, size), family), size }
}

/** Address family in the upper half, transport in the lower: 0x11 is TCP over IPv4, 0x21 TCP over IPv6. */
function readAddress(body: Buffer, family: number): Peer | null {
  switch (family) {
    case 0x11:
      need(body, 12)
      return { address: body.subarray(0, 4).join('.'), port: body.readUInt16BE(8) }
    case 0x21:
      need(body, 36)
      return { address: plainAddress(hexAddress(body)), port: body.readUInt16BE(32) }
    case 0:
      return null
    default:
      throw new NoProxyHeader('the PROXY header is not for TCP')
  }
}

function need(body: Buffer, size: number): void {
  if (body.length < size) throw new NoProxyHeader('the PROXY header is shorter than its addresses')
}

/** As everybody writes it: `new URL` knows the short form (RFC 5952). */
function hexAddress(body: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => body.readUInt16BE(index * 2).toString(16))
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}

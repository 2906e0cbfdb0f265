// Room lib: a certificate for trying out, without openssl: signed by itself, so no client trusts it unless it is told
// to. For `npm start` and for tests; a deployment brings its own.

import { Buffer } from 'node:buffer'
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

const dayMs = 86_400_000

// RFC 5280, appendix A.1: ub-common-name; the names that count are in subjectAltName
const commonNameMax = 64

/**
 * A certificate (X.509 v3, ECDSA on P-256 with SHA-256) and its key, both PEM. `hosts`: the names and IP addresses it is
 * good for, at least one. `days`: how long it is valid; `now`: since when, in milliseconds since 1970.
 */
export function selfSignedCertificate(
  { hosts, days, now = Date.now() }: { hosts: readonly string[]; days: number; now?: number },
): { cert: string; key: string } {
  const [name] = hosts
  if (name === undefined) throw new RangeError('Cannot make a certificate for no host')
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const subject = sequence(
    set(sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from(name.slice(0, commonNameMax))))),
  )
  const tbs = sequence(
    tlv(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serialNumber()),
    ecdsaWithSha256,
    subject, // the issuer
    sequence(time(now - dayMs / 24), time(now + days * dayMs)), // an hour for clocks that differ
    subject,
    spki,
    tlv(0xa3, sequence(...extensions(hosts, spki))),
  )
  const signature = sign('sha256', tbs, privateKey)
  const der = sequence(tbs, ecdsaWithSha256, bitString(signature))
  return {
    cert: pem(der),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

// RFC 5280, section 4.2.1. It is no authority (some clients refuse one as a server) and good for servers only.
function extensions(hosts: readonly string[], spki: Buffer): Buffer[] {
  const keyId = createHash('sha1').update(spki).digest()
  return [
    extension('2.5.29.19', { critical: true, value: sequence() }), // basicConstraints
    extension('2.5.29.15', { critical: true, value: tlv(0x03, Buffer.from([7, 0x80])) }), // digitalSignature
    extension('2.5.29.37', { critical: false, value: sequence(oid('1.3.6.1.5.5.7.3.1')) }), // serverAuth
    extension('2.5.29.14', { critical: false, value: tlv(0x04, keyId) }), // subjectKeyIdentifier
    extension('2.5.29.17', { critical: false, value: sequence(...hosts.map(generalName)) }), // subjectAltName
  ]
}

function extension(
  id: string,
  { critical, value }: { critical: boolean; value: Buffer },
): Buffer {
  const flag = critical ? [tlv(0x01, Buffer.from([0xff]))] : []
  return sequence(oid(id), ...flag, tlv(0x04, value))
}

function generalName(host: string): Buffer {
  return isIP(host) === 0 ? tlv(0x82, Buffer.from(host)) : tlv(0x87, addressBytes(host))
}

/** The 4 or 16 bytes of an IP address. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  // the URL parser writes an IPv6 address in its shortest form, without a part in IPv4 form
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string) => text === '' ? [] : text.split(':')
  const before = groups(head)
  const after = groups(tail ?? '')
  const between = Array<string>(8 - before.length - after.length).fill('0')
  return Buffer.from(
    [...before, ...between, ...after].map((group) => group.padStart(4, '0')).join(''),
    'hex',
  )
}

// DER: X.690, sections 8 and 10

/** Tag, length, value. */
function tlv(tag: number, value: Buffer): Buffer {
  if (value.length < 0x80) return Buffer.concat([Buffer.from([tag, value.length]), value])
  const hex = value.length.toString(16)
  const length = Buffer.from(hex.padStart(hex.length + hex.length % 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, value])
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts))
}

function set(...parts: Buffer[]): Buffer {
  return tlv(0x31, Buffer.concat(parts))
}

function integer(value: Buffer): Buffer {
  return tlv(0x02, value)
}

/** Positive and without leading zeros, as RFC 5280, section 4.1.2.2 wants it. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0] ?? 0) & 0x3f | 0x40
  return bytes
}

function bitString(value: Buffer): Buffer {
  return tlv(0x03, Buffer.concat([Buffer.from([0]), value]))
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...others].flatMap((arc) => {
    const digits = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift(left & 0x7f | 0x80)
    return digits
  })
  return tlv(0x06, Buffer.from(bytes))
}

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))

/** RFC 5280, section 4.1.2.5: UTCTime up to the year 2049, GeneralizedTime from then on. */
function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')
  return digits < '2050' ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits))
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

// Room lib: SSH keys as people have them: the host key that a bastion must show, and whether a private key can be used.

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

/** The host key that a server must show. */
export interface HostKeyPin {
  /** `ssh-ed25519`, …; null: only the fingerprint is known. */
  readonly type: string | null
  /** `SHA256:` and base64 without padding, as ssh-keygen prints it. */
  readonly fingerprint: string
}

const fingerprintForm = /^SHA256:([A-Za-z0-9+/]{43})=?$/
const keyForm = /(?:^|\s)((?:ssh|ecdsa)-[a-z0-9@.-]+)\s+(AAAA[A-Za-z0-9+/]+={0,3})(?:\s|$)/

/**
 * Reads a public key as OpenSSH writes it (`ssh-ed25519 AAAA… comment`, with the host in front as ssh-keyscan prints it) or
 * its fingerprint (`SHA256:…`). Throws RangeError.
 */
export function parseHostKey(text: string): HostKeyPin {
  const [, digest] = fingerprintForm.exec(text.trim()) ?? []
  if (digest !== undefined) return { type: null, fingerprint: `SHA256:${digest}` }
  const [, type = '', base64 = ''] = keyForm.exec(text) ?? []
  const key = Buffer.from(base64, 'base64')
  if (type === '' || keyTypeOf(key) !== type) {
    throw new RangeError(
      'it is a line like "ssh-ed25519 AAAA…", as ssh-keyscan prints it, or "SHA256:…"',
    )
  }
  return { type, fingerprint: fingerprintOf(key) }
}

/** `SHA256:…` of a public key in the form in which it goes over the wire (RFC 4253, 6.6). */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

/** The name with which a public key begins on the wire; empty where it is none. */
export function keyTypeOf(key: Uint8Array): string {
  const bytes = Buffer.from(key)
  if (bytes.length < 4) return ''
  const size = bytes.readUInt32BE(0)
  const name = bytes.subarray(4, 4 + size).toString('latin1')
  return size <= 64 && name.length === size && /^[\x21-\x7e]+$/.test(name) ? name : ''
}

const cipherOffset = 'openssh-key-v1\0'.length

/** What is wrong with a private key, in words that go after "the private key"; null: nothing that can be seen. */
export function privateKeyFlaw(text: string): string | null {
  const [, kind = '', body = ''] =
    /-----BEGIN ([A-Z ]*)PRIVATE KEY-----\s([\s\S]*?)-----END/.exec(text) ?? []
  if (body === '') return 'is none: it begins with "-----BEGIN OPENSSH PRIVATE KEY-----"'
  if (kind === '') return 'is in PKCS#8; write it as OpenSSH does: ssh-keygen -p -N "" -f <file>'
  const locked = 'has a passphrase, which nobody can type here; make a key without one'
  if (kind.includes('ENCRYPTED') || /^Proc-Type: 4,ENCRYPTED/m.test(body)) return locked
  if (kind !== 'OPENSSH ') return null
  const bytes = Buffer.from(body, 'base64')
  if (bytes.length < cipherOffset + 8) return 'is cut short'
  const size = bytes.readUInt32BE(cipherOffset)
  const cipher = bytes.subarray(cipherOffset + 4, cipherOffset + 4 + size).toString('latin1')
  return cipher === 'none' ? null : locked
}

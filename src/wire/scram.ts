// Room wire: SCRAM-SHA-256 (RFC 5802, RFC 7677) as pure steps, the way Postgres does it: verifiers, the server's side,
// and what both sides share. The client's side is in scram-client.ts. Channel binding is not offered.

import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Buffer } from 'node:buffer'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { saslprep } from './saslprep.ts'
import { textKey } from './text.ts'
import { ProtocolViolation } from './violation.ts'
import { encodeText } from './writer.ts'

export const scramMechanism = 'SCRAM-SHA-256'

/** Postgres's scram_iterations. */
export const scramIterations = 4096

/** The longest message of an exchange that is looked at, in bytes. */
export const scramSizeMax = 4096

const keySize = 32
const saltSize = 16

/** What a server keeps instead of the password. */
export interface ScramVerifier {
  readonly iterations: number
  readonly salt: Uint8Array
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** HMAC-SHA-256. Text is bytes, one a character, as `scramText` gives them. */
export function hmac(key: Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data, 'latin1').digest()
}

export function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest()
}

const pbkdf2Async = promisify(pbkdf2)

/** The salted password; computed off the event loop. */
export function saltPassword(
  password: string,
  { salt, iterations }: { salt: Uint8Array; iterations: number },
): Promise<Buffer> {
  return pbkdf2Async(saslprep(password), salt, iterations, keySize, 'sha256')
}

/**
 * The verifier of a password, as Postgres stores it: `SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>`, base64.
 * The salt is random when absent.
 */
export async function makeVerifier(
  password: string,
  options: { salt?: Uint8Array; iterations?: number } = {},
): Promise<string> {
  const { salt = randomBytes(saltSize), iterations = scramIterations } = options
  const salted = await saltPassword(password, { salt, iterations })
  const storedKey = encodeBase64(sha256(hmac(salted, 'Client Key')))
  const serverKey = encodeBase64(hmac(salted, 'Server Key'))
  return `${scramMechanism}$${iterations}:${encodeBase64(salt)}$${storedKey}:${serverKey}`
}

const verifierForm = /^SCRAM-SHA-256\$([1-9][0-9]{0,8}):([^$:]+)\$([^$:]+):([^$:]+)$/

/** The parts of a verifier, or null if it is none. */
export function parseVerifier(text: string): ScramVerifier | null {
  const match = verifierForm.exec(text)
  if (match === null) return null
  const [salt, storedKey, serverKey] = match.slice(2).map(decodeBase64)
  if (!salt || storedKey?.length !== keySize || serverKey?.length !== keySize) return null
  return { iterations: Number(match[1]), salt, storedKey, serverKey }
}

/**
 * A verifier that no password fits, for a user who does not exist: the exchange looks the same as with one who does.
 * The salt depends on the name and a secret that lasts, so that asking twice tells nothing
 * (mock_scram_secret in Postgres's auth-scram.c).
 */
export function mockVerifier(user: string, secret: Uint8Array): ScramVerifier {
  const derive = (what: string) => hmac(secret, `${what}\0${textKey(encodeText(user))}`)
  return {
    iterations: scramIterations,
    salt: derive('salt').subarray(0, saltSize),
    storedKey: derive('stored'),
    serverKey: derive('server'),
  }
}

/** The server's side after its first message. */
export interface ScramServer {
  /** To be sent in AuthenticationSASLContinue. */
  readonly serverFirst: string
  readonly nonce: string
  readonly clientFirstBare: string
  readonly gs2Header: string
  readonly verifier: ScramVerifier
}

/** A nonce of 18 random bytes, as Postgres's. */
export function makeNonce(random: (size: number) => Uint8Array = randomBytes): string {
  return encodeBase64(random(18))
}

/** Malformed, with Postgres's message and a detail. */
export function malformed(detail: string): ProtocolViolation {
  return new ProtocolViolation('malformed SCRAM message', { detail })
}

/** A message as text, one character a byte: it is signed as it came, whatever the encoding of the name in it. */
export function scramText(data: Uint8Array): string {
  if (data.length === 0) throw malformed('The message is empty.')
  if (data.length > scramSizeMax) throw malformed('The message is too long.')
  if (data.includes(0)) throw malformed('Message length does not match input length.')
  return textKey(data)
}

// RFC 5802, section 7: printable ASCII but the comma
const nonceForm = /^[\x21-\x2b\x2d-\x7e]+$/
const gs2Form = /^(n|y),([^,]*),/

/**
 * Takes the client's first message and makes the server's. `nonce`: the server's part.
 * Throws ProtocolViolation for what is malformed or asks for what is not offered (channel binding, another identity).
 * The name in the message is not looked at: the user is that of the StartupMessage.
 */
export function startScramServer(
  clientFirst: Uint8Array,
  { verifier, nonce }: { verifier: ScramVerifier; nonce: string },
): ScramServer {
  const text = scramText(clientFirst)
  if (text.startsWith('p')) {
    throw malformed(
      'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
    )
  }
  const gs2 = gs2Form.exec(text)
  if (gs2 === null) throw malformed('Unexpected channel-binding flag.')
  if (gs2[2] !== '') {
    throw new ProtocolViolation('client uses authorization identity, but it is not supported', {
      sqlstate: '0A000',
    })
  }
  const clientFirstBare = text.slice(gs2[0].length)
  if (clientFirstBare.startsWith('m=')) {
    throw new ProtocolViolation('client requires an unsupported SCRAM extension', {
      sqlstate: '0A000',
    })
  }
  const [name, clientNonce] = clientFirstBare.split(',')
  if (!name?.startsWith('n=')) throw malformed('Attribute "n" expected.')
  if (!clientNonce?.startsWith('r=')) throw malformed('Attribute "r" expected.')
  if (!nonceForm.test(clientNonce.slice(2))) {
    throw new ProtocolViolation('non-printable characters in SCRAM nonce')
  }
  const whole = clientNonce.slice(2) + nonce
  const serverFirst = `r=${whole},s=${encodeBase64(verifier.salt)},i=${verifier.iterations}`
  return { serverFirst, nonce: whole, clientFirstBare, gs2Header: gs2[0], verifier }
}

/**
 * Takes the client's final message. Returns the server's final message, or null if the proof is not that of the
 * password. Throws ProtocolViolation for what is malformed. Takes the same time whether or not the proof fits.
 */
export function finishScramServer(server: ScramServer, clientFinal: Uint8Array): string | null {
  const text = scramText(clientFinal)
  const proofAt = text.lastIndexOf(',p=')
  if (proofAt < 0) throw malformed('Attribute "p" expected.')
  const withoutProof = text.slice(0, proofAt)
  const proof = decodeBase64(text.slice(proofAt + 3))
  if (proof?.length !== keySize) throw malformed('Malformed proof in client-final-message.')
  const [binding, nonce] = withoutProof.split(',')
  if (binding !== `c=${encodeBase64(server.gs2Header)}`) {
    throw new ProtocolViolation(
      'unexpected SCRAM channel-binding attribute in client-final-message',
    )
  }
  if (nonce !== `r=${server.nonce}`) {
    throw new ProtocolViolation('invalid SCRAM response', { detail: 'Nonce does not match.' })
  }
  const { storedKey, serverKey } = server.verifier
  const authMessage = `${server.clientFirstBare},${server.serverFirst},${withoutProof}`
  const clientKey = xor(proof, hmac(storedKey, authMessage))
  const signature = encodeBase64(hmac(serverKey, authMessage))
  return timingSafeEqual(sha256(clientKey), storedKey) ? `v=${signature}` : null
}

/** Two keys, bit by bit. */
export function xor(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.map((byte, index) => byte ^ (other[index] ?? 0))
}

/** The answer to AuthenticationMD5Password: `md5` and md5(md5(password, user), salt) in hexadecimal. */
export function hashMD5Password(
  { user, password, salt }: { user: string; password: string; salt: Uint8Array },
): string {
  const inner = createHash('md5').update(password).update(user).digest('hex')
  return `md5${createHash('md5').update(inner).update(salt).digest('hex')}`
}

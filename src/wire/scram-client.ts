// Room wire: the client's side of SCRAM-SHA-256, with bounds against a hostile server: it does no more work than agreed,
// and no server is trusted that has not proved that it knows the password.

import { timingSafeEqual } from 'node:crypto'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { hmac, malformed, saltPassword, scramText, sha256, xor } from './scram.ts'
import { ProtocolViolation } from './violation.ts'

/** The most iterations that a server may ask for; about half a second of one core. */
export const scramIterationsMax = 1_000_000

/** The client's side after its first message. */
export interface ScramClient {
  /** To be sent in SASLInitialResponse. */
  readonly clientFirst: string
  readonly nonce: string
}

/** The client's side after its final message. */
export interface ScramProof {
  /** To be sent in SASLResponse. */
  readonly clientFinal: string
  /** What the server must answer. */
  readonly serverSignature: Uint8Array
}

/** Begins an exchange. The name is left empty, as libpq does: the server goes by the StartupMessage. */
export function startScramClient(nonce: string): ScramClient {
  return { clientFirst: `n,,n=,r=${nonce}`, nonce }
}

const serverFirstForm = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})$/

/**
 * Takes the server's first message and makes the client's final one; the key is computed off the event loop.
 * Throws ProtocolViolation for what is malformed, for a nonce that does not continue ours, and for more than
 * `scramIterationsMax` iterations.
 */
export async function proveScramClient(
  client: ScramClient,
  { serverFirst, password }: { serverFirst: Uint8Array; password: string },
): Promise<ScramProof> {
  const text = scramText(serverFirst)
  const match = serverFirstForm.exec(text)
  if (match === null) throw malformed('The first message of the server is not valid.')
  const [nonce = '', salt, iterations] = [match[1], decodeBase64(match[2] ?? ''), Number(match[3])]
  if (salt === null) throw malformed('The salt is not base64.')
  if (!nonce.startsWith(client.nonce) || nonce.length === client.nonce.length) {
    throw new ProtocolViolation('invalid SCRAM response', { detail: 'Nonce does not match.' })
  }
  if (iterations > scramIterationsMax) {
    throw new ProtocolViolation('invalid SCRAM response', {
      detail: `The server asks for ${iterations} iterations, more than ${scramIterationsMax}.`,
    })
  }
  const salted = await saltPassword(password, { salt, iterations })
  const clientKey = hmac(salted, 'Client Key')
  const withoutProof = `c=${encodeBase64('n,,')},r=${nonce}`
  const authMessage = `n=,r=${client.nonce},${text},${withoutProof}`
  const proof = xor(clientKey, hmac(sha256(clientKey), authMessage))
  return {
    clientFinal: `${withoutProof},p=${encodeBase64(proof)}`,
    serverSignature: hmac(hmac(salted, 'Server Key'), authMessage),
  }
}

/** Did the server prove that it knows the password? Throws ProtocolViolation when its message is malformed. */
export function verifyScramServer(proof: ScramProof, serverFinal: Uint8Array): boolean {
  const text = scramText(serverFinal)
  if (text.startsWith('e=')) {
    throw new ProtocolViolation('SCRAM exchange failed', { detail: 'The server reports an error.' })
  }
  const signature = decodeBase64(/^v=([A-Za-z0-9+/=]+)(?:,|$)/.exec(text)?.[1] ?? '!')
  if (signature === null) throw malformed('The final message of the server is not valid.')
  return signature.length === proof.serverSignature.length &&
    timingSafeEqual(signature, proof.serverSignature)
}

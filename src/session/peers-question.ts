// Room session: what one listener asks another: is the session with this key yours? It promises that only who has the
// secret that the listeners share can ask, and that a question that was overheard is of no use a minute later.

import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { cancelKeySizeMax } from '../wire/startup.ts'

/** What a CancelRequest finds its session by. */
export interface SessionKey {
  readonly pid: number
  /** 1 to 256 bytes; four before protocol 3.2. */
  readonly secret: Uint8Array
}

export interface Question {
  /** Once for each question, whoever is asked it. */
  readonly id: string
  /** When it was asked, in milliseconds since 1970. */
  readonly atMs: number
  readonly key: SessionKey
}

/** As it travels: the body and the header `authorization`. */
export interface Sealed {
  readonly body: string
  readonly authorization: string
}

/** Where a listener takes questions, at its HTTP port. */
export const questionPath = '/cancel'

/** The longest body, in bytes: a secret of 256 bytes takes some 450. */
export const questionBytesMax = 1_024

/** How far the clocks of two listeners may be apart, in milliseconds. */
export const skewMs = 60_000

const scheme = 'HMAC-SHA256'
const purpose = 'sluice: cancel at a peer, 1'

/** The key of the questions, from the secret that the listeners share: 32 bytes that are for nothing else. */
export function questionKey(secret: string): Uint8Array {
  return createHmac('sha256', secret).update(purpose).digest()
}

export function sealQuestion({ id, atMs, key }: Question, sealKey: Uint8Array): Sealed {
  const secret = Buffer.from(key.secret).toString('base64')
  const body = JSON.stringify({ id, at: atMs, pid: key.pid, secret })
  return { body, authorization: `${scheme} ${macOf(body, sealKey).toString('base64')}` }
}

/** Null: it is not from one of us, or not of this minute. */
export function openQuestion(
  { body, authorization }: Sealed,
  { sealKey, nowMs }: { sealKey: Uint8Array; nowMs: number },
): Question | null {
  const [name, text = ''] = authorization.split(' ')
  const shown = Buffer.from(text, 'base64')
  const mac = macOf(body, sealKey)
  if (name !== scheme || shown.length !== mac.length || !timingSafeEqual(shown, mac)) return null
  const question = readQuestion(body)
  return question !== null && Math.abs(nowMs - question.atMs) <= skewMs ? question : null
}

function macOf(body: string, sealKey: Uint8Array): Buffer {
  return createHmac('sha256', sealKey).update(body).digest()
}

/** Null: a listener of another version means something else by it. */
function readQuestion(body: string): Question | null {
  const { id, at, pid, secret } = fieldsOf(body)
  if (typeof id !== 'string' || typeof at !== 'number' || typeof pid !== 'number') return null
  if (typeof secret !== 'string') return null
  const bytes = Uint8Array.from(Buffer.from(secret, 'base64'))
  if (bytes.length === 0 || bytes.length > cancelKeySizeMax) return null
  return { id, atMs: at, key: { pid, secret: bytes } }
}

function fieldsOf(body: string): Readonly<Record<string, unknown>> {
  try {
    return { ...JSON.parse(body) as Record<string, unknown> }
  } catch {
    return {}
  }
}

// Room platforms: is a delivery from Stripe, and not too old? Source: Stripe documentation, "Verify webhook signatures
// manually": `Stripe-Signature: t=<seconds>,v1=<hex>,…`, HMAC-SHA256 of `<seconds>.<body>`; while a secret is rolled there
// is a `v1` for each that is good.

import { Buffer } from 'node:buffer'
import { hmacSha256, isSameDigest } from '../signature.ts'

/** By how much the time of a signature and ours may differ, in seconds; so Stripe's own libraries. */
export const toleranceS = 300

const headerMax = 4096
const signaturesMax = 16

export interface Signed {
  readonly header: string | undefined
  readonly body: Uint8Array
  readonly secret: string
  /** Milliseconds since 1970. */
  readonly now: number
}

/** Why it is not believed; null: it is Stripe's. */
export function distrust({ header, body, secret, now }: Signed): string | null {
  if (header === undefined) return 'it is not signed'
  if (header.length > headerMax) return 'its signature is too long'
  if (secret === '') return 'there is no secret to check it with'
  const pairs = header.split(',').map((part) => part.trim().split('=', 2))
  const [time = ''] = valuesOf(pairs, 't')
  const signatures = valuesOf(pairs, 'v1').filter((text) => /^[0-9a-f]{64}$/.test(text))
  if (!/^\d{1,12}$/.test(time) || signatures.length === 0) return 'its signature cannot be read'
  if (signatures.length > signaturesMax) return 'it has too many signatures'
  const digest = hmacSha256(secret, `${time}.`, body)
  const matches = signatures.filter((text) => isSameDigest(Buffer.from(text, 'hex'), digest))
  if (matches.length === 0) return 'its signature is wrong'
  const apartS = Math.abs(now / 1000 - Number(time))
  return apartS > toleranceS ? 'its signature is too old, or our clock is wrong' : null
}

function valuesOf(pairs: readonly (readonly string[])[], name: string): string[] {
  return pairs.flatMap(([key, value]) => key === name && value !== undefined ? [value] : [])
}

// Room platforms: what deliveries are signed with, made and compared.

import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * HMAC with SHA-256 (RFC 2104) of the parts, one after the other with nothing between them. Strings count as UTF-8.
 * @returns 32 bytes
 */
export function hmacSha256(
  secret: string | Uint8Array,
  ...parts: readonly (string | Uint8Array)[]
): Uint8Array {
  const hmac = createHmac('sha256', secret)
  for (const part of parts) hmac.update(part)
  return new Uint8Array(hmac.digest())
}

/** Whether two digests are the same bytes. The time it takes tells nothing but their lengths. */
export function isSameDigest(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

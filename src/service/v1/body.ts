// Room service: a request's body, read within a bound, whether its length was told or not. (Hono's own limit makes a new
// Request where it was not, which Deno refuses for the requests of @hono/node-server.)

import { fault } from '../../mutation/fault.ts'

/** The longest body, in bytes. */
export const bodyBytesMax = 8 * 1_048_576

/** The whole body; empty where there is none. Throws `bad_request` when it is longer than `bytesMax`. */
export async function readBody(
  { headers, body }: Request,
  bytesMax: number = bodyBytesMax,
): Promise<Uint8Array> {
  if (Number(headers.get('content-length') ?? 0) > bytesMax) throw tooLarge(bytesMax)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > bytesMax) throw tooLarge(bytesMax)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLarge(bytesMax: number): Error {
  return fault('bad_request', {
    message: 'request body is too large, nothing was sent',
    detail: `At most ${bytesMax} bytes are taken.`,
  })
}

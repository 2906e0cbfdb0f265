// Room service: the body of a delivery, read within a bound and a time: who sends it is not known before it is all there.

import { Buffer } from 'node:buffer'
import { withDeadline } from '../lib/deadline.ts'

/** long: more than `bytesMax`. late: it was not there after `waitMs`, or whoever sent it has gone. */
export async function readDelivery(
  request: Request,
  { bytesMax, waitMs }: { readonly bytesMax: number; readonly waitMs: number },
): Promise<Uint8Array | 'long' | 'late'> {
  // a body that nobody has looked at is thrown away by the server, and the connection stays
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) return 'long'
  const { body } = request
  if (body === null) return new Uint8Array()
  const reader = body.getReader()
  try {
    return await withDeadline(readAll(reader, bytesMax), { waitMs, what: 'Reading a delivery' })
  } catch {
    return 'late'
  } finally {
    // what is not read yet is of no use; the server closes the connection
    reader.cancel().catch(() => {})
  }
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  bytesMax: number,
): Promise<Uint8Array | 'long'> {
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks)
    size += value.length
    if (size > bytesMax) return 'long'
    chunks.push(value)
  }
}

// Room session: errors without their CONTEXT, which may hold what a client must not see.

import { Buffer } from 'node:buffer'
import { headerSize } from '../wire/frames.ts'

const contextField = 'W'.charCodeAt(0)

/**
 * An ErrorResponse without its field W. A session may have asked for parameters in it
 * (`log_parameter_max_length_on_error`), and one of those of our own statements is a mac.
 */
export function withoutContext(frame: Uint8Array): Uint8Array {
  const fields: Uint8Array[] = []
  for (let at = headerSize; (frame[at] ?? 0) !== 0;) {
    const end = frame.indexOf(0, at) + 1
    if (end === 0) return frame // no ErrorResponse
    if (frame[at] !== contextField) fields.push(frame.subarray(at, end))
    at = end
  }
  const body = Buffer.concat([...fields, Uint8Array.of(0)])
  const head = Buffer.alloc(headerSize, frame[0])
  head.writeInt32BE(body.length + headerSize - 1, 1)
  return Buffer.concat([head, body])
}

// Room session: errors of Postgres's with a field more or less: their CONTEXT may hold what a client must not see.

import { Buffer } from 'node:buffer'
import { headerSize } from '../wire/frames.ts'

const contextField = 'W'.charCodeAt(0)

/**
 * An ErrorResponse without its field W. A session may have asked for parameters in it
 * (`log_parameter_max_length_on_error`), and one of those of our own statements is a mac.
 */
export function withoutContext(frame: Uint8Array): Uint8Array {
  return rebuilt(frame, (letter) => letter !== contextField)
}

/** An ErrorResponse with this field in place of what it may have had there. */
export function withField(
  frame: Uint8Array,
  { letter, text }: { letter: string; text: string },
): Uint8Array {
  const field = letter.charCodeAt(0)
  return rebuilt(frame, (known) => known !== field, [Buffer.from(`${letter}${text}\0`)])
}

function rebuilt(
  frame: Uint8Array,
  keep: (field: number) => boolean,
  more: readonly Uint8Array[] = [],
): Uint8Array {
  const fields: Uint8Array[] = []
  for (let at = headerSize; (frame[at] ?? 0) !== 0;) {
    const end = frame.indexOf(0, at) + 1
    if (end === 0) return frame // no ErrorResponse
    if (keep(frame[at] ?? 0)) fields.push(frame.subarray(at, end))
    at = end
  }
  const body = Buffer.concat([...fields, ...more, Uint8Array.of(0)])
  const head = Buffer.alloc(headerSize, frame[0])
  head.writeInt32BE(body.length + headerSize - 1, 1)
  return Buffer.concat([head, body])
}

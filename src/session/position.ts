// Room session: positions in errors: where a statement is part of a longer text, Postgres's count starts at the statement.

import { Buffer } from 'node:buffer'
import { headerSize } from '../wire/frames.ts'

const positionField = 'P'.charCodeAt(0)

/** An ErrorResponse or NoticeResponse with its field P, if it has one, so many characters further on. */
export function shiftPosition(frame: Uint8Array, characters: number): Uint8Array {
  if (characters === 0) return frame
  for (let at = headerSize; (frame[at] ?? 0) !== 0;) {
    const end = frame.indexOf(0, at)
    if (end < 0) return frame
    if (frame[at] === positionField) return shifted(frame, { from: at + 1, end, characters })
    at = end + 1
  }
  return frame
}

function shifted(
  frame: Uint8Array,
  { from, end, characters }: { from: number; end: number; characters: number },
): Uint8Array {
  const position = Number(Buffer.from(frame.subarray(from, end)).toString('latin1')) + characters
  const next = Buffer.concat([
    frame.subarray(0, from),
    Buffer.from(String(position)),
    frame.subarray(end),
  ])
  next.writeInt32BE(next.length - 1, 1)
  return next
}

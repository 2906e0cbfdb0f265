// Room session: parts of a text as the bytes that the client has sent for them.

import { Buffer } from 'node:buffer'
import { fault } from '../mutation/fault.ts'
import type { WireText } from '../wire/text.ts'
import { characterSize, decoderFor, isUtf8 } from './encoding.ts'

/** A part of a text: its bytes, and how many characters stand before it, as Postgres counts positions. */
export interface Part {
  readonly text: string
  readonly bytes: Uint8Array
  readonly charactersBefore: number
}

/**
 * Cuts parts out, each of which begins where the one before has ended or later; `start` and `end` in UTF-16 units.
 * Throws `form_not_supported` where the text does not tell which bytes they are.
 */
export function cutter(
  { text, bytes }: WireText,
  encoding: string,
): (start: number, end: number) => Part {
  const advance = stepsOf({ text, bytes }, encoding)
  let [units, offset, characters] = [0, 0, 0]
  const skip = (to: number): string => {
    const passed = text.slice(units, to)
    units = to
    offset = advance(offset, passed)
    characters += charactersOf(passed)
    return passed
  }
  return (start, end) => {
    skip(start)
    const [from, charactersBefore] = [offset, characters]
    return { text: skip(end), bytes: bytes.subarray(from, offset), charactersBefore }
  }
}

/** As Postgres counts them: half of a surrogate pair is none. */
function charactersOf(text: string): number {
  return text.length - (text.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0)
}

/** Where a piece of the text ends that begins at a byte. */
function stepsOf(
  { text, bytes }: WireText,
  encoding: string,
): (offset: number, piece: string) => number {
  // one byte for each character, as in the encodings with one byte, and wherever all is ASCII
  if (text.length === bytes.length) return (offset, piece) => offset + piece.length
  if (isUtf8(encoding) && Buffer.from(text).equals(bytes)) {
    return (offset, piece) => offset + Buffer.byteLength(piece)
  }
  const [size, decode] = [characterSize(encoding), decoderFor(encoding)]
  if (size === null || decode === null) throw cannotCut(encoding)
  return (offset, piece) => {
    let end = offset
    for (let left = charactersOf(piece); left > 0; left--) end += size(bytes, end)
    if (decode(bytes.subarray(offset, end)) !== piece) throw cannotCut(encoding)
    return end
  }
}

function cannotCut(encoding: string): Error {
  return fault('form_not_supported', {
    message:
      `several statements, or an EXPLAIN, in one string are not supported with these characters in client_encoding ${encoding}`,
    detail: 'The text cannot be told from bytes that are not of the encoding. Nothing was sent.',
    hint: 'Send the statements one by one, or set client_encoding to UTF8.',
  })
}

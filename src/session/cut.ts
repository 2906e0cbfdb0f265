// Room session: parts of a text as the bytes that the client has sent for them.

import { Buffer } from 'node:buffer'
import { fault } from '../mutation/fault.ts'
import type { WireText } from '../wire/text.ts'
import { isUtf8 } from './encoding.ts'

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
  const width = widthOf({ text, bytes }, encoding)
  let [units, offset, characters] = [0, 0, 0]
  const skip = (to: number): string => {
    const passed = text.slice(units, to)
    units = to
    offset += width(passed)
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

/** How many bytes a piece of the text has. */
function widthOf({ text, bytes }: WireText, encoding: string): (piece: string) => number {
  // one byte for each character, as in the encodings with one byte, and wherever all is ASCII
  if (text.length === bytes.length) return (piece) => piece.length
  const exact = isUtf8(encoding) && Buffer.from(text).equals(bytes)
  if (exact) return (piece) => Buffer.byteLength(piece)
  throw fault('form_not_supported', {
    message: `a statement in this form is not supported in client_encoding ${encoding}`,
    detail: 'Its text cannot be taken apart. Nothing was sent.',
    hint: 'Send the statements one by one, or set client_encoding to UTF8.',
  })
}

// Room wire: names and SQL are byte strings in the client's encoding. The bytes are kept to be forwarded as they are;
// the text is for looking at.

import { Buffer } from 'node:buffer'

/** Turns bytes of the client's encoding into text. May be lossy; must not throw. */
export type Decode = (bytes: Uint8Array) => string

/** A byte string as it came, without its NUL, and its text. */
export interface WireText {
  readonly bytes: Uint8Array
  /** Lossy where the bytes are not of the encoding: compare with `textKey` then, never by this. */
  readonly text: string
}

// ignoreBOM: a byte order mark is a character like any other to Postgres; dropping it would shift every position
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** UTF-8; bytes that are none become U+FFFD. */
export const decodeUtf8: Decode = (bytes) => utf8.decode(bytes)

/** A key for maps, the same for the same bytes and only for them. */
export function textKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

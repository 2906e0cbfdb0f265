// Room wire: reading the fields of one message, with the errors of Postgres's own pqformat.c.

import { Buffer } from 'node:buffer'
import type { Decode, WireText } from './text.ts'
import { ProtocolViolation } from './violation.ts'

/** Reads from the front. Every method throws ProtocolViolation where the message ends too soon. */
export class Cursor {
  readonly #bytes: Buffer
  readonly #decode: Decode
  #at: number

  /** `from`: position of the first byte to read. */
  constructor(bytes: Uint8Array, { from, decode }: { from: number; decode: Decode }) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#decode = decode
    this.#at = from
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  int8(): number {
    return this.#bytes.readUInt8(this.#advance(1))
  }

  /** Unsigned, as Postgres reads counts. */
  uint16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4))
  }

  /** An object identifier. */
  uint32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4))
  }

  /** A view of so many bytes. */
  bytes(size: number): Uint8Array {
    const start = this.#advance(size)
    return this.#bytes.subarray(start, start + size)
  }

  /** A view of everything that is left. */
  remainder(): Uint8Array {
    return this.bytes(this.left)
  }

  /** A length and bytes; the length -1 is null. */
  value(): Uint8Array | null {
    const size = this.int32()
    return size === -1 ? null : this.bytes(size)
  }

  /** A string that ends in NUL. */
  text(): WireText {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end < 0) throw new ProtocolViolation('invalid string in message')
    const bytes = this.#bytes.subarray(this.#at, end)
    this.#at = end + 1
    return { bytes, text: this.#decode(bytes) }
  }

  /** So many items. A count that the message cannot hold ends at its end, before it costs memory. */
  list<T>(count: number, read: () => T): T[] {
    const items: T[] = []
    for (let index = 0; index < count; index += 1) items.push(read())
    return items
  }

  /** The message must be over. */
  end(): void {
    if (this.left !== 0) throw new ProtocolViolation('invalid message format')
  }

  #advance(size: number): number {
    if (size < 0 || size > this.left) {
      throw new ProtocolViolation('insufficient data left in message')
    }
    const start = this.#at
    this.#at += size
    return start
  }
}

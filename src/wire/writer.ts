// Room wire: the one primitive for writing messages: a type, a hole for the length, the body, then the length.

import { Buffer } from 'node:buffer'
import { assert } from '../lib/assert.ts'

/** Text is written as UTF-8, bytes as they are. */
export type Text = string | Uint8Array

const encoder = new TextEncoder()

/** The bytes of a text. */
export function encodeText(text: Text): Uint8Array {
  return typeof text === 'string' ? encoder.encode(text) : text
}

/** A buffer that grows. Integers are big-endian, as the protocol has them. */
export class Writer {
  #bytes = Buffer.allocUnsafe(256)
  #size = 0

  /** A whole message. `tag`: its type, one character, or null for the messages of a startup, which have none. */
  message(tag: string | null, fill: (writer: Writer) => void): this {
    if (tag !== null) this.int8(tag.charCodeAt(0))
    const start = this.#size
    this.int32(0)
    fill(this)
    this.#bytes.writeInt32BE(this.#size - start, start)
    return this
  }

  int8(value: number): this {
    this.#reserve(1)
    this.#size = this.#bytes.writeUInt8(value, this.#size)
    return this
  }

  /** A count or a format code: unsigned, as Postgres reads them. */
  int16(value: number): this {
    this.#reserve(2)
    this.#size = this.#bytes.writeUInt16BE(value & 0xffff, this.#size)
    return this
  }

  int32(value: number): this {
    this.#reserve(4)
    this.#size = this.#bytes.writeInt32BE(value | 0, this.#size)
    return this
  }

  bytes(bytes: Uint8Array): this {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#size)
    this.#size += bytes.length
    return this
  }

  /** A string and its NUL. A NUL inside would begin another field, so it is refused. */
  cstring(text: Text): this {
    const bytes = encodeText(text)
    assert(!bytes.includes(0), 'a string of the protocol holds no NUL')
    return this.bytes(bytes).int8(0)
  }

  /** A length and bytes; null is the length -1. */
  value(bytes: Uint8Array | null): this {
    return bytes === null ? this.int32(-1) : this.int32(bytes.length).bytes(bytes)
  }

  /** A copy of what has been written. */
  take(): Uint8Array {
    return Uint8Array.from(this.#bytes.subarray(0, this.#size))
  }

  #reserve(size: number): void {
    const needed = this.#size + size
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#size))
    this.#bytes = grown
  }
}

/** One message: its type and what `fill` writes as the body. */
export function encodeMessage(tag: string | null, fill: (writer: Writer) => void): Uint8Array {
  return new Writer().message(tag, fill).take()
}

// Room session: the client's side of the connection: bytes in, in order and with back-pressure; bytes out.

import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { createFrameReader, type Frame, type FrameReader, frontendSizeMax } from '../wire/frames.ts'
import { ProtocolViolation } from '../wire/violation.ts'

/** What a client may send ahead while a mutation runs before Sluice stops reading, in bytes. */
const aheadMax = 1_048_576

/** The next message has a length that Postgres does not take: it ends the connection without a word. */
export class Unreadable extends ProtocolViolation {
  override name = 'Unreadable'
}

/** The next message is one that Postgres takes, and too long to be taken apart: see `passLong`. */
export class TooLong extends ProtocolViolation {
  override name = 'TooLong'
  readonly tag: number
  /** Of the whole message, in bytes. */
  readonly size: number

  constructor({ tag, size, sizeMax }: { tag: number; size: number; sizeMax: number }) {
    super(`a message of ${size - 1} bytes is too long`, {
      sqlstate: '54000',
      detail: `Here it may have at most ${sizeMax} bytes.`,
    })
    this.tag = tag
    this.size = size
  }
}

/** Frames that the session looks at one by one. */
export class FrameQueue {
  readonly #stream: Duplex
  readonly #frameMax: number
  readonly #sizeMax: number
  #reader: FrameReader
  #buffered = 0
  #wake: ((interrupted: boolean) => void) | null = null
  #ended = false

  /** `frameMax`: the longest frame taken apart, in bytes. `sizeMax`: the longest one that passes, without its tag. */
  constructor(stream: Duplex, { frameMax, sizeMax }: { frameMax: number; sizeMax: number }) {
    this.#stream = stream
    this.#frameMax = frameMax
    this.#sizeMax = sizeMax
    this.#reader = this.#newReader()
  }

  #newReader(): FrameReader {
    return createFrameReader({ sizeMax: (tag) => Math.min(this.#frameMax, frontendSizeMax(tag)) })
  }

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes)
    this.#buffered += bytes.length
    if (this.#buffered > aheadMax) this.#stream.pause()
    this.#resolve(false)
  }

  /** No more bytes will come. */
  end(): void {
    this.#ended = true
    this.#resolve(true)
  }

  /**
   * Waits for the next whole frame, which lives until the next call. Null: the wait was interrupted, or there will be no
   * other frame.
   */
  async take(): Promise<Frame | null> {
    for (;;) {
      const frame = this.next()
      if (frame !== undefined) return frame
      if (this.#ended) return null
      if (await this.#wait()) return null
    }
  }

  /** Ends a wait of `take`. False: there is none. */
  interrupt(): boolean {
    return this.#resolve(true)
  }

  #resolve(interrupted: boolean): boolean {
    const wake = this.#wake
    this.#wake = null
    wake?.(interrupted)
    return wake !== null
  }

  /** The next whole frame. Throws Unreadable and TooLong. */
  next(): Frame | undefined {
    const frame = this.#read()
    if (frame !== undefined) this.#buffered -= frame.bytes.length
    if (this.#buffered <= aheadMax || frame === undefined) this.#stream.resume()
    return frame
  }

  #read(): Frame | undefined {
    try {
      return this.#reader.next()
    } catch {
      const rest = Buffer.from(this.#reader.rest())
      const [tag, size] = [rest.readUInt8(0), rest.readUInt32BE(1)]
      if (size < 4 || size > frontendSizeMax(tag)) throw new Unreadable('invalid message length')
      throw new TooLong({ tag, size: size + 1, sizeMax: this.#frameMax })
    }
  }

  /** Throws the message where it may not even pass. */
  admit(message: TooLong): void {
    if (message.size > this.#sizeMax + 1) throw message
  }

  /**
   * Gives the bytes of a message that is too long to `take`, as they come, up to its end or that of the client. Throws as
   * `admit`.
   */
  async passLong(message: TooLong, take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    this.admit(message)
    const { size } = message
    for (let left = size; left > 0;) {
      const bytes = this.drain()
      if (bytes.length > left) this.push(bytes.subarray(left))
      const part = bytes.subarray(0, left)
      left -= part.length
      if (part.length > 0) await take(part)
      else if (this.#ended || await this.#wait()) return
    }
  }

  /** Waits for more bytes. True: it was interrupted. */
  #wait(): Promise<boolean> {
    this.#stream.resume()
    return new Promise((resolve) => this.#wake = resolve)
  }

  /** Takes out what is left: the start of a frame. */
  drain(): Uint8Array {
    const rest = this.#reader.rest()
    this.#reader = this.#newReader()
    this.#buffered = 0
    return rest
  }
}

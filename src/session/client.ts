// Room session: the client's side of the connection: bytes in, in order and with back-pressure; bytes out.

import type { Duplex } from 'node:stream'
import { createFrameReader, type Frame } from '../wire/frames.ts'

/** Longest frame taken apart, in bytes. Frames that only pass are not bound by it. */
const frameMax = 64 * 1_048_576

/** What a client may send ahead while a mutation runs before Sluice stops reading, in bytes. */
const aheadMax = 1_048_576

/** Frames that the session looks at one by one. */
export class FrameQueue {
  readonly #stream: Duplex
  #reader = createFrameReader({ sizeMax: frameMax })
  #buffered = 0
  #wake: ((interrupted: boolean) => void) | null = null

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes)
    this.#buffered += bytes.length
    if (this.#buffered > aheadMax) this.#stream.pause()
    this.#resolve(false)
  }

  /** Waits for the next whole frame, which lives until the next call. Null: the wait was interrupted. */
  async take(): Promise<Frame | null> {
    for (;;) {
      const frame = this.next()
      if (frame !== undefined) return frame
      if (await new Promise<boolean>((resolve) => this.#wake = resolve)) return null
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

  /** The next whole frame. Throws ProtocolViolation for one that is too long. */
  next(): Frame | undefined {
    const frame = this.#reader.next()
    if (frame !== undefined) this.#buffered -= frame.bytes.length
    if (this.#buffered <= aheadMax || frame === undefined) this.#stream.resume()
    return frame
  }

  /** Takes out what is left: the start of a frame. */
  drain(): Uint8Array {
    const rest = this.#reader.rest()
    this.#reader = createFrameReader({ sizeMax: frameMax })
    this.#buffered = 0
    return rest
  }
}

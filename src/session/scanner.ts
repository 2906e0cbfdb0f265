// Room session: finds the frames in what the database sends, without copying and without decoding what only passes.

import type { TransactionStatus } from '../wire/backend.ts'
import { frameSizeMax } from '../wire/frames.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import type { Tracker } from './tracker.ts'

const readyForQuery = 0x5a // Z
const parameterStatus = 0x53 // S
const headerSize = 5

/** Longest ParameterStatus looked at, in bytes; Postgres's own are far shorter. */
const parameterSizeMax = 65_536

/** Follows the backend's stream through chunks cut anywhere. */
export class Scanner {
  readonly #tracker: Tracker
  readonly #onParameter: (frame: Uint8Array) => void
  /** Bytes of the frame under way that are still to come. */
  #skip = 0
  /** Start of a frame whose header, or whose body where we want it, is not complete. */
  #partial: Uint8Array | null = null

  /** `onParameter` gets each whole ParameterStatus frame. */
  constructor(tracker: Tracker, onParameter: (frame: Uint8Array) => void) {
    this.#tracker = tracker
    this.#onParameter = onParameter
  }

  /** Nothing of a frame is under way. */
  get atBoundary(): boolean {
    return this.#skip === 0 && this.#partial === null
  }

  /** Looks at the next bytes. Throws ProtocolViolation for lengths that no server sends. */
  scan(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) at = this.step(chunk, at)
  }

  /** Looks at the next bytes up to the end of the frame under way; returns how many they are. */
  finishFrame(chunk: Uint8Array): number {
    let at = 0
    while (at < chunk.length && !this.atBoundary) at = this.step(chunk, at)
    return at
  }

  /** As `scan`, of one frame or what there is of it from `at`, which is in the chunk; returns where it ends. */
  step(chunk: Uint8Array, at: number): number {
    if (this.#skip > 0) {
      const taken = Math.min(this.#skip, chunk.length - at)
      this.#skip -= taken
      return at + taken
    }
    if (this.#partial !== null || chunk.length - at < headerSize) return this.#gather(chunk, at)
    const tag = chunk[at] ?? 0
    const size = frameSize(chunk, at)
    const whole = chunk.length - at >= size
    if (!whole && wanted(tag, size)) return this.#gather(chunk, at)
    this.#frame(tag, wanted(tag, size) ? chunk.subarray(at, at + size) : null)
    if (whole) return at + size
    this.#skip = size - (chunk.length - at)
    return chunk.length
  }

  /** Adds one byte at a time to a frame that was cut in the header (or in a body that we want whole). */
  #gather(chunk: Uint8Array, at: number): number {
    const before = this.#partial ?? new Uint8Array(0)
    const target = before.length < headerSize ? headerSize : frameSize(before, 0)
    const taken = Math.min(target - before.length, chunk.length - at)
    const part = new Uint8Array(before.length + taken)
    part.set(before)
    part.set(chunk.subarray(at, at + taken), before.length)
    this.#partial = part
    if (part.length >= headerSize) this.#gathered(part)
    return at + taken
  }

  #gathered(part: Uint8Array): void {
    const tag = part[0] ?? 0
    const size = frameSize(part, 0)
    if (wanted(tag, size)) {
      if (part.length < size) return
      this.#partial = null
      this.#frame(tag, part)
      return
    }
    this.#partial = null
    this.#skip = size - part.length
    this.#frame(tag, null)
  }

  #frame(tag: number, bytes: Uint8Array | null): void {
    if (tag === readyForQuery && bytes !== null) {
      this.#tracker.ready(statusOf(bytes[headerSize] ?? 0))
      return
    }
    this.#tracker.received(tag)
    if (tag === parameterStatus && bytes !== null) this.#onParameter(bytes)
  }
}

function wanted(tag: number, size: number): boolean {
  return tag === readyForQuery || (tag === parameterStatus && size <= parameterSizeMax)
}

/** Size of the whole frame, type byte included. */
function frameSize(bytes: Uint8Array, at: number): number {
  const length = (bytes[at + 1] ?? 0) * 0x100_0000 +
    ((bytes[at + 2] ?? 0) << 16 | (bytes[at + 3] ?? 0) << 8 | (bytes[at + 4] ?? 0))
  const bad = length < 4 || length > frameSizeMax || (bytes[at] === readyForQuery && length !== 5)
  if (bad) throw new ProtocolViolation('invalid message length from the database')
  return length + 1
}

function statusOf(code: number): TransactionStatus {
  if (code === 0x54) return 'T'
  if (code === 0x45) return 'E'
  return 'I'
}

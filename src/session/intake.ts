// Room session: the data of a COPY FROM STDIN that is a mutation, taken from the client whole and within bounds before
// anything is done with it.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY

import { Buffer } from 'node:buffer'
import { fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { type Frame, headerSize } from '../wire/frames.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { TooLong } from './client.ts'

/** The most data that one COPY may bring, in bytes, without the headers of its messages: far more than as many rows as a platform takes. */
export const copyBytesMax = 8 * 1_048_576

const copyData = 'd'

/** CopyDone. */
export const copyDone: Uint8Array = Uint8Array.of(0x63, 0, 0, 0, 4)

/** The client has gone while it was asked for data: there is nobody to tell anything. */
export class CopyEnded extends Error {
  override name = 'CopyEnded'
}

export interface IntakeOptions {
  /** The client's next frame; null: the wait was interrupted, or the client has gone. Throws TooLong. */
  readonly next: () => Promise<Frame | null>
  /** Gives the bytes of a frame that is too long as they come; it is taken then. Throws it where it may not come at all. */
  readonly passLong: (frame: TooLong, take: (bytes: Uint8Array) => Promise<void>) => Promise<void>
  /** Ends a wait of `next`. */
  readonly interrupt: () => void
}

export class Intake {
  readonly #options: IntakeOptions
  #waiting = false
  #reason: 'cancelled' | 'timed out' | null = null

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** The client cancels. False: no data is being taken. */
  cancel(): boolean {
    if (!this.#waiting) return false
    this.#stop('cancelled')
    return true
  }

  /**
   * Takes CopyData up to CopyDone or CopyFail: gives one CopyData with all of it, and what ended it. `timeoutMs`: 0, or how long it may take.
   * Throws `too_many_rows`, `statement_cancelled`, `statement_timed_out`; CopyEnded; ProtocolViolation.
   */
  async take({ timeoutMs, table }: { timeoutMs: number; table: SyncedTable }): Promise<Uint8Array> {
    this.#waiting = true
    this.#reason = null
    const timer = timeoutMs > 0 ? setTimeout(() => this.#stop('timed out'), timeoutMs) : undefined
    try {
      return await this.#gather(table)
    } finally {
      clearTimeout(timer)
      this.#waiting = false
    }
  }

  /**
   * Gives frames to `take` until that says that it was the last, or `over` is settled; one that is too long, piece by piece
   * to `write`.
   */
  async pass(
    over: Promise<unknown>,
    { take, write }: {
      take: (frame: Frame) => Promise<boolean>
      write: (bytes: Uint8Array) => Promise<void>
    },
  ): Promise<void> {
    let settled = false
    let within = false // what is left of a frame would be taken for the next one
    const end = (): void => {
      settled = true
      if (!within) this.#options.interrupt()
    }
    over.then(end, end)
    while (!settled) {
      const frame = await this.#nextOrLong()
      if (frame instanceof TooLong) {
        within = true
        await this.#options.passLong(frame, write)
        within = false
        continue
      }
      if (frame === null && !settled) throw new CopyEnded('the client has gone')
      if (frame === null || await take(frame)) return
    }
  }

  async #nextOrLong(): Promise<Frame | TooLong | null> {
    try {
      return await this.#options.next()
    } catch (error) {
      if (error instanceof TooLong) return error
      throw error
    }
  }

  #stop(reason: 'cancelled' | 'timed out'): void {
    this.#reason ??= reason
    this.#options.interrupt()
  }

  async #gather(table: SyncedTable): Promise<Uint8Array> {
    const data = new CopyBytes()
    for (;;) {
      const frame = await this.#next(table)
      const kind = String.fromCharCode(frame.tag)
      switch (kind) {
        case 'H':
        case 'S': // libpq sends it with the Execute, before it hears of the COPY
          break
        case copyData:
          data.add(frame.bytes.subarray(headerSize))
          if (data.size > copyBytesMax) throw tooLong(table)
          break
        case 'c':
        case 'f':
          return data.endedBy(frame.bytes)
        default: {
          const code = frame.tag.toString(16).toUpperCase().padStart(2, '0')
          throw new ProtocolViolation(`unexpected message type 0x${code} during COPY from stdin`)
        }
      }
    }
  }

  /** A frame that is too long is left where it is: what comes after an error is ignored, as in Postgres. */
  async #next(table: SyncedTable): Promise<Frame> {
    const frame = this.#reason === null ? await this.#nextOrLong() : null
    if (frame instanceof TooLong) throw tooLong(table)
    if (frame !== null) return frame
    if (this.#reason === 'cancelled') throw fault('statement_cancelled')
    if (this.#reason === 'timed out') throw fault('statement_timed_out')
    throw new CopyEnded('the client has gone')
  }
}

/** So many pieces stand apart before they become one: clients send a message for each row, however short. */
const piecesMax = 256

/** The data of a COPY. What is kept for it is not much more than the data itself, in pieces of whatever size it comes. */
class CopyBytes {
  size = 0
  readonly #joined: Uint8Array[] = []
  #pieces: Uint8Array[] = []

  /** The bytes are copied. */
  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.size += bytes.length
    this.#pieces.push(Uint8Array.from(bytes))
    if (this.#pieces.length === piecesMax) this.#join()
  }

  /** All of it as one CopyData, and this message. */
  endedBy(message: Uint8Array): Uint8Array {
    this.#join()
    const head = Buffer.alloc(headerSize, copyData)
    head.writeInt32BE(headerSize - 1 + this.size, 1)
    return Buffer.concat([head, ...this.#joined, message])
  }

  #join(): void {
    this.#joined.push(Buffer.concat(this.#pieces))
    this.#pieces = []
  }
}

function tooLong({ platform, schema, name }: SyncedTable): Error {
  return fault('too_many_rows', {
    platform,
    message: `COPY brings more than ${copyBytesMax} bytes for one statement`,
    detail: 'Nothing was sent.',
    hint: 'Split the data into several COPY commands.',
    schema,
    table: name,
  })
}

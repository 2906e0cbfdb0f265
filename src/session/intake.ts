// Room session: the data of a COPY FROM STDIN that is a mutation, taken from the client whole and within bounds before
// anything is done with it.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY

import { Buffer } from 'node:buffer'
import { fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Frame } from '../wire/frames.ts'
import { ProtocolViolation } from '../wire/violation.ts'

/** The most data that one COPY may bring, in bytes: far more than as many rows as a platform takes. */
export const copyBytesMax = 8 * 1_048_576

/** CopyDone. */
export const copyDone: Uint8Array = Uint8Array.of(0x63, 0, 0, 0, 4)

/** The client has gone while it was asked for data: there is nobody to tell anything. */
export class CopyEnded extends Error {
  override name = 'CopyEnded'
}

export interface IntakeOptions {
  /** The client's next frame; null: the wait was interrupted, or the client has gone. */
  readonly next: () => Promise<Frame | null>
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
   * Takes CopyData up to CopyDone or CopyFail, which are part of what it gives. `timeoutMs`: 0, or how long it may take.
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

  /** Gives frames to `take` until that says that it was the last, or `over` is settled. */
  async pass(over: Promise<unknown>, take: (frame: Frame) => Promise<boolean>): Promise<void> {
    let settled = false
    const end = (): void => {
      settled = true
      this.#options.interrupt()
    }
    over.then(end, end)
    while (!settled) {
      const frame = await this.#options.next()
      if (frame === null && !settled) throw new CopyEnded('the client has gone')
      if (frame === null || await take(frame)) return
    }
  }

  #stop(reason: 'cancelled' | 'timed out'): void {
    this.#reason ??= reason
    this.#options.interrupt()
  }

  async #gather(table: SyncedTable): Promise<Uint8Array> {
    const frames: Uint8Array[] = []
    let size = 0
    for (;;) {
      const frame = await this.#next()
      const kind = String.fromCharCode(frame.tag)
      switch (kind) {
        case 'H':
        case 'S': // libpq sends it with the Execute, before it hears of the COPY
          break
        case 'c':
        case 'd':
        case 'f':
          size += frame.bytes.length
          if (size > copyBytesMax) throw tooLong(table)
          frames.push(Uint8Array.from(frame.bytes))
          if (kind !== 'd') return Buffer.concat(frames)
          break
        default: {
          const code = frame.tag.toString(16).toUpperCase().padStart(2, '0')
          throw new ProtocolViolation(`unexpected message type 0x${code} during COPY from stdin`)
        }
      }
    }
  }

  async #next(): Promise<Frame> {
    const frame = this.#reason === null ? await this.#options.next() : null
    if (frame !== null) return frame
    if (this.#reason === 'cancelled') throw fault('statement_cancelled')
    if (this.#reason === 'timed out') throw fault('statement_timed_out')
    throw new CopyEnded('the client has gone')
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

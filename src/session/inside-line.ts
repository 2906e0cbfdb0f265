// Room session: a client of ours on the near end of a stream: messages out, and what comes back until ReadyForQuery. It
// promises that an exchange ends when the stream does.

import type { Duplex } from 'node:stream'
import { ConnectionLost } from '../engine/conduit.ts'
import { decodeBackend, type TransactionStatus } from '../wire/backend.ts'
import { createFrameReader, type Frame } from '../wire/frames.ts'

/** Longest frame that is read, in bytes: more than one row of a result may have. */
const frameSizeMax = 64 * 1_048_576

const readyForQuery = 0x5a

interface Exchange {
  readonly onFrame: (frame: Frame) => void
  resolve(status: TransactionStatus): void
  reject(error: Error): void
}

export class Line {
  readonly #stream: Duplex
  readonly #reader = createFrameReader({ sizeMax: frameSizeMax })
  #exchange: Exchange | null = null
  #closed = false

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('data', (chunk: Uint8Array) => this.#take(chunk))
    stream.on('error', () => {}) // 'close' follows
    // the far end's end is the stream's: without ours its 'close' would not come
    stream.on('end', () => this.destroy())
    stream.on('close', () => this.#over())
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Sends messages and hands every frame of the reply to `onFrame`. Resolves at ReadyForQuery, with the transaction's
   * status. Rejects with ConnectionLost. One at a time. `bytes` null: waits for the ReadyForQuery of the greeting.
   */
  exchange(bytes: Uint8Array | null, onFrame: (frame: Frame) => void): Promise<TransactionStatus> {
    if (this.#closed) return Promise.reject(lost())
    return new Promise((resolve, reject) => {
      this.#exchange = { onFrame, resolve, reject }
      if (bytes !== null) this.#stream.write(bytes)
    })
  }

  destroy(): void {
    this.#stream.end()
    this.#stream.destroy()
    this.#over()
  }

  #take(chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk)
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        this.#frame(frame)
      }
    } catch {
      this.destroy() // a frame that is too long, or none: the far end cannot be followed any further
    }
  }

  #frame(frame: Frame): void {
    const exchange = this.#exchange
    if (exchange === null) return // a notice or a parameter between statements
    if (frame.tag !== readyForQuery) return exchange.onFrame(frame)
    const message = decodeBackend(frame)
    this.#exchange = null
    exchange.resolve(message.type === 'ReadyForQuery' ? message.status : 'E')
  }

  #over(): void {
    if (this.#closed) return
    this.#closed = true
    this.#exchange?.reject(lost())
    this.#exchange = null
  }
}

function lost(): ConnectionLost {
  return new ConnectionLost('the connection to the database was lost')
}

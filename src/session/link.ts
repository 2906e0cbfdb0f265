// Room session: the connection to the customer's Postgres. It forwards what the client and Postgres say to each other,
// and lends itself to exchanges of ours when everything before has been answered.

import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { ConnectionLost } from '../engine/conduit.ts'
import { decodeBackend, type TransactionStatus } from '../wire/backend.ts'
import { createFrameReader, type Frame, frameSizeMax, headerSize } from '../wire/frames.ts'
import { flush, sync } from '../wire/frontend.ts'
import { withoutContext } from './context.ts'
import type { DatabaseLink } from './login.ts'
import { Scanner } from './scanner.ts'
import { Tracker } from './tracker.ts'
import type { Unread } from './unread.ts'

/** What becomes of the bytes that are not part of an exchange. */
export interface LinkSink {
  /** Bytes for the client. False: it is slow, stop reading until `resume`. */
  write(bytes: Uint8Array): boolean
  /** What the client is told in place of an error; `unread`: why what it replies to was not read. Absent: the error. */
  reword?(frame: Frame, unread: Unread | null): Uint8Array
  /** The connection is gone. */
  closed(): void
}

interface Exchange {
  /** Gets each frame of the reply but ReadyForQuery; true ends an exchange that has no Sync. */
  readonly onFrame: (frame: Frame) => boolean
  resolve(): void
  reject(error: Error): void
}

const syncTag = 0x53
const readyForQuery = 0x5a
const parameterStatus = 0x53
const notification = 0x41
const errorResponse = 0x45

/** The longest ErrorResponse that is gathered to be reworded, in bytes: a refusal of the triggers' is far shorter. */
const rewordedSizeMax = 65_536
const nothing = new Uint8Array(0)

export class Link {
  readonly tracker = new Tracker()
  /** What ParameterStatus last said. */
  readonly parameters: Map<string, string>
  readonly key: DatabaseLink['key']
  /** The error with which Postgres ended the connection during an exchange or while it was lent. */
  farewell: Uint8Array | null = null
  readonly #socket: Duplex
  readonly #scanner: Scanner
  readonly #sink: LinkSink
  #reader = createFrameReader({ sizeMax: frameSizeMax })
  /** Of an ErrorResponse that may be reworded: what there is of it. */
  #held: Uint8Array = nothing
  #exchanges: Exchange[] = []
  #quietWaiters: { resolve(): void; reject(error: Error): void }[] = []
  readonly #rest: Uint8Array
  #drainWaiters: (() => void)[] = []
  #paused = false
  #closed = false
  #lent = false
  #full = false

  constructor(login: DatabaseLink, sink: LinkSink) {
    this.parameters = new Map(login.parameters)
    this.key = login.key
    this.#socket = login.socket
    this.#sink = sink
    this.#scanner = new Scanner(this.tracker, (frame) => this.#parameter(frame))
    this.#rest = login.rest
    this.#socket.on('error', () => {}) // 'close' follows
    this.#socket.on('close', () => this.#gone())
    this.#socket.on('drain', () => this.#drained())
  }

  /** Lets the bytes flow. */
  start(): this {
    this.#socket.on('data', (chunk: Uint8Array) => this.#data(chunk))
    if (this.#rest.length > 0) this.#data(this.#rest)
    this.#socket.resume()
    return this
  }

  get status(): TransactionStatus {
    return this.tracker.status
  }

  get closed(): boolean {
    return this.#closed
  }

  /** What the client has been given ends with a whole frame. */
  get atBoundary(): boolean {
    return this.#scanner.atBoundary
  }

  /** Sends bytes whose frames the tracker has been told of. False: wait for `drained` or `onDrain`. */
  write(bytes: Uint8Array): boolean {
    if (this.#closed) return true
    this.#full = !this.#socket.write(bytes)
    return !this.#full
  }

  /** Resolves when Postgres has read what was written, or is gone. */
  drained(): Promise<void> {
    if (!this.#full || this.#closed) return Promise.resolve()
    return new Promise((resolve) => this.#drainWaiters.push(resolve))
  }

  onDrain(listener: () => void): void {
    this.#socket.on('drain', listener)
  }

  /** Stops reading from Postgres, so that it stops sending. */
  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
  }

  /**
   * A mutation of the client's begins: until `reclaim` an error with which Postgres ends the connection is kept back in
   * `farewell`, as it says nothing of the mutation. Call it when quiet.
   */
  lend(): void {
    this.#lent = true
  }

  reclaim(): void {
    this.#lent = false
    if (this.#exchanges.length === 0 && !this.#closed) this.#returnRest()
  }

  /**
   * Waits until everything sent has been answered, or skipped after an error, or until a COPY waits for the client's
   * data (`tracker.copying`). An unfinished pipeline is flushed, as Postgres keeps its replies back otherwise. The wait
   * is Postgres's own work on the client's statements.
   */
  quiet(): Promise<void> {
    if (this.#closed) return Promise.reject(new ConnectionLost('the database connection is closed'))
    if (this.#quiet) return Promise.resolve()
    if (this.tracker.tail > 0) this.#socket.write(flush)
    return new Promise((resolve, reject) => this.#quietWaiters.push({ resolve, reject }))
  }

  /**
   * Sends bytes of ours that end with Sync and hands every frame of the reply to `onFrame`. Call it only when quiet or
   * after another exchange. Resolves at ReadyForQuery. Rejects with ConnectionLost.
   */
  exchange(bytes: Uint8Array, onFrame: (frame: Frame) => void): Promise<void> {
    return this.#enqueue(bytes, (frame) => {
      onFrame(frame)
      return false
    })
  }

  /** As `exchange`, with a Flush at the end instead of a Sync: it is over when `onFrame` returns true. */
  exchangeFlushed(bytes: Uint8Array, onFrame: (frame: Frame) => boolean): Promise<void> {
    return this.#enqueue(bytes, onFrame)
  }

  /**
   * Ends an unfinished pipeline in which nothing was executed, with a Sync that the client does not hear of: the link is
   * free then. Call it when quiet.
   */
  async endPipeline(): Promise<void> {
    if (this.tracker.tail === 0 || this.tracker.executed) return
    await this.syncPipeline(() => {})
  }

  /**
   * Ends an unfinished pipeline with these messages and a Sync; `onFrame` gets what Postgres says to them and to the
   * commit. Call it when quiet.
   */
  async syncPipeline(
    onFrame: (frame: Frame) => void,
    messages: readonly Uint8Array[] = [],
  ): Promise<void> {
    this.tracker.sent(syncTag)
    await this.exchange(Buffer.concat([...messages, sync]), onFrame)
    this.tracker.ready(this.tracker.status)
  }

  destroy(): void {
    this.#socket.destroy()
    this.#gone()
  }

  /** Tells Postgres that the client will send nothing more; it answers what it has been sent, and goes. */
  endSending(): void {
    if (!this.#closed) this.#socket.end()
  }

  /** Says goodbye to Postgres in the protocol's way. */
  end(bytes: Uint8Array): void {
    if (!this.#closed) this.#socket.end(bytes)
  }

  #enqueue(bytes: Uint8Array, onFrame: (frame: Frame) => boolean): Promise<void> {
    if (this.#closed) return Promise.reject(new ConnectionLost('the database connection is closed'))
    return new Promise((resolve, reject) => {
      this.#exchanges.push({ onFrame, resolve, reject })
      this.#socket.write(bytes)
    })
  }

  #data(chunk: Uint8Array): void {
    try {
      if (this.#exchanges.length === 0 && !this.#lent) this.#forward(chunk)
      else this.#reply(chunk)
    } catch {
      this.destroy() // the server cannot be followed any further
    }
  }

  #forward(chunk: Uint8Array): void {
    if (this.#sink.reword === undefined) {
      this.#scanner.scan(chunk)
      this.#pass(chunk)
    } else this.#watch(chunk)
    this.#wake()
  }

  /** An error is looked at as a whole, since it may have to be reworded; all else passes. */
  #watch(chunk: Uint8Array): void {
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#takeHeld(), chunk]) : chunk
    const parts: Uint8Array[] = []
    let [at, from] = [0, 0]
    while (at < bytes.length) {
      const size = this.#errorSize(bytes, at)
      if (size === 0) {
        at = this.#scanner.step(bytes, at)
        continue
      }
      parts.push(bytes.subarray(from, at))
      const error = bytes.subarray(at, at + size)
      if (error.length < size) this.#held = error
      else parts.push(this.#reworded(error))
      at += error.length
      from = at
    }
    parts.push(bytes.subarray(from))
    this.#pass(parts.length > 1 ? Buffer.concat(parts) : bytes)
  }

  /**
   * The bytes of an error that begins at `at` and may have to be reworded, of which more may be to come; 0: what is there
   * passes as it is.
   */
  #errorSize(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== errorResponse || !this.#scanner.atBoundary) return 0
    if (bytes.length - at < headerSize) return headerSize
    const size = 1 + Buffer.from(bytes.buffer, bytes.byteOffset + at).readUInt32BE(1)
    return size < headerSize || size > rewordedSizeMax ? 0 : size
  }

  #reworded(error: Uint8Array): Uint8Array {
    const { unread } = this.tracker
    this.#scanner.scan(error)
    return this.#sink.reword?.({ tag: errorResponse, bytes: error }, unread) ?? error
  }

  #takeHeld(): Uint8Array {
    const held = this.#held
    this.#held = nothing
    return held
  }

  #pass(bytes: Uint8Array): void {
    if (bytes.length > 0 && !this.#sink.write(bytes)) this.pause()
  }

  get #quiet(): boolean {
    return (this.tracker.quiet || this.tracker.copying) && this.#exchanges.length === 0
  }

  #wake(): void {
    if (this.#quietWaiters.length === 0 || !this.#quiet) return
    const waiters = this.#quietWaiters
    this.#quietWaiters = []
    for (const waiter of waiters) waiter.resolve()
  }

  #reply(chunk: Uint8Array): void {
    this.#reader.push(this.#takeHeld())
    const rest = this.#scanner.finishFrame(chunk) // of a notice or notification that began before the exchange
    if (rest > 0) this.#sink.write(chunk.subarray(0, rest))
    if (rest < chunk.length) this.#reader.push(chunk.subarray(rest))
    while (this.#exchanges.length > 0 || this.#lent) {
      const frame = this.#reader.next()
      if (frame === undefined) return
      this.#replyFrame(this.#exchanges[0], frame)
    }
    this.#returnRest()
  }

  /** What has come after an exchange goes the way of the rest. */
  #returnRest(): void {
    const after = this.#reader.rest()
    if (after.length === 0) return
    this.#reader = createFrameReader({ sizeMax: frameSizeMax })
    this.#forward(after)
  }

  #replyFrame(exchange: Exchange | undefined, frame: Frame): void {
    if (frame.tag === parameterStatus) this.#parameter(frame.bytes)
    if (frame.tag === errorResponse && endsConnection(frame)) {
      this.farewell = Uint8Array.from(withoutContext(frame.bytes))
      return
    }
    const ours = frame.tag !== parameterStatus && frame.tag !== notification
    if (exchange === undefined || !ours) {
      this.#sink.write(frame.bytes)
      return
    }
    if (frame.tag === readyForQuery) {
      const message = decodeBackend(frame)
      if (message.type === 'ReadyForQuery') this.tracker.status = message.status
      this.#over(exchange)
      return
    }
    if (exchange.onFrame(frame)) this.#over(exchange)
  }

  #drained(): void {
    this.#full = false
    const waiters = this.#drainWaiters
    this.#drainWaiters = []
    for (const resolve of waiters) resolve()
  }

  #over(exchange: Exchange): void {
    this.#exchanges.shift()
    exchange.resolve()
    this.#wake()
  }

  #parameter(frame: Uint8Array): void {
    const message = decodeBackend({ tag: parameterStatus, bytes: frame })
    if (message.type === 'ParameterStatus') this.parameters.set(message.name, message.value)
  }

  #gone(): void {
    if (this.#closed) return
    this.#closed = true
    const error = new ConnectionLost('the database connection was lost')
    for (const waiter of [...this.#exchanges, ...this.#quietWaiters]) waiter.reject(error)
    this.#exchanges = []
    this.#quietWaiters = []
    this.#drained()
    this.#sink.closed()
  }
}

function endsConnection(frame: Frame): boolean {
  const message = decodeBackend(frame)
  const severity = message.type === 'ErrorResponse' ? message.fields.get('V') : undefined
  return severity === 'FATAL' || severity === 'PANIC'
}

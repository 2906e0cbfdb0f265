// Room session: one client and its connection to the customer's Postgres. Bytes that concern no mutation pass through
// here at once, both ways; the rest goes, frame by frame, to the conversation.

import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { ConnectionLost } from '../engine/conduit.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { type FaultData, faultData } from '../mutation/fault.ts'
import { encodeBackendKeyData, encodeReadyForQuery } from '../wire/backend.ts'
import { encodeFault } from '../wire/fault.ts'
import type { Frame } from '../wire/frames.ts'
import { terminate } from '../wire/frontend.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { mayMutate } from '../sql/index.ts'
import { lastWords, refusalFrame } from './errors.ts'
import { FrameQueue, TooLong, Unreadable } from './client.ts'
import { Conversation } from './conversation.ts'
import { derive, type Derived } from './derived.ts'
import { Gate } from './gate.ts'
import { lingerMs } from './handshake.ts'
import { Link } from './link.ts'
import type { ConnectionState } from './listener-metrics.ts'
import { Mutator } from './mutate.ts'
import { Side } from './side.ts'
import { Intake } from './intake.ts'
import { isReplication } from './replication.ts'
import { sessionLimits } from './limits.ts'
import { createState, type SessionState } from './state.ts'
import { Tail } from './tail.ts'
import type { SessionOptions } from './session-options.ts'
import type { Unread } from './unread.ts'
import { SessionViews } from './views.ts'

export type { SessionOptions } from './session-options.ts'

const executes = /execute/i

/** A statement that removes prepared ones has one of these words in it. */
const deallocates = /\b(?:deallocate|discard)\b/i

const nothing: Uint8Array = new Uint8Array(0)
/** How long a client may take to read its last bytes, in milliseconds, where they are more than a farewell. */
const lastBytesWaitMs = 30_000
/** What Postgres may still send for a client that has gone before the connection is cut, in bytes. */
const wastedMax = 1_048_576

export class Session {
  readonly #options: SessionOptions
  readonly #client: Duplex
  readonly #link: Link
  readonly #side: Side
  readonly #gate: Gate
  readonly #queue: FrameQueue
  readonly #mutator: Mutator
  readonly #intake: Intake
  readonly #views = new SessionViews(() => this.#derived.views)
  readonly #conversation: Conversation
  readonly #state: SessionState
  #derived: Derived
  /** The start of a frame that has not come whole, on the fast path. */
  #held: Uint8Array = nothing
  readonly #tail = new Tail()
  /** Frames go to the conversation one by one; else bytes pass through the gate. */
  #slow = false
  /** The conversation is at work on a frame. */
  #busy = false
  #ending = false
  /** Why it is ending. */
  #why: FaultData | null = null
  /** The client sends nothing more, and may still read. */
  #clientEnded = false
  #clientClosed = false
  #linkClosed = false
  #over = false
  #ended = false
  #wasted = 0
  #lastBytes: ReturnType<typeof setTimeout> | undefined

  constructor(options: SessionOptions) {
    const { client, login, user, config, parameters, service, log, approach = {} } = options
    this.#options = options
    this.#client = client
    this.#derived = derive(config)
    this.#link = new Link(login, {
      write: (bytes) => this.#toClient(bytes),
      reword: (frame, unread) => this.#reword(frame, unread),
      closed: () => this.#onLinkClosed(),
    })
    this.#side = new Side({ address: config.database, parameters, log, approach })
    const { messageBytesMax, bufferedBytesMax } = options.limits ?? sessionLimits
    const frameMax = Math.min(messageBytesMax, bufferedBytesMax)
    this.#queue = new FrameQueue(client, { frameMax, sizeMax: messageBytesMax })
    this.#state = createState({ bytesMax: bufferedBytesMax })
    this.#gate = new Gate(this.#link.tracker, {
      ...this.#state,
      sizeMax: messageBytesMax,
      mayConcern: (text) => this.#mayConcern(text),
      forgetUnnamed: () => void this.#state.statements.delete(''),
    })
    this.#mutator = new Mutator({
      link: this.#link,
      side: this.#side,
      service,
      address: config.database,
      approach,
      log,
      login: user,
      ...(options.newId === undefined ? {} : { newId: options.newId }),
      ...(options.enter === undefined ? {} : { enter: options.enter }),
      ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
      ...(options.trace === undefined ? {} : { trace: options.trace }),
      config: () => this.#derived,
    })
    this.#intake = new Intake({
      next: () => this.#gone ? Promise.resolve(null) : this.#queue.take(),
      interrupt: () => void this.#queue.interrupt(),
      passLong: (frame, take) => this.#queue.passLong(frame, take),
    })
    this.#conversation = new Conversation({
      replication: isReplication(parameters),
      link: this.#link,
      mutator: this.#mutator,
      state: this.#state,
      log,
      told: (data) => this.#told(data),
      tables: () => this.#derived.tables,
      mayConcern: (text) => this.#mayConcern(text),
      views: this.#views,
      intake: this.#intake,
      toClient: (bytes) => {
        if (this.#toClient(bytes)) return
        this.#link.pause()
        this.#side.pause()
      },
    })
  }

  /** Greets the client as Postgres did and lets the bytes flow. */
  start(): void {
    const { login, rest } = this.#options
    const key = login.key
    this.#client.write(Buffer.concat([
      login.greeting,
      ...(key === null ? [] : [encodeBackendKeyData(key.pid, key.secret)]),
      encodeReadyForQuery('I'),
    ]))
    // as in Postgres, a client that has no more to say is answered first
    this.#client.allowHalfOpen = true
    this.#client.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    this.#client.on('end', () => this.#onClientEnd())
    this.#client.on('error', () => {}) // 'close' follows
    this.#client.on('close', () => this.#onClientClosed())
    this.#client.on('drain', () => {
      this.#link.resume()
      this.#side.resume()
    })
    this.#link.onDrain(() => this.#client.resume())
    if (rest.length > 0) this.#onData(rest)
    this.#client.resume()
    this.#link.start()
    this.#options.metrics?.enter(this.#link.tracker)
  }

  /** What the connection is doing. */
  get state(): Exclude<ConnectionState, 'handshake'> {
    if (this.mutating) return 'mutating'
    if (!this.idle) return 'active'
    return this.#link.status === 'I' ? 'idle' : 'transaction'
  }

  #told(data: FaultData): void {
    this.#options.metrics?.faults.add({ code: data.code })
    this.#options.told?.(data)
  }

  #reword(frame: Frame, unread: Unread | null): Uint8Array {
    const link = this.#link
    return refusalFrame(frame, unread, { link, told: (data) => this.#told(data) })
  }

  /** Uses another configuration from now on. */
  configure(config: SyncConfig): void {
    this.#derived = derive(config)
  }

  /** The client's CancelRequest: for the mutation that runs, or for Postgres. */
  async cancel(): Promise<void> {
    if (this.#intake.cancel()) return
    await this.#mutator.cancel()
  }

  /** Is a mutation running? */
  get mutating(): boolean {
    return this.#mutator.running
  }

  /** Is the client waiting for nothing? No statement is under way; a transaction block may be open. */
  get idle(): boolean {
    return !this.#busy && this.#link.tracker.quiet && this.#link.tracker.tail === 0
  }

  /** Has all that the client is still told been given to it, as far as its socket takes it? */
  get told(): boolean {
    return this.#ended && this.#client.writableLength === 0
  }

  /** Ends the session with an error that the client can read, as soon as it waits for nothing. */
  shutDown(why: FaultData = faultData('shutting_down')): void {
    this.#ending = true
    this.#why ??= why
    this.#endWhenIdle()
  }

  /** Closes everything at once. */
  destroy(): void {
    clearTimeout(this.#lastBytes)
    this.#client.destroy()
    this.#link.destroy()
    this.#side.close()
  }

  #mayConcern(text: string): boolean {
    const views = this.#views
    views.note(text)
    if (this.#state.statements.size > 0 && deallocates.test(text)) this.#state.deallocated = true
    if (!mayMutate(text)) return false
    const { prepared, statements } = this.#state
    return this.#derived.mentions(text) || !views.known || views.mentions(text) ||
      (prepared.size + statements.size > 0 && executes.test(text))
  }

  /** One of the two ends is no more. */
  get #gone(): boolean {
    return this.#clientClosed || this.#linkClosed
  }

  #toClient(bytes: Uint8Array): boolean {
    if (this.#clientClosed || this.#ended) {
      this.#wasted += bytes.length
      if (this.#wasted > wastedMax && !this.#mutator.running) this.#link.destroy()
      return true
    }
    const ready = this.#client.write(bytes)
    if (this.#ending) this.#endWhenIdle()
    return ready
  }

  #endWhenIdle(): void {
    if (this.#ended || !this.idle || !this.#link.atBoundary || this.#held.length > 0) return
    this.#options.metrics?.faults.add({ code: 'shutting_down' })
    // many clients look at an idle connection only when they use it next: no more than the farewell is lost
    const waitMs = this.#client.writableLength === 0 ? lingerMs : lastBytesWaitMs
    this.#endClient(encodeFault(this.#why ?? faultData('shutting_down'), 'FATAL'), waitMs)
    this.#link.end(terminate)
  }

  /** The client's last bytes. What it still sends is read and forgotten, so that its own end is seen. */
  #endClient(bytes: Uint8Array = nothing, waitMs = lastBytesWaitMs): void {
    if (this.#ended || this.#clientClosed) return
    this.#ended = true
    if (bytes.length > 0) this.#client.write(bytes)
    this.#client.end()
    this.#client.resume()
    this.#lastBytes = setTimeout(() => this.#client.destroy(), waitMs)
  }

  #onData(chunk: Uint8Array): void {
    if (this.#ended) return
    if (this.#slow) {
      this.#queue.push(chunk)
      if (!this.#busy) void this.#converse()
      return
    }
    const bytes = this.#held.length === 0 ? chunk : this.#tail.join(this.#held, chunk)
    this.#held = nothing
    try {
      this.#passThrough(bytes)
    } catch (error) {
      this.#broken(error)
    }
    if (this.#held.length === 0) this.#tail.clear()
  }

  #passThrough(bytes: Uint8Array): void {
    const { pass, stop } = this.#gate.scan(bytes)
    if (pass > 0 && !this.#link.write(pass === bytes.length ? bytes : bytes.subarray(0, pass))) {
      this.#client.pause()
    }
    if (pass === bytes.length) return
    const rest = bytes.subarray(pass)
    if (!stop) {
      this.#held = rest
      return
    }
    this.#slow = true
    this.#queue.push(rest)
    void this.#converse()
  }

  /** Takes frames one by one until nothing of a mutation is under way and none has come whole. */
  async #converse(): Promise<void> {
    this.#busy = true
    try {
      // a mutation that runs is finished for a client that has gone; nothing new is begun
      while (!this.#gone) {
        // no turn of the event loop between finding none and `busy` off: what came in it would be for nobody
        const next = this.#nextFrame()
        if (next === undefined) break
        await this.#deal(next)
      }
    } catch (error) {
      // the answers to what came before are told first
      if (error instanceof ProtocolViolation) await this.#link.quiet().catch(() => {})
      this.#busy = false
      if (error instanceof Unreadable) this.#giveUp()
      else this.#broken(error)
      return
    }
    this.#busy = false
    if (this.#clientClosed) this.#goodbye()
    else if (this.#linkClosed) this.#onLinkClosed()
    else if (this.#clientEnded) this.#link.endSending()
    else if (this.#conversation.idle) this.#speedUp()
    if (this.#ending) this.#endWhenIdle()
  }

  #nextFrame(): Frame | TooLong | undefined {
    try {
      return this.#queue.next()
    } catch (error) {
      if (error instanceof TooLong) return error
      throw error
    }
  }

  async #deal(next: Frame | TooLong): Promise<void> {
    await (next instanceof TooLong ? this.#passLong(next) : this.#conversation.handle(next))
    await this.#link.drained()
  }

  async #passLong(message: TooLong): Promise<void> {
    this.#queue.admit(message)
    const passes = await this.#conversation.passes(message.tag)
    await this.#queue.passLong(message, async (bytes) => {
      if (!passes) return
      this.#link.write(bytes)
      await this.#link.drained()
    })
  }

  #speedUp(): void {
    this.#slow = false
    const rest = this.#queue.drain()
    if (rest.length > 0) this.#onData(rest)
  }

  /** Postgres cannot read on either, and ends the connection in its own way. */
  #giveUp(): void {
    this.#gate.giveUp()
    this.#speedUp()
  }

  #goodbye(): void {
    this.#link.end(terminate)
    this.#finish()
  }

  /** The session cannot go on. Where the client can still read an error it gets one. */
  #broken(error: unknown): void {
    const lost = error instanceof ConnectionLost
    const readable = this.#link.atBoundary && (lost || this.#link.tracker.quiet)
    const words = lastWords(error, { ...this.#options, farewell: this.#link.farewell })
    this.#endClient(readable ? words : nothing)
    this.#link.destroy()
    this.#side.close()
    this.#finish()
  }

  #onClientEnd(): void {
    this.#clientEnded = true
    this.#queue.end()
    if (!this.#busy) this.#link.endSending()
  }

  #onClientClosed(): void {
    clearTimeout(this.#lastBytes)
    this.#clientClosed = true
    this.#queue.interrupt()
    this.#link.resume()
    this.#side.resume()
    if (!this.#busy) this.#goodbye()
  }

  #onLinkClosed(): void {
    this.#linkClosed = true
    this.#queue.interrupt()
    // a mutation that runs has something to tell first
    if (!this.#busy) this.#endClient(this.#link.farewell ?? nothing)
    this.#finish()
  }

  #finish(): void {
    if (this.#over || !this.#clientClosed || !this.#linkClosed || this.#mutator.running) return
    this.#over = true
    this.#side.close()
    this.#options.metrics?.leave(this.#link.tracker)
    this.#options.onClosed()
  }
}

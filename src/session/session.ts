// Room session: one client and its connection to the customer's Postgres. Bytes that concern no mutation pass through
// here at once, both ways; the rest goes, frame by frame, to the conversation.

import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { ConnectionLost } from '../engine/conduit.ts'
import type { Log } from '../lib/log.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { type FaultData, faultData } from '../mutation/fault.ts'
import { type SyncedTable, tableKey } from '../mutation/table.ts'
import { encodeBackendKeyData, encodeReadyForQuery } from '../wire/backend.ts'
import { encodeFault } from '../wire/fault.ts'
import { terminate } from '../wire/frontend.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { createNameFilter, mayMutate } from '../sql/index.ts'
import { FrameQueue } from './client.ts'
import { Conversation } from './conversation.ts'
import { Gate } from './gate.ts'
import { Link } from './link.ts'
import type { DatabaseLink } from './login.ts'
import { Mutator, type MutatorOptions } from './mutate.ts'
import { Side } from './side.ts'
import { Intake } from './intake.ts'
import type { SessionState } from './state.ts'
import { SessionViews, Views } from './views.ts'

export interface SessionOptions {
  readonly client: Duplex
  /** Bytes the client has sent already. */
  readonly rest: Uint8Array
  readonly parameters: ReadonlyMap<string, string>
  readonly config: SyncConfig
  readonly login: DatabaseLink
  /** The name of the client's login; null: the service itself. */
  readonly user: string | null
  readonly service: MutatorOptions['service']
  readonly log: Log
  /** The id of the next mutation; random when absent. */
  readonly newId?: () => string
  /** Hears of every fault of ours that the client is told. */
  readonly told?: (data: FaultData) => void
  /** Called once, when both connections are closed and no mutation is running. */
  onClosed(): void
}

/** A statement that removes prepared ones has one of these words in it. */
const deallocates = /\b(?:deallocate|discard)\b/i

const nothing: Uint8Array = new Uint8Array(0)
/** How long a client may take to read its last bytes, in milliseconds. */
const lastBytesWaitMs = 30_000
/** What Postgres may still send for a client that has gone before the connection is cut, in bytes. */
const wastedMax = 1_048_576

/** What is made from a configuration, once. */
interface Derived {
  readonly config: SyncConfig
  readonly tables: ReadonlyMap<string, SyncedTable>
  readonly ticketKey: Uint8Array
  readonly views: Views
  /** Takes text as Latin-1. */
  mentions(text: string): boolean
}

const derivedOf = new WeakMap<SyncConfig, Derived>()

function derive(config: SyncConfig): Derived {
  const known = derivedOf.get(config)
  if (known !== undefined) return known
  const tables = new Map(
    config.tables.map((table) => [tableKey(table.schema, table.name), table]),
  )
  const names = config.tables.map(({ name }) => Buffer.from(name).toString('latin1'))
  const derived: Derived = {
    config,
    tables,
    ticketKey: Buffer.from(config.ticketKey, 'base64'),
    views: new Views(tables),
    mentions: createNameFilter(names),
  }
  derivedOf.set(config, derived)
  return derived
}

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
  readonly #state: SessionState = {
    statements: new Map(),
    portals: new Map(),
    prepared: new Set(),
    deallocated: false,
  }
  #derived: Derived
  /** The start of a frame that has not come whole, on the fast path. */
  #held: Uint8Array = nothing
  /** Frames go to the conversation one by one; else bytes pass through the gate. */
  #slow = false
  /** The conversation is at work on a frame. */
  #busy = false
  #ending = false
  #clientClosed = false
  #linkClosed = false
  #over = false
  #ended = false
  #wasted = 0
  #lastBytes: ReturnType<typeof setTimeout> | undefined

  constructor(options: SessionOptions) {
    const { client, login, user, config, parameters, service, log } = options
    this.#options = options
    this.#client = client
    this.#derived = derive(config)
    this.#link = new Link(login, {
      write: (bytes) => this.#toClient(bytes),
      closed: () => this.#onLinkClosed(),
    })
    this.#side = new Side({ address: config.database, parameters, log })
    this.#queue = new FrameQueue(client)
    this.#gate = new Gate(this.#link.tracker, {
      ...this.#state,
      mayConcern: (text) => this.#mayConcern(text),
    })
    this.#mutator = new Mutator({
      link: this.#link,
      side: this.#side,
      service,
      address: config.database,
      log,
      login: user,
      ...(options.newId === undefined ? {} : { newId: options.newId }),
      config: () => this.#derived,
    })
    this.#intake = new Intake({
      next: () => this.#gone ? Promise.resolve(null) : this.#queue.take(),
      interrupt: () => void this.#queue.interrupt(),
    })
    this.#conversation = new Conversation({
      link: this.#link,
      mutator: this.#mutator,
      state: this.#state,
      log,
      told: options.told,
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
    this.#client.on('data', (chunk: Uint8Array) => this.#onData(chunk))
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

  /** Is the client waiting for nothing? Outside a transaction and with no statement under way. */
  get idle(): boolean {
    return !this.#busy && this.#link.tracker.quiet && this.#link.tracker.tail === 0
  }

  /** Ends the session with an error that the client can read, as soon as it waits for nothing. */
  shutDown(): void {
    this.#ending = true
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
    return this.#derived.mentions(text) || !views.known || views.mentions(text) ||
      (this.#state.prepared.size > 0 && /execute/i.test(text))
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
    this.#endClient(encodeFault(faultData('shutting_down'), 'FATAL'))
    this.#link.end(terminate)
  }

  /** The client's last bytes. What it still sends is read and forgotten, so that its own end is seen. */
  #endClient(bytes: Uint8Array = nothing): void {
    if (this.#ended || this.#clientClosed) return
    this.#ended = true
    if (bytes.length > 0) this.#client.write(bytes)
    this.#client.end()
    this.#client.resume()
    this.#lastBytes = setTimeout(() => this.#client.destroy(), lastBytesWaitMs)
  }

  #onData(chunk: Uint8Array): void {
    if (this.#ended) return
    if (this.#slow) {
      this.#queue.push(chunk)
      if (!this.#busy) void this.#converse()
      return
    }
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = nothing
    try {
      this.#passThrough(bytes)
    } catch (error) {
      this.#broken(error)
    }
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
      for (let frame = this.#queue.next(); frame !== undefined; frame = this.#queue.next()) {
        // a mutation that runs is finished for a client that has gone; nothing new is begun
        if (this.#gone) break
        await this.#conversation.handle(frame)
        await this.#link.drained()
      }
    } catch (error) {
      this.#busy = false
      this.#broken(error)
      return
    }
    this.#busy = false
    if (this.#clientClosed) this.#goodbye()
    else if (this.#linkClosed) this.#onLinkClosed()
    else if (this.#conversation.idle) this.#speedUp()
    if (this.#ending) this.#endWhenIdle()
  }

  #speedUp(): void {
    this.#slow = false
    const rest = this.#queue.drain()
    if (rest.length > 0) this.#onData(rest)
  }

  #goodbye(): void {
    this.#link.end(terminate)
    this.#finish()
  }

  /** The session cannot go on. Where the client can still read an error it gets one. */
  #broken(error: unknown): void {
    const lost = error instanceof ConnectionLost
    const readable = this.#link.atBoundary && (lost || this.#link.tracker.quiet)
    const words = this.#lastWords(error)
    this.#endClient(readable ? words : nothing)
    this.#link.destroy()
    this.#side.close()
    this.#finish()
  }

  #lastWords(error: unknown): Uint8Array {
    if (error instanceof ConnectionLost) return this.#link.farewell ?? nothing
    if (error instanceof ProtocolViolation) {
      const { sqlstate, message } = error
      return encodeFault({ sqlstate, message }, 'FATAL')
    }
    const id = randomUUID()
    this.#options.log.error('session_failed', { id, error })
    return encodeFault(faultData('internal_error', { message: `internal error (${id})` }), 'FATAL')
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
    this.#options.onClosed()
  }
}

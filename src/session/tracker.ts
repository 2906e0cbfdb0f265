// Room session: where the database connection stands: which replies are owed, and whether everything sent so far has
// been answered. Pure counting, one call a frame, because it runs for every frame that passes.

import { required } from '../lib/assert.ts'
import type { TransactionStatus } from '../wire/backend.ts'
import type { Unread } from './unread.ts'

const tag = (letter: string): number => letter.charCodeAt(0)
const [parse, bind, describe, execute, close] = ['P', 'B', 'D', 'E', 'C'].map(tag)
const [query, functionCall, sync] = ['Q', 'F', 'S'].map(tag)
const [copyDone, copyFail] = ['c', 'f'].map(tag)
const [parsed, bound, closed, completed, empty, suspended, described, noData] = [
  '1',
  '2',
  '3',
  'C',
  'I',
  's',
  'T',
  'n',
].map(tag)
const [errored, copyIn] = ['E', 'G'].map(tag)

/** So many ends that the server has come past are kept, whatever is still to come. */
const passedMin = 64

/**
 * Something sent that closes what was sent before it. query: a Query or FunctionCall; it and a Sync are owed a
 * ReadyForQuery. copy: a CopyDone or CopyFail sent before the server has said that it takes any data.
 */
interface End {
  readonly kind: 'query' | 'sync' | 'copy'
  /** Messages of the extended protocol between the end before and this one. */
  messages: number
  /** It, or one of these messages, holds a text that was not read. */
  readonly unread: Unread | null
}

/**
 * Follows both directions of one connection.
 * https://www.postgresql.org/docs/current/protocol-flow.html
 */
export class Tracker {
  /** As the last ReadyForQuery said. */
  status: TransactionStatus = 'I'
  /** Messages of the extended protocol sent since the last Sync: an unfinished pipeline while not 0. */
  tail = 0
  /** There is an Execute in the tail: it may have done something that is not committed. */
  executed = false
  /** The tail has met an error: Postgres skips everything until Sync. */
  failed = false
  /** COPY FROM STDIN waits for the client's data; any other message now ends the connection. */
  copying = false
  /** How often Postgres was outside a transaction block when it was ready: portals do not live longer. */
  epoch = 0
  /** Statements of the client's that went to the database as they came: each Query, Execute and FunctionCall. */
  passed = 0
  /** What was sent, in that order; the server has come past those before `#first`. */
  #ends: End[] = []
  /** An index: to take the first out of a long array would move all the others, each time. */
  #first = 0
  /** Those of `#ends`, from `#first` on, that are owed a ReadyForQuery. */
  #owed = 0
  /** Messages of the extended protocol after the last of `#ends`. */
  #open = 0
  /** As of an end, of the messages after the last one. */
  #openUnread: Unread | null = null
  /** Replies since the last ReadyForQuery. */
  #answered = 0

  /** A pipeline of ours begins: as if one message in it had been sent and answered. */
  begin(): void {
    this.sent(required(parse, 'a tag'))
    this.#answered += 1
    this.executed = true
  }

  /** A text that was not read is about to be sent: it must be told before `sent`. */
  noteUnread(unread: Unread): void {
    this.#openUnread = unread
  }

  /** What was not read of that which the server is at. */
  get unread(): Unread | null {
    const owed = this.#firstOwed()
    return owed < 0 ? this.#openUnread : this.#ends[owed]?.unread ?? null
  }

  /** A frame went to the database. */
  sent(code: number): void {
    switch (code) {
      case parse:
      case bind:
      case describe:
      case execute:
      case close:
        if (this.tail === 0 && this.#owed === 0) this.#forgetEnds() // stray CopyDones
        this.tail += 1
        this.#open += 1
        if (code !== execute) return
        this.executed = true
        this.passed += 1
        return
      case sync:
        // in copy-in mode Postgres drops a Sync that it reads
        if (!this.copying) this.#end('sync')
        return
      case query:
      case functionCall:
        this.passed += 1
        if (!this.#skipping) this.#end('query')
        return
      case copyDone:
      case copyFail:
        if (this.copying) this.copying = false
        else if (this.#owed > 0 || this.tail > 0) this.#end('copy')
        return
      default:
    }
  }

  /** A frame other than ReadyForQuery came from the database. */
  received(code: number): void {
    switch (code) {
      case parsed:
      case bound:
      case closed:
      case empty:
      case suspended:
      case described:
      case noData:
        this.#answered += 1
        return
      case completed:
        this.copying = false
        this.#answered += 1
        return
      case errored:
        this.copying = false
        if (this.#answered < this.#messagesAhead()) this.#skip()
        return
      case copyIn:
        this.#startCopy()
        return
      default:
    }
  }

  /** ReadyForQuery came. */
  ready(status: TransactionStatus): void {
    this.status = status
    if (status === 'I') this.epoch += 1
    const owed = this.#firstOwed()
    // one that we do not know of answers a Sync that was taken for dropped: the pipeline before it is over
    if (owed < 0) this.#clear()
    else {
      this.#owed -= 1
      this.#pass(owed + 1) // with stray CopyDones before it
    }
    this.#answered = 0
    this.failed = false
    this.copying = false
  }

  /** Everything sent so far has been answered, or skipped after an error. */
  get quiet(): boolean {
    return this.#owed === 0 && (this.tail === 0 || this.failed || this.#answered >= this.tail)
  }

  /** The server discards what is sent now. */
  get #skipping(): boolean {
    return this.failed && this.#owed === 0
  }

  #end(kind: End['kind']): void {
    const unread = kind === 'copy' ? null : this.#openUnread
    this.#ends.push({ kind, messages: this.#open, unread })
    this.#open = 0
    if (kind === 'copy') return
    this.#openUnread = null
    this.#owed += 1
    this.tail = 0
    this.executed = false
  }

  #forgetEnds(): void {
    this.#ends = []
    this.#first = 0
  }

  /** The server has come to the end at `first`. */
  #pass(first: number): void {
    this.#first = first
    const left = this.#ends.length - first
    // so each end is moved once at most for one that is passed
    if (left > 0 && first < Math.max(left, passedMin)) return
    this.#ends = this.#ends.slice(first)
    this.#first = 0
  }

  #clear(): void {
    this.#forgetEnds()
    this.#openUnread = null
    this.#owed = 0
    this.#open = 0
    this.tail = 0
    this.executed = false
  }

  /** Takes these out of all that is counted of them. */
  #uncount(ends: readonly End[]): void {
    this.#owed -= ends.filter(({ kind }) => kind !== 'copy').length
  }

  /** -1: nothing is owed. */
  #firstOwed(): number {
    return this.#find(this.#first, ({ kind }) => kind !== 'copy')
  }

  /** As findIndex, from an index on. */
  #find(from: number, is: (end: End) => boolean): number {
    for (let index = from; index < this.#ends.length; index++) {
      if (is(required(this.#ends[index], 'an end'))) return index
    }
    return -1
  }

  /** Messages of the extended protocol before the next ReadyForQuery. */
  #messagesAhead(): number {
    const owed = this.#firstOwed()
    return owed < 0 ? this.tail : countMessages(this.#ends.slice(this.#first, owed + 1))
  }

  /** An error in the extended protocol: the server discards everything up to a Sync, queries too. */
  #skip(): void {
    const next = this.#find(this.#first, ({ kind }) => kind === 'sync')
    if (next >= 0) {
      this.#uncount(this.#ends.slice(this.#first, next))
      this.#pass(next)
      required(this.#ends[this.#first], 'an end').messages = 0
      return
    }
    this.#clear()
    this.tail = 1
    this.failed = true
  }

  /**
   * The server reads data now, and drops each Sync that it reads before CopyDone or CopyFail: those sent already will
   * never be answered. Clients send one early, right after Execute.
   */
  #startCopy(): void {
    const owed = this.#firstOwed()
    const simple = this.#ends[owed]?.kind === 'query' && this.#answered >= this.#messagesAhead()
    const from = simple ? owed + 1 : this.#first
    const until = this.#find(from, ({ kind }) => kind === 'copy')
    this.copying = until < 0
    const dropped = this.#ends.splice(from, until < 0 ? this.#ends.length : until + 1 - from)
    this.#uncount(dropped)
    const messages = countMessages(dropped)
    const next = this.#ends[from]
    if (next === undefined) this.#open += messages
    else next.messages += messages
    const last = this.#ends.findLastIndex(({ kind }) => kind !== 'copy')
    this.tail = this.#open + countMessages(this.#ends.slice(Math.max(last + 1, this.#first)))
    this.executed = this.tail > 0 // or not: which messages they were is forgotten
  }
}

function countMessages(ends: readonly End[]): number {
  return ends.reduce((sum, { messages }) => sum + messages, 0)
}

// Room session: where the database connection stands: which replies are owed, and whether everything sent so far has
// been answered. Pure counting, one call a frame, because it runs for every frame that passes.

import type { TransactionStatus } from '../wire/backend.ts'

const tag = (letter: string): number => letter.charCodeAt(0)
const [parse, bind, describe, execute, close] = ['P', 'B', 'D', 'E', 'C'].map(tag)
const [query, functionCall, sync] = ['Q', 'F', 'S'].map(tag)
const [copyData, copyDone, copyFail] = ['d', 'c', 'f'].map(tag)
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

/**
 * Follows both directions of one connection.
 * https://www.postgresql.org/docs/current/protocol-flow.html
 */
export class Tracker {
  /** As the last ReadyForQuery said. */
  status: TransactionStatus = 'I'
  /** Messages of the extended protocol sent since the last Sync: an unfinished pipeline while not 0. */
  tail = 0
  /** Replies to the tail that have come. */
  #answered = 0
  /** The tail has met an error: Postgres skips everything until Sync. */
  failed = false
  /** Replies owed that end with ReadyForQuery, in order: of a Query or FunctionCall, or of a Sync. */
  #owed: ('query' | 'sync')[] = []
  #copying = false

  /** A frame went to the database. */
  sent(code: number): void {
    switch (code) {
      case parse:
      case bind:
      case describe:
      case execute:
      case close:
        this.tail += 1
        return
      case sync:
        this.tail = 0
        this.#owed.push('sync')
        return
      case query:
      case functionCall:
        this.tail = 0
        this.#owed.push('query')
        return
      case copyData:
      case copyDone:
      case copyFail:
        if (this.#copying) this.#forgetSyncs()
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
        this.#copying = false
        this.#answered += 1
        return
      case errored:
        this.#copying = false
        if (this.#owed.length === 0 && this.tail > 0) this.failed = true
        return
      case copyIn:
        // in copy-in mode Postgres drops a Sync that it reads: it will never answer those already sent
        this.#copying = true
        if (this.#owed[0] !== 'query') this.#forgetSyncs()
        return
      default:
    }
  }

  /** ReadyForQuery came. */
  ready(status: TransactionStatus): void {
    this.status = status
    this.#owed.shift()
    this.#answered = 0
    this.failed = false
    this.#copying = false
  }

  /** Everything sent so far has been answered, or skipped after an error. */
  get quiet(): boolean {
    return this.#owed.length === 0 &&
      (this.tail === 0 || this.failed || this.#answered >= this.tail)
  }

  #forgetSyncs(): void {
    if (this.#owed[0] !== 'query') this.#owed = []
  }
}

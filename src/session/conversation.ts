// Room session: the slow path of one client: frames one by one, in order, where a mutation is about. Everything that is
// no mutation is forwarded as it came.

import { ConnectionLost } from '../engine/conduit.ts'
import type { Frame } from '../wire/frames.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { BatchFailed } from './batch.ts'
import { failTransaction } from './conduit.ts'
import { type ConversationOptions, Dialogue } from './dialogue.ts'
import { errorFrame, lossFrame } from './errors.ts'
import { CopyEnded } from './intake.ts'
import { Pipeline } from './pipeline.ts'
import { SimpleQueries } from './simple.ts'

export type { ConversationOptions } from './dialogue.ts'

export class Conversation {
  readonly #options: ConversationOptions
  readonly #pipeline: Pipeline
  readonly #queries: SimpleQueries

  constructor(options: ConversationOptions) {
    this.#options = options
    const dialogue = new Dialogue(options)
    this.#pipeline = new Pipeline(dialogue)
    this.#queries = new SimpleQueries(dialogue, this.#pipeline)
  }

  /** Nothing of a mutation is under way: the fast path may take over. */
  get idle(): boolean {
    return this.#pipeline.idle
  }

  /**
   * Deals with one frame, to its end; a COPY takes more frames by itself. Throws ConnectionLost when the database is gone,
   * ProtocolViolation when the client cannot be followed.
   */
  async handle(frame: Frame): Promise<void> {
    const kind = String.fromCharCode(frame.tag)
    if (this.#options.replication && kind !== 'Q') return this.#queries.forward(frame)
    if (this.#pipeline.skipping && kind !== 'S' && kind !== 'X') return
    try {
      await (kind === 'Q' ? this.#queries : this.#pipeline).handle(frame)
    } catch (error) {
      if (error instanceof CopyEnded) return
      if (error instanceof ProtocolViolation) throw error
      if (error instanceof ConnectionLost) throw this.#tellLoss(error)
      if (!(error instanceof BatchFailed)) await this.#fail(error)
      if (kind === 'Q') this.#queries.ready()
      else this.#pipeline.skip()
    }
  }

  /** A message that is too long to be looked at: it is for Postgres. False: it is skipped, like all until Sync. */
  async passes(tag: number): Promise<boolean> {
    return await this.#pipeline.passLong(tag)
  }

  /** Nothing was sent where a mutation ends so; where Postgres has said why, the session passes that on. */
  #tellLoss(error: ConnectionLost): ConnectionLost {
    const { link, toClient } = this.#options
    if (link.farewell !== null || !link.atBoundary) return error
    toClient(lossFrame(this.#options))
    return error
  }

  /**
   * Tells the error and fails the client's own transaction, as Postgres would. Throws ConnectionLost when there is no
   * connection for the client to go on with; the client has been told what became of its mutation.
   */
  async #fail(error: unknown): Promise<void> {
    const frame = errorFrame(error, this.#options)
    try {
      await failTransaction(this.#options.link)
    } finally {
      this.#options.toClient(frame)
    }
  }
}

// Room session: the simple protocol of one client where a mutation is about: a Query to its ReadyForQuery.

import { fault } from '../mutation/fault.ts'
import { encodeReadyForQuery } from '../wire/backend.ts'
import type { Frame } from '../wire/frames.ts'
import { sync } from '../wire/frontend.ts'
import type { WireText } from '../wire/text.ts'
import { Batch } from './batch.ts'
import type { Dialogue } from './dialogue.ts'
import type { Read } from './interpreter.ts'
import type { Pipeline } from './pipeline.ts'

const syncTag = 'S'.charCodeAt(0)

export class SimpleQueries {
  readonly #dialogue: Dialogue
  readonly #pipeline: Pipeline

  constructor(dialogue: Dialogue, pipeline: Pipeline) {
    this.#dialogue = dialogue
    this.#pipeline = pipeline
  }

  /** Forwards a frame that is not for us. */
  forward(frame: Frame): void {
    this.#dialogue.forward(frame)
  }

  /** Deals with one Query. What it throws is to be told, and `ready` to be called. */
  async handle(frame: Frame): Promise<void> {
    await this.#pipeline.flushHeld()
    if (this.#pipeline.skipping) return
    const { link, interpreter, options } = this.#dialogue
    const message = this.#dialogue.decode(frame)
    if (message.type !== 'Query') return this.#dialogue.forward(frame)
    if (options.replication) return await this.#replication(message.sql, frame)
    if (!await this.#dialogue.concerns(message.sql.bytes)) return this.#dialogue.forward(frame)
    await link.quiet()
    const read = await interpreter.read(message.sql.text)
    if (read.prepares !== null) options.state.prepared.add(read.prepares)
    const { meaning } = read
    switch (meaning.kind) {
      case 'pass':
        return this.#dialogue.forward(frame, meaning.unread)
      case 'refuse':
        await link.endPipeline()
        throw meaning.fault
      case 'several':
        await link.endPipeline()
        await new Batch(this.#dialogue, message.sql, meaning.statements).run()
        return this.ready()
      case 'mutation':
        await link.endPipeline()
        await this.#mutation(message.sql, read)
        return this.ready()
    }
  }

  /** What would be a mutation is refused: one is run in the extended protocol. */
  async #replication(sql: WireText, frame: Frame): Promise<void> {
    await this.#dialogue.link.quiet()
    if (!await this.#dialogue.interpreter.mutates(sql.text)) return this.#dialogue.forward(frame)
    throw fault('form_not_supported', {
      message: 'a mutation on a replication connection is not supported',
      detail: 'Postgres takes no extended protocol there. Nothing was sent.',
      hint: 'Use an ordinary connection.',
    })
  }

  async #mutation(sql: WireText, { meaning, prepare }: Read): Promise<void> {
    if (meaning.kind !== 'mutation') return
    const complete = await this.#dialogue.run({
      written: { ...meaning, prepare, form: this.#dialogue.formOf(meaning.form, sql) },
      statement: { via: 'query', sql: sql.bytes },
      prelude: Promise.resolve(),
    })
    this.#dialogue.toClient(complete)
  }

  /** Ends a Query of ours, and an unfinished pipeline before it: asyncpg sends no Sync between. */
  ready(): void {
    const { link } = this.#dialogue
    if (link.tracker.tail > 0) this.#dialogue.forward({ tag: syncTag, bytes: sync })
    else this.#dialogue.toClient(encodeReadyForQuery(link.status))
  }
}

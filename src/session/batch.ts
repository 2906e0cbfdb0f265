// Room session: several statements in one Query, mutations among them. The others run as Postgres would run them: in one
// implicit transaction, which an error rolls back, and which BEGIN and COMMIT in the text divide. A mutation escapes it, as
// it escapes a transaction block.
//
// The implicit transaction is one of ours, begun and committed unseen, in a pipeline that can wait between two statements.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT

import { Buffer } from 'node:buffer'
import { ConnectionLost, DatabaseError } from '../engine/conduit.ts'
import { required } from '../lib/assert.ts'
import { fault } from '../mutation/fault.ts'
import type { Statement } from '../sql/index.ts'
import { decodeBackend } from '../wire/backend.ts'
import type { Frame } from '../wire/frames.ts'
import {
  encodeBind,
  encodeClose,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  flush,
} from '../wire/frontend.ts'
import { textKey, type WireText } from '../wire/text.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { Block, type Piece, type Run } from './block.ts'
import { answered } from './bounded.ts'
import { queryLink } from './conduit.ts'
import { cutter } from './cut.ts'
import type { Dialogue } from './dialogue.ts'
import { clientEncoding } from './encoding.ts'
import { refusalFrame } from './errors.ts'
import type { Read } from './interpreter.ts'
import { CopyEnded } from './intake.ts'
import { shiftPosition } from './position.ts'

/** An error of one of the statements, or of their commit: the client has been told. */
export class BatchFailed extends Error {
  override name = 'BatchFailed'
}

const queryTag = 'Q'.charCodeAt(0)
const letter = (frame: Frame): string => String.fromCharCode(frame.tag)

export class Batch {
  readonly #dialogue: Dialogue
  readonly #sql: WireText
  readonly #pieces: readonly Piece[]
  /** Which transaction the next statement would be in. */
  #block: Block
  /** What Postgres has not been given yet. */
  #runs: Run[] = []
  /** The CommandComplete of the last statement: it comes after the commit. */
  #complete: Uint8Array | null = null

  /** `sql`: the whole text. Throws `form_not_supported` where it cannot be cut. */
  constructor(dialogue: Dialogue, sql: WireText, statements: readonly Statement[]) {
    this.#dialogue = dialogue
    this.#sql = sql
    this.#block = new Block(dialogue.link.status)
    const cut = cutter(sql, clientEncoding(dialogue.link))
    this.#pieces = statements.map(({ start, end, kind }, index) => ({
      ...cut(start, end),
      kind,
      last: index === statements.length - 1,
    }))
  }

  /** Runs them all and commits. Throws BatchFailed, or what a mutation throws; our own transaction is over then. */
  async run(): Promise<void> {
    await this.#check()
    try {
      for (const piece of await this.#leaveFailedBlock()) await this.#take(piece)
      this.#runs.push(...this.#block.end())
      await this.#flush()
      await this.#commit()
    } catch (error) {
      if (!endsSession(error)) await this.#abandon()
      throw error
    }
  }

  /** Nothing runs where the text as a whole is not what Postgres reads: nothing would there. */
  async #check(): Promise<void> {
    const found = await this.#dialogue.options.mutator.parse(this.#sql.bytes)
    if (found === null) return
    if (found !== 'single') throw found
    throw fault('form_not_supported', {
      message: 'the statements of the query string cannot be told apart',
      detail: 'Nothing was run.',
      hint: 'Send the statements one by one.',
    })
  }

  /** Runs what stands before the end of a block that has failed; gives what stands after it. */
  async #leaveFailedBlock(): Promise<readonly Piece[]> {
    const { link } = this.#dialogue
    if (link.status !== 'E') return this.#pieces
    let at = 0
    for (; link.status === 'E' && at < this.#pieces.length; at++) {
      await this.#runAlone(required(this.#pieces[at], 'a statement'))
    }
    this.#block = new Block(link.status)
    return this.#pieces.slice(at)
  }

  /** A statement in a failed block: it ends the block, or fails as it would in the whole text. */
  async #runAlone(piece: Piece): Promise<void> {
    const { link } = this.#dialogue
    let failed = false
    link.tracker.sent(queryTag)
    await link.exchange(encodeQuery(piece.bytes), (frame) => {
      failed ||= letter(frame) === 'E'
      this.#dialogue.toClient(shiftPosition(frame.bytes, piece.charactersBefore))
    })
    link.tracker.ready(link.status)
    if (failed) throw new BatchFailed('a statement has failed')
  }

  async #take(piece: Piece): Promise<void> {
    const { interpreter, options } = this.#dialogue
    if (!options.mayConcern(textKey(piece.bytes))) return await this.#add(piece)
    await this.#flush() // what comes before may change what this one means
    if (!await this.#dialogue.concerns(piece.bytes)) return await this.#add(piece)
    const read = await interpreter.read(piece.text)
    if (read.prepares !== null) options.state.prepared.add(read.prepares)
    if (read.meaning.kind === 'refuse') throw read.meaning.fault
    if (read.meaning.kind === 'mutation') return await this.#mutate(piece, read)
    await this.#add(piece)
  }

  async #add(piece: Piece): Promise<void> {
    this.#runs.push(...this.#block.around(piece))
    this.#dialogue.link.tracker.passed += 1
    if (piece.kind === 'copy_from') await this.#flush()
  }

  async #mutate(piece: Piece, { meaning, prepare }: Read): Promise<void> {
    if (meaning.kind !== 'mutation') return
    const form = this.#dialogue.formOf(meaning.form, piece)
    try {
      const complete = await this.#dialogue.run({
        written: { ...meaning, prepare, form },
        statement: { via: 'query', sql: piece.bytes },
        prelude: Promise.resolve(),
      })
      this.#dialogue.toClient(complete)
    } catch (error) {
      if (!(error instanceof DatabaseError) || !error.own) throw error
      throw error.with({ frame: shiftPosition(error.frame, piece.charactersBefore) })
    }
  }

  /** Has Postgres run what has been gathered; what it says goes to the client. */
  async #flush(): Promise<void> {
    const runs = this.#runs
    this.#runs = []
    if (runs.length === 0) return
    const { link } = this.#dialogue
    if (link.tracker.tail === 0) link.tracker.begin()
    const replies = new Replies(runs, {
      toClient: (bytes) => this.#dialogue.toClient(bytes),
      hold: (bytes) => this.#complete = bytes,
      reword: (frame) => this.#reword(frame),
    })
    const copies = runs.some(({ piece }) => piece?.kind === 'copy_from')
    const messages = runs.flatMap(messagesOf)
    // a Flush is not read while a COPY takes data
    const bytes = Buffer.concat([...messages, ...(copies ? [] : [flush])])
    const work = link.exchangeFlushed(bytes, (frame) => replies.take(frame))
    await (copies ? this.#copy(work, replies) : work)
    if (replies.failed === null) return
    link.tracker.failed = true
    this.#block.hidden = replies.failed.hidden
    throw new BatchFailed('a statement has failed')
  }

  /** All statements have been read. */
  #reword(frame: Frame): Uint8Array {
    return refusalFrame(frame, null, this.#dialogue.options)
  }

  /** The client's data goes to Postgres as it comes. */
  async #copy(work: Promise<void>, replies: Replies): Promise<void> {
    const { intake } = this.#dialogue.options
    const { link } = this.#dialogue
    if (!await Promise.race([replies.copying.then(() => true), work.then(() => false)])) return
    const write = async (bytes: Uint8Array): Promise<void> => {
      link.write(bytes)
      await link.drained()
    }
    const take = async (frame: Frame): Promise<boolean> => {
      const kind = letter(frame)
      // Flush and Sync are ignored there, and the client is owed nothing for them
      if (kind === 'H' || kind === 'S') return false
      await write(frame.bytes)
      if (kind === 'd') return false
      link.write(flush)
      return true
    }
    try {
      await intake.pass(work, { take, write })
      await work
    } catch (error) {
      if (error instanceof ProtocolViolation) await this.#endCopy(work)
      throw error
    }
  }

  /** The client is told nothing while Postgres waits for data that will not come. */
  async #endCopy(work: Promise<void>): Promise<void> {
    const { link } = this.#dialogue
    link.write(Buffer.concat([encodeCopyFail('the client cannot be followed'), flush]))
    await answered(link, work).catch(() => {})
  }

  /** Ends the pipeline and the transaction of ours; a block of the client's is for others to fail. */
  async #abandon(): Promise<void> {
    const { link } = this.#dialogue
    if (!this.#block.hidden || link.tracker.tail === 0) return
    await answered(link, link.syncPipeline(() => {}))
    if (link.status !== 'I') await answered(link, queryLink(link, 'ROLLBACK'))
  }

  async #commit(): Promise<void> {
    const { link } = this.#dialogue
    if (link.tracker.tail === 0) return
    let failed = false
    await link.syncPipeline((frame) => {
      failed ||= letter(frame) === 'E'
      if (letter(frame) === 'E') this.#dialogue.toClient(this.#reword(frame))
      else if (letter(frame) !== '3') this.#dialogue.toClient(frame.bytes)
    }, [encodeClose('statement', '')])
    if (failed) throw new BatchFailed('the commit has failed')
    if (this.#complete !== null) this.#dialogue.toClient(this.#complete)
  }
}

const controlName = 'sluice_step'

/** A statement of the client's is unnamed, and closed: with a Query, Postgres forgets the unnamed statement. */
function messagesOf({ piece, sql }: Run): Uint8Array[] {
  const name = piece === null ? controlName : ''
  const messages = [
    encodeParse({ name, sql: piece?.bytes ?? sql }),
    encodeBind({ portal: name, statement: name }),
  ]
  if (piece !== null) {
    const close = encodeClose('statement', name)
    return [...messages, close, encodeDescribe('portal', name), encodeExecute({ portal: name })]
  }
  return [
    ...messages,
    encodeExecute({ portal: name }),
    encodeClose('portal', name),
    encodeClose('statement', name),
  ]
}

interface Sinks {
  readonly toClient: (bytes: Uint8Array) => void
  /** Gets what is to be told after the commit. */
  readonly hold: (bytes: Uint8Array) => void
  /** An error as the client is told of it. */
  readonly reword: (frame: Frame) => Uint8Array
}

/** What comes back for runs of statements, turned into what a Query would bring. */
class Replies {
  /** What has failed. */
  failed: Run | null = null
  /** Resolves when Postgres takes data. */
  readonly copying: Promise<void>
  #onCopying: () => void = () => {}
  readonly #runs: readonly Run[]
  readonly #sinks: Sinks
  #at = 0
  #closed = 0

  constructor(runs: readonly Run[], sinks: Sinks) {
    this.#runs = runs
    this.#sinks = sinks
    this.copying = new Promise((resolve) => this.#onCopying = resolve)
  }

  /** True: that was the last one. */
  take(frame: Frame): boolean {
    const run = required(this.#runs[this.#at] ?? this.#runs.at(-1), 'a run')
    const { piece } = run
    const { toClient, reword } = this.#sinks
    switch (letter(frame)) {
      case '1':
      case '2':
      case 'n':
        return false
      case '3': // ours end with the second of these
        if (piece !== null) return false
        this.#closed += 1
        return this.#closed % 2 === 0 && this.#next()
      case 'E':
        this.failed = run
        toClient(shiftPosition(reword(frame), piece?.charactersBefore ?? 0))
        return true
      case 'N':
        if (piece === null || (run.begins && isActive(frame))) return false
        toClient(shiftPosition(frame.bytes, piece.charactersBefore))
        return false
      case 'C':
        if (piece === null) return false
        this.#complete(piece, frame)
        return this.#next()
      case 'G':
        this.#onCopying()
    }
    if (piece !== null) toClient(frame.bytes)
    return false
  }

  #next(): boolean {
    this.#at += 1
    return this.#at === this.#runs.length
  }

  #complete({ last }: Piece, { bytes }: Frame): void {
    if (last) this.#sinks.hold(Uint8Array.from(bytes))
    else this.#sinks.toClient(bytes)
  }
}

/** There is no client, or no database, to go on with. */
function endsSession(error: unknown): boolean {
  return [ConnectionLost, CopyEnded, ProtocolViolation].some((kind) => error instanceof kind)
}

/** `there is already a transaction in progress` */
function isActive(frame: Frame): boolean {
  const message = decodeBackend(frame)
  return message.type === 'NoticeResponse' && message.fields.get('C') === '25001'
}

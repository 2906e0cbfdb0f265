// Room session: what both protocols share: the two ends of a conversation, what a text means in it, and how a mutation is
// run so that the client sees Postgres's own messages.

import { required } from '../lib/assert.ts'
import type { Log } from '../lib/log.ts'
import type { FaultData } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Frame } from '../wire/frames.ts'
import { decodeFrontend, type FrontendMessage } from '../wire/frontend.ts'
import { textKey, type WireText } from '../wire/text.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import type { Form } from './classify.ts'
import { copyDone, type Intake } from './intake.ts'
import { cutter } from './cut.ts'
import { clientEncoding, decoderFor } from './encoding.ts'
import { forecastNotice, forecastRows } from './forecast.ts'
import { cannotAsk, Interpreter } from './interpreter.ts'
import type { Link } from './link.ts'
import type { MutationRequest, Mutator } from './mutate.ts'
import type { SessionState, Written, WrittenForm } from './state.ts'
import type { ClientStatement } from './statement.ts'
import type { Unread } from './unread.ts'
import type { SessionViews } from './views.ts'

export interface ConversationOptions {
  /** The connection is one for replication, on which Postgres takes the simple protocol only. */
  readonly replication: boolean
  readonly link: Link
  readonly mutator: Mutator
  readonly state: SessionState
  readonly log: Log
  readonly tables: () => ReadonlyMap<string, SyncedTable>
  /** Could the text (bytes as Latin-1) hold a mutation on a synced table? */
  readonly mayConcern: (text: string) => boolean
  /** `mayConcern` holds for every mutation while they are not known. */
  readonly views: SessionViews
  /** Bytes for the client. */
  readonly toClient: (bytes: Uint8Array) => void
  /** Hears of every fault of ours that the client is told. */
  readonly told?: ((data: FaultData) => void) | undefined
  /** The client's COPY data. */
  readonly intake: Intake
}

/** A mutation, ready to be run. */
export interface MutationRun {
  readonly written: Written
  readonly statement: ClientStatement
  /** Rejects when what had to come before has failed; then nothing is sent. */
  readonly prelude: Promise<void>
  /** Gets the rows in place of the client. */
  readonly onRow?: (bytes: Uint8Array) => void
}

const letter = (frame: Frame): string => String.fromCharCode(frame.tag)

export class Dialogue {
  readonly options: ConversationOptions
  readonly link: Link
  readonly interpreter: Interpreter

  constructor(options: ConversationOptions) {
    this.options = options
    const { link, state, tables, views } = options
    this.link = link
    this.interpreter = new Interpreter({ link, tables, views: () => views.tables, state })
  }

  toClient(bytes: Uint8Array): void {
    this.options.toClient(bytes)
  }

  /** `unread`: why what it holds, or runs, was not read. */
  forward(frame: Frame, unread: Unread | null = null): void {
    if (unread !== null) this.link.tracker.noteUnread(unread)
    this.link.tracker.sent(frame.tag)
    this.link.write(frame.bytes)
  }

  /** A frame that cannot be read is `Other`: it is forwarded, and Postgres says what is wrong. */
  decode(frame: Frame): FrontendMessage {
    try {
      return decodeFrontend(frame, decoderFor(clientEncoding(this.link)) ?? undefined)
    } catch (error) {
      if (error instanceof ProtocolViolation) return { type: 'Other', tag: frame.tag }
      throw error
    }
  }

  /** Could the text hold a mutation on a synced table? Asks Postgres for the views where they are not known. */
  async concerns(sql: Uint8Array): Promise<boolean> {
    const { mayConcern, views } = this.options
    const text = textKey(sql)
    if (!mayConcern(text)) return false
    if (!views.known && !await cannotAsk(this.link)) await views.load(this.link)
    return mayConcern(text)
  }

  /** The form of a mutation in the text, with the bytes that belong to it. */
  formOf(form: Form, sql: WireText): WrittenForm {
    if (form.kind !== 'explain') return form
    const { start, end, rows } = form
    const { bytes } = cutter(sql, clientEncoding(this.link))(start, end)
    return { kind: 'explain', sql: Uint8Array.from(bytes), rows }
  }

  /**
   * Runs the mutation. What it returns goes to the client as it comes; resolves to the CommandComplete, for when all else
   * is told. Throws as Mutator.run; CopyEnded where the client has gone while it was asked for data.
   */
  async run(run: MutationRun): Promise<Uint8Array> {
    const { form } = run.written
    if (form.kind === 'copy') return await this.#copy(run)
    if (form.kind !== 'explain') return await this.#mutate(run, run.statement)
    return await this.#mutate(run, { ...run.statement, explained: form.sql })
  }

  /** Takes the client's data first, as Postgres would; then the COPY is a mutation like any other. */
  async #copy(run: MutationRun): Promise<Uint8Array> {
    const { mutator, intake } = this.options
    await run.prelude
    const responses: Uint8Array[] = []
    const request = this.#request(run, { ...run.statement, copy: copyDone }, (frame) => {
      if (letter(frame) === 'G') responses.push(Uint8Array.from(frame.bytes))
    })
    const timeoutMs = await mutator.openCopy(request).catch((error: unknown) => {
      if (responses.length === 0) throw error
      return 0 // no data at all is not what a binary COPY expects
    })
    this.toClient(required(responses[0], 'a CopyInResponse'))
    const copy = await intake.take({ timeoutMs, table: run.written.table })
    return await this.#mutate(run, { ...run.statement, copy })
  }

  #request(
    { written, prelude }: MutationRun,
    statement: ClientStatement,
    onResult: (frame: Frame) => void,
  ): MutationRequest {
    const { operation, table, setColumns, upsert, prepare, form } = written
    const task = form.kind === 'explain' ? 'explain' : 'carry'
    return { task, operation, table, setColumns, upsert, prepare, prelude, statement, onResult }
  }

  async #mutate(run: MutationRun, statement: ClientStatement): Promise<Uint8Array> {
    const { mutator, toClient } = this.options
    const { onRow = toClient } = run
    let complete: Uint8Array | undefined
    const onResult = (frame: Frame): void => {
      const kind = letter(frame)
      if (kind === 'C' || kind === 'I') complete = Uint8Array.from(frame.bytes)
      else if (kind === 'D') onRow(frame.bytes)
      else if (kind !== 'n' && kind !== 's' && kind !== 'G') toClient(frame.bytes)
    }
    const forecast = await mutator.run(this.#request(run, statement, onResult))
    if (forecast !== null) {
      const { form } = run.written
      if (form.kind !== 'explain' || !form.rows) toClient(forecastNotice(forecast, this.link))
      else forecastRows(forecast, this.link).forEach(onRow)
    }
    return required(complete, 'a command tag')
  }
}

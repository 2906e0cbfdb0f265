// Room session: the slow path of one client: frames one by one, in order, where a mutation is about. Everything that is
// no mutation is forwarded as it came.

import { Buffer } from 'node:buffer'
import { required } from '../lib/assert.ts'
import type { Log } from '../lib/log.ts'
import { Fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { encodeReadyForQuery, portalSuspended } from '../wire/backend.ts'
import type { Frame } from '../wire/frames.ts'
import { decodeFrontend, encodeDescribe, flush, sync } from '../wire/frontend.ts'
import { textKey } from '../wire/text.ts'
import type { Classified } from './classify.ts'
import { clientEncoding, decoderFor } from './encoding.ts'
import { errorFrame } from './errors.ts'
import { createPrelude, type Held, type MutationPortal } from './held.ts'
import { cannotAsk, Interpreter } from './interpreter.ts'
import type { Link } from './link.ts'
import type { Mutator } from './mutate.ts'
import type { ClientStatement, PreparedStatement } from './statement.ts'

/** A statement that the client has prepared and that is a mutation. */
export interface MutationStatement extends PreparedStatement {
  readonly table: SyncedTable
  readonly setColumns: readonly string[] | null
  /** Text of the PREPARE behind an EXECUTE. */
  readonly prepare: string | null
}

/** What the conversation and the fast path both know of the session. */
export interface SessionState {
  readonly statements: Map<string, MutationStatement>
  readonly portals: Map<string, MutationPortal & { readonly statement: MutationStatement }>
  /** Names prepared in SQL that may stand for mutations. */
  readonly prepared: Set<string>
}

export interface ConversationOptions {
  readonly link: Link
  readonly mutator: Mutator
  readonly state: SessionState
  readonly log: Log
  readonly tables: () => ReadonlyMap<string, SyncedTable>
  /** Bytes for the client. */
  readonly toClient: (bytes: Uint8Array) => void
}

type Mutation = Extract<Classified, { kind: 'mutation' }>

const letter = (frame: Frame): string => String.fromCharCode(frame.tag)

/** Thrown where the reply to held messages was an error: the client has seen it. */
class PreludeFailed extends Error {
  override name = 'PreludeFailed'
}

export class Conversation {
  readonly #options: ConversationOptions
  readonly #interpreter: Interpreter
  #held: Held[] = []
  /** An error was told in the extended protocol: everything until Sync is skipped. */
  #skipping = false
  /** Something in this pipeline was answered by us: its Sync may be ours to answer. */
  #answered = false

  constructor(options: ConversationOptions) {
    this.#options = options
    const { link, state, tables } = options
    this.#interpreter = new Interpreter({ link, tables, prepared: state.prepared })
  }

  /** Nothing of a mutation is under way: the fast path may take over. */
  get idle(): boolean {
    return this.#held.length === 0 && !this.#skipping && !this.#answered
  }

  /** Deals with one frame, to its end. Throws ConnectionLost when the database is gone. */
  async handle(frame: Frame): Promise<void> {
    const kind = letter(frame)
    if (this.#skipping && kind !== 'S' && kind !== 'X') return
    switch (kind) {
      case 'Q':
        return await this.#query(frame)
      case 'P':
        return await this.#parse(frame)
      case 'B':
        return await this.#bind(frame)
      case 'D':
        return await this.#describe(frame)
      case 'E':
        return await this.#execute(frame)
      case 'C':
        return await this.#close(frame)
      case 'H':
        await this.#flushHeld()
        if (this.#options.link.tracker.tail > 0) this.#forward(frame)
        return
      case 'S':
        return await this.#sync(frame)
      default:
        await this.#flushHeld()
        this.#forward(frame)
    }
  }

  #forward(frame: Frame): void {
    const { link } = this.#options
    link.tracker.sent(frame.tag)
    link.write(frame.bytes)
  }

  #decode(frame: Frame) {
    return decodeFrontend(frame, decoderFor(clientEncoding(this.#options.link)) ?? undefined)
  }

  // — simple protocol

  async #query(frame: Frame): Promise<void> {
    await this.#flushHeld()
    if (this.#skipping) return
    const { link } = this.#options
    await link.quiet()
    const message = this.#decode(frame)
    const classified = message.type === 'Query'
      ? await this.#interpreter.classify(message.sql.text)
      : null
    if (classified === null || link.tracker.tail > 0) return this.#forward(frame)
    if (classified.kind === 'pass' || message.type !== 'Query') return this.#forward(frame)
    if (classified.kind === 'prepare') {
      this.#options.state.prepared.add(classified.name)
      return this.#forward(frame)
    }
    const { mutation, prepare } = await this.#interpreter.meaning(classified)
    if (mutation.kind === 'pass') return this.#forward(frame)
    await this.#runQuery(mutation, { via: 'query', sql: message.sql.bytes }, prepare)
  }

  async #runQuery(
    classified: Exclude<Classified, { kind: 'pass' }>,
    statement: ClientStatement,
    prepare: string | null,
  ): Promise<void> {
    const { link, toClient } = this.#options
    try {
      if (classified.kind === 'refuse') throw classified.fault
      if (classified.kind !== 'mutation') return
      const complete = await this.#mutate(classified, {
        statement,
        prepare,
        prelude: Promise.resolve(),
      })
      toClient(complete)
    } catch (error) {
      const frame = errorFrame(error, this.#options)
      await this.#abortBlock()
      toClient(frame)
    }
    toClient(encodeReadyForQuery(link.status))
  }

  // — extended protocol

  async #parse(frame: Frame): Promise<void> {
    const { link, state } = this.#options
    const message = this.#decode(frame)
    if (message.type !== 'Parse') return this.#forward(frame)
    const key = textKey(message.name.bytes)
    if (await cannotAsk(link)) return await this.#pass(frame, key)
    const classified = await this.#interpreter.classify(message.sql.text)
    const { mutation, prepare } = classified === null
      ? { mutation: { kind: 'pass' } as const, prepare: null }
      : await this.#interpreter.meaning(classified)
    if (classified?.kind === 'prepare') state.prepared.add(classified.name)
    if (mutation.kind === 'refuse') return await this.#refuse(mutation.fault)
    if (mutation.kind !== 'mutation') return await this.#pass(frame, key)
    state.statements.set(key, {
      name: Uint8Array.from(message.name.bytes),
      sql: Uint8Array.from(message.sql.bytes),
      parameterTypes: message.parameterTypes,
      table: mutation.table,
      setColumns: mutation.setColumns,
      prepare,
    })
    this.#hold({ type: 'parse', frame: Uint8Array.from(frame.bytes) })
    if (link.tracker.tail > 0) await this.#flushHeld()
  }

  /** A Parse that is no mutation: a statement of that name is none any more. */
  async #pass(frame: Frame, key: string): Promise<void> {
    await this.#flushHeld()
    if (this.#skipping) return
    this.#options.state.statements.delete(key)
    this.#forward(frame)
  }

  async #bind(frame: Frame): Promise<void> {
    const { state } = this.#options
    const message = this.#decode(frame)
    if (message.type !== 'Bind') return this.#forward(frame)
    const key = textKey(message.portal.bytes)
    state.portals.delete(key)
    const statement = state.statements.get(textKey(message.statement.bytes))
    if (statement === undefined) {
      await this.#flushHeld()
      if (!this.#skipping) this.#forward(frame)
      return
    }
    const portal = {
      prepared: statement,
      statement,
      bind: Uint8Array.from(frame.bytes),
      result: null,
    }
    state.portals.set(key, portal)
    this.#hold({ type: 'bind', portal })
  }

  async #describe(frame: Frame): Promise<void> {
    const { state } = this.#options
    const message = this.#decode(frame)
    if (message.type !== 'Describe') return this.#forward(frame)
    const key = textKey(message.name.bytes)
    const portal = message.what === 'portal' ? state.portals.get(key) : undefined
    if (portal !== undefined) return this.#hold({ type: 'describe-portal', portal })
    if (message.what === 'statement' && state.statements.has(key)) {
      return this.#hold({ type: 'describe-statement', frame: Uint8Array.from(frame.bytes) })
    }
    await this.#flushHeld()
    if (!this.#skipping) this.#forward(frame)
  }

  async #close(frame: Frame): Promise<void> {
    const { state } = this.#options
    const message = this.#decode(frame)
    if (message.type !== 'Close') return this.#forward(frame)
    const key = textKey(message.name.bytes)
    if (message.what === 'portal' && state.portals.delete(key)) {
      return this.#hold({ type: 'close-portal' })
    }
    await this.#flushHeld()
    if (this.#skipping) return
    if (message.what === 'statement') state.statements.delete(key)
    this.#forward(frame)
  }

  async #execute(frame: Frame): Promise<void> {
    const message = this.#decode(frame)
    const portal = message.type === 'Execute'
      ? this.#options.state.portals.get(textKey(message.portal.bytes))
      : undefined
    if (message.type !== 'Execute' || portal === undefined) {
      await this.#flushHeld()
      if (!this.#skipping) this.#forward(frame)
      return
    }
    this.#answered = true
    if (portal.result === null && !await this.#runPortal(portal)) return
    this.#deliver(portal, message.rowsMax)
  }

  /** Runs the mutation of a portal and keeps what it returned; false when it failed. */
  async #runPortal(portal: MutationPortal & { statement: MutationStatement }): Promise<boolean> {
    const { link } = this.#options
    const { statement } = portal
    const { table, setColumns, prepare } = statement
    await link.quiet()
    if (link.tracker.failed) {
      this.#skip()
      return false
    }
    const prelude = this.#startHeld()
    try {
      if (link.status === 'E') await prelude
      const rows: Uint8Array[] = []
      const complete = await this.#mutate({ kind: 'mutation', table, setColumns }, {
        statement: { via: 'portal', prepared: statement, bind: portal.bind },
        prepare,
        prelude,
        rows,
      })
      portal.result = { rows, complete }
      return true
    } catch (error) {
      if (!(error instanceof PreludeFailed)) await this.#fail(error)
      this.#skip()
      return false
    }
  }

  /** Gives the client at most so many of the rows (0: all), then the command tag. */
  #deliver(portal: MutationPortal, rowsMax: number): void {
    const { toClient } = this.#options
    const { rows, complete } = required(portal.result, 'the result of a portal')
    const given = rowsMax > 0 ? rows.slice(0, rowsMax) : rows
    const left = rows.slice(given.length)
    for (const row of given) toClient(row)
    portal.result = { rows: left, complete }
    toClient(rowsMax > 0 && given.length === rowsMax ? portalSuspended : complete)
  }

  async #sync(frame: Frame): Promise<void> {
    const { link, toClient, state } = this.#options
    if (!this.#skipping) await this.#flushHeld()
    await link.quiet()
    const ours = this.#answered && link.tracker.tail === 0
    this.#skipping = false
    this.#answered = false
    this.#held = []
    if (ours) toClient(encodeReadyForQuery(link.status))
    else this.#forward(frame)
    if (link.status === 'I') state.portals.clear()
  }

  // — held messages

  #hold(held: Held): void {
    this.#held.push(held)
    this.#answered = true
  }

  /** Puts what was held to Postgres and waits for the reply. */
  async #flushHeld(): Promise<void> {
    if (this.#held.length === 0) return
    await this.#options.link.quiet()
    if (this.#options.link.tracker.failed) return this.#skip()
    try {
      await this.#startHeld()
    } catch (error) {
      if (!(error instanceof PreludeFailed)) throw error
      this.#skip()
    }
  }

  /** Sends what was held; call it when the link is quiet. Rejects with PreludeFailed after an error was forwarded. */
  #startHeld(): Promise<void> {
    const { link, toClient, state } = this.#options
    const held = this.#held
    this.#held = []
    if (held.length === 0) return Promise.resolve()
    const prelude = createPrelude(held)
    const take = (frame: Frame): boolean => {
      if (prelude.take(frame)) toClient(frame.bytes)
      return prelude.done
    }
    const tail = link.tracker.tail > 0
    const sent = tail
      ? link.exchangeFlushed(Buffer.concat([prelude.bytes, flush]), take)
      : link.exchange(Buffer.concat([prelude.bytes, sync]), take)
    return sent.then(() => {
      if (!prelude.failed) return
      if (tail) link.tracker.failed = true
      for (const item of held) if (item.type === 'parse') this.#forgetParse(item.frame)
      state.portals.clear()
      throw new PreludeFailed()
    })
  }

  /** Postgres has refused the Parse: there is no such statement. */
  #forgetParse(bytes: Uint8Array): void {
    const message = this.#decode({ tag: required(bytes[0], 'a frame'), bytes })
    if (message.type === 'Parse') this.#options.state.statements.delete(textKey(message.name.bytes))
  }

  #skip(): void {
    this.#held = []
    this.#skipping = true
    this.#answered = true
  }

  // — what both protocols share

  /**
   * Runs the mutation. Rows go to the client as they come, or into `rows`; resolves to the CommandComplete, for when
   * everything is committed.
   */
  async #mutate(
    { table, setColumns }: Mutation,
    { rows, ...request }: {
      statement: ClientStatement
      prepare: string | null
      prelude: Promise<void>
      rows?: Uint8Array[]
    },
  ): Promise<Uint8Array> {
    const { mutator, toClient } = this.#options
    let complete: Uint8Array | undefined
    const onResult = (frame: Frame): void => {
      const kind = letter(frame)
      if (kind === 'C' || kind === 'I') complete = Uint8Array.from(frame.bytes)
      else if (kind === 'D' && rows !== undefined) rows.push(Uint8Array.from(frame.bytes))
      else if (kind !== 'n' && kind !== 's') toClient(frame.bytes)
    }
    await mutator.run({ table, setColumns, ...request, onResult })
    return required(complete, 'a command tag')
  }

  async #refuse(refusal: Fault): Promise<void> {
    await this.#flushHeld()
    if (!this.#skipping) await this.#fail(refusal)
    this.#skip()
  }

  /** Tells the error in the extended protocol and fails the client's own transaction, as Postgres would. */
  async #fail(error: unknown): Promise<void> {
    const frame = errorFrame(error, this.#options)
    await this.#abortBlock()
    this.#options.toClient(frame)
  }

  /** Makes Postgres see an error where the client sees one: the block, or the pipeline, is aborted. */
  async #abortBlock(): Promise<void> {
    const { link } = this.#options
    await link.quiet()
    const { tail } = link.tracker
    const failing = encodeDescribe('portal', 'sluice_refused_the_mutation')
    if (tail > 0 && !link.tracker.failed) {
      await link.exchangeFlushed(Buffer.concat([failing, flush]), ({ tag }) => tag === 0x45)
      link.tracker.failed = true
    } else if (tail === 0 && link.status === 'T') {
      await link.exchange(Buffer.concat([failing, sync]), () => {})
    }
  }
}

// Room session: the slow path of one client: frames one by one, in order, where a mutation is about. Everything that is
// no mutation is forwarded as it came.

import { Buffer } from 'node:buffer'
import { required } from '../lib/assert.ts'
import type { Log } from '../lib/log.ts'
import { ConnectionLost } from '../engine/conduit.ts'
import { Fault, faultData } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { encodeReadyForQuery } from '../wire/backend.ts'
import { encodeFault } from '../wire/fault.ts'
import type { Frame } from '../wire/frames.ts'
import { decodeFrontend, flush, type FrontendMessage, sync } from '../wire/frontend.ts'
import { textKey } from '../wire/text.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import type { Classified } from './classify.ts'
import { failTransaction } from './conduit.ts'
import { clientEncoding, decoderFor } from './encoding.ts'
import { errorFrame } from './errors.ts'
import { createPrelude, fetchRows, type Held, PreludeFailed } from './held.ts'
import { cannotAsk, Interpreter } from './interpreter.ts'
import type { Link } from './link.ts'
import type { Mutator } from './mutate.ts'
import type { MutationStatement, SessionPortal, SessionState } from './state.ts'
import type { ClientStatement } from './statement.ts'

export interface ConversationOptions {
  readonly link: Link
  readonly mutator: Mutator
  readonly state: SessionState
  readonly log: Log
  readonly tables: () => ReadonlyMap<string, SyncedTable>
  /** Could the text (bytes as Latin-1) hold a mutation on a synced table? */
  readonly mayConcern: (text: string) => boolean
  /** Bytes for the client. */
  readonly toClient: (bytes: Uint8Array) => void
}

type Mutation = Extract<Classified, { kind: 'mutation' }>

/** So many messages are held at most; then they are put to Postgres. */
const heldMax = 256

const syncTag = 'S'.charCodeAt(0)

const letter = (frame: Frame): string => String.fromCharCode(frame.tag)

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
    try {
      await this.#dispatch(frame)
    } catch (error) {
      if (error instanceof ConnectionLost) throw this.#tellLoss(error)
      await this.#fail(error)
      if (kind === 'Q') this.#ready()
      else this.#skip()
    }
  }

  /** Nothing was sent where a mutation ends so; where Postgres has said why, the session passes that on. */
  #tellLoss(error: ConnectionLost): ConnectionLost {
    const { link, toClient } = this.#options
    if (link.farewell !== null || !link.atBoundary) return error
    const message = 'the connection to the database was lost, nothing was sent'
    toClient(encodeFault(faultData('database_unreachable', { message }), 'FATAL'))
    return error
  }

  async #dispatch(frame: Frame): Promise<void> {
    const kind = letter(frame)
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
        return await this.#passOn(frame)
    }
  }

  /** Forwards a frame that is not for us, after what was held. */
  async #passOn(frame: Frame): Promise<void> {
    await this.#flushHeld()
    if (!this.#skipping) this.#forward(frame)
  }

  #forward(frame: Frame): void {
    const { link } = this.#options
    link.tracker.sent(frame.tag)
    link.write(frame.bytes)
  }

  /** A frame that cannot be read is `Other`: it is forwarded, and Postgres says what is wrong. */
  #decode(frame: Frame): FrontendMessage {
    try {
      return decodeFrontend(frame, decoderFor(clientEncoding(this.#options.link)) ?? undefined)
    } catch (error) {
      if (error instanceof ProtocolViolation) return { type: 'Other', tag: frame.tag }
      throw error
    }
  }

  // — simple protocol

  async #query(frame: Frame): Promise<void> {
    await this.#flushHeld()
    if (this.#skipping) return
    const { link, mayConcern } = this.#options
    const message = this.#decode(frame)
    if (message.type !== 'Query' || !mayConcern(textKey(message.sql.bytes))) {
      return this.#forward(frame)
    }
    await link.quiet()
    const classified = await this.#interpreter.classify(message.sql.text)
    if (classified === null || classified.kind === 'pass') return this.#forward(frame)
    if (classified.kind === 'prepare') {
      this.#options.state.prepared.add(classified.name)
      return this.#forward(frame)
    }
    const { mutation, prepare } = await this.#interpreter.meaning(classified)
    if (mutation.kind === 'pass') return this.#forward(frame)
    await link.endPipeline()
    await this.#runQuery(mutation, { via: 'query', sql: message.sql.bytes }, prepare)
  }

  async #runQuery(
    classified: Exclude<Classified, { kind: 'pass' }>,
    statement: ClientStatement,
    prepare: string | null,
  ): Promise<void> {
    if (classified.kind === 'refuse') throw classified.fault
    if (classified.kind !== 'mutation') return
    const request = { statement, prepare, prelude: Promise.resolve() }
    this.#options.toClient(await this.#mutate(classified, request))
    this.#ready()
  }

  /** Ends a Query of ours, and an unfinished pipeline before it: asyncpg sends no Sync between. */
  #ready(): void {
    const { link, toClient } = this.#options
    if (link.tracker.tail > 0) this.#forward({ tag: syncTag, bytes: sync })
    else toClient(encodeReadyForQuery(link.status))
  }

  // — extended protocol

  async #parse(frame: Frame): Promise<void> {
    const { link, state, mayConcern } = this.#options
    const message = this.#decode(frame)
    if (message.type !== 'Parse') return await this.#passOn(frame)
    const key = textKey(message.name.bytes)
    const concerns = mayConcern(textKey(message.sql.bytes))
    if (!concerns || await cannotAsk(link)) return await this.#pass(frame, key)
    const classified = await this.#interpreter.classify(message.sql.text)
    const { mutation, prepare } = classified === null
      ? { mutation: { kind: 'pass' } as const, prepare: null }
      : await this.#interpreter.meaning(classified)
    if (classified?.kind === 'prepare') state.prepared.add(classified.name)
    if (mutation.kind === 'refuse') return await this.#refuse(mutation.fault)
    if (mutation.kind !== 'mutation') return await this.#pass(frame, key)
    await this.#holdParse(frame, key, {
      name: Uint8Array.from(message.name.bytes),
      sql: Uint8Array.from(message.sql.bytes),
      parameterTypes: message.parameterTypes,
      table: mutation.table,
      setColumns: mutation.setColumns,
      prepare,
    })
    if (link.tracker.tail > 0) await this.#flushHeld()
  }

  /** A Parse that is no mutation: a statement of that name is none any more, if Postgres takes it. */
  async #pass(frame: Frame, key: string): Promise<void> {
    if (this.#options.state.statements.has(key)) await this.#holdParse(frame, key, null)
    else await this.#passOn(frame)
  }

  /** `statement`: what the name stands for from now on; null: no mutation. */
  async #holdParse(
    frame: Frame,
    key: string,
    statement: MutationStatement | null,
  ): Promise<void> {
    const { statements } = this.#options.state
    const set = (next: MutationStatement | null): void => {
      if (next === null) statements.delete(key)
      else statements.set(key, next)
    }
    const before = statements.get(key) ?? null
    set(statement)
    await this.#hold({
      type: 'parse',
      frame: Uint8Array.from(frame.bytes),
      undo: () => set(before),
    })
  }

  async #bind(frame: Frame): Promise<void> {
    const { link, state } = this.#options
    const message = this.#decode(frame)
    if (message.type !== 'Bind') return await this.#passOn(frame)
    const key = textKey(message.portal.bytes)
    state.portals.delete(key)
    const statement = state.statements.get(textKey(message.statement.bytes))
    if (statement === undefined) return await this.#passOn(frame)
    const portal = {
      prepared: statement,
      statement,
      bind: Uint8Array.from(frame.bytes),
      result: null,
      epoch: link.tracker.epoch,
    }
    state.portals.set(key, portal)
    await this.#hold({ type: 'bind', portal })
  }

  async #describe(frame: Frame): Promise<void> {
    const { state } = this.#options
    const message = this.#decode(frame)
    if (message.type !== 'Describe') return await this.#passOn(frame)
    const key = textKey(message.name.bytes)
    const portal = message.what === 'portal' ? this.#portal(key) : undefined
    if (portal !== undefined) {
      return await this.#hold({ type: 'describe-portal', portal, current: this.#current(portal) })
    }
    if (message.what === 'statement' && state.statements.has(key)) {
      return await this.#hold({ type: 'describe-statement', frame: Uint8Array.from(frame.bytes) })
    }
    await this.#passOn(frame)
  }

  /** Does the name of the portal's statement still stand for it? */
  #current({ statement }: SessionPortal): boolean {
    return this.#options.state.statements.get(textKey(statement.name)) === statement
  }

  /** The portal of that name, if Postgres would still have it. */
  #portal(key: string): SessionPortal | undefined {
    const { link, state } = this.#options
    const portal = state.portals.get(key)
    if (portal === undefined || portal.epoch === link.tracker.epoch) return portal
    state.portals.delete(key)
    return undefined
  }

  async #close(frame: Frame): Promise<void> {
    const { link, state } = this.#options
    const message = this.#decode(frame)
    if (message.type !== 'Close') return await this.#passOn(frame)
    const key = textKey(message.name.bytes)
    if (message.what === 'portal' && this.#portal(key) !== undefined) {
      state.portals.delete(key)
      return await this.#hold({ type: 'close-portal' })
    }
    await this.#flushHeld()
    if (this.#skipping) return
    if (message.what === 'statement' && state.statements.has(key)) {
      await link.quiet()
      if (!link.tracker.failed) state.statements.delete(key)
    }
    this.#forward(frame)
  }

  async #execute(frame: Frame): Promise<void> {
    const { link } = this.#options
    const message = this.#decode(frame)
    const portal = message.type === 'Execute'
      ? this.#portal(textKey(message.portal.bytes))
      : undefined
    if (message.type !== 'Execute' || portal === undefined) return await this.#passOn(frame)
    await link.quiet()
    if (link.tracker.copying) return this.#forward(frame)
    this.#answered = true
    if (link.tracker.failed) return this.#skip()
    const { result } = portal
    // Postgres says why not: the block has failed, or the portal has run and has no rows
    const over = result !== null && result.rowCount === 0
    if (link.status === 'E' || over) return await this.#passOn(frame)
    if (result === null) return await this.#runPortal(portal, message.rowsMax)
    await this.#flushHeld()
    if (!this.#skipping) this.#fetch(portal, message.rowsMax)
  }

  /** Runs the mutation of a portal. Without a limit its rows go to the client as they come. */
  async #runPortal(portal: SessionPortal, rowsMax: number): Promise<void> {
    const { statement } = portal
    const { table, setColumns, prepare } = statement
    const rows: Uint8Array[] = []
    const prelude = this.#startHeld()
    let rowCount = 0
    const onRow = (bytes: Uint8Array): void => {
      rowCount += 1
      if (rowsMax > 0) rows.push(Uint8Array.from(bytes))
      else this.#options.toClient(bytes)
    }
    try {
      const complete = await this.#mutate({ kind: 'mutation', table, setColumns }, {
        statement: {
          via: 'portal',
          prepared: statement,
          bind: portal.bind,
          current: this.#current(portal),
        },
        prepare,
        prelude,
        onRow,
      })
      portal.result = { rows, rowCount, complete }
      if (rowsMax > 0) this.#fetch(portal, rowsMax)
      else this.#options.toClient(complete)
    } catch (error) {
      if (!(error instanceof PreludeFailed)) throw error
      this.#skip()
    }
  }

  #fetch(portal: SessionPortal, rowsMax: number): void {
    const { frames, left } = fetchRows(required(portal.result, 'the result of a portal'), rowsMax)
    for (const frame of frames) this.#options.toClient(frame)
    portal.result = left
  }

  async #sync(frame: Frame): Promise<void> {
    const { link, toClient, state } = this.#options
    if (!this.#skipping) await this.#flushHeld()
    await link.quiet()
    if (link.tracker.copying) return this.#forward(frame) // which drops it
    const ours = this.#answered && link.tracker.tail === 0
    this.#skipping = false
    this.#answered = false
    this.#held = []
    if (!ours) return this.#forward(frame)
    if (link.status === 'I') state.portals.clear()
    toClient(encodeReadyForQuery(link.status))
  }

  // — held messages

  async #hold(held: Held): Promise<void> {
    this.#held.push(held)
    this.#answered = true
    if (this.#held.length >= heldMax) await this.#flushHeld()
  }

  /** Puts what was held to Postgres and waits for the reply. */
  async #flushHeld(): Promise<void> {
    if (this.#held.length === 0) return
    const { link } = this.#options
    await link.quiet()
    if (link.tracker.copying) {
      this.#held = [] // what is forwarded next ends the connection
      return
    }
    if (link.tracker.failed) return this.#skip()
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
      prelude.undo()
      state.portals.clear()
      throw new PreludeFailed()
    })
  }

  #skip(): void {
    for (const item of this.#held.reverse()) if (item.type === 'parse') item.undo()
    this.#held = []
    this.#skipping = true
    this.#answered = true
  }

  // — what both protocols share

  /**
   * Runs the mutation. What it returns goes to the client as it comes, rows to `onRow` where there is one; resolves to
   * the CommandComplete, for when everything is committed.
   */
  async #mutate(
    { table, setColumns }: Mutation,
    { onRow = this.#options.toClient, ...request }: {
      statement: ClientStatement
      prepare: string | null
      prelude: Promise<void>
      onRow?: (bytes: Uint8Array) => void
    },
  ): Promise<Uint8Array> {
    const { mutator, toClient } = this.#options
    let complete: Uint8Array | undefined
    const onResult = (frame: Frame): void => {
      const kind = letter(frame)
      if (kind === 'C' || kind === 'I') complete = Uint8Array.from(frame.bytes)
      else if (kind === 'D') onRow(frame.bytes)
      else if (kind !== 'n' && kind !== 's') toClient(frame.bytes)
    }
    await mutator.run({ table, setColumns, ...request, onResult })
    return required(complete, 'a command tag')
  }

  async #refuse(refusal: Fault): Promise<void> {
    await this.#flushHeld()
    if (!this.#skipping) throw refusal
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

// Room session: the extended protocol of one client where a mutation is about: Parse to Sync. What belongs to a mutation
// is held until it must be answered; everything else is forwarded as it came, in order.

import { Buffer } from 'node:buffer'
import { required } from '../lib/assert.ts'
import { type Fault, fault } from '../mutation/fault.ts'
import { encodeReadyForQuery } from '../wire/backend.ts'
import type { Frame } from '../wire/frames.ts'
import { flush, sync } from '../wire/frontend.ts'
import { textKey } from '../wire/text.ts'
import type { Dialogue } from './dialogue.ts'
import { createPrelude, fetchRows, type Held, type MutationPortal, PreludeFailed } from './held.ts'
import { cannotAsk } from './interpreter.ts'
import type { MutationStatement, SessionPortal, SessionState } from './state.ts'
import type { Unread } from './unread.ts'
import { tooLongToRead } from './gate.ts'

const encoder = new TextEncoder()

/** So many messages, and bytes of them, are held at most; then they are put to Postgres. */
const heldMax = 256
const heldBytesMax = 1_048_576

export class Pipeline {
  readonly #dialogue: Dialogue
  readonly #state: SessionState
  #held: Held[] = []
  /** An error was told in the extended protocol: everything until Sync is skipped. */
  #skipping = false
  /** Something in this pipeline was answered by us: its Sync may be ours to answer. */
  #answered = false

  constructor(dialogue: Dialogue) {
    this.#dialogue = dialogue
    this.#state = dialogue.options.state
  }

  get skipping(): boolean {
    return this.#skipping
  }

  /** Nothing of a mutation is under way. */
  get idle(): boolean {
    return this.#held.length === 0 && !this.#skipping && !this.#answered
  }

  /** Deals with one frame that is no Query. */
  async handle(frame: Frame): Promise<void> {
    switch (String.fromCharCode(frame.tag)) {
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
        await this.flushHeld()
        if (this.#dialogue.link.tracker.tail > 0) this.#dialogue.forward(frame)
        return
      case 'S':
        return await this.#sync(frame)
      default:
        return await this.#passOn(frame)
    }
  }

  /** Forwards a frame that is not for us, after what was held. */
  async #passOn(frame: Frame, unread: Unread | null = null): Promise<void> {
    await this.flushHeld()
    if (!this.#skipping) this.#dialogue.forward(frame, unread)
  }

  /** As `Conversation.passes`. What it may have replaced is no mutation any more. */
  async passLong(tag: number): Promise<boolean> {
    await this.flushHeld()
    if (this.#skipping) return false
    const kind = String.fromCharCode(tag)
    if (kind === 'P') this.#state.statements.delete('')
    if (kind === 'B') this.#state.portals.clear()
    const { tracker } = this.#dialogue.link
    if (kind === 'P' || kind === 'Q') tracker.noteUnread(tooLongToRead)
    tracker.sent(tag)
    return true
  }

  async #parse(frame: Frame): Promise<void> {
    const { link, interpreter } = this.#dialogue
    const message = this.#dialogue.decode(frame)
    if (message.type !== 'Parse') return await this.#passOn(frame)
    const { sql } = message
    const key = textKey(message.name.bytes)
    const concerns = await this.#dialogue.concerns(sql.bytes)
    // what it executes may be held
    if (concerns && /execute/i.test(sql.text)) await this.flushHeld()
    if (this.#skipping) return
    if (!concerns || await cannotAsk(link)) return await this.#pass(frame, key)
    const { meaning, prepare, prepares } = await interpreter.read(sql.text)
    if (prepares !== null) this.#state.prepared.add(prepares)
    if (meaning.kind === 'refuse') return await this.#refuse(meaning.fault)
    if (meaning.kind === 'pass') return await this.#pass(frame, key, meaning.unread)
    // several: Postgres refuses them in a Parse
    if (meaning.kind !== 'mutation') return await this.#pass(frame, key)
    if (!this.#state.statements.has(key) && this.#tooMuch(frame)) {
      return await this.#refuse(keptTooMuch(this.#state.bytesMax))
    }
    await this.#holdParse(frame, key, {
      name: Uint8Array.from(message.name.bytes),
      sql: Uint8Array.from(sql.bytes),
      parameterTypes: message.parameterTypes,
      operation: meaning.operation,
      table: meaning.table,
      setColumns: meaning.setColumns,
      upsert: meaning.upsert,
      form: this.#dialogue.formOf(meaning.form, sql),
      prepare,
    })
    if (link.tracker.tail > 0) await this.flushHeld()
  }

  /** A Parse that is no mutation: a statement of that name is none any more, if Postgres takes it. */
  async #pass(frame: Frame, key: string, unread: Unread | null = null): Promise<void> {
    this.#state.unread.note(key, unread)
    if (!this.#state.statements.has(key)) return await this.#passOn(frame)
    const { tail, failed } = this.#dialogue.link.tracker
    // Postgres drops the unnamed statement before it reads the new one: no need to know whether it takes that
    if (key !== '' || tail > 0 || failed || this.#held.length > 0) {
      return await this.#holdParse(frame, key, null)
    }
    this.#state.statements.delete(key)
    this.#dialogue.forward(frame)
  }

  /** `statement`: what the name stands for from now on; null: no mutation. */
  async #holdParse(
    frame: Frame,
    key: string,
    statement: MutationStatement | null,
  ): Promise<void> {
    const { statements, unread } = this.#state
    if (statement !== null) unread.note(key, null)
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
    const { link } = this.#dialogue
    const message = this.#dialogue.decode(frame)
    if (message.type !== 'Bind') return await this.#passOn(frame)
    const key = textKey(message.portal.bytes)
    const taken = key === '' ? undefined : await this.#portal(key)
    if (taken !== undefined && this.#current(taken)) {
      const bytes = Uint8Array.from(frame.bytes)
      return await this.#hold({ type: 'bind-again', portal: taken, frame: bytes })
    }
    this.#state.portals.delete(key)
    await this.#recall()
    if (this.#skipping) return
    const name = textKey(message.statement.bytes)
    const statement = this.#state.statements.get(name)
    if (statement === undefined) return await this.#passOn(frame, this.#state.unread.of(name))
    if (this.#tooMuch(frame)) return await this.#refuse(keptTooMuch(this.#state.bytesMax))
    await link.quiet() // a Sync on its way begins another epoch
    const portal = {
      prepared: statement,
      statement,
      bind: Uint8Array.from(frame.bytes),
      result: null,
      epoch: link.tracker.epoch,
    }
    this.#state.portals.set(key, portal)
    await this.#hold({ type: 'bind', portal })
  }

  /** Would the session keep too much with what the frame brings? */
  #tooMuch(frame: Frame): boolean {
    const { statements, portals, bytesMax } = this.#state
    return statements.bytes + portals.bytes + frame.bytes.length > bytesMax
  }

  /** Forgets the named statements that have gone otherwise than by Close. */
  async #recall(): Promise<void> {
    const { link, interpreter } = this.#dialogue
    if (!this.#state.deallocated) return
    await this.flushHeld()
    if (this.#skipping || await cannotAsk(link)) return
    const names = await interpreter.preparedNames()
    const there = new Set(names.map((name) => textKey(encoder.encode(name))))
    for (const key of this.#state.statements.keys()) {
      if (key !== '' && !there.has(key)) this.#state.statements.delete(key)
    }
    this.#state.deallocated = false
  }

  async #describe(frame: Frame): Promise<void> {
    const message = this.#dialogue.decode(frame)
    if (message.type !== 'Describe') return await this.#passOn(frame)
    const key = textKey(message.name.bytes)
    const portal = message.what === 'portal' ? await this.#portal(key) : undefined
    if (portal !== undefined) {
      return await this.#hold({ type: 'describe-portal', portal, current: this.#current(portal) })
    }
    if (message.what === 'statement' && this.#state.statements.has(key)) {
      return await this.#hold({ type: 'describe-statement', frame: Uint8Array.from(frame.bytes) })
    }
    await this.#passOn(frame)
  }

  /** Does the name of the portal's statement still stand for it? */
  #current({ statement }: SessionPortal): boolean {
    return this.#state.statements.get(textKey(statement.name)) === statement
  }

  /** The portal of that name, if Postgres would still have it. */
  async #portal(key: string): Promise<SessionPortal | undefined> {
    const { link } = this.#dialogue
    const portal = this.#state.portals.get(key)
    if (portal === undefined) return undefined
    await link.quiet() // a Sync on its way may end it
    if (portal.epoch === link.tracker.epoch) return portal
    this.#state.portals.delete(key)
    return undefined
  }

  async #close(frame: Frame): Promise<void> {
    const { link } = this.#dialogue
    const message = this.#dialogue.decode(frame)
    if (message.type !== 'Close') return await this.#passOn(frame)
    const key = textKey(message.name.bytes)
    if (message.what === 'portal' && await this.#portal(key) !== undefined) {
      this.#state.portals.delete(key)
      return await this.#hold({ type: 'close-portal' })
    }
    await this.flushHeld()
    if (this.#skipping) return
    if (message.what === 'statement' && this.#state.statements.has(key)) {
      await link.quiet()
      if (!link.tracker.failed) this.#state.statements.delete(key)
    }
    this.#dialogue.forward(frame)
  }

  async #execute(frame: Frame): Promise<void> {
    const { link } = this.#dialogue
    const message = this.#dialogue.decode(frame)
    const portal = message.type === 'Execute'
      ? await this.#portal(textKey(message.portal.bytes))
      : undefined
    if (message.type !== 'Execute' || portal === undefined) return await this.#passOn(frame)
    await link.quiet()
    if (link.tracker.copying) return this.#dialogue.forward(frame)
    this.#answered = true
    if (link.tracker.failed) return this.skip()
    const { result } = portal
    // Postgres says why not: the block has failed, or the portal has run and has no rows
    const over = result !== null && result.rowCount === 0
    if (link.status === 'E' || over) return await this.#passOn(frame)
    if (result === null) return await this.#runPortal(portal, message.rowsMax)
    await this.flushHeld()
    if (!this.#skipping) this.#fetch(portal, message.rowsMax)
  }

  /** Runs the mutation of a portal. Without a limit its rows go to the client as they come. */
  async #runPortal(portal: SessionPortal, rowsMax: number): Promise<void> {
    const { statement } = portal
    const rows: Uint8Array[] = []
    const prelude = this.#startHeld()
    let rowCount = 0
    const onRow = (bytes: Uint8Array): void => {
      rowCount += 1
      if (rowsMax > 0) rows.push(Uint8Array.from(bytes))
      else this.#dialogue.toClient(bytes)
    }
    try {
      const complete = await this.#dialogue.run({
        written: statement,
        statement: {
          via: 'portal',
          prepared: statement,
          bind: portal.bind,
          current: this.#current(portal),
        },
        prelude,
        onRow,
      })
      portal.result = { rows, rowCount, complete }
      if (rowsMax > 0) this.#fetch(portal, rowsMax)
      else this.#dialogue.toClient(complete)
    } catch (error) {
      if (!(error instanceof PreludeFailed)) throw error
      this.skip()
    }
  }

  #fetch(portal: SessionPortal, rowsMax: number): void {
    const { frames, left } = fetchRows(required(portal.result, 'the result of a portal'), rowsMax)
    for (const frame of frames) this.#dialogue.toClient(frame)
    portal.result = left
  }

  async #sync(frame: Frame): Promise<void> {
    const { link } = this.#dialogue
    if (this.idle) return this.#dialogue.forward(frame) // none of it was ours
    if (!this.#skipping) await this.flushHeld()
    await link.quiet()
    if (link.tracker.copying) return this.#dialogue.forward(frame) // which drops it
    const ours = this.#answered && link.tracker.tail === 0
    this.#skipping = false
    this.#answered = false
    this.#held = []
    if (!ours) return this.#dialogue.forward(frame)
    if (link.status === 'I') this.#state.portals.clear()
    this.#dialogue.toClient(encodeReadyForQuery(link.status))
  }

  async #hold(held: Held): Promise<void> {
    this.#held.push(held)
    this.#answered = true
    const bytes = this.#held.reduce((sum, item) => sum + sizeOf(item), 0)
    if (this.#held.length >= heldMax || bytes > heldBytesMax) await this.flushHeld()
  }

  /** Puts what was held to Postgres and waits for the reply. */
  async flushHeld(): Promise<void> {
    if (this.#held.length === 0) return
    const { link } = this.#dialogue
    await link.quiet()
    if (link.tracker.copying) {
      this.#held = [] // what is forwarded next ends the connection
      return
    }
    if (link.tracker.failed) return this.skip()
    try {
      await this.#startHeld()
    } catch (error) {
      if (!(error instanceof PreludeFailed)) throw error
      this.skip()
    }
  }

  /** Sends what was held; call it when the link is quiet. Rejects with PreludeFailed after an error was forwarded. */
  #startHeld(): Promise<void> {
    const { link } = this.#dialogue
    const held = this.#held
    this.#held = []
    if (held.length === 0) return Promise.resolve()
    const prelude = createPrelude(held)
    const take = (frame: Frame): boolean => {
      if (prelude.take(frame)) this.#dialogue.toClient(frame.bytes)
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
      this.#state.portals.clear()
      throw new PreludeFailed()
    })
  }

  /** Everything until Sync is skipped: an error was told. */
  skip(): void {
    for (const item of this.#held.reverse()) {
      if (item.type === 'parse') item.undo()
      if (item.type === 'bind') this.#forget(item.portal)
    }
    this.#held = []
    this.#skipping = true
    this.#answered = true
  }

  /** The Bind of the portal was skipped: there is none. */
  #forget(portal: MutationPortal): void {
    for (const [key, known] of this.#state.portals) {
      if (known === portal) this.#state.portals.delete(key)
    }
  }

  async #refuse(refusal: Fault): Promise<void> {
    await this.flushHeld()
    if (!this.#skipping) throw refusal
  }
}

function sizeOf(held: Held): number {
  if (held.type === 'bind') return held.portal.bind.length
  return 'frame' in held ? held.frame.length : 0
}

/** SQLSTATE 54000, program_limit_exceeded. */
function keptTooMuch(bytesMax: number): Fault {
  return fault('too_many_rows', {
    message: `prepared mutations and portals of this session take more than ${bytesMax} bytes`,
    detail: 'Nothing was sent.',
    hint: 'Close statements and portals that are not needed any more.',
  })
}

// Room session: the client's fast path. It lets through whole runs of bytes that surely concern no mutation and stops at
// the first frame that might. Nothing is decoded but the text of a Query or Parse, and that only for the pre-filter.

import { Buffer } from 'node:buffer'
import { frameSizeMax, headerSize } from '../wire/frames.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import type { Tracker } from './tracker.ts'
import type { Unread, UnreadStatements } from './unread.ts'

const tag = (letter: string): number => letter.charCodeAt(0)
const [query, parse, bind, describe, execute, close] = ['Q', 'P', 'B', 'D', 'E', 'C'].map(tag)
const statementTarget = tag('S')

/**
 * Longest Query or Parse looked into, in bytes. A longer one is forwarded as it comes; if it does write to a synced
 * table, the triggers refuse it, and the client hears that it was too long.
 */
export const inspectedSizeMax = 524_288

/** Why a longer one was not read. */
export const tooLongToRead: Unread = {
  kind: 'limit',
  reason: `it has more than ${inspectedSizeMax} bytes`,
}

/** Names are looked for in so many bytes of a Bind, Describe, Execute or Close that has not come whole. */
const peekSize = 4_096

/** What the gate asks of the session. */
export interface GateRules {
  /** Could the text (bytes as Latin-1) hold a mutation on a synced table? */
  mayConcern(text: string): boolean
  /** Prepared statements that mutate, by the Latin-1 form of their names. */
  readonly statements: ReadonlyMap<string, unknown>
  /** The unnamed statement has been replaced by one that was not looked into. */
  forgetUnnamed(): void
  /** Prepared statements that were not looked into. */
  readonly unread: UnreadStatements
  /** Portals of those that mutate. */
  readonly portals: ReadonlyMap<string, unknown>
  /** The longest message that passes, in bytes. */
  readonly sizeMax: number
}

export class Gate {
  readonly #tracker: Tracker
  readonly #rules: GateRules
  /** Bytes of the frame under way that are still to come and only pass. */
  #skip = 0

  constructor(tracker: Tracker, rules: GateRules) {
    this.#tracker = tracker
    this.#rules = rules
  }

  /** What comes from now on is for Postgres alone: it ends a connection whose messages have no length. */
  giveUp(): void {
    this.#skip = Infinity
  }

  /**
   * Looks at bytes that begin where the last call's `pass` ended. The first `pass` bytes go to the database. `stop`: what
   * follows is a frame to look at more closely; else what follows is the start of a frame that has not come whole.
   */
  scan(bytes: Uint8Array): { pass: number; stop: boolean } {
    let at = Math.min(this.#skip, bytes.length)
    this.#skip -= at
    while (bytes.length - at >= headerSize) {
      const size = frameSize(bytes, at)
      if (size === null) {
        this.giveUp()
        return { pass: bytes.length, stop: false }
      }
      if (size > this.#rules.sizeMax + 1) throw tooLong(size - 1, this.#rules.sizeMax)
      const verdict = this.#look(bytes, { at, size })
      if (verdict !== 'pass') return { pass: at, stop: verdict === 'stop' }
      this.#noteUnread(bytes, { at, size })
      this.#tracker.sent(bytes[at] ?? 0)
      const end = Math.min(at + size, bytes.length)
      this.#skip = at + size - end
      at = end
    }
    return { pass: at, stop: false }
  }

  #look(
    bytes: Uint8Array,
    { at, size }: { at: number; size: number },
  ): 'pass' | 'stop' | 'incomplete' {
    const code = bytes[at]
    const present = Math.min(size, bytes.length - at)
    const whole = present === size
    if (code === query || code === parse) {
      if (size > inspectedSizeMax) return this.#passLong(bytes, at)
      if (!whole) return 'incomplete'
      if (code === parse && this.#rules.statements.size > 0) return 'stop'
      return this.#rules.mayConcern(latin1(bytes, at + headerSize, at + size)) ? 'stop' : 'pass'
    }
    if (code !== bind && code !== describe && code !== execute && code !== close) return 'pass'
    const { statements, portals, unread } = this.#rules
    if (statements.size === 0 && portals.size === 0 && unread.size === 0) return 'pass'
    if (!whole && present < peekSize) return 'incomplete'
    return this.#concerns(bytes.subarray(at, at + present)) ? 'stop' : 'pass'
  }

  #passLong(bytes: Uint8Array, at: number): 'pass' | 'incomplete' {
    const [present, from] = [bytes.length - at, at + headerSize]
    if (bytes[at] === query) return 'pass'
    if (present < peekSize && bytes.indexOf(0, from) < 0) return 'incomplete'
    if (bytes[from] === 0) this.#rules.forgetUnnamed()
    return 'pass'
  }

  /** Remembers of a frame that passes what was not read of it, so that its refusal can be told apart. */
  #noteUnread(bytes: Uint8Array, { at, size }: { at: number; size: number }): void {
    const { unread } = this.#rules
    const code = bytes[at]
    const long = size > inspectedSizeMax && (code === query || code === parse)
    if (long) this.#tracker.noteUnread(tooLongToRead)
    if (unread.size === 0 && !(long && code === parse)) return
    const frame = bytes.subarray(at, at + Math.min(size, bytes.length - at))
    if (code === parse) unread.note(cstring(frame, headerSize), long ? tooLongToRead : null)
    if (code !== bind) return
    const found = unread.of(statementOf(frame))
    if (found !== null) this.#tracker.noteUnread(found)
  }

  /** Does the frame name a statement or portal that mutates? Its names stand in front. */
  #concerns(frame: Uint8Array): boolean {
    const { statements, portals } = this.#rules
    if (frame[0] === bind) {
      return statements.has(statementOf(frame)) || portals.has(cstring(frame, headerSize))
    }
    if (frame[0] === execute) return portals.has(cstring(frame, headerSize))
    const name = cstring(frame, headerSize + 1)
    return frame[headerSize] === statementTarget ? statements.has(name) : portals.has(name)
  }
}

/** The name of the statement in a Bind, which stands after that of the portal. */
function statementOf(frame: Uint8Array): string {
  return cstring(frame, headerSize + cstring(frame, headerSize).length + 1)
}

/** Null: a length that Postgres does not take. */
function frameSize(bytes: Uint8Array, at: number): number | null {
  const length = (bytes[at + 1] ?? 0) * 0x100_0000 +
    ((bytes[at + 2] ?? 0) << 16 | (bytes[at + 3] ?? 0) << 8 | (bytes[at + 4] ?? 0))
  return length < 4 || length > frameSizeMax ? null : length + 1
}

function tooLong(size: number, sizeMax: number): ProtocolViolation {
  return new ProtocolViolation(`a message of ${size} bytes is too long`, {
    sqlstate: '54000',
    detail: `This listener takes at most ${sizeMax} bytes.`,
  })
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}

function cstring(frame: Uint8Array, from: number): string {
  const end = frame.indexOf(0, from)
  return latin1(frame, Math.min(from, frame.length), end < 0 ? frame.length : end)
}

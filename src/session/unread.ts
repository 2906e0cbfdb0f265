// Room session: texts that went to the database without being read, or that write to a synced table where no text shows it.
// The triggers refuse what comes to them without knowing why it does: the client hears the reason from here.

import { Buffer } from 'node:buffer'
import { backslashReason } from '../sql/index.ts'
import { decodeBackend } from '../wire/backend.ts'
import type { Frame } from '../wire/frames.ts'
import { type FaultData, faultData } from '../mutation/fault.ts'
import { withField } from './context.ts'

/** Why a text was not read. limit: it is longer than what is read. form: it is written in a way that is not read. */
export interface Unread {
  readonly kind: 'limit' | 'form'
  /** Lower case, without a full stop, with nothing of the text in it. */
  readonly reason: string
}

/** The most prepared statements that were not read and are remembered. */
const namesMax = 1_000
/** The longest name, in bytes, by which one is remembered. */
const nameSizeMax = 255

/** Statements that were prepared without being read, by the Latin-1 form of their names. */
export class UnreadStatements {
  readonly #names = new Map<string, Unread>()

  get size(): number {
    return this.#names.size
  }

  /** Why the statement of that name was not read; null: it was. */
  of(name: string): Unread | null {
    return this.#names.get(name) ?? null
  }

  /** The name stands for another statement from now on. Where it is very long, why that was not read is not kept. */
  note(name: string, unread: Unread | null): void {
    this.#names.delete(name)
    if (unread === null || name.length > nameSizeMax) return
    const [oldest] = this.#names.keys()
    if (this.#names.size >= namesMax && oldest !== undefined) this.#names.delete(oldest)
    this.#names.set(name, unread)
  }
}

const outsideProxy = 'SL002'
/** How the triggers' hint begins where they know of no reason. */
const usualHint = 'Connect through the proxy '

/**
 * What the client is told in place of an error: null where that is anything but the triggers' refusal, and where they know
 * the reason (the sync is paused). `unread`: why what it replies to was not read; null: it was.
 */
export function rewordRefusal(frame: Frame, unread: Unread | null): Reworded | null {
  if (!mentionsRefusal(frame.bytes)) return null
  const message = decodeBackend(frame)
  if (message.type !== 'ErrorResponse' || message.fields.get('C') !== outsideProxy) return null
  if (!message.fields.get('H')?.startsWith(usualHint)) return null
  const context = message.fields.get('W') ?? ''
  if (wroteWithin(context)) return { data: null, fields: hiddenWrite }
  if (isTruncate(context)) return { data: null, fields: cascade }
  if (unread === null) return { data: null, fields: unseenWrite }
  return unread.kind === 'form' ? { data: null, fields: formWords(unread) } : limitWords(unread)
}

/** Most errors are somebody else's: these are not decoded. */
function mentionsRefusal(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(`C${outsideProxy}\0`)
}

/**
 * Has a function, a cascade or another trigger written? Then Postgres names them, one a line, in CONTEXT, below the
 * refusing trigger, where a statement of the client's own has a line for a COPY's data and for parameters at most.
 */
function wroteWithin(context: string): boolean {
  const [, ...lines] = context.trim().split('\n')
  return lines.some((line) => !/^COPY | with parameters: /.test(line))
}

/** Is it the trigger of TRUNCATE that refuses? CONTEXT's first line names it, in every language. */
function isTruncate(context: string): boolean {
  const [first = ''] = context.trim().split('\n')
  return /\bbefore_truncate\(\)/.test(first)
}

/** A TRUNCATE that names the table is refused before it is sent, unless the sync is new or the text was not read. */
const cascade = {
  D: 'TRUNCATE reaches it, by CASCADE from another table say. Nothing was sent.',
  H: 'Use DELETE in place of TRUNCATE: first for its rows, then for those of the other table.',
}
const itself = 'Send the INSERT, UPDATE or DELETE itself.'
const hiddenWrite = {
  D: 'A function, DO, CALL, rule or trigger wrote to it, which Sluice does not see. Nothing was sent.',
  H: itself,
}
/** CONTEXT names neither rules nor views; and the listener may be the last to hear of a view or a sync. */
const unseenWrite = {
  D: 'A rule wrote to it, which Sluice does not see; or the view or the sync is so new that it is not known yet. ' +
    'Nothing was sent.',
  H: `${itself} If that is what you sent, send it again in ten seconds.`,
}

function formWords({ reason }: Unread): Reworded['fields'] {
  return {
    D: `The statement could not be read: ${reason}. Nothing was sent.`,
    H: reason === backslashReason
      ? "Write E'…', or SET standard_conforming_strings = on."
      : 'Write it in another way, in a statement of its own.',
  }
}

function limitWords({ reason }: Unread): Reworded {
  const data = faultData('statement_too_long', {
    detail: `Such a text is not read: ${reason}. Nothing was sent.`,
    hint:
      'Send fewer rows or statements in one text, or the values as parameters, or use COPY … FROM STDIN.',
  })
  const { sqlstate, message: words, detail = '', hint = '' } = data
  return { data, fields: { C: sqlstate, M: words, D: detail, H: hint } }
}

/** The error's new fields, by letter; `data`: the fault that it is now. */
export interface Reworded {
  readonly data: FaultData | null
  readonly fields: Readonly<Record<string, string>>
}

/** The error with these fields in place of what it had there. `ascii`: the client's encoding is not UTF-8. */
export function reworded(
  frame: Uint8Array,
  { fields }: Reworded,
  encode: (text: string) => string,
): Uint8Array {
  return Object.entries(fields).reduce(
    (bytes, [letter, text]) => withField(bytes, { letter, text: encode(text) }),
    frame,
  )
}

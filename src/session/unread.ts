// Room session: texts that went to the database without being read. Where one of them writes to a synced table itself, the
// triggers refuse it without knowing why it came to them: the client hears the reason from here.

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
 * What the client is told in place of an error in reply to such a text: null where that is anything but the triggers'
 * refusal; where they know the reason (the sync is paused); and where a function, a cascade or another trigger has
 * written: then Postgres names them, one a line, in CONTEXT.
 */
export function rewordRefusal(frame: Frame, unread: Unread): Reworded | null {
  const message = decodeBackend(frame)
  if (message.type !== 'ErrorResponse' || message.fields.get('C') !== outsideProxy) return null
  if (!message.fields.get('H')?.startsWith(usualHint)) return null
  if ((message.fields.get('W') ?? '').trim().includes('\n')) return null
  const { reason } = unread
  if (unread.kind === 'form') {
    const detail = `The statement could not be read: ${reason}. Nothing was sent.`
    return { data: null, fields: { D: detail } }
  }
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

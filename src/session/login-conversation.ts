// Room session: what the customer's Postgres says during a login, message by message and within bounds.

import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { decodeBackend } from '../wire/backend.ts'
import type { BackendMessage, ResponseFields } from '../wire/backend.ts'
import { createFrameReader } from '../wire/frames.ts'
import type { Frame, FrameReader } from '../wire/frames.ts'
import { createIntake } from './handshake-intake.ts'
import type { Intake } from './handshake-intake.ts'
import { DialFailure, reasonOf } from './login-dial.ts'

/** The longest message that a server may send before it is ready, in bytes. */
export const loginFrameSizeMax = 65_536

/** Everything that a server may send before it is ready, in bytes. */
export const loginSizeMax = 1_048_576

/** The server refused the login. */
export class DatabaseRefused extends Error {
  override name = 'DatabaseRefused'
  /** The ErrorResponse, to pass on as it is. */
  readonly frame: Uint8Array
  /** Its fields by letter. */
  readonly fields: ResponseFields

  constructor(frame: Uint8Array, fields: ResponseFields) {
    super(fields.get('M') ?? 'the database refused the login')
    this.frame = frame
    this.fields = fields
  }
}

/** One login's messages. */
export interface Conversation {
  /**
   * The next message that is neither a notice (kept) nor a negotiation (nothing newer than 3.0 was asked for). Rejects
   * with DatabaseRefused for an ErrorResponse, with DialFailure or ProtocolViolation when there is no next message.
   */
  next(): Promise<{ frame: Frame; message: BackendMessage }>
  /** Keeps a message to forward later. */
  keep(frame: Frame): void
  readonly parameters: Map<string, string>
  /** Lets go of the socket. */
  finish(): { rest: Uint8Array; greeting: Uint8Array; parameters: Map<string, string> }
}

export function createConversation(socket: Duplex): Conversation {
  const intake = createIntake(socket)
  const reader = createFrameReader({ sizeMax: loginFrameSizeMax })
  const parameters = new Map<string, string>()
  const kept: Uint8Array[] = []
  let size = 0
  const next = async () => {
    for (;;) {
      const frame = await nextFrame(reader, intake)
      size += frame.bytes.length
      if (size > loginSizeMax) throw new DialFailure('the server sent too much during the login')
      const message = decodeBackend(frame)
      if (message.type === 'ErrorResponse') {
        throw new DatabaseRefused(Uint8Array.from(frame.bytes), message.fields)
      }
      if (message.type === 'NoticeResponse') kept.push(frame.bytes)
      else if (message.type !== 'NegotiateProtocolVersion') return { frame, message }
    }
  }
  return {
    next,
    parameters,
    keep: (frame) => void kept.push(frame.bytes),
    finish: () => {
      for (const chunk of intake.waiting()) reader.push(chunk)
      intake.release()
      return { rest: reader.rest(), greeting: Uint8Array.from(Buffer.concat(kept)), parameters }
    },
  }
}

async function nextFrame(reader: FrameReader, intake: Intake): Promise<Frame> {
  for (;;) {
    const frame = reader.next()
    if (frame !== undefined) return frame
    const chunk = await intake.read().catch((error: unknown) => {
      throw new DialFailure(reasonOf(error), { cause: error })
    })
    if (chunk === null) throw new DialFailure('the server closed the connection during the login')
    reader.push(chunk)
  }
}

// Room session: errors as the client may read them. Only a Fault, or what Postgres said of the client's own statement,
// is told; everything else becomes an id in the log.

import { randomUUID } from 'node:crypto'
import { ConnectionLost, DatabaseError } from '../engine/conduit.ts'
import type { Log } from '../lib/log.ts'
import { Fault, type FaultData, faultData } from '../mutation/fault.ts'
import { encodeFault } from '../wire/fault.ts'
import type { Frame } from '../wire/frames.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { withField, withoutContext } from './context.ts'
import { clientEncoding, isUtf8, toAscii } from './encoding.ts'
import type { Link } from './link.ts'
import type { SessionMetrics } from './metrics.ts'
import { reworded, rewordRefusal, type Unread } from './unread.ts'

export interface ErrorContext {
  readonly link: Link
  readonly log: Log
  /** Hears of every fault that becomes an ErrorResponse. */
  readonly told?: ((data: FaultData) => void) | undefined
}

/** An ErrorResponse. A ConnectionLost is not for the client, who loses its connection too: it is thrown on. */
export function errorFrame(error: unknown, context: ErrorContext): Uint8Array {
  if (error instanceof ConnectionLost) throw error
  if (error instanceof Fault) return faultFrame(error.data, context)
  if (error instanceof DatabaseError && error.own) return ownFrame(error, context)
  if (error instanceof DatabaseError && tellable(error)) return withoutContext(error.frame)
  const id = randomUUID()
  context.log.error('internal_error', { id, error })
  const data = faultData('internal_error', { message: `internal error (${id})` })
  return faultFrame(data, context)
}

/** Postgres's words, with a hint of ours where there is one. */
function ownFrame({ frame, hint }: DatabaseError, { link }: ErrorContext): Uint8Array {
  if (hint === undefined) return frame
  return withField(frame, {
    letter: 'H',
    text: isUtf8(clientEncoding(link)) ? hint : toAscii(hint),
  })
}

/** A client's last words where the database is gone and nobody else has said so. */
export function lossFrame({ told }: Pick<ErrorContext, 'told'>): Uint8Array {
  const message = 'the connection to the database was lost, nothing was sent'
  const data = faultData('database_unreachable', { message, hint: 'Connect again.' })
  told?.(data)
  return encodeFault(data, 'FATAL')
}

/**
 * Of what our own control statements bring about, the errors that the client's statement or session has caused. The
 * words of others say nothing to a client: a missing schema `sluice`, a ticket that is not valid, a plan left open.
 */
function tellable({ sqlstate }: DatabaseError): boolean {
  return sessionStates.has(sqlstate) || sessionClasses.has(sqlstate.slice(0, 2))
}

/** read_only_sql_transaction, in_failed_sql_transaction, query_canceled, lock_not_available */
const sessionStates: ReadonlySet<string> = new Set(['25006', '25P02', '57014', '55P03'])
/** Integrity constraints (deferred ones), transaction rollback, resources, operator intervention. */
const sessionClasses: ReadonlySet<string> = new Set(['23', '40', '53', '57'])

/** What the client is told in place of an error of Postgres's. `unread`: why what it replies to was not read. */
export function refusalFrame(
  frame: Frame,
  unread: Unread | null,
  { link, told }: Pick<ErrorContext, 'link' | 'told'>,
): Uint8Array {
  const words = rewordRefusal(frame, unread)
  if (words === null) return frame.bytes
  if (words.data !== null) told?.(words.data)
  return reworded(frame.bytes, words, isUtf8(clientEncoding(link)) ? (text) => text : toAscii)
}

function faultFrame(data: FaultData, { link, told }: ErrorContext): Uint8Array {
  told?.(data)
  if (isUtf8(clientEncoding(link))) return encodeFault(data)
  const { message, detail, hint, ...rest } = data
  return encodeFault({
    ...rest,
    message: toAscii(message),
    ...(detail === undefined ? {} : { detail: toAscii(detail) }),
    ...(hint === undefined ? {} : { hint: toAscii(hint) }),
  })
}

/**
 * What a client hears of an error after which its session cannot go on; nothing where the database has gone without a word.
 * `farewell`: the database's own last words.
 */
export function lastWords(
  error: unknown,
  { farewell, log, metrics }: {
    farewell: Uint8Array | null
    log: Log
    metrics?: SessionMetrics
  },
): Uint8Array {
  if (error instanceof ConnectionLost) return farewell ?? new Uint8Array(0)
  if (error instanceof ProtocolViolation) {
    const { sqlstate, message, detail } = error
    return encodeFault({ sqlstate, message, ...(detail === undefined ? {} : { detail }) }, 'FATAL')
  }
  const id = randomUUID()
  log.error('session_failed', { id, error })
  metrics?.faults.add({ code: 'internal_error' })
  return encodeFault(faultData('internal_error', { message: `internal error (${id})` }), 'FATAL')
}

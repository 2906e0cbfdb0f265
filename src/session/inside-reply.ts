// Room session: what comes back for one statement of the HTTP door, gathered within bounds.

import type { FaultData } from '../mutation/fault.ts'
import { faultData } from '../mutation/fault.ts'
import type { StatementField } from '../mutation/statement.ts'
import { decodeBackend } from '../wire/backend.ts'
import type { ResponseFields } from '../wire/backend.ts'
import type { Frame } from '../wire/frames.ts'
import { decodeUtf8 } from '../wire/text.ts'

/** How much of a result is taken. */
export interface ResultBounds {
  readonly rowsMax: number
  /** Of all values together. */
  readonly bytesMax: number
}

export interface Reply {
  parameterTypes: readonly number[]
  fields: readonly StatementField[]
  rows: (string | null)[][]
  /** Rows that came, also those that were not taken. */
  rowCount: number
  bytes: number
  /** The command tag; null where there was none. */
  tag: string | null
  /** The statement text held no statement. */
  empty: boolean
  /** A COPY has begun, which needs a client that streams. */
  copying: boolean
  /** The first error, as Postgres or Sluice told it. */
  error: ResponseFields | null
}

export function createReply(): Reply {
  return {
    parameterTypes: [],
    fields: [],
    rows: [],
    rowCount: 0,
    bytes: 0,
    tag: null,
    empty: false,
    copying: false,
    error: null,
  }
}

/** Is there more than is taken? */
export function overflows({ rowCount, bytes }: Reply, bounds: ResultBounds): boolean {
  return rowCount > bounds.rowsMax || bytes > bounds.bytesMax
}

/** Takes one frame into the reply. */
export function takeFrame(reply: Reply, frame: Frame, bounds: ResultBounds): void {
  switch (String.fromCharCode(frame.tag)) {
    case 'D':
      return takeRow(reply, frame, bounds)
    case 'I':
      reply.empty = true
      return
    case 'G': // CopyInResponse
    case 'H': // CopyOutResponse
    case 'W': // CopyBothResponse
      reply.copying = true
      return
    case 'C':
    case 'E':
    case 'T':
    case 't':
      return takeMessage(reply, frame)
  }
}

function takeMessage(reply: Reply, frame: Frame): void {
  const message = decodeBackend(frame)
  if (message.type === 'CommandComplete') reply.tag = message.tag
  if (message.type === 'ErrorResponse') reply.error ??= message.fields
  if (message.type === 'ParameterDescription') reply.parameterTypes = message.parameterTypes
  if (message.type !== 'RowDescription') return
  reply.fields = message.fields.map(({ name, typeOid }) => ({ name: name.text, type: typeOid }))
}

function takeRow(reply: Reply, frame: Frame, bounds: ResultBounds): void {
  reply.rowCount += 1
  reply.bytes += frame.bytes.length
  if (overflows(reply, bounds)) return
  const message = decodeBackend(frame)
  if (message.type !== 'DataRow') return
  reply.rows.push(message.values.map((value) => value === null ? null : decodeUtf8(value)))
}

/** An error of Postgres's own as a fault: its SQLSTATE, words and place. */
export function databaseFault(fields: ResponseFields): FaultData {
  const text = (letter: string, name: string) => {
    const value = fields.get(letter)
    return value === undefined ? {} : { [name]: value }
  }
  const data = faultData('database_refused', {
    ...text('M', 'message'),
    ...text('D', 'detail'),
    ...text('H', 'hint'),
    ...text('s', 'schema'),
    ...text('t', 'table'),
    ...text('c', 'column'),
    ...text('n', 'constraint'),
  })
  return { ...data, sqlstate: fields.get('C') ?? data.sqlstate }
}

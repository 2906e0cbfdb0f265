// Room wire: the messages of a client. Names are those of the manual:
// https://www.postgresql.org/docs/current/protocol-message-formats.html

import { headerSize } from './frames.ts'
import type { Frame } from './frames.ts'
import { Cursor } from './cursor.ts'
import { decodeUtf8 } from './text.ts'
import type { Decode, WireText } from './text.ts'
import { ProtocolViolation } from './violation.ts'
import { encodeMessage, encodeText } from './writer.ts'
import type { Text, Writer } from './writer.ts'

/** What a Describe or Close is about. */
export type Target = 'statement' | 'portal'

/** A message of a client, as far as Sluice looks into it. Everything else is Other and is forwarded as it is. */
export type FrontendMessage =
  | { readonly type: 'Query'; readonly sql: WireText }
  | {
    readonly type: 'Parse'
    readonly name: WireText
    readonly sql: WireText
    /** Object identifiers; 0 leaves the type to Postgres. */
    readonly parameterTypes: readonly number[]
  }
  | {
    readonly type: 'Bind'
    readonly portal: WireText
    readonly statement: WireText
    /** None (all text), one for all, or one each. 0 text, 1 binary. */
    readonly parameterFormats: readonly number[]
    readonly parameters: readonly (Uint8Array | null)[]
    readonly resultFormats: readonly number[]
  }
  | { readonly type: 'Describe'; readonly what: Target; readonly name: WireText }
  | {
    readonly type: 'Execute'
    readonly portal: WireText
    /** 0 or less: all rows. */
    readonly rowsMax: number
  }
  | { readonly type: 'Close'; readonly what: Target; readonly name: WireText }
  | { readonly type: 'Other'; readonly tag: number }

/**
 * Decodes one frame. `decode` turns the client's encoding into text; UTF-8 when absent.
 * Throws ProtocolViolation in Postgres's words. Postgres answers the same bytes with the same error and stays in
 * step, so a caller may also forward such a frame as it is.
 */
export function decodeFrontend(frame: Frame, decode: Decode = decodeUtf8): FrontendMessage {
  const cursor = new Cursor(frame.bytes, { from: headerSize, decode })
  const message = decodeBody(frame.tag, cursor)
  if (message.type !== 'Other') cursor.end()
  return message
}

function decodeBody(tag: number, cursor: Cursor): FrontendMessage {
  switch (String.fromCharCode(tag)) {
    case 'Q': // #PROTOCOL-MESSAGE-FORMATS-QUERY
      return { type: 'Query', sql: cursor.text() }
    case 'P': // #PROTOCOL-MESSAGE-FORMATS-PARSE
      return {
        type: 'Parse',
        name: cursor.text(),
        sql: cursor.text(),
        parameterTypes: cursor.list(cursor.uint16(), () => cursor.uint32()),
      }
    case 'B': // #PROTOCOL-MESSAGE-FORMATS-BIND
      return decodeBind(cursor)
    case 'D': // #PROTOCOL-MESSAGE-FORMATS-DESCRIBE
      return { type: 'Describe', what: decodeTarget(cursor, 'DESCRIBE'), name: cursor.text() }
    case 'E': // #PROTOCOL-MESSAGE-FORMATS-EXECUTE
      return { type: 'Execute', portal: cursor.text(), rowsMax: cursor.int32() }
    case 'C': // #PROTOCOL-MESSAGE-FORMATS-CLOSE
      return { type: 'Close', what: decodeTarget(cursor, 'CLOSE'), name: cursor.text() }
    default:
      return { type: 'Other', tag }
  }
}

function decodeBind(cursor: Cursor): FrontendMessage {
  const portal = cursor.text()
  const statement = cursor.text()
  const parameterFormats = cursor.list(cursor.uint16(), () => cursor.uint16())
  const count = cursor.uint16()
  if (parameterFormats.length > 1 && parameterFormats.length !== count) {
    throw new ProtocolViolation(
      `bind message has ${parameterFormats.length} parameter formats but ${count} parameters`,
    )
  }
  const parameters = cursor.list(count, () => cursor.value())
  const resultFormats = cursor.list(cursor.uint16(), () => cursor.uint16())
  return { type: 'Bind', portal, statement, parameterFormats, parameters, resultFormats }
}

function decodeTarget(cursor: Cursor, message: string): Target {
  const code = cursor.int8()
  if (code === 0x53) return 'statement'
  if (code === 0x50) return 'portal'
  throw new ProtocolViolation(`invalid ${message} message subtype ${code}`)
}

/** A simple query. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY */
export function encodeQuery(sql: Text): Uint8Array {
  return encodeMessage('Q', (writer) => writer.cstring(sql))
}

/** Prepares a statement. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY */
export function encodeParse(
  { name, sql, parameterTypes = [] }: {
    name: Text
    sql: Text
    parameterTypes?: readonly number[]
  },
): Uint8Array {
  return encodeMessage('P', (writer) => {
    writer.cstring(name).cstring(sql)
    writeList(writer, { items: parameterTypes, write: (oid) => writer.int32(oid) })
  })
}

/** Makes a portal from a statement. Formats: none (all text), one for all, or one each. */
export function encodeBind(
  { portal, statement, parameterFormats = [], parameters = [], resultFormats = [] }: {
    portal: Text
    statement: Text
    parameterFormats?: readonly number[]
    parameters?: readonly (Uint8Array | null)[]
    resultFormats?: readonly number[]
  },
): Uint8Array {
  return encodeMessage('B', (writer) => {
    writer.cstring(portal).cstring(statement)
    writeList(writer, { items: parameterFormats, write: (code) => writer.int16(code) })
    writeList(writer, { items: parameters, write: (value) => writer.value(value) })
    writeList(writer, { items: resultFormats, write: (code) => writer.int16(code) })
  })
}

/** Counts are sixteen bits, unsigned: a longer list would be cut in silence, so it is refused. */
function writeList<T>(
  writer: Writer,
  { items, write }: { items: readonly T[]; write: (item: T) => void },
): void {
  if (items.length > 0xffff) throw new RangeError('Cannot write more than 65535 items in a message')
  writer.int16(items.length)
  for (const item of items) write(item)
}

const targetTag = (what: Target): number => what === 'statement' ? 0x53 : 0x50

export function encodeDescribe(what: Target, name: Text): Uint8Array {
  return encodeMessage('D', (writer) => writer.int8(targetTag(what)).cstring(name))
}

/** `rowsMax` 0: all rows. */
export function encodeExecute(
  { portal, rowsMax = 0 }: { portal: Text; rowsMax?: number },
): Uint8Array {
  return encodeMessage('E', (writer) => writer.cstring(portal).int32(rowsMax))
}

export function encodeClose(what: Target, name: Text): Uint8Array {
  return encodeMessage('C', (writer) => writer.int8(targetTag(what)).cstring(name))
}

export const flush: Uint8Array = encodeMessage('H', () => {})
export const sync: Uint8Array = encodeMessage('S', () => {})
export const terminate: Uint8Array = encodeMessage('X', () => {})

/** Ends a COPY FROM STDIN without its data. */
export function encodeCopyFail(reason: Text): Uint8Array {
  return encodeMessage('f', (writer) => writer.cstring(reason))
}

/** The answer to AuthenticationCleartextPassword and AuthenticationMD5Password. */
export function encodePasswordMessage(password: Text): Uint8Array {
  return encodeMessage('p', (writer) => writer.cstring(password))
}

/** The first message of a SASL exchange. */
export function encodeSASLInitialResponse(mechanism: string, data: Text): Uint8Array {
  return encodeMessage('p', (writer) => writer.cstring(mechanism).value(encodeText(data)))
}

/** Every later message of a SASL exchange. */
export function encodeSASLResponse(data: Text): Uint8Array {
  return encodeMessage('p', (writer) => writer.bytes(encodeText(data)))
}

/**
 * Decodes a SASLInitialResponse, which has the type of a PasswordMessage: only the state of the conversation tells
 * them apart. `data` is null where the client sent none.
 */
export function decodeSASLInitialResponse(
  frame: Frame,
): { mechanism: string; data: Uint8Array | null } {
  const cursor = new Cursor(frame.bytes, { from: headerSize, decode: decodeUtf8 })
  const mechanism = cursor.text().text
  const data = cursor.value()
  cursor.end()
  return { mechanism, data }
}

// Room wire: the messages of a server, encoded. Names are those of the manual:
// https://www.postgresql.org/docs/current/protocol-message-formats.html

import type { RowField, TransactionStatus } from './backend.ts'
import { encodeMessage, encodeText } from './writer.ts'
import type { Text, Writer } from './writer.ts'

export const authenticationOk: Uint8Array = encodeMessage('R', (writer) => writer.int32(0))
export const authenticationCleartextPassword: Uint8Array = encodeMessage(
  'R',
  (writer) => writer.int32(3),
)
export const parseComplete: Uint8Array = encodeMessage('1', () => {})
export const bindComplete: Uint8Array = encodeMessage('2', () => {})
export const closeComplete: Uint8Array = encodeMessage('3', () => {})
export const noData: Uint8Array = encodeMessage('n', () => {})
export const portalSuspended: Uint8Array = encodeMessage('s', () => {})
export const emptyQueryResponse: Uint8Array = encodeMessage('I', () => {})

/** `salt`: four bytes. */
export function encodeAuthenticationMD5Password(salt: Uint8Array): Uint8Array {
  return encodeMessage('R', (writer) => writer.int32(5).bytes(salt))
}

/** Offers mechanisms, the preferred one first. */
export function encodeAuthenticationSASL(mechanisms: readonly string[]): Uint8Array {
  return encodeMessage('R', (writer) => {
    writer.int32(10)
    for (const mechanism of mechanisms) writer.cstring(mechanism)
    writer.int8(0)
  })
}

export function encodeAuthenticationSASLContinue(data: Text): Uint8Array {
  return encodeMessage('R', (writer) => writer.int32(11).bytes(encodeText(data)))
}

export function encodeAuthenticationSASLFinal(data: Text): Uint8Array {
  return encodeMessage('R', (writer) => writer.int32(12).bytes(encodeText(data)))
}

export function encodeParameterStatus(name: string, value: Text): Uint8Array {
  return encodeMessage('S', (writer) => writer.cstring(name).cstring(value))
}

/** `secret`: four bytes in protocol 3.0, up to 256 in 3.2. */
export function encodeBackendKeyData(pid: number, secret: Uint8Array): Uint8Array {
  return encodeMessage('K', (writer) => writer.int32(pid).bytes(secret))
}

const ready: Readonly<Record<TransactionStatus, Uint8Array>> = {
  I: encodeMessage('Z', (writer) => writer.int8(0x49)),
  T: encodeMessage('Z', (writer) => writer.int8(0x54)),
  E: encodeMessage('Z', (writer) => writer.int8(0x45)),
}

/** One of three constant messages. */
export function encodeReadyForQuery(status: TransactionStatus): Uint8Array {
  return ready[status]
}

/**
 * Fields by letter: https://www.postgresql.org/docs/current/protocol-error-fields.html
 * S, V severity; C SQLSTATE; M message; D detail; H hint; P position; p, q internal position and query; W context;
 * s, t, c, d, n schema, table, column, data type, constraint; F, L, R file, line, routine.
 */
export function encodeErrorResponse(fields: Iterable<readonly [string, Text]>): Uint8Array {
  return encodeMessage('E', (writer) => writeFields(writer, fields))
}

/** As `encodeErrorResponse`, for what is no error. */
export function encodeNoticeResponse(fields: Iterable<readonly [string, Text]>): Uint8Array {
  return encodeMessage('N', (writer) => writeFields(writer, fields))
}

function writeFields(writer: Writer, fields: Iterable<readonly [string, Text]>): void {
  for (const [letter, text] of fields) writer.int8(letter.charCodeAt(0)).cstring(text)
  writer.int8(0)
}

/** `options`: names of the protocol options that are not known. The version travels whole, major and minor. */
export function encodeNegotiateProtocolVersion(
  { major, minor, options }: { major: number; minor: number; options: readonly string[] },
): Uint8Array {
  return encodeMessage('v', (writer) => {
    writer.int32(major << 16 | minor).int32(options.length)
    for (const option of options) writer.cstring(option)
  })
}

/** A column to encode: its name may be text. */
export type RowFieldLike = Omit<RowField, 'name'> & { readonly name: Text }

export function encodeRowDescription(fields: readonly RowFieldLike[]): Uint8Array {
  return encodeMessage('T', (writer) => {
    writer.int16(fields.length)
    for (const field of fields) {
      writer.cstring(field.name).int32(field.tableOid).int16(field.columnNumber)
      writer.int32(field.typeOid).int16(field.typeSize).int32(field.typeModifier)
      writer.int16(field.format)
    }
  })
}

export function encodeDataRow(values: readonly (Uint8Array | null)[]): Uint8Array {
  return encodeMessage('D', (writer) => {
    writer.int16(values.length)
    for (const value of values) writer.value(value)
  })
}

/** `tag`: e.g. `INSERT 0 1`. */
export function encodeCommandComplete(tag: Text): Uint8Array {
  return encodeMessage('C', (writer) => writer.cstring(tag))
}

export function encodeParameterDescription(parameterTypes: readonly number[]): Uint8Array {
  return encodeMessage('t', (writer) => {
    writer.int16(parameterTypes.length)
    for (const oid of parameterTypes) writer.int32(oid)
  })
}

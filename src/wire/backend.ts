// Room wire: the messages of a server, decoded. Names are those of the manual:
// https://www.postgresql.org/docs/current/protocol-message-formats.html

import { headerSize } from './frames.ts'
import type { Frame } from './frames.ts'
import { Cursor } from './cursor.ts'
import { decodeUtf8 } from './text.ts'
import type { Decode, WireText } from './text.ts'
import { ProtocolViolation } from './violation.ts'

export * from './backend-encode.ts'

/** I: idle. T: in a transaction block. E: in a failed transaction block. */
export type TransactionStatus = 'I' | 'T' | 'E'

/** One column of a RowDescription. */
export interface RowField {
  readonly name: WireText
  /** 0 where the column is not one of a table. */
  readonly tableOid: number
  readonly columnNumber: number
  readonly typeOid: number
  /** Bytes; negative where it varies. */
  readonly typeSize: number
  readonly typeModifier: number
  /** 0 text, 1 binary. */
  readonly format: number
}

/** Texts of an ErrorResponse or NoticeResponse by letter, in the order sent. */
export type ResponseFields = ReadonlyMap<string, string>

export type Authentication =
  | { readonly type: 'AuthenticationOk' }
  | { readonly type: 'AuthenticationCleartextPassword' }
  | { readonly type: 'AuthenticationMD5Password'; readonly salt: Uint8Array }
  | { readonly type: 'AuthenticationSASL'; readonly mechanisms: readonly string[] }
  | { readonly type: 'AuthenticationSASLContinue'; readonly data: Uint8Array }
  | { readonly type: 'AuthenticationSASLFinal'; readonly data: Uint8Array }
  /** Kerberos, GSSAPI, SSPI: methods that Sluice does not speak. */
  | { readonly type: 'AuthenticationOther'; readonly code: number }

/** A message of a server, as far as Sluice looks into it. */
export type BackendMessage =
  | Authentication
  | { readonly type: 'ParameterStatus'; readonly name: string; readonly value: string }
  | { readonly type: 'BackendKeyData'; readonly pid: number; readonly secret: Uint8Array }
  | { readonly type: 'ReadyForQuery'; readonly status: TransactionStatus }
  | { readonly type: 'ErrorResponse'; readonly fields: ResponseFields }
  | { readonly type: 'NoticeResponse'; readonly fields: ResponseFields }
  | { readonly type: 'CommandComplete'; readonly tag: string }
  | { readonly type: 'RowDescription'; readonly fields: readonly RowField[] }
  | { readonly type: 'DataRow'; readonly values: readonly (Uint8Array | null)[] }
  | { readonly type: 'ParameterDescription'; readonly parameterTypes: readonly number[] }
  | {
    readonly type: 'NegotiateProtocolVersion'
    readonly major: number
    readonly minor: number
    readonly options: readonly string[]
  }
  | {
    readonly type: 'NotificationResponse'
    readonly pid: number
    readonly channel: string
    readonly payload: string
  }
  | { readonly type: 'Other'; readonly tag: number }

/**
 * Decodes one frame. `decode` turns the session's encoding into text; UTF-8 when absent.
 * Throws ProtocolViolation: the server cannot be followed any further.
 */
export function decodeBackend(frame: Frame, decode: Decode = decodeUtf8): BackendMessage {
  const cursor = new Cursor(frame.bytes, { from: headerSize, decode })
  const message = decodeBody(frame.tag, cursor)
  if (message.type !== 'Other' && message.type !== 'AuthenticationOther') cursor.end()
  return message
}

function decodeBody(tag: number, cursor: Cursor): BackendMessage {
  switch (String.fromCharCode(tag)) {
    case 'R': // #PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONOK and those after it
      return decodeAuthentication(cursor)
    case 'S': // #PROTOCOL-MESSAGE-FORMATS-PARAMETERSTATUS
      return { type: 'ParameterStatus', name: cursor.text().text, value: cursor.text().text }
    case 'K': // #PROTOCOL-MESSAGE-FORMATS-BACKENDKEYDATA
      return { type: 'BackendKeyData', pid: cursor.int32(), secret: copy(cursor.remainder()) }
    case 'Z': // #PROTOCOL-MESSAGE-FORMATS-READYFORQUERY
      return { type: 'ReadyForQuery', status: decodeStatus(cursor.int8()) }
    case 'E': // #PROTOCOL-MESSAGE-FORMATS-ERRORRESPONSE
      return { type: 'ErrorResponse', fields: decodeFields(cursor) }
    case 'N': // #PROTOCOL-MESSAGE-FORMATS-NOTICERESPONSE
      return { type: 'NoticeResponse', fields: decodeFields(cursor) }
    case 'C': // #PROTOCOL-MESSAGE-FORMATS-COMMANDCOMPLETE
      return { type: 'CommandComplete', tag: cursor.text().text }
    case 'T': // #PROTOCOL-MESSAGE-FORMATS-ROWDESCRIPTION
      return {
        type: 'RowDescription',
        fields: cursor.list(cursor.uint16(), () => decodeRowField(cursor)),
      }
    case 'D': // #PROTOCOL-MESSAGE-FORMATS-DATAROW
      return { type: 'DataRow', values: cursor.list(cursor.uint16(), () => cursor.value()) }
    case 't': // #PROTOCOL-MESSAGE-FORMATS-PARAMETERDESCRIPTION
      return {
        type: 'ParameterDescription',
        parameterTypes: cursor.list(cursor.uint16(), () => cursor.uint32()),
      }
    case 'v': // #PROTOCOL-MESSAGE-FORMATS-NEGOTIATEPROTOCOLVERSION
      return decodeNegotiation(cursor)
    case 'A': // #PROTOCOL-MESSAGE-FORMATS-NOTIFICATIONRESPONSE
      return {
        type: 'NotificationResponse',
        pid: cursor.int32(),
        channel: cursor.text().text,
        payload: cursor.text().text,
      }
    default:
      return { type: 'Other', tag }
  }
}

// what is kept for the life of a session must not hold on to the chunk it came in
const copy = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)

function decodeAuthentication(cursor: Cursor): Authentication {
  const code = cursor.int32()
  switch (code) {
    case 0: // #PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONOK
      return { type: 'AuthenticationOk' }
    case 3: // #PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONCLEARTEXTPASSWORD
      return { type: 'AuthenticationCleartextPassword' }
    case 5: // #PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONMD5PASSWORD
      return { type: 'AuthenticationMD5Password', salt: copy(cursor.bytes(4)) }
    case 10: // #PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONSASL
      return { type: 'AuthenticationSASL', mechanisms: decodeMechanisms(cursor) }
    case 11: // #PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONSASLCONTINUE
      return { type: 'AuthenticationSASLContinue', data: cursor.remainder() }
    case 12: // #PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONSASLFINAL
      return { type: 'AuthenticationSASLFinal', data: cursor.remainder() }
    default:
      return { type: 'AuthenticationOther', code }
  }
}

function decodeMechanisms(cursor: Cursor): string[] {
  const names: string[] = []
  for (let name = cursor.text().text; name !== ''; name = cursor.text().text) names.push(name)
  return names
}

function decodeStatus(code: number): TransactionStatus {
  const status = String.fromCharCode(code)
  if (status === 'I' || status === 'T' || status === 'E') return status
  throw new ProtocolViolation(`invalid transaction status ${code}`)
}

function decodeFields(cursor: Cursor): ResponseFields {
  const fields = new Map<string, string>()
  for (let code = cursor.int8(); code !== 0; code = cursor.int8()) {
    fields.set(String.fromCharCode(code), cursor.text().text)
  }
  return fields
}

function decodeRowField(cursor: Cursor): RowField {
  return {
    name: cursor.text(),
    tableOid: cursor.uint32(),
    columnNumber: cursor.int16(),
    typeOid: cursor.uint32(),
    typeSize: cursor.int16(),
    typeModifier: cursor.int32(),
    format: cursor.uint16(),
  }
}

function decodeNegotiation(cursor: Cursor): BackendMessage {
  const version = cursor.int32()
  const options = cursor.list(cursor.uint32(), () => cursor.text().text)
  return {
    type: 'NegotiateProtocolVersion',
    major: version >>> 16,
    minor: version & 0xffff,
    options,
  }
}

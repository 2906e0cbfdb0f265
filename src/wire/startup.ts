// Room wire: the packets that open a connection. They have no type byte, so they are read before anything else.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

import { Cursor } from './cursor.ts'
import { decodeUtf8 } from './text.ts'
import { ProtocolViolation } from './violation.ts'
import { encodeMessage } from './writer.ts'
import type { Text } from './writer.ts'

/** MAX_STARTUP_PACKET_LENGTH of Postgres, in bytes; the four of the length field are not counted. */
export const startupSizeMax = 10_000

/** The longest cancel key (protocol 3.2), in bytes. */
export const cancelKeySizeMax = 256

/** The newest protocol that Sluice speaks. 3.1 does not exist. */
export const newestProtocol = { major: 3, minor: 2 } as const

const codes = { cancel: 80877102, ssl: 80877103, gssenc: 80877104 } as const

export type Startup =
  | { readonly type: 'SSLRequest' }
  | { readonly type: 'GSSENCRequest' }
  | { readonly type: 'CancelRequest'; readonly pid: number; readonly secret: Uint8Array }
  | {
    readonly type: 'StartupMessage'
    readonly major: number
    readonly minor: number
    /** As sent, without the protocol options; the last of two with one name counts. */
    readonly parameters: ReadonlyMap<string, string>
    /** Names beginning with `_pq_.`: options of the protocol itself, none of which is known. */
    readonly options: readonly string[]
  }

/**
 * Size of the packet that begins with these bytes, length field included; undefined until four bytes are there.
 * Throws ProtocolViolation where it is too short or longer than `sizeMax`; Postgres closes then and says nothing,
 * because whoever sends such a thing is no client of Postgres.
 */
export function startupSize(
  bytes: Uint8Array,
  { sizeMax }: { sizeMax: number } = { sizeMax: startupSizeMax },
): number | undefined {
  if (bytes.length < 4) return undefined
  const size = new Cursor(bytes, { from: 0, decode: decodeUtf8 }).int32()
  if (size < 8 || size - 4 > sizeMax) {
    throw new ProtocolViolation('invalid length of startup packet')
  }
  return size
}

/**
 * Decodes one whole packet, length field included; how long it may be is for `startupSize` to say. Throws
 * ProtocolViolation in Postgres's words.
 */
export function decodeStartup(bytes: Uint8Array): Startup {
  const size = startupSize(bytes, { sizeMax: Infinity })
  if (size !== bytes.length) throw new ProtocolViolation('incomplete startup packet')
  const cursor = new Cursor(bytes, { from: 4, decode: decodeUtf8 })
  const code = cursor.int32()
  switch (code) {
    case codes.ssl: // #PROTOCOL-MESSAGE-FORMATS-SSLREQUEST
      return exact(cursor, { type: 'SSLRequest' })
    case codes.gssenc: // #PROTOCOL-MESSAGE-FORMATS-GSSENCREQUEST
      return exact(cursor, { type: 'GSSENCRequest' })
    case codes.cancel: // #PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST
      return decodeCancelRequest(cursor)
    default: // #PROTOCOL-MESSAGE-FORMATS-STARTUPMESSAGE
      return decodeStartupMessage(cursor, code)
  }
}

function exact(cursor: Cursor, startup: Startup): Startup {
  if (cursor.left !== 0) throw new ProtocolViolation('invalid length of startup packet')
  return startup
}

function decodeCancelRequest(cursor: Cursor): Startup {
  if (cursor.left < 4) throw new ProtocolViolation('invalid length of cancel request packet')
  const pid = cursor.int32()
  const secret = Uint8Array.from(cursor.remainder())
  if (secret.length === 0 || secret.length > cancelKeySizeMax) {
    throw new ProtocolViolation('invalid length of cancel key in cancel request packet')
  }
  return { type: 'CancelRequest', pid, secret }
}

function decodeStartupMessage(cursor: Cursor, code: number): Startup {
  const [major, minor] = [code >>> 16, code & 0xffff]
  if (major !== newestProtocol.major) throw unsupportedProtocol(major, minor)
  const parameters = new Map<string, string>()
  const options: string[] = []
  for (const [name, value] of decodePairs(cursor)) {
    if (name.startsWith('_pq_.')) options.push(name)
    else parameters.set(name, value)
  }
  return { type: 'StartupMessage', major, minor, parameters, options }
}

/** For a version that is not spoken, and for a request of 1234.x that may be made only once. */
export function unsupportedProtocol(major: number, minor: number): ProtocolViolation {
  const spoken = `${newestProtocol.major}.0 to ${newestProtocol.major}.${newestProtocol.minor}`
  return new ProtocolViolation(
    `unsupported frontend protocol ${major}.${minor}: server supports ${spoken}`,
    { sqlstate: '0A000' },
  )
}

function decodePairs(cursor: Cursor): [string, string][] {
  const pairs: [string, string][] = []
  try {
    for (let name = cursor.text().text; name !== ''; name = cursor.text().text) {
      pairs.push([name, cursor.text().text])
    }
    cursor.end()
  } catch {
    throw new ProtocolViolation(
      'invalid startup packet layout: expected terminator as last byte',
    )
  }
  return pairs
}

/** Opens a session. `parameters`: at least `user`. */
export function encodeStartupMessage(
  { major, minor, parameters }: {
    major: number
    minor: number
    parameters: Iterable<readonly [string, Text]>
  },
): Uint8Array {
  return encodeMessage(null, (writer) => {
    writer.int32(major << 16 | minor)
    for (const [name, value] of parameters) writer.cstring(name).cstring(value)
    writer.int8(0)
  })
}

export const sslRequest: Uint8Array = encodeMessage(null, (writer) => writer.int32(codes.ssl))
export const gssencRequest: Uint8Array = encodeMessage(
  null,
  (writer) => writer.int32(codes.gssenc),
)

/** Cancels what the backend with that key is doing; sent on a connection of its own. */
export function encodeCancelRequest(pid: number, secret: Uint8Array): Uint8Array {
  return encodeMessage(null, (writer) => writer.int32(codes.cancel).int32(pid).bytes(secret))
}

// Room session: from the first byte of a connection to its StartupMessage or CancelRequest, encrypted where the client
// asks for it and we have a certificate. What is sent in the clear never passes for something encrypted.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL

import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { decodeStartup, startupSize, unsupportedProtocol } from '../wire/startup.ts'
import type { Startup } from '../wire/startup.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { createIntake } from './handshake-intake.ts'
import type { Intake } from './handshake-intake.ts'
import { type Peer, peerOf } from './peer.ts'
import { looksProxied, type ProxyHeader, readProxyHeader } from './proxy-header.ts'
import { acceptTls, alpnProtocol } from './tls.ts'

/** The connection ends without a word: the peer is gone, or is no client of Postgres. The message is for the log. */
export class Gone extends Error {
  override name = 'Gone'
  readonly level: 'debug' | 'info'

  constructor(message: string, options: { cause?: unknown; level?: 'debug' | 'info' } = {}) {
    super(message, options)
    this.level = options.level ?? 'debug'
  }
}

/** A connection as far as it has come. */
export interface Channel {
  /** The socket, or the TLSSocket on it. */
  readonly stream: Socket
  readonly intake: Intake
  readonly encrypted: boolean
  /** Bytes that were read and not used yet. */
  readonly left: Uint8Array
}

/** What a client wants once encryption is settled. */
export type Request = Extract<Startup, { type: 'StartupMessage' | 'CancelRequest' }>

export interface ChannelOptions {
  /** null: there is no certificate. */
  readonly context: SecureContext | null
  /** The other end is a proxy that says in a PROXY header whom it speaks for. */
  readonly proxied: boolean
  /** The longest startup packet, in bytes, without its length field. */
  readonly startupBytesMax: number
  /** Hears who the client is before anything else is read. What it throws ends the handshake. */
  readonly onPeer: (peer: Peer) => void
  /** Hears of the channel whenever it changes, so that an error can be sent on the right one. */
  readonly onChannel: (channel: Channel) => void
}

const tlsHandshakeByte = 0x16

/** Reads up to the request. Rejects with ProtocolViolation (to be told to the client) or Gone. */
export async function openChannel(
  socket: Socket,
  { context, proxied, startupBytesMax, onPeer, onChannel }: ChannelOptions,
): Promise<{ channel: Channel; request: Request }> {
  const direct = peerOf(socket)
  let channel = plainChannel(socket)
  const move = (to: Channel) => onChannel(channel = to)
  move(channel)
  if (proxied) {
    const { peer, after } = await readProxy(channel)
    onPeer(peer ?? direct)
    move(after)
  } else {
    onPeer(direct)
  }
  if (channel.left.length === 0) move(await readSome(channel))
  if (channel.left[0] === tlsHandshakeByte) move(await acceptDirectTls(channel, context))
  let [sslAsked, gssencAsked] = [false, false]
  for (;;) {
    const { startup, after } = await readStartup(channel, startupBytesMax)
    move(after)
    if (startup.type === 'SSLRequest') {
      if (sslAsked) throw unsupportedProtocol(1234, 5679)
      sslAsked = true
      refuseUnencrypted(channel, 'SSL')
      const accepted = context !== null && !channel.encrypted
      channel.stream.write(accepted ? 'S' : 'N')
      if (!accepted) continue
      gssencAsked = true
      move(await encrypt(channel, context))
    } else if (startup.type === 'GSSENCRequest') {
      if (gssencAsked) throw unsupportedProtocol(1234, 5680)
      gssencAsked = true
      refuseUnencrypted(channel, 'GSSAPI encryption')
      channel.stream.write('N')
    } else {
      return { channel, request: startup }
    }
  }
}

function plainChannel(socket: Socket): Channel {
  const intake = createIntake(socket)
  return { stream: socket, intake, encrypted: false, left: new Uint8Array(0) }
}

/** CVE-2021-23214: the client must wait for the answer; what is here already was not sent under encryption. */
function refuseUnencrypted(channel: Channel, what: string): void {
  if (channel.left.length === 0 && channel.intake.waiting().length === 0) return
  throw new ProtocolViolation(`received unencrypted data after ${what} request`, {
    detail:
      'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
  })
}

async function encrypt(channel: Channel, context: SecureContext): Promise<Channel> {
  channel.intake.release()
  const stream = await acceptTls(channel.stream, context).catch((error: unknown) => {
    throw new Gone('TLS handshake failed', { cause: error })
  })
  return { ...plainChannel(stream), encrypted: true }
}

/** TLS without asking first, as since Postgres 17; only with ALPN, so that no other protocol can be led here. */
async function acceptDirectTls(channel: Channel, context: SecureContext | null): Promise<Channel> {
  if (context === null) throw new Gone('direct SSL connection without a certificate')
  const read = [channel.left, ...channel.intake.waiting()]
  channel.intake.release()
  channel.stream.unshift(Buffer.concat(read))
  const secured = await encrypt(channel, context)
  if ((secured.stream as { alpnProtocol?: unknown }).alpnProtocol !== alpnProtocol) {
    throw new Gone(
      'received direct SSL connection request without ALPN protocol negotiation extension',
    )
  }
  return secured
}

/** The header in front of everything, in the clear: of what follows it nothing is touched. */
async function readProxy(
  channel: Channel,
): Promise<{ peer: ProxyHeader['peer']; after: Channel }> {
  for (let now = await readSome(channel);; now = await readSome(now)) {
    const header = readProxyHeader(now.left)
    if (header === null) continue
    return { peer: header.peer, after: { ...now, left: now.left.subarray(header.size) } }
  }
}

async function readStartup(
  channel: Channel,
  sizeMax: number,
): Promise<{ startup: Startup; after: Channel }> {
  let now = channel
  for (;;) {
    const size = sizeOf(now.left, sizeMax)
    if (size !== undefined && now.left.length >= size) {
      const startup = decodeStartup(now.left.subarray(0, size))
      return { startup, after: { ...now, left: now.left.subarray(size) } }
    }
    now = await readSome(now)
  }
}

/** Whoever sends such a length is no client of Postgres; nothing is told to it, as Postgres does. */
function sizeOf(bytes: Uint8Array, sizeMax: number): number | undefined {
  try {
    return startupSize(bytes, { sizeMax })
  } catch (cause) {
    if (!looksProxied(bytes)) throw new Gone('invalid length of startup packet', { cause })
    throw new Gone('a PROXY header of a peer that is not configured as a proxy', { level: 'info' })
  }
}

async function readSome(channel: Channel): Promise<Channel> {
  const chunk = await readChunk(channel.intake)
  return { ...channel, left: Buffer.concat([channel.left, chunk]) }
}

/** The next chunk of the client. Rejects with Gone when there is none. */
export async function readChunk(intake: Intake): Promise<Uint8Array> {
  const chunk = await intake.read().catch((error: unknown) => {
    throw new Gone('the connection broke', { cause: error })
  })
  if (chunk === null) throw new Gone('the client closed the connection')
  return chunk
}

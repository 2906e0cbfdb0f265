// Room session: TLS on a connection that already speaks, on both sides. At least TLS 1.2; the protocol's name in ALPN is
// `postgresql`, as in Postgres 17.

import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, createSecureContext, TLSSocket } from 'node:tls'
import type { SecureContext } from 'node:tls'

export const alpnProtocol = 'postgresql'

/** A certificate and its key, PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Made once and used for every connection: it parses the key. Throws when the PEM is not valid. */
export function createServerContext({ cert, key }: Certificate): SecureContext {
  return createSecureContext({ cert, key, minVersion: 'TLSv1.2' })
}

/**
 * The server's side. `socket` has nobody listening; bytes of the client's first message that were read already have been
 * put back with `unshift`. Rejects with the error of the TLS handshake; both sockets are destroyed then.
 */
export function acceptTls(socket: Socket, context: SecureContext): Promise<TLSSocket> {
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: [alpnProtocol],
  })
  return settle(secured, { socket, ready: 'secure' })
}

/** How a client goes about TLS. */
export interface TlsClientOptions {
  /** The name that the certificate must bear, and that is told to the server unless it is an address. */
  readonly host: string
  /** Refuse a certificate that is not trusted or not that of the host. */
  readonly verify: boolean
  /** PEM of the authorities trusted; the system's own when absent. */
  readonly ca?: string
}

/** The client's side; as `acceptTls`. */
export function requestTls(socket: Duplex, options: TlsClientOptions): Promise<TLSSocket> {
  const { host, verify, ca } = options
  const secured = connect({
    socket,
    host,
    rejectUnauthorized: verify,
    minVersion: 'TLSv1.2',
    ALPNProtocols: [alpnProtocol],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
  })
  return settle(secured, { socket, ready: 'secureConnect' })
}

function settle(
  secured: TLSSocket,
  { socket, ready }: { socket: Duplex; ready: 'secure' | 'secureConnect' },
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const stop = () => secured.off(ready, onReady).off('error', onError).off('close', onClose)
    const fail = (error: Error) => {
      stop()
      secured.destroy()
      socket.destroy()
      reject(error)
    }
    const onReady = () => {
      stop()
      resolve(secured)
    }
    const onError = (error: Error) => fail(error)
    const onClose = () => fail(new Error('the connection was closed during the TLS handshake'))
    secured.on('error', () => {}) // stays: an error between two owners must not be uncaught
    secured.once(ready, onReady).once('error', onError).once('close', onClose)
    socket.once('close', () => secured.destroy()) // destroying the socket below ends the wait on every runtime
  })
}

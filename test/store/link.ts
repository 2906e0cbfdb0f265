// A way to a server that can be cut and mended, for tests of a store that goes down.

import { connect, createServer, type Socket } from 'node:net'

export interface Link {
  readonly port: number
  /** Ends every connection and resets new ones: whoever asks is told so at once. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

/** Forwards a port of loopback to another. A client that says `cutAt` is cut off at once, and is not heard. */
export async function startLink(
  target: number,
  { cutAt }: { cutAt?: string } = {},
): Promise<Link> {
  const sockets = new Set<Socket>()
  let up = true
  const drop = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const server = createServer((near) => {
    if (!up) return near.resetAndDestroy()
    const far = connect(target, '127.0.0.1')
    near.on('data', (chunk: Uint8Array) => {
      if (cutAt !== undefined && Buffer.from(chunk).includes(cutAt)) near.destroy()
    })
    for (const [one, other] of [[near, far], [far, near]] as const) {
      sockets.add(one)
      one.on('data', (chunk) => other.write(chunk)).on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  return {
    port,
    cut: () => {
      up = false
      drop()
    },
    mend: () => {
      up = true
    },
    close: () => {
      drop()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

// Bench: a way between two hosts that are far from each other. What passes arrives so much later, in its order; a
// connection takes the round trip that its handshake would take.

import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Way {
  readonly port: number
  /** From now on: how long a message takes in one direction, in milliseconds. */
  set(oneWayMs: number): void
  close(): Promise<void>
}

const host = '127.0.0.1'

/** A way to this port of loopback. */
export async function openWay(target: () => number): Promise<Way> {
  let oneWayMs = 0
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect({ host, port: target() })
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay())
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => [near, far].forEach((each) => each.destroy()))
    }
    // who connects would have sent nothing before SYN and its answer have passed
    carry(near, far, { delayMs: () => oneWayMs, notBefore: performance.now() + 2 * oneWayMs })
    carry(far, near, { delayMs: () => oneWayMs, notBefore: 0 })
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: portOf(server),
    set: (ms) => void (oneWayMs = ms),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function carry(
  from: Socket,
  to: Socket,
  { delayMs, notBefore }: { delayMs: () => number; notBefore: number },
): void {
  let last = 0
  const later = (work: () => void): void => {
    const at = Math.max(performance.now(), notBefore) + delayMs()
    last = Math.max(last, at) // what came first arrives first
    const waitMs = last - performance.now()
    if (waitMs <= 0) return work()
    setTimeout(work, waitMs)
  }
  from.on('data', (chunk) => later(() => to.destroyed || to.write(chunk)))
  from.on('end', () => later(() => to.end()))
  from.on('close', () => later(() => to.destroy()))
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The way has no port')
  return address.port
}

// Bench: a way between two hosts that are far from each other. What passes arrives so much later, in its order; a
// connection takes the round trip that its handshake would take.

import { connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate } from 'node:timers'

/** Where somebody takes connections. */
export interface Place {
  readonly host: string
  readonly port: number
}

export interface Way extends Place {
  /** From now on: how long a message takes in one direction, in milliseconds. */
  set(oneWayMs: number): Promise<void>
  close(): Promise<void>
}

/** A way to the target that is entered at a free port of this address. */
export async function openWay(
  target: () => Place,
  { host }: { host: string },
): Promise<Way> {
  let oneWayMs = 0
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(target())
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay())
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => [near, far].forEach((each) => each.destroy()))
    }
    // who connects would have sent nothing before SYN and its answer have passed
    carry(near, far, { delayMs: () => oneWayMs, notBefore: performance.now() + 2 * oneWayMs })
    carry(far, near, { delayMs: () => oneWayMs, notBefore: 0 })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  return {
    host,
    port: portOf(server),
    set: (ms) => {
      oneWayMs = ms
      return Promise.resolve()
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** A timer may be so late; what is due sooner is waited for without one. */
const timerLateMs = 2

function carry(
  from: Socket,
  to: Socket,
  { delayMs, notBefore }: { delayMs: () => number; notBefore: number },
): void {
  /** In the order of their times: what came first arrives first. */
  const underWay: { at: number; work: () => void }[] = []
  const deliver = (): void => {
    for (;;) {
      const [next] = underWay
      if (next === undefined) return
      const waitMs = next.at - performance.now()
      if (waitMs > timerLateMs) return void setTimeout(deliver, waitMs - timerLateMs)
      if (waitMs > 0) return void setImmediate(deliver)
      underWay.shift()
      next.work()
    }
  }
  const later = (work: () => void): void => {
    const at = Math.max(performance.now(), notBefore) + delayMs()
    underWay.push({ at: Math.max(at, underWay.at(-1)?.at ?? 0), work })
    if (underWay.length === 1) deliver()
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

// A way between two parts of the system that counts what passes, message by message, and does harm at the n-th: it cuts
// the connection before or after the message, holds it back, or has somebody killed. All relays of a ledger count together.

import { Buffer } from 'node:buffer'
import { connect, createServer, type Socket } from 'node:net'

/** `out`: from who connected to who listens. */
export type Way = 'out' | 'back'

/** One message that passed, or was to pass. Of Postgres' protocol its letter, of HTTP the first line. */
export interface Action {
  readonly link: string
  readonly way: Way
  readonly label: string
  /** What its connection called itself to Postgres (application_name); absent when it did not, or not yet. */
  readonly name?: string | undefined
}

/**
 * cut-before: the message is lost and both ends lose the connection. cut-after: it arrives, then the same. stall: it and
 * what follows it in its direction is held back until `release`. A function: is waited for, then the message passes, if
 * there is still somebody.
 */
export type Deed = 'cut-before' | 'cut-after' | 'stall' | ((action: Action) => Promise<void>)

/** What is done, and when. */
export interface Plan {
  /** The number of the action, from 1. */
  readonly at: number
  readonly deed: Deed
  /** Which actions count, called with each; all when absent. */
  readonly of?: (action: Action) => boolean
}

export interface Ledger {
  /** Since the last restart, in their order over all links. */
  readonly actions: readonly Action[]
  /** What the deed befell; null: it has not come to it. */
  readonly struck: Action | null
  /** Forgets all actions, releases what is held, and goes by this plan; nothing is done when absent. */
  restart(plan?: Plan): void
  /** What the plan says is not done any more, if it was not yet. */
  disarm(): void
  /** Lets pass what is held back. */
  release(): void
  /** For relays: counts an action and says what is to be done with it. */
  note(action: Action): Deed | null
  /** For relays: settles when nothing is held back any more. */
  held(): Promise<void>
}

export interface Relay {
  readonly port: number
  /** How many connections are open. */
  readonly open: number
  /** Ends the connection that was made last but `nth`, or every one when absent. */
  cut(nth?: number): void
  close(): Promise<void>
}

/** More actions than any statement has: what goes on in the background must not fill the memory. */
const actionsMax = 100_000

export function createLedger(): Ledger {
  let actions: Action[] = []
  let plan: Plan | undefined
  let counted = 0
  let struck: Action | null = null
  let open = (): void => {}
  let hold: Promise<void> | null = null
  const release = (): void => {
    open()
    hold = null
  }
  return {
    get actions() {
      return actions
    },
    get struck() {
      return struck
    },
    release,
    disarm: () => {
      plan = undefined
    },
    held: () => hold ?? Promise.resolve(),
    restart: (next) => {
      release()
      actions = []
      struck = null
      counted = 0
      plan = next
    },
    note: (action) => {
      if (actions.length < actionsMax) actions.push(action)
      if (plan === undefined || struck !== null) return null
      if (plan.of?.(action) ?? true) counted += 1
      if (counted !== plan.at) return null
      struck = action
      if (plan.deed === 'stall') hold = new Promise((resolve) => open = resolve)
      return plan.deed
    },
  }
}

interface Piece {
  readonly label: string
  readonly bytes: Uint8Array
}

type Split = (chunk: Uint8Array) => Piece[]

export interface RelayOptions {
  readonly link: string
  /** Port of loopback where the other end listens, or will. */
  readonly target: number | (() => number)
  /** postgres: a message each; http: what is written at once. */
  readonly protocol: 'postgres' | 'http'
  /** Counts nothing when absent. */
  readonly ledger?: Ledger
}

/** Listens on any free port of loopback. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const pairs = new Set<() => void>()
  const server = createServer((near) => {
    const { target } = options
    const far = connect(typeof target === 'number' ? target : target(), '127.0.0.1')
    const sockets = [near, far].map((socket) => socket.setNoDelay(true).on('error', () => {}))
    const end = (): void => {
      pairs.delete(end)
      for (const socket of sockets) socket.destroy()
    }
    pairs.add(end)
    const known: Known = {}
    pump(options, { from: near, to: far, way: 'out', known, end })
    pump(options, { from: far, to: near, way: 'back', known, end })
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  return {
    port,
    get open() {
      return pairs.size
    },
    cut: (nth) => {
      for (const end of nth === undefined ? [...pairs] : [...pairs].reverse().slice(nth, nth + 1)) {
        end()
      }
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const end of pairs) end()
      await closed
    },
  }
}

/** Of both directions of a connection. */
interface Known {
  name?: string | undefined
}

interface Direction {
  readonly from: Socket
  readonly to: Socket
  readonly way: Way
  readonly known: Known
  readonly end: () => void
}

/** Passes on what comes, a piece after the other. */
function pump(options: RelayOptions, direction: Direction): void {
  const { from, to, way, end } = direction
  const split = options.ledger === undefined ? whole : splitters[options.protocol](way)
  let work = Promise.resolve()
  from.on('data', (chunk: Uint8Array) => {
    const pieces = split(chunk)
    work = work.then(() => pass(options, direction, pieces))
  })
  from.once('end', () => {
    // a relay that waits for more, or holds back, must not hide that one end has gone
    void work.then(() => to.end())
  })
  from.once('close', () => {
    void work.then(() => {
      if (!to.destroyed) to.end()
      to.once('close', end)
      if (to.destroyed) end()
    })
    if (from.errored !== null) end()
  })
}

async function pass(
  { link, ledger }: RelayOptions,
  { from, to, way, known, end }: Direction,
  pieces: readonly Piece[],
): Promise<void> {
  for (const { label, bytes } of pieces) {
    if (to.destroyed) return
    if (label === 'startup') known.name ??= applicationOf(bytes)
    const action = { link, way, label, ...known }
    const deed = ledger?.note(action) ?? null
    if (deed === 'cut-after') to.write(bytes)
    if (deed === 'cut-before' || deed === 'cut-after') {
      to.end() // what came before must arrive
      from.resetAndDestroy()
      return
    }
    if (deed === 'stall') await ledger?.held()
    if (typeof deed === 'function') {
      await deed(action)
      if (from.destroyed) return end()
    }
    if (!to.destroyed) to.write(bytes)
  }
}

const whole: Split = (bytes) => [{ label: '', bytes }]

const splitters: Readonly<Record<RelayOptions['protocol'], (way: Way) => Split>> = {
  http: () => (bytes) => [{ label: firstLine(bytes), bytes }],
  postgres: (way) => createMessageSplit({ untagged: way === 'out' }),
}

/** The application_name of a StartupMessage: a length, a version, then names and values, each ended by a zero byte. */
function applicationOf(startup: Uint8Array): string | undefined {
  const words = Buffer.from(startup.subarray(8)).toString('utf8').split('\0')
  const at = words.indexOf('application_name')
  return at === -1 ? undefined : words[at + 1]
}

function firstLine(bytes: Uint8Array): string {
  const [line = ''] = Buffer.from(bytes.subarray(0, 200)).toString('latin1').split('\r\n')
  return /^(HTTP\/|[A-Z]+ \/)/.test(line) ? line.slice(0, 60) : 'more'
}

/**
 * A message each, as far as it has come. The first of a client has no letter.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
function createMessageSplit({ untagged }: { untagged: boolean }): Split {
  let rest: Buffer = Buffer.alloc(0)
  let first = untagged
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const pieces: Piece[] = []
    for (;;) {
      const head = first ? 0 : 1
      if (rest.length < head + 4) return pieces
      const size = head + rest.readUInt32BE(head)
      if (rest.length < size) return pieces
      const label = first ? 'startup' : String.fromCharCode(rest[0] ?? 0)
      pieces.push({ label, bytes: rest.subarray(0, size) })
      rest = rest.subarray(size)
      first = false
    }
  }
}

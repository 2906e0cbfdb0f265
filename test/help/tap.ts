// A relay between a client and Postgres that notes every statement as it went over the wire and what the server said of
// it: the truth for tests that must know what clients really send.

import { createConnection, createServer, type Socket } from 'node:net'
import { decodeBackend } from '../../src/wire/backend.ts'
import { createFrameReader, type Frame, frameSizeMax } from '../../src/wire/frames.ts'
import { decodeFrontend } from '../../src/wire/frontend.ts'
import { startupSize } from '../../src/wire/startup.ts'

/** One Query, or one Execute with its Parse and Bind. */
export interface Tapped {
  readonly sql: string
  /** Parameters as text; binary ones as `\x…`. None of a Query. */
  readonly values: readonly (string | null)[]
  /** Command tags, in order. Several for a Query of several statements. */
  readonly tags: readonly string[]
  /** SQLSTATE, null when there was no error. */
  readonly error: string | null
  /** standard_conforming_strings when it was sent. */
  readonly conforming: boolean
}

export interface Tap {
  readonly port: number
  readonly tapped: readonly Tapped[]
  close(): Promise<void>
}

/** Relays connections to `port` of loopback; without TLS. */
export async function startTap({ port }: { port: number }): Promise<Tap> {
  const tapped: Tapped[] = []
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const database = createConnection({ port, host: '127.0.0.1' })
    const note = new Note(tapped)
    const pairs: [Socket, Socket, (chunk: Uint8Array) => void][] = [
      [client, database, (chunk) => note.fromClient(chunk)],
      [database, client, (chunk) => note.fromDatabase(chunk)],
    ]
    for (const [from, to, look] of pairs) {
      open.add(from)
      from.on('data', (chunk: Uint8Array) => {
        look(chunk)
        if (!to.write(chunk)) from.pause()
      })
      to.on('drain', () => from.resume())
      from.on('error', () => {}).on('end', () => to.end())
      from.on('close', () => {
        open.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    tapped,
    close: () => {
      for (const socket of open) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

interface Pending {
  readonly sql: string
  readonly values: readonly (string | null)[]
  readonly via: 'query' | 'execute' | 'sync'
  readonly conforming: boolean
  readonly tags: string[]
  error: string | null
}

const readerOptions = { sizeMax: frameSizeMax }

/** What is noted of one connection. */
class Note {
  readonly #tapped: Tapped[]
  readonly #frontend = createFrameReader(readerOptions)
  readonly #backend = createFrameReader(readerOptions)
  readonly #statements = new Map<string, string>()
  readonly #portals = new Map<string, { sql: string; values: readonly (string | null)[] }>()
  #pending: Pending[] = []
  #startup: Uint8Array | null = new Uint8Array(0)
  #conforming = true

  constructor(tapped: Tapped[]) {
    this.#tapped = tapped
  }

  fromClient(chunk: Uint8Array): void {
    this.#frontend.push(this.#afterStartup(Uint8Array.from(chunk)))
    for (let frame = this.#frontend.next(); frame; frame = this.#frontend.next()) {
      this.#sent(frame)
    }
  }

  fromDatabase(chunk: Uint8Array): void {
    this.#backend.push(Uint8Array.from(chunk))
    for (let frame = this.#backend.next(); frame; frame = this.#backend.next()) {
      this.#received(frame)
    }
  }

  #afterStartup(chunk: Uint8Array): Uint8Array {
    if (this.#startup === null) return chunk
    const bytes = Buffer.concat([this.#startup, chunk])
    const size = startupSize(bytes)
    this.#startup = size === undefined || bytes.length < size ? bytes : null
    return this.#startup === null ? bytes.subarray(size) : new Uint8Array(0)
  }

  #sent(frame: Frame): void {
    const message = decodeFrontend(frame)
    switch (message.type) {
      case 'Query':
        return this.#expect('query', message.sql.text, [])
      case 'Parse':
        this.#statements.set(message.name.text, message.sql.text)
        return
      case 'Bind': {
        const sql = this.#statements.get(message.statement.text) ?? ''
        const formats = message.parameterFormats
        const values = message.parameters.map((value, index) =>
          value === null ? null : shown(value, formats[index] ?? formats[0] ?? 0)
        )
        this.#portals.set(message.portal.text, { sql, values })
        return
      }
      case 'Execute': {
        const portal = this.#portals.get(message.portal.text) ?? { sql: '', values: [] }
        return this.#expect('execute', portal.sql, portal.values)
      }
      default:
        if (frame.tag === 'S'.charCodeAt(0)) this.#expect('sync', '', [])
    }
  }

  #expect(via: Pending['via'], sql: string, values: readonly (string | null)[]): void {
    this.#pending.push({ via, sql, values, tags: [], error: null, conforming: this.#conforming })
  }

  #received(frame: Frame): void {
    const letter = String.fromCharCode(frame.tag)
    const [first] = this.#pending
    if (letter === 'S') {
      const message = decodeBackend(frame)
      if (message.type === 'ParameterStatus' && message.name === 'standard_conforming_strings') {
        this.#conforming = message.value === 'on'
      }
    }
    if (first === undefined) return
    if (letter === 'C' || letter === 'I' || letter === 's') {
      const message = decodeBackend(frame)
      if (message.type === 'CommandComplete') first.tags.push(message.tag)
      if (first.via === 'execute') this.#done()
    } else if (letter === 'E') {
      const message = decodeBackend(frame)
      first.error = message.type === 'ErrorResponse' ? message.fields.get('C') ?? '' : ''
      if (first.via === 'execute') {
        this.#done()
        this.#pending = this.#pending.slice(
          Math.max(0, this.#pending.findIndex(({ via }) => via === 'sync')),
        )
      }
    } else if (letter === 'Z' && first.via !== 'execute') this.#done()
  }

  #done(): void {
    const done = this.#pending.shift()
    if (done === undefined || done.via === 'sync') return
    const { sql, values, tags, error, conforming } = done
    this.#tapped.push({ sql, values, tags, error, conforming })
  }
}

function shown(value: Uint8Array, format: number): string {
  return format === 0 ? new TextDecoder().decode(value) : `\\x${Buffer.from(value).toString('hex')}`
}

// A client as bytes: it comes from an address of the test's choosing, may send a PROXY header and anything else, and logs
// in step by step.

import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { withDeadline } from '../../src/lib/deadline.ts'
import { type BackendMessage, decodeBackend } from '../../src/wire/backend.ts'
import { createFrameReader, frameSizeMax } from '../../src/wire/frames.ts'
import { encodeSASLInitialResponse, encodeSASLResponse } from '../../src/wire/frontend.ts'
import { proveScramClient, startScramClient } from '../../src/wire/scram-client.ts'
import { encodeStartupMessage, sslRequest } from '../../src/wire/startup.ts'

const knockWaitMs = 60_000

export interface KnockOptions {
  readonly port: number
  /** An address of this machine to come from: all of 127/8 is. */
  readonly from?: string
  /** Sent before anything else. */
  readonly header?: Uint8Array
}

/** What a refused client is told. */
export interface Refused {
  readonly code: string
  readonly message: string
  readonly detail: string | undefined
  readonly hint: string | undefined
}

export class Knock {
  readonly #reader = createFrameReader({ sizeMax: frameSizeMax })
  #socket: Socket
  #wake: () => void = () => {}
  #closed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#listen()
  }

  /** Connects, and sends the header if there is one. */
  static async connect({ port, from, header }: KnockOptions): Promise<Knock> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      ...(from === undefined ? {} : { localAddress: from }),
    })
    await once(socket, 'connect')
    const knock = new Knock(socket.setNoDelay(true))
    if (header !== undefined) knock.send(header)
    return knock
  }

  get socket(): Socket {
    return this.#socket
  }

  get closed(): boolean {
    return this.#closed
  }

  send(...messages: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(messages))
  }

  /** Encrypts, asking first. */
  async encrypt(ca: string): Promise<void> {
    this.#socket.removeAllListeners('data').removeAllListeners('close')
    const answer = once(this.#socket, 'data')
    this.send(sslRequest)
    const [byte] = await withDeadline(answer, { waitMs: knockWaitMs, what: 'the answer' })
    if (String(byte) !== 'S') throw new Error(`TLS is not offered: ${String(byte)}`)
    const secured = connectTls({ socket: this.#socket, ca, servername: 'localhost' })
    await once(secured, 'secureConnect')
    this.#socket = secured
    this.#listen()
  }

  /** The next message; null: the connection is closed. */
  async message(): Promise<BackendMessage | null> {
    for (;;) {
      const frame = this.#reader.next()
      if (frame !== undefined) return decodeBackend(frame)
      if (this.#closed) return null
      const woken = new Promise<void>((resolve) => this.#wake = resolve)
      await withDeadline(woken, { waitMs: knockWaitMs, what: 'Waiting for a message' })
    }
  }

  /** Messages up to one of this type; up to the end otherwise. */
  async until(type: BackendMessage['type']): Promise<BackendMessage[]> {
    const messages: BackendMessage[] = []
    for (let next = await this.message(); next !== null; next = await this.message()) {
      messages.push(next)
      if (next.type === type) break
    }
    return messages
  }

  /** Logs in up to the first ReadyForQuery. Gives what a refused client is told, or null: the session is open. */
  async login(
    { user, password, parameters = {} }: {
      user: string
      password: string
      parameters?: Readonly<Record<string, string>>
    },
  ): Promise<Refused | null> {
    const pairs = Object.entries({ user, ...parameters })
    this.send(encodeStartupMessage({ major: 3, minor: 0, parameters: pairs }))
    const client = startScramClient('abcdefgh')
    for (;;) {
      const message = await this.message()
      switch (message?.type) {
        case 'AuthenticationSASL':
          this.send(encodeSASLInitialResponse('SCRAM-SHA-256', client.clientFirst))
          break
        case 'AuthenticationSASLContinue': {
          const { data } = message
          const proof = await proveScramClient(client, { serverFirst: data, password })
          this.send(encodeSASLResponse(proof.clientFinal))
          break
        }
        case 'ErrorResponse':
          return refusedBy(message.fields)
        case 'ReadyForQuery':
          return null
        case undefined:
          throw new Error('closed without a word')
        default:
      }
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #listen(): void {
    this.#socket.on('error', () => {})
    this.#socket.on('data', (chunk: Uint8Array) => {
      this.#reader.push(chunk)
      this.#wake()
    })
    this.#socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }
}

export function refusedBy(fields: ReadonlyMap<string, string>): Refused {
  return {
    code: fields.get('C') ?? '',
    message: fields.get('M') ?? '',
    detail: fields.get('D'),
    hint: fields.get('H'),
  }
}

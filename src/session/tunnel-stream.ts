// Room session: a channel through a bastion as a stream that behaves as a socket does: it closes once, it fails when what is
// below fails, and a write that cannot be carried any more ends.

import { Duplex } from 'node:stream'
import type { ClientChannel } from 'ssh2'

type Done = (error?: Error | null) => void

export class TunnelStream extends Duplex {
  readonly #channel: ClientChannel
  readonly #relief: (done: () => void) => void
  #writing: Done | null = null
  #gone = false

  /** `relief` calls back when the connection to the bastion can take more. */
  constructor(channel: ClientChannel, relief: (done: () => void) => void) {
    super({ allowHalfOpen: false })
    this.#channel = channel
    this.#relief = relief
    channel.on('data', (chunk: Uint8Array) => {
      if (!this.destroyed && !this.push(chunk)) channel.pause()
    })
    channel.on('end', () => {
      if (!this.destroyed) this.push(null)
    })
    channel.on('error', (error: Error) => this.destroy(error))
    channel.on('close', () => this.#onGone())
    channel.stderr.resume() // nobody writes to it; what nobody reads would stop the rest
  }

  override _read(): void {
    this.#channel.resume()
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    if (this.#gone) return done(resetError())
    this.#writing = done
    this.#channel.write(chunk, (error?: Error | null) => {
      if (error) this.#written(error)
      else this.#relief(() => this.#written(null))
    })
  }

  override _final(done: Done): void {
    if (!this.#gone) this.#channel.end()
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#channel.resume() // it closes when it has been read
    this.#channel.close()
    done(error)
  }

  #written(error: Error | null): void {
    const done = this.#writing
    this.#writing = null
    done?.(error)
  }

  #onGone(): void {
    this.#gone = true
    this.#written(resetError())
    if (this.destroyed) return
    if (!this.readableEnded) this.push(null)
  }
}

/** As a socket fails whose other end is gone. */
export function resetError(): Error {
  return Object.assign(new Error('connection reset by the bastion'), { code: 'ECONNRESET' })
}

// Room session: reading a stream chunk by chunk while a connection is being set up, and letting go of it again with
// nothing lost and nobody listening.

import type { Duplex } from 'node:stream'

export interface Intake {
  /** The next chunk; null once the peer has ended or the stream is destroyed. Rejects with the stream's error. */
  read(): Promise<Uint8Array | null>
  /** Chunks that have arrived and were not read. */
  waiting(): Uint8Array[]
  /**
   * Leaves the stream paused and without our listeners, but for one that keeps an error between two owners from being
   * uncaught.
   */
  release(): void
}

/** Begins to read. The stream is paused whenever nobody reads, so at most its own buffer fills. */
export function createIntake(stream: Duplex): Intake {
  let chunks: Uint8Array[] = []
  let failure: Error | undefined
  let over = stream.destroyed || stream.readableEnded
  let wake: (() => void) | undefined

  const onData = (chunk: Uint8Array) => {
    chunks.push(chunk)
    stream.pause()
    wake?.()
  }
  const onError = (error: Error) => {
    failure = error
    wake?.()
  }
  const onOver = () => {
    over = true
    wake?.()
  }
  stream.on('error', ignore)
  stream.on('error', onError).on('end', onOver).on('close', onOver).on('data', onData)
  stream.pause()

  return {
    read: async () => {
      while (chunks.length === 0) {
        if (failure !== undefined) throw failure
        if (over || stream.destroyed) return null
        const woken = new Promise<void>((resolve) => wake = resolve)
        stream.resume()
        await woken
      }
      return chunks.shift() ?? null
    },
    waiting: () => {
      const left = chunks
      chunks = []
      return left
    },
    release: () => {
      stream.off('error', onError).off('end', onOver).off('close', onOver).off('data', onData)
      stream.pause()
    },
  }
}

const ignore = () => {}

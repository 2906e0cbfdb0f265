// Room console: what the console is given. It knows the HTTP API and nothing behind it.

import type { Context } from 'hono'
import type { Log } from '../lib/log.ts'

/** Makes texts that only this installation can read and make: for cookies, and for forms that come back. */
export interface Sealer {
  seal(purpose: string, text: string): string
  /** Null: it is not ours, was changed, or was for another purpose. */
  open(purpose: string, sealed: string): string | null
}

export interface ConsoleDeps {
  /** Carries a request to the HTTP API out, in this process. */
  readonly api: (request: Request) => Promise<Response>
  readonly sealer: Sealer
  /** Where browsers reach the service, without a slash at the end. */
  readonly publicUrl: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** So many unguessable bytes. */
  readonly random: (bytes: number) => Uint8Array
  readonly log: Log
  /** Who asks, for the limit on logins. */
  readonly addressOf: (c: Context) => string
  /** Waits so many milliseconds before a wrong token is answered, or until the signal; a timer when absent. */
  readonly holdBack?: (ms: number, signal: AbortSignal) => Promise<void>
}

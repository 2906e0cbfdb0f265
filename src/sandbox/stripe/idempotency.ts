// Room sandbox: idempotency keys. The first answer to a key, once its request was carried out, is every later answer to
// it for 24 hours. https://docs.stripe.com/api/idempotent_requests

import type { Json } from '../json.ts'
import { refusal } from './errors.ts'

const lifetimeMs = 24 * 3_600_000
const keyLengthMax = 255

/** How many keys an account remembers; older ones are forgotten first. */
const keysMax = 100_000

/** What was asked: the same again must be the same in all of it. */
export interface Asked {
  readonly key: string
  readonly path: string
  /** The parameters as one text, whatever order they came in. */
  readonly params: string
}

export interface Answered {
  readonly status: number
  readonly body: Json
  readonly requestId: string
}

export interface Keys {
  /** The answer to the same request, or null when it is new. Throws `StripeFailure` when the key was another's. */
  find(asked: Asked, nowMs: number): Answered | null
  keep(asked: Asked, answered: Answered, nowMs: number): void
}

interface Entry {
  readonly asked: Asked
  readonly answered: Answered
  readonly atMs: number
}

export function createKeys(): Keys {
  const entries = new Map<string, Entry>()
  return {
    find: (asked, nowMs) => {
      if (asked.key.length > keyLengthMax) throw tooLong()
      const entry = entries.get(asked.key)
      if (entry === undefined || entry.atMs <= nowMs - lifetimeMs) return null
      if (entry.asked.path !== asked.path) throw otherEndpoint(entry.asked, asked)
      if (entry.asked.params !== asked.params) throw otherParams(asked)
      return entry.answered
    },
    keep: (asked, answered, nowMs) => {
      entries.delete(asked.key)
      entries.set(asked.key, { asked, answered, atMs: nowMs })
      const oldest = entries.keys().next().value
      if (entries.size > keysMax && oldest !== undefined) entries.delete(oldest)
    },
  }
}

const type = 'idempotency_error'

function otherEndpoint(first: Asked, { key, path }: Asked): Error {
  return refusal(
    `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${path}' vs ` +
      `'${first.path}'). Try using a key other than '${key}' if you meant to execute a different request.`,
    { type },
  )
}

function otherParams({ key }: Asked): Error {
  return refusal(
    'Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a ' +
      `key other than '${key}' if you meant to execute a different request.`,
    { type },
  )
}

function tooLong(): Error {
  return refusal(`Idempotency keys can have up to ${keyLengthMax} characters.`, { type })
}

// Room service: who may call /v1. A caller shows a token; the store knows the token's hash and its sync.

import { timingSafeEqual } from 'node:crypto'
import type { Log } from '../../lib/log.ts'
import { fault } from '../../mutation/fault.ts'
import { hashKey } from '../../store/keys.ts'
import type { Store } from '../../store/store.ts'
import { findToken, touchToken, type ValidToken } from '../../store/tokens.ts'

/** How long a revoked token may go on working in a process, in milliseconds. */
const tokensKeptMs = 3_000
const tokensKeptMax = 10_000
/** The time of a token's last use is as exact as this, in milliseconds. */
const touchEveryMs = 60_000

export interface TokenAuthentication {
  /** The token in an Authorization header. Throws `unauthorized`, `service_unreachable`. */
  check(header: string | undefined): Promise<ValidToken>
}

interface Kept {
  readonly token: ValidToken
  readonly readAt: number
}

export interface TokenDeps {
  readonly store: Store
  readonly log: Log
  readonly now: () => number
}

/** Checks tokens against the store's, which it asks at most every few seconds for each. */
export function createTokenAuthentication(deps: TokenDeps): TokenAuthentication {
  const { store, now } = deps
  const kept = new Map<string, Kept>()
  const touch = createToucher(deps)
  const keep = (key: string, entry: Kept): void => {
    kept.delete(key)
    kept.set(key, entry)
    const oldest = kept.keys().next()
    if (kept.size > tokensKeptMax && !oldest.done) kept.delete(oldest.value)
  }
  return {
    check: async (header) => {
      const text = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(header ?? '')?.[1]
      if (text === undefined) throw unauthorized()
      const hash = hashKey(text)
      const key = Buffer.from(hash).toString('base64')
      const known = kept.get(key)
      if (known !== undefined && now() - known.readAt <= tokensKeptMs) return known.token
      kept.delete(key)
      const token = await findToken(store, hash)
      if (token === null || !timingSafeEqual(token.sha256, hash)) throw unauthorized()
      keep(key, { token, readAt: now() })
      touch(token.id)
      return token
    },
  }
}

/** Notes that a token is in use, not on its user's path and not at every request. */
function createToucher({ store, log, now }: TokenDeps): (id: string) => void {
  const touched = new Map<string, number>()
  return (id) => {
    if (now() - (touched.get(id) ?? -Infinity) < touchEveryMs) return
    if (touched.size > tokensKeptMax) touched.clear()
    touched.set(id, now())
    touchToken(store, id).catch((error: unknown) => log.warn('token.not_touched', { id, error }))
  }
}

function unauthorized(): Error {
  return fault('unauthorized', {
    hint: 'Send Authorization: Bearer <token>; `sluice tokens create` makes one.',
  })
}

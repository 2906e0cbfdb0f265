// Room service: who may call /v1/admin. An administrator shows a token; the store knows the token's hash.

import { timingSafeEqual } from 'node:crypto'
import { fault } from '../../mutation/fault.ts'
import { findAdminToken } from '../../store/admin-tokens.ts'
import { hashKey } from '../../store/keys.ts'
import type { Store } from '../../store/store.ts'

/**
 * The id of the administrator's token in an Authorization header. The store is asked each time: administrators come
 * seldom, and a revoked one is refused at once. Throws `unauthorized`, `service_unreachable`.
 */
export async function checkAdmin(store: Store, header: string | undefined): Promise<string> {
  const text = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(header ?? '')?.[1]
  if (text === undefined) throw unauthorized()
  const hash = hashKey(text)
  const token = await findAdminToken(store, hash)
  if (token === null || !timingSafeEqual(token.sha256, hash)) throw unauthorized()
  return token.id
}

function unauthorized(): Error {
  return fault('unauthorized', {
    hint:
      "Send Authorization: Bearer <an administrator's token>; `sluice tokens create --admin` makes one.",
  })
}

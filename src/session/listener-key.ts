// Room session: whether the mutation service takes the key of this listener. It promises that a key that is refused is
// told in the log, once, and that nobody takes it for a service that is down.

import type { HttpResponse } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { Fault, fault, isFaultData } from '../mutation/fault.ts'

/** Looks at every answer of the service. */
export interface KeyWatch {
  /** Throws `listener_key_refused` where the answer is that. */
  check(response: HttpResponse): void
}

const remedy =
  'Make a key (sluice listeners create --id <id>), and start the listener with it as SLUICE_LISTENER_KEY.'

export function watchKey(log: Log): KeyWatch {
  let refused = false
  return {
    check: (response) => {
      if (isKeyRefused(response)) {
        if (!refused) log.error('listener_key_refused', { remedy })
        refused = true
        throw keyRefused()
      }
      if (!refused || response.status >= 400) return
      refused = false
      log.info('listener_key_accepted')
    },
  }
}

/** The service's own word, and not that of something on the way. */
function isKeyRefused({ status, body }: HttpResponse): boolean {
  if (status !== 401) return false
  try {
    const { fault: told } = JSON.parse(body) as { fault?: unknown }
    return isFaultData(told) && told.code === 'unauthorized'
  } catch {
    return false
  }
}

function keyRefused(): Fault {
  return fault('listener_key_refused', {
    detail: "It was revoked, or never was one. The client's own login is not what is refused.",
    hint: `For the operator of the listener: ${remedy.charAt(0).toLowerCase()}${remedy.slice(1)}`,
  })
}

/** Is this the fault of a key that is refused? */
export function isKeyRefusal(error: unknown): boolean {
  return error instanceof Fault && error.code === 'listener_key_refused'
}

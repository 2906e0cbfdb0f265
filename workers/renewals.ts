// Workers: the background passes that renew tokens, one after the other.

import { setTimeout } from 'node:timers'
import type { Log } from '../src/lib/log.ts'
import type { Service } from '../src/service/service.ts'

export interface Renewals {
  /** Begins no more renewals; resolves when those under way have ended. */
  stop(): Promise<void>
}

/** A pass now, and one `everyMs` after the end of each. What fails is in the log. */
export function startRenewals(
  service: Pick<Service, 'renewDue'>,
  { everyMs, log }: { everyMs: number; log: Log },
): Renewals {
  const stopping = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let pass = Promise.resolve()
  const begin = (): void => {
    pass = service.renewDue({ signal: stopping.signal })
      .then(() => {}, (error: unknown) => log.error('credentials.not_renewed', { error }))
      .then(() => {
        if (!stopping.signal.aborted) timer = setTimeout(begin, everyMs)
      })
  }
  begin()
  return {
    stop: async () => {
      stopping.abort()
      clearTimeout(timer)
      await pass
    },
  }
}

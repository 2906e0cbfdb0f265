// Room store: hearing at once that something is to be done, on a session of its own. Whoever listens looks now and then all
// the same: a notice may be lost.

import postgres from 'postgres'
import type { Log } from '../lib/log.ts'
import { common, type Store } from './store.ts'
import { noticeChannel } from './tables.ts'

export interface Notices {
  /** Hears no more. */
  stop(): Promise<void>
}

const againMs = 1_000

/** What the sessions of sync processes are called in Postgres, before the name of the process. */
export const sessionPrefix = 'sluice sync: '
/** What an older version, which may run beside this one, calls them. */
export const olderSession = 'sluice sync notices'

/**
 * Calls `hear` for every notice. A session that is lost is made anew, again and again, every second. `name`: that of the
 * process, `host:pid`, by which others see that it is alive; of 50 characters at most.
 */
export function hearNotices(
  store: Pick<Store, 'url'>,
  { hear, log, name }: { hear: () => void; log: Log; name: string },
): Notices {
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const heard = { onnotify: hear } // which the driver knows and its types do not
  const session = postgres(store.url, {
    ...common,
    ...heard,
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connection: { application_name: `${sessionPrefix}${name}` },
    onclose: () => again(),
  })
  const listen = async (): Promise<void> => {
    await session.unsafe(`listen ${noticeChannel}`)
    hear() // what has been said meanwhile
  }
  const again = (): void => {
    if (stopped || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      listen().catch((error: unknown) => {
        log.debug('sync.not_listening', { error })
        again()
      })
    }, againMs)
  }
  void listen().catch(() => again())
  return {
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await session.end({ timeout: 2 })
    },
  }
}

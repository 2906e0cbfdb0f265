// Room store: which service processes are alive. Each holds an advisory lock on a session of its own for as long as it
// lives; Postgres lets go of it when the process is gone, however it went.

import postgres from 'postgres'
import type { Log } from '../lib/log.ts'
import { common, type Store } from './store.ts'

export interface Presence {
  /** This process's number in the journal; never used again. */
  readonly service: number
  /** Others see that this process is alive. */
  readonly held: boolean
  /** Lets go of the lock: from here on others take this process for gone. */
  leave(): Promise<void>
}

/** First half of the advisory lock's key; the second is the service's number. */
export const presenceClass = 758_239

const againMs = 500

/**
 * Announces a new service process. When the session is lost, it is announced again, for ever, every half second
 * or (the driver's own back-off) every two. In such a gap others may take what it has sent for unknown, never for something that was not sent.
 * Throws what Postgres says.
 */
export async function announce(
  store: Store,
  { name, log }: { name: string; log: Log },
): Promise<Presence> {
  const [row] = await store.ask('Announcing the service', (sql) =>
    sql<{ id: number }[]>`
      insert into sluice_store.services (name) values (${name}) returning id`)
  const service = row?.id ?? 0
  let left = false
  let held = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const session = postgres(store.url, {
    ...common,
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connection: { application_name: `sluice presence ${service}` },
    onclose: () => {
      held = false
      again()
    },
  })
  const hold = async () => {
    await session`select pg_advisory_lock_shared(${presenceClass}, ${service})`
    held = true
  }
  const again = () => {
    if (left || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      hold().then(() => log.info('presence.regained', { service }), again)
    }, againMs)
  }
  await hold()
  return {
    service,
    get held() {
      return held
    },
    leave: async () => {
      left = true
      clearTimeout(timer)
      await session.end({ timeout: 2 })
    },
  }
}

// Bench: memory of listener and service with sessions by the thousand. It is of the processes alone: the sessions' other
// halves are Postgres's.

import { freePort } from '../test/help/cluster.ts'
import { type Child, waitForPort } from './child.ts'
import { residentMiB } from './footprint-proc.ts'
import { type ListenerOptions, openSessions, type Sessions, type Site } from './footprint-site.ts'

/** In MiB. */
export interface Memory {
  /** Before the first session. */
  readonly fresh: number
  /** After some have come, written and gone. */
  readonly bare: number
  readonly idle: number
  /** After each session has written a row and read it; only where that was asked for. */
  readonly used: number
}

export interface Memories {
  readonly listener: Memory
  readonly service: Memory
}

/** Opens so many sessions, which first are idle and then, with `used`, each write a row and read it. */
export async function measureMemory(
  site: Site,
  { count, tls, used }: { count: number; tls: boolean; used: boolean },
): Promise<Memories> {
  return await withListener(site, { port: await freePort(), tls }, async (child, options) => {
    const sessions = openSessions(site, options)
    const sizes = () => ({ listener: sizeOf(child), service: sizeOf(site.service) })
    try {
      const fresh = sizes()
      await warmUp(site, options)
      const bare = sizes()
      await sessions.add(count)
      const idle = sizes()
      if (used) await useEach(sessions)
      const after = sizes()
      const of = (name: 'listener' | 'service'): Memory => ({
        fresh: fresh[name],
        bare: bare[name],
        idle: idle[name],
        used: after[name],
      })
      return { listener: of('listener'), service: of('service') }
    } finally {
      await sessions.close()
    }
  })
}

/** Starts a listener, has it measured, stops it. */
export async function withListener<T>(
  site: Site,
  options: ListenerOptions,
  measure: (child: Child, options: ListenerOptions) => Promise<T>,
): Promise<T> {
  const child = site.startListener(options)
  try {
    await waitForPort(child, { port: options.port, waitMs: 30_000 })
    return await measure(child, options)
  } finally {
    await child.stop()
  }
}

function sizeOf(child: Child): number {
  return residentMiB(child.process.pid ?? 0)
}

/** What is made once, with the first session or mutation, is none of any session's. */
async function warmUp(site: Site, options: ListenerOptions): Promise<void> {
  const sessions = openSessions(site, options)
  await sessions.add(100)
  await useEach(sessions)
  await sessions.close()
}

/** A few at a time. */
async function useEach({ clients }: Sessions): Promise<void> {
  const waiting = [...clients]
  const work = async () => {
    for (let client = waiting.pop(); client !== undefined; client = waiting.pop()) {
      const { rows } = await client.query<{ id: string }>(
        'insert into salesforce.contacts (last_name) values ($1) returning id',
        ['Idle no more'],
      )
      const [made] = rows
      await client.query('select * from salesforce.contacts where id = $1', [made?.id])
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
}

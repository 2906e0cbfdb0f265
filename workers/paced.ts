// Workers: other intervals than the platforms' own, from SLUICE_POLL_MS, for tests and for trying out.

import type { Adapter } from '../src/platforms/platform.ts'

/** The adapter, whose tables are all looked at every `everyMs` milliseconds. */
export function paced(adapter: Adapter, everyMs: number): Adapter {
  const { follow } = adapter
  if (follow === undefined) return adapter
  const pace: typeof follow.pace = (table) => {
    const own = follow.pace(table)
    const scanEveryMs = own.changes ? own.scanEveryMs : Math.min(own.scanEveryMs, everyMs)
    return { ...own, everyMs, scanEveryMs }
  }
  return { ...adapter, follow: { ...follow, pace } }
}

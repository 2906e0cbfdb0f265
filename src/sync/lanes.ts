// Room sync: which tables this process works on at once, and how many of each connection and each database that are. Tables
// with hints, which somebody may be waiting for, have some lanes of their own when all others are taken.

import type { Claim } from '../store/claims.ts'

export interface LanesOptions {
  readonly tablesMax: number
  readonly perConnectionMax: number
  readonly perDatabaseMax: number
}

export interface Lanes {
  readonly size: number
  isFree(options: { hinted: boolean }): boolean
  /** Connections and databases that have as many lanes as they may. */
  full(options: { hinted: boolean }): {
    readonly connections: readonly string[]
    readonly databases: readonly string[]
  }
  /** Runs the work, which does not throw. */
  run(claim: Claim, work: () => Promise<void>): void
  /** Resolves when nothing runs. */
  idle(): Promise<void>
}

/** More for tables with hints: in all, of each connection, in each database. */
const hintedMore = { tablesMax: 2, perConnectionMax: 1, perDatabaseMax: 1 }

/** `hasAnswered`: a database that has not is given one lane until it does. */
export function createLanes(
  bounds: LanesOptions,
  { hasAnswered }: { readonly hasAnswered: (databaseId: string) => boolean },
): Lanes {
  const running = new Map<Claim, Promise<void>>()
  const boundOf = (bound: keyof LanesOptions, hinted: boolean) =>
    bounds[bound] + (hinted ? hintedMore[bound] : 0)
  const fullOf = (key: 'connectionId' | 'databaseId', max: number) => {
    const counts = new Map<string, number>()
    for (const claim of running.keys()) counts.set(claim[key], (counts.get(claim[key]) ?? 0) + 1)
    return [...counts].filter(([, count]) => count >= max).map(([id]) => id)
  }
  return {
    get size() {
      return running.size
    },
    isFree: ({ hinted }) => running.size < boundOf('tablesMax', hinted),
    full: ({ hinted }) => ({
      connections: fullOf('connectionId', boundOf('perConnectionMax', hinted)),
      databases: [
        ...fullOf('databaseId', boundOf('perDatabaseMax', hinted)),
        ...fullOf('databaseId', 1).filter((id) => !hasAnswered(id)),
      ],
    }),
    run: (claim, work) => {
      const done = work().finally(() => running.delete(claim))
      running.set(claim, done)
    },
    idle: async () => {
      while (running.size > 0) await Promise.all(running.values())
    },
  }
}

// Room console: the forms of strangers: short, read quickly, and few at once; whoever takes longest makes room for others.

import { readForm } from './visit.ts'

/** A token, a path to go to, and what proves that the form is ours, in bytes. */
const formBytesMax = 8_192
const readMs = 5_000
/** Forms read at once. */
const readingMax = 64

export interface Reading {
  /** Throws FormError: it is none, too long, or takes too long. */
  read(request: Request): Promise<URLSearchParams>
}

/** The options are for tests. */
export function createReading(
  { max = readingMax, waitMs = readMs }: { max?: number; waitMs?: number } = {},
): Reading {
  const under = new Set<AbortController>()
  const makeRoom = () => {
    const oldest = under.values().next()
    if (under.size < max || oldest.done) return
    oldest.value.abort()
    under.delete(oldest.value)
  }
  return {
    read: async (request) => {
      makeRoom()
      const ending = new AbortController()
      under.add(ending)
      const timer = setTimeout(() => ending.abort(), waitMs)
      try {
        return await readForm(request, { bytesMax: formBytesMax, signal: ending.signal })
      } finally {
        clearTimeout(timer)
        under.delete(ending)
      }
    },
  }
}

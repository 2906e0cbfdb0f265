// Room store: idempotency keys that may have been taken without anybody's knowing: the store did not say. Bounded.

import type { KeyedRequest } from './idempotency.ts'

/** Keys that this process may have taken: the store did not say. Nothing was done under their mutation ids. */
export interface Unheard {
  add(mutationId: string, request: KeyedRequest): void
  /** Was it one of them? */
  delete(mutationId: string): boolean
  /** Those to be given back, some of them. They stay for some sweeps, since the store may yet commit one. */
  due(): [mutationId: string, request: KeyedRequest][]
}

const unheardMax = 10_000
/** In one sweep. */
const givenBackMax = 100
/** Sweeps, which together are far longer than the store lets a statement run. */
const givenBackTimes = 10

export function createUnheard(): Unheard {
  const known = new Map<string, { readonly request: KeyedRequest; readonly times: number }>()
  return {
    add: (id, request) => {
      known.set(id, { request, times: 0 })
      const oldest = known.keys().next()
      if (known.size > unheardMax && !oldest.done) known.delete(oldest.value)
    },
    delete: (id) => known.delete(id),
    due: () => {
      const due = [...known].slice(0, givenBackMax)
      for (const [id, { request, times }] of due) {
        known.delete(id)
        if (times + 1 < givenBackTimes) known.set(id, { request, times: times + 1 })
      }
      return due.map(([id, { request }]) => [id, request])
    },
  }
}

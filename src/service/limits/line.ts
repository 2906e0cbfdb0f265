// Room service: who wants turns of one connection stands in line here. One question to the store is under way at a time
// and takes along all who have come meanwhile, in their order, mutations first: so a thousand waiting mutations are no
// thousand questions, and none of them holds a connection of the store's.

import type { Bucket, Job, Part, Return, Taken, Turned } from '../../store/buckets.ts'
import { bucketId, type Taking } from './limit.ts'

/** A promise of the store's, to be given back if it is not used. */
export interface Promised {
  readonly takings: readonly Taking[]
  /** By the store's clock. */
  readonly moment: number
  /** Else it is to be confirmed before it comes. */
  readonly firm: boolean
  /** Of what is given back: not free, but used at this later moment. */
  readonly usedAt?: number
}

export interface Wish {
  readonly requests: readonly (readonly Taking[])[]
  /** How long from now the last turn may come, in milliseconds; asked when the question is put. */
  readonly waitMs: () => number
  /** No turn may come sooner than so long from now. */
  readonly leadMs: number
  readonly background: boolean
  /** The part of each limit that is for the background. */
  readonly share: number
  /** The turn is near: a firm one is wanted. */
  readonly confirm: boolean
  /** The order of those in line: whoever has to ask again keeps his place. */
  readonly ticket: number
  readonly back: readonly Promised[]
}

/** The moments, or how long it would have been and what the reason is. */
export type Answer =
  | {
    readonly kind: 'taken'
    readonly moments: readonly number[]
    readonly firms: readonly boolean[]
  }
  | { readonly kind: 'late'; readonly waitMs: number; readonly taking: Taking | null }

export interface Line {
  take(wish: Wish): Promise<Answer>
}

interface Waiting {
  readonly wish: Wish
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/** Wishes in one question. */
const jobsMax = 100
/** Those who hold the buckets have so much to do that nobody else gets a turn; when to try again, in milliseconds. */
const heldWaitMs = 5_000

type Question = { readonly buckets: readonly Bucket[]; readonly jobs: readonly Job[] }
/** Null: nobody gets a turn now. */
type Ask = (question: Question) => Promise<Taken | null>

export function createLine(ask: Ask): Line {
  let waiting: Waiting[] = []
  let asking = false
  const go = async (): Promise<void> => {
    if (asking) return
    asking = true
    while (waiting.length > 0) {
      const ordered = waiting.toSorted(inLine)
      const batch = ordered.slice(0, jobsMax)
      waiting = ordered.slice(jobsMax)
      const left = await answer(batch, ask)
      waiting.push(...left)
    }
    asking = false
  }
  return {
    take: (wish) =>
      new Promise((resolve, reject) => {
        waiting.push({ wish, resolve, reject })
        void go()
      }),
  }
}

function inLine({ wish: a }: Waiting, { wish: b }: Waiting): number {
  return Number(a.background) - Number(b.background) || a.ticket - b.ticket
}

/** Gives those who were not answered yet: the question was long enough without them. */
async function answer(batch: readonly Waiting[], ask: Ask): Promise<readonly Waiting[]> {
  const buckets = bucketsOf(batch.map(({ wish }) => wish))
  const places = new Map(buckets.map((bucket, i) => [bucketId(bucket), i]))
  try {
    const taken = await ask({ buckets, jobs: batch.map(({ wish }) => jobOf(wish, places)) })
    if (taken !== null) {
      return batch.filter(({ wish, resolve }, i) => {
        const turned = taken.jobs[i]
        if (turned !== null) resolve(answerOf(turned, { wish, buckets }))
        return turned === null
      })
    }
    for (const { resolve } of batch) {
      resolve({ kind: 'late', waitMs: heldWaitMs, taking: null })
    }
  } catch (error) {
    for (const { reject } of batch) reject(error)
  }
  return []
}

/** In one order everywhere, so that no two processes wait for each other's locks. */
function bucketsOf(wishes: readonly Wish[]): Bucket[] {
  const found = new Map<string, Bucket>()
  for (const { requests, back } of wishes) {
    const takings = [...requests.flat(), ...back.flatMap((promised) => promised.takings)]
    for (const { limit: { bucket } } of takings) found.set(bucketId(bucket), bucket)
  }
  return [...found].sort(([a], [b]) => a < b ? -1 : 1).map(([, bucket]) => bucket)
}

function jobOf(wish: Wish, places: ReadonlyMap<string, number>): Job {
  const place = ({ limit: { bucket } }: Taking) => places.get(bucketId(bucket)) ?? 0
  const back = wish.back.flatMap(({ takings, moment, firm, usedAt }) =>
    takings.map((taking): Return => {
      const { units, limit: { bucket: { grainMs } } } = taking
      const to = usedAt === undefined ? null : Math.floor(usedAt / grainMs)
      return [place(taking), Math.floor(moment / grainMs), units, firm ? units : 0, to]
    })
  )
  const requests = wish.requests.map((takings) =>
    takings.map((taking): Part => [place(taking), taking.units])
  )
  const waitMs = Math.max(0, Math.floor(wish.waitMs()))
  const { leadMs, background, share, confirm } = wish
  return { leadMs, waitMs, background, share, confirm, back, requests }
}

function answerOf(
  turned: Exclude<Turned, null> | undefined,
  { wish, buckets }: { wish: Wish; buckets: readonly Bucket[] },
): Answer {
  if (turned === undefined) throw new Error('The store answered too few jobs')
  if ('moments' in turned) return { kind: 'taken', ...turned }
  const bucket = buckets[turned.spec]
  const taking = wish.requests.flat().find(({ limit }) => limit.bucket.rule === bucket?.rule)
  return { kind: 'late', waitMs: turned.waitMs, taking: taking ?? null }
}

// Room sandbox: GitHub's rate limits. The primary one is so many requests (REST) or points (GraphQL) an hour; the
// secondary ones are points a minute, and how much a minute and an hour may be made that others get to see, through
// both doors together.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
// https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api

import { createWindow, type Window } from '../../window.ts'

export type Resource = 'core' | 'graphql'

export const primaryMax = 5000
export const pointsPerMinuteMax: Record<Resource, number> = { core: 900, graphql: 2000 }
export const contentPerMinuteMax = 80
export const contentPerHourMax = 500
export const readPoints = 1
export const writePoints = 5

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** What was counted of a primary limit. `resetAtMs`: milliseconds since 1970. */
export interface Usage {
  readonly used: number
  readonly remaining: number
  readonly resetAtMs: number
}

export type Denial =
  | { readonly limit: 'primary' }
  | { readonly limit: 'points' | 'content'; readonly retryAfterMs: number }

/** The limits of one bearer of tokens. */
export interface Quota {
  /** Counts a request; null when it may be carried out. */
  admit(request: Admission): Denial | null
  /** Counts one thing that is made; null when it may be. */
  admitContent(): Denial | null
  /** A request that changed nothing for its sender is not counted against the primary limit. */
  giveBack(resource: Resource): void
  usage(resource: Resource): Usage
}

export interface Admission {
  readonly resource: Resource
  /** Counted against the primary limit. */
  readonly cost: number
  /** Counted against the secondary limit. */
  readonly points: number
}

/** Makes the limits. Without `enforced` they are counted and told, and nothing is refused. */
export function createQuota(
  { now, enforced }: { readonly now: () => number; readonly enforced: boolean },
): Quota {
  const primary: Record<Resource, Hour> = { core: createHour(), graphql: createHour() }
  const points: Record<Resource, Window> = {
    core: createWindow({ limit: pointsPerMinuteMax.core, windowMs: minuteMs }),
    graphql: createWindow({ limit: pointsPerMinuteMax.graphql, windowMs: minuteMs }),
  }
  const minute = createWindow({ limit: contentPerMinuteMax, windowMs: minuteMs })
  const hour = createWindow({ limit: contentPerHourMax, windowMs: hourMs })
  return {
    admit: (request) => {
      const counter = primary[request.resource]
      if (enforced) {
        if (counter.usage(now()).remaining < request.cost) return { limit: 'primary' }
        const taken = points[request.resource].take(now(), request.points)
        if (!taken.allowed) return { limit: 'points', retryAfterMs: taken.retryAfterMs }
      }
      counter.take(now(), request.cost)
      return null
    },
    admitContent: () => {
      if (!enforced) return null
      const waits = [minute, hour].filter((window) => window.take(now(), 0).remaining < 1)
        .map((window) => window.take(now(), 1).retryAfterMs)
      if (waits.length > 0) return { limit: 'content', retryAfterMs: Math.max(...waits) }
      minute.take(now(), 1)
      hour.take(now(), 1)
      return null
    },
    giveBack: (resource) => primary[resource].take(now(), -1),
    usage: (resource) => primary[resource].usage(now()),
  }
}

interface Hour {
  take(nowMs: number, cost: number): void
  usage(nowMs: number): Usage
}

/** An hour that begins with its first request. */
function createHour(): Hour {
  let used = 0
  let resetAtMs = 0
  return {
    take: (nowMs, cost) => {
      if (nowMs >= resetAtMs) {
        used = 0
        resetAtMs = nowMs + hourMs
      }
      used += cost
    },
    usage: (nowMs) => {
      if (nowMs >= resetAtMs) return { used: 0, remaining: primaryMax, resetAtMs: nowMs + hourMs }
      return { used, remaining: Math.max(0, primaryMax - used), resetAtMs }
    },
  }
}

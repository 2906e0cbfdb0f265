// Room store: the buckets that all service processes share. Each question is one statement; what it takes, it takes for
// all processes at once, by the store's clock.

import type { Sql, Store } from './store.ts'

/** One bucket of a connection, as its rule makes it. */
export interface Bucket {
  readonly rule: string
  /** Empty where the rule has one bucket for the whole connection. */
  readonly key: string
  /** Units in any window, or at one time; from 1. */
  readonly limit: number
  /** Time is counted in grains of so many milliseconds, whole. */
  readonly grainMs: number
  /** A unit counts for so many grains: the window and a margin. */
  readonly windowGrains: number
  /** From one request to the next are so many grains at least, so that not all leave at once; null: no matter. */
  readonly spacing: number | null
}

/** Units of a bucket; `bucket` is an index into the buckets of the question. */
export type Part = readonly [bucket: number, units: number]
/** Units that were taken in a grain and are given back; so many of them were firm. `to`: they were used in this one. */
export type Return = readonly [
  bucket: number,
  grain: number,
  units: number,
  firm: number,
  to?: number | null,
]

/** A job that wants turns: all of its requests, or none. */
export interface Job {
  /** No turn may come sooner than so long from now, in milliseconds. */
  readonly leadMs: number
  /** The last turn may come so long from now, in milliseconds. */
  readonly waitMs: number
  /** Takes only what it can have at once and nobody waits for. */
  readonly background: boolean
  /** The part of each limit that is for the background, from 0 to 1; four fifths when absent. */
  readonly share?: number
  /** The turn is near: takes a firm moment, beside what others have that is firm. */
  readonly confirm: boolean
  /** Given back first. */
  readonly back: readonly Return[]
  /** For each request what it takes. */
  readonly requests: readonly (readonly Part[])[]
}

/**
 * The moment of each request and whether it is firm, else to be confirmed shortly before; or how long the last one would
 * have had to wait at least, and for which bucket; null: the question was long enough without it, and is to be put again.
 */
export type Turned =
  | { readonly moments: readonly number[]; readonly firms: readonly boolean[] }
  | { readonly waitMs: number; readonly spec: number }
  | null

/** Moments are the store's milliseconds since 1970. */
export interface Taken {
  readonly now: number
  /** Grows whenever promises of the connection are no longer good. */
  readonly epoch: number
  readonly jobs: readonly Turned[]
}

export interface Leased {
  readonly now: number
  /** Units that the process may use up; 0: none are left, or the bucket is blocked. */
  readonly units: number
  readonly grain: number
  /** Units left to all. */
  readonly left: number
  readonly blockedUntil: number
  /** When one may be free. */
  readonly freeAt: number
}

export interface Shared {
  readonly now: number
  readonly units: number
  /** Another process wants a part of it. */
  readonly wanted: boolean
  readonly blockedUntil: number
}

/** What has changed at a connection's buckets. */
export interface Watched {
  readonly connection: string
  readonly epoch: number
  readonly blocks: readonly {
    readonly rule: string
    readonly key: string
    readonly until: number
  }[]
}

const json = (value: unknown) => JSON.stringify(value)

/** lock_not_available (Postgres manual, appendix A) */
const lockedCode = '55P03'

/**
 * Takes turns for these jobs, in their order. `buckets` in the order of rule and key, so that no two processes wait for
 * each other. Null: others held a bucket for seconds, and nothing was taken. Throws `service_unreachable`.
 */
export async function takeTurns(
  store: Store,
  connection: string,
  { buckets, jobs }: { buckets: readonly Bucket[]; jobs: readonly Job[] },
): Promise<Taken | null> {
  try {
    return await answer<Taken>(store, 'Taking turns', (sql) =>
      sql`
        select sluice_store.take_turns(${connection}, ${json(buckets)}::text::jsonb,
          ${json(jobs)}::text::jsonb) as answer`)
  } catch (error) {
    if ((error as { code?: unknown }).code === lockedCode) return null
    throw error
  }
}

/** Takes units of a wide window that the process may use up by itself: at most a hundredth of what is left, or one. */
export async function leaseUnits(
  store: Store,
  connection: string,
  { bucket, units }: { bucket: Bucket; units: number },
): Promise<Leased> {
  return await answer<Leased>(store, 'Leasing units', (sql) =>
    sql`
      select sluice_store.lease_units(${connection}, ${json(bucket)}::text::jsonb, ${units})
        as answer`)
}

export interface Share {
  readonly bucket: Bucket
  /** Names the process. */
  readonly holder: string
  /** Units at work now. */
  readonly busy: number
  /** Units that it would like; 0 and none at work: it has no share any more. */
  readonly want: number
  /** The share is lost after so long without another question, in milliseconds. */
  readonly keepMs: number
}

/** Asks for a share in what may be under way at one time, and keeps it. */
export async function shareUnits(
  store: Store,
  connection: string,
  { bucket, holder, busy, want, keepMs }: Share,
): Promise<Shared> {
  return await answer<Shared>(store, 'Sharing units', (sql) =>
    sql`
      select sluice_store.share_units(${connection}, ${json(bucket)}::text::jsonb, ${holder},
        ${busy}, ${want}, ${keepMs}) as answer`)
}

/** Nothing may be taken from the bucket for so long. Gives until when. */
export async function blockBucket(
  store: Store,
  connection: string,
  { bucket, waitMs }: { bucket: Bucket; waitMs: number },
): Promise<number> {
  const until = await answer<string>(store, 'Blocking a bucket', (sql) =>
    sql`
      select sluice_store.block_bucket(${connection}, ${json(bucket)}::text::jsonb,
        ${Math.ceil(waitMs)}) as answer`)
  return Number(until)
}

/** The platform's own count of what is left, where it is lower than ours. Gives how many units that took. */
export async function correctBucket(
  store: Store,
  connection: string,
  { bucket, remaining, resetMs }: { bucket: Bucket; remaining: number; resetMs: number | null },
): Promise<number> {
  return await answer<number>(store, 'Correcting a bucket', (sql) =>
    sql`
      select sluice_store.correct_bucket(${connection}, ${json(bucket)}::text::jsonb,
        ${remaining}, ${resetMs === null ? null : Math.ceil(resetMs)}) as answer`)
}

/** Epochs and blocks of these connections, and the store's clock. */
export async function watchBuckets(
  store: Store,
  connections: readonly string[],
): Promise<{ now: number; connections: readonly Watched[] }> {
  return await answer(store, 'Watching buckets', (sql) =>
    sql`
      select json_build_object('now', sluice_store.clock_ms(), 'connections', (
        select coalesce(json_agg(c), '[]') from (
          select connection_id as connection, sum(epoch) as epoch,
            coalesce(json_agg(json_build_object('rule', rule, 'key', key, 'until', blocked_until))
              filter (where blocked_until > sluice_store.clock_ms()), '[]') as blocks
          from sluice_store.buckets where connection_id in ${sql(connections)}
          group by connection_id) c)) as answer`)
}

async function answer<T>(
  store: Store,
  what: string,
  work: (sql: Sql) => PromiseLike<readonly unknown[]>,
): Promise<T> {
  const rows = await store.ask(what, async (sql) => await work(sql))
  return (rows[0] as { answer: T }).answer
}

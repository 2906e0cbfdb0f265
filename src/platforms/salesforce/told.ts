// Room platforms: what a feed has told of the last minutes, by record and stamp, so that looking at the same minutes again
// tells only what has changed since. Bounded, and written small: it is part of a cursor.

import { isJsonObject, type Json, toInteger } from '../json.ts'

/** Records and the stamps that they were told with. */
export interface Told {
  /** None with a stamp from here on was forgotten; milliseconds since 1970. */
  readonly since: number
  /** By the 15 characters of the id that tell it from others. */
  readonly stamps: ReadonlyMap<string, number>
}

/** So many records are kept: some 150 kB of cursor while as many change in a few minutes, nothing after that. */
export const toldMax = 20_000

export const nothingTold: Told = { since: 0, stamps: new Map() }

/** The id's characters that tell records apart. */
const keySize = 15

function keyOf(id: string): string {
  return id.slice(0, keySize)
}

export function isTold({ stamps }: Told, id: string, stamp: number): boolean {
  return stamps.get(keyOf(id)) === stamp
}

/**
 * With these told as well, less what is older than `from`. Too many: the oldest are forgotten, and are told again when
 * they are looked at again.
 */
export function tellMore(
  { since, stamps }: Told,
  more: readonly { readonly id: string; readonly stamp: number }[],
  from: number,
): Told {
  const all = new Map([...stamps].filter(([, stamp]) => stamp >= from))
  for (const { id, stamp } of more) {
    if (stamp >= from) all.set(keyOf(id), stamp)
  }
  const whole = Math.max(since, from)
  if (all.size <= toldMax) return { since: whole, stamps: all }
  const newest = [...all].sort(([, a], [, b]) => b - a)
  const kept = newest.slice(0, toldMax)
  const forgotten = newest[toldMax]?.[1] ?? from
  return { since: Math.max(whole, forgotten + 1), stamps: new Map(kept) }
}

/** For JSON: the ids' common beginning, and by the milliseconds after the first stamp the rests of the ids in a row. */
export function writeTold({ since, stamps }: Told): object {
  const head = commonHead([...stamps.keys()])
  let first = Number.MAX_SAFE_INTEGER
  for (const stamp of stamps.values()) first = Math.min(first, stamp)
  const rests: Record<string, string> = {}
  for (const [key, stamp] of stamps) {
    const after = String(stamp - first)
    rests[after] = (rests[after] ?? '') + key.slice(head.length)
  }
  return { since, head, first, rests }
}

/** undefined: it is none. */
export function readTold(json: Json | undefined): Told | undefined {
  const { since, head, first, rests } = isJsonObject(json) ? json : {}
  const [sinceMs, firstMs] = [toInteger(since), toInteger(first)]
  if (sinceMs === undefined || firstMs === undefined) return undefined
  if (typeof head !== 'string' || head.length >= keySize || !isJsonObject(rests)) return undefined
  const size = keySize - head.length
  const stamps = new Map<string, number>()
  for (const [after, row] of Object.entries(rests)) {
    if (typeof row !== 'string' || row.length % size !== 0) return undefined
    for (let at = 0; at < row.length; at += size) {
      stamps.set(head + row.slice(at, at + size), firstMs + Number(after))
    }
  }
  return { since: sinceMs, stamps }
}

/** Shorter than the keys, so that something is left of each. */
function commonHead(keys: readonly string[]): string {
  const [first = ''] = keys
  let length = Math.min(keySize - 1, first.length)
  for (const key of keys) {
    while (!key.startsWith(first.slice(0, length))) length -= 1
  }
  return first.slice(0, length)
}

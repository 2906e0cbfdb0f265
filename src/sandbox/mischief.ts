// Room sandbox: mischief, scripted over HTTP. Each piece is bound for one platform and is used up by its exchanges.

import { isObject, type Json, scalarText } from './json.ts'

export const mischiefKinds = [
  'latency',
  '429',
  '500',
  'drop',
  'lost-reply',
  'expire-token',
] as const
export type MischiefKind = typeof mischiefKinds[number]

/** One piece of mischief. */
export interface Mischief {
  readonly platform: string
  readonly kind: MischiefKind
  /** How many more exchanges it befalls. */
  readonly times: number
  /** For latency: by how much the answer is late, in milliseconds. */
  readonly latencyMs: number
  /** Which exchanges: those about data, or those about tokens. */
  readonly target: 'api' | 'oauth'
}

/** What befalls one exchange. `fate` is null when it is carried out and answered. */
export interface Misfortune {
  readonly latencyMs: number
  readonly fate: Exclude<MischiefKind, 'latency' | 'expire-token'> | null
  readonly expireTokens: boolean
}

export interface MischiefBox {
  add(mischief: Mischief): void
  pending(): readonly Mischief[]
  /** Also answers at once what latency holds back. */
  clear(): void
  /** Is called at each `clear`. */
  onClear(act: () => void): void
  /** Takes what befalls the next exchange of a platform: of each sort the oldest piece. */
  take(platform: string, target: Mischief['target']): Misfortune
}

const timesMax = 1_000_000
const latencyMsMax = 600_000
const pendingMax = 1000

/** Reads the body of POST /_mischief. Throws a `RangeError` that says what is wrong. */
export function readMischief(body: Json, platforms: readonly string[]): Mischief {
  if (!isObject(body)) throw new RangeError('Cannot read mischief: the body is not a JSON object')
  const { platform, target = 'api' } = body
  const kind = mischiefKinds.find((known) => known === scalarText(body['kind']))
  if (typeof platform !== 'string' || !platforms.includes(platform)) {
    throw new RangeError(`Cannot make mischief: "platform" must be one of ${platforms.join(', ')}`)
  }
  if (kind === undefined) {
    throw new RangeError(`Cannot make mischief: "kind" must be one of ${mischiefKinds.join(', ')}`)
  }
  if (target !== 'api' && target !== 'oauth') {
    throw new RangeError('Cannot make mischief: "target" must be api or oauth')
  }
  const times = countOf(body['times'], { name: 'times', least: 1, most: timesMax, absent: 1 })
  const latencyMs = countOf(body['latencyMs'], {
    name: 'latencyMs',
    least: 0,
    most: latencyMsMax,
    absent: kind === 'latency' ? 1000 : 0,
  })
  return { platform, kind, times, latencyMs, target }
}

function countOf(
  value: Json | undefined,
  { name, least, most, absent }: { name: string; least: number; most: number; absent: number },
): number {
  if (value === undefined) return absent
  const count = Number(scalarText(value) ?? Number.NaN)
  if (!Number.isInteger(count) || count < least || count > most) {
    throw new RangeError(`Cannot make mischief: "${name}" must be from ${least} to ${most}`)
  }
  return count
}

export function createMischiefBox(): MischiefBox {
  let pieces: Mischief[] = []
  const acts: (() => void)[] = []
  const use = (piece: Mischief) => {
    pieces = pieces.flatMap((other) => {
      if (other !== piece) return [other]
      return other.times > 1 ? [{ ...other, times: other.times - 1 }] : []
    })
  }
  return {
    add: (mischief) => {
      if (pieces.length >= pendingMax) {
        throw new RangeError(`Cannot make mischief: ${pendingMax} pieces are pending already`)
      }
      pieces = [...pieces, mischief]
    },
    pending: () => pieces,
    clear: () => {
      pieces = []
      for (const act of acts) act()
    },
    onClear: (act) => void acts.push(act),
    take: (platform, target) => {
      if (pieces.length === 0) return { latencyMs: 0, fate: null, expireTokens: false }
      const mine = pieces.filter((piece) => piece.platform === platform && piece.target === target)
      const late = mine.find(({ kind }) => kind === 'latency')
      const expiry = mine.find(({ kind }) => kind === 'expire-token')
      const fatal = mine.find(({ kind }) => kind !== 'latency' && kind !== 'expire-token')
      for (const piece of [late, expiry, fatal]) if (piece !== undefined) use(piece)
      return {
        latencyMs: (late?.latencyMs ?? 0) + (fatal?.latencyMs ?? 0),
        fate: fateOf(fatal),
        expireTokens: expiry !== undefined,
      }
    },
  }
}

function fateOf(piece: Mischief | undefined): Misfortune['fate'] {
  const kind = piece?.kind
  return kind === undefined || kind === 'latency' || kind === 'expire-token' ? null : kind
}

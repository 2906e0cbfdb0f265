// Bench: the memory of a program and all that it started, and whether it grows.

import { execFileSync } from 'node:child_process'

export interface Sample {
  /** Milliseconds since the start. */
  readonly at: number
  /** Name of a process → resident memory; processes of one name together. */
  readonly bytes: ReadonlyMap<string, number>
}

/** One process over the samples. */
export interface Growth {
  readonly first: number
  readonly median: number
  readonly last: number
  /** Along the line of least squares: from the first sample to the last, and in an hour. */
  readonly grown: number
  readonly perHour: number
}

export interface Series extends Growth {
  readonly name: string
}

const names: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['listener', /workers\/listener\.ts/],
  ['service', /workers\/mutations\.ts/],
  ['sandbox', /workers\/sandbox\.ts/],
]

/** Reads it with ps, which every Unix has. */
export function sampleMemory(pid: number, { at }: { at: number }): Sample {
  const text = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,rss=,args='], {
    encoding: 'utf8',
  })
  const rows = text.split('\n').flatMap((line) => {
    const [, id, parent, rss, args = ''] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    return id === undefined
      ? []
      : [{ pid: Number(id), parent: Number(parent), bytes: Number(rss) * 1024, args }]
  })
  const family = new Set([pid])
  // a child can be listed before its parent
  for (let size = 0; size < family.size;) {
    size = family.size
    for (const row of rows) if (family.has(row.parent)) family.add(row.pid)
  }
  const bytes = new Map<string, number>()
  for (const row of rows.filter((each) => family.has(each.pid))) {
    const name = names.find(([, pattern]) => pattern.test(row.args))?.[0]
    if (name !== undefined) bytes.set(name, (bytes.get(name) ?? 0) + row.bytes)
  }
  return { at, bytes }
}

/** Of the samples that have the process. */
export function growthOf(samples: readonly Sample[], name: string): Growth {
  const points = samples.flatMap(({ at, bytes }) => {
    const size = bytes.get(name)
    return size === undefined ? [] : [{ at, size }]
  })
  const sizes = points.map(({ size }) => size)
  const [first = 0] = sizes
  const last = sizes.at(-1) ?? 0
  const sorted = sizes.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  const slope = slopeOf(points)
  const spanMs = (points.at(-1)?.at ?? 0) - (points[0]?.at ?? 0)
  return { first, median, last, grown: slope * spanMs, perHour: slope * 3_600_000 }
}

/** Bytes a millisecond, by least squares; 0 for fewer than two points. */
function slopeOf(points: readonly { at: number; size: number }[]): number {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1)
  const at = mean(points.map((point) => point.at))
  const size = mean(points.map((point) => point.size))
  const over = points.reduce((sum, point) => sum + (point.at - at) * (point.size - size), 0)
  const under = points.reduce((sum, point) => sum + (point.at - at) ** 2, 0)
  return under === 0 ? 0 : over / under
}

/** `123.4` */
export function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}

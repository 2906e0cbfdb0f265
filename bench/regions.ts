// Bench: what distance costs: `npm run bench -- regions`. Client, listener, database, service and platform each run on a
// host of their own, a network namespace where those can be made, joined by ways that are as long as between regions.
// First one way is made long at a time: how many of its round trips a read and a mutation wait for. Then the placements
// that people choose, in milliseconds and in multiples of the longest round trip.

import { inNewNamespace, whyNoNamespaces } from './netns.ts'
import { formatTable } from './print.ts'
import { links, loopbackNetwork, type Network } from './regions-network.ts'
import { type Parts, startParts } from './regions-parts.ts'
import { programOf, startTalker } from './regions-programs.ts'
import { forEach, statements, type Timing } from './regions-statements.ts'
import { median } from './statistics.ts'

interface Placement {
  readonly name: string
  /** Of each way, in the order of `links`. */
  readonly roundTripsMs: readonly [number, number, number, number]
}

const placements: readonly Placement[] = [
  { name: 'all in one region', roundTripsMs: [1, 1, 1, 20] },
  { name: 'client, listener, database here; service far', roundTripsMs: [1, 1, 80, 20] },
  { name: 'client far from the listener beside its database', roundTripsMs: [80, 1, 1, 20] },
  { name: 'listener beside the client, database far', roundTripsMs: [1, 80, 80, 20] },
]

/** Of the way that is made long, in the first table. */
const longMs = 60
const waitMs = 30 * 60_000

/** The tables, as text. `rounds`: statements of each kind for a figure. */
export async function measureRegions({ rounds }: { rounds: number }): Promise<string> {
  const why = whyNoNamespaces()
  if (why !== null) return await measureOn(loopbackNetwork(why), { rounds })
  // in a namespace of its own, what is made there is in nobody's way and gone at the end, whatever happens
  const program = inNewNamespace(programOf('bench/regions-inside.ts', [String(rounds)]))
  const inside = startTalker(program)
  try {
    return await inside.hear<string>(waitMs)
  } finally {
    await inside.child.stop()
  }
}

/** The same, on a network that is there; closes it. */
export async function measureOn(
  network: Network,
  { rounds }: { rounds: number },
): Promise<string> {
  try {
    const parts = await startParts(network)
    try {
      return [network.description, '', ...await measure(parts, Math.max(3, rounds))].join('\n')
    } finally {
      await parts.close()
    }
  } finally {
    await network.close()
  }
}

async function measure(parts: Parts, tries: number): Promise<string[]> {
  const trips: string[][] = []
  for (const [at, { name }] of links.entries()) {
    const timing = await tripsOf(parts, { at, tries })
    trips.push([name, ...statements.map((statement) => Math.max(0, timing[statement]).toFixed(1))])
  }
  const placed: string[][] = []
  for (const { name, roundTripsMs } of placements) {
    const timing = await timeOf(parts, { roundTripsMs, tries })
    const times = statements.map((statement) => {
      const multiple = timing[statement] / Math.max(...roundTripsMs)
      return `${Math.round(timing[statement])} ms (${multiple.toFixed(1)})`
    })
    placed.push([name, roundTripsMs.join(' / '), ...times])
  }
  const names = links.map(({ name }) => name).join(' / ')
  return [
    'Round trips of each way that a statement waits for:',
    formatTable(['way', ...statements], trips),
    '',
    `Placements; round trips ${names} in ms (in brackets: in multiples of the longest):`,
    formatTable(['placement', 'round trips', ...statements], placed),
  ]
}

/** How long a statement takes with ways of such round trips, in milliseconds. */
async function timeOf(
  parts: Parts,
  { roundTripsMs, tries }: { roundTripsMs: readonly number[]; tries: number },
): Promise<Timing> {
  for (const [at, way] of parts.ways.entries()) await way.set((roundTripsMs[at] ?? 0) / 2)
  await parts.play() // the first one may connect
  const timings: Timing[] = []
  for (let n = 0; n < tries; n++) timings.push(await parts.play())
  for (const way of parts.ways) await way.set(0)
  return forEach((statement) => median(timings.map((timing) => timing[statement])))
}

/** How many round trips of a way a statement waits for: that way made longer, the others short. */
async function tripsOf(
  parts: Parts,
  { at, tries }: { at: number; tries: number },
): Promise<Timing> {
  const none = await timeOf(parts, { roundTripsMs: [], tries })
  const roundTripsMs = parts.ways.map((_, each) => each === at ? longMs : 0)
  const long = await timeOf(parts, { roundTripsMs, tries })
  return forEach((statement) => (long[statement] - none[statement]) / longMs)
}

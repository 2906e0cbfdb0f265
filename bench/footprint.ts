// Bench: what listener and service take: `npm run bench -- footprint`. From the start of a listener's process to the first
// answer of a query; memory with a thousand sessions; processor time of reads and mutations. On Linux.

import { measureMemory, type Memories } from './footprint-memory.ts'
import { measureProcessor, type Work } from './footprint-processor.ts'
import { openSite, type Site } from './footprint-site.ts'
import { bareStart, codeBytes, coldStart } from './footprint-start.ts'
import { formatTable } from './print.ts'
import { median } from './statistics.ts'

const machineMiB = 256
/** Of a machine's memory, so much is the system's. */
const systemMiB = 40
const sessionsCount = 1000
const thousand = `${sessionsCount} idle sessions`

/** The tables, as text. `rounds`: cold starts; `folder`: for files, removed by the caller. */
export async function measureFootprint(
  { rounds, folder }: { rounds: number; folder: string },
): Promise<string> {
  const ends: (() => Promise<unknown>)[] = []
  try {
    const site = await openSite({ folder, sessionsMax: 2 * sessionsCount }, (end) => ends.push(end))
    const start = await measureStart(site, rounds)
    const plain = await measureMemory(site, { count: sessionsCount, tls: false, used: true })
    const tls = await measureMemory(site, { count: sessionsCount, tls: true, used: false })
    const { read, update } = await measureProcessor(site)
    return [
      formatTable(['listener', 'figure'], start),
      formatTable(
        ['memory, MiB', 'before any', 'after some', thousand, 'each has written', 'KiB for one'],
        memoryRows({ plain, tls }),
      ),
      `A machine of ${machineMiB} MiB, of which the system has ${systemMiB}, holds ` +
      `${roomFor(plain)} idle sessions, ${roomFor(tls)} with TLS.`,
      workTable({ read, update }),
    ].join('\n\n')
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

async function measureStart(site: Site, rounds: number): Promise<string[][]> {
  const starts: number[] = []
  const bare: number[] = []
  for (let round = 0; round < rounds; round++) {
    starts.push(await coldStart(site))
    bare.push(bareStart())
  }
  return [
    ['cold start to the first answer, ms', String(Math.round(median(starts)))],
    ['the same, in starts of an empty program', (median(starts) / median(bare)).toFixed(1)],
    ['code that it loads, KiB', String(Math.round(codeBytes() / 1024))],
  ]
}

function memoryRows({ plain, tls }: { plain: Memories; tls: Memories }): string[][] {
  const row = (name: string, memory: Memories['listener'], written: boolean) => [
    name,
    memory.fresh.toFixed(0),
    memory.bare.toFixed(0),
    memory.idle.toFixed(0),
    written ? memory.used.toFixed(0) : '',
    ((memory.idle - memory.bare) * 1024 / sessionsCount).toFixed(0),
  ]
  return [
    row('listener', plain.listener, true),
    row('listener, sessions with TLS', tls.listener, false),
    row('service', plain.service, true),
  ]
}

/** How many idle sessions a machine has memory for. */
function roomFor({ listener: { bare, idle } }: Memories): number {
  return Math.floor((machineMiB - systemMiB - bare) / ((idle - bare) / sessionsCount))
}

/** In multiples of what Postgres itself takes for the read; how long that is here is for information. */
function workTable({ read, update }: { read: Work; update: Work }): string {
  const row = (name: string, work: Work) => [
    name,
    ...([work.listener, work.service, work.database, work.store] as const)
      .map((ms) => (ms / read.database).toFixed(1)),
  ]
  const heads = ['processor time of one', 'listener', 'service', 'database', 'store']
  return [
    formatTable(heads, [row('read of a row by its key', read), row('update of that row', update)]),
    `  (1: what Postgres takes for the read, here ${Math.round(read.database * 1000)} µs;` +
    ` one processor of the service: ${Math.round(1000 / update.service)} updates a second)`,
  ].join('\n')
}

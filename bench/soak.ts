// Bench: `npm run soak -- --minutes N`. A steady load over the demo system, for as long as is asked for; the memory of its
// processes every ten seconds, as a table and a plot. Exit code 0: neither listener nor service grows.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { stopPrograms } from './child.ts'
import { formatTable } from './print.ts'
import { type Load, startLoad } from './soak-load.ts'
import { growthOf, mebibytes, type Sample, sampleMemory, type Series } from './soak-memory.ts'
import { plot } from './soak-plot.ts'
import { startStack, stopLeftover } from './stack.ts'

const sampleEveryMs = 10_000
/** What is compiled, cached and pooled in the first part of a run is no leak: so much of it is not looked at. */
const warmUpShare = 0.4
/** A process whose memory has risen by more than this, along the line through its samples, grows. */
const growthMax = { share: 0.1, bytes: 12 * 1024 * 1024 }
/** The processes that must not grow; the sandbox keeps every record. */
const judged = ['listener', 'service']
const minutesMax = 24 * 60

interface Options {
  readonly minutes: number
  /** Statements a second. */
  readonly rate: number
  /** Where the plot goes. */
  readonly plot: string
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '20' },
      rate: { type: 'string', default: '60' },
      plot: { type: 'string', default: join(tmpdir(), 'sluice-soak.svg') },
    },
  })
  const minutes = Number(values.minutes)
  const rate = Number(values.rate)
  const usage = 'npm run soak -- [--minutes N] [--rate STATEMENTS-A-SECOND] [--plot FILE.svg]'
  if (!(minutes > 0 && minutes <= minutesMax && rate > 0 && rate <= 10_000)) {
    throw new RangeError(usage)
  }
  return { minutes, rate, plot: values.plot }
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-soak-'))
chmodSync(folder, 0o755) // Postgres runs as another user when we are root

async function run(options: Options): Promise<boolean> {
  console.error('Starting Sluice …')
  const stack = await startStack(folder)
  const load = startLoad(stack, { rate: options.rate })
  try {
    const samples = await Promise.race([watch(stack.pid, options, load), stack.ended])
    return report(samples, options, load)
  } finally {
    await load.stop()
  }
}

/** A sample now and every ten seconds, until the time is over. */
async function watch(pid: number, { minutes }: Options, load: Load): Promise<Sample[]> {
  const since = Date.now()
  const end = since + minutes * 60_000
  const samples: Sample[] = []
  while (Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(sampleEveryMs, end - Date.now())))
    const sample = sampleMemory(pid, { at: Date.now() - since })
    samples.push(sample)
    const sizes = [...sample.bytes].map(([name, bytes]) => `${name} ${mebibytes(bytes)}`)
    const { done, failed } = load.counts
    console.error(
      `${(sample.at / 60_000).toFixed(1)} min: ${sizes.join(', ')}; ${done} done, ${failed} failed`,
    )
  }
  return samples
}

/** Prints table and verdict, and writes the plot. True: nothing grows, and no statement failed. */
function report(samples: readonly Sample[], options: Options, { counts, words }: Load): boolean {
  const warm = samples.slice(Math.floor(samples.length * warmUpShare))
  const names = [...new Set(samples.flatMap(({ bytes }) => [...bytes.keys()]))]
  const all: Series[] = names.map((name) => ({ name, ...growthOf(warm, name) }))
  const grows = ({ name, median, grown }: Series) =>
    judged.includes(name) && grown > Math.max(growthMax.share * median, growthMax.bytes)
  const rows = all.map((series) => [
    series.name,
    mebibytes(series.first),
    mebibytes(series.median),
    mebibytes(series.last),
    mebibytes(series.grown),
    `${mebibytes(series.perHour)}/h`,
    judged.includes(series.name) ? (grows(series) ? 'GROWS' : 'flat') : '',
  ])
  const heads = ['memory, MiB', 'first', 'median', 'last', 'along the line', 'slope', '']
  console.log(`\n${formatTable(heads, rows)}`)
  console.log(
    `\n${counts.done} statements (${counts.mutations} mutations), ${counts.failed} failed`,
  )
  if (words !== '') console.log(`The last failure: ${words}`)
  const width = warm[0]?.at ?? 0
  writeFileSync(options.plot, plot(samples, { names, warmAt: width }))
  console.log(`Plot: ${options.plot}`)
  const missing = judged.filter((name) => !names.includes(name))
  if (missing.length > 0) console.log(`Nothing was seen of: ${missing.join(', ')}`)
  return missing.length === 0 && counts.failed === 0 && !all.some(grows)
}

async function cleanUp(): Promise<void> {
  await stopPrograms()
  stopLeftover(folder)
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(130)))
}

let flat = false
try {
  flat = await run(readOptions(process.argv.slice(2)))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
}
await cleanUp()
process.exit(flat ? 0 : 1)

// Bench: `npm run bench`. Speeds as ratios within one run, since no two machines or minutes are alike; absolute figures
// stand beside them for information. Everything that is started is stopped, and its files are removed.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { stopPrograms } from './child.ts'
import { measureBackfill, measureMemory } from './backfill.ts'
import { type Options, readOptions } from './options.ts'
import { measureFootprint } from './footprint.ts'
import { measureLogins } from './logins.ts'
import { measureQuota } from './quota.ts'
import { measureQuotaBackfill } from './quota-backfill.ts'
import { measureRegions } from './regions.ts'
import { measureRelay } from './relay.ts'
import { type Stack, startStack, stopLeftover } from './stack.ts'
import { findTools } from './tools.ts'
import { measureWrites } from './writes.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
chmodSync(folder, 0o755) // Postgres and PgBouncer run as another user when we are root
let starting: Promise<Stack> | null = null

async function run(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  const { parts } = options
  if (parts.includes('relay') || parts.includes('writes')) await runOnStack(options)
  if (parts.includes('quota')) {
    console.error('Measuring quota …')
    console.log(`\n${await measureQuota(options)}\n`)
  }
  if (parts.includes('logins')) {
    console.error('Measuring logins …')
    console.log(`\n${await measureLogins(options)}\n`)
  }
  if (parts.includes('regions')) await runRegions(options)
  if (parts.includes('footprint')) await runFootprint(options)
  if (parts.includes('backfill')) {
    console.error('Measuring backfill …')
    console.log(`\n${await measureBackfill(options)}\n`)
  }
  if (parts.includes('quota-backfill')) {
    console.error('Measuring mutations beside a backfill …')
    console.log(`\n${await measureQuotaBackfill(options)}\n`)
  }
  if (parts.includes('memory')) {
    console.error('Measuring memory …')
    console.log(`\n${await measureMemory()}\n`)
  }
}

async function runRegions(options: Options): Promise<void> {
  console.error('Measuring regions …')
  console.log(`\n${await measureRegions(options)}\n`)
}

async function runFootprint(options: Options): Promise<void> {
  console.error('Measuring footprint …')
  console.log(`\n${await measureFootprint({ ...options, folder })}\n`)
}

async function runOnStack(options: Options): Promise<void> {
  const tools = options.parts.includes('relay') ? findTools() : null
  console.error('Starting Sluice …')
  starting = startStack(folder)
  const stack = await starting
  for (const part of options.parts.filter((name) => name === 'relay' || name === 'writes')) {
    console.error(`Measuring ${part} …`)
    const measuring = part === 'relay' && tools !== null
      ? measureRelay(stack, tools, options)
      : measureWrites(stack, options)
    const table = await Promise.race([measuring, stack.ended]).catch((error: unknown) => {
      throw new Error(`Cannot measure ${part}: ${wordsOf(error)}\n${stack.lastWords()}`.trim())
    })
    console.log(`\n${table}\n`)
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function cleanUp(): Promise<void> {
  await starting?.catch(() => {}) // what is still starting cannot be stopped
  await stopPrograms()
  stopLeftover(folder)
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}

let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interrupted) return
    interrupted = true
    void cleanUp().finally(() => process.exit(130))
  })
}

try {
  await run()
} catch (error) {
  // whoever interrupts need not hear what that has broken
  if (!interrupted) console.error(wordsOf(error))
  process.exitCode = 1
}
if (!interrupted) await cleanUp()

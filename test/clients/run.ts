// `npm run test:clients`: one scenario with every Postgres client there is, written by others, against the whole system.
// One line a client. `--install` brings what is missing; other arguments name the clients to run.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { startSystem, type System } from '../help/system.ts'
import { assertMirrors } from '../journeys/mirror.ts'
import { attempt } from './attempt.ts'
import { type Client, clients } from './clients.ts'
import { installDebianClients, installNpmClients, isThere, noApt, wordsOf } from './install.ts'
import { cache } from './program.ts'
import { prepareReadings } from './scenario.ts'

const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith('--'))
const wanted = clients.filter(({ name }) => names.length === 0 || names.includes(name))
const unknown = names.filter((name) => !clients.some((client) => client.name === name))
const counts = { passed: 0, failed: 0, skipped: 0 }
/** Why a client could not be installed. */
const unavailable = new Map<Client, string>()

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}

/** Installs what is missing, as far as this machine lets us; what then is missing still is told client by client. */
async function install(): Promise<void> {
  const start = Date.now()
  const ofNpm = wanted.filter(({ kind }) => kind === 'npm')
  if (ofNpm.length > 0) {
    await installNpmClients().catch((error: unknown) => {
      for (const client of ofNpm) unavailable.set(client, wordsOf(error))
    })
  }
  const missing: Client[] = []
  for (const client of wanted.filter(({ kind }) => kind === 'debian')) {
    if (!await isThere(client)) missing.push(client)
  }
  if (noApt() === undefined) {
    for (const [client, why] of await installDebianClients(missing)) unavailable.set(client, why)
  }
  console.log(`installed in ${seconds(start)}`)
}

function whyMissing(client: Client): string {
  if (!args.includes('--install')) return 'not installed: npm run test:clients -- --install'
  const why = unavailable.get(client) ?? noApt()
  return `${client.packages.join(', ')} cannot be had: ${why ?? 'installed, and not to be run'}`
}

function versionOf({ kind, packages: [name = ''] }: Client): string {
  if (kind === 'debian') return ''
  const text = readFileSync(join(cache, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function report(word: string, client: Client, rest: string): void {
  console.log(`${word.padEnd(4)} ${client.name.padEnd(16)} ${rest}`)
}

async function runOne(client: Client, system: System): Promise<void> {
  if (!await isThere(client)) {
    // what cannot be fetched is told; what was installed and cannot be run is a failure
    const fetched = !unavailable.has(client) && (client.kind === 'npm' || noApt() === undefined)
    const failed = args.includes('--install') && fetched
    counts[failed ? 'failed' : 'skipped']++
    return report(failed ? 'FAIL' : 'none', client, whyMissing(client))
  }
  const start = Date.now()
  try {
    const version = await attempt(client, system) ?? versionOf(client)
    counts.passed++
    const requests = client.batchRequests === 1 ? '1 request' : `${client.batchRequests} requests`
    report('ok', client, `${version.padEnd(34)} ${seconds(start)}, a batch of three: ${requests}`)
  } catch (error) {
    counts.failed++
    report('FAIL', client, error instanceof Error ? error.message : String(error))
  }
}

if (unknown.length > 0) {
  console.error(
    `No such client: ${unknown.join(', ')}. ${clients.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}
if (args.includes('--install')) await install()
const start = Date.now()
const system = await startSystem()
try {
  await prepareReadings(system)
  for (const client of wanted) await runOne(client, system)
  await assertMirrors(system)
  console.log(`the table and the sandbox are the same after all; ${seconds(start)}`)
} finally {
  await system.stop()
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} not run`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0

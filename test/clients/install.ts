// Brings the clients to this machine: those of npm into .cache/clients, by a lockfile; those of Debian by apt-get.

import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { hasCommand } from '../../src/lib/cluster.ts'
import type { Client } from './clients.ts'
import { cache, folders, here, run } from './program.ts'

const npmWaitMs = 600_000
const generateWaitMs = 240_000
const updateWaitMs = 360_000
const aptWaitMs = 600_000
const probeWaitMs = 240_000
/** What fetches is tried so often. */
const triesMax = 3

const npmFolder = join(here, 'npm')
/** Holds the digest of what was installed, once all of it was. */
const marker = join(cache, 'complete')

/** Whether the client can run here. Builds the one that must be built; puts the scripts of npm beside their packages. */
export async function isThere(client: Client): Promise<boolean> {
  mkdirSync(cache, { recursive: true })
  if (client.kind === 'npm') {
    if (!hasNpmClients()) return false
    copyScripts()
  }
  const options = { cwd: folders[client.kind], waitMs: probeWaitMs }
  return await run(client.probe, options).then(({ code }) => code === 0, () => false)
}

/** Installs the npm clients, unless they are there. No package's own install script runs. Rejects with npm's own words. */
export async function installNpmClients(): Promise<void> {
  if (hasNpmClients()) return
  mkdirSync(cache, { recursive: true })
  rmSync(marker, { force: true })
  copyScripts()
  const install = ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund']
  await again(() => must(install, { waitMs: npmWaitMs }))
  await must(['node_modules/.bin/prisma', 'generate', '--schema', 'schema.prisma'], {
    waitMs: generateWaitMs,
    // or it would fetch the engine of its migrations, which nothing here needs
    env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
  })
  writeFileSync(marker, digest())
}

/** Why `installDebianClients` would not work here, or undefined when it might. */
export function noApt(): string | undefined {
  if (!hasCommand('apt-get')) return 'there is no apt-get'
  return process.getuid?.() === 0 ? undefined : 'apt-get needs root'
}

/**
 * Installs the packages of Debian that the clients need, together; where that fails, client by client, so that one that
 * cannot be had does not stop the others. Gives what apt-get said of those that it could not bring.
 */
export async function installDebianClients(
  missing: readonly Client[],
): Promise<ReadonlyMap<Client, string>> {
  const failed = new Map<Client, string>()
  if (missing.length === 0) return failed
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // with old lists there may be something to install all the same
  await again(() => must(['apt-get', 'update', '-q'], { waitMs: updateWaitMs, env })).catch(tell)
  const install = (packages: Iterable<string>) => {
    const command = ['apt-get', 'install', '-y', '-q', '--no-install-recommends']
    const retries = ['-o', `Acquire::Retries=${triesMax}`, '-o', 'Acquire::http::Timeout=30']
    return must([...command, ...retries, ...new Set(packages)], { waitMs: aptWaitMs, env })
  }
  try {
    await install(missing.flatMap(({ packages }) => packages))
  } catch (error) {
    tell(error)
    for (const client of missing) {
      await install(client.packages).catch((error: unknown) => failed.set(client, wordsOf(error)))
    }
  }
  return failed
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function tell(error: unknown): void {
  console.error(wordsOf(error))
}

/** Does it again after a failure, at most so often in all. */
async function again(work: () => Promise<void>): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await work()
    } catch (error) {
      if (tries === triesMax) throw error
      tell(error)
    }
  }
}

function hasNpmClients(): boolean {
  return existsSync(marker) && readFileSync(marker, 'utf8') === digest()
}

/** Only what differs: a client may be reading its script. */
function copyScripts(): void {
  for (const name of readdirSync(npmFolder)) {
    const [from, to] = [join(npmFolder, name), join(cache, name)]
    if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) continue
    copyFileSync(from, to)
  }
}

/** Tells one set of packages, and one schema for Prisma, from another. */
function digest(): string {
  const hash = createHash('sha256')
  for (const name of ['package-lock.json', 'schema.prisma']) {
    hash.update(readFileSync(join(npmFolder, name)))
  }
  return hash.digest('hex')
}

async function must(
  command: readonly string[],
  options: { waitMs: number; env?: Readonly<Record<string, string>> },
): Promise<void> {
  const { code, stdout, stderr } = await run(command, { cwd: cache, ...options })
  if (code !== 0) throw new Error(`${command.join(' ')} exited with ${code}:\n${stdout}${stderr}`)
}

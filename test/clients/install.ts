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

const npmWaitMs = 300_000
const generateWaitMs = 60_000
const aptWaitMs = 900_000
const probeWaitMs = 60_000

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

/** Installs the npm clients, unless they are there. No package's own install script runs. */
export async function installNpmClients(): Promise<void> {
  if (hasNpmClients()) return
  mkdirSync(cache, { recursive: true })
  rmSync(marker, { force: true })
  copyScripts()
  await must(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { waitMs: npmWaitMs })
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

/** Installs the packages of Debian that the clients need. Rejects with apt-get's own words. */
export async function installDebianClients(missing: readonly Client[]): Promise<void> {
  if (missing.length === 0) return
  const packages = new Set(missing.flatMap((client) => client.packages))
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await must(['apt-get', 'update', '-q'], { waitMs: aptWaitMs, env })
  const install = ['apt-get', 'install', '-y', '-q', '--no-install-recommends']
  await must([...install, ...packages], { waitMs: aptWaitMs, env })
}

function hasNpmClients(): boolean {
  return existsSync(marker) && readFileSync(marker, 'utf8') === digest()
}

function copyScripts(): void {
  for (const name of readdirSync(npmFolder)) copyFileSync(join(npmFolder, name), join(cache, name))
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

// Programs of this machine: where they are run, with what environment, and for how long at most.

import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { withDeadline } from '../../src/lib/deadline.ts'
import type { Kind } from './clients.ts'

export const here = dirname(fileURLToPath(import.meta.url))
export const cache = resolve(here, '..', '..', '.cache', 'clients')

/** Where the scripts of a kind are run. Those of npm are copied to their packages, which Node looks for beside them. */
export const folders: Readonly<Record<Kind, string>> = {
  npm: cache,
  debian: join(here, 'debian'),
}

export interface Output {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, the Node 24 of this project first in its PATH. Rejects after `waitMs`, when it is killed. */
export async function run(
  command: readonly string[],
  { cwd, env = {}, waitMs }: {
    cwd: string
    env?: Readonly<Record<string, string>>
    waitMs: number
  },
): Promise<Output> {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...ownEnv(),
      PATH: `${node24Folder()}:${process.env['PATH'] ?? ''}`,
      LANG: 'C.UTF-8',
      ...env,
    },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => stdout += chunk)
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => stderr += chunk)
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code))
  })
  try {
    const code = await withDeadline(closed, { waitMs, what: command.join(' ') })
    return { code, stdout, stderr }
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${command.join(' ')}: it printed ${stdout}${stderr}`, { cause: error })
  }
}

/** Our environment without what would tell a client or a worker where to go. */
function ownEnv(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || /^(PG|SLUICE_|DATABASE_URL$)/.test(name) ? [] : [[name, value] as const]
  )
  return Object.fromEntries(entries)
}

function node24Folder(): string {
  const require = createRequire(import.meta.url)
  return join(dirname(require.resolve('node24/package.json')), 'bin')
}

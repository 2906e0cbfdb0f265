// psql as people use it: a script on its standard input, errors and results in the order in which it prints them.

import { spawn } from 'node:child_process'
import { hasCommand } from '../../src/lib/cluster.ts'
import { withDeadline } from '../../src/lib/deadline.ts'

const psqlWaitMs = 180_000

/** Throws with what to do when there is no psql. */
export function requirePsql(): void {
  if (hasCommand('psql')) return
  throw new Error('psql is missing: apt-get install postgresql-client (.ci/run does it)')
}

/** Runs a script in one session. Resolves with all that psql printed, without trailing spaces. */
export async function runPsql(url: string, script: string): Promise<string> {
  requirePsql()
  // one pipe for both streams, so that errors stand where they happened
  const child = spawn('sh', ['-c', 'exec psql -X "$0" 2>&1', url], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', PGCLIENTENCODING: 'UTF8' },
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => output += chunk)
  child.stdin.on('error', () => {})
  child.stdin.end(script)
  const closed = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve())
  })
  try {
    await withDeadline(closed, { waitMs: psqlWaitMs, what: `psql (it printed: ${output})` })
  } finally {
    child.kill('SIGKILL')
  }
  return output.split('\n').map((line) => line.trimEnd()).join('\n')
}

const marker = '~~ end of step ~~'

/** Runs several scripts in one session. Resolves with what each of them printed. */
export async function runSteps(url: string, steps: readonly string[]): Promise<string[]> {
  const script = steps.map((step) => `${step}\n\\echo '${marker}'\n`).join('')
  const output = await runPsql(url, script)
  const parts = output.split(`${marker}\n`)
  if (parts.length !== steps.length + 1) {
    throw new Error(`psql ended after ${parts.length - 1} of ${steps.length} steps:\n${output}`)
  }
  return parts.slice(0, -1)
}

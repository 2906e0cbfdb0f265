// `npm test`: starts one Postgres cluster for the whole run, then the suite on Deno (or, with `--node`, on Node 24).
// Arguments after the flags name the test files to run.

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startTestCluster } from './help/cluster.ts'
import { keepName, searchKept } from './help/secrets.ts'

const args = process.argv.slice(2)
const onNode = args.includes('--node')
/** Much of the journeys is waiting, for processes to start and for rate limits to pass. */
const filesAtOnce = '3'
const named = args.filter((arg) => !arg.startsWith('--'))

function testFiles(): string[] {
  if (named.length > 0) return named
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('test', name))
    .sort()
}

/** The Node 24 that the npm package `node24` brings. */
function node24(): string {
  const require = createRequire(import.meta.url)
  return join(dirname(require.resolve('node24/package.json')), 'bin', 'node')
}

function command(): [string, string[]] {
  const files = testFiles()
  if (onNode) return [node24(), ['--test', `--test-concurrency=${filesAtOnce}`, ...files]]
  return [process.execPath, ['test', '-A', '--no-check', '--parallel', ...files]]
}

/** No secret that a test used may be in anything that a worker of ours wrote. */
function checkSecrets(): boolean {
  const { found, secrets, bytes } = searchKept(keep)
  rmSync(keep, { recursive: true, force: true })
  if (secrets > 0) {
    console.error(`${secrets} secrets were looked for in ${bytes} characters that workers wrote.`)
  }
  // cut: this is printed, too
  for (const secret of found) console.error(`A worker wrote a secret: ${secret.slice(0, 6)}…`)
  return found.length === 0
}

const cluster = await startTestCluster()
const keep = mkdtempSync(join(tmpdir(), 'sluice-kept-'))
const [program, programArgs] = command()
const child = spawn(program, programArgs, {
  stdio: 'inherit',
  env: {
    ...process.env,
    DENO_JOBS: filesAtOnce,
    SLUICE_TEST_CLUSTER_PORT: String(cluster.port),
    [keepName]: keep,
  },
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
const code = await new Promise<number>((resolve) =>
  child.once('exit', (code) => resolve(code ?? 1))
)
await cluster.stop()
process.exit(checkSecrets() ? code : code || 1)

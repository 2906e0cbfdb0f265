// Goal: the sandbox runs as a process of its own and ends when it should. Method: start it, as `npm start` does.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const worker = join(dirname(fileURLToPath(import.meta.url)), '../../workers/sandbox.ts')
const flags = 'deno' in process.versions ? ['run', '-A', '--no-check'] : []

/** Starts the worker and waits for the first line of its log. */
async function start(
  env: Record<string, string> = {},
): Promise<{ child: ChildProcess; text: string }> {
  const child = spawn(process.execPath, [...flags, worker], {
    stdio: ['pipe', 'inherit', 'pipe'],
    env: { ...process.env, SLUICE_SANDBOX_PORT: '0', SLUICE_LOG_LEVEL: 'info', ...env },
  })
  const text = await new Promise<string>((resolve) => {
    let text = ''
    child.stderr.on('data', (chunk: Uint8Array) => {
      text += new TextDecoder().decode(chunk)
      if (text.includes('\n')) resolve(text)
    })
  })
  return { child, text }
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

test('the worker listens, and ends in order on SIGTERM', async () => {
  const { child, text } = await start()
  const [line = ''] = text.split('\n')
  const { url } = JSON.parse(line)
  const answer = await fetch(`${url}/_records/salesforce/accounts`)
  assert.equal((await answer.json()).length, 5)
  const end = ended(child)
  process.kill(child.pid ?? 0, 'SIGTERM') // Deno's child.kill hides how the child really ended
  assert.equal(await end, 0)
})

test('a port that is no port is told in one line', async () => {
  const { child, text } = await start({ SLUICE_SANDBOX_PORT: 'x' })
  assert.match(text, /^SLUICE_SANDBOX_PORT must be a whole number from 0 to 65535: "x"\n$/)
  assert.notEqual(child.exitCode ?? await ended(child), 0)
})

test('the worker ends with its stdin when told to', async () => {
  const { child } = await start({ SLUICE_EXIT_WITH_STDIN: '1' })
  const end = ended(child)
  child.stdin?.end()
  assert.equal(await end, 0)
})

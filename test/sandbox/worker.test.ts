// Goal: the sandbox runs as a process of its own and ends when it should. Method: start it, as `npm start` does.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const worker = join(dirname(fileURLToPath(import.meta.url)), '../../workers/sandbox.ts')
const flags = 'deno' in process.versions ? ['run', '-A', '--no-check'] : []

async function start(
  env: Record<string, string> = {},
): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [...flags, worker], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, SLUICE_SANDBOX_PORT: '0', ...env },
  })
  let text = ''
  for await (const chunk of child.stdout) {
    text += String(chunk)
    if (text.includes('\n')) break
  }
  return { child, url: JSON.parse(text).url }
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

test('the worker listens, and ends in order on SIGTERM', async () => {
  const { child, url } = await start()
  const answer = await fetch(`${url}/_records/salesforce/accounts`)
  assert.equal((await answer.json()).length, 5)
  const end = ended(child)
  child.kill('SIGTERM')
  assert.equal(await end, 0)
})

test('the worker ends with its stdin when told to', async () => {
  const { child } = await start({ SLUICE_EXIT_WITH_STDIN: '1' })
  const end = ended(child)
  child.stdin?.end()
  assert.equal(await end, 0)
})

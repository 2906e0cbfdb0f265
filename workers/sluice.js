#!/usr/bin/env node
// Worker: `npx sluice` in a checkout. A runtime that reads TypeScript runs sluice.ts itself; an older Node starts Deno.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const nodeMin = 24
const [major = '0'] = process.versions.node.split('.')

if ('Deno' in globalThis || Number(major) >= nodeMin) await import('./sluice.ts')
else startDeno()

/** The Deno that npm has installed beside us; its end is ours. */
function startDeno() {
  const deno = fileURLToPath(new URL('../node_modules/.bin/deno', import.meta.url))
  if (!existsSync(deno)) {
    console.error(`sluice needs Node ${nodeMin}, or Deno: npm install`)
    process.exit(2)
  }
  const file = fileURLToPath(new URL('./sluice.ts', import.meta.url))
  const args = ['run', '-A', '--quiet', '--no-check', file, ...process.argv.slice(2)]
  const child = spawn(deno, args, { stdio: 'inherit' })
  // a terminal sends SIGINT to both
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.once('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  child.once('exit', (code) => process.exit(code ?? 1))
}

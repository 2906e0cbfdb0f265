// Worker sandbox: the emulated platforms, for `npm start` and for tests that want them in a process of their own.

import process from 'node:process'
import { startSandbox } from '../src/sandbox/sandbox.ts'

const port = Number(process.env['SLUICE_SANDBOX_PORT'] ?? 8788)
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  throw new RangeError(
    `Cannot listen: SLUICE_SANDBOX_PORT is "${process.env['SLUICE_SANDBOX_PORT']}"`,
  )
}
const sandbox = await startSandbox({ port })
process.stdout.write(`${JSON.stringify({ event: 'sandbox listening', url: sandbox.url })}\n`)

let closing = false

async function close(): Promise<void> {
  if (closing) return
  closing = true
  await sandbox.close()
  process.exit(0)
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void close())

if (process.env['SLUICE_EXIT_WITH_STDIN'] === '1') {
  process.stdin.on('end', () => void close())
  process.stdin.on('error', () => void close())
  process.stdin.resume()
}

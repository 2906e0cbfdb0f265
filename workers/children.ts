// Workers: the processes that `npm start` runs, each in a process of its own as in production.

import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import process from 'node:process'
import { withDeadline } from '../src/lib/deadline.ts'

/** A worker running as a child. */
export interface Child {
  readonly name: string
  readonly process: ChildProcess
  readonly exited: Promise<number>
}

const startWaitMs = 90_000
const stopWaitMs = 35_000

/** Is the runtime Deno? It wants to be told to run and what a script may do. */
const onDeno = 'Deno' in globalThis

/** Starts a worker. Its log goes to our stderr; it ends when we do, however we end, because its stdin does. */
export function startChild(
  { name, file, env }: { name: string; file: string; env: Record<string, string> },
): Child {
  const args = onDeno ? ['run', '--quiet', '--no-check', '-A', file] : [file]
  const child = spawn(process.execPath, args, {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, SLUICE_EXIT_WITH_STDIN: '1', ...env },
    detached: true, // Ctrl-C is for us: we stop the children in their order
  })
  child.stdin?.on('error', () => {})
  const exited = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
  return { name, process: child, exited }
}

/** Waits until the child takes connections on the port. Rejects when it ends before. */
export async function waitForChild(child: Child, port: number): Promise<void> {
  let code: number | undefined
  void child.exited.then((exit) => code = exit)
  const until = Date.now() + startWaitMs
  while (!await listens(port)) {
    if (code !== undefined) throw new Error(`${child.name} ended with exit code ${code}`)
    if (Date.now() > until) throw new Error(`${child.name} did not start within ${startWaitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** SIGTERM, and SIGKILL for one that does not heed it. */
export async function stopChild(child: Child): Promise<void> {
  child.process.kill('SIGTERM')
  await withDeadline(child.exited, { waitMs: stopWaitMs, what: `Stopping ${child.name}` })
    .catch(() => child.process.kill('SIGKILL'))
}

/** Does somebody take connections on this port of loopback? */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const end = (found: boolean) => {
      socket.destroy()
      resolve(found)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}

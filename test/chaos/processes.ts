// The workers of a run, each a process with a log file of its own. One that ends without having been told is noted.

import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { withDeadline } from '../../src/lib/deadline.ts'

export type WorkerFile = 'listener.ts' | 'mutations.ts' | 'sandbox.ts' | 'sync.ts'

export interface Proc {
  readonly pid: number
  readonly port: number
  readonly alive: boolean
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves with the exit code. One that does not end in time is killed, and rejects. */
  terminate(): Promise<number | null>
}

export interface ProcOptions {
  readonly file: WorkerFile
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  /** Where its log goes. */
  readonly folder: string
  /** Told when it ends by itself. */
  readonly died: (what: string) => void
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const startWaitMs = 180_000
const stopWaitMs = 120_000

let count = 0

/** Starts a worker and waits until it takes connections. Rejects when it ends before, or takes too long. */
export async function startProc(options: ProcOptions): Promise<Proc> {
  const { file, port, env, folder, died } = options
  const path = join(root, 'workers', file)
  const args = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', path] : [path]
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...foreignEnv(), SLUICE_EXIT_WITH_STDIN: '1', ...env },
  })
  const name = `${file.replace('.ts', '')}-${String(++count).padStart(3, '0')}`
  const log = createWriteStream(join(folder, `${name}.log`))
  child.stdout.pipe(log)
  child.stderr.pipe(log)
  child.stdin.on('error', () => {})
  const pid = child.pid ?? 0
  let gone = false
  let told = false
  const exited = new Promise<number | null>((resolve) =>
    child.once('exit', (code, signal) => {
      gone = true
      if (!told) died(`${name} ended by itself (${signal ?? code})`)
      resolve(code)
    })
  )
  const send = (signal: 'SIGKILL' | 'SIGTERM'): void => {
    told = true
    // not child.kill: on Deno it closes stdin as well, and forgets the exit code
    if (!gone) process.kill(pid, signal)
  }
  const proc: Proc = {
    pid,
    port,
    get alive() {
      return !gone
    },
    kill: async () => {
      send('SIGKILL')
      await exited
    },
    terminate: async () => {
      send('SIGTERM')
      return await withDeadline(exited, { waitMs: stopWaitMs, what: `Stopping ${name}` })
        .catch((error: unknown) => {
          send('SIGKILL')
          throw error
        })
    },
  }
  const end = Date.now() + startWaitMs
  while (!await listens(port)) {
    if (gone) throw new Error(`${name} ended before it listened; see ${folder}`)
    if (Date.now() > end) {
      await proc.kill()
      throw new Error(`${name} did not listen within ${startWaitMs} ms`)
    }
    await pause(25)
  }
  return proc
}

/** The environment without any SLUICE_ variable: the run says what a worker is told. */
function foreignEnv(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] =>
    entry[1] !== undefined && !entry[0].startsWith('SLUICE_')
  )
  return Object.fromEntries(entries)
}

function listens(port: number): Promise<boolean> {
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

export function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}

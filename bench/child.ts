// Bench: programs that run for as long as something is measured.

import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import process from 'node:process'
import { withDeadline } from '../src/lib/deadline.ts'

export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Record<string, string>
  /** It ends by itself, in good order, when its stdin does; a signal could cut that short. */
  readonly endsWithStdin?: boolean
  /** As whom to run, for programs that refuse root. */
  readonly owner?: { uid: number; gid: number } | undefined
}

export interface Child {
  readonly process: ChildProcess
  /** Rejects with the end of the program's stderr, when it ends. */
  readonly ended: Promise<never>
  /** The end of its stderr. */
  lastWords(): string
  /** Ends it, and waits until it is gone; SIGKILL for one that does not heed. */
  stop(): Promise<void>
}

/** Longer than the drains of listener and service take together. */
const stopWaitMs = 150_000
/** How much of a program's stderr is kept for an error, in characters. */
const wordsMax = 4_000

const running = new Set<Child>()

/** Stops every program that still runs, the last one first. */
export async function stopPrograms(): Promise<void> {
  for (const child of [...running].reverse()) await child.stop()
}

/** Starts a program that runs until it is stopped. Ctrl-C does not reach it: it is stopped in its turn. */
export function startProgram(program: Program): Child {
  const { command, args, env, owner, endsWithStdin = false } = program
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...ownEnv(), ...env },
    detached: true,
    ...owner,
  })
  child.stdin.on('error', () => {})
  let errors = ''
  child.stdout.resume()
  child.stderr.on('data', (chunk: Uint8Array) => {
    errors = (errors + new TextDecoder().decode(chunk)).slice(-wordsMax)
  })
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  const ended = gone.then((how) => {
    running.delete(started)
    throw new Error(`${command} ended (${how}): ${errors.trim()}`)
  })
  ended.catch(() => {})
  const started: Child = {
    process: child,
    ended,
    lastWords: () => errors.trim(),
    stop: () => stopChild(child, { gone, endsWithStdin }),
  }
  running.add(started)
  return started
}

async function stopChild(
  child: ChildProcess,
  { gone, endsWithStdin }: { gone: Promise<string>; endsWithStdin: boolean },
): Promise<void> {
  if (endsWithStdin) child.stdin?.end()
  else child.kill('SIGTERM')
  await withDeadline(gone, { waitMs: stopWaitMs, what: 'Stopping a program' })
    .catch(() => child.kill('SIGKILL'))
}

/** Runs a program to its end and gives what it said on stdout. Rejects when it fails or takes too long. */
export async function runProgram(
  { command, args, env }: Program,
  { waitMs }: { waitMs: number },
): Promise<string> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...ownEnv(), ...env },
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk: Uint8Array) => output += new TextDecoder().decode(chunk))
  child.stderr.on('data', (chunk: Uint8Array) => errors += new TextDecoder().decode(chunk))
  const done = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const code = await withDeadline(done, { waitMs, what: command }).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  if (code !== 0) throw new Error(`${command} failed with exit code ${code}: ${errors.trim()}`)
  return output
}

/** Our environment without what would point a program at somebody's real database or service. */
function ownEnv(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] =>
    entry[1] !== undefined && !/^(SLUICE_|PG)/.test(entry[0])
  )
  return Object.fromEntries(entries)
}

/** Waits until the port takes connections. Rejects when the program ends before, or after `waitMs`. */
export async function waitForPort(
  child: Child,
  { port, host = '127.0.0.1', waitMs }: { port: number; host?: string; waitMs: number },
): Promise<void> {
  const until = Date.now() + waitMs
  while (!await Promise.race([accepts({ host, port }), child.ended])) {
    if (Date.now() > until) throw new Error(`Nobody listens on port ${port} after ${waitMs} ms`)
    await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), child.ended])
  }
}

function accepts(place: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

// Bench: programs of this repository on a host of a network.

import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { withDeadline } from '../src/lib/deadline.ts'
import { type Child, type Program, startProgram, waitForPort } from './child.ts'
import type { Host, Network } from './regions-network.ts'

/** A program that writes lines of JSON. */
export interface Talker {
  readonly child: Child
  /** The next line. Rejects when none comes in time, or the program ends. */
  hear<Message>(waitMs: number): Promise<Message>
  /** Has it read a line. */
  tell(line: string): void
}

const startWaitMs = 60_000

/** The runtime's own command line for a file of this repository; it ends with its standard input. */
export function programOf(path: string, args: readonly string[] = []): Program {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url))
  const flags = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A'] : []
  return { command: process.execPath, args: [...flags, file, ...args], endsWithStdin: true }
}

/** Starts a program that talks. */
export function startTalker(program: Program): Talker {
  const child = startProgram(program)
  const { stdin, stdout } = child.process
  if (stdin === null || stdout === null) throw new Error('The program has no pipes')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  return {
    child,
    hear: async (waitMs) => {
      const line = lines.next().then(({ value, done }) => done ? child.ended : String(value))
      return JSON.parse(await withDeadline(line, { waitMs, what: 'Waiting for a program' }))
    },
    tell: (line) => void stdin.write(`${line}\n`),
  }
}

export interface Worker {
  readonly host: Host
  readonly file: string
  readonly port: number
  readonly env: Record<string, string>
}

/** Starts a worker of Sluice's, and waits until it takes connections. */
export async function startWorker(
  network: Network,
  { host, file, port, env }: Worker,
): Promise<Child> {
  const all = {
    SLUICE_PRIVATE_ADDRESSES: 'allow',
    SLUICE_LOG_LEVEL: 'error',
    SLUICE_EXIT_WITH_STDIN: '1',
    ...env,
  }
  const child = startProgram(network.on(host, { ...programOf(`workers/${file}`), env: all }))
  try {
    await waitForPort(child, { host: network.reach(host), port, waitMs: startWaitMs })
  } catch (error) {
    await child.stop()
    throw error
  }
  return child
}

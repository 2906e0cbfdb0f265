// The command line as a process, on the same runtime as the test.

import { spawn } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a program to its end. Its environment is what is given and PATH. */
export async function ran(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return await started(words, options).ended
}

/** Starts a program that may be interrupted, as with Ctrl-C. */
export function begin(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): { interrupt(): void; readonly ended: Promise<Ran> } {
  const { child, ended } = started(words, { env })
  return { interrupt: () => void child.kill('SIGINT'), ended }
}

function started(
  [program = '', ...args]: readonly string[],
  { stdin = '', env = {} }: RunOptions,
) {
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => out += chunk)
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => err += chunk)
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const ended = new Promise<Ran>((done, fail) => {
    child.once('error', fail)
    child.once('close', (code) => done({ code: code ?? 1, out, err }))
  })
  return { child, ended }
}

/** The words that start `sluice` on this runtime. */
export function sluiceWords(args: readonly string[], file = 'sluice.ts'): string[] {
  const program = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A'] : []
  return [process.execPath, ...program, join(root, 'workers', file), ...args]
}

/** Without a store, unless `env` names one: there is no installation in the folder. */
export function sluice(args: readonly string[], { env = {}, ...rest }: RunOptions = {}) {
  const none = { SLUICE_DATA_DIR: join(root, 'test', 'cli', 'no-installation') }
  return ran(sluiceWords(args), { ...rest, env: { ...none, ...env } })
}

/** What is written on a terminal, by util-linux's script(1); null where it is not installed. */
export async function onTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string | null> {
  const command = sluiceWords(args).map((word) => `'${word}'`).join(' ')
  try {
    const shown = await ran(['script', '-qec', command, '/dev/null'], {
      env: { TERM: 'xterm', ...env },
    })
    return shown.out
  } catch {
    return null
  }
}

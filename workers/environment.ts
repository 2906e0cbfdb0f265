// Workers: reading the environment, and what every worker does with signals.

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createLog, type Log, type LogLevel, logLineMax } from '../src/lib/log.ts'

/** A variable, or the default. An empty variable is one that is not set. */
export function env(name: string, otherwise: string): string {
  const value = process.env[name]
  return value === undefined || value === '' ? otherwise : value
}

export function optionalEnv(name: string): string | undefined {
  const value = process.env[name]
  return value === '' ? undefined : value
}

/** A variable that must be there. */
export function requiredEnv(name: string): string {
  const value = optionalEnv(name)
  if (value === undefined) throw new ConfigError(`${name} is not set`)
  return value
}

/** A whole number within bounds. */
export function numberEnv(
  name: string,
  { otherwise, min = 0, max = Number.MAX_SAFE_INTEGER }: {
    otherwise: number
    min?: number
    max?: number
  },
): number {
  const text = optionalEnv(name)
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new ConfigError(`${name} must be a whole number from ${min} to ${max}: "${text}"`)
}

export function booleanEnv(name: string, otherwise: boolean): boolean {
  const text = optionalEnv(name)?.toLowerCase()
  if (text === undefined) return otherwise
  if (['1', 'true', 'on', 'yes'].includes(text)) return true
  if (['0', 'false', 'off', 'no'].includes(text)) return false
  throw new ConfigError(`${name} must be on or off: "${text}"`)
}

/** The content of the file that a variable names. */
export function fileEnv(name: string): string | undefined {
  const path = optionalEnv(name)
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new ConfigError(`${name}: cannot read ${path}`, { cause })
  }
}

/** What is wrong with the configuration, in words for whoever starts the process. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** What a process needs and does not find when it starts, in words for whoever starts it. */
export class StartError extends Error {
  override name = 'StartError'
}

/** JSON lines on stderr, from SLUICE_LOG_LEVEL on. */
export function workerLog(worker: string): Log {
  const level = env('SLUICE_LOG_LEVEL', 'info')
  if (!['debug', 'info', 'warn', 'error'].includes(level)) {
    throw new ConfigError(`SLUICE_LOG_LEVEL must be debug, info, warn or error: "${level}"`)
  }
  return createLog({
    level: level as LogLevel,
    write: (line) => process.stderr.write(`${line}\n`),
    fields: { worker },
    lineMax: numberEnv('SLUICE_LOG_LINE_MAX', { otherwise: logLineMax, min: 512 }),
  })
}

/** A second signal within this time is the same Ctrl-C once more: npm passes on what the terminal has sent already. */
const sameSignalMs = 1_000

/**
 * Runs a worker: `start` gives the function that stops it. SIGTERM and SIGINT stop it, also while it starts, and so does
 * the end of stdin where SLUICE_EXIT_WITH_STDIN is on, so that a child never outlives its parent. A signal that comes
 * while it is stopping ends it at once.
 */
export async function runWorker(start: () => Promise<() => Promise<void>>): Promise<void> {
  let stopping = false
  let signalledAt: number | undefined
  const starting = Promise.resolve().then(start)
  const end = (): void => {
    if (stopping) return
    stopping = true
    starting.then((stop) => stop()).then(() => process.exit(0), failStart)
  }
  const heed = (): void => {
    const again = signalledAt !== undefined && Date.now() - signalledAt > sameSignalMs
    signalledAt ??= Date.now()
    if (again) process.exit(1)
    end()
  }
  process.on('SIGTERM', heed)
  process.on('SIGINT', heed)
  try {
    await starting
    // no signal: a parent on Deno closes it when it sends one, and that one must not count as the second
    if (booleanEnv('SLUICE_EXIT_WITH_STDIN', false)) process.stdin.on('end', end).resume()
  } catch (error) {
    if (!stopping) failStart(error)
  }
}

/** Ends a process that cannot start: for its configuration with one line and 2, for what it does not find with one and 1. */
export function failStart(error: unknown): never {
  const misconfigured = error instanceof ConfigError
  console.error(misconfigured || error instanceof StartError ? error.message : error)
  process.exit(misconfigured ? 2 : 1)
}

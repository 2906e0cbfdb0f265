// Workers: what a command of `sluice` is, and how it reads its arguments.

import { parseArgs } from 'node:util'
import { type Platform, platforms } from '../../src/mutation/table.ts'
import { baseUrlFlaw } from '../../src/lib/addresses.ts'
import type { Store } from '../../src/store/store.ts'
import { addressGuard } from '../approach.ts'
import { optionalEnv } from '../environment.ts'

export interface Command {
  /** Its arguments, for people. */
  readonly usage: string
  /** Gives the lines to print. Throws UsageError, or a Fault. */
  run(args: readonly string[], deps: { store: Store }): Promise<readonly string[]>
}

/** The arguments are not those of the command. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** `--name value` for each of these names, and no other argument. Throws UsageError. */
export function readOptions(
  args: readonly string[],
  names: readonly string[],
): Readonly<Record<string, string | undefined>> {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' } as const]))
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** One that must be there. Throws UsageError. */
export function requiredOption(
  options: Readonly<Record<string, string | undefined>>,
  name: string,
): string {
  const value = options[name]
  if (value === undefined || value === '') throw new UsageError(`--${name} is missing`)
  return value
}

/** `--platform`, one of ours. Throws UsageError. */
export function platformOption(options: Readonly<Record<string, string | undefined>>): Platform {
  const name = requiredOption(options, 'platform')
  const platform = platforms.find((known) => known === name)
  if (platform !== undefined) return platform
  throw new UsageError(`--platform must be one of ${platforms.join(', ')}`)
}

/** An address that the service is to send credentials to. Throws UsageError. */
export function checkUrl(name: string, url: string): void {
  // without a store of its own the command is for the one of `npm start`, where all is on this machine
  const guard = addressGuard(optionalEnv('SLUICE_STORE_URL') === undefined ? 'allow' : '')
  const flaw = baseUrlFlaw(url, guard)
  if (flaw === null) return
  throw new UsageError(`${name} ${flaw} (see SLUICE_PRIVATE_ADDRESSES)`)
}

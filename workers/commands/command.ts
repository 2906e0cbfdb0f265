// Workers: what a command of `sluice` is, and how it reads what was given to it. The names of commands and options are in
// catalogue.ts; what reads the command line is in program.ts.

import { type Platform, platforms } from '../../src/mutation/table.ts'
import { baseUrlFlaw } from '../../src/lib/addresses.ts'
import type { Store } from '../../src/store/store.ts'
import { addressGuard } from '../approach.ts'
import { optionalEnv } from '../environment.ts'

/** Throws UsageError, ConfigError, or a Fault. */
export type Command = (given: Given, deps: CommandDeps) => Promise<Answer>

export type Options = Readonly<Record<string, string | undefined>>

/** What stands behind the command's name. */
export interface Given {
  /** `--name value`, by name. */
  readonly options: Options
  /** `--name` without a value. */
  readonly flags: ReadonlySet<string>
  /** What has no name. */
  readonly words: readonly string[]
}

export interface CommandDeps {
  /** Opened when it is first asked for. Throws ConfigError when nothing says which it is. */
  readonly store: Store
  /** Is it the store of `npm start`, and so all on this machine? */
  readonly local: boolean
  /** Prints while the command runs. */
  readonly print: (line: string) => void
  readonly progress: Progress
  readonly isTerminal: boolean
}

/** How far long work is; nobody sees it but on a terminal. */
export interface Progress {
  /** `total` null: nobody knows. */
  show(state: { what: string; done: number; total: number | null }): void
  /** The bar is gone, so that something can be printed. */
  end(): void
}

/** Lines to print; with what the process ends with, 0 where nothing is said. Or rows. */
export type Answer = readonly string[] | Lines | Rows

export interface Lines {
  readonly lines: readonly string[]
  readonly exitCode: 0 | 1 | 2
}

export interface Rows {
  /** What `--json` gives: nothing secret. */
  readonly rows: readonly object[]
  readonly titles: readonly string[]
  readonly cells: readonly (readonly string[])[]
}

/** Rows to print: for each title what stands below it. Null is `-`, a Date ISO 8601, a list is joined by commas. */
export function rowsOf<T extends object>(
  rows: readonly T[],
  columns: Readonly<Record<string, (row: T) => Cell>>,
): Rows {
  const read = Object.values(columns)
  return {
    rows,
    titles: Object.keys(columns),
    cells: rows.map((row) => read.map((cell) => textOf(cell(row)))),
  }
}

type Cell = string | number | Date | readonly string[] | null | undefined

function textOf(cell: Cell): string {
  if (cell === null || cell === undefined) return '-'
  if (typeof cell === 'string') return cell
  if (typeof cell === 'number') return String(cell)
  return cell instanceof Date ? cell.toISOString() : cell.join(',')
}

/** The arguments are not those of the command. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Does whoever asks want JSON? */
export function wantsJson({ flags }: Given): boolean {
  return flags.has('json')
}

/** A whole number within bounds. Throws UsageError. */
export function numberOption(
  options: Options,
  name: string,
  { otherwise, min, max }: { otherwise: number; min: number; max: number },
): number {
  const text = options[name]
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new UsageError(`--${name} is a whole number from ${min} to ${max}`)
}

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30m` → milliseconds. Throws UsageError. */
export function durationOption(
  options: Options,
  name: string,
  { otherwise }: { otherwise: string },
): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(options[name] ?? otherwise) ?? []
  if (count !== '') return Number(count) * unitsMs[unit as keyof typeof unitsMs]
  throw new UsageError(`--${name} is like 90s, 30m, 24h or 7d`)
}

/** `1 row`, `2 rows`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** `a,b` → its parts. */
export function listOf(text: string): string[] {
  return text.split(',').map((part) => part.trim()).filter((part) => part !== '')
}

/** `env:NAME`: what that variable holds, so that no secret stands in a command line; anything else is itself. */
export function revealed(text: string): string {
  const name = /^env:(\w+)$/.exec(text)?.[1]
  if (name === undefined) return text
  const value = optionalEnv(name)
  if (value === undefined) throw new UsageError(`${name} is not set`)
  return value
}

/** One that must be there. Throws UsageError. */
export function requiredOption(
  options: Options,
  name: string,
): string {
  const value = options[name]
  if (value === undefined || value === '') throw new UsageError(`--${name} is missing`)
  return value
}

/** The sync, by its id alone or by `--sync`. Throws UsageError. */
export function syncOf(given: Given): string {
  return syncIn(given) ?? requiredOption(given.options, 'sync')
}

/** The same where it may be absent: all syncs. Throws UsageError. */
export function syncIn({ options: { sync }, words: [named] }: Given): string | undefined {
  if (named !== undefined && sync !== undefined && named !== sync) {
    throw new UsageError(`which sync: ${named} or ${sync}?`)
  }
  return named ?? sync
}

/** `--platform`, one of ours. Throws UsageError. */
export function platformOption(options: Options): Platform {
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

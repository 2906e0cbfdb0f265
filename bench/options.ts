// Bench: what the command line asks for.

import { parseArgs } from 'node:util'

export const parts = [
  'relay',
  'writes',
  'quota',
  'logins',
  'regions',
  'footprint',
  'backfill',
  'memory',
  'quota-backfill',
] as const
export type Part = typeof parts[number]

export interface Options {
  /** What is measured: the first two where none is named. */
  readonly parts: readonly Part[]
  /** How often each variant takes its turn. */
  readonly rounds: number
  /** How long a turn of pgbench takes, or the load of `quota`, in seconds. */
  readonly seconds: number
  /** Service processes that share a quota; one measurement for each. */
  readonly processes: readonly number[]
  /** Rows of a table that is filled. */
  readonly rows: number
}

const roundsMax = 1000
const secondsMax = 600
const processesMax = 16
const rowsMax = 1_000_000

export const usage = `npm run bench -- ${
  parts.map((part) => `[${part}]`).join(' ')
} [--rounds N] [--seconds S] [--processes N] [--rows N]`

/** Reads the arguments. Throws RangeError or TypeError that says what is wrong. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string' },
      processes: { type: 'string' },
      rows: { type: 'string', default: '20000' },
    },
  })
  const named = positionals.map((name) => {
    const part = parts.find((known) => known === name)
    if (part === undefined) throw new RangeError(`Cannot measure "${name}": ${usage}`)
    return part
  })
  return {
    parts: named.length === 0 ? ['relay', 'writes'] : named,
    rounds: wholeNumber(values.rounds, { name: '--rounds', max: roundsMax }),
    seconds: wholeNumber(values.seconds ?? (named.includes('quota') ? '60' : '3'), {
      name: '--seconds',
      max: secondsMax,
    }),
    processes: values.processes === undefined
      ? [1, 3]
      : [wholeNumber(values.processes, { name: '--processes', max: processesMax })],
    rows: wholeNumber(values.rows, { name: '--rows', max: rowsMax }),
  }
}

function wholeNumber(text: string, { name, max }: { name: string; max: number }): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new RangeError(`${name} must be a whole number from 1 to ${max}: "${text}"`)
}

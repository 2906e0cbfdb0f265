// Bench: what the command line asks for.

import { parseArgs } from 'node:util'

export const parts = ['relay', 'writes'] as const
export type Part = typeof parts[number]

export interface Options {
  /** What is measured: both where none is named. */
  readonly parts: readonly Part[]
  /** How often each variant takes its turn. */
  readonly rounds: number
  /** How long a turn of pgbench takes, in seconds. */
  readonly seconds: number
}

const roundsMax = 1000
const secondsMax = 600

export const usage = 'npm run bench -- [relay] [writes] [--rounds N] [--seconds S]'

/** Reads the arguments. Throws RangeError or TypeError that says what is wrong. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '3' },
    },
  })
  const named = positionals.map((name) => {
    const part = parts.find((known) => known === name)
    if (part === undefined) throw new RangeError(`Cannot measure "${name}": ${usage}`)
    return part
  })
  return {
    parts: named.length === 0 ? parts : named,
    rounds: wholeNumber(values.rounds, { name: '--rounds', max: roundsMax }),
    seconds: wholeNumber(values.seconds, { name: '--seconds', max: secondsMax }),
  }
}

function wholeNumber(text: string, { name, max }: { name: string; max: number }): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new RangeError(`${name} must be a whole number from 1 to ${max}: "${text}"`)
}

// How long the property tests run, and with which seed. Unless told otherwise they say the same each time: a change is not
// refused for what it did not do. `npm run properties` looks for what nobody has found yet.

import process from 'node:process'

/** What fast-check takes: numRuns is a count; without a seed it draws one. */
export interface Runs {
  readonly numRuns: number
  readonly seed?: number
}

type Env = Readonly<Record<string, string | undefined>>

const seedFixed = 20261126

/**
 * Parameters for `fc.assert` of a property that `npm test` runs `runs` times. SLUICE_TEST_SEED, a whole number or `any` for
 * another one each time, goes before `seed`; SLUICE_TEST_RUNS is a factor. Throws when a variable is neither. A failure is told
 * with its seed and path, as fast-check does; to see it again, give the seed and the factor.
 */
export function runsOf(runs = 100, { seed }: { seed?: number } = {}, env: Env = process.env): Runs {
  const factor = factorOf(env['SLUICE_TEST_RUNS'])
  const chosen = seedOf(env['SLUICE_TEST_SEED'], seed ?? seedFixed)
  return {
    numRuns: Math.max(1, Math.round(runs * factor)),
    ...chosen === null ? {} : { seed: chosen },
  }
}

/** Null: any. */
function seedOf(text: string | undefined, otherwise: number): number | null {
  if (text === undefined) return otherwise
  if (text === 'any') return null
  if (!/^-?\d{1,10}$/.test(text)) throw new Error(`SLUICE_TEST_SEED is no seed: ${text}`)
  return Number(text)
}

function factorOf(text: string | undefined): number {
  const factor = Number(text ?? 1)
  if (factor > 0 && factor < Infinity) return factor
  throw new Error(`SLUICE_TEST_RUNS is no factor: ${text}`)
}

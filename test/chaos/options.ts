// What the command line of `npm run chaos` asks for.

import { parseArgs } from 'node:util'
import { type Platform, platforms } from '../../src/mutation/table.ts'
import { type ActName, actNames } from './acts.ts'

export interface Options {
  /** How long the load runs, in seconds. */
  readonly seconds: number
  readonly seed: number
  readonly platforms: readonly Platform[]
  /** Clients of each platform, on average. */
  readonly clients: number
  /** What may befall the system. */
  readonly acts: readonly ActName[]
  /** Longest pause between two acts, in milliseconds. */
  readonly pauseMs: number
  /** Keeps logs and data, and says where. */
  readonly keep: boolean
  /** How long all may take to settle after the load, in seconds. */
  readonly settleSeconds: number
  /** Nothing but 57P01 may reach a client. */
  readonly deploy: boolean
}

export const usage = 'npm run chaos -- [--seconds N] [--seed N] [--platforms a,b] [--clients N] ' +
  '[--only deploy|ACT,ACT] [--pause MS] [--settle SECONDS] [--keep]'

const secondsMax = 86_400
const clientsMax = 100
const deployActs: readonly ActName[] = ['roll listener', 'roll service', 'roll sync']

/** Reads the arguments. Throws RangeError or TypeError that says what is wrong. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      platforms: { type: 'string', default: platforms.join(',') },
      clients: { type: 'string', default: '3' },
      only: { type: 'string' },
      pause: { type: 'string', default: '1500' },
      settle: { type: 'string', default: '60' },
      keep: { type: 'boolean', default: false },
    },
  })
  const deploy = values.only === 'deploy'
  return {
    seconds: number('--seconds', values.seconds, { least: 1, most: secondsMax }),
    seed: number('--seed', values.seed ?? String(Date.now() % 1_000_000), {
      least: 0,
      most: 0xffff_ffff,
    }),
    platforms: choose('--platforms', values.platforms, platforms),
    clients: number('--clients', values.clients, { least: 1, most: clientsMax }),
    acts: deploy ? deployActs : choose('--only', values.only ?? actNames.join(','), actNames),
    pauseMs: number('--pause', values.pause, { least: 10, most: 600_000 }),
    settleSeconds: number('--settle', values.settle, { least: 1, most: secondsMax }),
    keep: values.keep,
    deploy,
  }
}

function number(
  name: string,
  text: string,
  { least, most }: { least: number; most: number },
): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}\n${usage}`)
}

function choose<T extends string>(name: string, text: string, known: readonly T[]): T[] {
  return text.split(',').map((word) => {
    const found = known.find((item) => item === word.trim())
    if (found === undefined) {
      throw new RangeError(`${name}: "${word}" is none of ${known.join(', ')}\n${usage}`)
    }
    return found
  })
}

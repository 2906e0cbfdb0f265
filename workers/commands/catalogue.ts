// Workers: every command of `sluice`: its name, its options and an example, for help, for completion and for whoever reads
// the command line. What a command does is loaded when it is run, so that help needs no platform's SDK.

import { accounts } from './catalogue-accounts.ts'
import { running } from './catalogue-running.ts'
import { syncs } from './catalogue-syncs.ts'
import type { Entry, Told } from './entry.ts'

function whole(told: Told): Entry {
  return { usage: usageOf(told), options: {}, words: [], more: '', ...told }
}

/** Where it is not told: the words, then every option in brackets. */
function usageOf({ words = [], options = {} }: Told): string {
  const shown = Object.keys(options).map((option) => `[${option}]`)
  return [...words, ...shown].join(' ')
}

/** In the order in which help shows them. */
export const catalogue: readonly Entry[] = [...running, ...accounts, ...syncs].map(whole)

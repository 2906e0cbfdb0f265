// Where a case with a fault is played: the whole system, in this process or in others, with a ledger of what passes.

import type { Plant } from './plant.ts'
import type { Ledger } from './relay.ts'

export interface Ground {
  readonly plant: Plant
  readonly ledger: Ledger
  /** The sandbox, past every relay. */
  readonly sandboxUrl: string
  /** The port at which clients reach a listener, by the relay. */
  readonly port: number
  /** Resolves when nobody is at work any more: no session is open, and no mutation is under way. */
  quiet(): Promise<void>
  /** Has recovery do what is left to it. */
  recover(): Promise<void>
  close(): Promise<void>
}

/** How many mutations of the journal are in one of these states. */
export async function countMutations({ store }: Plant, states: readonly string[]): Promise<number> {
  const rows = await store`select from sluice_store.mutations where state in ${store(states)}`
  return rows.length
}

// Ground of processes: one listener and one service, each in a process of its own that a case may kill; a relay on every
// link counts what passes.

import process from 'node:process'
import { countMutations, type Ground } from '../help/ground.ts'
import { createLedger, type Deed } from '../help/relay.ts'
import type { Subject } from '../help/subjects.ts'
import { until } from '../help/system.ts'
import { createWorld, type Kind } from '../chaos/world.ts'

export interface KilledGround extends Ground {
  /** Kills the process at the action, and starts another in its place. */
  kill(kind: Kind): Deed
}

const env = {
  SLUICE_LOG_LEVEL: 'warn',
  SLUICE_RECOVERY_AFTER_MS: '1500',
  SLUICE_RECOVERY_EVERY_MS: '300',
  SLUICE_INQUIRY_AFTER_MS: '100',
  SLUICE_INQUIRY_WAIT_MS: '400',
}
/** For an action after the client has its answer. */
const deathWaitMs = 150
/** For recovery, which is in the service. */
const recoverWaitMs = 60_000

export async function startKilledGround(subjects: readonly Subject[]): Promise<KilledGround> {
  const ledger = createLedger()
  const world = await createWorld({
    subjects,
    env,
    each: 1,
    ledger,
    keep: Boolean(process.env['FAULTS_LOG']),
  })
  const { plant, relays, slots, sandboxUrl } = world
  let starting: Promise<void> = Promise.resolve()
  const count = (states: readonly string[]) => countMutations(plant, states)
  const sessions = async () => {
    const rows = await plant.sql`
      select from pg_stat_activity
      where usename = ${plant.role} and application_name not like 'sluice%'`
    return rows.length
  }
  return {
    plant,
    ledger,
    sandboxUrl,
    port: relays.client.port,
    quiet: async () => {
      const end = Date.now() + deathWaitMs
      await until('the action', () => ledger.struck !== null || Date.now() > end)
      ledger.disarm() // no death may come into the next case
      await starting
      await until('sessions to end', async () => await sessions() === 0, { waitMs: recoverWaitMs })
      await until('mutations to end', async () => await count(['received', 'sent']) === 0, {
        waitMs: recoverWaitMs,
      })
    },
    recover: async () => {
      await until('recovery', async () => await count(['accepted']) === 0, {
        waitMs: recoverWaitMs,
      })
      await starting
    },
    kill: (kind) => async () => {
      const [slot] = slots[kind]
      if (slot === undefined) throw new Error(`There is no ${kind}`)
      const killed = slot.proc?.kill() ?? Promise.resolve()
      starting = killed.then(() => world.fill(slot))
      starting.catch(() => {}) // `quiet` waits for it, and fails
      await killed
    },
    close: async () => {
      await starting.catch(() => {})
      await world.close()
      if (world.accidents.length > 0) throw new Error(world.accidents.join('; '))
    },
  }
}

// Goal: whatever several service processes do to the journal, and in whatever order, killed and cut off as they may be,
// its invariants hold (SPEC.md). Method: random walks (fast-check) over a real store.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { isInDoubt, isWritten } from '../../src/mutation/doubt.ts'
import { faultData } from '../../src/mutation/fault.ts'
import { life, lifeEvents, type LifeState } from '../../src/mutation/life.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { silentLog } from '../../src/lib/log.ts'
import { cancelMutation } from '../../src/store/cancel.ts'
import { claimDoubtOf, claimDueDoubt, postponeDoubt } from '../../src/store/doubts.ts'
import { createJournal, type Journal, requestHash } from '../../src/store/journal.ts'
import { announce, type Presence } from '../../src/store/presence.ts'
import type { Store } from '../../src/store/store.ts'
import { readSync } from '../../src/store/syncs.ts'
import { testCluster } from '../help/cluster.ts'
import { runsOf } from '../help/property.ts'
import { seed, testStore, update } from './help.ts'

const cluster = await testCluster()
let store: Store
let syncVersion: string
const presences: Presence[] = []

before(async () => {
  store = await testStore(await cluster.createDatabase())
  await seed(store)
  syncVersion = (await readSync(store, 'sync_test01')).version
})

after(async () => {
  await Promise.all(presences.map((each) => each.leave()))
  await store?.close()
  await cluster.stop()
})

const rows = [1, 2].map((ordinal) => ({ ordinal, id: `003${ordinal}`, values: { email: 'a' } }))
const first = rows.slice(0, 1)
const other = (state: 'unknown' | 'refused') =>
  ({ state, ordinal: 2, id: '0032', fault: faultData('outcome_unknown') }) as const

const outcomes = {
  accepted: { state: 'accepted', rows },
  refused: { state: 'refused', fault: faultData('duplicate') },
  unknown: { state: 'unknown', fault: faultData('outcome_unknown') },
  partial: {
    state: 'partial',
    rows: first,
    others: [other('refused')],
    fault: faultData('partly_written'),
  },
  partialDoubt: {
    state: 'partial',
    rows: first,
    others: [other('unknown')],
    fault: faultData('outcome_unknown'),
  },
} as const satisfies Record<string, Outcome>
type OutcomeName = keyof typeof outcomes

/** A service process as the runner would have it: an id that it is carrying out is not begun a second time there. */
interface Process {
  presence: Presence
  journal: Journal
  readonly holds: Map<string, 'received' | 'sent'>
}

type Command =
  | { readonly do: 'begin' | 'lostBegin'; readonly state: 'received' | 'sent' }
  | { readonly do: 'send' | 'kill' | 'sweep' | 'cancel' | 'apply' | 'inquire' | 'postpone' }
  | { readonly do: 'settle' | 'learn'; readonly outcome: OutcomeName }

const state = fc.constantFrom('received' as const, 'sent' as const)
const outcome = fc.constantFrom(...Object.keys(outcomes) as OutcomeName[])
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('begin' as const), state }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lostBegin' as const), state }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('settle' as const), outcome }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('learn' as const), outcome }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('send', 'kill', 'sweep', 'cancel', 'apply', 'inquire', 'postpone'),
    }),
  },
)
const steps = fc.array(
  fc.record({ process: fc.nat({ max: 2 }), mutation: fc.nat({ max: 1 }), command }),
  { minLength: 5, maxLength: 30 },
)

async function startProcess(): Promise<Process> {
  const presence = await announce(store, { name: 'walk', log: silentLog })
  presences.push(presence)
  return { presence, journal: createJournal(store, presence), holds: new Map() }
}

interface Row {
  readonly state: LifeState
  readonly outcome: Outcome | null
  readonly open: boolean
}

async function read({ id }: Mutation): Promise<Row | null> {
  const [row] = await store.sql<Row[]>`
    select state, outcome, next_inquiry_at is not null as open
    from sluice_store.mutations where id = ${id}`
  return row ?? null
}

/** Does what the command says, if the process could. Gives true when the request leaves. */
async function run(process: Process, mutation: Mutation, command: Command): Promise<boolean> {
  const { journal, holds } = process
  const { id } = mutation
  const held = holds.get(id)
  switch (command.do) {
    case 'begin':
    case 'lostBegin': {
      if (held !== undefined) return false
      const options = { hash: requestHash(mutation), syncVersion, state: command.state }
      const begun = await journal.begin(mutation, options)
      const row = await read(mutation)
      if (begun.kind === 'settled') assert.deepEqual(begun.outcome, row?.outcome)
      if (begun.kind !== 'begun' || command.do === 'lostBegin') return false
      holds.set(id, begun.state)
      return begun.state === 'sent'
    }
    case 'send': {
      if (held !== 'received') return false
      const leaves = await journal.send(id)
      if (leaves) holds.set(id, 'sent')
      else holds.delete(id)
      return leaves
    }
    case 'settle': {
      // by whoever has it; or, of what is unknown, by the worker
      const before = await read(mutation)
      if (held !== 'sent' && before?.state !== 'unknown') return false
      await journal.settle(id, outcomes[command.outcome])
      holds.delete(id)
      return false
    }
    case 'learn': {
      const learned = outcomes[command.outcome]
      if (isWritten(learned)) await journal.learn(id, learned)
      return false
    }
    case 'kill':
      await process.presence.leave()
      Object.assign(process, await startProcess())
      return false
    case 'sweep':
      await journal.sweep()
      return false
    case 'cancel':
      await cancelMutation(store, { id, syncs: null })
      return false
    case 'apply':
      await journal.applied([id])
      return false
    case 'inquire': {
      const claimed = await claimDoubtOf(store, id)
      if (claimed === null) return false
      assert.equal(await claimDoubtOf(store, id), null, 'claimed twice')
      assert.ok(isInDoubt(claimed.outcome))
      const due = await claimDueDoubt(store)
      assert.notEqual(due?.mutation.id, id)
      await postponeDoubt(store, claimed, { waitMs: 1_000 })
      return false
    }
    case 'postpone':
      await postponeDoubt(store, { mutation, inquiries: -1 }, { waitMs: null })
      return false
  }
}

/** What the journal may have made of a row by one command. */
function check(before: Row | null, after: Row | null): void {
  if (after === null) return assert.equal(before, null, 'forgotten')
  const known = after.outcome !== null && !isInDoubt(after.outcome)
  if (after.state === 'unknown') assert.ok(after.open, 'in doubt, and nobody inquires')
  if (known) assert.ok(!after.open, 'known, and somebody inquires')
  assert.equal(after.outcome === null, after.state === 'received' || after.state === 'sent')
  if (before === null || before.state === after.state) {
    const same = before === null || before.outcome === null || !isKnown(before)
    if (!same) assert.deepEqual(after.outcome, before?.outcome)
    return
  }
  const reached = lifeEvents.map((event) => life[before.state][event])
  assert.ok(reached.includes(after.state), `${before.state} became ${after.state}`)
  if (isKnown(before)) assert.deepEqual(after.outcome, before.outcome)
}

function isKnown({ outcome }: Row): boolean {
  return outcome !== null && !isInDoubt(outcome)
}

test('on every walk a mutation is sent at most once, and what is known of it stays', async () => {
  const walked = { sent: 0, states: new Set<LifeState>() }
  await fc.assert(
    fc.asyncProperty(steps, async (walk) => {
      const processes = await Promise.all([startProcess(), startProcess(), startProcess()])
      const mutations = [update({ rows }), update({ rows })]
      const sends = [0, 0]
      for (const step of walk) {
        const mutation = mutations[step.mutation] ?? assert.fail()
        const process = processes[step.process] ?? assert.fail()
        const before = await Promise.all(mutations.map(read))
        if (await run(process, mutation, step.command)) {
          sends[step.mutation] = (sends[step.mutation] ?? 0) + 1
          walked.sent += 1
        }
        const after = await Promise.all(mutations.map(read))
        for (const [at, row] of after.entries()) {
          check(before[at] ?? null, row)
          if (row !== null) walked.states.add(row.state)
        }
        assert.ok(sends.every((count) => count <= 1), `sent ${sends.join(' and ')} times`)
      }
      await Promise.all(processes.map(({ presence }) => presence.leave()))
    }),
    runsOf(60),
  )
  // the walks have been somewhere
  assert.ok(walked.sent > 20, `${walked.sent} were sent`)
  assert.deepEqual([...walked.states].sort(), [
    'accepted',
    'applied',
    'received',
    'refused',
    'sent',
    'unknown',
  ])
})

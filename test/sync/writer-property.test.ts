// Goal: when everything is quiet and hints are worked off, the table is what the platform has, and at no moment has it held
// a version that the platform never had. Method: schedules of single steps, drawn at random and shrunk when they fail:
// mutations through the real engine, the real journal and recovery, reads that are written late, two processes.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { applyRows } from '../../src/database/index.ts'
import { testCluster } from '../help/cluster.ts'
import { runsOf } from '../help/property.ts'
import { type Ground, makeGround } from './writer-help.ts'
import { openLine, World } from './writer-world.ts'

const cluster = await testCluster()
let ground: Ground
let lines: Awaited<ReturnType<typeof openLine>>[]
let fence = 0

before(async () => {
  ground = await makeGround(cluster)
  const url = ground.url.replace(/\/\/[^@]*@/, '//postgres:postgres@')
  lines = await Promise.all([1, 2, 3].map(() => openLine(url)))
})

after(async () => {
  await Promise.allSettled((lines ?? []).map((line) => line.end()))
  await ground?.close()
  await cluster.stop()
})

async function fresh(): Promise<World> {
  const { owner, store, table, ticketKey } = ground
  const rows = Object.keys(await ground.rows()).map((id) => ({ id, values: {} }))
  await applyRows(owner, { table, operation: 'delete', rows, ticketKey })
  await store.sql`delete from sluice_store.mutations`
  await store.sql`delete from sluice_store.hints`
  fence += 1_000 // a run takes the table a few times
  const world = new World(ground, lines, await ground.open(String(fence)), fence)
  for (let n = 0; n < 3; n++) world.direct('create', 0)
  return world
}

/** Few records, so that much happens to each. */
const at = fc.nat(2)
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constant('start'), fc.constantFrom('insert', 'update', 'delete'), at),
  },
  {
    weight: 9,
    arbitrary: fc.tuple(
      fc.constant('advance'),
      fc.constantFrom('well', 'well', 'well', 'lose', 'die'),
      at,
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constant('direct'), fc.constantFrom('create', 'update', 'delete'), at),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constant('read'),
      fc.constantFrom('page', 'page', 'changes', 'hint'),
      at,
    ),
  },
  { weight: 6, arbitrary: fc.tuple(fc.constant('put'), fc.constantFrom('once'), at) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('deliver'), fc.constantFrom('once', 'again'), at) },
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constant('journal'),
      fc.constantFrom('tell', 'learn', 'recover', 'recover'),
      at,
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('process'), fc.constantFrom('take', 'stale'), at) },
)
type Step = [kind: string, how: string, at: number]

const play: Record<string, (world: World, how: string, at: number) => Promise<void> | void> = {
  start: (world, how, at) => world.start(how as 'insert', at),
  advance: (world, how, at) => world.advance(at, how as 'well'),
  direct: (world, how, at) => world.direct(how as 'create', at),
  read: (world, how, at) => {
    if (how === 'page') return world.readPage()
    return how === 'changes' ? world.readChanges() : world.readHint(at)
  },
  put: (world) => world.put(),
  deliver: (world, how, at) => world.deliver(at, how === 'again'),
  journal: (world, how) => {
    if (how === 'tell') return world.tell()
    return how === 'learn' ? world.learn() : world.recover()
  },
  process: (world, how) => how === 'take' ? world.takeOver() : world.putStale(),
}

async function playAll(steps: readonly Step[]): Promise<void> {
  const world = await fresh()
  try {
    for (const [kind, how, at] of steps) {
      await play[kind]?.(world, how, at)
      if (kind === 'put' || kind === 'advance' || kind === 'journal') await world.check()
    }
    await world.settle()
    await world.check()
    assert.deepEqual(await ground.rows(), Object.fromEntries(world.records))
  } finally {
    await world.close()
  }
}

/** A listener dies, somebody changes the record at the platform, that is read, and only then recovery comes. */
const lateRecovery: Step[] = [
  ['read', 'changes', 0],
  ['put', 'once', 0],
  ['start', 'update', 0],
  ...['well', 'well', 'well', 'die'].map((fate): Step => ['advance', fate, 0]),
  ['direct', 'update', 0],
  ['read', 'changes', 0],
  ['put', 'once', 0],
  ['journal', 'recover', 0],
]

test('whatever the order of the steps, the table becomes what the platform has', async () => {
  const schedule = fc.array(step as fc.Arbitrary<Step>, { minLength: 20, maxLength: 60 })
  await fc.assert(fc.asyncProperty(schedule, playAll), {
    ...runsOf(30),
    examples: [[lateRecovery]],
  })
})

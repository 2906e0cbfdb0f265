// Goal: no change is missed, whatever happens between and during the polls, with pages of any length and a search that lags.
// Method: random changes, pauses and single pages of `changes` at the sandbox's portal; a table that does with them what the
// contract says; once all is quiet the table is the portal.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Values } from '../../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import type { LagOptions } from '../../../src/sandbox/hubspot/lag.ts'
import { runsOf } from '../../help/property.ts'
import { allIds, createTestPortal, poll, type Portal } from './portal.ts'

const minuteMs = 60_000

type Step =
  | { readonly kind: 'create'; readonly count: number }
  | { readonly kind: 'update'; readonly picks: readonly number[]; readonly text: string }
  | { readonly kind: 'archive'; readonly picks: readonly number[] }
  | { readonly kind: 'merge'; readonly picks: readonly [number, number] }
  | { readonly kind: 'erase'; readonly pick: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'page'; readonly rows: number; readonly whole: boolean }

const pick = fc.nat(1_000)
const picks = fc.array(pick, { minLength: 1, maxLength: 12 })
const text = fc.string({ minLength: 1, maxLength: 3, unit: 'grapheme-ascii' })
const ms = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 1_000, max: 40_000 }),
  fc.integer({ min: 30_000, max: 90_000 }),
  fc.integer({ min: 1, max: 3 * 60 * minuteMs }),
)
const kind = <const Kind extends string>(name: Kind) => fc.constant(name)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: kind('create'), count: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: kind('update'), picks, text }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('archive'), picks }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('merge'), picks: fc.tuple(pick, pick) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('erase'), pick }) },
  { weight: 8, arbitrary: fc.record({ kind: kind('wait'), ms }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: kind('page'),
      rows: fc.integer({ min: 2, max: 9 }),
      whole: fc.boolean(),
    }),
  },
)
const steps = fc.array(step, { minLength: 5, maxLength: 70 })

/** What is done at the portal, by ids of records that live. */
function act(portal: Portal, table: SyncedTable, step: Step): void {
  const path = `/crm/v3/objects/${table.object}`
  const listed = portal.ask('GET', `${path}?limit=100`) as { results: { id: string }[] }
  const ids = listed.results.map(({ id }) => id)
  const at = (n: number) => ids[n % ids.length] ?? ''
  const some = (picks: readonly number[]) => [...new Set(picks.map(at))].map((id) => ({ id }))
  switch (step.kind) {
    case 'create': {
      const inputs = Array.from({ length: step.count }, () => ({ properties: { city: 'Ix' } }))
      portal.ask('POST', `${path}/batch/create`, { inputs })
      return
    }
    case 'update': {
      const inputs = some(step.picks).map(({ id }) => ({ id, properties: { city: step.text } }))
      if (ids.length > 0) portal.ask('POST', `${path}/batch/update`, { inputs })
      return
    }
    case 'archive':
      if (ids.length > 0) portal.ask('POST', `${path}/batch/archive`, { inputs: some(step.picks) })
      return
    case 'merge': {
      const [primaryObjectId, objectIdToMerge] = step.picks.map(at)
      if (primaryObjectId === objectIdToMerge) return
      portal.ask('POST', `${path}/merge`, { primaryObjectId, objectIdToMerge })
      return
    }
    case 'erase':
      if (ids.length > 0) portal.ask('POST', `${path}/gdpr-delete`, { objectId: at(step.pick) })
      return
    case 'wait':
      portal.nowMs += step.ms
      return
    case 'page':
      return
  }
}

/** Reads what was touched, and writes it. */
async function write(
  mirror: Map<string, Values>,
  ids: readonly string[],
  { portal, table }: { portal: Portal; table: SyncedTable },
): Promise<void> {
  const { follower } = portal
  for (let i = 0; i < ids.length; i += follower.readMax) {
    const refs = ids.slice(i, i + follower.readMax).map((id) => ({ id, keys: {} }))
    for (const { id, values } of await follower.read(table, refs, portal.caller)) {
      if (values === null) mirror.delete(id)
      else mirror.set(id, values)
    }
  }
}

/** Living records, and those that were merged into each. */
function living(portal: Portal): Map<string, string[]> {
  const rows = JSON.parse(portal.platform.records('contacts') ?? '') as {
    id: string
    properties: { hs_merged_object_ids: string | null }
  }[]
  return new Map(
    rows.map(({ id, properties }) => [id, properties.hs_merged_object_ids?.split(';') ?? []]),
  )
}

const plain = (rows: ReadonlyMap<string, Values>) =>
  Object.fromEntries([...rows].toSorted(([a], [b]) => a < b ? -1 : 1))

async function isFollowed(run: readonly Step[], search: LagOptions, skewMs: number): Promise<void> {
  const portal = createTestPortal({ search, skewMs })
  const table = await portal.table('contacts')
  let cursor = await portal.follower.start(table, portal.caller)
  const mirror = await portal.records(table)
  /** What went without a trace, with what had been merged into it. */
  const erased = new Set<string>()
  for (const step of run) {
    const before = living(portal)
    act(portal, table, step)
    if (step.kind === 'erase') {
      const after = living(portal)
      for (const [id, merged] of before) {
        if (!after.has(id)) { for (const one of [id, ...merged]) erased.add(one) }
      }
    }
    if (step.kind !== 'page') continue
    portal.pageRows = step.rows
    const { touched, next } = await poll(portal, table, cursor, { whole: step.whole })
    await write(mirror, touched, { portal, table })
    cursor = next
  }
  // quiet from here on: the search catches up, and the looks do
  for (let look = 0; look < 40; look++) {
    const { touched, next } = await poll(portal, table, cursor)
    await write(mirror, touched, { portal, table })
    cursor = next
    portal.nowMs += 5 * minuteMs
  }
  const real = await portal.records(table)
  const told = new Map([...mirror].filter(([id]) => !erased.has(id)))
  assert.deepEqual(plain(told), plain(real), 'told by changes alone')
  const ids = await allIds(portal, table)
  await write(mirror, [...mirror.keys()].filter((id) => !ids.has(id)), { portal, table })
  assert.deepEqual(plain(mirror), plain(real), 'with what the ids tell')
  const quiet = await poll(portal, table, cursor)
  assert.deepEqual(quiet.touched, [], 'nothing is told for ever')
}

const search = fc.record({
  lagMs: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: 30_000 }),
    fc.integer({ min: 0, max: 55 * minuteMs }),
  )
    .map(Math.abs),
  shows: fc.constantFrom('index' as const, 'record' as const),
})

const runs = 100

/** All that is on a page changed again just now, and stood there by what it was before: what lies between is on the next. */
const passedOver: Step[] = [
  { kind: 'update', picks: [66, 0], text: ' ' },
  { kind: 'wait', ms: 30_000 },
  { kind: 'create', count: 1 },
  { kind: 'wait', ms: 30_001 },
  { kind: 'update', picks: [67, 0], text: ' ' },
  { kind: 'page', rows: 2, whole: false },
  { kind: 'wait', ms: 30_001 },
  { kind: 'update', picks: [0], text: ' ' },
  { kind: 'page', rows: 2, whole: false },
]

test('once the portal is quiet the table is the portal', async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      search,
      fc.integer({ min: -10 * minuteMs, max: 10 * minuteMs }),
      isFollowed,
    ),
    runsOf(runs),
  )
})

test('everything before `until` has been told, as long as the search is as it usually is', async () => {
  const usual = fc.record({
    lagMs: fc.integer({ min: 0, max: 29_000 }),
    shows: fc.constantFrom('index' as const, 'record' as const),
  })
  await fc.assert(
    fc.asyncProperty(steps, usual, async (run, search) => {
      const portal = createTestPortal({ search })
      const table = await portal.table('contacts')
      let cursor = await portal.follower.start(table, portal.caller)
      portal.nowMs += minuteMs
      /** When each record was made or changed and not told since. */
      const open = new Map<string, number>()
      let states = new Map<string, string>()
      const note = () => {
        const now = new Map<string, string>()
        for (const row of JSON.parse(portal.platform.records('contacts') ?? '[]')) {
          now.set(row.id, JSON.stringify(row))
        }
        for (const [id, state] of now) if (states.get(id) !== state) open.set(id, portal.nowMs)
        for (const id of states.keys()) if (!now.has(id)) open.delete(id)
        states = now
      }
      note()
      open.clear()
      for (const step of run) {
        act(portal, table, step)
        note()
        if (step.kind !== 'page') continue
        portal.pageRows = step.rows
        const { touched, next, until } = await poll(portal, table, cursor, { whole: step.whole })
        for (const id of touched) open.delete(id)
        assert.deepEqual([...open].filter(([, at]) => at < until), [], `until ${until}`)
        cursor = next
      }
    }),
    { ...runsOf(runs), examples: [[passedOver, { lagMs: 1, shows: 'record' }]] },
  )
})

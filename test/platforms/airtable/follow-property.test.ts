// Goal: whatever is changed, whenever one looks, and however few records come at a time, in the end everything that changed
// was told, as it is, and nothing else. Method: random changes against random looks; clocks within Airtable that differ by
// up to 25 seconds, records dated in whole seconds or not, pages of one to five records, iterators that are forgotten.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import { runsOf } from '../../help/property.ts'
import { listAll, lookAll, type Rig, startRig, type Values } from './rig.ts'

let rig: Rig
before(async () => rig = await startRig())
after(async () => await rig.close())

type Step =
  | { readonly kind: 'create'; readonly count: number }
  | { readonly kind: 'update' | 'delete' | 'link'; readonly which: number }
  | { readonly kind: 'pass'; readonly ms: number }
  /** One page; from the cursor before it when the page was lost on its way to the table. */
  | { readonly kind: 'look'; readonly lost: boolean }

const which = fc.nat({ max: 1_000 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      count: fc.integer({ min: 1, max: 7 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('update' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('link' as const), which }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.oneof(fc.nat({ max: 999 }), fc.nat({ max: 60_000 }), fc.constant(600_000)),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('look' as const), lost: fc.boolean() }) },
)

const scenario = fc.record({
  steps: fc.array(step, { minLength: 5, maxLength: 40 }),
  pageSize: fc.integer({ min: 1, max: 5 }),
  skews: fc.array(fc.integer({ min: -25_000, max: 25_000 }), { minLength: 1, maxLength: 5 }),
  wholeSeconds: fc.boolean(),
})

/** Pages of that many records; answers dated by a clock that is now ahead of the records', now behind. */
function strange({ pageSize, skews }: { pageSize: number; skews: readonly number[] }): Caller {
  const caller = rig.caller()
  let answers = 0
  return {
    ...caller,
    http: {
      close: () => Promise.resolve(),
      send: async (request) => {
        const url = request.url.replace('pageSize=100', `pageSize=${pageSize}`)
        const response = await caller.http.send({ ...request, url })
        const skewMs = skews[answers++ % skews.length] ?? 0
        const date = new Date(rig.clock.theirs + skewMs).toUTCString()
        return { ...response, headers: { ...response.headers, date } }
      },
    },
  }
}

interface World {
  readonly table: SyncedTable
  readonly here: string[]
  readonly changed: Set<string>
  readonly deleted: Set<string>
}

async function change(step: Step, { here, changed, deleted }: World, nth: number): Promise<void> {
  const at = 'which' in step && here.length > 0 ? step.which % here.length : -1
  const id = here[at]
  switch (step.kind) {
    case 'create': {
      const rows = Array.from(
        { length: step.count },
        (_, i) => i === 0 ? {} : { Name: `${nth}.${i}` },
      )
      for (const made of await rig.create('Contacts', ...rows)) {
        here.push(made)
        changed.add(made)
      }
      return
    }
    case 'update':
      if (id === undefined) return
      changed.add(id)
      return await rig.update('Contacts', id, { Notes: `${nth}`, Active: nth % 2 === 0 })
    case 'link':
      if (id === undefined) return
      changed.add(id)
      // from the other end of the link
      await rig.create('Companies', { Name: `${nth}`, Contacts: [id] })
      return
    case 'delete':
      if (id === undefined) return
      deleted.add(id)
      here.splice(at, 1)
      return await rig.remove('Contacts', id)
    case 'pass':
      return rig.pass(step.ms)
    case 'look':
  }
}

test('random changes against random looks: all is told, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ steps, wholeSeconds, ...rest }) => {
      rig.reset()
      const table = await rig.table('Contacts')
      const caller = strange(rest)
      const world: World = {
        table,
        here: [...(await listAll(rig, table)).keys()],
        changed: new Set(),
        deleted: new Set(),
      }
      rig.pass(600_000)
      let cursor = await rig.follower.start(table, caller)
      const told = new Map<string, Values>()
      const note = (rows: Iterable<readonly [string, Values]>) => {
        for (const [id, values] of rows) told.set(id, values)
      }
      for (const [nth, step] of steps.entries()) {
        await change(step, world, nth)
        if (wholeSeconds) rig.clock.theirs = Math.floor(rig.clock.theirs / 1000) * 1000
        if (step.kind !== 'look') continue
        const { rows, next } = await rig.follower.changes(table, cursor, caller)
        if (step.lost) continue
        note(rows.map(({ id, values }) => [id, values]))
        cursor = next
      }
      const quiet = { ...rig, caller: () => caller }
      const last = await lookAll(quiet, table, cursor)
      note(last.rows)
      rig.pass(600_000)
      const again = await lookAll(quiet, table, last.next)
      assert.equal((await lookAll(quiet, table, again.next)).rows.size, 0, 'told for ever')
      note(again.rows)
      const now = await listAll(rig, table)
      for (const id of told.keys()) assert.ok(world.changed.has(id), `${id} did not change`)
      for (const id of world.changed) {
        if (!world.deleted.has(id)) assert.deepEqual(told.get(id), now.get(id), id)
      }
      const known = [...new Set([...world.changed, ...world.deleted, ...now.keys()])].slice(0, 100)
      const read = await rig.follower.read(
        table,
        known.map((id) => ({ id, keys: {} })),
        rig.caller(),
      )
      assert.deepEqual(
        read,
        known.map((id) => ({ id, values: now.get(id) ?? null })),
      )
    }),
    runsOf(60),
  )
})

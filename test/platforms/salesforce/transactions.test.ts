// Goal: a copy that is kept by following equals the org, whatever its transactions do: they stamp records with the second
// in which they change them and show them up to ten minutes later. Method: an org of a few lines with such transactions,
// random ones, random polls, random sizes of pages; then quiet, and comparison.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { createFollower } from '../../../src/platforms/salesforce/follow.ts'
import { runsOf } from '../../help/property.ts'
import { type Answer, type Asked, contacts, type FakeOrg, fakeOrg, idAt } from './fake.ts'

const secondMs = 1000
const minuteMs = 60 * secondMs
const begunMs = Date.UTC(2026, 10, 26, 12)

let org: FakeOrg
before(async () => {
  org = await fakeOrg()
})
after(() => org.close())

const [idColumn] = contacts.columns
assert.ok(idColumn)
const bin = { ...idColumn, name: 'is_deleted', field: 'IsDeleted', type: 'boolean' }
const table: SyncedTable = { ...contacts, columns: [...contacts.columns, bin] }

/** One state of a record: changed at `at`, to be seen from `seenAt` on. */
interface Version {
  readonly id: string
  readonly text: string
  readonly at: number
  readonly seenAt: number
  readonly deleted: boolean
}

/** What happens next, so many milliseconds later. */
type Event =
  | {
    readonly kind: 'change'
    readonly afterMs: number
    readonly n: number
    /** How long the transaction goes on after the change. */
    readonly lastsMs: number
    readonly deletes: boolean
  }
  | { readonly kind: 'poll'; readonly afterMs: number }

const lasts = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 500 }) },
  { weight: 3, arbitrary: fc.integer({ min: 500, max: 40 * secondMs }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 10 * minuteMs }) },
)

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      afterMs: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: minuteMs })),
      n: fc.integer({ min: 1, max: 9 }),
      lastsMs: lasts,
      deletes: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('poll' as const),
      afterMs: fc.oneof(fc.integer({ min: 0, max: secondMs }), fc.constant(minuteMs)),
    }),
  },
)

/** The org at a moment: of each record the last state that is to be seen. */
function seen(versions: readonly Version[], nowMs: number): Map<string, Version> {
  const states = new Map<string, Version>()
  for (const version of versions) {
    if (version.seenAt <= nowMs) states.set(version.id, version)
  }
  return states
}

const iso = (timeMs: number) =>
  new Date(timeMs - timeMs % secondMs).toISOString().replace('Z', '+0000')

/** Answers as Salesforce would at that moment. */
function answer({ url, body }: Asked, states: ReadonlyMap<string, Version>): Answer {
  if (url.includes('/composite/')) {
    const { ids } = JSON.parse(body) as { ids: string[] }
    return {
      body: ids.map((Id) => {
        const state = states.get(Id)
        return state === undefined || state.deleted ? null : { Id, LastName: state.text }
      }),
    }
  }
  const q = new URL(`http://x${url}`).searchParams.get('q') ?? ''
  const from = Date.parse(/>= (\S+)/.exec(q)?.[1] ?? '1970-01-01')
  const [, after = '', id = ''] = /> (\S+) OR Id > '(\w+)'/.exec(q) ?? []
  const limit = Number(/LIMIT (\d+)/.exec(q)?.[1])
  const records = [...states.values()]
    .map((state) => ({
      Id: state.id,
      SystemModstamp: iso(state.at),
      IsDeleted: state.deleted,
    }))
    .filter(({ Id, SystemModstamp }) => {
      const at = Date.parse(SystemModstamp)
      return at >= from && (after === '' || at > Date.parse(after) || Id > id)
    })
    .sort((a, b) => {
      const [left, right] = [a.SystemModstamp + a.Id, b.SystemModstamp + b.Id]
      return left < right ? -1 : 1
    })
  return { body: { done: true, records: records.slice(0, limit) } }
}

/** Plays the events, polls until all is quiet, and gives the copy and the org. */
async function follow(events: readonly Event[], rowsMax: number) {
  let nowMs = begunMs
  const versions: Version[] = []
  const follower = createFollower({ now: () => nowMs, rowsMax })
  org.play((asked) => ({
    headers: { date: new Date(nowMs).toUTCString() },
    ...answer(asked, seen(versions, nowMs)),
  }))
  const copy = new Map<string, string>()
  let cursor = await follower.start(table, org.caller())
  const poll = async () => {
    const changes = await follower.changes(table, cursor, org.caller())
    for (const { id, values } of changes.rows) copy.set(id, values['last_name'] ?? '')
    for (const id of changes.gone) copy.delete(id)
    const refs = await follower.read(table, changes.touched, org.caller())
    for (const { id, values } of refs) {
      if (values === null) copy.delete(id)
      else copy.set(id, values['last_name'] ?? '')
    }
    cursor = changes.next
    return changes
  }
  for (const event of events) {
    nowMs += event.afterMs
    if (event.kind === 'poll') await poll()
    else change(versions, event, nowMs)
  }
  const last = Math.max(begunMs, ...versions.map(({ seenAt }) => seenAt))
  for (const end = Math.max(nowMs, last) + 13 * minuteMs; nowMs < end; nowMs += minuteMs) {
    while ((await poll()).more);
  }
  const quiet = await poll()
  assert.deepEqual([quiet.rows, quiet.gone, quiet.touched], [[], [], []], 'it becomes quiet')
  return { copy, states: seen(versions, nowMs) }
}

/** A record is locked until the transaction that changed it before is over. */
function change(versions: Version[], event: Event & { kind: 'change' }, nowMs: number): void {
  const id = idAt(event.n)
  const locked = versions.findLast((version) => version.id === id)?.seenAt ?? 0
  const at = Math.max(nowMs, locked)
  if (at > nowMs + 10 * minuteMs) return
  const text = `${versions.length}`
  versions.push({ id, text, at, seenAt: at + event.lastsMs, deleted: event.deletes })
}

test('a copy kept by following equals the org', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      async (events, rowsMax) => {
        const { copy, states } = await follow(events, rowsMax)
        const living = [...states.values()].filter(({ deleted }) => !deleted)
        assert.deepEqual(copy, new Map(living.map(({ id, text }) => [id, text])))
      },
    ),
    runsOf(150),
  )
})

test('a change hidden behind the same second is found', async () => {
  const { copy } = await follow([
    { kind: 'change', afterMs: 100, n: 1, lastsMs: 50, deletes: false },
    { kind: 'change', afterMs: 300, n: 1, lastsMs: 5 * minuteMs, deletes: false },
    { kind: 'poll', afterMs: minuteMs },
  ], 2)
  assert.deepEqual([...copy], [[idAt(1), '1']])
})

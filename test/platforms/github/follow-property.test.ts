// Goal: whatever changes, whenever it is looked at, and however the list is cut into pages: when GitHub is quiet and all has
// been asked for, the table is what GitHub has.
// Method: random changes by HTTP, before, between and in the middle of polls, with GitHub's clock moving or standing still.

import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Values } from '../../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { runsOf } from '../../help/property.ts'
import { tableOf } from './fake.ts'
import { createStage, followed, listed, type Stage, watched } from './follower.ts'

let stage: Stage
before(async () => {
  stage = await createStage()
})
after(() => stage.close())

type Act = 'make' | 'change' | 'remove' | 'other'

interface Event {
  readonly act: Act
  /** Which record, of those that there are. */
  readonly at: number
  /** Seconds before it. */
  readonly pass: number
}

const event: fc.Arbitrary<Event> = fc.record({
  act: fc.constantFrom<Act>('make', 'make', 'change', 'change', 'change', 'remove', 'other'),
  at: fc.nat(1000),
  pass: fc.constantFrom(0, 0, 0, 1, 7, 80),
})

/** A poll, and what happens before each of its requests. */
const poll = fc.record({
  perPage: fc.integer({ min: 1, max: 4 }),
  during: fc.array(fc.option(event, { nil: null }), { maxLength: 8 }),
  pass: fc.constantFrom(0, 1, 30, 100),
})

const story = fc.array(
  fc.oneof(fc.array(event, { minLength: 1, maxLength: 6 }), poll),
  { minLength: 1, maxLength: 12 },
)

const runs = 60
/** After that a machine that is slow has done enough. */
const enoughMs = 10_000

interface World {
  readonly object: string
  make(n: number): Promise<unknown>
  change(id: string, values: Values, n: number): Promise<unknown>
  /** Absent: there is no such thing. */
  remove?(id: string, values: Values): Promise<unknown>
}

const hello = '/repos/octo/hello'
const act = (method: string, path: string, body?: unknown) => stage.act(method, path, body)

const worlds: readonly World[] = [
  {
    object: 'issues',
    make: (n) => act('POST', `${hello}/issues`, { title: `Made ${n}` }),
    change: (_id, { number }, n) =>
      act('PATCH', `${hello}/issues/${number}`, {
        title: `Changed ${n}`,
        state: n % 2 === 0 ? 'open' : 'closed',
      }),
    remove: (_id, { node_id: id }) =>
      act('POST', '/graphql', {
        query: 'mutation($id: ID!) { deleteIssue(input: {issueId: $id}) { clientMutationId } }',
        variables: { id },
      }),
  },
  {
    object: 'issue_comments',
    make: (n) => act('POST', `${hello}/issues/1/comments`, { body: `Made ${n}` }),
    change: (id, _values, n) => act('PATCH', `${hello}/issues/comments/${id}`, { body: `To ${n}` }),
    remove: (id) => act('DELETE', `${hello}/issues/comments/${id}`),
  },
  {
    object: 'pull_requests',
    make: async (n) => {
      const sha = n.toString(16).padStart(40, '0')
      await act('POST', `${hello}/git/refs`, { ref: `refs/heads/made-${n}`, sha })
      const body = { title: `Made ${n}`, head: `made-${n}`, base: 'main' }
      return await act('POST', `${hello}/pulls`, body)
    },
    change: (_id, { number }, n) =>
      act('PATCH', `${hello}/pulls/${number}`, {
        ...n % 2 === 0 ? { title: `To ${n}` } : {},
        maintainer_can_modify: n % 3 === 0,
      }),
  },
  {
    object: 'labels',
    make: (n) => act('POST', `${hello}/labels`, { name: `made ${n}`, color: '123456' }),
    change: (_id, { name }, n) =>
      act('PATCH', `${hello}/labels/${encodeURIComponent(name ?? '')}`, { new_name: `${n} to` }),
    remove: (_id, { name }) => act('DELETE', `${hello}/labels/${encodeURIComponent(name ?? '')}`),
  },
  {
    object: 'milestones',
    make: (n) => act('POST', `${hello}/milestones`, { title: `Made ${n}` }),
    change: (_id, { number }, n) =>
      act('PATCH', `${hello}/milestones/${number}`, {
        description: `To ${n}`,
        due_on: n % 3 === 0 ? null : `2027-01-0${1 + n % 9}T00:00:00Z`,
      }),
    remove: (_id, { number }) => act('DELETE', `${hello}/milestones/${number}`),
  },
  {
    object: 'releases',
    make: (n) => act('POST', `${hello}/releases`, { tag_name: `v${n}.0`, draft: n % 2 === 0 }),
    change: (id, _values, n) => act('PATCH', `${hello}/releases/${id}`, { name: `To ${n}` }),
    remove: (id) => act('DELETE', `${hello}/releases/${id}`),
  },
]

/** Carries out an event on what there is. */
async function carryOut(
  world: World,
  table: SyncedTable,
  { event, n }: { event: Event; n: number },
) {
  stage.pass(event.pass)
  const here = [...await listed(table, stage.caller({ repositories: ['octo/hello'] }))]
  const [id = '', values = {}] = here[event.at % Math.max(1, here.length)] ?? []
  switch (event.act) {
    case 'make':
      return await world.make(n)
    case 'change':
      return here.length === 0 ? undefined : await world.change(id, values, n)
    case 'remove':
      return here.length === 0 ? undefined : await world.remove?.(id, values)
    case 'other': // of another table, in the same list or repository
      return await act('PATCH', `${hello}/pulls/4`, { title: `Other ${n}` })
  }
}

describe('following', () => {
  for (const world of worlds) {
    test(`${world.object}: told is what changed, and the table is what there is`, async () => {
      const table = await tableOf(world.object)
      let n = 10
      const parameters = runsOf(runs)
      const enoughAt = performance.now() + enoughMs * parameters.numRuns / runs
      await fc.assert(
        fc.asyncProperty(story, async (steps) => {
          if (performance.now() > enoughAt) return
          stage.sandbox.reset()
          stage.pass(1000)
          const caller = stage.caller({ repositories: ['octo/hello'] })
          const it = await followed(table, caller)
          await it.poll(caller) // the first look learns the lists
          for (const step of steps) {
            if (Array.isArray(step)) {
              for (const event of step) await carryOut(world, table, { event, n: n += 1 })
              continue
            }
            stage.pass(step.pass)
            const during = [...step.during]
            const before = async () => {
              const event = during.shift() ?? null
              if (event !== null) await carryOut(world, table, { event, n: n += 1 })
            }
            const http = watched(caller.http, { perPage: step.perPage, before })
            await it.poll({ ...caller, http })
          }
          await quiet(table, it)
        }),
        parameters,
      )
    })
  }
})

/** Asks until nothing is told; then all must be there, and what is deleted gone where that is told. */
async function quiet(table: SyncedTable, it: Awaited<ReturnType<typeof followed>>): Promise<void> {
  const caller = stage.caller({ repositories: ['octo/hello'] })
  await it.poll(caller)
  stage.pass(200)
  for (let polls = 0; (await it.poll(caller)).size > 0; polls += 1) {
    assert.ok(polls < 4, 'a quiet platform goes quiet')
    stage.pass(200)
  }
  const there = await listed(table, caller)
  const told = !dated.has(table.object)
  const kept = [...it.rows].filter(([id]) => told || there.has(id))
  const plain = (rows: Iterable<[string, Values]>) =>
    Object.fromEntries(
      [...rows].map(([id, values]) => [id, { ...values, ...unsaid }] as const)
        .toSorted(([a], [b]) => a < b ? -1 : 1),
    )
  assert.deepEqual(plain(kept), plain(there))
}

/** Of these, deletions only show in whole lists. */
const dated: ReadonlySet<string> = new Set(['issues', 'issue_comments', 'pull_requests'])

/** What changes without GitHub giving the record another time. */
const unsaid = { base_sha: null, open_issues: null }

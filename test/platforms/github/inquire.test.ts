// Goal: what became of a mutation at GitHub is told truly, or not at all. Method: the adapter against the sandbox, whose
// clock is moved, with replies lost on the way and requests that never arrive.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Values } from '../../../src/mutation/mutation.ts'
import { github } from '../../../src/platforms/github/index.ts'
import {
  foundOut,
  inquireAfter,
  laterMs,
  longAgoMs,
  rowsOf,
  soonMs,
  type TableCase,
  writeInDoubt,
} from '../contract/doubts.ts'
import { faultOf, type Stage, startStage } from '../contract/stage.ts'

let stage: Stage
before(async () => stage = await startStage())
after(async () => await stage.close())
beforeEach(async () => await stage.reset())

const repository = 'octo/hello'
const at = (object: string) => ({ adapter: github, object, settings: {} })
const issues = at('issues')

/** One row, and as many as fit into a document, since a statement ends at its first document or row in doubt. */
const cases: Record<string, Omit<TableCase, 'place'>> = {
  'issues, one': {
    drafts: [{ repository, title: 'One', body: 'Text', labels: '["bug"]', milestone: '1' }],
    change: { title: 'Changed', state: 'closed', labels: '[]' },
  },
  'issues, ten': {
    drafts: Array.from({ length: 10 }, (_, n) => ({
      repository,
      title: `Issue ${n}`,
      assignees: '["hubot"]',
    })),
    change: { body: 'Changed', milestone: null },
  },
  labels: {
    drafts: [{ repository, name: 'A/B ünder', color: 'FF0000' }],
    change: { name: 'renamed', description: null },
  },
  milestones: {
    drafts: [{ repository, title: 'Next', due_on: '2030-01-02T03:04:05.6+00:00' }],
    change: { description: 'Changed', state: 'closed' },
  },
  issue_comments: {
    drafts: [{ repository, issue_number: '1', body: 'First' }],
    change: { body: 'Changed' },
  },
  'issue_comments, two': {
    drafts: [
      { repository, issue_number: '1', body: 'One' },
      { repository, issue_number: '2', body: 'Two' },
    ],
    change: { body: 'Changed' },
  },
  releases: {
    drafts: [{ repository, tag_name: 'v7/1', name: 'Seven' }],
    change: { body: 'Changed', prerelease: 'true' },
  },
  'releases, a draft': {
    drafts: [{ repository, tag_name: 'v8', name: 'Eight', draft: 'true' }],
    change: { name: 'Changed' },
    // nothing tells when a draft was made
    untold: ['insert'],
  },
  pull_requests: {
    drafts: [{ repository, title: 'Merge it', head: 'octo:feature', base: 'main' }],
    change: { title: 'Changed', state: 'closed' },
    deletes: false,
  },
  repositories: {
    drafts: [{ name: 'fresh', description: 'New' }],
    change: { description: 'Changed', name: 'fresher' },
  },
  'repositories, of an organization': {
    drafts: [{ owner: 'octo', name: 'fresh', private: 'true' }],
    change: { has_wiki: 'false' },
  },
}

describe('every table of github', () => {
  for (const [title, table] of Object.entries(cases)) {
    const place = at(title.replace(/,.*/, ''))
    test(`${title}: insert and update${table.deletes === false ? '' : ' and delete'}`, async () => {
      if (place.object === 'pull_requests') await freeBranch()
      await foundOut(stage, { place, ...table })
    })
  }
})

/** There can be one open pull request for a branch. */
async function freeBranch(): Promise<void> {
  const pulls = at('pull_requests')
  for (const { rows } of await stage.pages(pulls)) {
    for (const { id, values } of rows.filter((row) => row.values['state'] === 'open')) {
      const key = { repository: values['repository'] ?? null, number: values['number'] ?? null }
      const row = { id, key, values: { state: 'closed' } }
      await stage.accepted(pulls, await stage.write(pulls, 'update', { rows: [row] }))
    }
  }
}

const insert = (object: string, values: Values[], mishap: 'lost-reply' | 'drop') =>
  writeInDoubt(stage, at(object), {
    operation: 'insert',
    rows: values.map((one) => ({ values: one })),
    mishap,
  })

describe('an insert at github', () => {
  test('of a statement given up in its middle the rest stays not sent', async () => {
    const drafts = Array.from({ length: 12 }, (_, n) => ({ repository, title: `Issue ${n}` }))
    const dropped = await insert('issues', drafts, 'drop')
    const { outcome } = await inquireAfter(stage, issues, { ...dropped, afterMs: laterMs })
    assert.equal(outcome.state, 'refused', JSON.stringify(outcome))
    const lost = await insert('issues', drafts, 'lost-reply')
    const found = await inquireAfter(stage, issues, { ...lost, afterMs: soonMs })
    assert.ok(found.outcome.state === 'partial')
    assert.equal(found.outcome.rows.length, 10)
    assert.deepEqual(found.outcome.others.map(({ state }) => state), ['unsent', 'unsent'])
  })

  test('a label that was there before is not taken for the row', async () => {
    await stage.insert(at('labels'), [{ repository, name: 'old', color: 'ffffff' }])
    stage.clock.aheadMs += longAgoMs
    const dropped = await insert('labels', [{ repository, name: 'Old', color: 'FFFFFF' }], 'drop')
    const { outcome, seen } = await inquireAfter(stage, at('labels'), {
      ...dropped,
      afterMs: laterMs,
    })
    assert.equal(outcome.state, 'refused')
    assert.deepEqual(seen, [])
  })

  test('issues of before are not looked at further than need be', async () => {
    const old = Array.from({ length: 100 }, (_, n) => ({ repository, title: `Old ${n}` }))
    await stage.insert(issues, old)
    stage.clock.aheadMs += longAgoMs
    const lost = await insert('issues', [{ repository, title: 'Old 1' }], 'lost-reply')
    await stage.quiet()
    const found = await inquireAfter(stage, issues, { ...lost, afterMs: soonMs })
    assert.equal(found.outcome.state, 'accepted', JSON.stringify(found))
    assert.equal((await stage.exchanges()).length, 1)
  })

  test('an issue that somebody edited since: unknown, and shown', async () => {
    const draft = { repository, title: 'Edited', body: 'Long text' }
    const lost = await insert('issues', [draft], 'lost-reply')
    const page = (await stage.pages(issues)).flatMap(({ rows }) => rows)
    const made = page.find(({ values }) => values['title'] === 'Edited')
    assert.ok(made !== undefined)
    const key = Object.fromEntries(
      ['repository', 'number', 'node_id'].map((name) => [name, made.values[name] ?? null]),
    )
    const rows = [{ id: made.id, key, values: { body: 'Another' } }]
    await stage.accepted(issues, await stage.write(issues, 'update', { rows }))
    const { outcome, seen } = await inquireAfter(stage, issues, { ...lost, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
    assert.deepEqual(seen.map(({ id }) => id), [made.id])
  })
})

describe('an update or delete at github', () => {
  test('a repository that may not be seen any more does not look like a deleted record', async () => {
    const places = at('repositories')
    const [place] = await stage.insert(places, [{ name: 'place' }])
    assert.ok(place !== undefined)
    const full = place.values['full_name'] ?? ''
    const [milestone] = await stage.insert(at('milestones'), [{ repository: full, title: 'M' }])
    assert.ok(milestone !== undefined)
    stage.clock.aheadMs += longAgoMs
    const { id, key } = milestone
    const dropped = await writeInDoubt(stage, at('milestones'), {
      operation: 'delete',
      rows: [{ id, key }],
      mishap: 'drop',
    })
    const rows = [{ id: place.id, key: place.key }]
    await stage.accepted(places, await stage.write(places, 'delete', { rows }))
    const asked = inquireAfter(stage, at('milestones'), { ...dropped, afterMs: laterMs })
    await assert.rejects(asked, (error) => error instanceof Fault && error.code === 'not_found')
  })

  test('a record that moved with its repository is not told', async () => {
    const [place] = await stage.insert(at('repositories'), [{ name: 'place' }])
    assert.ok(place !== undefined)
    const full = place.values['full_name'] ?? ''
    const [milestone] = await stage.insert(at('milestones'), [{ repository: full, title: 'M' }])
    assert.ok(milestone !== undefined)
    stage.clock.aheadMs += longAgoMs
    const rows = [{ id: place.id, key: place.key, values: { name: 'elsewhere' } }]
    const { id, key } = milestone
    const dropped = await writeInDoubt(stage, at('milestones'), {
      operation: 'update',
      rows: [{ id, key, values: { title: 'New' } }],
      mishap: 'drop',
    })
    const places = at('repositories')
    await stage.accepted(places, await stage.write(places, 'update', { rows }))
    const { outcome, seen } = await inquireAfter(stage, at('milestones'), {
      ...dropped,
      afterMs: laterMs,
    })
    assert.equal(outcome.state, 'unknown', JSON.stringify(outcome))
    assert.deepEqual(seen, [])
  })

  test('a hundred rows are read with one document', async () => {
    const drafts = Array.from({ length: 100 }, (_, n) => ({ repository, title: `Issue ${n}` }))
    const made = await stage.insert(issues, drafts)
    stage.clock.aheadMs += longAgoMs
    const rows = made.map(({ id, key }) => ({ id, key, values: { title: 'New' } }))
    const lost = await writeInDoubt(stage, issues, {
      operation: 'update',
      rows,
      mishap: 'lost-reply',
    })
    const { fault } = lost.outcome
    await stage.quiet()
    // as it is when the service died: nothing is known of any row
    const outcome = { state: 'unknown', fault: { ...fault, detail: 'The service died.' } } as const
    const found = await inquireAfter(stage, issues, { ...lost, outcome, afterMs: laterMs })
    assert.equal((await stage.exchanges()).length, 1)
    assert.equal(rowsOf(found.outcome).length, 10)
    assert.ok(found.outcome.state === 'partial')
    assert.ok(found.outcome.others.every(({ state }) => state === 'refused'))
    assert.equal(faultOf(found.outcome).sqlstate, 'SL003')
  })
})

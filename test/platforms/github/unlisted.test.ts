// Goal: a row of a list has every column, also those that GitHub's lists leave out, for one document more a hundred rows; and
// where GitHub does not tell them so, the record is read. Method: the sandbox, and a GitHub that answers what a test tells it.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Fault } from '../../../src/mutation/fault.ts'
import { github } from '../../../src/platforms/github/index.ts'
import { type Answer, type Asked, type Fake, fakeGithub, issueNode, tableOf } from './fake.ts'
import { createStage, follow, followed, listed, type Stage, watched } from './follower.ts'

let stage: Stage
let fake: Fake
before(async () => {
  stage = await createStage()
  fake = await fakeGithub()
})
after(async () => {
  await stage.close()
  await fake.close()
})
beforeEach(() => stage.sandbox.reset())

const settings = { repositories: ['octo/hello'] }
const hello = '/repos/octo/hello'

async function seed(count: number): Promise<void> {
  const response = await fetch(`${stage.sandbox.url}/_seed/github/pull_requests`, {
    method: 'POST',
    body: JSON.stringify({ count }),
  })
  assert.equal(response.status, 201)
}

const isDocument = ({ url }: { readonly url: string }) => url.endsWith('/graphql')

describe('rows of a list', () => {
  const objects = [
    'issues',
    'labels',
    'milestones',
    'issue_comments',
    'releases',
    'pull_requests',
    'repositories',
  ]
  for (const object of objects) {
    test(`${object}: have every column`, async () => {
      const table = await tableOf(object)
      const rows = [...(await listed(table, stage.caller(settings))).values()]
      assert.ok(rows.length > 0)
      const names = table.columns.map(({ name }) => name).toSorted()
      for (const values of rows) assert.deepEqual(Object.keys(values).toSorted(), names)
    })
  }

  test('pull requests cost one document more a page, others none', async () => {
    await seed(240)
    for (const [object, documents] of [['pull_requests', 3], ['issues', 0]] as const) {
      const caller = stage.caller(settings)
      const http = watched(caller.http, {})
      await listed(await tableOf(object), { ...caller, http })
      assert.equal(http.requests.length, 3 + documents, object) // the list of issues has them too
      assert.equal(http.requests.filter(isDocument).length, documents, object)
    }
  })
})

describe('what has changed', () => {
  test('is told whole, whatever the repository, by one document', async () => {
    const table = await tableOf('pull_requests')
    const caller = stage.caller({ repositories: ['octo/hello', 'octo/world'] })
    const it = await followed(table, caller)
    await it.poll(caller)
    const sha = 'a'.repeat(40)
    for (const repository of ['hello', 'world']) {
      const at = `/repos/octo/${repository}`
      await stage.act('POST', `${at}/git/refs`, { ref: 'refs/heads/new', sha })
      const body = { title: 'New', head: 'new', base: 'main', maintainer_can_modify: true }
      await stage.act('POST', `${at}/pulls`, body)
    }
    const http = watched(caller.http, {})
    const told = await it.poll({ ...caller, http })
    assert.deepEqual([...told.values()].map((row) => row?.['maintainer_can_modify']), [
      'true',
      'true',
    ])
    assert.equal(http.requests.filter(isDocument).length, 1)
    stage.pass(200)
    for (let polls = 0; polls < 3; polls += 1) await it.poll(caller)
    const quiet = watched(caller.http, {})
    assert.equal((await it.poll({ ...caller, http: quiet })).size, 0)
    assert.deepEqual(quiet.statuses, [304, 304])
  })

  test('in the second of a change that was told, where no list shows it, is told later', async () => {
    const table = await tableOf('pull_requests')
    const caller = stage.caller(settings)
    const it = await followed(table, caller)
    await it.poll(caller)
    const { id } = await stage.act('PATCH', `${hello}/pulls/4`, { maintainer_can_modify: true })
    await it.poll(caller)
    assert.equal(it.rows.get(String(id))?.['maintainer_can_modify'], 'true')
    await stage.act('PATCH', `${hello}/pulls/4`, { maintainer_can_modify: false })
    stage.pass(30)
    await it.poll(caller)
    assert.equal(it.rows.get(String(id))?.['maintainer_can_modify'], 'false')
  })
})

/** The n-th pull request as a list has it; its id is 1000 + n. */
function pullRecord(n: number, more: Record<string, unknown> = {}) {
  const url = `https://api.github.com${hello}/pulls/${n}`
  const updated_at = '2026-11-22T10:20:30Z'
  return {
    id: 1000 + n,
    node_id: `PR_${n}`,
    number: n,
    url,
    title: `Pull ${n}`,
    updated_at,
    ...more,
  }
}

const gone: Answer = { status: 404, body: { message: 'Not Found' } }

/** Of three pull requests a document tells of the first; the second is at its address, the third is gone. */
function three({ url }: Asked): Answer {
  const path = url.replace('/github', '').split('?')[0] ?? ''
  switch (path) {
    case '/graphql':
      return {
        body: {
          data: { n0: { maintainerCanModify: true }, n1: null, n2: null },
          errors: [
            { type: 'FORBIDDEN', path: ['n1'], message: 'Resource not accessible' },
            { type: 'NOT_FOUND', path: ['n2'], message: 'Could not resolve to a node' },
          ],
        },
      }
    case `${hello}/pulls`:
      return { body: [pullRecord(1), pullRecord(2), pullRecord(3)] }
    case `${hello}/pulls/2`:
      return { body: pullRecord(2, { maintainer_can_modify: false, title: 'Later' }) }
    case hello:
      return { body: { id: 1, full_name: 'octo/hello' } }
    default:
      return gone
  }
}

describe('where the document does not tell', () => {
  test('a record of a page is read at its address, and left out when it is gone', async () => {
    fake.play(three)
    const table = await tableOf('pull_requests')
    const { rows } = await github.page(table, null, fake.caller({ settings }))
    const told = rows.map((
      { id, values },
    ) => [id, values['title'], values['maintainer_can_modify']])
    assert.deepEqual(told, [['1001', 'Pull 1', 'true'], ['1002', 'Later', 'false']])
  })

  test('a record that has changed is to be read', async () => {
    fake.play({ status: 404, body: { message: 'Not Found' } })
    const table = await tableOf('pull_requests')
    const caller = fake.caller({ settings })
    const cursor = (await follow.start(table, caller)).replace(/"since":\d+/, '"since":0')
    fake.play(three)
    const { rows, touched } = await follow.changes(table, cursor, caller)
    assert.deepEqual(rows.map(({ id }) => id), ['1001'])
    assert.deepEqual(
      touched,
      [2, 3].map((n) => ({
        id: String(1000 + n),
        keys: { repository: 'octo/hello', number: String(n) },
      })),
    )
    assert.deepEqual(
      (await follow.read(table, touched, caller)).map(({ id, values }) => [
        id,
        values?.['maintainer_can_modify'] ?? null,
      ]),
      [['1002', 'false'], ['1003', null]],
    )
  })

  test('no answer is no page: nothing is written that is not known', async () => {
    const table = await tableOf('pull_requests')
    for (const status of [500, 200]) {
      fake.play((asked) => asked.url.endsWith('/graphql') ? { status, body: '' } : three(asked))
      await assert.rejects(
        github.page(table, null, fake.caller({ settings })),
        (error) => error instanceof Fault && error.code === 'platform_failed',
      )
    }
  })

  test('an author who is no longer there is told at the address of the record', async () => {
    const keys = { repository: 'octo/hello', number: '1', node_id: 'I_0' }
    fake.play(({ url }) => {
      if (url.endsWith('/graphql')) {
        return { body: { data: { n0: issueNode(0, { author: null }) } } }
      }
      const record = { id: 1000, number: 1, user: { login: 'ghost' }, title: 'Left behind' }
      return url.endsWith('/issues/1') ? { body: record } : gone
    })
    const read = () =>
      tableOf('issues').then((table) =>
        follow.read(table, [{ id: '1000', keys }], fake.caller({ settings }))
      )
    const [row] = await read()
    assert.equal(row?.values?.['user'], 'ghost')
    fake.play(({ url }) =>
      url.endsWith('/graphql') ? { body: { data: { n0: issueNode(0, { author: null }) } } } : gone
    )
    assert.deepEqual(await read(), [], 'there it is, and not at its address: nothing is said')
  })
})

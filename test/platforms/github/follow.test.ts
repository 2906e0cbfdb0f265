// Goal: whatever happens at GitHub is told as the pace of a table promises, and what is told is true.
// Method: another client changes the sandbox by HTTP; the adapter follows it with the sandbox's own clock.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import type { Caller, Settings } from '../../../src/platforms/platform.ts'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createFollower } from '../../../src/platforms/github/follow.ts'
import { github } from '../../../src/platforms/github/index.ts'
import { appPrivateKey, installationId } from '../../../src/sandbox/github/access/key.ts'
import { tableOf } from './fake.ts'
import { type Answered, createStage, follow, followed, listed, refOf, watched } from './follower.ts'
import type { Followed, Stage } from './follower.ts'

let stage: Stage
before(async () => {
  stage = await createStage()
})
after(() => stage.close())
beforeEach(() => stage.sandbox.reset())

const hello = '/repos/octo/hello'
const named: Settings = { repositories: ['octo/hello', 'octo/world'] }
const everything: Settings = {}

interface Case {
  readonly object: string
  readonly make: () => Promise<Answered>
  readonly change: (record: Answered) => Promise<Answered>
  /** Absent: GitHub has no such thing. */
  readonly remove?: (record: Answered) => Promise<Answered>
  readonly settings: readonly Settings[]
}

const act = (method: string, path: string, body?: unknown) => stage.act(method, path, body)
const graph = (query: string, variables: object) => act('POST', '/graphql', { query, variables })

const cases: readonly Case[] = [
  {
    object: 'issues',
    settings: [named, everything],
    make: () => act('POST', `${hello}/issues`, { title: 'New', labels: ['bug'] }),
    change: ({ number }) => act('PATCH', `${hello}/issues/${number}`, { state: 'closed' }),
    remove: ({ node_id: id }) =>
      graph('mutation($id: ID!) { deleteIssue(input: {issueId: $id}) { clientMutationId } }', {
        id,
      }),
  },
  {
    object: 'issue_comments',
    settings: [named, everything],
    make: () => act('POST', `${hello}/issues/1/comments`, { body: 'New' }),
    change: ({ id }) => act('PATCH', `${hello}/issues/comments/${id}`, { body: 'Other' }),
    remove: ({ id }) => act('DELETE', `${hello}/issues/comments/${id}`),
  },
  {
    object: 'pull_requests',
    settings: [named, everything],
    make: async () => {
      await act('POST', `${hello}/git/refs`, { ref: 'refs/heads/new', sha: 'a'.repeat(40) })
      return await act('POST', `${hello}/pulls`, { title: 'New', head: 'new', base: 'main' })
    },
    change: ({ number }) => act('PATCH', `${hello}/pulls/${number}`, { title: 'Other' }),
  },
  {
    object: 'labels',
    settings: [named, everything],
    make: () => act('POST', `${hello}/labels`, { name: 'new', color: '123456' }),
    change: ({ name }) => act('PATCH', `${hello}/labels/${name}`, { new_name: 'other' }),
    remove: () => act('DELETE', `${hello}/labels/other`),
  },
  {
    object: 'milestones',
    settings: [named, everything],
    make: () => act('POST', `${hello}/milestones`, { title: 'New' }),
    change: ({ number }) => act('PATCH', `${hello}/milestones/${number}`, { description: 'Other' }),
    remove: ({ number }) => act('DELETE', `${hello}/milestones/${number}`),
  },
  {
    object: 'releases',
    settings: [named, everything],
    make: () => act('POST', `${hello}/releases`, { tag_name: 'v9' }),
    change: ({ id }) => act('PATCH', `${hello}/releases/${id}`, { name: 'Other' }),
    remove: ({ id }) => act('DELETE', `${hello}/releases/${id}`),
  },
  {
    object: 'repositories',
    settings: [everything],
    make: () => act('POST', '/orgs/octo/repos', { name: 'new' }),
    change: () => act('PATCH', '/repos/octo/new', { description: 'Other' }),
    remove: () => act('DELETE', '/repos/octo/new'),
  },
]

function same(one: Map<string, object>, other: Map<string, object>, message: string) {
  assert.deepEqual(Object.fromEntries(one), Object.fromEntries(other), message)
}

describe('what another client does', () => {
  for (const { object, settings, make, change, remove } of cases) {
    for (const setting of settings) {
      const where = setting === named ? 'the named repositories' : 'all repositories'
      test(`${object} of ${where}: made, changed and removed`, async () => {
        const table = await tableOf(object)
        const caller = stage.caller(setting)
        const it = await followed(table, caller)
        await it.poll(caller)
        stage.pass(100)
        const record = await make()
        const id = String(record.id)
        assert.deepEqual([...(await it.poll(caller)).keys()], [id], 'made')
        const made = { ...it.rows.get(id) }
        same(it.rows, await listed(table, caller), 'made')
        stage.pass(1)
        await change(record)
        assert.deepEqual([...(await it.poll(caller)).keys()], [id], 'changed')
        assert.notDeepEqual(it.rows.get(id), made)
        same(it.rows, await listed(table, caller), 'changed')
        if (remove === undefined) return
        stage.pass(70)
        await remove(record)
        const told = await it.poll(caller)
        // a pace promises deletions by scans alone, which read what they miss
        const ref = refOf(table, id, made)
        assert.deepEqual(await follow.read(table, [ref], caller), [{ id, values: null }])
        assert.equal(follow.pace(table).deletions, false)
        const isListed = !object.startsWith('issue')
        assert.deepEqual([...told], isListed ? [[id, null]] : [], 'removed')
      })
    }
  }
})

describe('a quiet platform', () => {
  for (const { object, settings } of cases) {
    test(`${object}: one request for each repository, which counts against nothing`, async () => {
      const table = await tableOf(object)
      const setting = settings[0] ?? {}
      const it = await followed(table, stage.caller(setting))
      const caller = stage.caller(setting)
      await it.poll(caller) // lists are read whole once
      await it.poll(caller)
      for (let polls = 0; polls < 3; polls += 1) {
        stage.pass(30)
        const http = watched(caller.http, {})
        const told = await it.poll({ ...caller, http })
        assert.deepEqual([...told], [])
        const places = setting === everything ? 1 : 2
        assert.deepEqual(http.statuses, Array.from({ length: places }, () => 304))
      }
    })
  }

  test('a change that was told is not told again, though its time is asked for again', async () => {
    const table = await tableOf('issues')
    const caller = stage.caller(named)
    const it = await followed(table, caller)
    await act('PATCH', `${hello}/issues/1`, { title: 'Other' })
    assert.equal((await it.poll(caller)).size, 1)
    for (const seconds of [1, 10, 50, 100]) {
      stage.pass(seconds)
      assert.equal((await it.poll(caller)).size, 0, `${seconds}`)
    }
  })
})

/** A GitHub whose lists do not have a record yet. */
function without(http: Caller['http'], id: string): Caller['http'] {
  return {
    close: () => http.close(),
    send: async (request) => {
      const { 'if-none-match': _known, ...headers } = request.headers ?? {}
      const response = await http.send({ ...request, headers })
      const list: unknown = JSON.parse(response.body)
      if (!Array.isArray(list)) return response
      const records: { id: unknown }[] = list
      const seen = records.filter((one) => String(one.id) !== id)
      const { etag: _etag, ...rest } = response.headers
      return { ...response, headers: rest, body: JSON.stringify(seen) }
    },
  }
}

describe('times', () => {
  for (const object of ['issues', 'issue_comments', 'pull_requests']) {
    test(`${object}: a second change within the second of the first is told`, async () => {
      const table = await tableOf(object)
      const caller = stage.caller(named)
      const { change } = cases.find((one) => one.object === object) ?? assert.fail()
      const [id = '', values = {}] = [...await listed(table, caller)][0] ?? []
      const path = object === 'issue_comments'
        ? `${hello}/issues/comments/${id}`
        : `${hello}/issues/${values['number']}`
      const word = object === 'issue_comments' ? 'body' : 'title'
      const it = await followed(table, caller)
      await it.poll(caller)
      await change({ id, number: values['number'] })
      assert.ok((await it.poll(caller)).has(id))
      await act('PATCH', path, { [word]: 'Again' })
      stage.pass(300)
      assert.ok((await it.poll(caller)).has(id))
      assert.equal(it.rows.get(id)?.[word], 'Again')
    })
  }

  test('more records of one second than a page holds, of which some change meanwhile', async () => {
    const seeded = await fetch(`${stage.sandbox.url}/_seed/github/issues`, {
      method: 'POST',
      body: '{"count":450}',
    })
    assert.equal(seeded.status, 201)
    stage.pass(1000)
    const table = await tableOf('issues')
    const numbers = [...(await listed(table, stage.caller(named))).values()]
      .filter(({ title }) => title?.startsWith('Filled')).map(({ number }) => number)
    const it = await followed(table, stage.caller({ repositories: ['octo/world'] }))
    let changed = 0
    const before = async () => {
      if (changed >= 20) return
      changed += 1
      stage.pass(1)
      // goes from the first page to the end, so that all after it move up
      await act('PATCH', `${hello}/issues/${numbers[changed]}`, { title: 'Moved' })
    }
    const caller = stage.caller(named)
    const told = await it.poll({ ...caller, http: watched(caller.http, { before }) })
    await it.poll(caller)
    assert.ok(told.size >= 450)
    same(it.rows, await listed(table, caller), 'all of it')
  })

  for (const object of ['issues', 'issue_comments', 'pull_requests']) {
    test(`${object}: what can be seen only some time after it was done is told then`, async () => {
      const table = await tableOf(object)
      const caller = stage.caller(named)
      const it = await followed(table, caller)
      stage.pass(500)
      await it.poll(caller)
      const { make } = cases.find((one) => one.object === object) ?? assert.fail()
      const record = await make()
      const id = String(record.id)
      for (let seconds = 0; seconds < 50; seconds += 10) {
        stage.pass(10)
        assert.ok(!(await it.poll({ ...caller, http: without(caller.http, id) })).has(id))
        // others go on
        const number = object === 'pull_requests' ? 4 : 1
        await act('PATCH', `${hello}/issues/${number}`, { title: `At ${seconds}` })
        if (object === 'issue_comments') await make()
      }
      assert.ok((await it.poll(caller)).has(id))
      same(it.rows, await listed(table, caller), 'all of it')
    })
  }

  test('until is a moment before the first request of the round', async () => {
    const table = await tableOf('issues')
    const caller = stage.caller(named)
    const asked = Date.now()
    const cursor = await follow.start(table, caller)
    const between = Date.now()
    let firstAt = Infinity
    const http = watched(caller.http, {
      before: async () => {
        firstAt = Math.min(firstAt, Date.now())
        await new Promise((resolve) => setTimeout(resolve, 5))
      },
    })
    const changes = await follow.changes(table, cursor, { ...caller, http })
    assert.ok(asked <= between && between <= changes.until)
    assert.ok(changes.until <= firstAt)
    assert.equal(changes.more, false)
  })
})

describe('many repositories', () => {
  test('a call makes ten requests at most, and a round goes through all', async () => {
    for (let n = 0; n < 25; n += 1) await act('POST', '/orgs/octo/repos', { name: `more-${n}` })
    const table = await tableOf('issues')
    const caller = stage.caller(everything)
    const cursor = await follow.start(table, caller)
    stage.pass(100)
    await act('POST', '/repos/octo/more-24/issues', { title: 'Last' })
    const sizes: number[] = []
    let at = cursor
    let titles: unknown[] = []
    for (let more = true; more;) {
      const http = watched(caller.http, {})
      const changes = await follow.changes(table, at, { ...caller, http })
      sizes.push(http.requests.length)
      titles = [...titles, ...changes.rows.map(({ values }) => values['title'])]
      at = changes.next
      more = changes.more
    }
    assert.ok(sizes.every((size) => size <= 10) && sizes.length === 3, sizes.join())
    assert.deepEqual(titles, ['Last'])
  })

  test('one that comes later is told whole, and one that is renamed under its new name', async () => {
    const table = await tableOf('issues')
    const caller = stage.caller(everything)
    const it = await followed(table, caller)
    await it.poll(caller)
    await act('PATCH', '/repos/octo/world', { name: 'cosmos' })
    const [values] = [...(await it.poll(caller)).values()]
    assert.equal(values?.['repository'], 'octo/cosmos')
    same(it.rows, await listed(table, caller), 'renamed')
  })

  test('what was in one that is gone is gone, where that can be told', async () => {
    for (const object of ['labels', 'milestones', 'releases']) {
      stage.sandbox.reset()
      const table = await tableOf(object)
      const caller = stage.caller(everything)
      const it = await followed(table, caller)
      await it.poll(caller)
      await act('DELETE', hello)
      await it.poll(caller)
      same(it.rows, await listed(table, caller), object)
    }
  })

  /** What was told, and how many requests were answered that the list is switched off. */
  async function told(it: Followed, caller: Caller) {
    const http = watched(caller.http, {})
    const rows = await it.poll({ ...caller, http })
    return { size: rows.size, off: http.statuses.filter((status) => status === 410).length }
  }

  for (const object of ['issues', 'issue_comments']) {
    test(`${object} that are switched off are asked for once an hour, and told again when they are back`, async () => {
      const table = await tableOf(object)
      const caller = stage.caller(named)
      const it = await followed(table, caller, createFollower(() => stage.now()))
      const before = it.rows.size
      await act('PATCH', hello, { has_issues: false })
      for (let hour = 0; hour < 3; hour += 1) {
        assert.deepEqual(await told(it, caller), { size: 0, off: 1 })
        for (let polls = 0; polls < 10; polls += 1) {
          stage.pass(330)
          assert.deepEqual(await told(it, caller), { size: 0, off: 0 })
        }
        stage.pass(301)
      }
      await act('PATCH', hello, { has_issues: true })
      await act('POST', `${hello}/issues/1/comments`, { body: 'New' })
      assert.equal((await it.poll(caller)).size > 0, true)
      if (object === 'issue_comments') assert.equal(it.rows.size, before + 1)
      same(it.rows, await listed(table, caller), 'all of it')
      stage.pass(100)
      await act('PATCH', hello, { has_issues: false })
      assert.deepEqual(await told(it, caller), { size: 0, off: 1 }, 'it had been forgotten')
    })
  }

  test('issues that are switched on are asked for at once where the list of repositories says so', async () => {
    const table = await tableOf('issues')
    const caller = stage.caller(everything)
    await act('PATCH', hello, { has_issues: false })
    const it = await followed(table, caller, createFollower(() => stage.now()))
    assert.ok((await told(it, caller)).off > 0)
    stage.pass(30)
    assert.deepEqual(await told(it, caller), { size: 0, off: 0 })
    await act('PATCH', hello, { description: 'Something else' })
    stage.pass(30)
    assert.deepEqual(await told(it, caller), { size: 0, off: 0 })
    await act('PATCH', hello, { has_issues: true })
    stage.pass(30)
    assert.ok((await it.poll(caller)).size > 2)
    same(it.rows, await listed(table, caller), 'all of it')
  })

  test('whose clock was put back asks again for what was switched off', async () => {
    const table = await tableOf('issues')
    const caller = stage.caller(named)
    let aheadMs = 86_400_000
    const it = await followed(table, caller, createFollower(() => stage.now() + aheadMs))
    await act('PATCH', hello, { has_issues: false })
    assert.equal((await told(it, caller)).off, 1)
    aheadMs = 0
    await act('PATCH', hello, { has_issues: true })
    assert.ok((await it.poll(caller)).size > 2)
  })
})

test('an installation of an app is followed in the repositories that it has', async () => {
  const token = await github.mint?.({
    http: stage.caller({}).http,
    deadline: deadlineIn(60_000),
    baseUrl: stage.sandbox.platformUrl('github'),
    appId: 'sandbox',
    privateKey: appPrivateKey,
    installationId: String(installationId),
    now: stage.now(),
  })
  assert.ok(token)
  const settings = { installation: true }
  const caller = stage.caller(settings, { token: () => Promise.resolve(token.accessToken) })
  for (const object of ['issues', 'labels', 'repositories']) {
    const table = await tableOf(object)
    const it = await followed(table, caller)
    await it.poll(caller)
    const { make } = cases.find((one) => one.object === object) ?? assert.fail()
    const { id } = await make()
    assert.ok((await it.poll(caller)).has(String(id)), object)
    same(it.rows, await listed(table, caller), object)
  }
})

describe('counts', () => {
  for (const { object } of cases) {
    test(object, async () => {
      const table: SyncedTable = await tableOf(object)
      const count = await follow.count?.(table, stage.caller(named))
      const rows = await listed(table, stage.caller(named))
      assert.equal(count, object === 'issue_comments' ? null : rows.size)
      const unknown = await follow.count?.(table, stage.caller(everything))
      assert.equal(unknown, null)
    })
  }
})

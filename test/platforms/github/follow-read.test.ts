// Goal: records are read as they are; gone is only what surely is gone; and what GitHub should not answer is no answer.
// Method: the sandbox, and a GitHub that answers what a test tells it.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Ref } from '../../../src/platforms/platform.ts'
import { type Answer, type Fake, fakeGithub, issueRecord, tableOf } from './fake.ts'
import { createStage, follow, listed, refOf, type Stage } from './follower.ts'

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

const names = { repositories: ['octo/hello', 'octo/world'] }

async function read(object: string, refs: readonly Ref[], settings = {}) {
  const rows = await follow.read(await tableOf(object), refs, stage.caller(settings))
  return Object.fromEntries(rows.map(({ id, values }) => [id, values]))
}

describe('reading by id', () => {
  const objects = ['issues', 'labels', 'issue_comments', 'milestones', 'releases']
  for (const object of [...objects, 'pull_requests', 'repositories']) {
    test(`${object} are as the list has them`, async () => {
      const table = await tableOf(object)
      const there = await listed(table, stage.caller(names))
      const refs = [...there].map(([id, values]) => refOf(table, id, values))
      assert.deepEqual(await read(object, refs, names), Object.fromEntries(there))
    })
  }

  test('an issue is found by its number where its node is not known', async () => {
    const keys = { repository: 'octo/hello', number: '1' }
    const table = await tableOf('issues')
    const there = await listed(table, stage.caller(names))
    const [id = ''] = [...there].find(([, { number }]) => number === '1') ?? []
    assert.deepEqual(await read('issues', [{ id, keys }], names), { [id]: there.get(id) })
  })

  test('an id beyond 2^53 keeps its digits', async () => {
    const id = '9007199254740995'
    const ref = { id, keys: { repository: 'octo/hello', number: '3' } }
    const found = await read('issues', [ref], names)
    assert.equal(found[id]?.['id'], id)
  })

  test('another record at the address is not the one meant', async () => {
    const ref = { id: '4711', keys: { repository: 'octo/hello', number: '1' } }
    assert.deepEqual(await read('issues', [ref], names), { '4711': null })
  })

  test('what cannot be addressed is left out', async () => {
    assert.deepEqual(await read('issues', [{ id: '4711', keys: {} }], names), {})
    assert.deepEqual(await read('labels', [{ id: '4711', keys: {} }], names), {})
  })
})

describe('what is gone', () => {
  const at = (repository: string, number: string) => ({
    id: '4711',
    keys: { repository, number, node_id: null },
  })

  test('a number that was deleted, and one that never was', async () => {
    assert.deepEqual(await read('issues', [at('octo/hello', '6')], names), { '4711': null })
    assert.deepEqual(await read('issues', [at('octo/hello', '999')], names), { '4711': null })
  })

  test('an issue that was transferred is another one where it went', async () => {
    assert.deepEqual(await read('issues', [at('octo/hello', '5')], names), { '4711': null })
  })

  test('in a repository that is named and cannot be seen, nothing is said', async () => {
    const secret = { repositories: ['octo/hello', 'octo/secret'] }
    assert.deepEqual(await read('issues', [at('octo/secret', '1')], secret), {})
    const table = await tableOf('labels')
    const [id = '', values = {}] = [...await listed(table, stage.caller(names))][0] ?? []
    const hidden = { ...values, repository: 'octo/secret', node_id: 'LA_kwDOzwAAAAAAAAAB' }
    assert.deepEqual(await read('labels', [refOf(table, id, hidden)], secret), {})
  })

  test('in one that is not the table’s any more, it is none of the table’s records', async () => {
    assert.deepEqual(await read('issues', [at('octo/secret', '1')], names), { '4711': null })
    assert.deepEqual(await read('issues', [at('octo/secret', '1')], {}), { '4711': null })
    const table = await tableOf('issues')
    const there = await listed(table, stage.caller(names))
    const refs = [...there].map(([id, values]) => refOf(table, id, values))
    const fewer = await read('issues', refs, { repositories: ['octo/world'] })
    for (const [id, { repository }] of there) {
      assert.equal(fewer[id] === null, repository === 'octo/hello', id)
    }
  })

  test('a repository that was renamed is found under its new name', async () => {
    const table = await tableOf('milestones')
    const there = await listed(table, stage.caller(names))
    const refs = [...there].map(([id, values]) => refOf(table, id, values))
    await stage.act('PATCH', '/repos/octo/hello', { name: 'hallo' })
    const found = await read('milestones', refs, {})
    assert.deepEqual(Object.values(found).map((row) => row?.['repository']), ['octo/hallo'])
  })
})

async function code(action: () => Promise<unknown>): Promise<string> {
  try {
    await action()
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    return error.code
  }
  return 'no fault'
}

describe('answers that are none', () => {
  const settings = { repositories: ['octo/hello'] }
  const odd: readonly (readonly [string, Answer, string])[] = [
    ['an object in place of a list', { body: {} }, 'platform_failed'],
    ['no JSON', { body: '[{"id":1,' }, 'platform_failed'],
    ['nothing', { body: '' }, 'platform_failed'],
    ['a list of something else', { body: [1] }, 'platform_failed'],
    [
      'a record without an id',
      { body: [{ updated_at: '2026-11-22T10:20:30Z' }] },
      'platform_failed',
    ],
    ['304 though nothing was known', { status: 304 }, 'platform_failed'],
    ['404 in the words of a proxy', { status: 404, body: '<html>' }, 'platform_failed'],
    ['404', { status: 404, body: { message: 'Not Found' } }, 'not_found'],
    ['a redirect', { status: 301, body: { message: 'Moved Permanently' } }, 'record_gone'],
    ['a failure', { status: 502, body: { message: 'Server Error' } }, 'platform_failed'],
    [
      'a limit',
      { status: 429, headers: { 'retry-after': '7' }, body: { message: 'slow down' } },
      'rate_limited',
    ],
    ['an address that is none', {
      body: [],
      headers: { link: '<https://x.test/y?a b>; rel="next"' },
    }, 'platform_failed'],
  ]
  for (const object of ['issues', 'issue_comments', 'pull_requests', 'labels', 'milestones']) {
    test(`${object}: are never no changes`, async () => {
      const table = await tableOf(object)
      fake.play({ body: { resources: {} } })
      const cursor = await follow.start(table, fake.caller({ settings }))
      for (const [what, answer, expected] of odd) {
        fake.play(answer)
        const heard = await code(() => follow.changes(table, cursor, fake.caller({ settings })))
        const words = what === '404 in the words of a proxy' ? 'not_found' : expected
        assert.equal(heard, words, what)
      }
    })
  }

  test('a server without limits says what time it is all the same', async () => {
    const table = await tableOf('issues')
    const message = { message: 'Rate limiting is not enabled.' }
    const date = 'Fri, 20 Nov 2026 08:00:00 GMT'
    fake.play({ status: 404, body: message, headers: { date } })
    const cursor = await follow.start(table, fake.caller({ settings }))
    fake.play({ body: [] })
    await follow.changes(table, cursor, fake.caller({ settings }))
    assert.match(fake.asked[0]?.url ?? '', /since=2026-11-20T07:59:00Z/)
  })

  test('a list that is in no order is read by its pages, so that nothing is passed over', async () => {
    const table = await tableOf('issues')
    fake.play({ body: { resources: {} } })
    const cursor = await follow.start(table, fake.caller({ settings: { repositories: [] } }))
    const at = (n: number, day: string) =>
      issueRecord(n, { updated_at: `2026-10-${day}T00:00:00Z` })
    const link = { link: `<${fake.url}/x?page=2>; rel="next"` }
    fake.play(
      { body: `[${at(1, '05')},${at(2, '01')},${at(3, '09')}]`, headers: link },
      { body: `[${at(4, '07')}]` },
    )
    const changes = await follow.changes(table, cursor, fake.caller({ settings }))
    assert.equal(changes.rows.length, 4)
    assert.match(fake.asked[1]?.url ?? '', /since=1970-01-01T00:00:00Z&page=2$/)
  })

  test('a record without a time is not passed over', async () => {
    const table = await tableOf('issues')
    fake.play({ body: { resources: {} } })
    const cursor = await follow.start(table, fake.caller({ settings }))
    fake.play({ body: `[${issueRecord(1, { updated_at: null })}]` })
    const changes = () => follow.changes(table, cursor, fake.caller({ settings }))
    assert.equal(await code(changes), 'platform_failed')
  })

  test('a page that is full is not the last, whatever the answer says of others', async () => {
    const table = await tableOf('labels')
    fake.play({ body: { resources: {} } })
    const cursor = await follow.start(table, fake.caller({ settings }))
    const label = (n: number) => ({ id: n, node_id: `LA_${n}`, name: `${n}` })
    const all = Array.from({ length: 101 }, (_, n) => label(n))
    fake.play({ body: all.slice(0, 100) }, { body: all.slice(100) })
    const changes = await follow.changes(table, cursor, fake.caller({ settings }))
    assert.equal(changes.rows.length, 101)
  })

  test('a cursor that is none is a bad request, so that the table is filled anew', async () => {
    const table = await tableOf('issues')
    const caller = fake.caller({ settings })
    fake.play({ body: { resources: {} } })
    const good = await follow.start(table, caller)
    const labels = await follow.start(await tableOf('labels'), caller)
    const bad = [
      '',
      'x',
      'null',
      '[]',
      '{}',
      '{"form":2}',
      labels,
      good.replace('"since":', '"x":'),
    ]
    for (const cursor of bad) {
      assert.equal(await code(() => follow.changes(table, cursor, caller)), 'bad_request', cursor)
    }
  })

  test('a read is not believed to have found nothing by what is no answer', async () => {
    const milestones = await tableOf('milestones')
    const ref = { id: '1', keys: { repository: 'octo/hello', number: '1' } }
    const look = () => follow.read(milestones, [ref], fake.caller({ settings }))
    fake.play({ status: 404, body: '<html>' })
    assert.equal(await code(look), 'not_found')
    fake.play({ status: 500, body: { message: 'Server Error' } })
    assert.equal(await code(look), 'platform_failed')
    fake.play({ status: 200, body: [] })
    assert.equal(await code(look), 'platform_failed')
    fake.play({ status: 404, body: { message: 'Not Found' } })
    assert.deepEqual(await look(), []) // the repository neither
    fake.play({ status: 404, body: { message: 'Not Found' } }, { body: { id: 5 } })
    assert.deepEqual(await look(), [{ id: '1', values: null }])
  })

  test('a redirect to elsewhere is not followed with the token', async () => {
    const milestones = await tableOf('milestones')
    const ref = { id: '1', keys: { repository: 'octo/hello', number: '1' } }
    for (
      const location of ['https://evil.test/repos/a/b', `${fake.url}/repos/../../x`, '/repos/a']
    ) {
      fake.play({ status: 301, headers: { location }, body: { message: 'Moved Permanently' } })
      assert.deepEqual(await follow.read(milestones, [ref], fake.caller({ settings })), [])
      assert.equal(fake.asked.length, 1)
    }
  })

  test('nodes that GitHub does not speak of are left out', async () => {
    const labels = await tableOf('labels')
    const ref = { id: '1', keys: { repository: 'octo/hello', node_id: 'LA_1' } }
    fake.play({
      body: { data: { n0: null }, errors: [{ type: 'FORBIDDEN', path: ['n0'], message: '' }] },
    })
    assert.deepEqual(await follow.read(labels, [ref], fake.caller({ settings })), [])
    fake.play({ body: { data: null, errors: [{ message: 'Something went wrong' }] } })
    const look = () => follow.read(labels, [ref], fake.caller({ settings }))
    assert.equal(await code(look), 'platform_failed')
  })
})

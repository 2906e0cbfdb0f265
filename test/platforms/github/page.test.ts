// Goal: a walk over an account meets every record once, and its cursor can be kept by a store and trusted with nothing.
// Method: a server with a few repositories and pages.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fault, type FaultCode } from '../../../src/mutation/fault.ts'
import { github } from '../../../src/platforms/github/index.ts'
import type { Settings } from '../../../src/platforms/platform.ts'
import { type Answer, type Asked, type Fake, fakeGithub, issueRecord, tableOf } from './fake.ts'

let fake: Fake

before(async () => {
  fake = await fakeGithub()
})
after(() => fake.close())

/** Every page to the end: the ids, and the requests that were made. */
async function walk(name: string, settings: Settings) {
  const table = await tableOf(name)
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof github.page>> = await github.page(
      table,
      cursor,
      fake.caller({ settings }),
    )
    ids.push(...page.rows.map(({ id }) => id))
    cursor = page.next
    assert.ok(fake.asked.length < 200, 'the walk ends')
  } while (cursor !== null)
  return { ids, urls: fake.asked.map(({ url }) => url.replace('/github', '')) }
}

async function faultOf(promise: Promise<unknown>, code: FaultCode): Promise<Fault> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof Fault, String(error))
  assert.equal(error.code, code)
  return error
}

const next = (url: string) => ({
  link:
    `<https://api.github.com/repositories/1/x?${url}>; rel="next", <https://api.github.com/x?page=9>; rel="last"`,
})

const issuesQuery = 'state=all&sort=created&direction=asc&per_page=100'

/** Two repositories; the first has two pages of issues, with a pull request among them. */
function account({ url }: Asked): Answer {
  const [path = '', query = ''] = url.replace('/github', '').split('?')
  if (path === '/user/repos' || path === '/installation/repositories') {
    const repositories = [{ id: 11, full_name: 'octo/hello' }, { id: 12, full_name: 'octo/world' }]
    return { body: path === '/user/repos' ? repositories : { total_count: 2, repositories } }
  }
  if (path === '/repos/octo/hello/issues' && !query.includes('after')) {
    return {
      headers: next(`${issuesQuery}&after=Y3Vy%3D%3D&page=2`),
      body: `[${issueRecord(0)},${issueRecord(1, { pull_request: {} })}]`,
    }
  }
  if (path === '/repos/octo/hello/issues') {
    return { body: `[${issueRecord(2, {}, '9007199254740993')}]` }
  }
  if (path === '/repos/octo/world/issues') return { body: `[${issueRecord(3)}]` }
  return { status: 404, body: { message: 'Not Found' } }
}

describe('a walk over the repositories', () => {
  test('goes over those of the settings, page by page, and leaves pull requests out', async () => {
    fake.play(account)
    const { ids, urls } = await walk('issues', { repositories: ['octo/hello', 'octo/world'] })
    assert.deepEqual(ids, ['1000', '9007199254740993', '1003'])
    assert.deepEqual(urls, [
      `/repos/octo/hello/issues?${issuesQuery}`,
      `/repos/octo/hello/issues?${issuesQuery}&after=Y3Vy%3D%3D&page=2`,
      `/repos/octo/world/issues?${issuesQuery}`,
    ])
  })

  test('finds the repositories of the account, or of the installation', async () => {
    for (const installation of [false, true]) {
      fake.play(account)
      const { ids, urls } = await walk('issues', { installation })
      assert.deepEqual(ids, ['1000', '9007199254740993', '1003'])
      assert.match(urls[0] ?? '', installation ? /^\/installation\/rep/ : /^\/user\/repos\?/)
    }
  })

  test('the list of repositories has pages too', async () => {
    fake.play(({ url }) => {
      const part = /[?&]page=(\d)/.exec(url)?.[1]
      if (url.includes('/user/repos')) {
        const body = [{ id: Number(part), full_name: `octo/r${part}` }]
        return part === '3' ? { body } : { headers: next('page=2'), body }
      }
      return { body: [{ id: Number(/r(\d)/.exec(url)?.[1]), name: 'x' }] }
    })
    assert.deepEqual((await walk('labels', {})).ids, ['1', '2', '3'])
    fake.asked.length = 0
    assert.deepEqual((await walk('repositories', {})).ids, ['1', '2', '3'])
  })

  test('repositories that the settings name are asked for one by one', async () => {
    fake.play(({ url }) => ({ body: { id: url.length, full_name: url.slice(14), name: 'x' } }))
    const { urls } = await walk('repositories', { repositories: ['octo/a', 'octo/b'] })
    assert.deepEqual(urls, ['/repos/octo/a', '/repos/octo/b'])
  })

  test('a walk over no repositories ends', async () => {
    fake.play({ body: [] })
    assert.deepEqual((await walk('issues', { repositories: [] })).ids, [])
    assert.deepEqual((await walk('issues', {})).ids, [])
  })

  test('a repository that is gone is passed over, unless the settings name it', async () => {
    const gone = (asked: Asked) =>
      asked.url.includes('octo/hello')
        ? { status: 404, body: { message: 'Not Found' } }
        : account(asked)
    fake.play(gone)
    assert.deepEqual((await walk('issues', {})).ids, ['1003'])
    fake.play(gone)
    const error = await faultOf(walk('issues', { repositories: ['octo/hello'] }), 'not_found')
    assert.match(error.data.hint ?? '', /permission as 404/)
  })

  test('issues that are switched off are no issues', async () => {
    fake.play({ status: 410, body: { message: 'Issues are disabled for this repo' } })
    assert.deepEqual((await walk('issues', { repositories: ['octo/hello'] })).ids, [])
  })
})

describe('what a walk does not take', () => {
  test('cursors that are none, or lead elsewhere', async () => {
    fake.play({ body: [] })
    const table = await tableOf('issues')
    const cursors = [
      '',
      '{}',
      '[]',
      'null',
      '[[],null,null]',
      '[["octo/hello"],null]',
      '[["octo/.."],null,null]',
      '[["../../user"],null,null]',
      '[["octo/hello"],"a b",null]',
      '[["octo/hello"],"x#y",null]',
      '[["octo/hello"],"x/../y",null]',
      '[["octo/hello"],null,0]',
      '[["octo/hello"],null,1.5]',
      '[["octo/hello"],null,null,1]',
    ]
    for (const cursor of cursors) {
      await faultOf(github.page(table, cursor, fake.caller()), 'bad_request')
    }
    assert.equal(fake.asked.length, 0)
  })

  test('settings of another form', async () => {
    const wrong = [{ repositories: 'octo/hello' }, { repositories: ['hello'] }, {
      installation: 'yes',
    }, { repositories: [7] }]
    for (const settings of wrong) await faultOf(walk('issues', settings), 'bad_request')
  })

  test('answers that are not pages', async () => {
    const settings = { repositories: ['octo/hello'] }
    for (const body of ['<html>', '{}', '[{}]', '[null]', '']) {
      fake.play({ body })
      await faultOf(walk('issues', settings), 'platform_failed')
    }
    fake.play({ status: 500, body: 'oops' })
    await faultOf(walk('issues', settings), 'platform_failed')
    fake.play({ headers: { link: '<https://api.github.com/x?a b>; rel="next"' }, body: [] })
    await faultOf(walk('issues', settings), 'platform_failed')
    fake.play((_asked, response) => void response.destroy())
    await faultOf(walk('issues', settings), 'platform_failed')
  })

  test('credentials, limits and servers that are not there are told apart', async () => {
    const settings = { repositories: ['octo/hello'] }
    fake.play({ status: 401, body: { message: 'Bad credentials' } })
    await faultOf(walk('issues', settings), 'credential_refused')
    const headers = { 'x-ratelimit-remaining': '0' }
    fake.play({ status: 403, headers, body: { message: 'API rate limit exceeded for user ID 1.' } })
    await faultOf(walk('issues', settings), 'rate_limited')
    fake.play({ status: 403, headers, body: { message: 'Resource not accessible' } })
    await faultOf(walk('issues', settings), 'not_permitted')
    const table = await tableOf('issues')
    const nobody = fake.caller({ settings, baseUrl: 'http://127.0.0.1:1' })
    await faultOf(github.page(table, null, nobody), 'unreachable')
  })
})

describe('the tables', () => {
  test('are described without a request, id first, every kind of value a type of its own', async () => {
    const names = [
      'issues',
      'labels',
      'milestones',
      'issue_comments',
      'releases',
      'pull_requests',
      'repositories',
    ]
    fake.play()
    const shapes = await github.describe(names, fake.caller())
    assert.deepEqual(shapes.map(({ name }) => name), names)
    for (const { columns, keyColumns = [] } of shapes) {
      assert.equal(columns[0]?.name, 'id')
      assert.ok(columns.every((each) => !('empty' in each)))
      for (const key of keyColumns) assert.ok(columns.some(({ name }) => name === key), key)
      assert.equal(new Set(columns.map(({ name }) => name)).size, columns.length)
    }
    assert.equal(fake.asked.length, 0)
    await faultOf(github.describe(['gists'], fake.caller()), 'not_found')
    await faultOf(github.describe(['constructor'], fake.caller()), 'not_found')
  })
})

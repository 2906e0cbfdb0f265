// Goal: GitHub's rate limits are counted, told and enforced as documented. Method: a clock of our own.

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, ask } from './client.ts'
import { graph, post, rest } from './github_client.ts'

let nowMs = 0
const now = () => nowMs
const sandbox = await startSandbox({ port: 0, now, limits: true })
const unlimited = await startSandbox({ port: 0, now })
beforeEach(() => {
  nowMs = 1_780_000_000_000
  sandbox.reset()
  unlimited.reset()
})
after(() => Promise.all([sandbox.close(), unlimited.close()]))

const issues = '/repos/octo/hello/issues'

const limitsOf = ({ headers }: Answer) =>
  ['limit', 'remaining', 'used', 'resource'].map((name) => headers[`x-ratelimit-${name}`])

/** Makes so many issues, each of which must come about. */
const makeIssues = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index += 1) {
    const { status, text } = await post(sandbox, issues, { title: `Issue ${index}` })
    assert.equal(status, 201, text)
  }
}

const repositoryId = async (): Promise<string> =>
  (await graph(sandbox, '{ repository(owner: "octo", name: "hello") { id } }')).data.repository.id

/** A mutation with so many aliases, each of which makes an issue. */
const makeMany = async (count: number) => {
  const id = await repositoryId()
  const aliases = Array.from(
    { length: count },
    (_, index) =>
      `m${index}: createIssue(input: { repositoryId: $r, title: "x" }) { issue { number } }`,
  )
  return graph(sandbox, `mutation ($r: ID!) { ${aliases.join('\n')} }`, { r: id })
}

test('every answer tells its limit, each door its own', async () => {
  const first = await rest(sandbox, '/user')
  assert.deepEqual(limitsOf(first), ['5000', '4999', '1', 'core'])
  const reset = Number(first.headers['x-ratelimit-reset'])
  assert.equal(reset, 1_780_003_600)
  assert.match(String(first.headers['x-github-request-id']), /^[0-9A-F]{4}:/)
  const query = await post(sandbox, '/graphql', { query: '{ viewer { login } }' })
  assert.deepEqual(limitsOf(query), ['5000', '4999', '1', 'graphql'])
  nowMs += 3_599_999
  assert.deepEqual(limitsOf(await rest(sandbox, '/user')), ['5000', '4998', '2', 'core'])
  nowMs += 1
  assert.deepEqual(limitsOf(await rest(sandbox, '/user')), ['5000', '4999', '1', 'core'])
})

test('at 80 things made in a minute the next is refused, until the first is a minute old', async () => {
  await makeIssues(79)
  nowMs += 20_000
  await makeIssues(1)
  const { status, json, headers } = await post(sandbox, issues, { title: 'Too many' })
  assert.equal(status, 403)
  assert.match(json.message, /^You have exceeded a secondary rate limit .*content creation/)
  assert.equal(headers['retry-after'], '40')
  assert.notEqual(headers['x-ratelimit-remaining'], '0')
  assert.equal((await rest(sandbox, `${issues}/1`)).status, 200)
  nowMs += 39_999
  assert.equal((await post(sandbox, issues, { title: 'Too soon' })).status, 403)
  nowMs += 1
  await makeIssues(1)
})

test('both doors share what may be made, and an alias beyond it fails alone', async () => {
  await makeIssues(78)
  const { data, errors } = await makeMany(4)
  const made = Object.values(data).map((one) => one !== null)
  assert.deepEqual(made, [true, true, false, false])
  assert.deepEqual(errors.map((error: { type: string }) => error.type), [
    'UNPROCESSABLE',
    'UNPROCESSABLE',
  ])
  assert.equal(errors[0].message, 'was submitted too quickly')
  assert.deepEqual(errors[0].path, ['m2'])
  assert.equal((await post(sandbox, issues, { title: 'x' })).status, 403)
})

test('500 things may be made in an hour', async () => {
  for (let minute = 0; minute < 6; minute += 1) {
    assert.equal((await makeMany(80)).errors, undefined)
    nowMs += 60_000
  }
  const { data } = await makeMany(30)
  assert.equal(Object.values(data).filter((one) => one !== null).length, 20)
  nowMs += 60_000
  const { status, headers } = await post(sandbox, issues, { title: 'x' })
  assert.equal(status, 403)
  assert.equal(headers['retry-after'], String(3600 - 7 * 60))
})

test('a minute has 900 points at the REST door: a read takes one, a write five', async () => {
  for (let count = 0; count < 179; count += 1) {
    await rest(sandbox, `${issues}/1`, { method: 'PATCH', body: { title: `Title ${count}` } })
  }
  for (let count = 0; count < 5; count += 1) await rest(sandbox, '/user')
  const { status, json, headers } = await rest(sandbox, '/user')
  assert.equal(status, 403)
  assert.match(json.message, /^You have exceeded a secondary rate limit\./)
  assert.equal(headers['retry-after'], '60')
  assert.equal((await post(sandbox, '/graphql', { query: '{ viewer { login } }' })).status, 200)
  nowMs += 60_000
  assert.equal((await rest(sandbox, '/user')).status, 200)
})

test('over the primary limit nothing remains, and each door says so in its way', async () => {
  const spend = async (query: string) => {
    let left = 5000
    while (left >= 101) {
      const { headers } = await post(sandbox, '/graphql', { query })
      left = Number(headers['x-ratelimit-remaining'])
      nowMs += 1000
    }
    return left
  }
  const costly = `{ repository(owner: "octo", name: "hello") { labels(first: 100) { nodes {
    issues(first: 100) { nodes { comments(first: 1) { nodes { id } } } } } } } }`
  const left = await spend(costly)
  assert.ok(left > 0)
  const { status, json } = await post(sandbox, '/graphql', { query: costly })
  assert.equal(status, 200)
  assert.deepEqual(json, {
    errors: [{ type: 'RATE_LIMITED', message: 'API rate limit exceeded for user ID 583231.' }],
  })
})

test('the 5001st request of an hour is refused with nothing remaining', async () => {
  for (let count = 0; count < 5000; count += 1) {
    if (count % 800 === 0) nowMs += 60_000
    const { status } = await rest(sandbox, '/orgs/octo')
    assert.equal(status, 200)
  }
  const { status, json, headers } = await rest(sandbox, '/orgs/octo')
  assert.equal(status, 403)
  assert.match(json.message, /^API rate limit exceeded for user ID 583231\./)
  assert.equal(headers['x-ratelimit-remaining'], '0')
  assert.equal(headers['retry-after'], undefined)
})

test('without limits nothing is refused', async () => {
  for (let count = 0; count < 81; count += 1) {
    const { status } = await post(unlimited, issues, { title: 'x' })
    assert.equal(status, 201)
  }
})

test('scripted refusals come as GitHub words them', async () => {
  const mischief = (kind: string) =>
    ask(sandbox, '/_mischief', { method: 'POST', body: { platform: 'github', kind } })
  await mischief('429')
  const limited = await rest(sandbox, '/user')
  assert.equal(limited.status, 429)
  assert.match(limited.json.message, /secondary rate limit/)
  assert.equal(limited.headers['retry-after'], '1')
  await mischief('500')
  assert.equal((await rest(sandbox, '/user')).json.message, 'Server Error')
  await mischief('500')
  const failed = await post(sandbox, '/graphql', { query: '{ viewer { login } }' })
  assert.equal(failed.status, 502)
  assert.match(failed.json.errors[0].message, /^Something went wrong while executing your query/)
})

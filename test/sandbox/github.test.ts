// Goal: GitHub's REST API keeps, checks and shows records as its documentation says. Method: real sockets.

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { JsonNumber } from '../../src/sandbox/json.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { ask, exact } from './client.ts'
import { patch, post, rest } from './github_client.ts'

let nowMs = 0
const sandbox = await startSandbox({ port: 0, now: () => nowMs })
beforeEach(() => {
  nowMs = Date.parse('2026-03-01T12:00:00.789Z')
  sandbox.reset()
})
after(() => sandbox.close())

const hello = '/repos/octo/hello'
const issues = `${hello}/issues`

const get = (path: string) => rest(sandbox, path)
const remove = (path: string) => rest(sandbox, path, { method: 'DELETE' })

/** The members of the first of the errors of a 422. */
const errorOf = async (path: string, body: unknown, method = 'POST') => {
  const { status, json } = await rest(sandbox, path, { method, body })
  assert.equal(status, 422, JSON.stringify(json))
  return json.errors?.[0] ?? json.message
}

test('the seed has open and closed issues, a pull request among them, newest first', async () => {
  const { json } = await get(`${issues}?state=all`)
  assert.deepEqual(json.map((one: { number: number }) => one.number), [4, 3, 2, 1])
  assert.deepEqual(json.map((one: { state: string }) => one.state), [
    'open',
    'closed',
    'open',
    'open',
  ])
  assert.equal('pull_request' in json[0], true)
  assert.equal('pull_request' in json[1], false)
  const open = await get(issues)
  assert.deepEqual(open.json.map((one: { number: number }) => one.number), [4, 2, 1])
})

test('an id beyond 2^53 keeps its digits', async () => {
  const { text } = await get(`${issues}/3`)
  const { id } = exact(text) as { id: unknown }
  assert.deepEqual(id, new JsonNumber('9007199254740995'))
})

test('an issue that is made shows everything it was given, and is there', async () => {
  const { status, json, headers } = await post(sandbox, issues, {
    title: 'New',
    body: 'Text',
    labels: ['BUG', 'brand new'],
    assignees: ['hubot'],
    milestone: 1,
  })
  assert.equal(status, 201)
  assert.equal(headers['location'], json.url)
  assert.equal(json.number, 7) // 5 and 6 are gone, and numbers are never given twice
  assert.equal(json.created_at, '2026-03-01T12:00:00Z')
  assert.deepEqual(json.labels.map((label: { name: string }) => label.name), ['bug', 'brand new'])
  assert.equal(json.labels[1].color, 'ededed')
  assert.equal(json.assignee.login, 'hubot')
  assert.equal(json.milestone.title, 'v1.0')
  assert.equal(json.user.login, 'octocat')
  assert.deepEqual((await get(`${issues}/7`)).json, json)
  const { json: records } = await ask(sandbox, '/_records/github/issues')
  const record = records.find((one: { id: number }) => one.id === json.id)
  assert.equal(record.title, 'New')
  assert.equal(record.repository, 'octo/hello')
})

test('an issue is closed with its reason, opened again, and loses what is set to null', async () => {
  const closed = await patch(sandbox, `${issues}/1`, { state: 'closed' })
  assert.equal(closed.status, 200)
  assert.equal(closed.json.state_reason, 'completed')
  assert.equal(closed.json.closed_at, '2026-03-01T12:00:00Z')
  assert.equal(closed.json.closed_by.login, 'octocat')
  nowMs += 60_000
  const opened = await patch(sandbox, `${issues}/1`, {
    state: 'open',
    milestone: null,
    labels: [],
    assignees: [],
    body: null,
  })
  const { state, state_reason, closed_at, milestone, labels, assignees, body, updated_at } =
    opened.json
  assert.deepEqual({ state, state_reason, closed_at, milestone, labels, assignees, body }, {
    state: 'open',
    state_reason: 'reopened',
    closed_at: null,
    milestone: null,
    labels: [],
    assignees: [],
    body: null,
  })
  assert.equal(updated_at, '2026-03-01T12:01:00Z')
  assert.equal(opened.json.title, 'Greet people by their name')
})

test('what an issue cannot be is told by field and code', async () => {
  assert.deepEqual(await errorOf(issues, { title: ' ' }), {
    resource: 'Issue',
    code: 'missing_field',
    field: 'title',
  })
  assert.deepEqual(await errorOf(issues, { title: 'x', assignees: ['nobody'] }), {
    value: 'nobody',
    resource: 'Issue',
    code: 'invalid',
    field: 'assignees',
  })
  assert.equal((await errorOf(issues, { title: 'x', milestone: 9 })).field, 'milestone')
  assert.equal((await errorOf(issues, { title: 'x'.repeat(257) })).code, 'custom')
  assert.equal((await errorOf(`${issues}/1`, { state: 'ajar' }, 'PATCH')).field, 'state')
  const kept = await post(sandbox, issues, { title: 'x'.repeat(256) })
  assert.equal(kept.status, 201)
})

test('a body of the wrong shape is refused in a sentence, and nothing of it is done', async () => {
  assert.equal(await errorOf(issues, {}), 'Invalid request.\n\n"title" wasn\'t supplied.')
  assert.equal(
    await errorOf(issues, { title: 'x', labels: null }),
    "Invalid request.\n\nFor 'properties/labels', nil is not an array.",
  )
  assert.equal(
    await errorOf(issues, { title: { a: 1 } }),
    'Invalid request.\n\nFor \'properties/title\', {"a"=>1} is not an integer or string.',
  )
  await errorOf(issues, { title: 'x', labels: ['fresh'], milestone: 9 })
  assert.equal((await get(`${hello}/labels/fresh`)).status, 404)
  const { status, json } = await post(sandbox, issues, '{"title":')
  assert.equal(status, 400)
  assert.equal(json.message, 'Problems parsing JSON')
})

test('lists are cut into pages that the Link header leads through', async () => {
  const seen: number[] = []
  let path: string | null = `${hello}/labels?per_page=4`
  while (path !== null) {
    const { json, headers }: Awaited<ReturnType<typeof get>> = await get(path)
    seen.push(...json.map((label: { id: number }) => label.id))
    const next = /<[^>]*\/github([^>]*)>; rel="next"/.exec(String(headers['link']))
    path = next?.[1] ?? null
  }
  assert.equal(seen.length, 9)
  assert.equal(new Set(seen).size, 9)
  assert.equal((await get(`${hello}/labels`)).headers['link'], undefined)
  const last = await get(`${hello}/labels?per_page=4&page=3`)
  assert.match(String(last.headers['link']), /page=2>; rel="prev", .*page=1>; rel="first"$/)
})

test('since, labels, assignee and milestone choose issues, and sort orders them', async () => {
  await patch(sandbox, `${issues}/3`, { title: 'Changed' })
  const numbers = async (query: string) =>
    (await get(`${issues}?${query}`)).json.map((one: { number: number }) => one.number)
  assert.deepEqual(await numbers('state=all&since=2026-03-01T12:00:00Z'), [3])
  assert.deepEqual(await numbers('state=all&since=2026-03-01T12:00:01Z'), [])
  assert.deepEqual(await numbers('state=all&sort=updated&direction=asc'), [1, 2, 4, 3])
  assert.deepEqual(await numbers('labels=Bug'), [2])
  assert.deepEqual(await numbers('labels=bug,enhancement'), [])
  assert.deepEqual(await numbers('assignee=hubot'), [1])
  assert.deepEqual(await numbers('assignee=none'), [4, 2])
  assert.deepEqual(await numbers('milestone=1'), [1])
  assert.deepEqual(await numbers('creator=hubot'), [4, 2])
})

test('a deleted issue is gone, a transferred one moved, an unknown one not found', async () => {
  const gone = await get(`${issues}/6`)
  assert.equal(gone.status, 410)
  assert.equal(gone.json.message, 'This issue was deleted')
  const moved = await get(`${issues}/5`)
  assert.equal(moved.status, 301)
  assert.match(String(moved.headers['location']), /\/github\/repos\/octo\/world\/issues\/1$/)
  assert.equal((await get(`${issues}/99`)).status, 404)
})

test('what may only be read refuses writes; what may not be seen is not there', async () => {
  const readonly = '/repos/octo/readonly/issues'
  assert.equal((await get(readonly)).json.length, 1)
  const refused = await post(sandbox, readonly, { title: 'x' })
  assert.equal(refused.status, 403)
  assert.equal(refused.json.message, 'Resource not accessible by integration')
  for (const path of ['/repos/octo/secret', '/repos/octo/secret/issues']) {
    assert.equal((await get(path)).json.message, 'Not Found')
  }
  assert.equal((await post(sandbox, '/repos/octo/secret/issues', { title: 'x' })).status, 404)
  const off = await post(sandbox, '/repos/octo/no-issues/issues', { title: 'x' })
  assert.equal(off.status, 410)
  assert.equal(off.json.message, 'Issues are disabled for this repo')
})

test('label names are taken whatever their case, and colours are six digits', async () => {
  const taken = { resource: 'Label', code: 'already_exists', field: 'name' }
  assert.deepEqual(await errorOf(`${hello}/labels`, { name: 'Bug', color: 'ff0000' }), taken)
  const bad = { resource: 'Label', code: 'invalid', field: 'color' }
  assert.deepEqual(await errorOf(`${hello}/labels`, { name: 'x', color: '#ff0000' }), bad)
  const renamed = await patch(sandbox, `${hello}/labels/bug`, { new_name: 'BUG' })
  assert.equal(renamed.json.name, 'BUG')
  assert.equal((await get(`${issues}/2`)).json.labels[0].name, 'BUG')
  assert.equal((await remove(`${hello}/labels/bug`)).status, 204)
  assert.deepEqual((await get(`${issues}/2`)).json.labels, [])
})

test('comments are made, changed and deleted, and touch their issue', async () => {
  const made = await post(sandbox, `${issues}/2/comments`, { body: 'One more' })
  assert.equal(made.status, 201)
  assert.equal((await get(`${issues}/2`)).json.comments, 2)
  assert.equal((await get(`${issues}/2`)).json.updated_at, '2026-03-01T12:00:00Z')
  const path = `${issues}/comments/${made.json.id}`
  assert.equal((await patch(sandbox, path, { body: 'Changed' })).json.body, 'Changed')
  const recent = await get(`${issues}/comments?since=2026-03-01T00:00:00Z`)
  assert.deepEqual(recent.json.map((one: { body: string }) => one.body), ['Changed'])
  assert.equal((await remove(path)).status, 204)
  assert.equal((await get(path)).status, 404)
  assert.equal((await errorOf(`${issues}/2/comments`, { body: '' })).code, 'missing_field')
})

test('milestones have titles of their own, and leave their issues when they go', async () => {
  const taken = { resource: 'Milestone', code: 'already_exists', field: 'title' }
  assert.deepEqual(await errorOf(`${hello}/milestones`, { title: 'v1.0' }), taken)
  const bad = { title: 'v2', due_on: 'tomorrow' }
  assert.equal((await errorOf(`${hello}/milestones`, bad)).field, 'due_on')
  const made = await post(sandbox, `${hello}/milestones`, { title: 'v2' })
  assert.equal(made.json.number, 2)
  const closed = await patch(sandbox, `${hello}/milestones/2`, { state: 'closed' })
  assert.equal(closed.json.closed_at, '2026-03-01T12:00:00Z')
  assert.equal((await remove(`${hello}/milestones/1`)).status, 204)
  assert.equal((await get(`${issues}/1`)).json.milestone, null)
})

test('a tag is released once, drafts aside', async () => {
  const releases = `${hello}/releases`
  const taken = { resource: 'Release', code: 'already_exists', field: 'tag_name' }
  assert.deepEqual(await errorOf(releases, { tag_name: 'v0.1.0' }), taken)
  const draft = await post(sandbox, releases, { tag_name: 'v0.1.0', draft: true })
  assert.equal(draft.json.published_at, null)
  const path = `${releases}/${draft.json.id}`
  assert.deepEqual(await errorOf(path, { draft: false }, 'PATCH'), taken)
  const out = await patch(sandbox, path, { draft: false, tag_name: 'v0.2.0' })
  assert.equal(out.json.published_at, '2026-03-01T12:00:00Z')
  assert.equal((await get(`${releases}/latest`)).json.tag_name, 'v0.2.0')
  assert.equal((await remove(path)).status, 204)
  assert.equal((await get(`${releases}/latest`)).json.tag_name, 'v0.1.0')
})

test('a pull request needs two branches that differ, and no other one between them', async () => {
  const pulls = `${hello}/pulls`
  const input = { title: 'x', head: 'feature', base: 'main' }
  assert.match((await errorOf(pulls, input)).message, /already exists for octo:feature/)
  const bad = { resource: 'PullRequest', code: 'invalid', field: 'head' }
  assert.deepEqual(await errorOf(pulls, { ...input, head: 'nope' }), bad)
  assert.match((await errorOf(pulls, { ...input, head: 'main' })).message, /No commits between/)
  assert.equal((await errorOf(pulls, { ...input, issue: 99 })).code, 'missing')
  await patch(sandbox, `${pulls}/4`, { state: 'closed' })
  const made = await post(sandbox, pulls, input)
  assert.equal(made.status, 201)
  assert.notEqual(made.json.id, (await get(`${issues}/${made.json.number}`)).json.id)
})

test('a list of pull requests leaves out what reading one of them tells', async () => {
  await patch(sandbox, `${hello}/pulls/4`, { maintainer_can_modify: true })
  const { json: [listed] } = await get(`${hello}/pulls?state=all`)
  const { json: whole } = await get(`${hello}/pulls/4`)
  assert.equal(whole.maintainer_can_modify, true)
  const left = Object.keys(whole).filter((name) => !Object.hasOwn(listed, name))
  // the difference between the schemas pull-request and pull-request-simple of the official description
  assert.deepEqual(left.toSorted(), [
    'additions',
    'changed_files',
    'comments',
    'commits',
    'deletions',
    'maintainer_can_modify',
    'mergeable',
    'mergeable_state',
    'merged',
    'merged_by',
    'rebaseable',
    'review_comments',
  ])
})

test('a pull request is merged once', async () => {
  const path = `${hello}/pulls/4/merge`
  const put = (body: object) => rest(sandbox, path, { method: 'PUT', body })
  assert.equal((await get(path)).status, 404)
  assert.equal((await put({ sha: 'f'.repeat(40) })).status, 409)
  assert.equal((await put({})).json.merged, true)
  assert.equal((await get(path)).status, 204)
  assert.equal((await put({})).status, 405)
  const { json } = await get(`${hello}/pulls/4`)
  assert.deepEqual([json.state, json.merged], ['closed', true])
})

test('repositories are made, renamed with a redirect, and deleted with all in them', async () => {
  const made = await post(sandbox, '/orgs/octo/repos', { name: 'fresh', private: true })
  assert.equal(made.status, 201)
  assert.equal(made.json.private, true)
  assert.equal((await get('/repos/octo/fresh/labels')).json.length, 9)
  const again = await post(sandbox, '/orgs/octo/repos', { name: 'Fresh' })
  assert.equal(again.json.message, 'Repository creation failed.')
  assert.equal(again.json.errors[0].message, 'name already exists on this account')
  assert.equal((await post(sandbox, '/user/repos', { name: 'fresh' })).status, 201)
  await patch(sandbox, '/repos/octo/fresh', { name: 'older' })
  const moved = await get('/repos/octo/fresh/labels')
  assert.equal(moved.status, 301)
  assert.match(moved.json.url, /\/repositories\/\d+\/labels$/)
  assert.equal((await remove('/repos/octo/older')).status, 204)
  assert.equal((await get('/repos/octo/older/labels')).status, 404)
})

test('locking shows, and unlocking ends it', async () => {
  const lock = await rest(sandbox, `${issues}/1/lock`, {
    method: 'PUT',
    body: { lock_reason: 'too heated' },
  })
  assert.equal(lock.status, 204)
  assert.equal((await get(`${issues}/1`)).json.active_lock_reason, 'too heated')
  assert.equal((await remove(`${issues}/1/lock`)).status, 204)
  assert.equal((await get(`${issues}/1`)).json.locked, false)
})

test('topics, labels of issues, collaborators and assignees have their endpoints', async () => {
  const put = (path: string, body: object) => rest(sandbox, path, { method: 'PUT', body })
  assert.deepEqual((await put(`${hello}/topics`, { names: ['A', 'b'] })).json.names, ['a', 'b'])
  assert.equal((await put(`${hello}/topics`, { names: ['no spaces'] })).status, 422)
  const labelled = await post(sandbox, `${issues}/1/labels`, { labels: ['bug'] })
  assert.equal(labelled.json.length, 2)
  assert.equal((await put(`${issues}/1/labels`, { labels: [] })).json.length, 0)
  assert.equal((await get(`${hello}/collaborators/hubot`)).status, 204)
  assert.equal((await get(`${hello}/assignees/octo`)).status, 404)
})

test('without a token, with a bad one or without a name the API stays closed', async () => {
  const anonymous = await rest(sandbox, '/user', { token: null })
  assert.equal(anonymous.json.message, 'Requires authentication')
  const bad = await rest(sandbox, '/user', { token: 'bad' })
  assert.equal(bad.status, 401)
  assert.equal(bad.json.message, 'Bad credentials')
  const nameless = await ask(sandbox, '/github/user')
  assert.equal(nameless.status, 403)
  assert.match(nameless.text, /User-Agent/)
  const older = await rest(sandbox, '/user', {
    token: null,
    headers: { authorization: 'token sandbox' },
  })
  assert.equal(older.json.login, 'octocat')
})

test('reset brings the seed back', async () => {
  await post(sandbox, issues, { title: 'Gone soon' })
  sandbox.reset()
  assert.equal((await get(`${issues}?state=all`)).json.length, 4)
  assert.equal((await ask(sandbox, '/_records/github/nothing')).status, 404)
})

// Goal: the sandbox's GitHub has what a follower of the real one lives on: answers that are only given when they changed,
// webhooks that are called and signed, and tables of any size.
// Method: requests over HTTP; a server that webhooks can call.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { after, before, beforeEach, describe, test } from 'node:test'
import { withDeadline } from '../../src/lib/deadline.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { ask } from './client.ts'
import { graph, patch, post, rest } from './github_client.ts'

interface Called {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly json: ReturnType<typeof JSON.parse>
}

let sandbox: Sandbox
let nowMs = 0
let called: Called[] = []
let arrived: (() => void) | undefined
let origin = ''
/** Of each test another. */
let url = ''
let tests = 0

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => body += chunk)
  request.on('end', () => {
    if (request.url !== new URL(url).pathname) return void response.end() // of a test before
    const json = body.startsWith('{') ? JSON.parse(body) : null
    called.push({ headers: request.headers as Record<string, string>, body, json })
    response.end()
    arrived?.()
  })
})

before(async () => {
  sandbox = await startSandbox({ port: 0, now: () => nowMs, limits: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
})
after(async () => {
  await sandbox.close()
  await new Promise((resolve) => server.close(resolve))
})
beforeEach(() => {
  nowMs = Date.parse('2026-11-20T08:00:00Z')
  sandbox.reset()
  called = []
  url = `${origin}/in/${++tests}`
})

async function calls(count: number): Promise<readonly Called[]> {
  while (called.length < count) {
    const waiting = new Promise<void>((resolve) => void (arrived = resolve))
    await withDeadline(waiting, { waitMs: 60_000, what: `waiting for call ${called.length + 1}` })
  }
  return called
}

const hello = '/repos/octo/hello'

describe('answers that are known', () => {
  const asked = `${hello}/labels?per_page=5`

  test('are not given again, and count against nothing', async () => {
    const first = await rest(sandbox, asked)
    const etag = String(first.headers['etag'])
    assert.match(etag, /^W\/"[0-9a-f]{64}"$/)
    const used = Number(first.headers['x-ratelimit-used'])
    const again = await rest(sandbox, asked, { headers: { 'if-none-match': etag } })
    assert.equal(again.status, 304)
    assert.equal(again.text, '')
    assert.equal(again.headers['etag'], etag)
    assert.equal(Number(again.headers['x-ratelimit-used']), used)
    assert.equal((await rest(sandbox, asked, { headers: { 'if-none-match': '"x"' } })).status, 200)
  })

  test('until they have changed', async () => {
    const { headers } = await rest(sandbox, asked)
    const etag = String(headers['etag'])
    await patch(sandbox, `${hello}/labels/bug`, { color: '000000' })
    const changed = await rest(sandbox, asked, { headers: { 'if-none-match': etag } })
    assert.equal(changed.status, 200)
    assert.notEqual(changed.headers['etag'], etag)
    assert.equal(changed.json[0].color, '000000')
  })

  test('carry the time of GitHub’s own clock', async () => {
    const { headers } = await rest(sandbox, asked)
    assert.equal(headers['date'], 'Fri, 20 Nov 2026 08:00:00 GMT')
  })

  test('the limits can be asked for without being used', async () => {
    const first = await rest(sandbox, '/rate_limit')
    await rest(sandbox, '/rate_limit')
    const { json } = await rest(sandbox, '/rate_limit')
    assert.equal(first.json.rate.used, 0)
    assert.equal(json.rate.used, 0)
    await rest(sandbox, asked)
    assert.equal((await rest(sandbox, '/rate_limit')).json.resources.core.used, 1)
  })
})

describe('webhooks of a repository', () => {
  const config = (more = {}) => ({ url, content_type: 'json', secret: 'secret', ...more })
  const make = (body: object) => post(sandbox, `${hello}/hooks`, body)

  test('are made, shown without their secret, changed and deleted', async () => {
    const made = await make({ name: 'web', events: ['issues'], config: config() })
    assert.equal(made.status, 201)
    const { id } = made.json
    assert.equal(made.json.config.secret, '********')
    assert.ok(!made.text.includes('"secret":"secret"'))
    const one = `${hello}/hooks/${id}`
    const changed = await patch(sandbox, one, { add_events: ['label'], active: false })
    assert.deepEqual(changed.json.events, ['issues', 'label'])
    assert.equal(changed.json.active, false)
    assert.equal(changed.json.config.url, url)
    assert.equal((await rest(sandbox, `${hello}/hooks`)).json.length, 1)
    assert.equal((await rest(sandbox, one, { method: 'DELETE' })).status, 204)
    assert.equal((await rest(sandbox, one)).status, 404)
    assert.deepEqual((await rest(sandbox, `${hello}/hooks`)).json, [])
  })

  test('are refused without an address, twice, for what is no event, and where one may not', async () => {
    assert.equal((await make({ config: {} })).status, 422)
    assert.equal((await make({ config: config({ url: 'ftp://x' }) })).status, 422)
    assert.equal((await make({ events: ['nothing'], config: config() })).status, 422)
    assert.equal((await make({ name: 'mail', config: config() })).status, 422)
    assert.equal((await make({ events: ['issues'], config: config() })).status, 201)
    const twice = await make({ events: ['issues', 'label'], config: config() })
    assert.equal(twice.status, 422)
    assert.match(twice.text, /Hook already exists on this repository/)
    assert.equal((await rest(sandbox, '/repos/octo/readonly/hooks')).status, 404)
  })

  test('are called: first with a ping, then in the order of what was done, signed', async () => {
    await make({ events: ['issues', 'issue_comment'], config: config() })
    await post(sandbox, `${hello}/issues`, { title: 'Größe' })
    await patch(sandbox, `${hello}/issues/1`, { title: 'Other', state: 'closed' })
    await post(sandbox, `${hello}/issues/1/comments`, { body: 'New' })
    await patch(sandbox, `${hello}/labels/bug`, { color: '000000' }) // not asked for
    await post(sandbox, '/repos/octo/world/issues', { title: 'Elsewhere' })
    const { node_id: node } = (await rest(sandbox, `${hello}/issues/2`)).json
    const query = 'mutation($id: ID!) { deleteIssue(input: {issueId: $id}) { clientMutationId } }'
    await graph(sandbox, query, { id: node })
    const all = await calls(6)
    assert.deepEqual(
      all.map(({ headers, json }) => [headers['x-github-event'], json.action]),
      [
        ['ping', undefined],
        ['issues', 'opened'],
        ['issues', 'edited'],
        ['issues', 'closed'],
        ['issue_comment', 'created'],
        ['issues', 'deleted'],
      ],
    )
    for (const { headers, body } of all) {
      const hmac = createHmac('sha256', 'secret').update(body, 'utf8').digest('hex')
      assert.equal(headers['x-hub-signature-256'], `sha256=${hmac}`)
      assert.match(headers['user-agent'] ?? '', /^GitHub-Hookshot\//)
      assert.equal(headers['content-type'], 'application/json')
    }
    const ids = new Set(all.map(({ headers }) => headers['x-github-delivery']))
    assert.equal(ids.size, all.length)
    const [, opened, edited] = all
    assert.equal(opened?.json.issue.title, 'Größe')
    assert.equal(opened?.json.repository.full_name, 'octo/hello')
    assert.equal(opened?.json.sender.login, 'octocat')
    assert.deepEqual(edited?.json.changes, { title: { from: 'Greet people by their name' } })
  })

  test('without a secret are not signed, and as a form have their payload in a field', async () => {
    await make({ events: ['label'], config: { url } })
    await post(sandbox, `${hello}/labels`, { name: 'new', color: '123456' })
    const [, call] = await calls(2)
    assert.equal(call?.headers['x-hub-signature-256'], undefined)
    const form = new URLSearchParams(call?.body)
    assert.equal(JSON.parse(form.get('payload') ?? '').label.name, 'new')
  })

  test('are pinged when that is asked for', async () => {
    const { json } = await make({ events: ['label'], config: config() })
    const pinged = await rest(sandbox, `${hello}/hooks/${json.id}/pings`, { method: 'POST' })
    assert.equal(pinged.status, 204)
    const all = await calls(2)
    assert.deepEqual(all.map(({ headers }) => headers['x-github-event']), ['ping', 'ping'])
  })

  test('of another repository hear nothing of one that is deleted with all that it has', async () => {
    await make({ events: ['*'], config: config() })
    const world = '/repos/octo/world'
    await post(sandbox, `${world}/labels`, { name: 'new', color: '123456' })
    await post(sandbox, `${world}/milestones`, { title: 'First' })
    await post(sandbox, `${world}/issues`, { title: 'Goes too', labels: ['new'], milestone: 1 })
    const deleted = await rest(sandbox, world, { method: 'DELETE' })
    assert.equal(deleted.status, 204, deleted.text)
    assert.equal((await rest(sandbox, world)).status, 404)
    await post(sandbox, `${hello}/labels`, { name: 'after', color: '123456' })
    const [, second] = await calls(2)
    assert.equal(second?.json.label.name, 'after')
  })

  test('go with their repository, and with a reset', async () => {
    await make({ events: ['*'], config: config() })
    await calls(1)
    assert.equal((await rest(sandbox, hello, { method: 'DELETE' })).status, 204)
    sandbox.reset()
    await post(sandbox, `${hello}/issues`, { title: 'Nobody hears' })
    assert.deepEqual((await rest(sandbox, `${hello}/hooks`)).json, [])
    await make({ events: ['*'], config: config() })
    const [, second] = await calls(2)
    assert.equal(second?.headers['x-github-event'], 'ping')
  })
})

describe('many records', () => {
  const tables = [
    'issues',
    'pull_requests',
    'issue_comments',
    'labels',
    'milestones',
    'releases',
    'repositories',
  ]
  for (const table of tables) {
    test(`so many more ${table}, each another, and nobody is told`, async () => {
      const config = { url, content_type: 'json' }
      await post(sandbox, `${hello}/hooks`, { events: ['*'], config })
      await calls(1)
      const count = async () => (await ask(sandbox, `/_records/github/${table}`)).json.length
      const before = await count()
      const seeded = await ask(sandbox, `/_seed/github/${table}`, {
        method: 'POST',
        body: '{"count":1500}',
      })
      assert.equal(seeded.status, 201, seeded.text)
      const { json } = await ask(sandbox, `/_records/github/${table}`)
      assert.equal(json.length, before + 1500)
      const ids = new Set(json.map((row: { node_id: string }) => row.node_id))
      assert.equal(ids.size, before + 1500)
      await post(sandbox, `${hello}/labels`, { name: 'told', color: '123456' })
      const [, call] = await calls(2)
      assert.equal(call?.json.label.name, 'told')
    })
  }

  test('lists of them are read page by page in one order, whatever changes between', async () => {
    await ask(sandbox, '/_seed/github/issues', { method: 'POST', body: '{"count":2500}' })
    const seen: number[] = []
    let path: string | null = `${hello}/issues?state=all&sort=created&direction=asc&per_page=100`
    while (path !== null) {
      const { json, headers } = await rest(sandbox, path)
      for (const { number } of json as { number: number }[]) seen.push(number)
      nowMs += 1000
      await patch(sandbox, `${hello}/issues/${seen.length}`, { body: `Seen ${seen.length}` })
      const next = /<[^>]*\/github([^>]*)>; rel="next"/.exec(String(headers['link'] ?? ''))?.[1]
      path = next ?? null
    }
    assert.deepEqual(seen, seen.toSorted((a, b) => a - b))
    assert.equal(new Set(seen).size, seen.length)
    const { json } = await rest(
      sandbox,
      `${hello}/issues?state=all&sort=updated&direction=asc&since=2026-11-20T08:00:01Z`,
    )
    const times = (json as { updated_at: string }[]).map((one) => one.updated_at)
    assert.equal(times.length, Math.ceil(seen.length / 100))
    assert.deepEqual(times, times.toSorted())
    const back = await rest(sandbox, `${hello}/issues?state=all&sort=updated&per_page=3&page=2`)
    const descending = times.toReversed().slice(3, 6)
    assert.deepEqual(
      (back.json as { updated_at: string }[]).map((one) => one.updated_at),
      descending,
    )
  })

  test('what is made, changed and deleted is in its place in every order', async () => {
    const path = `${hello}/issues?state=all&sort=updated&direction=asc&per_page=100`
    const titles = async () =>
      ((await rest(sandbox, path)).json as { title: string }[]).map(({ title }) => title)
    await titles()
    nowMs += 60_000
    await post(sandbox, `${hello}/issues`, { title: 'New' })
    assert.equal((await titles()).at(-1), 'New')
    nowMs += 60_000
    await patch(sandbox, `${hello}/issues/1`, { title: 'Last' })
    assert.deepEqual((await titles()).slice(-2), ['New', 'Last'])
    const { node_id: id } = (await rest(sandbox, `${hello}/issues/1`)).json
    await graph(
      sandbox,
      'mutation($id: ID!) { deleteIssue(input: {issueId: $id}) { clientMutationId } }',
      { id },
    )
    assert.equal((await titles()).at(-1), 'New')
    const closed = `${hello}/issues?state=closed`
    const before = (await rest(sandbox, closed)).json.length
    await patch(sandbox, `${hello}/issues/2`, { state: 'closed' })
    assert.equal((await rest(sandbox, closed)).json.length, before + 1)
  })
})

// Goal: a delivery of GitHub is heard when GitHub signed it, and only then, and names what changed.
// Method: the sandbox calls a server of ours for what another client does; its deliveries are also mangled.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { after, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { withDeadline } from '../../../src/lib/deadline.ts'
import { Fault } from '../../../src/mutation/fault.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import type { Delivery, Registration, Settings, Webhooks } from '../../../src/platforms/platform.ts'
import { runsOf } from '../../help/property.ts'
import { ask } from '../../sandbox/client.ts'
import { tableOf } from './fake.ts'
import { createStage, follow, refOf, type Stage } from './follower.ts'

interface Call {
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

const objects = [
  'issues',
  'issue_comments',
  'labels',
  'milestones',
  'releases',
  'pull_requests',
  'repositories',
]
const hello = '/repos/octo/hello'
const settings: Settings = { repositories: ['octo/hello', 'octo/world'] }
const secret = 'a secret of ours'
type Parts = 'register' | 'isRegistered' | 'renew' | 'unregister' | 'receive'
const webhooks: Required<Pick<Webhooks, Parts>> = follow.webhooks as never

let stage: Stage
let server: Server
let url = ''
let calls: Call[] = []
let heard: (() => void) | undefined
const tables: SyncedTable[] = []

before(async () => {
  stage = await createStage()
  for (const object of objects) tables.push(await tableOf(object))
  server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      const headers = new Map(Object.entries(request.headers) as [string, string][])
      calls.push({ headers, body: new Uint8Array(Buffer.concat(chunks)) })
      response.end()
      heard?.()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  url = `http://127.0.0.1:${port}/webhooks/github/sync_test`
})
after(async () => {
  await stage.close()
  await new Promise((resolve) => server.close(resolve))
})
beforeEach(() => {
  stage.sandbox.reset()
  calls = []
})

/** Waits until there was such a call. */
async function callFor(event: string, action?: string): Promise<Call> {
  for (;;) {
    const found = calls.find(({ headers, body }) =>
      headers.get('x-github-event') === event &&
      (action === undefined || text(body).includes(`{"action":"${action}"`))
    )
    if (found !== undefined) return found
    const waiting = new Promise<void>((resolve) => void (heard = resolve))
    await withDeadline(waiting, { waitMs: 60_000, what: `waiting for ${event} ${action ?? ''}` })
  }
}

function text(body: Uint8Array): string {
  return new TextDecoder().decode(body)
}

function registration(more: Partial<Registration> = {}): Registration {
  return { secret, state: {}, renewAt: null, ...more }
}

function receive({ headers, body }: Call, more: { secret?: string; settings?: Settings } = {}) {
  return webhooks.receive({
    headers,
    body,
    url,
    registration: registration({ secret: more.secret ?? secret }),
    tables,
    settings: more.settings ?? settings,
    now: Date.now(),
  })
}

function touchedBy(delivery: Delivery): Record<string, readonly string[]> {
  assert.ok(delivery.kind === 'heard', JSON.stringify(delivery))
  const touched: Record<string, string[]> = {}
  for (const { object, ref } of delivery.touched) (touched[object] ??= []).push(ref.id)
  return touched
}

async function register(): Promise<Registration> {
  return await webhooks.register({ url, secret, tables }, stage.caller(settings))
}

async function hooksIn(repository: string) {
  return await stage.act('GET', `/repos/${repository}/hooks`)
}

describe('what happens', () => {
  const act = (method: string, path: string, body?: unknown) => stage.act(method, path, body)
  const cases: readonly (readonly [
    string,
    string,
    string | undefined,
    () => Promise<{ id: number }>,
  ])[] = [
    ['issues', 'issues', 'opened', () => act('POST', `${hello}/issues`, { title: 'New' })],
    ['issues', 'issues', 'edited', () => act('PATCH', `${hello}/issues/1`, { title: 'Other' })],
    ['issues', 'issues', 'closed', () => act('PATCH', `${hello}/issues/1`, { state: 'closed' })],
    [
      'issues',
      'issues',
      'labeled',
      () => act('PATCH', `${hello}/issues/2`, { labels: ['bug', 'question'] }),
    ],
    [
      'issue_comments',
      'issue_comment',
      'created',
      () => act('POST', `${hello}/issues/1/comments`, { body: 'New' }),
    ],
    [
      'labels',
      'label',
      'created',
      () => act('POST', `${hello}/labels`, { name: 'new', color: '123456' }),
    ],
    ['labels', 'label', 'edited', () => act('PATCH', `${hello}/labels/bug`, { color: '123456' })],
    [
      'milestones',
      'milestone',
      'created',
      () => act('POST', `${hello}/milestones`, { title: 'New' }),
    ],
    [
      'milestones',
      'milestone',
      'closed',
      () => act('PATCH', `${hello}/milestones/1`, { state: 'closed' }),
    ],
    [
      'releases',
      'release',
      'published',
      () => act('POST', `${hello}/releases`, { tag_name: 'v9' }),
    ],
    [
      'pull_requests',
      'pull_request',
      'edited',
      () => act('PATCH', `${hello}/pulls/4`, { title: 'Other' }),
    ],
    ['repositories', 'repository', 'edited', () => act('PATCH', hello, { description: 'Other' })],
    ['repositories', 'repository', 'renamed', () =>
      act('PATCH', hello, { name: 'hello' })
        .then(() => act('PATCH', hello, { name: 'hallo' }))],
  ]
  for (const [object, event, action, happen] of cases) {
    test(`${event} ${action}: the record is named, and can be read by that`, async () => {
      await register()
      const record = await happen()
      const call = await callFor(event, action)
      const everything = action === 'renamed' ? {} : settings
      const delivery = receive(call, { settings: everything })
      assert.deepEqual(touchedBy(delivery)[object], [String(record.id)])
      assert.ok(delivery.kind === 'heard')
      assert.equal(delivery.id, call.headers.get('x-github-delivery'))
      const ref = delivery.touched.find((one) => one.object === object)?.ref ?? assert.fail()
      const table = tables.find((one) => one.object === object) ?? assert.fail()
      const [row] = await follow.read(table, [ref], stage.caller(everything))
      assert.equal(row?.id, String(record.id))
      assert.ok(row?.values)
      for (const key of table.keyColumns ?? []) {
        assert.equal(refOf(table, row.id, row.values).keys[key], ref.keys[key], key)
      }
    })
  }

  test('what is deleted is named too, whichever door it went through', async () => {
    await register()
    const query = 'mutation($id: ID!) { deleteIssue(input: {issueId: $id}) { clientMutationId } }'
    const { id, node_id: node } = await stage.act('GET', `${hello}/issues/2`)
    const before = await stage.act('GET', `${hello}/issues/1/comments`)
    await stage.act('DELETE', `${hello}/issues/comments/${before[0].id}`)
    await stage.act('POST', '/graphql', { query, variables: { id: node } })
    await stage.act('DELETE', `${hello}/labels/bug`)
    const issue = receive(await callFor('issues', 'deleted'))
    assert.deepEqual(touchedBy(issue)['issues'], [String(id)])
    const comment = receive(await callFor('issue_comment', 'deleted'))
    assert.deepEqual(touchedBy(comment)['issue_comments'], [String(before[0].id)])
    await callFor('label', 'deleted')
  })

  test('a comment on a pull request has the pull requests looked at', async () => {
    await register()
    await stage.act('POST', `${hello}/issues/4/comments`, { body: 'New' })
    const delivery = receive(await callFor('issue_comment', 'created'))
    assert.ok(delivery.kind === 'heard')
    assert.deepEqual(delivery.look, ['pull_requests'])
    assert.equal(touchedBy(delivery)['issues'], undefined)
  })

  test('of a repository that the settings do not name nothing is told', async () => {
    await register()
    await stage.act('PATCH', `${hello}/issues/1`, { title: 'Other' })
    const call = await callFor('issues', 'edited')
    const other = receive(call, { settings: { repositories: ['octo/world'] } })
    assert.deepEqual(touchedBy(other), {})
    assert.deepEqual(touchedBy(receive(call, { settings: { repositories: 'odd' } as Settings })), {
      issues: [String((await stage.act('GET', `${hello}/issues/1`)).id)],
      milestones: [String((await stage.act('GET', `${hello}/milestones/1`)).id)],
    })
  })
})

describe('who is heard', () => {
  async function ping(): Promise<Call> {
    await register()
    return await callFor('ping')
  }

  test('GitHub, with a ping that says nothing', async () => {
    const call = await ping()
    const delivery = receive(call)
    const id = call.headers.get('x-github-delivery') ?? null
    assert.deepEqual(delivery, { kind: 'heard', id, touched: [], look: [], collect: false })
    assert.deepEqual(receive(call), delivery, 'the same id once more')
  })

  test('nobody else', async () => {
    const call = await ping()
    const without = (name: string) => new Map([...call.headers].filter(([key]) => key !== name))
    const withHeader = (name: string, value: string) => new Map([...call.headers, [name, value]])
    const sha1 = `sha256=${createHmac('sha1', secret).update(call.body).digest('hex')}`
    const other = `sha256=${createHmac('sha256', 'other').update(call.body).digest('hex')}`
    const strangers: readonly (readonly [string, Call])[] = [
      ['unsigned', { ...call, headers: without('x-hub-signature-256') }],
      ['signed with another secret', {
        ...call,
        headers: withHeader('x-hub-signature-256', other),
      }],
      ['signed with a weaker hash', { ...call, headers: withHeader('x-hub-signature-256', sha1) }],
      ['half a signature', {
        ...call,
        headers: withHeader('x-hub-signature-256', other.slice(0, 40)),
      }],
      ['no signature', { ...call, headers: withHeader('x-hub-signature-256', 'sha256=') }],
      ['another body', { ...call, body: new Uint8Array([...call.body, 32]) }],
      ['without an id', { ...call, headers: without('x-github-delivery') }],
    ]
    for (const [what, stranger] of strangers) {
      assert.equal(receive(stranger).kind, 'refused', what)
    }
    assert.equal(receive(call, { secret: '' }).kind, 'refused', 'no secret is nobody’s')
  })

  test('not what is longer than GitHub sends, though it is signed', () => {
    const body = new Uint8Array(25 * 1024 * 1024 + 1)
    assert.equal(receive(signed(body)).kind, 'refused')
  })

  test('also a form, as webhooks are that people set up', async () => {
    const config = { url: `${url}/form`, secret, content_type: 'form' }
    await stage.act('POST', `${hello}/hooks`, { events: ['issues'], config })
    await stage.act('PATCH', `${hello}/issues/2`, { title: 'Ö + & %' })
    const call = await callFor('issues')
    assert.match(text(call.body), /^payload=/)
    const { id } = await stage.act('GET', `${hello}/issues/2`)
    assert.deepEqual(touchedBy(receive(call)), { issues: [String(id)] })
  })

  function signed(body: Uint8Array, event = 'issues'): Call {
    const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
    const headers = new Map([
      ['x-hub-signature-256', signature],
      ['x-github-delivery', 'd-1'],
      ['x-github-event', event],
    ])
    return { headers, body }
  }

  test('no body, signed or not, is too much for it', () => {
    const events = fc.constantFrom('issues', 'label', 'repository', 'ping', 'x', '', '__proto__')
    const parts = fc.constantFrom('issue', 'label', 'repository', 'full_name', 'id', 'changes')
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('octo/hello', null, 7, '7', true),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(parts, tie('value'), { maxKeys: 4 }),
      ),
    })).value.map((value) => new TextEncoder().encode(JSON.stringify(value)))
    const bodies = fc.oneof(fc.uint8Array(), json)
    fc.assert(
      fc.property(bodies, events, fc.boolean(), (body, event, isSigned) => {
        const call = signed(body, event)
        const headers = isSigned ? call.headers : new Map([['x-hub-signature-256', 'sha256=00']])
        const { kind } = receive({ headers, body })
        assert.ok(kind === 'heard' || kind === 'refused')
        if (!isSigned) assert.equal(kind, 'refused')
      }),
      runsOf(),
    )
  })
})

describe('the webhook at GitHub', () => {
  test('is made in each repository, once, however often it is asked for', async () => {
    const first = await register()
    assert.ok(first.renewAt !== null && first.renewAt > Date.now())
    const again = await register()
    assert.deepEqual(again.state, first.state)
    for (const repository of ['octo/hello', 'octo/world']) {
      const [hook, ...others] = await hooksIn(repository)
      assert.equal(others.length, 0)
      assert.equal(hook.config.url, url)
      assert.deepEqual(hook.events, [
        'issue_comment',
        'issues',
        'label',
        'milestone',
        'pull_request',
        'release',
        'repository',
      ])
    }
  })

  test('gets the secret again, and the events, when it is there already', async () => {
    await stage.act('POST', `${hello}/hooks`, { config: { url, secret: 'old' }, active: false })
    const renewed = await webhooks.renew(await register(), stage.caller(settings))
    await stage.act('PATCH', `${hello}/issues/1`, { title: 'Other' })
    assert.equal(receive(await callFor('issues')).kind, 'heard')
    assert.equal((await hooksIn('octo/hello')).length, 1)
    assert.equal(renewed.secret, secret)
  })

  test('comes back when it was removed, and in repositories that came', async () => {
    const caller = stage.caller({})
    const made = await webhooks.register({ url, secret, tables }, caller)
    assert.equal(await webhooks.isRegistered(made, caller), true)
    for (const { id } of await hooksIn('octo/hello')) {
      await stage.act('PATCH', `${hello}/hooks/${id}`, { active: false })
      assert.equal(await webhooks.isRegistered(made, caller), false)
      await stage.act('DELETE', `${hello}/hooks/${id}`)
      assert.equal(await webhooks.isRegistered(made, caller), false)
    }
    await stage.act('POST', '/orgs/octo/repos', { name: 'more' })
    await webhooks.renew(made, caller)
    for (const repository of ['octo/hello', 'octo/more', 'octo/world']) {
      assert.equal((await hooksIn(repository)).length, 1, repository)
    }
  })

  test('is taken away, wherever the repository is by now; one that is gone is no error', async () => {
    const made = await register()
    await stage.act('PATCH', hello, { name: 'hallo' })
    for (const { id } of await hooksIn('octo/world')) {
      await stage.act('DELETE', `/repos/octo/world/hooks/${id}`)
    }
    await webhooks.unregister(made, stage.caller(settings))
    assert.deepEqual(await hooksIn('octo/hallo'), [])
    await webhooks.unregister(made, stage.caller(settings))
    await webhooks.unregister(registration({ state: { hooks: 'odd' } }), stage.caller(settings))
  })

  test('where the account may not, it is told which permission is missing', async () => {
    const readonly = stage.caller({ repositories: ['octo/readonly'] })
    const making = webhooks.register({ url, secret, tables }, readonly)
    await assert.rejects(
      making,
      (error) =>
        error instanceof Fault && error.code === 'not_permitted' &&
        /admin:repo_hook/.test(error.data.hint ?? ''),
    )
    const state = await ask(stage.sandbox, '/_records/github/repositories')
    assert.equal(state.status, 200)
  })
})

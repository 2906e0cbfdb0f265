// Goal: the adapter and the sandbox, written apart from each other from the same documents, agree.
// Method: the whole adapter against the sandbox; what was said is read from its log of exchanges.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Outcome, Values } from '../../../src/mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../../src/mutation/table.ts'
import { github } from '../../../src/platforms/github/index.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'
import { type Draft, mutation, tableOf } from './fake.ts'

let sandbox: Sandbox
let http: Http
const tables = new Map<string, SyncedTable>()

before(async () => {
  sandbox = await startSandbox({ port: 0 })
  http = createHttp()
  const names = ['issues', 'labels', 'milestones', 'issue_comments', 'releases', 'pull_requests']
  for (const name of [...names, 'repositories']) tables.set(name, await tableOf(name))
})
after(async () => {
  await http.close()
  await sandbox.close()
})
beforeEach(() => sandbox.reset())

function caller(more: Partial<Caller> = {}): Caller {
  return {
    baseUrl: sandbox.platformUrl('github'),
    settings: { repositories: ['octo/hello', 'octo/world'] },
    http,
    deadline: deadlineIn(60_000),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
    ...more,
  }
}

function tableNamed(name: string): SyncedTable {
  const table = tables.get(name)
  assert.ok(table)
  return table
}

async function write(
  name: string,
  operation: Operation,
  drafts: readonly Draft[],
  more: Partial<Caller> = {},
): Promise<Outcome> {
  return await github.write(mutation(name, operation, drafts), tableNamed(name), caller(more))
}

type Row = { readonly id: string; readonly values: Values }

async function written(name: string, operation: Operation, drafts: readonly Draft[]) {
  const outcome = await write(name, operation, drafts)
  assert.ok(outcome.state === 'accepted', JSON.stringify(outcome))
  return outcome.rows.map(({ id, values }): Row => ({ id, values: values ?? {} }))
}

function faultOf(outcome: Outcome) {
  assert.ok(outcome.state !== 'accepted', JSON.stringify(outcome))
  return outcome.fault
}

/** All rows of a table as the platform lists them, by id. */
async function all(name: string, settings?: Caller['settings']): Promise<Map<string, Values>> {
  const rows = new Map<string, Values>()
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof github.page>> = await github.page(
      tableNamed(name),
      cursor,
      caller(settings === undefined ? {} : { settings }),
    )
    for (const { id, values } of page.rows) {
      assert.ok(!rows.has(id), `${id} comes once`)
      rows.set(id, values)
    }
    cursor = page.next
  } while (cursor !== null)
  return rows
}

function keyOf(name: string, values: Values): Values {
  const columns = tableNamed(name).keyColumns ?? []
  return Object.fromEntries(columns.map((column) => [column, values[column] ?? null]))
}

async function control(method: string, path: string, body?: unknown): Promise<string> {
  const response = await fetch(`${sandbox.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  assert.ok(response.ok, text)
  return text
}

const mischief = (kind: string, times = 1) =>
  control('POST', '/_mischief', { platform: 'github', kind, times })

/** The write requests that the platform has heard since the last reset. */
async function heard(): Promise<string[]> {
  const lines = (await control('GET', '/_exchanges')).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, string>)
    .filter(({ method, requestBody }) =>
      method !== 'GET' && !requestBody?.startsWith('{"query":"query')
    )
    .map(({ method, url }) => `${method} ${url?.replace(/^.*\/github/, '')}`)
}

const issue = (n: number, more: Values = {}): Draft => ({
  values: { repository: 'octo/hello', title: `Issue ${n}`, ...more },
})
const someIssues = (count: number, more: Values = {}) =>
  Array.from({ length: count }, (_, n) => issue(n, more))

describe('github and its sandbox', () => {
  for (const [count, documents] of [[2, 1], [100, 10]] as const) {
    test(`${count} issues are made, changed and deleted, and the lists agree`, async () => {
      const before = await all('issues')
      const more = { labels: '["bug"]', assignees: '["octocat"]', milestone: '1', body: null }
      const made = await written('issues', 'insert', someIssues(count, more))
      assert.equal((await heard()).length, documents)
      const listed = await all('issues')
      assert.equal(listed.size, before.size + count)
      for (const { id, values } of made) assert.deepEqual(values, listed.get(id))
      const changes = { title: 'Changed', state: 'closed', labels: '[]', milestone: null }
      const changed = await written(
        'issues',
        'update',
        made.map(({ id, values }) => ({ id, key: keyOf('issues', values), values: changes })),
      )
      const again = await all('issues')
      for (const { id, values } of changed) {
        assert.deepEqual(values, again.get(id))
        assert.equal(values['state'], 'closed')
        assert.equal(values['labels'], '[]')
      }
      await control('DELETE', '/_exchanges')
      await written(
        'issues',
        'delete',
        made.map(({ id, values }) => ({ id, key: keyOf('issues', values) })),
      )
      assert.equal((await heard()).length, documents)
      assert.deepEqual(await all('issues'), before)
    })
  }

  test('an id beyond 2^53 is read as it is, and its issue can be changed either way', async () => {
    const large = [...await all('issues')].find(([id]) => BigInt(id) > 2n ** 53n)
    assert.ok(large)
    const [id, values] = large
    const draft = { id, key: keyOf('issues', values), values: { title: 'Large' } }
    const [row] = await written('issues', 'update', [draft])
    assert.equal(row?.id, id)
    const other = (await written('issues', 'insert', [issue(0)]))[0]
    assert.ok(other)
    const rows = await written('issues', 'update', [draft, {
      id: other.id,
      key: keyOf('issues', other.values),
      values: { title: 'Small' },
    }])
    assert.deepEqual(rows.map((each) => each.id), [id, other.id])
  })

  const lives: Record<string, { insert: Values; update: Values; deletes?: boolean }> = {
    labels: {
      insert: { repository: 'octo/hello', name: 'new label', color: 'ff00aa', description: 'x' },
      update: { name: 'newer/label', description: null },
    },
    milestones: {
      insert: { repository: 'octo/hello', title: 'Two', due_on: '2026-12-24 00:00:00+00' },
      update: { state: 'closed', description: 'done' },
    },
    issue_comments: {
      insert: { repository: 'octo/hello', issue_number: '1', body: 'Hello there' },
      update: { body: 'Hello again' },
    },
    releases: {
      insert: { repository: 'octo/hello', tag_name: 'v9.9.9', name: 'Nine', draft: 'true' },
      update: { name: null, body: 'Notes', prerelease: 'true' },
    },
    pull_requests: {
      insert: { repository: 'octo/world', title: 'Pull', head: 'feature', base: 'main' },
      update: { title: 'Pulled', state: 'closed' },
      deletes: false,
    },
    repositories: {
      insert: { name: 'mine', description: 'x', private: 'true' },
      update: { description: null, has_issues: 'false' },
    },
  }
  for (const [name, { insert, update, deletes = true }] of Object.entries(lives)) {
    for (const count of name === 'pull_requests' ? [1] : [1, 2]) {
      test(`${name} live: ${count} rows are made, changed and deleted, and the lists agree`, async () => {
        const settings = name === 'repositories' ? {} : undefined
        const before = await all(name, settings)
        const drafts = Array.from({ length: count }, (_, i): Draft => ({
          values: count === 1 ? insert : distinct(name, insert, i),
        }))
        const possible = name === 'pull_requests' ? await withBranches(drafts) : drafts
        const made = await written(name, 'insert', possible)
        await agree(name, made, settings)
        const changed = await written(
          name,
          'update',
          made.map(({ id, values }, i) => ({
            id,
            key: keyOf(name, values),
            values: 'name' in update && i > 0 ? { ...update, name: `other ${i}` } : update,
          })),
        )
        await agree(name, changed, settings)
        if (!deletes) return
        const keys = changed.map(({ id, values }, i) => ({
          id,
          key: keyOf(name, { ...made[i]?.values, ...values }),
        }))
        await written(name, 'delete', keys)
        assert.deepEqual([...(await all(name, settings)).keys()], [...before.keys()])
      })
    }
  }

  /** Columns that GitHub leaves out of its lists are not compared. */
  async function agree(
    name: string,
    rows: readonly Row[],
    settings: Caller['settings'] | undefined,
  ) {
    const listed = await all(name, settings)
    for (const { id, values } of rows) {
      const other = listed.get(id)
      assert.ok(other, `${name} ${id} is listed`)
      for (const [column, value] of Object.entries(values)) {
        if (column in other) assert.equal(value, other[column], `${name}.${column}`)
      }
    }
  }

  function distinct(name: string, values: Values, i: number): Values {
    const column =
      { labels: 'name', releases: 'tag_name', repositories: 'name', milestones: 'title' }[name]
    return column === undefined ? values : { ...values, [column]: `${values[column]}-${i}` }
  }

  /** The seed has one pair of branches, in octo/hello, which may have its pull request already. */
  async function withBranches(drafts: readonly Draft[]): Promise<readonly Draft[]> {
    const open = [...(await all('pull_requests')).entries()]
    for (const [id, values] of open) {
      if (values['state'] !== 'open') continue
      const key = keyOf('pull_requests', values)
      await written('pull_requests', 'update', [{ id, key, values: { state: 'closed' } }])
    }
    return drafts.slice(0, 1).map(({ values = {} }) => ({
      values: { ...values, repository: 'octo/hello' },
    }))
  }

  test('comments on several issues are one document, and are listed with their issues', async () => {
    const drafts = [1, 2, 1].map((n): Draft => ({
      values: { repository: 'octo/hello', issue_number: String(n), body: `Comment on ${n}` },
    }))
    const made = await written('issue_comments', 'insert', drafts)
    assert.deepEqual(await heard(), ['POST /graphql'])
    const listed = await all('issue_comments')
    for (const { id, values } of made) assert.deepEqual(values, listed.get(id))
  })

  test('closing with a reason keeps the reason', async () => {
    const made = await written('issues', 'insert', someIssues(2))
    const rows = await written(
      'issues',
      'update',
      made.map(({ id, values }) => ({
        id,
        key: keyOf('issues', values),
        values: { state: 'closed', state_reason: 'not_planned' },
      })),
    )
    assert.deepEqual(rows.map(({ values }) => values['state_reason']), [
      'not_planned',
      'not_planned',
    ])
    const listed = await all('issues')
    for (const { id, values } of rows) assert.deepEqual(values, listed.get(id))
  })

  test('what GitHub refuses is refused with the words of Postgres, and nothing is written', async () => {
    const cases: [string, Operation, Draft[], string, string?][] = [
      [
        'labels',
        'insert',
        [{ values: { repository: 'octo/hello', name: 'bug', color: 'ff0000' } }],
        '23505',
        'name',
      ],
      [
        'labels',
        'insert',
        [{ values: { repository: 'octo/hello', name: 'x', color: 'nope' } }],
        '23514',
        'color',
      ],
      ['issues', 'insert', [issue(0, { labels: '["no such label"]' })], '23503', 'labels'],
      ['issues', 'insert', someIssues(2, { labels: '["no such label"]' }), '23503', 'labels'],
      ['issues', 'insert', someIssues(2, { milestone: '99' }), '23503', 'milestone'],
      [
        'issues',
        'insert',
        someIssues(2, { assignees: '["nobody-of-that-name"]' }),
        '23503',
        'assignees',
      ],
      ['issues', 'insert', [{ values: { repository: 'octo/secret', title: 'x' } }], '42501'],
      [
        'issues',
        'insert',
        [issue(0), issue(1)].map(() => ({ values: { repository: 'octo/secret', title: 'x' } })),
        '42501',
        'repository',
      ],
      ['issues', 'insert', [{ values: { repository: 'octo/no-issues', title: 'x' } }], '0A000'],
      [
        'releases',
        'insert',
        [{ values: { repository: 'octo/hello', tag_name: 'v0.1.0' } }],
        '23505',
      ],
      ['issue_comments', 'insert', [{
        values: { repository: 'octo/hello', issue_number: '9999', body: 'x' },
      }], '42501'],
      [
        'issue_comments',
        'insert',
        [1, 2].map(() => ({
          values: { repository: 'octo/hello', issue_number: '9999', body: 'x' },
        })),
        '23503',
        'issue_number',
      ],
      [
        'pull_requests',
        'insert',
        [{ values: { repository: 'octo/hello', title: 'x', head: 'nope', base: 'main' } }],
        '23514',
        'head',
      ],
      ['issues', 'delete', [{
        key: { repository: 'octo/hello', number: '9999', node_id: 'I_gone' },
      }], 'P0002'],
      ['milestones', 'delete', [{ key: { repository: 'octo/hello', number: '9999' } }], 'P0002'],
    ]
    for (const [name, operation, drafts, sqlstate, column] of cases) {
      const before = await all('issues')
      const outcome = await write(name, operation, drafts)
      const what = `${name} ${operation} ${JSON.stringify(drafts)}: ${JSON.stringify(outcome)}`
      assert.equal(outcome.state, 'refused', what)
      assert.equal(faultOf(outcome).sqlstate, sqlstate, what)
      if (column !== undefined) assert.equal(faultOf(outcome).column, column, what)
      assert.deepEqual(await all('issues'), before)
    }
  })

  test('a title that is empty refuses its row alone, and the others are there', async () => {
    const before = (await all('issues')).size
    const drafts = [issue(0), { values: { repository: 'octo/hello', title: '' } }, issue(2)]
    const outcome = await write('issues', 'insert', drafts)
    assert.ok(outcome.state === 'partial', JSON.stringify(outcome))
    assert.deepEqual(outcome.rows.map(({ ordinal }) => ordinal), [1, 3])
    const [other] = outcome.others
    assert.ok(other?.state === 'refused')
    assert.equal(other.fault.row, 2)
    assert.equal((await all('issues')).size, before + 2)
  })

  test('a reply that is lost is unknown, and was carried out once', async () => {
    const before = (await all('issues')).size
    await mischief('lost-reply')
    const outcome = await write('issues', 'insert', [issue(0)])
    assert.equal(outcome.state, 'unknown')
    assert.equal((await all('issues')).size, before + 1)
  })

  test('a request that is dropped is not sent again', async () => {
    const before = (await all('issues')).size
    await mischief('drop')
    const outcome = await write('issues', 'insert', [issue(0)])
    assert.equal(faultOf(outcome).sqlstate, '40003')
    assert.equal((await all('issues')).size, before)
  })

  test('an issue that was moved or deleted at GitHub is gone, and the HINT says which', async () => {
    for (const [number, hint] of [['5', /moved/], ['6', /next sync removes/]] as const) {
      const key = { repository: 'octo/hello', number, node_id: 'I_gone' }
      const values = { state: 'closed', state_reason: 'completed' }
      const outcome = await write('issues', 'update', [{ key, values }])
      assert.equal(faultOf(outcome).sqlstate, 'P0002', JSON.stringify(outcome))
      assert.match(faultOf(outcome).hint ?? '', hint)
      const titled = await write('issues', 'update', [{ key, values: { title: 'x' } }])
      assert.equal(faultOf(titled).sqlstate, 'P0002', JSON.stringify(titled))
    }
  })

  /** Something that another user of GitHub does. */
  async function elsewhere(method: 'POST' | 'PATCH', path: string, body: unknown): Promise<void> {
    const url = sandbox.platformUrl('github') + path
    const headers = { authorization: 'Bearer sandbox', 'user-agent': 'someone' }
    const answer = await http.send({
      method,
      url,
      headers,
      body: JSON.stringify(body),
      waitMs: 60_000,
    })
    assert.ok(answer.status < 300, answer.body)
  }

  test('a label called .. is a label, and never its repository', async () => {
    for (const name of ['..', '.', '%2e%2e', 'a/../b', 'a?b#c']) {
      const before = [...(await all('repositories')).keys()]
      const [made] = await written('labels', 'insert', [{
        values: { repository: 'octo/hello', name },
      }])
      assert.ok(made)
      const draft = { id: made.id, key: keyOf('labels', made.values) }
      const [changed] = await written('labels', 'update', [{
        ...draft,
        values: { description: 'changed' },
      }])
      assert.equal(changed?.values['description'], 'changed')
      assert.equal((await all('labels')).get(made.id)?.['name'], name)
      await written('labels', 'delete', [draft])
      assert.equal((await all('labels')).has(made.id), false)
      assert.deepEqual([...(await all('repositories')).keys()], before)
    }
  })

  test('a label whose name went to another one is changed and deleted itself', async () => {
    const path = '/repos/octo/hello/labels'
    const [made] = await written('labels', 'insert', [{
      values: { repository: 'octo/hello', name: 'alpha' },
    }])
    assert.ok(made)
    await elsewhere('PATCH', `${path}/alpha`, { new_name: 'omega' })
    await elsewhere('POST', path, { name: 'alpha', color: 'ff0000' })
    const draft = { id: made.id, key: keyOf('labels', made.values) }
    const [changed] = await written('labels', 'update', [{
      ...draft,
      values: { description: 'meant' },
    }])
    assert.equal(changed?.values['name'], 'omega')
    await written('labels', 'delete', [draft])
    const names = [...(await all('labels')).values()].map((values) => values['name'])
    assert.ok(names.includes('alpha') && !names.includes('omega'))
  })

  test('a repository whose name went to another one is left alone, and so is the other one', async () => {
    const made = await written('repositories', 'insert', [{ values: { name: 'one' } }])
    const [{ id, values } = { id: '', values: {} as Values }] = made
    const name = String(values['full_name'])
    const key = keyOf('repositories', values)
    await elsewhere('PATCH', `/repos/${name}`, { name: 'one-old' })
    const moved = await write('repositories', 'delete', [{ id, key }])
    assert.equal(faultOf(moved).sqlstate, 'P0002')
    assert.match(faultOf(moved).hint ?? '', /moved/)
    await elsewhere('POST', '/user/repos', { name: 'one' })
    for (const operation of ['update', 'delete'] as const) {
      const draft = { id, key, values: operation === 'update' ? { description: 'x' } : {} }
      const outcome = await write('repositories', operation, [draft])
      assert.equal(outcome.state, 'refused')
      assert.equal(faultOf(outcome).sqlstate, 'P0002')
      assert.match(faultOf(outcome).hint ?? '', /renamed, moved or replaced/)
    }
    const held = [...(await all('repositories', {})).values()]
    const names = held.map((each) => each['full_name'])
    assert.ok(names.includes(name) && names.includes(`${name}-old`))
  })

  test('an issue and a milestone of a repository that was replaced are not mistaken for others', async () => {
    const [place] = await written('repositories', 'insert', [{ values: { name: 'place' } }])
    const repository = String(place?.values['full_name'])
    const draft = [{ values: { repository, title: 'First' } }]
    const [issue] = await written('issues', 'insert', draft)
    const [milestone] = await written('milestones', 'insert', draft)
    assert.ok(issue && milestone)
    await elsewhere('PATCH', `/repos/${repository}`, { name: 'place-old' })
    await elsewhere('POST', '/user/repos', { name: 'place' })
    await written('issues', 'insert', [{ values: { repository, title: 'Second' } }])
    await written('milestones', 'insert', [{ values: { repository, title: 'Second' } }])
    const key = keyOf('issues', issue.values)
    const [changed] = await written('issues', 'update', [{
      id: issue.id,
      key,
      values: { title: 'Meant' },
    }])
    assert.equal(changed?.values['repository'], `${repository}-old`)
    const closed = { state: 'closed', state_reason: 'completed' }
    for (
      const [name, values] of [['issues', closed], ['milestones', { title: 'Meant' }]] as const
    ) {
      const row = name === 'issues' ? issue : milestone
      const outcome = await write(name, 'update', [{
        id: row.id,
        key: keyOf(name, row.values),
        values,
      }])
      assert.equal(faultOf(outcome).sqlstate, 'P0002', JSON.stringify(outcome))
    }
    const others = await all('milestones', { repositories: [repository] })
    assert.deepEqual([...others.values()].map((values) => values['title']), ['Second'])
  })

  test('a document whose reply is lost: its rows are unknown, and were made once', async () => {
    const before = (await all('issues')).size
    let sent = 0
    const cut: Http = {
      send: async (request) => {
        const written = request.body?.startsWith('{"query":"mutation') ?? false
        if (written && ++sent === 2) await mischief('lost-reply')
        return await http.send(request)
      },
      close: () => http.close(),
    }
    const outcome = await write('issues', 'insert', someIssues(25), { http: cut })
    assert.ok(outcome.state === 'partial', JSON.stringify(outcome).slice(0, 300))
    assert.equal(outcome.rows.length, 10)
    const states = outcome.others.map(({ state }) => state)
    assert.deepEqual(states, Array.from({ length: 15 }, (_, i) => i < 10 ? 'unknown' : 'unsent'))
    assert.equal((await all('issues')).size, before + 20)
  })

  test('a limit refuses, and says for how long', async () => {
    await mischief('429')
    const outcome = await write('issues', 'insert', [issue(0)])
    const { sqlstate, hint } = faultOf(outcome)
    assert.equal(sqlstate, '53400')
    assert.match(hint ?? '', /^Try again in \d+ seconds\.$/)
  })

  test('an access token that has expired is replaced, and every row is written once', async () => {
    const grant = {
      http,
      deadline: deadlineIn(60_000),
      tokenUrl: `${sandbox.platformUrl('github')}/login/oauth/access_token`,
      clientId: 'sandbox',
      clientSecret: 'sandbox',
    }
    let tokens = await github.refresh({ ...grant, refreshToken: 'sandbox' })
    let refreshes = 0
    const token = async (refused?: string) => {
      if (refused === tokens.accessToken) {
        refreshes += 1
        tokens = await github.refresh({ ...grant, refreshToken: tokens.refreshToken ?? '' })
      }
      return tokens.accessToken
    }
    const before = (await all('issues')).size
    await mischief('expire-token')
    const outcome = await write('issues', 'insert', someIssues(25), { token })
    assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
    assert.equal(refreshes, 1)
    assert.equal((await all('issues')).size, before + 25)
  })
})

describe('with the limits in force', () => {
  test('rows beyond what may be made in a minute are held back, and each row is told the truth', async () => {
    // a clock that stands still: the minute does not pass while a busy machine sends
    const now = Date.now()
    const strict = await startSandbox({ port: 0, limits: true, now: () => now })
    try {
      const at = caller({ baseUrl: strict.platformUrl('github') })
      const outcome = await github.write(
        mutation('issues', 'insert', someIssues(100)),
        tableNamed('issues'),
        at,
      )
      assert.ok(outcome.state === 'partial', JSON.stringify(outcome).slice(0, 300))
      assert.equal(outcome.rows.length, 80)
      const refused = outcome.others.filter(({ state }) => state === 'refused')
      assert.ok(refused.length > 0)
      for (const row of refused) {
        assert.ok(row.state === 'refused')
        assert.equal(row.fault.sqlstate, '53400')
      }
      assert.ok(outcome.others.every(({ state }) => state !== 'unknown'))
    } finally {
      await strict.close()
    }
  })
})

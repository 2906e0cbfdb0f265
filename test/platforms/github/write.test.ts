// Goal: a statement is as many requests as GitHub needs and no more; every answer becomes the outcome that it proves.
// Method: a server that answers what GitHub's documents say, and the ways in which answers go wrong.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { buildSchema, type GraphQLSchema, parse, validate } from 'graphql'
import { readFileSync } from 'node:fs'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { fault } from '../../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../../src/mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../../src/mutation/table.ts'
import { github } from '../../../src/platforms/github/index.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import {
  aliasesIn,
  type Answer,
  type Draft,
  errorAt,
  type Fake,
  fakeGithub,
  isLookUp,
  issueKey,
  issueNode,
  issueRecord,
  lookUpAnswer,
  mutation,
  type Script,
  tableOf,
} from './fake.ts'

let fake: Fake
let issues: SyncedTable
let schema: GraphQLSchema
const tables = new Map<string, SyncedTable>()

before(async () => {
  fake = await fakeGithub()
  for (const name of ['issues', 'labels', 'milestones', 'issue_comments', 'releases']) {
    tables.set(name, await tableOf(name))
  }
  for (const name of ['pull_requests', 'repositories']) tables.set(name, await tableOf(name))
  issues = tableNamed('issues')
  const source = '../../../node_modules/@octokit/graphql-schema/schema.graphql'
  const text = readFileSync(new URL(source, import.meta.url), 'utf8')
  schema = buildSchema(text, { assumeValid: true })
})
after(() => fake.close())

function tableNamed(name: string): SyncedTable {
  const table = tables.get(name)
  assert.ok(table)
  return table
}

async function write(what: Mutation, more: Partial<Caller> = {}): Promise<Outcome> {
  return await github.write(what, tableNamed(what.table), fake.caller(more))
}

function planned(what: Mutation) {
  return github.requests(what, tableNamed(what.table), { baseUrl: fake.url, settings: {} })
}

/** Answers look-ups by themselves; everything else by these, in turn. */
function playWrites(...scripts: (Script | Answer)[]) {
  let next = 0
  fake.play((asked, response) => {
    if (isLookUp(asked)) return lookUpAnswer(asked)
    const script = scripts[Math.min(next++, scripts.length - 1)]
    return typeof script === 'function' ? script(asked, response) : script
  })
}

const writes = () => fake.asked.filter((asked) => !isLookUp(asked))

function outcomeRows(outcome: Outcome) {
  assert.ok(outcome.state === 'accepted', JSON.stringify(outcome))
  return outcome.rows
}

function faultIn(outcome: Outcome, state: 'refused' | 'unknown' | 'partial') {
  const found: string = outcome.state
  assert.ok(found === state && outcome.state !== 'accepted', JSON.stringify(outcome))
  return outcome.fault
}

/** What became of each row of a partial outcome. */
function statesIn(outcome: Outcome): string[] {
  const detail = JSON.parse(faultIn(outcome, 'partial').detail ?? '') as { state: string }[]
  return detail.map(({ state }) => state)
}

const newIssue = (n: number, more = {}): Draft => ({
  values: { repository: 'octo/hello', title: `Issue ${n}`, ...more },
})
const newIssues = (count: number, more = {}) =>
  mutation('issues', 'insert', Array.from({ length: count }, (_, n) => newIssue(n, more)))
const someIssues = (operation: Operation, count: number, values = {}) =>
  mutation(
    'issues',
    operation,
    Array.from({ length: count }, (_, n) => ({ values, key: issueKey(n) })),
  )

/** Answers every document as carried out; issues are numbered on. */
function carriesOut(payload: (n: number) => unknown): Script {
  let n = 0
  return (asked) => ({
    body: {
      data: Object.fromEntries(
        Array.from({ length: aliasesIn(asked) }, (_, i) => [`m${i}`, payload(n++)]),
      ),
    },
  })
}

const created = () => carriesOut((n) => ({ issue: issueNode(n) }))

function checkDocuments() {
  for (const { body } of fake.asked.filter(({ url }) => url.endsWith('/graphql'))) {
    const { query } = JSON.parse(body) as { query: string }
    assert.deepEqual(validate(schema, parse(query)).map(({ message }) => message), [], query)
  }
}

describe('how many requests a statement is', () => {
  for (const [count, documents] of [[2, 1], [10, 1], [11, 2], [100, 10]] as const) {
    test(`${count} new issues are ${documents} documents after one look-up of names`, async () => {
      playWrites(created())
      const what = newIssues(count, {
        labels: '["bug","Bug"]',
        assignees: '["octocat"]',
        milestone: '3',
      })
      const rows = outcomeRows(await write(what))
      assert.equal(rows.length, count)
      assert.equal(rows.at(-1)?.id, String(1000 + count - 1))
      assert.equal(fake.asked.filter(isLookUp).length, 1)
      assert.equal(writes().length, documents)
      assert.ok(fake.asked.every(({ url }) => url === '/github/graphql'))
      checkDocuments()
      const input = JSON.parse(writes()[0]?.body ?? '').variables.i0
      assert.deepEqual(input, {
        repositoryId: 'N_a0',
        title: 'Issue 0',
        labelIds: ['N_a1', 'N_a1'],
        assigneeIds: ['N_a2'],
        milestoneId: 'N_a3',
      })
    })

    test(`${count} issues are updated and deleted with ${documents} documents`, async () => {
      playWrites(created())
      await write(someIssues('update', count, { title: 'x', body: null, state: 'closed' }))
      assert.equal(fake.asked.length, documents)
      assert.deepEqual(JSON.parse(fake.asked[0]?.body ?? '').variables.i1, {
        id: 'I_1',
        title: 'x',
        body: '',
        state: 'CLOSED',
      })
      checkDocuments()
      playWrites(carriesOut(() => ({ clientMutationId: null })))
      const rows = outcomeRows(await write(someIssues('delete', count)))
      assert.equal(rows.length, count)
      assert.deepEqual(rows[0], { ordinal: 1, id: '1000', values: null })
      assert.equal(fake.asked.length, documents)
      checkDocuments()
    })
  }

  test('one new issue is one request, and the record comes back with it', async () => {
    fake.play({ status: 201, body: issueRecord(0, {}, '9007199254740993123') })
    const [row] = outcomeRows(await write(newIssues(1, { body: 'Hi', milestone: '3' })))
    assert.equal(fake.asked.length, 1)
    const [asked] = fake.asked
    assert.equal(`${asked?.method} ${asked?.url}`, 'POST /github/repos/octo/hello/issues')
    assert.equal(asked?.body, '{"title":"Issue 0","body":"Hi","milestone":3}')
    assert.equal(asked?.headers['authorization'], 'Bearer first')
    assert.equal(asked?.headers['x-github-api-version'], '2022-11-28')
    assert.equal(asked?.headers['accept'], 'application/vnd.github+json')
    assert.equal(asked?.headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(row?.id, '9007199254740993123')
    assert.deepEqual(row?.values, {
      id: '9007199254740993123',
      node_id: 'I_0',
      repository: 'octo/hello',
      number: '1',
      title: 'Issue 0',
      body: null,
      state: 'open',
      state_reason: null,
      labels: '["bug"]',
      assignees: '[]',
      milestone: '3',
      user: 'octocat',
      author_association: 'OWNER',
      locked: 'false',
      active_lock_reason: null,
      comments: '0',
      created_at: '2026-11-22T10:20:30+00:00',
      updated_at: '2026-11-22T10:20:30+00:00',
      closed_at: null,
      html_url: 'https://github.com/octo/hello/issues/1',
    })
  })

  test('both APIs give the same row', async () => {
    fake.play({ status: 201, body: issueRecord(0) })
    const [rest] = outcomeRows(await write(newIssues(1)))
    playWrites(created())
    const [graphql] = outcomeRows(await write(newIssues(2)))
    assert.deepEqual(graphql?.values, rest?.values)
  })

  test('one issue with labels is written after a look-up, since GitHub would make new labels', async () => {
    playWrites({ status: 201, body: issueRecord(0) })
    outcomeRows(await write(newIssues(1, { labels: '["bug"]' })))
    assert.equal(fake.asked.length, 2)
    assert.equal(fake.asked[1]?.body, '{"title":"Issue 0","labels":["bug"]}')
  })

  test('a reason for closing goes by requests, which alone can carry it', async () => {
    fake.play(({ url }) => ({
      body: issueRecord(Number(url.split('/').at(-1)) - 1, { state_reason: 'not_planned' }),
    }))
    const what = someIssues('update', 3, { state: 'closed', state_reason: 'not_planned' })
    const rows = outcomeRows(await write(what))
    assert.equal(rows[2]?.values?.['state_reason'], 'not_planned')
    assert.deepEqual(fake.asked.map(({ method, url }) => `${method} ${url}`), [
      'GET /github/repos/octo/hello/issues/1',
      'PATCH /github/repos/octo/hello/issues/1',
      'GET /github/repos/octo/hello/issues/2',
      'PATCH /github/repos/octo/hello/issues/2',
      'GET /github/repos/octo/hello/issues/3',
      'PATCH /github/repos/octo/hello/issues/3',
    ])
  })

  test('labels are made by requests and changed by documents', async () => {
    let n = 0
    const label = () => ({
      status: 201,
      body:
        `{"id":${n},"node_id":"LA_${n}","url":"https://api.github.com/repos/octo/hello/labels/x","name":"n${n++}","color":"ff0000","description":null,"default":false}`,
    })
    fake.play(label)
    const rows = outcomeRows(
      await write(mutation('labels', 'insert', [
        { values: { repository: 'octo/hello', name: 'n0' } },
        { values: { repository: 'octo/hello', name: 'n1', description: null } },
      ])),
    )
    assert.deepEqual(rows[1]?.values, {
      id: '1',
      node_id: 'LA_1',
      repository: 'octo/hello',
      name: 'n1',
      color: 'ff0000',
      description: null,
      default: 'false',
    })
    const keys = [0, 1].map((i) => ({ node_id: `LA_${i}` }))
    playWrites(carriesOut((i) => ({
      label: {
        id: `LA_${i}`,
        name: `new ${i}`,
        color: 'ff0000',
        description: '',
        isDefault: false,
        repository: { nameWithOwner: 'octo/hello' },
      },
    })))
    const changed = outcomeRows(
      await write(
        mutation('labels', 'update', keys.map((key, i) => ({ key, values: { name: `new ${i}` } }))),
      ),
    )
    assert.equal(fake.asked.length, 1)
    assert.deepEqual(changed[1]?.values, {
      id: '1001',
      node_id: 'LA_1',
      repository: 'octo/hello',
      name: 'new 1',
      color: 'ff0000',
      description: null,
      default: 'false',
    })
    checkDocuments()
    assert.deepEqual(JSON.parse(fake.asked[0]?.body ?? '').variables.i1, {
      id: 'LA_1',
      name: 'new 1',
    })
  })

  test('one record alone is changed and deleted by its own id where GitHub takes one', async () => {
    const label = { id: 'LA_1', name: 'x', color: 'ff0000', description: '', isDefault: false }
    const key = { node_id: 'LA_1' }
    playWrites({ body: { data: { m0: { label } } } })
    outcomeRows(await write(mutation('labels', 'update', [{ key, values: { name: 'x' } }])))
    playWrites(carriesOut(() => ({ clientMutationId: null })))
    const [gone] = outcomeRows(await write(mutation('labels', 'delete', [{ key }])))
    assert.deepEqual(gone, { ordinal: 1, id: '1000', values: null })
    assert.deepEqual(JSON.parse(fake.asked[0]?.body ?? '').variables, { i0: { id: 'LA_1' } })
    playWrites(created())
    outcomeRows(await write(someIssues('update', 1, { title: 'x' })))
    assert.deepEqual(fake.asked.map(({ url }) => url), ['/github/graphql'])
    checkDocuments()
  })

  test('comments are documents, with the number of the issue they were given', async () => {
    playWrites(carriesOut((n) => ({
      commentEdge: {
        node: {
          id: `IC_${n}`,
          fullDatabaseId: `${9007199254740993n + BigInt(n)}`,
          body: 'Hi',
          author: { __typename: 'Bot', login: 'sluice' },
          repository: { nameWithOwner: 'octo/hello' },
        },
      },
    })))
    const values = { repository: 'octo/hello', issue_number: '7', body: 'Hi' }
    const rows = outcomeRows(
      await write(mutation('issue_comments', 'insert', [{ values }, { values }])),
    )
    assert.equal(rows[1]?.id, '9007199254740994')
    assert.equal(rows[1]?.values?.['issue_number'], '7')
    assert.equal(rows[1]?.values?.['user'], 'sluice[bot]')
    assert.equal(fake.asked.length, 2)
    checkDocuments()
  })

  test('the other tables are a request a row', async () => {
    const cases: [string, Operation, Draft, string, string?, 'checked'?][] = [
      [
        'milestones',
        'insert',
        {
          values: { repository: 'o/r', title: 'One', due_on: '2026-12-01 02:00:00+02' },
        },
        'POST /repos/o/r/milestones',
        '{"title":"One","due_on":"2026-12-01T00:00:00Z"}',
      ],
      [
        'milestones',
        'update',
        {
          key: { repository: 'o/r', number: '4' },
          values: { due_on: null, description: null },
        },
        'PATCH /repos/o/r/milestones/4',
        '{"due_on":null,"description":""}',
        'checked',
      ],
      [
        'milestones',
        'delete',
        { key: { repository: 'o/r', number: '4' } },
        'DELETE /repos/o/r/milestones/4',
        '',
        'checked',
      ],
      [
        'releases',
        'insert',
        { values: { repository: 'o/r', tag_name: 'v1', draft: 'true' } },
        'POST /repos/o/r/releases',
        '{"tag_name":"v1","draft":true}',
      ],
      [
        'releases',
        'update',
        { key: { repository: 'o/r' }, values: { name: 'One' } },
        'PATCH /repos/o/r/releases/1000',
        '{"name":"One"}',
      ],
      ['releases', 'delete', { key: { repository: 'o/r' } }, 'DELETE /repos/o/r/releases/1000'],
      [
        'pull_requests',
        'insert',
        {
          values: { repository: 'o/r', title: 'x', head: 'a', base: 'main', draft: 'false' },
        },
        'POST /repos/o/r/pulls',
        '{"title":"x","head":"a","base":"main","draft":false}',
      ],
      [
        'pull_requests',
        'update',
        { key: { repository: 'o/r', number: '8' }, values: { state: 'closed' } },
        'PATCH /repos/o/r/pulls/8',
        '{"state":"closed"}',
        'checked',
      ],
      [
        'repositories',
        'insert',
        { values: { name: 'x', private: 'true' } },
        'POST /user/repos',
        '{"name":"x","private":true}',
      ],
      [
        'repositories',
        'insert',
        { values: { owner: 'org', name: 'x' } },
        'POST /orgs/org/repos',
        '{"name":"x"}',
      ],
      [
        'repositories',
        'update',
        { key: { full_name: 'o/r' }, values: { archived: 'true' } },
        'PATCH /repos/o/r',
        '{"archived":true}',
        'checked',
      ],
      ['repositories', 'delete', { key: { full_name: 'o/r' } }, 'DELETE /repos/o/r', '', 'checked'],
      [
        'issue_comments',
        'update',
        { key: { repository: 'o/r', node_id: 'IC' }, values: { body: 'x' } },
        'PATCH /repos/o/r/issues/comments/1000',
        '{"body":"x"}',
      ],
      [
        'issue_comments',
        'insert',
        { values: { repository: 'o/r', issue_number: '7', body: 'x' } },
        'POST /repos/o/r/issues/7/comments',
        '{"body":"x"}',
      ],
    ]
    for (const [table, operation, draft, request, body = '', checked] of cases) {
      const status = operation === 'insert' ? 201 : operation === 'update' ? 200 : 204
      const answer = { status, body: '{"id":1000,"name":"x"}' }
      if (checked === undefined) fake.play(answer)
      else fake.play({ body: '{"id":1000}' }, answer)
      const what = mutation(table, operation, [draft])
      const [row] = outcomeRows(await write(what))
      assert.equal(row?.id, '1000', request)
      const asked = fake.asked.at(-1)
      const said = fake.asked.map(({ method, url }) => `${method} ${url.replace('/github', '')}`)
      const check = request.replace(/^\w+/, 'GET')
      assert.deepEqual(said, checked === undefined ? [request] : [check, request])
      assert.equal(asked?.body, body)
      assert.deepEqual(planned(what).map(({ method, path }) => `${method} ${path}`), [request])
    }
  })

  test('what is announced is what is sent, and costs the same', async () => {
    const documents = created()
    playWrites((asked, response) =>
      asked.url.endsWith('/graphql')
        ? documents(asked, response)
        : { status: 201, body: issueRecord(0) }
    )
    const at = { baseUrl: fake.url, settings: {} }
    const whats = [
      newIssues(1),
      newIssues(23),
      someIssues('update', 1, { title: 'x' }),
      someIssues('update', 12, { body: 'm0: createIssue(input: $i0)","variables":{}' }),
      someIssues('delete', 1),
    ]
    for (const what of whats) {
      fake.asked.length = 0
      await write(what)
      const sent = writes().map(({ method, url, body }) => ({
        method,
        path: url.replace('/github', ''),
        charges: github.rates.charges(
          { method: method as 'POST', url: `http://127.0.0.1${url}`, body },
          at,
        ),
      }))
      const announced = planned(what)
      assert.deepEqual(
        announced.map(({ rows: _rows, ...request }) => request).slice(0, sent.length),
        sent,
      )
      assert.equal(announced.reduce((sum, { rows }) => sum + rows, 0), what.rows.length)
    }
    const [first] = planned(newIssues(23))
    assert.deepEqual(first?.charges.find(({ rule }) => rule === 'content_minute')?.units, 10)
  })

  test('an enterprise server has its documents beside its REST API', async () => {
    playWrites(created())
    await write(newIssues(2), { baseUrl: fake.url.replace('/github', '/api/v3') })
    assert.deepEqual(fake.asked.map(({ url }) => url), ['/api/graphql', '/api/graphql'])
  })

  test('numbers reach the wire with every digit', async () => {
    const big = '123456789012345678'
    const base = issues.columns.map((column) => column)
    fake.play({ status: 201, body: issueRecord(0, {}, big) })
    const [row] = outcomeRows(
      await github.write(
        newIssues(1, { milestone: big }),
        { ...issues, columns: base },
        fake.caller(),
      ),
    )
    assert.match(fake.asked[0]?.body ?? '', new RegExp(`"milestone":${big}[,}]`))
    assert.equal(row?.values?.['id'], big)
  })

  test('no rows are no request', async () => {
    fake.play()
    assert.deepEqual(outcomeRows(await write(newIssues(0))), [])
    assert.equal(fake.asked.length, 0)
  })
})

describe('what is refused before anything is sent', () => {
  const at = { key: issueKey(0) }
  const cases: Record<string, { what: Mutation; code: string; column?: string; row?: number }> = {
    'more rows than 100': { what: newIssues(101), code: 'too_many_rows' },
    'deleting a pull request': {
      what: mutation('pull_requests', 'delete', [{ key: { repository: 'o/r', number: '1' } }]),
      code: 'form_not_supported',
    },
    'a column that is computed': {
      what: mutation('issues', 'update', [{ ...at, values: { user: 'x' } }]),
      code: 'column_read_only',
      column: 'user',
      row: 1,
    },
    'a column that is not there': {
      what: mutation('issues', 'update', [{ ...at, values: { nope: 'x' } }]),
      code: 'column_unknown',
      column: 'nope',
    },
    'no repository': {
      what: mutation('issues', 'insert', [newIssue(0), { values: { title: 'x' } }]),
      code: 'required_value_missing',
      column: 'repository',
      row: 2,
    },
    'a repository without an owner': {
      what: mutation('issues', 'insert', [{ values: { repository: 'hello', title: 'x' } }]),
      code: 'value_not_of_type',
      column: 'repository',
    },
    'a repository that a URL would resolve': {
      what: mutation('issues', 'insert', [{ values: { repository: 'octo/..', title: 'x' } }]),
      code: 'value_not_of_type',
      column: 'repository',
    },
    'a title set to null, by document': {
      what: someIssues('update', 2, { title: null }),
      code: 'required_value_missing',
      column: 'title',
    },
    'a state that GitHub does not have, by document': {
      what: someIssues('update', 2, { state: 'merged' }),
      code: 'validation_error',
      column: 'state',
    },
    'a list with null in it': {
      what: newIssues(1, { labels: '["bug",null]' }),
      code: 'value_not_of_type',
      column: 'labels',
    },
    'a moment that has no end': {
      what: mutation('milestones', 'insert', [{
        values: { repository: 'o/r', title: 'x', due_on: 'infinity' },
      }]),
      code: 'value_out_of_range',
      column: 'due_on',
    },
    'a row without what addresses it': {
      what: mutation('issues', 'delete', [{
        key: { repository: 'o/r', number: '1', node_id: null },
      }]),
      code: 'required_value_missing',
      column: 'node_id',
    },
    'an organization that a URL would resolve': {
      what: mutation('repositories', 'insert', [{ values: { owner: '..', name: 'x' } }]),
      code: 'value_not_of_type',
      column: 'owner',
    },
    'an organization without a name': {
      what: mutation('repositories', 'insert', [{ values: { owner: '', name: 'x' } }]),
      code: 'value_not_of_type',
      column: 'owner',
    },
    'a label without what addresses it': {
      what: mutation('labels', 'delete', [{ key: { node_id: null } }]),
      code: 'required_value_missing',
      column: 'node_id',
    },
    'an id that is none': {
      what: mutation('releases', 'delete', [{ id: '../1', key: { repository: 'o/r' } }]),
      code: 'value_not_of_type',
      column: 'id',
    },
  }
  for (const [name, { what, code, column, row }] of Object.entries(cases)) {
    test(name, async () => {
      fake.play()
      const found = faultIn(await write(what), 'refused')
      assert.equal(found.code, code)
      assert.equal(found.column, column)
      assert.equal(found.platform, 'github')
      assert.equal(found.table, what.table)
      if (row !== undefined) assert.equal(found.row, row)
      assert.equal(fake.asked.length, 0)
      if (code !== 'too_many_rows') assert.deepEqual(planned(what), [])
    })
  }

  const lookUps: Record<string, { with: object; answer: unknown; code: string; column: string }> = {
    'a label that the repository does not have': {
      with: { labels: '["bug","nope"]' },
      answer: { data: { a0: { id: 'R' }, a1: { it: { id: 'L' } }, a2: { it: null } } },
      code: 'reference_missing',
      column: 'labels',
    },
    'a milestone that the repository does not have': {
      with: { milestone: '99' },
      answer: { data: { a0: { id: 'R' }, a1: { it: null } } },
      code: 'reference_missing',
      column: 'milestone',
    },
    'a person whom GitHub does not know': {
      with: { assignees: '["nobody"]' },
      answer: {
        data: { a0: { id: 'R' }, a1: null },
        errors: [
          errorAt('a1', 'NOT_FOUND', "Could not resolve to a User with the login of 'nobody'."),
        ],
      },
      code: 'reference_missing',
      column: 'assignees',
    },
    'a repository that is not there or not shown': {
      with: {},
      answer: {
        data: { a0: null },
        errors: [errorAt('a0', 'NOT_FOUND', 'Could not resolve to a Repository')],
      },
      code: 'not_permitted',
      column: 'repository',
    },
  }
  for (const [name, { with: more, answer, code, column }] of Object.entries(lookUps)) {
    test(name, async () => {
      fake.play({ body: answer })
      const found = faultIn(await write(newIssues(2, more)), 'refused')
      assert.equal(found.code, code, JSON.stringify(found))
      assert.equal(found.column, column)
      assert.equal(found.row, 1)
      assert.equal(fake.asked.length, 1)
    })
  }

  test('a missing permission that GitHub shows as 404 says so in a HINT', async () => {
    fake.play({ status: 404, body: { message: 'Not Found' } })
    const insert = faultIn(await write(newIssues(1)), 'refused')
    assert.equal(insert.sqlstate, '42501')
    assert.match(insert.hint ?? '', /missing permission as 404/)
    const what = mutation('milestones', 'update', [{ key: issueKey(0), values: { title: 'x' } }])
    const update = faultIn(await write(what), 'refused')
    assert.equal(update.sqlstate, 'P0002')
    assert.match(update.hint ?? '', /missing permission as 404/)
  })

  test('names that cannot be looked up leave everything unwritten', async () => {
    for (
      const answer of [{ status: 502, body: 'oops' }, { body: '<html>' }, {
        body: { data: null, errors: [{ message: 'x' }] },
      }]
    ) {
      fake.play(answer)
      assert.equal(faultIn(await write(newIssues(2)), 'refused').code, 'platform_failed')
      assert.equal(fake.asked.length, 1)
    }
    fake.play((_asked, response) => void response.destroy())
    assert.equal(faultIn(await write(newIssues(2)), 'refused').code, 'platform_failed')
  })

  test('a limit met while looking names up says when to try again', async () => {
    const headers = { 'retry-after': '9' }
    const error = { type: 'RATE_LIMITED', message: 'API rate limit exceeded for user ID 1.' }
    fake.play({ headers, body: { errors: [error] } })
    const found = faultIn(await write(newIssues(2)), 'refused')
    assert.equal(found.sqlstate, '53400')
    assert.equal(found.hint, 'Try again in 9 seconds.')
    assert.equal(found.detail, 'API rate limit exceeded for user ID 1.')
  })

  test('a deadline that is over, a caller who left and a credential that is gone send nothing', async () => {
    fake.play()
    const over = await write(newIssues(1), { deadline: deadlineIn(-1) })
    assert.equal(faultIn(over, 'refused').code, 'statement_timed_out')
    const left = await write(newIssues(1), { signal: AbortSignal.abort() })
    assert.equal(faultIn(left, 'refused').code, 'statement_cancelled')
    const revoked = await write(newIssues(1), {
      token: () => Promise.reject(fault('credential_refused', { platform: 'github' })),
    })
    assert.equal(faultIn(revoked, 'refused').code, 'credential_refused')
    assert.equal(fake.asked.length, 0)
  })
})

describe('some rows written, others not', () => {
  const document = (data: Record<string, unknown>, errors: unknown[] = []): Answer => ({
    body: { data, ...(errors.length > 0 ? { errors } : {}) },
  })

  test('a document says the truth for each row, and no later document is sent', async () => {
    playWrites(document(
      Object.fromEntries(
        Array.from({ length: 10 }, (_, i) => [`m${i}`, i === 3 ? null : { issue: issueNode(i) }]),
      ),
      [errorAt('m3', 'UNPROCESSABLE', "Title can't be blank")],
    ))
    const outcome = await write(newIssues(12))
    assert.deepEqual(statesIn(outcome), [
      ...Array.from({ length: 3 }, () => 'written'),
      'refused',
      ...Array.from({ length: 6 }, () => 'written'),
      'not sent',
      'not sent',
    ])
    assert.equal(writes().length, 1)
    assert.ok(outcome.state === 'partial')
    const [refused] = outcome.others
    assert.ok(refused?.state === 'refused')
    assert.equal(refused.fault.sqlstate, '23502')
    assert.equal(refused.fault.column, 'title')
    assert.equal(refused.fault.row, 4)
    assert.equal(outcome.rows.length, 9)
    assert.equal(outcome.rows[3]?.ordinal, 5)
  })

  test('requests stop at the first row that is refused', async () => {
    let n = 0
    fake.play(() =>
      n++ === 0
        ? {
          status: 201,
          body: '{"id":1,"url":"https://api.github.com/repos/o/r/labels/a","name":"a"}',
        }
        : {
          status: 422,
          body: {
            message: 'Validation Failed',
            errors: [{ resource: 'Label', code: 'already_exists', field: 'name' }],
          },
        }
    )
    const rows = ['a', 'b', 'c'].map((name) => ({ values: { repository: 'o/r', name } }))
    const outcome = await write(mutation('labels', 'insert', rows))
    assert.deepEqual(statesIn(outcome), ['written', 'refused', 'not sent'])
    assert.equal(fake.asked.length, 2)
    assert.ok(outcome.state === 'partial' && outcome.others[0]?.state === 'refused')
    assert.equal(outcome.others[0].fault.detail, 'Key (name)=(b) already exists.')
    assert.equal(outcome.others[0].fault.sqlstate, '23505')
  })

  test('rows that a limit held back are sent again in a document of their own', async () => {
    const held = (from: number, size: number) =>
      document(
        Object.fromEntries(
          Array.from(
            { length: size },
            (_, i) => [`m${i}`, i < from ? { issue: issueNode(i) } : null],
          ),
        ),
        Array.from({ length: size - from }, (_, i) =>
          errorAt(`m${from + i}`, 'UNPROCESSABLE', 'was submitted too quickly')),
      )
    playWrites(held(6, 10), created(), created())
    const outcome = await write(newIssues(12))
    assert.deepEqual(writes().map(aliasesIn), [10, 4, 2])
    assert.equal(outcomeRows(outcome).length, 12)
    const titles = JSON.parse(writes()[1]?.body ?? '').variables
    assert.equal(titles.i0.title, 'Issue 6')
  })

  test('a document of which a limit let nothing through is refused, and says when to try again', async () => {
    const answer = document(
      { m0: null, m1: null },
      ['m0', 'm1'].map((alias) => errorAt(alias, 'UNPROCESSABLE', 'was submitted too quickly')),
    )
    playWrites(answer)
    const found = faultIn(await write(newIssues(2)), 'refused')
    assert.equal(found.sqlstate, '53400')
    assert.equal(found.hint, 'Try again in 60 seconds.')
    assert.equal(writes().length, 1)
  })
})

describe('what cannot be known', () => {
  const lost: Record<string, Script | Answer> = {
    'a reply that is lost': (_asked, response) => void response.destroy(),
    'a failure of GitHub': { status: 502, body: { message: 'Server Error' } },
    'a page of HTML with status 200': {
      headers: { 'content-type': 'text/html' },
      body: '<html></html>',
    },
    'half an answer': (_asked, response) => {
      response.writeHead(201, { 'content-length': '100' })
      response.write('{"id":')
      response.destroy()
      return undefined
    },
    'a body that ends too early': { status: 201, body: '{"id":1,"node' },
    'a list where a record should be': { status: 201, body: [{ id: 1 }] },
    'a record without an id': { status: 201, body: { number: 7 } },
    'a time-out of a gateway': { status: 408, body: {} },
  }
  for (const [name, script] of Object.entries(lost)) {
    test(`${name} makes the row unknown, and it is sent once`, async () => {
      fake.play(script)
      const found = faultIn(await write(newIssues(1)), 'unknown')
      assert.equal(found.sqlstate, '40003')
      assert.equal(fake.asked.length, 1)
      playWrites(script)
      const several = faultIn(await write(newIssues(12)), 'unknown')
      assert.equal(several.sqlstate, '40003')
      assert.equal(writes().length, 1)
    })
  }

  test('a document that is lost leaves the written rows written and the later ones unsent', async () => {
    playWrites(created(), (_asked, response) => void response.destroy())
    const outcome = await write(newIssues(25))
    assert.equal(faultIn(outcome, 'partial').code, 'outcome_unknown')
    const states = statesIn(outcome)
    assert.equal(states.filter((state) => state === 'written').length, 10)
    assert.equal(states.filter((state) => state === 'unknown').length, 10)
    assert.equal(states.filter((state) => state === 'not sent').length, 5)
    assert.equal(writes().length, 2)
  })

  const documents: Record<string, { data: unknown; errors: unknown[] }> = {
    'an error without a type at the row': {
      data: { m0: null, m1: null },
      errors: ['m0', 'm1'].map((alias) => errorAt(alias, undefined, 'Something went wrong')),
    },
    'an error inside the record, which was made': {
      data: { m0: { issue: null }, m1: { issue: null } },
      errors: [{ type: 'FORBIDDEN', path: ['m0', 'issue', 'title'], message: 'no' }],
    },
    'an error below the row, of which nothing is left': {
      data: { m0: null, m1: null },
      errors: ['m0', 'm1'].map((alias) => ({
        type: 'FORBIDDEN',
        path: [alias, 'issue', 'title'],
        message: 'no',
      })),
    },
    'a document that took too long': {
      data: null,
      errors: [{ message: 'Something went wrong while executing your query.' }],
    },
    'rows that are not spoken of': { data: {}, errors: [] },
    'a record without its id': {
      data: {
        m0: { issue: issueNode(0, { fullDatabaseId: null }) },
        m1: { issue: issueNode(1, { fullDatabaseId: null }) },
      },
      errors: [],
    },
  }
  for (const [name, body] of Object.entries(documents)) {
    test(name, async () => {
      playWrites({ body })
      faultIn(await write(newIssues(2)), 'unknown')
      assert.equal(writes().length, 1)
    })
  }

  test('a document that does not fit the schema surely wrote nothing', async () => {
    const errors = [{
      message: "Field 'x' doesn't exist on type 'Issue'",
      locations: [{ line: 1, column: 1 }],
    }]
    playWrites({ body: { errors } })
    assert.equal(faultIn(await write(newIssues(2)), 'refused').code, 'platform_failed')
  })

  test('another record than the one meant is not taken for it', async () => {
    const key = { repository: 'o/r', number: '1' }
    fake.play({ body: '{"id":1000}' }, { body: '{"id":1005}' })
    const what = mutation('milestones', 'update', [{ key, values: { title: 'x' } }])
    assert.match(faultIn(await write(what), 'unknown').detail ?? '', /another record, 1005/)
    assert.equal(fake.asked.length, 2)
    playWrites(carriesOut((n) => ({ issue: issueNode(n + 5) })))
    faultIn(await write(someIssues('update', 2, { title: 'x' })), 'unknown')
  })

  test('a redirect is not followed: the record was moved', async () => {
    for (const status of [301, 307]) {
      fake.play({
        status,
        headers: { location: `${fake.url}/elsewhere` },
        body: { message: 'Moved Permanently' },
      })
      const what = mutation('milestones', 'update', [{ key: issueKey(0), values: { title: 'x' } }])
      const found = faultIn(await write(what), 'refused')
      assert.equal(found.sqlstate, 'P0002')
      assert.match(found.hint ?? '', /moved/)
      assert.deepEqual(fake.asked.map(({ method }) => method), ['GET'])
    }
    playWrites({ status: 302, headers: { location: '/elsewhere' }, body: '' })
    faultIn(await write(someIssues('update', 2, { title: 'x' })), 'unknown')
  })

  test('a server that is not there is told apart from a reply that is lost', async () => {
    const found = faultIn(
      await write(newIssues(1), { baseUrl: 'http://127.0.0.1:1/github' }),
      'refused',
    )
    assert.equal(found.sqlstate, '58030')
  })
})

describe('a record that is read before it is changed, since its address can go to another', () => {
  const key = { repository: 'octo/hello', number: '4', full_name: 'octo/hello' }
  const changes: [string, Operation, Record<string, string>][] = [
    ['milestones', 'update', { title: 'x' }],
    ['milestones', 'delete', {}],
    ['pull_requests', 'update', { title: 'x' }],
    ['repositories', 'update', { description: 'x' }],
    ['repositories', 'delete', {}],
    ['issues', 'update', { state_reason: 'completed' }],
  ]
  const answers: Record<string, { script: Script | Answer; sqlstate: string; words: RegExp }> = {
    'is another one by now': {
      script: { body: '{"id":1001}' },
      sqlstate: 'P0002',
      words: /another one now, of id 1001.*renamed, moved or replaced; nothing was written/,
    },
    'is gone': {
      script: { status: 404, body: { message: 'Not Found' } },
      sqlstate: 'P0002',
      words: /next sync removes/,
    },
    'is not answered in full': {
      script: { body: '{"id":10' },
      sqlstate: '58000',
      words: /nothing was written/,
    },
    'is not answered at all': {
      script: (_asked, response) => void response.destroy(),
      sqlstate: '58000',
      words: /nothing was written/,
    },
    'may not be read': {
      script: { status: 403, body: { message: 'Resource not accessible by integration' } },
      sqlstate: '42501',
      words: /not accessible/,
    },
    'cannot be read for a limit': {
      script: { status: 429, headers: { 'retry-after': '3' }, body: { message: 'slow down' } },
      sqlstate: '53400',
      words: /Try again in 3 seconds/,
    },
  }
  for (const [table, operation, values] of changes) {
    for (const [name, { script, sqlstate, words }] of Object.entries(answers)) {
      test(`${operation} of ${table}: one that ${name} is left alone`, async () => {
        fake.play(script)
        const what = mutation(table, operation, [{ key, values }, { key, values }])
        const found = faultIn(await write(what), 'refused')
        assert.equal(found.sqlstate, sqlstate, JSON.stringify(found))
        assert.match(JSON.stringify([found.message, found.detail, found.hint]), words)
        assert.equal(found.row, 1)
        assert.equal(found.table, table)
        assert.deepEqual(fake.asked.map(({ method }) => method), ['GET'])
      })
    }
  }

  test('rows before it stay written', async () => {
    const rows = [1, 2, 3].map((n) => ({ key: { ...key, number: String(n) } }))
    fake.play(({ method, url }) => {
      if (method === 'DELETE') return { status: 204, body: '' }
      return { body: url.endsWith('/2') ? '{"id":7}' : '{"id":1000}' }
    })
    const outcome = await write(mutation('milestones', 'delete', rows))
    assert.deepEqual(statesIn(outcome), ['written', 'refused', 'not sent'])
    assert.ok(outcome.state === 'partial' && outcome.others[0]?.state === 'refused')
    assert.equal(outcome.others[0].fault.code, 'record_gone')
  })
})

describe('what goes wrong after rows were written', () => {
  test('a credential that fails leaves the rows before it told as written', async () => {
    const make = created()
    playWrites(make)
    let asked = 0
    const token = () =>
      ++asked <= 2 ? Promise.resolve('first') : Promise.reject(new Error('the seal is broken'))
    const outcome = await write(newIssues(25), { token })
    const states = statesIn(outcome)
    assert.equal(states.filter((state) => state === 'written').length, 10)
    assert.equal(states[10], 'refused')
    assert.equal(states.filter((state) => state === 'not sent').length, 14)
    assert.ok(outcome.state === 'partial' && outcome.others[0]?.state === 'refused')
    assert.equal(outcome.others[0].fault.code, 'internal_error')
    assert.equal(writes().length, 1)
  })

  test('an address in a record that is no address is passed over, and the row is written', async () => {
    for (const url of ['https://x/repos/o/%zz/milestones/1', 'https://x/repos/o/a%2Fb/m/1', '%']) {
      fake.play({ status: 201, body: { id: 5, number: 1, url, title: 'x' } })
      const values = { repository: 'o/r', title: 'x' }
      const rows = outcomeRows(
        await write(mutation('milestones', 'insert', [{ values }, { values }])),
      )
      assert.deepEqual(rows.map((row) => row.values?.['repository']), ['o/r', 'o/r'])
    }
  })
})

describe('the credential', () => {
  test('a token that is refused in the middle is replaced once, and nothing is lost or doubled', async () => {
    const make = created()
    let documents = 0
    fake.play((asked, response) => {
      const stale = documents >= 1 && asked.headers['authorization'] === 'Bearer first'
      if (stale) return { status: 401, body: { message: 'Bad credentials' } }
      if (isLookUp(asked)) return lookUpAnswer(asked)
      documents += 1
      return make(asked, response)
    })
    const refusals: (string | undefined)[] = []
    let token = 'first'
    const rows = outcomeRows(
      await write(newIssues(30), {
        token: (refused) => {
          refusals.push(refused)
          if (refused !== undefined) token = 'second'
          return Promise.resolve(token)
        },
      }),
    )
    assert.deepEqual(
      rows.map(({ id }) => id),
      Array.from({ length: 30 }, (_, n) => String(1000 + n)),
    )
    assert.equal(refusals.filter((refused) => refused === 'first').length, 1)
    assert.equal(documents, 3)
  })

  test('a token that is refused twice is a refusal', async () => {
    fake.play({ status: 401, body: { message: 'Bad credentials' } })
    assert.equal(faultIn(await write(newIssues(1)), 'refused').sqlstate, '28000')
    assert.equal(fake.asked.length, 2)
  })
})

// Goal: nothing is lost in the circle of list, table, mutation and table, also of what GitHub's lists leave out: when all is
// quiet, the table is the platform. Method: the sandbox, the real adapter, a real database; compared field by field with the
// sandbox's own records.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { applyRows } from '../../src/database/index.ts'
import type { Values } from '../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../src/mutation/table.ts'
import { github } from '../../src/platforms/github/index.ts'
import { readDatabase } from '../../src/store/databases.ts'
import { requestLook, requestResync } from '../../src/store/tables.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { areQuiet, eventually, type Mirror, startMirror } from '../help/mirror.ts'
import { compareAll } from '../sync-kill/compare.ts'

let cluster: TestCluster
let mirror: Mirror
let table: SyncedTable

before(async () => {
  cluster = await testCluster()
  mirror = await startMirror(cluster)
  const [added] = await mirror.add('github', ['pull_requests'])
  assert.ok(added)
  table = added
  await control('/_seed/github/pull_requests', { method: 'POST', body: '{"count":250}' })
  await control('/_exchanges', { method: 'DELETE' })
  mirror.engine({ lookMs: 50 })
})
after(async () => {
  await mirror?.close()
  await cluster?.stop()
})

async function control(path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(mirror.sandbox.url + path, init)
  const text = await response.text()
  assert.ok(response.ok, `${path}: ${response.status} ${text}`)
  return text
}

/** What somebody else does at GitHub. */
async function act(method: string, path: string, body: unknown): Promise<string> {
  const headers = { authorization: 'Bearer sandbox', 'content-type': 'application/json' }
  return await control(`/github/repos/octo/hello/pulls/${path}`, {
    method,
    headers,
    body: JSON.stringify(body),
  })
}

async function becomesEqual(): Promise<void> {
  const look = async () => {
    const quiet = areQuiet(await mirror.states())
    const { differences } = await compareAll({
      sql: mirror.sql,
      sandboxUrl: mirror.sandbox.url,
    })
    return { quiet, differences }
  }
  await eventually(look, {
    holds: ({ quiet, differences }) => quiet && differences.length === 0,
    waitMs: 180_000,
    everyMs: 250,
  })
}

async function rowNumbered(number: number): Promise<Record<string, unknown>> {
  const [row] = await mirror.sql`
    select id::text, node_id, repository, number::text, title, maintainer_can_modify as may
    from github.pull_requests where repository = 'octo/hello' and number = ${number}`
  assert.ok(row)
  return row
}

/** A mutation: what the platform answers is in the table. */
async function mutate(number: number, values: Values): Promise<void> {
  const { id, repository, number: text } = await rowNumbered(number)
  const row = { ordinal: 1, id: String(id), values }
  const key = { repository: String(repository), number: String(text) }
  const { syncId, schema, name } = table
  const place = { id: randomUUID(), syncId, schema, table: name, operation: 'update' } as const
  const caller = await mirror.callers.callerFor('connection_github', {
    deadline: { at: Date.now() + 30_000 },
  })
  const outcome = await github.write({ ...place, rows: [{ ...row, key }] }, table, caller)
  assert.ok(outcome.state === 'accepted', JSON.stringify(outcome))
  const { ticketKey } = await readDatabase(mirror.store, 'database')
  await applyRows(mirror.sql, {
    table,
    operation: 'upsert',
    rows: outcome.rows,
    ticketKey: Buffer.from(ticketKey, 'base64'),
  })
}

interface Exchange {
  readonly url: string
  readonly requestBody: string
}

test('a table that is filled has what a list leaves out, for one document more a page', async () => {
  await becomesEqual()
  const counts = await mirror.sql`
    select maintainer_can_modify as may, count(*)::int as rows from github.pull_requests
    group by may order by may`
  assert.deepEqual(counts.map(({ may }) => may as unknown), [false, true])
  const exchanges = (await control('/_exchanges')).split('\n').filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Exchange)
  const changes = exchanges.findIndex(({ url }) => url.includes('sort=updated'))
  const filling = changes < 0 ? exchanges : exchanges.slice(0, changes)
  const paths = filling.map(({ url }) => url.split('?')[0] ?? '')
  assert.equal(paths.filter((path) => path.endsWith('/repos/octo/hello/pulls')).length, 3)
  const documents = filling.filter(({ requestBody }) => requestBody.includes('maintainerCanModify'))
  assert.equal(documents.length, 3)
  assert.deepEqual(paths.filter((path) => path.includes('/pulls/')), [])
})

test('what a mutation and what somebody at GitHub sets stays so, however the table is read again', async () => {
  const [mine, theirs, both] = [10, 11, 12]
  for (const number of [mine, theirs, both]) {
    await act('PATCH', String(number), { maintainer_can_modify: false })
  }
  await mutate(mine, { maintainer_can_modify: 'true', title: 'By a mutation' })
  assert.deepEqual((await rowNumbered(mine))['may'], true)
  await act('PATCH', String(theirs), { maintainer_can_modify: true })
  await mutate(both, { title: 'By a mutation' })
  await act('PATCH', String(both), { maintainer_can_modify: true })
  await requestLook(mirror.store, { syncId: table.syncId, tables: [table.name] })
  await becomesEqual()
  for (const number of [mine, theirs, both]) {
    assert.equal((await rowNumbered(number))['may'], true, String(number))
  }
  await mutate(theirs, { maintainer_can_modify: 'false' })
  await act('PUT', `${both}/merge`, {})
  const [before] = await mirror.states()
  await requestResync(mirror.store, { syncId: table.syncId, table: table.name })
  await eventually(() => mirror.states(), {
    holds: ([now]) => (now?.filledAt ?? 0) > (before?.filledAt ?? 0),
  })
  await becomesEqual()
  assert.equal((await rowNumbered(mine))['title'], 'By a mutation')
  assert.equal((await rowNumbered(mine))['may'], true)
  assert.equal((await rowNumbered(theirs))['may'], false)
})

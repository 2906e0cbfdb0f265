// Goal: a reply that is lost in the middle of a statement costs its client nothing: once the service has found out that the
// rows were written, those after them are sent, each once. Method: node-postgres against the whole system; GitHub, which
// takes a statement in several requests, loses a reply; then table and sandbox are compared.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import pg from 'pg'
import { type Exchange, startSystem, type System } from '../help/system.ts'

let system: System
let client: pg.Client

before(async () => {
  // what can be found out is, however slow the machine
  system = await startSystem({ env: { SLUICE_INQUIRY_WAIT_MS: '60000' } })
  client = new pg.Client({ connectionString: system.urlOf('github') })
  await client.connect()
})
after(async () => {
  await client?.end()
  await system?.stop()
})
beforeEach(async () => {
  await system.clearMischief()
  await system.clearExchanges()
})

const isWrite = ({ platform, method, url, requestBody }: Exchange) =>
  platform === 'github' && method !== 'GET' && !/access_token|oauth/.test(url) &&
  (!url.endsWith('/graphql') || requestBody.includes('mutation('))

/** Runs the statement while the reply to its first request is lost; how many requests changed something, and its answer. */
async function lose(text: string) {
  await system.clearExchanges()
  await system.mischief({ platform: 'github', kind: 'lost-reply' })
  const { rowCount, rows } = await client.query(text)
  const writes = (await system.exchanges()).filter(isWrite)
  assert.equal(writes[0]?.status, 0, 'the reply that is lost is that of a change')
  return { rowCount, rows, requests: writes.length }
}

/** The table and the sandbox have the same records of octo/hello by what they are called. */
async function assertMirrors(table: string, field: string, like: string): Promise<string[]> {
  const records = JSON.parse(await system.recordsText('github', table)) as Record<string, string>[]
  const there = records.map((record) => String(record[field])).filter((name) =>
    name.startsWith(like)
  ).toSorted()
  const rows = await system.sql.unsafe(
    `select ${field} as name from github.${table} where ${field} like '${like}%'`,
  )
  assert.deepEqual(rows.map(({ name }) => String(name)).toSorted(), there)
  return there
}

test('twelve issues are updated', async () => {
  await client.query(`insert into github.issues (repository, title)
    select 'octo/hello', 'held ' || n from generate_series(1, 12) n`)
  const updated = await lose(`update github.issues set title = title || '!'
    where title like 'held%' returning title`)
  assert.deepEqual([updated.rowCount, updated.requests], [12, 2])
  const titles = await assertMirrors('issues', 'title', 'held')
  assert.equal(titles.filter((title) => /^held \d+!$/.test(title)).length, 12)
})

test('three milestones are inserted, a request each', async () => {
  const inserted = await lose(`insert into github.milestones (repository, title)
    select 'octo/hello', 'held ' || n from generate_series(1, 3) n returning title`)
  assert.deepEqual([inserted.rowCount, inserted.requests], [3, 3])
  assert.equal((await assertMirrors('milestones', 'title', 'held')).length, 3)
})

test('twelve labels are deleted', async () => {
  await client.query(`insert into github.labels (repository, name, color)
    select 'octo/hello', 'held' || n, '123456' from generate_series(1, 12) n`)
  assert.equal((await assertMirrors('labels', 'name', 'held')).length, 12)
  const deleted = await lose(`delete from github.labels where name like 'held%'`)
  assert.deepEqual([deleted.rowCount, deleted.requests], [12, 2])
  assert.deepEqual(await assertMirrors('labels', 'name', 'held'), [])
})

test('a rest that is refused is told beside what was written', async () => {
  await client.query(`insert into github.milestones (repository, title) values
    ('octo/hello', 'held twice')`)
  const thrown = await lose(`insert into github.milestones (repository, title) values
    ('octo/hello', 'held first'), ('octo/hello', 'held twice'), ('octo/hello', 'held last')`)
    .then(() => null, (error: unknown) => error)
  assert.ok(thrown instanceof pg.DatabaseError, String(thrown))
  assert.equal(thrown.code, 'SL003')
  const told = JSON.parse(thrown.detail ?? '') as { state: string; sqlstate?: string }[]
  assert.deepEqual(
    told.map(({ state, sqlstate }) => [state, sqlstate]),
    [['written', undefined], ['refused', '23505'], ['not sent', undefined]],
  )
  const titles = await assertMirrors('milestones', 'title', 'held')
  assert.deepEqual(titles.filter((title) => /first|twice|last/.test(title)), [
    'held first',
    'held twice',
  ])
})

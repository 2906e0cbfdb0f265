// Goal: filling makes the table what the platform has, and never undoes a mutation that ran beside it. Method: a real
// customer's database, pages that the test serves, and changes that commit while a page is on its way.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { applyRows, ensureTable } from '../../src/database/index.ts'
import { silentLog } from '../../src/lib/log.ts'
import { fault } from '../../src/mutation/fault.ts'
import type { Values } from '../../src/mutation/mutation.ts'
import type { Caller, Page } from '../../src/platforms/platform.ts'
import { type Filled, fillTable } from '../../src/sync/fill.ts'
import { testCluster } from '../help/cluster.ts'
import { fakeAdapter } from '../service/help.ts'
import { contacts } from '../store/help.ts'
import { type Ground, makeGround, syncId } from './writer-help.ts'

const table = contacts(syncId)
const cluster = await testCluster()
let ground: Ground

before(async () => {
  ground = await makeGround(cluster)
})

after(async () => {
  await ground?.close()
  await cluster.stop()
})

beforeEach(async () => {
  const { owner, ticketKey } = ground
  const rows = (await owner`select id from salesforce.contacts`).map(({ id }) => ({
    id,
    values: {},
  }))
  await applyRows(owner, { table, operation: 'delete', rows, ticketKey })
})

type Row = Page['rows'][number]

const record = (id: string, email: string | null): Row => ({
  id,
  values: { email, name: `Name ${id}`, created_at: '2026-01-05T08:00:00+00:00' },
})

/** Serves these pages one after the other; `during` runs while page n (from 0) is on its way. */
function pages(all: Row[][], during: (n: number) => Promise<void> = () => Promise.resolve()) {
  return fakeAdapter({
    page: async (_table, cursor) => {
      const n = Number(cursor ?? 0)
      await during(n)
      return { rows: all[n] ?? [], next: n + 1 < all.length ? String(n + 1) : null }
    },
  })
}

function fill(adapter: ReturnType<typeof pages>): Promise<Filled> {
  const caller = () => Promise.resolve({} as Caller)
  const { sql, store, ticketKey } = ground
  return fillTable({ adapter, caller, sql, store, ticketKey, log: silentLog, now: Date.now }, table)
}

/** What a mutation does, in the journal and in the database. */
async function commit(id: string, values: Values | null): Promise<void> {
  const operation = values === null ? 'delete' : 'upsert'
  const mutation = await ground.begin({
    operation: values === null ? 'delete' : 'update',
    rows: [{ ordinal: 1, id, values: values ?? {} }],
  })
  await ground.accept(mutation, [{ id, values }])
  const { owner, ticketKey } = ground
  await applyRows(owner, { table, operation, rows: [{ id, values }], ticketKey })
  await ground.journal.applied([mutation.id])
}

const emails = () => ground.rows()

test('an empty table becomes what the platform has, page by page', async () => {
  const all = [[record('1', 'a'), record('2', null)], [record('3', 'c')], []]
  assert.deepEqual(await fill(pages(all)), { pages: 3, rows: 3, changed: 3, removed: 0, later: [] })
  assert.deepEqual(await emails(), { 1: 'a', 2: null, 3: 'c' })
  assert.deepEqual(await fill(pages(all)), { pages: 3, rows: 3, changed: 0, removed: 0, later: [] })
})

test('a table is listed as filled when it is, and not when filling it failed', async () => {
  await ground.owner`update sluice.synced set filled_at = null`
  const listed = async () => (await ground.owner`select state from sluice.tables`)[0]?.['state']
  const failing = fakeAdapter({ page: () => Promise.reject(fault('not_permitted')) })
  await assert.rejects(fill(failing), { code: 'not_permitted' })
  assert.equal(await listed(), 'filling')
  await fill(pages([[record('1', 'a')]]))
  assert.equal(await listed(), 'ready')
})

test('filling again writes what differs and removes what the platform no longer has', async () => {
  await fill(pages([[record('1', 'a'), record('2', 'b'), record('3', 'c')]]))
  const filled = await fill(pages([[record('2', 'new')], [record('3', 'c')]]))
  assert.deepEqual(filled, { pages: 2, rows: 2, changed: 1, removed: 1, later: [] })
  assert.deepEqual(await emails(), { 2: 'new', 3: 'c' })
})

test('a platform that has nothing empties the table', async () => {
  await fill(pages([Array.from({ length: 1200 }, (_, n) => record(String(n), 'a'))]))
  assert.deepEqual(await fill(pages([[]])), {
    pages: 1,
    rows: 0,
    changed: 0,
    removed: 1200,
    later: [],
  })
  assert.deepEqual(await emails(), {})
})

test('a column that the platform left out becomes null', async () => {
  await fill(pages([[record('1', 'a')]]))
  await fill(pages([[{ id: '1', values: { name: 'Name 1' } }]]))
  assert.deepEqual(await emails(), { 1: null })
})

test('ids with quotes, backslashes, commas and braces are ids like others', async () => {
  const ids = ['"', '\\', ',', '{}', "'", 'null', ' ']
  const all = [ids.map((id) => record(id, 'a'))]
  await fill(pages(all))
  assert.deepEqual(Object.keys(await emails()).sort(), [...ids].sort())
  assert.deepEqual(await fill(pages(all)), { pages: 1, rows: 7, changed: 0, removed: 0, later: [] })
})

test('a row that was updated while its page was on the way keeps the update', async () => {
  await fill(pages([[record('1', 'old'), record('2', 'old')]]))
  await fill(pages([[record('1', 'page'), record('2', 'page')]], async () => {
    await commit('1', { email: 'mutation' })
  }))
  assert.deepEqual(await emails(), { 1: 'mutation', 2: 'page' })
})

test('a row that was deleted while its page was on the way stays deleted', async () => {
  await fill(pages([[record('1', 'old'), record('2', 'old')]]))
  await fill(pages([[record('1', 'old'), record('2', 'old')]], async () => {
    await commit('1', null)
  }))
  assert.deepEqual(await emails(), { 2: 'old' })
})

test('a row that was inserted after its page was read is not removed', async () => {
  await fill(pages([[record('1', 'a')], [record('2', 'b')]], async (n) => {
    if (n === 1) await commit('0', { email: 'mutation' })
  }))
  assert.deepEqual(await emails(), { 0: 'mutation', 1: 'a', 2: 'b' })
})

test('a row that a mutation holds is left to it and named, while the others are written', async () => {
  await fill(pages([[record('1', 'old'), record('2', 'old'), record('3', 'old')]]))
  const held = await ground.owner.reserve()
  await held.unsafe('begin')
  await held.unsafe("select from salesforce.contacts where id in ('1', '2') for update")
  const { later } = await fill(pages([['1', '2', '3'].map((id) => record(id, 'page'))]))
  assert.deepEqual(later.map(({ id }) => id).sort(), ['1', '2'])
  assert.deepEqual(await emails(), { 1: 'old', 2: 'old', 3: 'page' })
  await held.unsafe('rollback')
  held.release()
})

test('a page that fails for a while is asked for again, another failure ends the filling', async () => {
  let tries = 0
  const flaky = pages([[record('1', 'a')]], () => {
    tries += 1
    return tries === 1 ? Promise.reject(fault('rate_limited')) : Promise.resolve()
  })
  assert.equal((await fill(flaky)).rows, 1)
  assert.equal(tries, 2)
  const refused = pages([[]], () => Promise.reject(fault('credential_refused')))
  await assert.rejects(fill(refused), { code: 'credential_refused' })
  assert.deepEqual(await emails(), { 1: 'a' })
})

test('a filling that failed in the middle is completed by the next one', async () => {
  await fill(pages([[record('9', 'gone')]]))
  const all = [[record('1', 'a')], [record('2', 'b')]]
  const broken = pages(
    all,
    (n) => n === 1 ? Promise.reject(new Error('broken')) : Promise.resolve(),
  )
  await assert.rejects(fill(broken), { message: 'broken' })
  assert.deepEqual(await emails(), { 1: 'a', 9: 'gone' })
  await fill(pages(all))
  assert.deepEqual(await emails(), { 1: 'a', 2: 'b' })
})

test('keys that have changed hands never make filling fail, and a newer one stays where it is', async () => {
  const columns = table.columns.map((one) =>
    one.name === 'email' ? { ...one, upsert: 'unique' as const } : one
  )
  await ensureTable(ground.owner, { ...table, columns })
  try {
    await fill(pages([[record('1', 'a'), record('2', 'b')], [record('3', 'c')]]))
    const first = await fill(pages([[record('1', 'b'), record('2', 'c')], [record('3', 'a')]]))
    // 3 lost its key to the first page, and has another one on the second
    const later = [{ id: '3', keys: {} }]
    assert.deepEqual(first, { pages: 2, rows: 3, changed: 3, removed: 0, later })
    assert.deepEqual(await emails(), { 1: 'b', 2: 'c', 3: 'a' })
    // 1 was made anew as 4
    await fill(pages([[record('2', 'c'), record('3', 'a'), record('4', 'b')]]))
    // which has lost its key, and is to be read: nobody but the platform knows whether it is gone
    assert.deepEqual(await emails(), { 1: null, 2: 'c', 3: 'a', 4: 'b' })
    await commit('1', null)
    // while the page is on its way 3 gives its key to 2
    await fill(pages([[record('3', 'a'), record('4', 'b')], [record('2', 'c')]], async (n) => {
      if (n > 0) return
      await commit('3', { email: 'z' })
      await commit('2', { email: 'a' })
    }))
    assert.deepEqual(await emails(), { 2: 'c', 3: 'z', 4: 'b' })
    await fill(pages([[record('3', 'z'), record('4', 'a')], [record('2', 'c')]], async (n) => {
      if (n === 0) await commit('2', { email: 'a' })
    }))
    assert.deepEqual(await emails(), { 2: 'c', 3: 'z', 4: 'b' })
  } finally {
    await ensureTable(ground.owner, table)
  }
})

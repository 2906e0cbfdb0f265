// Goal: one record, or one refusal, does not stop a table. Method: a model platform in memory that refuses some reads, a
// real database that refuses some rows, engines in this process.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { fault } from '../../src/mutation/fault.ts'
import type { Mutation } from '../../src/mutation/mutation.ts'
import type { Adapter } from '../../src/platforms/platform.ts'
import { noteHints, tooManyHints } from '../../src/store/hints.ts'
import { createJournal, requestHash } from '../../src/store/journal.ts'
import { readSync } from '../../src/store/syncs.ts'
import { requestResync, type TableState } from '../../src/store/tables.ts'
import type { Engine } from '../../src/sync/engine.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { areQuiet, eventually, type Mirror, startMirror } from '../help/mirror.ts'
import { createModelPlatform, type ModelPlatform } from '../help/model-platform.ts'

let cluster: TestCluster
let mirror: Mirror
let engines: Engine[] = []
const syncId = 'sync_salesforce'

before(async () => {
  cluster = await testCluster()
  mirror = await startMirror(cluster)
  await mirror.add('salesforce', ['Contact'])
})
beforeEach(async () => {
  await mirror.store.sql`delete from sluice_store.table_states`
  await mirror.store.sql`delete from sluice_store.hints`
  await mirror.sql.unsafe('delete from sluice.seen')
})
afterEach(stopAll)
after(async () => {
  await mirror?.close()
  await cluster?.stop()
})

async function stopAll(): Promise<void> {
  await Promise.all(engines.map((engine) => engine.drain({ waitMs: 60_000 })))
  engines = []
}

function run(adapter: Adapter): void {
  engines.push(mirror.engine({ adapterFor: () => adapter, lookMs: 25, sliceMs: 500 }))
}

const idOf = (n: number) => `003${String(n).padStart(12, '0')}AAA`
const contact = (n: number, email = `${n}@dune.co`) => ({ last_name: `Name ${n}`, email })

function filled(given: Parameters<typeof createModelPlatform>[0] = {}, count = 25): ModelPlatform {
  const model = createModelPlatform(given)
  for (let n = 0; n < count; n++) model.set(idOf(n), contact(n), { told: false })
  return model
}

async function state(): Promise<TableState> {
  const found = (await mirror.states()).find(({ name }) => name === 'contacts')
  assert.ok(found)
  return found
}

async function ids(): Promise<Set<string>> {
  const found = await mirror.sql`select id from salesforce.contacts`
  return new Set(found.map(({ id }) => String(id)))
}

async function problem(): Promise<string | null> {
  const [row] = await mirror.sql`select problem from sluice.tables where table_name = 'contacts'`
  return row?.['problem'] as string | null
}

const hints = async () => [
  ...await mirror.store.sql<{ id: string; tries: number; why: string | null }[]>`
    select record_id as id, tries, why from sluice_store.hints`,
]

const quiet = () => eventually(() => mirror.states(), { holds: areQuiet })

async function dueNow(): Promise<void> {
  await mirror.store.sql`update sluice_store.hints set due_at = now()`
  await mirror.store.sql`
    update sluice_store.table_states set due_at = now(), nudges = nudges + 1`
}

test('a row that an index of somebody refuses keeps no other out, is told of, and comes when it may', async () => {
  const model = filled()
  run(model.adapter)
  await quiet()
  await mirror.sql.unsafe('create unique index somebodys on salesforce.contacts (email)')
  try {
    model.set(idOf(100), contact(100, '1@dune.co')) // the platform has the address twice
    for (const n of [101, 102, 103]) model.set(idOf(n), contact(n))
    model.set(idOf(2), null)
    await eventually(ids, {
      holds: (has) => [101, 102, 103].every((n) => has.has(idOf(n))) && !has.has(idOf(2)),
    })
    assert.ok(!(await ids()).has(idOf(100)))
    const told = await eventually(problem, { holds: (words) => words !== null })
    assert.match(told ?? '', /^1 record is not as at the platform: the table refuses/)
    assert.doesNotMatch(told ?? '', /dune/)
    model.set(idOf(104), contact(104))
    await eventually(ids, { holds: (has) => has.has(idOf(104)) })
    const { phase, failure } = await state()
    assert.deepEqual([phase, failure], ['following', null])
  } finally {
    await mirror.sql.unsafe('drop index salesforce.somebodys')
  }
  await dueNow()
  await eventually(ids, { holds: (has) => has.has(idOf(100)) })
  await eventually(problem, { holds: (words) => words === null })
})

test('a table is filled though some of its rows are refused, and they are named', async () => {
  await mirror.sql.unsafe(`
    alter table salesforce.contacts add constraint somebodys check (email <> 'no@dune.co') not valid`)
  const model = filled({ everyMs: 600_000 }, 45)
  for (const n of [6, 7, 8, 44]) model.set(idOf(n), contact(n, n === 7 ? 'no@dune.co' : 'yes'))
  const emails = async () =>
    await mirror.sql<{ id: string; email: string | null }[]>`
      select id, email from salesforce.contacts`
  const having = async (email: string) =>
    (await emails()).filter((row) => row.email === email).map(({ id }) => id).sort()
  try {
    run(model.adapter)
    await eventually(state, { holds: ({ filledAt, pass }) => filledAt !== null && pass === null })
    assert.deepEqual(await having('yes'), [6, 8, 44].map(idOf))
    assert.deepEqual(await having('no@dune.co'), [])
    const [hint] = await eventually(hints, { holds: (found) => found.length > 0 })
    assert.deepEqual([hint?.id, hint?.why], [idOf(7), 'refused'])
  } finally {
    await mirror.sql.unsafe('alter table salesforce.contacts drop constraint somebodys')
  }
  await dueNow()
  await eventually(() => having('no@dune.co'), { holds: (found) => found.length === 1 })
})

test('a record whose read is refused keeps no other, and is tried less and less', async () => {
  const model = filled()
  model.before = (call, about) => {
    if (call === 'read' && about.includes(idOf(7))) throw fault('bad_request', { message: 'no id' })
  }
  run(model.adapter)
  await quiet()
  const noted = [5, 6, 7, 8, 9, 300].map((n) => ({ table: 'contacts', id: idOf(n), keys: {} }))
  model.set(idOf(300), contact(300), { told: false })
  await noteHints(mirror.store, { syncId, hints: noted })
  await eventually(ids, { holds: (has) => has.has(idOf(300)) })
  await eventually(hints, {
    holds: ([only, ...more]) => only?.id === idOf(7) && only.tries >= 3 && more.length === 0,
  })
  model.set(idOf(301), contact(301))
  await eventually(ids, { holds: (has) => has.has(idOf(301)) })
  assert.equal((await state()).failure, null)
  model.before = () => {}
  await dueNow()
  await quiet()
})

test('a platform that refuses every cursor is not listed again and again: it is told in words', async () => {
  const model = filled()
  model.before = (call) => {
    if (call === 'changes') throw fault('bad_request', { message: 'no such field' })
  }
  run(model.adapter)
  const { failure } = await eventually(state, { holds: (seen) => seen.failure !== null })
  assert.equal(failure?.code, 'platform_failed')
  assert.match(failure?.message ?? '', /also after the table was filled anew/)
  await eventually(async () => {
    await dueNow()
    return (await state()).tries
  }, { holds: (tries) => tries >= 3 })
  assert.equal(model.calls.filter(({ call }) => call === 'start').length, 2)
  model.before = () => {}
  model.set(idOf(0), contact(0, 'well@dune.co'))
  await dueNow()
  await eventually(state, { holds: (seen) => seen.failure === null })
  await eventually(
    async () => [...await mirror.sql`select email from salesforce.contacts where id = ${idOf(0)}`],
    { holds: ([row]) => row?.['email'] === 'well@dune.co' },
  )
})

test('a record that the platform cannot tell of begins no listing, and people are told', async () => {
  const model = filled()
  const { follow } = model.adapter
  assert.ok(follow)
  const read: typeof follow.read = async (table, refs, caller) =>
    (await follow.read(table, refs, caller)).filter(({ id }) => id !== idOf(7))
  run({ ...model.adapter, follow: { ...follow, read } })
  await quiet()
  const pages = () => model.calls.filter(({ call }) => call === 'page').length
  const before = pages()
  await noteHints(mirror.store, { syncId, hints: [{ table: 'contacts', id: idOf(7), keys: {} }] })
  await eventually(hints, { holds: ([hint]) => hint?.why === 'untold' })
  await mirror.store.sql`update sluice_store.hints set tries = 20`
  await dueNow()
  await eventually(hints, { holds: ([hint]) => (hint?.tries ?? 0) > 20 })
  const told = await eventually(problem, { holds: (words) => words !== null })
  assert.match(told ?? '', /^1 record is perhaps not as at the platform/)
  const polls = model.calls.length
  await eventually(() => Promise.resolve(model.calls.length), { holds: (n) => n > polls + 5 })
  assert.equal(pages(), before)
  // it does not count as being behind for ever
  const from = Date.now()
  await eventually(state, { holds: ({ freshAt }) => (freshAt ?? 0) > from })
})

test('a listing that nobody asked for waits for the end of the one under way', async () => {
  const model = filled({}, 30)
  run(model.adapter)
  await quiet()
  model.pageRows = 1
  model.before = async (call) => {
    if (call === 'page') await new Promise((done) => setTimeout(done, 20))
  }
  const before = model.calls.length
  await requestResync(mirror.store, { syncId, table: null })
  await eventually(state, { holds: ({ pass }) => (pass?.rows ?? 0) > 3 })
  await mirror.store.sql`
    update sluice_store.table_states set wanted = ${tooManyHints}, nudges = nudges + 1`
  const firsts = () =>
    model.calls.slice(before).filter(({ call }) => call === 'page')
      .flatMap(({ about }, at) => about === '' ? [at] : [])
  const [, second] = await eventually(() => Promise.resolve(firsts()), {
    holds: (found) => found.length === 2,
  })
  assert.ok((second ?? 0) >= 30, `the second one began after ${second} pages`)
})

test('a record made at the platform is inserted though inserts through the proxy go on and on', async () => {
  const model = filled()
  const journal = createJournal(mirror.store, { service: 1 })
  const { version: syncVersion } = await readSync(mirror.store, syncId)
  const begin = async (): Promise<Mutation> => {
    const rows = [{ ordinal: 1, id: null, values: {} }]
    const place = { syncId, schema: 'salesforce', table: 'contacts' }
    const mutation = { id: randomUUID(), ...place, operation: 'insert', rows } as const
    await journal.begin(mutation, { hash: requestHash(mutation), syncVersion, state: 'sent' })
    return mutation
  }
  run(model.adapter)
  await quiet()
  const first = await begin()
  model.set(idOf(400), contact(400))
  await eventually(hints, { holds: ([hint]) => hint?.why === 'inserting' })
  await stopAll() // what its writers remember is forgotten
  await begin()
  const rows = [{ ordinal: 1, id: idOf(401), values: {} }]
  await journal.settle(first.id, { state: 'accepted', rows })
  await journal.applied([first.id])
  // noted again, by a webhook say
  await noteHints(mirror.store, { syncId, hints: [{ table: 'contacts', id: idOf(400), keys: {} }] })
  run(model.adapter)
  await eventually(ids, { holds: (has) => has.has(idOf(400)) })
  await mirror.store.sql`delete from sluice_store.mutations`
})

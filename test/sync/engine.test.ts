// Goal: the sync process fills, follows and repairs, and goes on whatever fails. Method: a model platform in memory, a real
// store and a real customer's database, engines in this process.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import type { Platform } from '../../src/mutation/table.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { noteHints } from '../../src/store/hints.ts'
import { setSyncState } from '../../src/store/syncs.ts'
import { requestLook, requestResync, type TableState } from '../../src/store/tables.ts'
import type { Engine, EngineOptions } from '../../src/sync/engine.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { areQuiet, eventually, type Mirror, startMirror, takeAway } from '../help/mirror.ts'
import { createModelPlatform, type ModelPlatform, refusal } from '../help/model-platform.ts'

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

function run(model: ModelPlatform, options: Partial<EngineOptions> = {}): Engine {
  const real = (platform: Platform) =>
    platform === 'salesforce' ? model.adapter : adapterFor(platform)
  const engine = mirror.engine({ adapterFor: real, lookMs: 25, sliceMs: 500, ...options })
  engines.push(engine)
  return engine
}

const contact = (n: number | string, email = `${n}@dune.co`) => ({
  last_name: `Name ${n}`,
  email,
})
const idOf = (n: number) => `003${String(n).padStart(12, '0')}AAA`

function fillModel(model: ModelPlatform, count: number): void {
  for (let n = 0; n < count; n++) model.set(idOf(n), contact(n), { told: false })
}

async function rows(): Promise<Record<string, string | null>> {
  const found = await mirror.sql`select id, email from salesforce.contacts order by id`
  return Object.fromEntries(found.map(({ id, email }) => [String(id), email as string | null]))
}

const wanted = (model: ModelPlatform) =>
  Object.fromEntries(
    [...model.records].sort(([a], [b]) => a < b ? -1 : 1).map(([id, { email }]) => [id, email]),
  )

async function state(): Promise<TableState> {
  const found = (await mirror.states()).find(({ name }) => name === 'contacts')
  assert.ok(found)
  return found
}

const isEqual = (model: ModelPlatform) => (seen: unknown) =>
  JSON.stringify(seen) === JSON.stringify(wanted(model))

async function settled(model: ModelPlatform): Promise<void> {
  await eventually(() => mirror.states(), { holds: areQuiet })
  await eventually(rows, { holds: isEqual(model) })
}

test('a table is filled page by page, then follows: created, changed and deleted at the platform', async () => {
  const model = createModelPlatform()
  fillModel(model, 45)
  run(model)
  await settled(model)
  assert.equal(model.calls.filter(({ call }) => call === 'page').length, 5)
  const first = model.calls.findIndex(({ call }) => call === 'page')
  const start = model.calls.findIndex(({ call }) => call === 'start')
  assert.ok(start < first, 'following begins before the first page')
  model.set(idOf(100), contact(100))
  model.set(idOf(1), contact(1, 'changed@dune.co'))
  model.set(idOf(2), null)
  await eventually(rows, { holds: isEqual(model) })
  const { freshAt, phase, filledAt } = await state()
  assert.equal(phase, 'following')
  assert.ok(filledAt !== null && freshAt !== null && Date.now() - freshAt < 60_000)
  const [shown] = await mirror.sql`
    select state, seconds_behind from sluice.tables where table_name = 'contacts'`
  assert.ok(Number(shown?.['seconds_behind']) < 60)
})

test('what changes while a table is filled is there in the end, and what has gone is not', async () => {
  const model = createModelPlatform()
  fillModel(model, 40)
  let pages = 0
  model.before = (call) => {
    if (call !== 'page') return
    pages += 1
    if (pages === 3) {
      model.set(idOf(0), contact(0, 'late@dune.co'))
      model.set(idOf(1), null)
      model.set('0000000000000000AA', contact('early'))
    }
  }
  run(model)
  await settled(model)
})

test('a listing goes on where it was when its process is broken off, and nothing is listed twice', async () => {
  const model = createModelPlatform()
  fillModel(model, 95)
  let hung = false
  model.before = async (_call, about) => {
    if (about !== idOf(49) || hung) return
    hung = true
    await new Promise(() => {}) // the process dies with this question
  }
  const first = mirror.engine({ adapterFor: () => model.adapter, lookMs: 25 })
  await eventually(() => Promise.resolve(hung), { holds: (is) => is })
  await eventually(state, { holds: ({ pass }) => (pass?.pages ?? 0) > 0 })
  await first.drain({ waitMs: 0 })
  run(model)
  await takeAway(mirror)
  await settled(model)
  const pages = model.calls.filter(({ call }) => call === 'page').map(({ about }) => about)
  assert.equal(pages.filter((about) => about === '').length, 1, 'the first page')
  // what had been read ahead, and not been written, is read once more
  assert.ok(pages.length <= 16, `${pages.length} pages were read`)
})

test('a process that was stalled can write nothing once another has the table', async () => {
  const model = createModelPlatform()
  fillModel(model, 5)
  let release = () => {}
  let stalls = 0
  const stalled = new Promise<void>((resolve) => release = resolve)
  const slow: ModelPlatform['adapter'] = {
    ...model.adapter,
    page: async (...args) => {
      const page = await model.adapter.page(...args)
      stalls += 1
      await stalled
      return page // as it was long ago
    },
  }
  // one lane, so that it does not take the table once more itself
  const options = { tablesMax: 1, lookMs: 25, leaseMs: 60_000 }
  const engine = mirror.engine({ adapterFor: () => slow, ...options })
  engines.push(engine)
  await eventually(() => Promise.resolve(stalls), { holds: (count) => count > 0 })
  for (let n = 0; n < 5; n++) model.set(idOf(n), contact(n, `new${n}@dune.co`))
  const other = run(model)
  await takeAway(mirror)
  await settled(model)
  assert.equal(await other.drain({ waitMs: 60_000 }), true)
  release()
  await engine.drain({ waitMs: 60_000 })
  assert.deepEqual(await rows(), wanted(model))
})

test('a hint is read by its id, also of a record that is new or gone, and it is done within two seconds', async () => {
  const model = createModelPlatform({ everyMs: 600_000 })
  fillModel(model, 5)
  run(model)
  await settled(model)
  const hint = (id: string) => ({ table: 'contacts', id, keys: {} })
  model.set(idOf(0), contact(0, 'hinted@dune.co'))
  model.set(idOf(1), null)
  model.set(idOf(50), contact(50))
  const hints = [hint(idOf(0)), hint(idOf(1)), hint(idOf(50)), hint('nothing at all')]
  await noteHints(mirror.store, { syncId, hints })
  // a machine that is busy with other tests may take longer; without the hint it would be ten minutes
  await eventually(rows, { holds: isEqual(model), waitMs: 60_000 })
  await eventually(() => mirror.states(), { holds: areQuiet })
})

test('what changes tells of nothing is found by a look that somebody asks for', async () => {
  const model = createModelPlatform({ everyMs: 600_000 })
  fillModel(model, 3)
  run(model)
  await settled(model)
  model.set(idOf(0), contact(0, 'looked@dune.co'))
  await requestLook(mirror.store, { syncId, tables: ['contacts', 'nope'] })
  await eventually(rows, { holds: isEqual(model) })
})

test('a deletion that nobody tells is found by comparing ids; one that the list lacks by mistake stays', async () => {
  const model = createModelPlatform({ deletions: false, scanEveryMs: 300, ids: true })
  fillModel(model, 20)
  run(model)
  await settled(model)
  model.set(idOf(3), null, { told: false })
  model.set(idOf(60), contact(60), { told: false }) // nor that it was made
  await eventually(rows, { holds: isEqual(model) })
  const { follow } = model.adapter
  assert.ok(follow)
  const lacking = { ...follow, ids: () => Promise.resolve({ ids: [], next: null }) }
  await stopAll()
  const before = model.calls.length
  run({ ...model, adapter: { ...model.adapter, follow: lacking } })
  const reads = () => model.calls.slice(before).filter(({ call }) => call === 'read').length
  await eventually(() => Promise.resolve(reads()), { holds: (count) => count > 0 })
  await eventually(() => mirror.states(), { holds: areQuiet })
  assert.deepEqual(await rows(), wanted(model))
})

test('a table whose platform tells nothing is listed again and again', async () => {
  const model = createModelPlatform({ changes: false, deletions: false, scanEveryMs: 200 })
  fillModel(model, 15)
  run(model)
  await settled(model)
  model.set(idOf(0), contact(0, 'listed@dune.co'))
  model.set(idOf(1), null)
  await eventually(rows, { holds: isEqual(model) })
  assert.equal(model.calls.filter(({ call }) => call === 'changes' || call === 'start').length, 0)
})

test('an adapter that cannot follow fills its tables, and deletes nothing that it cannot look up', async () => {
  const model = createModelPlatform({ follow: false })
  fillModel(model, 12)
  run(model)
  const has = (seen: Record<string, string | null>) =>
    [...model.records].every(([id, { email }]) => seen[id] === email)
  await eventually(rows, { holds: has })
  const before = Object.keys(await rows()).length
  model.records.delete(idOf(1))
  const first = await eventually(state, { holds: ({ filledAt }) => filledAt !== null })
  await requestResync(mirror.store, { syncId, table: null })
  await eventually(state, {
    holds: ({ filledAt, pass }) => (filledAt ?? 0) > (first.filledAt ?? 0) && pass === null,
  })
  assert.equal(Object.keys(await rows()).length, before)
})

test('a cursor that is too old begins a new filling, and a list that is refused begins again', async () => {
  const model = createModelPlatform()
  fillModel(model, 25)
  run(model)
  await settled(model)
  model.expire()
  let refused = 0
  model.before = (call, about) => {
    if (call !== 'page' || about === '' || refused > 0) return
    refused += 1
    throw refusal('bad_request')
  }
  model.set(idOf(0), contact(0, 'missed@dune.co'), { told: false })
  await eventually(rows, { holds: isEqual(model) })
  await settled(model)
  assert.equal(refused, 1)
})

test('what passes is tried again and does no harm; what lasts is told in words, until it is well again', async () => {
  const model = createModelPlatform()
  fillModel(model, 25)
  let failures = 0
  model.before = (call) => {
    if (call === 'page' && failures++ < 1) throw refusal('platform_failed')
  }
  run(model)
  await settled(model)
  assert.equal((await state()).failure, null)
  model.before = () => {
    throw refusal('credential_refused')
  }
  const failed = await eventually(state, {
    holds: ({ phase, owner }) => phase === 'failed' && owner === null,
  })
  assert.match(failed.failure?.hint ?? '', /sluice connect --connection connection_salesforce, or /)
  assert.ok((failed.dueAt ?? 0) - Date.now() > 60_000, 'it is tried again after minutes')
  const [shown] = await mirror.sql`select problem from sluice.tables where table_name = 'contacts'`
  assert.match(String(shown?.['problem']), /credential/)
  model.before = () => {}
  model.set(idOf(0), contact(0, 'again@dune.co'))
  await mirror.store.sql`update sluice_store.table_states set due_at = now()`
  await settled(model)
  assert.deepEqual((await state()).failure, null)
  // the store knows it first
  await eventually(async () => {
    const [row] = await mirror.sql`select problem from sluice.tables where table_name = 'contacts'`
    return row?.['problem'] as unknown
  }, { holds: (problem) => problem === null })
})

test('one table that fails for good keeps no other from being filled', async () => {
  const model = createModelPlatform()
  fillModel(model, 3)
  model.before = () => {
    throw refusal('not_permitted')
  }
  await mirror.add('stripe', ['customers'])
  run(model)
  await eventually(() => mirror.states(), {
    holds: (states) =>
      states.some(({ platform, phase }) => platform === 'stripe' && phase === 'following') &&
      states.some(({ platform, phase }) => platform === 'salesforce' && phase === 'failed'),
  })
  await mirror.store.sql`delete from sluice_store.syncs where id = 'sync_stripe'`
})

test('a paused sync is left alone, and goes on where it was', async () => {
  const model = createModelPlatform()
  fillModel(model, 5)
  run(model)
  await settled(model)
  await setSyncState(mirror.store, { id: syncId, state: 'disabled' })
  await eventually(state, { holds: ({ owner }) => owner === null })
  const calls = model.calls.length
  model.set(idOf(0), contact(0, 'meanwhile@dune.co'))
  await eventually(() => Promise.resolve(Date.now()), {
    holds: ((from) => (now) => now > from + 400)(Date.now()),
  })
  assert.ok(model.calls.length <= calls + 1)
  await setSyncState(mirror.store, { id: syncId, state: 'active' })
  await eventually(rows, { holds: isEqual(model) })
})

test('sluice.tables shows that a sync is paused, and that it goes on', async () => {
  const model = createModelPlatform({ everyMs: 600_000 })
  fillModel(model, 2)
  run(model)
  await settled(model)
  const shown = async () => {
    const [row] = await mirror.sql`select state from sluice.tables where table_name = 'contacts'`
    return row?.['state'] as unknown
  }
  assert.equal(await shown(), 'ready')
  await setSyncState(mirror.store, { id: syncId, state: 'disabled' })
  await eventually(shown, { holds: (seen) => seen === 'paused' })
  const claimed = await eventually(state, { holds: ({ phase }) => phase === 'paused' })
  await eventually(() => Promise.resolve(Date.now()), {
    holds: ((from) => (now) => now > from + 300)(Date.now()),
  })
  assert.equal((await state()).fence, claimed.fence, 'nobody takes it again and again')
  await setSyncState(mirror.store, { id: syncId, state: 'active' })
  await eventually(shown, { holds: (seen) => seen === 'ready' })
  assert.equal((await state()).phase, 'following')
})

test('a sync that is paused before anybody has looked at its tables is shown so', async () => {
  await setSyncState(mirror.store, { id: syncId, state: 'disabled' })
  run(createModelPlatform())
  await eventually(async () => {
    const [row] = await mirror.sql`select state from sluice.tables where table_name = 'contacts'`
    return row?.['state'] as unknown
  }, { holds: (seen) => seen === 'paused' })
  await setSyncState(mirror.store, { id: syncId, state: 'active' })
})

test('a table that is always due for changes is compared with its platform all the same', async () => {
  const model = createModelPlatform({ everyMs: 0, scanEveryMs: 200, ids: true })
  fillModel(model, 60)
  run(model, { sliceMs: 100 })
  await settled(model)
  const scans = () => model.calls.filter(({ call }) => call === 'ids').length
  await eventually(() => Promise.resolve(scans()), { holds: (count) => count > 2 })
  model.pace = { ...model.pace, scanEveryMs: 600_000 }
  await eventually(async () => {
    await mirror.store.sql`
      update sluice_store.table_states set asked = 5000, sampled_at = null where owner is null`
    return await state()
  }, { holds: ({ agreement }) => (agreement?.sampled ?? 0) > 0 })
})

test('while a table is listed anew, what changes is followed; what was read before is written before', async () => {
  const model = createModelPlatform({ everyMs: 20 })
  fillModel(model, 120)
  run(model)
  await settled(model)
  // some pages are read at once, and changes are asked for between them
  let pages = 0
  let isThere: boolean | null = null
  model.before = async (call) => {
    if (call !== 'page') return
    pages += 1
    if (pages === 2) model.set(idOf(0), contact(0, 'while@dune.co')) // a record of the page before
    await new Promise((done) => setTimeout(done, 150))
    if (pages < 12 || isThere !== null) return
    const [row] = await mirror.sql`select email from salesforce.contacts where id = ${idOf(0)}`
    isThere = row?.['email'] === 'while@dune.co'
  }
  await requestResync(mirror.store, { syncId, table: null })
  await eventually(() => Promise.resolve(isThere), { holds: (is) => is !== null })
  assert.equal(isThere, true, 'it was there before the last page')
  await settled(model)
})

/** The model with a list that does not end before something has come about beside it, however slow the machine is. */
function endless(model: ModelPlatform, given: { pageMs: number; until: () => boolean }) {
  const list = {
    /** Asked for, and of those on their way. */
    pages: 0,
    underWay: 0,
    isOver: false,
    adapter: {
      ...model.adapter,
      page: async (...args: Parameters<ModelPlatform['adapter']['page']>) => {
        list.pages += 1
        list.underWay += 1
        await new Promise((done) => setTimeout(done, given.pageMs))
        list.underWay -= 1
        const page = await model.adapter.page(...args)
        if (page.next !== null) return page
        list.isOver = given.until()
        // after the last record, and there is none
        return list.isOver ? page : { ...page, next: `${page.rows.at(-1)?.id ?? args[1] ?? ''}~` }
      },
    },
  }
  return list
}

test('changes are asked for when what was read before is written, not while a page is under way', async () => {
  const model = createModelPlatform({ everyMs: 20 })
  fillModel(model, 120)
  run(model)
  await settled(model)
  await stopAll()
  let [between, beside] = [0, 0]
  const list = endless(model, { pageMs: 150, until: () => between > 0 })
  model.before = (call) => {
    if (call !== 'changes' || list.pages === 0 || list.isOver) return
    if (list.underWay > 0) beside += 1
    else between += 1
  }
  await requestResync(mirror.store, { syncId, table: null })
  run({ ...model, adapter: list.adapter }, { sliceMs: 5_000 })
  await eventually(() => Promise.resolve(list.isOver), { holds: (is) => is })
  await settled(model)
  assert.equal(beside, 0)
  assert.ok(between > 0)
})

test('a cursor that expires while a table is listed anew does not begin the listing again', async () => {
  const model = createModelPlatform({ everyMs: 20 })
  fillModel(model, 60)
  run(model)
  await settled(model)
  await stopAll()
  let expired = false
  const list = endless(model, { pageMs: 40, until: () => expired })
  model.before = (call) => {
    if (call !== 'changes' || expired || list.pages === 0) return
    expired = true
    throw refusal('bad_request')
  }
  const before = model.calls.length
  await requestResync(mirror.store, { syncId, table: null })
  run({ ...model, adapter: list.adapter })
  await eventually(() => Promise.resolve(expired), { holds: (is) => is })
  model.set(idOf(0), contact(0, 'after@dune.co'))
  await settled(model)
  const since = model.calls.slice(before)
  assert.equal(since.filter(({ call }) => call === 'start').length, 1)
  assert.equal(since.filter(({ call, about }) => call === 'page' && about === '').length, 1)
})

test('two processes at once work on one table one after the other, and its rows are right', async () => {
  const model = createModelPlatform({ everyMs: 20 })
  fillModel(model, 30)
  // a lease that a machine which stands still outlasts would be lost again and again
  run(model, { sliceMs: 30, leaseMs: 5_000 })
  run(model, { sliceMs: 30, leaseMs: 5_000 })
  for (let n = 0; n < 60; n++) {
    model.set(idOf(n % 35), n % 7 === 0 ? null : contact(n))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await settled(model)
})

test('a table is got on with though all the time that it has was gone before it was open', async () => {
  const model = createModelPlatform({ everyMs: 20 })
  fillModel(model, 35)
  run(model, { sliceMs: 0 })
  await settled(model)
  model.set(idOf(1), contact(1, 'changed@dune.co'))
  await settled(model)
})

test('a process that is drained ends its step, lets the table go and leaves nothing claimed', async () => {
  const model = createModelPlatform()
  fillModel(model, 200)
  let pages = 0
  const gate = Promise.withResolvers<void>()
  model.before = async (call) => {
    if (call === 'page' && ++pages === 6) await gate.promise
  }
  const engine = run(model, { sliceMs: 600_000 })
  await eventually(state, { holds: ({ pass }) => (pass?.pages ?? 0) > 2 })
  const drained = engine.drain({ waitMs: 60_000 })
  gate.resolve()
  assert.equal(await drained, true)
  const left = await state()
  assert.equal(left.owner, null)
  assert.ok(left.pass !== null && left.pass.pages < 20)
  run(model)
  await settled(model)
  const firsts = model.calls.filter(({ call, about }) => call === 'page' && about === '')
  assert.equal(firsts.length, 1)
})

test('rows are compared with the platform now and then, and what differs is repaired', async () => {
  const model = createModelPlatform({ everyMs: 200 })
  fillModel(model, 60)
  run(model)
  await settled(model)
  model.set(idOf(7), contact(7, 'nobody told@dune.co'), { told: false })
  // as if there had been many requests since the last sample
  await eventually(async () => {
    await mirror.store.sql`
      update sluice_store.table_states set asked = 5000, sampled_at = null where owner is null`
    return await rows()
  }, { holds: isEqual(model) })
  const { agreement } = await eventually(state, { holds: (seen) => seen.agreement !== null })
  assert.ok(agreement !== null && agreement.sampled >= 50 && agreement.differing === 1)
})

test('a row that differs and cannot be told of the second time is read again until it is repaired', async () => {
  const model = createModelPlatform({ everyMs: 600_000 })
  fillModel(model, 60)
  const engine = run(model)
  await settled(model)
  await engine.drain({ waitMs: 60_000 })
  model.set(idOf(7), contact(7, 'nobody told@dune.co'), { told: false })
  let reads = 0
  model.untold = (id) => id === idOf(7) && ++reads === 2
  await mirror.store.sql`
    update sluice_store.table_states set asked = 5000, sampled_at = null, due_at = now()`
  run(model)
  // one sample a minute: nobody else would find it sooner
  await eventually(rows, { holds: isEqual(model), waitMs: 50_000 })
  assert.ok(reads >= 3, `${reads} reads`)
})

test('connections to the store and to the database that are cut are made anew, and nothing is lost', async () => {
  const model = createModelPlatform({ everyMs: 50 })
  fillModel(model, 30)
  run(model)
  await settled(model)
  const cut = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name in ('sluice', 'sluice sync')`
  for (let n = 0; n < 4; n++) {
    model.set(idOf(n), contact(n, `cut${n}@dune.co`))
    await mirror.sql.unsafe(cut)
    await mirror.store.sql.unsafe(cut).catch(() => {}) // its own connection is one of them
    await eventually(rows, { holds: isEqual(model) })
  }
  // this question, too, may get a connection that was cut
  const states = () => mirror.states().catch(() => [])
  await eventually(states, { holds: areQuiet })
})

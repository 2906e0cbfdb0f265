// Goal: what somebody took from a sync's tables comes back with all that belongs in it, whoever repairs it, and until then
// everybody is told what is wrong and what to do. Method: a sync against the sandbox's Stripe, a sync process in this one, its
// tables changed by their owner.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { anyAddress } from '../../src/lib/addresses.ts'
import { createHttp } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { adapterFor, objectsOf } from '../../src/platforms/index.ts'
import { dialSession } from '../../src/session/adopted.ts'
import { requestResync } from '../../src/store/tables.ts'
import { examine } from '../../src/sync/doctor.ts'
import { reconcile } from '../../src/sync/drift.ts'
import { repairSync } from '../../src/sync/setup-repair.ts'
import type { AdminDeps } from '../../src/sync/setup-request.ts'
import { makeVerifier } from '../../src/wire/scram.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { areQuiet, eventually, type Mirror, startMirror } from '../help/mirror.ts'

const id = 'sync_stripe'

let cluster: TestCluster
let mirror: Mirror
let http: ReturnType<typeof createHttp>
let deps: AdminDeps

before(async () => {
  cluster = await testCluster()
  http = createHttp()
})
after(async () => {
  await http?.close()
  await cluster?.stop()
})
beforeEach(async () => {
  mirror = await startMirror(cluster)
  await mirror.add('stripe', ['customers', 'products'])
  deps = {
    store: mirror.store,
    adapterFor,
    objectsOf,
    callerFor: (connection, options) => mirror.callers.callerFor(connection, options),
    dial: (address, options) =>
      dialSession(address, { ...options, log: silentLog, approach: { guard: anyAddress } }),
    http,
    makeVerifier,
    random: (size) => randomBytes(size),
    now: Date.now,
    log: silentLog,
    listeners: [],
    hosted: null,
    baseUrlFlaw: () => null,
  }
  mirror.engine({ lookMs: 25 })
  await quiet()
})
afterEach(() => mirror?.close())

const quiet = () => eventually(() => mirror.states(), { holds: areQuiet })

async function rows(): Promise<unknown[]> {
  return [
    ...await mirror.sql.unsafe('select id, name, email, phone from stripe.customers order by id'),
  ]
}

async function shown(): Promise<{ state: string; problem: string | null }> {
  const [row] = await mirror.sql`
    select state, problem from sluice.tables where table_name = 'customers'`
  return { state: String(row?.['state']), problem: row?.['problem'] as string | null }
}

/** As when something has changed at the platform. */
async function dueNow(): Promise<void> {
  await mirror.store.sql`
    update sluice_store.table_states set due_at = now(), nudges = nudges + 1 where name = 'customers'`
}

async function failed(): Promise<void> {
  await dueNow()
  await eventually(() => mirror.states(), {
    holds: (states) => states.some(({ phase }) => phase === 'failed'),
  })
}

async function wrong(): Promise<string[]> {
  return (await examine(deps, id)).filter(({ check }) => /customers|^login role/.test(check))
    .filter(({ level }) => level !== 'ok')
    .map(({ check, about, hint }) => `${check}: ${about} → ${hint}`)
}

const repair = `sluice syncs repair --sync ${id}`

/** Filled again, by a listing that began after `since`. */
async function filledSince(since: number): Promise<void> {
  await eventually(() => mirror.states(), {
    holds: (states) =>
      areQuiet(states) && states.every(({ failure }) => failure === null) &&
      states.some(({ name, filledAt }) => name === 'customers' && (filledAt ?? 0) > since),
  })
}

test('a column that was dropped is told everywhere, and comes back with its values at once', async () => {
  const before = await rows()
  assert.ok(before.some((row) => (row as { phone: unknown }).phone !== null))
  await mirror.sql.unsafe('alter table stripe.customers drop column phone')
  await failed()
  const { state, problem } = await eventually(shown, { holds: ({ state }) => state === 'failed' })
  assert.equal(state, 'failed')
  assert.match(problem ?? '', /is not there as it was made \(42703\)/)
  assert.ok(problem?.includes(repair), problem ?? '')
  const told = await wrong()
  assert.equal(told.length, 2, told.join('\n'))
  assert.match(told[0] ?? '', /^fields of customers: column "phone" was dropped from the table → /)
  for (const line of told) assert.ok(line.includes(repair), line)

  const since = Date.now()
  const done = await repairSync(deps, id)
  assert.deepEqual([done.refill, done.later], [{ customers: 'new columns: phone' }, []])
  await filledSince(since)
  assert.deepEqual(await rows(), before)
  assert.deepEqual(await eventually(shown, { holds: ({ problem }) => problem === null }), {
    state: 'ready',
    problem: null,
  })
  assert.deepEqual(await wrong(), [])
  assert.deepEqual((await repairSync(deps, id)).refill, {})
})

test('a table that was renamed is found under its new name, made anew and filled', async () => {
  const before = await rows()
  await mirror.sql.unsafe('alter table stripe.customers rename to "Old ones"')
  await failed()
  const told = await wrong()
  assert.equal(told.length, 2, told.join('\n'))
  assert.match(
    told[0] ?? '',
    /^table stripe\.customers: is gone from the database; it was renamed: stripe\."Old ones" has its triggers → /,
  )
  for (const line of told) assert.ok(line.includes(repair), line)
  await reconcile(deps, id)
  assert.deepEqual(await wrong(), told, 'nobody has said that it is to be made anew')

  const since = Date.now()
  assert.deepEqual((await repairSync(deps, id)).refill, { customers: 'the table was made anew' })
  await filledSince(since)
  assert.deepEqual(await rows(), before)
  assert.deepEqual(await wrong(), [])
})

test('a table that is gone is said to be gone, and nothing else of it', async () => {
  await mirror.sql.unsafe('drop table stripe.customers')
  await failed()
  const told = await wrong()
  assert.equal(
    told[0],
    `table stripe.customers: is gone from the database → Have it made anew and filled: ${repair}`,
  )
  assert.match(told[1] ?? '', /^sync of customers: the table, or .* is not there .*\(42P01\)/)
  assert.ok(told[1]?.includes(repair))
  assert.equal(told.length, 2, told.join('\n'))
})

test('what was written while triggers were gone is put right when they are put back', async () => {
  const before = await rows()
  const [first, second] = before as { id: string }[]
  await mirror.sql.unsafe(`
    drop trigger "~sluice_before" on stripe.customers;
    drop trigger "~sluice_after_insert" on stripe.customers;
    drop trigger "~sluice_after_update" on stripe.customers;
    drop trigger "~sluice_after_delete" on stripe.customers;
    insert into stripe.customers (id, name) values ('cus_nobodys', 'Nobody');
    update stripe.customers set name = 'Another' where id = '${first?.id}';
    delete from stripe.customers where id = '${second?.id}'`)
  const told = await wrong()
  assert.match(told.join(), /has 1 of its 5 triggers enabled ALWAYS/)
  assert.ok(told.join().includes(repair))
  await requestResync(mirror.store, { syncId: id, table: 'customers' })
  const states = await eventually(() => mirror.states(), {
    holds: (states) => states.some(({ phase }) => phase === 'failed'),
  })
  const why = states.find(({ phase }) => phase === 'failed')?.failure
  assert.match(why?.message ?? '', /triggers were taken away/)
  assert.ok(why?.hint?.includes(repair), why?.hint ?? '')
  const since = Date.now()
  assert.deepEqual((await repairSync(deps, id)).refill, { customers: 'its triggers were put back' })
  await filledSince(since)
  assert.deepEqual(await rows(), before)
})

test('a repair that fails half-way has its tables filled all the same', async () => {
  const before = await rows()
  await mirror.sql.unsafe('alter table stripe.customers drop column phone')
  const callerFor: AdminDeps['callerFor'] = () => Promise.reject(new Error('Nobody can be asked'))
  const since = Date.now()
  await assert.rejects(repairSync({ ...deps, callerFor }, id))
  await filledSince(since)
  assert.deepEqual(await rows(), before)
})

test('the next look at what the platform describes brings a dropped column back, and its values', async () => {
  const before = await rows()
  await mirror.sql.unsafe('alter table stripe.customers drop column phone')
  const since = Date.now()
  const { changed, added, refill } = await reconcile(deps, id)
  assert.deepEqual([changed, added, refill], [
    true,
    { customers: ['phone'] },
    { customers: 'new columns: phone' },
  ])
  await filledSince(since)
  assert.deepEqual(await rows(), before)
  assert.equal((await reconcile(deps, id)).changed, false)
})

// Goal: a customer's database that an older Sluice has set up is brought up to date by the sync process that first meets it,
// and where that cannot be, the others go on and people are told what to do. Method: a database as step 3 left it, made
// from a new one by taking away what step 4 adds; engines in this process.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import type { Engine } from '../../src/sync/engine.ts'
import { type Database, readDatabase, saveDatabase } from '../../src/store/databases.ts'
import { requestResync } from '../../src/store/tables.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { areQuiet, eventually, type Mirror, startMirror } from '../help/mirror.ts'
import { createModelPlatform } from '../help/model-platform.ts'

let cluster: TestCluster
let mirror: Mirror
let engine: Engine | null = null

const toStep3 = `
  drop view sluice.tables;
  drop function sluice.fence(uuid, regclass, bigint), sluice.see(uuid, regclass, text[]),
    sluice.unseen(uuid, regclass, text[]), sluice.forget(uuid, regclass), sluice.show(uuid, regclass, jsonb);
  drop table sluice.seen;
  alter table sluice.synced drop column fence, drop column phase, drop column rows_done,
    drop column rows_total, drop column fresh_at, drop column agreement, drop column problem;
  delete from sluice.version where version > 3`

before(async () => {
  cluster = await testCluster()
})
beforeEach(async () => {
  mirror = await startMirror(cluster)
  await mirror.add('salesforce', ['Contact'])
  await mirror.sql.unsafe(toStep3)
})
afterEach(async () => {
  await engine?.drain({ waitMs: 60_000 })
  engine = null
  await mirror?.close()
})
after(async () => {
  await cluster?.stop()
})

const model = createModelPlatform()
model.set('003000000000001AAA', { last_name: 'Atreides', email: 'paul@dune.co' }, { told: false })

function run(): void {
  engine = mirror.engine({ adapterFor: () => model.adapter, lookMs: 25 })
}

async function setOwner(given: { user: string; password: string } | null): Promise<void> {
  const { store } = mirror
  const { ticketKey: _key, owner, ...rest } = await readDatabase(store, 'database')
  assert.ok(owner)
  const changed = { ...rest, owner: given === null ? undefined : { ...owner, ...given } }
  await saveDatabase(store, { id: 'database', ...changed as Omit<Database, 'ticketKey'> }, {
    random: (bytes) => new Uint8Array(bytes),
  })
}

async function version(): Promise<number> {
  const [row] = await mirror.sql`select max(version)::int as version from sluice.version`
  return Number(row?.['version'])
}

async function emails(): Promise<unknown[]> {
  return (await mirror.sql`select email from salesforce.contacts`).map(({ email }) =>
    email as unknown
  )
}

async function failure() {
  return (await mirror.states())[0]?.failure ?? null
}

test('a database of an older Sluice is brought up to date, and its tables are filled', async () => {
  run()
  await eventually(() => mirror.states(), { holds: areQuiet })
  assert.ok(await version() > 3)
  assert.deepEqual(await emails(), ['paul@dune.co'])
  const shown = () => mirror.sql`select state from sluice.tables where table_name = 'contacts'`
  await eventually(shown, { holds: ([row]) => row?.['state'] === 'ready' })
})

test('an older one that is put back under a running process is brought up to date again', async () => {
  run()
  await eventually(() => mirror.states(), { holds: areQuiet })
  await engine?.drain({ waitMs: 60_000 })
  run()
  await eventually(() => mirror.states(), { holds: areQuiet })
  await mirror.sql.unsafe(toStep3)
  const soon = () => mirror.store.sql`update sluice_store.table_states set due_at = now()`
  await eventually(async () => [await soon(), await version()] as const, {
    holds: ([, number]) => number > 3,
  })
})

test('where nobody knows how the owner logs in, people are told what to do', async () => {
  await setOwner(null)
  run()
  const seen = await eventually(failure, { holds: (found) => found !== null })
  assert.match(seen?.message ?? '', /older Sluice/)
  assert.match(seen?.hint ?? '', /sluice databases set --database database --database-url/)
  assert.equal(await version(), 3)
})

test('one that refuses it is a trouble in words', async () => {
  await mirror.sql.unsafe(`create role stranger nologin;
    alter schema sluice owner to stranger; revoke all on schema sluice from stranger`)
  const plain = `mirror_${new URL(mirror.databaseUrl).pathname.slice(1)}_owner`
  await mirror.sql.unsafe(
    `create role ${plain} login password 'plain'; grant usage on schema sluice to ${plain};
    grant select on sluice.version to ${plain}`,
  )
  await setOwner({ user: plain, password: 'plain' })
  run()
  const seen = await eventually(failure, { holds: (found) => found !== null })
  assert.match(seen?.message ?? '', /bringing it up to date failed: .*belongs to role "stranger"/)
  assert.match(seen?.hint ?? '', /owner of schema sluice/)
  await mirror.sql.unsafe(`reassign owned by stranger to current_user; drop role stranger`)
})

test('mutations that hold its tables put it off, and it is tried again', async () => {
  const holder = await mirror.sql.reserve()
  await holder`begin`
  await holder`lock table sluice.synced in row exclusive mode`
  run()
  const seen = await eventually(failure, { holds: (found) => found !== null })
  assert.match(seen?.hint ?? '', /tried again by itself/)
  await holder`rollback`
  holder.release()
  await requestResync(mirror.store, { syncId: 'sync_salesforce', table: null })
  await eventually(() => mirror.states(), { holds: areQuiet, waitMs: 120_000 })
})

// Goal: who inquires, and whose record it may be, is told rightly by the journal. Method: a journal on a real store.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { quoteIdent } from '../../src/lib/quote.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { backlog } from '../../src/store/backlog.ts'
import {
  claimDoubtOf,
  claimDueDoubt,
  inquiryAfterMs,
  postponeDoubt,
  readOthers,
  readRivals,
} from '../../src/store/doubts.ts'
import { createJournal, type Journal, requestHash } from '../../src/store/journal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { readSync, saveSync } from '../../src/store/syncs.ts'
import { testCluster } from '../help/cluster.ts'
import { contacts, keyring, seed, testStore, update } from './help.ts'

const cluster = await testCluster()
let databaseUrl: string
let store: Store
let journal: Journal
let syncVersion: string

before(async () => {
  databaseUrl = await cluster.createDatabase()
  store = await testStore(databaseUrl)
  await seed(store)
  syncVersion = (await readSync(store, 'sync_test01')).version
  journal = createJournal(store, { service: 1 })
})

beforeEach(async () => {
  await store.sql`delete from sluice_store.mutations`
})

after(async () => {
  await store?.close()
  await cluster.stop()
})

const lost: Outcome = { state: 'unknown', fault: faultData('outcome_unknown') }

async function inserted(
  outcome: Outcome | null,
  fields: Partial<Mutation> = {},
): Promise<Mutation> {
  const rows = [{ ordinal: 1, id: null, values: { email: 'a@x.org' } }]
  const mutation = update({ operation: 'insert', rows, ...fields })
  const hash = requestHash(mutation)
  await journal.begin(mutation, { hash, syncVersion, state: 'sent' })
  if (outcome !== null) await journal.settle(mutation.id, outcome)
  return mutation
}

const made = (...ids: string[]): Outcome => ({
  state: 'accepted',
  rows: ids.map((id, at) => ({ ordinal: at + 1, id, values: { id, email: 'a@x.org' } })),
})

async function shift(mutation: Mutation, interval: string): Promise<void> {
  await store.sql`update sluice_store.mutations
    set received_at = received_at + ${interval}::text::interval,
      sent_at = sent_at + ${interval}::text::interval
    where id = ${mutation.id}`
}

test('what is in doubt is due after its gap, is claimed once, and comes again when its lease ends', async () => {
  const mutation = await inserted(lost)
  assert.equal(await claimDueDoubt(store), null)
  await store.sql`update sluice_store.mutations
    set next_inquiry_at = next_inquiry_at - ${inquiryAfterMs} * interval '1 millisecond'`
  const claims = await Promise.all([1, 2, 3].map(() => claimDueDoubt(store)))
  const [claimed] = claims.filter((claim) => claim !== null)
  assert.equal(claims.filter((claim) => claim !== null).length, 1)
  assert.deepEqual(claimed?.mutation, mutation)
  assert.deepEqual([claimed?.outcome, claimed?.state, claimed?.inquiries], [lost, 'unknown', 1])
  assert.ok((claimed?.ageMs ?? -1) >= 0 && (claimed?.ageMs ?? 0) < 60_000)
  assert.equal(await claimDoubtOf(store, mutation.id), null)
  await store.sql`update sluice_store.mutations set
    inquired_at = inquired_at - interval '1 hour', next_inquiry_at = next_inquiry_at - interval '1 hour'`
  const again = await claimDueDoubt(store)
  assert.equal(again?.inquiries, 2)
  // the first one is late, and its end is not the second one's
  await postponeDoubt(store, claimed ?? assert.fail(), { waitMs: null })
  assert.equal((await backlog(store)).inDoubt.count, 1)
  await postponeDoubt(store, again ?? assert.fail(), { waitMs: 60_000 })
  const early = await claimDoubtOf(store, mutation.id)
  assert.equal(early?.inquiries, 3, 'one that is only scheduled may be claimed ahead of its time')
})

test('one is claimed at a time, whatever plan Postgres makes', async () => {
  for (let at = 0; at < 5; at++) await inserted(lost)
  await store.sql`update sluice_store.mutations set next_inquiry_at = now()`
  const database = quoteIdent(new URL(databaseUrl).pathname.slice(1))
  const ways = ['hashjoin', 'mergejoin', 'hashagg', 'sort', 'material']
  for (const way of ways) {
    await store.sql.unsafe(
      `alter role current_user in database ${database} set enable_${way} = off`,
    )
  }
  const other = openStore({ url: databaseUrl, keyring, connectionsMax: 1, waitMs: 30_000 })
  try {
    const [row] = await other.sql`select current_setting('enable_hashjoin') as way`
    assert.equal(row?.['way'], 'off')
    assert.notEqual(await claimDueDoubt(other), null)
  } finally {
    await other.close()
    await store.sql.unsafe(`alter role current_user in database ${database} reset all`)
  }
  const claimed = await store.sql`select from sluice_store.mutations where inquiries > 0`
  assert.equal(claimed.length, 1)
})

test('nothing of what is known is ever claimed', async () => {
  const mutation = await inserted(made('r1'))
  assert.equal(await claimDoubtOf(store, mutation.id), null)
  assert.equal(await claimDueDoubt(store), null)
  assert.equal(await claimDoubtOf(store, crypto.randomUUID()), null)
})

test('the records that other inserts have made at the time are told, whatever their ids and values are', async () => {
  const hostile = ['say "id"', 'back\\slash', '"id":"fake"', 'ünï', 'r1']
  const values = { email: '"id":"not one" \u0000 \ud800', id: 'x' }
  await inserted({
    state: 'accepted',
    rows: hostile.map((id, at) => ({ ordinal: at + 1, id, values: { ...values, id } })),
  })
  await inserted({
    state: 'partial',
    rows: [{ ordinal: 1, id: 'r2', values: {} }],
    others: [{ state: 'unsent', ordinal: 2, id: null }],
    fault: faultData('partly_written'),
  })
  await inserted({ state: 'refused', fault: faultData('duplicate') })
  await inserted(null)
  await inserted(made('of another table'), { table: 'accounts' })
  const long = await inserted(made('long before'))
  const later = await inserted(made('long after'))
  await shift(long, '-1 hour')
  await shift(later, '1 hour')
  const others = await readOthers(store, { mutation: await inserted(lost), ageMs: 0 })
  assert.deepEqual([...others].sort(), [...hostile, 'r2'].sort())
})

test('rivals are the inserts under way, older ones in doubt, and those that have made the record', async () => {
  const older = await inserted(lost)
  const mutation = await inserted(lost)
  const younger = await inserted(lost)
  const running = await inserted(null)
  const maker = await inserted(made('r1', 'r"2'))
  await inserted(made('r3'))
  await inserted({ state: 'refused', fault: faultData('duplicate') })
  await inserted(null, { table: 'accounts' })
  const closed = await inserted(lost)
  await shift(closed, '-1 minute')
  await store.sql`update sluice_store.mutations set next_inquiry_at = null where id = ${closed.id}`
  const rivals = await readRivals(store, { mutation, ageMs: 0 }, ['r1', 'r"2', 'r9'])
  const found = rivals.map(({ request, made }) => `${request.id} ${made.join(' ')}`)
  const expected = [`${older.id} `, `${running.id} `, `${maker.id} r1 r"2`]
  assert.deepEqual(found.toSorted(), expected.toSorted())
  assert.ok(!found.some((each) => each.startsWith(younger.id) || each.startsWith(closed.id)))
})

interface Elsewhere {
  readonly sync: string
  readonly connection?: string
  readonly account?: string
  readonly baseUrl?: string
  readonly object?: string
}

/** Another sync, with a table of its own name, of the connection of sync_test01 unless the fields say otherwise. */
async function elsewhere(fields: Elsewhere): Promise<Partial<Mutation>> {
  const { sync, connection = 'connection of sync_test01', object = 'Contact' } = fields
  if (connection !== 'connection of sync_test01') await connect(connection, fields)
  const table = { ...contacts(sync), schema: sync, name: 'people', object }
  await saveSync(store, {
    id: sync,
    connectionId: connection,
    databaseId: 'database of sync_test01',
    schema: sync,
    tables: [table],
    users: [],
  })
  return { syncId: sync, schema: sync, table: 'people' }
}

async function connect(id: string, { account, baseUrl }: Omit<Elsewhere, 'sync'>): Promise<void> {
  await saveConnection(store, {
    id,
    platform: 'salesforce',
    baseUrl: baseUrl ?? 'http://127.0.0.1:1/salesforce',
    credential: { kind: 'key', key: id },
    ...(account === undefined ? {} : { account }),
  })
}

async function insertedAt(fields: Elsewhere, outcome: Outcome | null): Promise<Mutation> {
  const place = await elsewhere(fields)
  const { version } = await readSync(store, fields.sync)
  const rows = [{ ordinal: 1, id: null, values: { email: 'a@x.org' } }]
  const mutation = update({ operation: 'insert', rows, ...place })
  const hash = requestHash(mutation)
  await journal.begin(mutation, { hash, syncVersion: version, state: 'sent' })
  if (outcome !== null) assert.ok(await journal.settle(mutation.id, outcome))
  return mutation
}

test('inserts through other syncs of the same account are others and rivals, those of another account are not', async () => {
  const maker = await insertedAt({ sync: 'sync_other1' }, made('same connection'))
  const older = await insertedAt({ sync: 'sync_other2', connection: 'keyed' }, lost)
  const running = await insertedAt({ sync: 'sync_other3', object: 'contact' }, null)
  await insertedAt({ sync: 'sync_other4', object: 'Account' }, made('another object'))
  const baseUrl = 'http://127.0.0.1:1/another'
  await insertedAt({ sync: 'sync_other5', connection: 'far', baseUrl }, null)
  const mutation = await inserted(lost)
  const about = { mutation, ageMs: 0 }
  assert.deepEqual([...await readOthers(store, about)], ['same connection'])
  const rivals = await readRivals(store, about, ['same connection', 'another object'])
  const found = rivals.map(({ request, made }) => `${request.id} ${made.join(' ')}`)
  const expected = [`${maker.id} same connection`, `${older.id} `, `${running.id} `]
  assert.deepEqual(found.toSorted(), expected.toSorted())
})

test('accounts that are known tell connections apart, or together, whatever their addresses are', async () => {
  const own = { credential: { kind: 'key', key: 'the key' } } as const
  const about = {
    platform: 'salesforce',
    baseUrl: 'http://127.0.0.1:1/salesforce',
    ...own,
  } as const
  const connection = 'connection of sync_test01'
  await saveConnection(store, { id: connection, ...about, account: 'acme' })
  try {
    const baseUrl = 'http://127.0.0.1:1/third'
    const same = { sync: 'sync_other6', connection: 'same account', account: 'acme', baseUrl }
    await insertedAt(same, made('same account'))
    const far = { sync: 'sync_other7', connection: 'another account', account: 'globex' }
    await insertedAt(far, made('another account'))
    syncVersion = (await readSync(store, 'sync_test01')).version
    const mutation = await inserted(lost)
    assert.deepEqual([...await readOthers(store, { mutation, ageMs: 0 })], ['same account'])
  } finally {
    await store.sql`update sluice_store.connections set account = null where id = ${connection}`
    syncVersion = (await readSync(store, 'sync_test01')).version
  }
})

test('the backlog counts what is accepted and not applied, what is in doubt, and what was given up', async () => {
  const none = { count: 0, oldestMs: 0 }
  assert.deepEqual(await backlog(store), { notApplied: none, inDoubt: none, givenUp: none })
  await inserted(made('r1'))
  const applied = await inserted(made('r2'))
  await journal.applied([applied.id])
  const given = await inserted(lost)
  await store.sql`update sluice_store.mutations set next_inquiry_at = null where id = ${given.id}`
  await inserted(lost)
  await inserted({
    state: 'partial',
    rows: [{ ordinal: 1, id: 'r3', values: {} }],
    others: [{ state: 'unknown', ordinal: 2, id: null, fault: faultData('outcome_unknown') }],
    fault: faultData('outcome_unknown'),
  })
  await store.sql`update sluice_store.mutations set answered_at = now() - interval '1 hour'
    where state = 'accepted' and next_inquiry_at is null`
  const left = await backlog(store)
  assert.deepEqual([left.notApplied.count, left.inDoubt.count, left.givenUp.count], [2, 2, 1])
  assert.ok(left.notApplied.oldestMs >= 3_600_000 && left.notApplied.oldestMs < 3_700_000)
})

// Goal: the journal writes each mutation once and changes it only as its life allows. Method: a real Postgres, several
// service processes (presences) on one store.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { silentLog } from '../../src/lib/log.ts'
import { cancelMutation, settledAmong } from '../../src/store/cancel.ts'
import { createJournal, type Journal, requestHash } from '../../src/store/journal.ts'
import { migrate } from '../../src/store/migrations.ts'
import { announce, type Presence, presenceClass } from '../../src/store/presence.ts'
import type { Store } from '../../src/store/store.ts'
import { readSync, setSyncState } from '../../src/store/syncs.ts'
import { testCluster } from '../help/cluster.ts'
import { leaveFully, seed, testStore, update } from './help.ts'

let store: Store
let presence: Presence
let journal: Journal
let syncVersion: string
const cluster = await testCluster()

before(async () => {
  store = await testStore(await cluster.createDatabase())
  await seed(store)
  syncVersion = (await readSync(store, 'sync_test01')).version
  presence = await announce(store, { name: 'one', log: silentLog })
  journal = createJournal(store, presence)
})

after(async () => {
  await presence?.leave()
  await store?.close()
  await cluster.stop()
})

const accepted = {
  state: 'accepted',
  rows: [{ ordinal: 1, id: '003A', values: { email: 'paul@dune.co' } }],
} as const satisfies Outcome

function begin(on: Journal, mutation: Mutation, state: 'received' | 'sent' = 'sent') {
  return on.begin(mutation, { hash: requestHash(mutation), syncVersion, state })
}

async function row(id: string) {
  const [row] = await store.sql`select * from sluice_store.mutations where id = ${id}`
  return row ?? assert.fail(`no row ${id}`)
}

test('begin commits the mutation, as sent in one commit when nothing waits', async () => {
  const mutation = update()
  assert.deepEqual(await begin(journal, mutation), { kind: 'begun', state: 'sent' })
  const { state, request, sent_at, rows, service } = await row(mutation.id)
  assert.deepEqual([state, rows, service], ['sent', 1, presence.service])
  assert.deepEqual(request, mutation)
  assert.ok(sent_at instanceof Date)
})

test('settle keeps the outcome, and the same id gets it again', async () => {
  const mutation = update()
  await begin(journal, mutation)
  assert.equal(await journal.settle(mutation.id, accepted), true)
  assert.deepEqual(await begin(journal, mutation), { kind: 'settled', outcome: accepted })
  assert.equal((await row(mutation.id))['state'], 'accepted')
})

test('an outcome that jsonb could not hold is kept to the byte', async () => {
  const mutation = update()
  const values = { email: 'nul \0 and half a pair \ud800', name: '1.10' }
  const outcome: Outcome = { state: 'accepted', rows: [{ ordinal: 1, id: '003A', values }] }
  await begin(journal, mutation)
  await journal.settle(mutation.id, outcome)
  assert.deepEqual(await begin(journal, mutation), { kind: 'settled', outcome })
})

test('a mutation that was accepted in part is one that has rows to apply', async () => {
  const mutation = update()
  await begin(journal, mutation)
  const partial: Outcome = {
    state: 'partial',
    rows: accepted.rows,
    others: [{ state: 'unsent', ordinal: 2, id: '003B' }],
    fault: faultData('partly_written'),
  }
  assert.equal(await journal.settle(mutation.id, partial), true)
  assert.equal((await row(mutation.id)).state, 'accepted')
  assert.deepEqual(await begin(journal, mutation), { kind: 'settled', outcome: partial })
  assert.deepEqual(await journal.applied([mutation.id]), [mutation.id])
})

test('the id of another mutation is refused', async () => {
  const mutation = update()
  await begin(journal, mutation)
  const other = update({ id: mutation.id, rows: [{ ordinal: 1, id: '003B', values: {} }] })
  await assert.rejects(begin(journal, other), { code: 'mutation_id_reused' })
})

test('the order of columns does not make it another mutation', () => {
  const rows = (values: Record<string, string>) => [{ ordinal: 1, id: '003A', values }]
  const one = update({ rows: rows({ a: '1', b: '2' }) })
  const two = { ...one, rows: rows({ b: '2', a: '1' }) }
  const three = { ...one, rows: rows({ a: '1', b: '3' }) }
  assert.deepEqual(requestHash(one), requestHash(two))
  assert.notDeepEqual(requestHash(one), requestHash(three))
})

test('nothing is written for a sync that has changed or is disabled', async () => {
  const mutation = update()
  const stale = await journal.begin(mutation, {
    hash: requestHash(mutation),
    syncVersion: '999',
    state: 'sent',
  })
  assert.deepEqual(stale, { kind: 'stale' })
  await setSyncState(store, { id: 'sync_test01', state: 'disabled' })
  syncVersion = (await readSync(store, 'sync_test01')).version
  assert.deepEqual(await begin(journal, mutation), { kind: 'stale' })
  await setSyncState(store, { id: 'sync_test01', state: 'active' })
  syncVersion = (await readSync(store, 'sync_test01')).version
  assert.equal((await begin(journal, mutation)).kind, 'begun')
})

test('of many that begin the same mutation at once, one process has it', async () => {
  const others = await Promise.all(
    ['two', 'three'].map((name) => announce(store, { name, log: silentLog })),
  )
  const mutation = update()
  const journals = others.map((other) => createJournal(store, other))
  const found = await Promise.all(journals.map((each) => begin(each, mutation)))
  assert.deepEqual(found.map(({ kind }) => kind).sort(), ['begun', 'elsewhere'])
  await Promise.all(others.map((other) => other.leave()))
})

test('what a process that is gone had sent is unknown, and what it had not sent is refused', async () => {
  const gone = await announce(store, { name: 'gone', log: silentLog })
  const [sent, received] = [update(), update()]
  await begin(createJournal(store, gone), sent)
  await begin(createJournal(store, gone), received, 'received')
  assert.deepEqual(await begin(journal, sent), { kind: 'elsewhere' })
  await leaveFully(store, gone)
  const found = [await begin(journal, sent), await begin(journal, received)]
  assert.deepEqual(found.map((each) => each.kind === 'settled' && each.outcome.state), [
    'unknown',
    'refused',
  ])
  assert.equal((await row(sent.id))['state'], 'unknown')
})

test('a mutation is still sent by the process that sent it, while that is seen and nobody has settled it', async () => {
  const one = await announce(store, { name: 'still', log: silentLog })
  const ours = createJournal(store, one)
  const [sent, received, told] = [update(), update(), update()]
  await begin(ours, sent)
  await begin(ours, received, 'received')
  await begin(ours, told)
  await ours.settle(told.id, lost)
  assert.equal(await ours.isStillSent(sent.id), true)
  assert.equal(await journal.isStillSent(sent.id), false)
  assert.equal(await ours.isStillSent(received.id), false)
  assert.equal(await ours.isStillSent(told.id), false)
  await leaveFully(store, one)
  assert.equal(await ours.isStillSent(sent.id), false)
})

test('who looks whether a mutation is still sent waits for the one that is settling it', async () => {
  const mutation = update()
  await begin(journal, mutation)
  let looked: Promise<boolean> | undefined
  await store.sql.begin(async (sql) => {
    await sql`
      update sluice_store.mutations
      set state = 'unknown', outcome = ${JSON.stringify(lost)}::text::json, answered_at = now()
      where id = ${mutation.id}`
    looked = journal.isStillSent(mutation.id)
    const waits = async () =>
      (await store.sql`
        select from pg_locks where not granted and locktype = 'transactionid'`).count > 0
    for (const end = Date.now() + 60_000; !await waits() && Date.now() < end;) {
      await new Promise((go) => setTimeout(go, 20))
    }
    assert.equal(await waits(), true)
  })
  assert.equal(await looked, false)
})

test('a process that comes back just before its mutation is taken over keeps it', async () => {
  const gone = await announce(store, { name: 'back', log: silentLog })
  const mutation = update()
  await begin(createJournal(store, gone), mutation)
  await leaveFully(store, gone)
  const session = await store.sql.reserve()
  const ask: Store['ask'] = async (what, work) => {
    if (what === 'Recording the outcome') {
      await session`select pg_advisory_lock_shared(${presenceClass}, ${gone.service})`
    }
    return await store.ask(what, work)
  }
  const other = createJournal({ ...store, ask }, presence)
  try {
    assert.deepEqual(await begin(other, mutation), { kind: 'elsewhere' })
    assert.equal((await row(mutation.id))['state'], 'sent')
  } finally {
    await session`select pg_advisory_unlock_all()`
    session.release()
  }
})

test('sweep settles what gone processes left and leaves the rest alone', async () => {
  const gone = await announce(store, { name: 'gone', log: silentLog })
  const [left, mine] = [update(), update()]
  await begin(createJournal(store, gone), left)
  await begin(journal, mine)
  await journal.sweep() // what other tests left
  await leaveFully(store, gone)
  assert.equal(await journal.sweep(), 1)
  assert.equal((await row(left.id))['state'], 'unknown')
  assert.equal((await row(mine.id))['state'], 'sent')
})

const lost: Outcome = { state: 'unknown', fault: faultData('outcome_unknown') }
const partly: Outcome = {
  state: 'partial',
  rows: accepted.rows,
  others: [{ state: 'unknown', ordinal: 2, id: '003B', fault: faultData('outcome_unknown') }],
  fault: faultData('outcome_unknown'),
}
const refused: Outcome = { state: 'refused', fault: faultData('duplicate') }

/** A mutation as a process leaves it that knows nothing of inquiries. */
async function old(outcome: Outcome, { isOpen }: { isOpen: boolean }): Promise<string> {
  const mutation = update()
  await begin(journal, mutation)
  await journal.settle(mutation.id, outcome)
  await store.sql`update sluice_store.mutations
    set next_inquiry_at = ${isOpen ? '2020-01-01' : null}::text::timestamptz
    where id = ${mutation.id}`
  return mutation.id
}

const isOpen = async (id: string) => (await row(id))['next_inquiry_at'] !== null

test('the sweep marks what a process without inquiries left in doubt, and clears what it refused', async () => {
  const marked = [await old(lost, { isOpen: false }), await old(partly, { isOpen: false })]
  const known = await old(accepted, { isOpen: false })
  const cleared = await old(refused, { isOpen: true })
  const givenUp = await old(lost, { isOpen: false })
  await store.sql`update sluice_store.mutations set inquiries = 3 where id = ${givenUp}`
  const ancient = await old(lost, { isOpen: false })
  await store.sql`update sluice_store.mutations set sent_at = sent_at - interval '25 hours'
    where id = ${ancient}`
  await journal.sweep()
  assert.deepEqual(await Promise.all(marked.map(isOpen)), [true, true])
  for (const id of [known, cleared, givenUp, ancient]) assert.equal(await isOpen(id), false, id)
})

test('what was in doubt in some rows before there were inquiries is inquired about', async () => {
  const [before, after] = [
    await old(partly, { isOpen: false }),
    await old(accepted, { isOpen: false }),
  ]
  assert.equal((await journal.applied([before, after])).length, 2)
  await store.sql`delete from sluice_store.migrations where id = 9`
  assert.deepEqual(await migrate(store), [9])
  assert.deepEqual([await isOpen(before), await isOpen(after)], [true, false])
})

test('a presence whose session was cut announces itself again', async () => {
  const cut = await announce(store, { name: 'cut', log: silentLog })
  const mutation = update()
  await begin(createJournal(store, cut), mutation)
  const name = `sluice presence ${cut.service}`
  const backends = () =>
    store
      .sql`select pg_terminate_backend(pid, 30000) from pg_stat_activity
        where application_name = ${name} and datname = current_database()`
  assert.equal((await backends()).count, 1)
  const held = async () =>
    (await store.sql`
      select from pg_locks where locktype = 'advisory' and objid = ${cut.service} and granted
        and pid in (select pid from pg_stat_activity
          where application_name = ${name} and datname = current_database())`).count
  const until = Date.now() + 60_000
  while (await held() === 0 && Date.now() < until) await new Promise((go) => setTimeout(go, 50))
  assert.equal((await begin(journal, mutation)).kind, 'elsewhere')
  await cut.leave()
})

test('a mutation that was received is sent once', async () => {
  const mutation = update()
  await begin(journal, mutation, 'received')
  assert.equal(await journal.settle(mutation.id, accepted), false)
  assert.deepEqual([await journal.send(mutation.id), await journal.send(mutation.id)], [
    true,
    false,
  ])
  assert.equal(await journal.settle(mutation.id, accepted), true)
})

test('an unknown outcome can become known, a known one stays', async () => {
  const mutation = update()
  const lost: Outcome = { state: 'unknown', fault: faultData('outcome_unknown') }
  const refused: Outcome = { state: 'refused', fault: faultData('duplicate') }
  await begin(journal, mutation)
  assert.equal(await journal.settle(mutation.id, lost), true)
  assert.equal(await journal.settle(mutation.id, accepted), true)
  assert.equal(await journal.settle(mutation.id, refused), false)
  assert.equal(await journal.settle(mutation.id, lost), false)
  assert.equal((await row(mutation.id))['state'], 'accepted')
})

test('applied is said as often as one likes, but only of what was accepted', async () => {
  const mutation = update()
  await begin(journal, mutation)
  assert.deepEqual(await journal.applied([mutation.id]), [])
  assert.equal((await row(mutation.id)).state, 'sent')
  await journal.settle(mutation.id, accepted)
  assert.deepEqual(await journal.applied([mutation.id]), [mutation.id])
  const { state, applied_at } = await row(mutation.id)
  assert.deepEqual(await journal.applied([crypto.randomUUID(), mutation.id]), [mutation.id])
  assert.equal(state, 'applied')
  assert.deepEqual((await row(mutation.id))['applied_at'], applied_at)
  assert.deepEqual(await begin(journal, mutation), { kind: 'settled', outcome: accepted })
  assert.deepEqual(await journal.applied([]), [])
})

test('only what was settled unsent counts as cancelled while it waits: of what is in doubt one wants to know', async () => {
  const [cancelled, doubtful, written, waits] = [update(), update(), update(), update()]
  for (const each of [cancelled, waits]) await begin(journal, each, 'received')
  for (const each of [doubtful, written]) await begin(journal, each)
  assert.equal(await cancelMutation(store, { id: cancelled.id, syncs: null }), 'cancelled')
  const unknown = { state: 'unknown', fault: faultData('outcome_unknown') } as const
  await journal.settle(doubtful.id, unknown)
  await journal.settle(written.id, accepted)
  const ids = [cancelled, doubtful, written, waits].map(({ id }) => id)
  assert.deepEqual(await settledAmong(store, ids), [cancelled.id])
})

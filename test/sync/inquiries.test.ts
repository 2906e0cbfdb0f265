// Goal: what is in doubt is found out afterwards, by one process at a time, and the table is right either way. Method: a
// real store and a real customer's database; the journal as dead services leave it; an adapter that the test plays.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import postgres from 'postgres'
import { applyRows, ensureTable, installDatabase } from '../../src/database/index.ts'
import { createLog } from '../../src/lib/log.ts'
import { fault, faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome, OutcomeRow } from '../../src/mutation/mutation.ts'
import type { Caller, Doubt, Inquiry } from '../../src/platforms/platform.ts'
import { backlog } from '../../src/store/backlog.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import { inquiryGapMs, inquiryLeaseMs } from '../../src/store/doubts.ts'
import { createJournal, type Journal, requestHash } from '../../src/store/journal.ts'
import type { Store } from '../../src/store/store.ts'
import { readSync, saveSync } from '../../src/store/syncs.ts'
import { inquireDue, type InquiryDeps } from '../../src/sync/inquiries.ts'
import { recover } from '../../src/sync/recovery.ts'
import { testCluster } from '../help/cluster.ts'
import { fakeAdapter, gate, until } from '../service/help.ts'
import { contacts, testStore } from '../store/help.ts'

const cluster = await testCluster()
const syncId = 'sync_doubt1'
const table = contacts(syncId)
const lines: string[] = []
const log = createLog({ level: 'debug', write: (line) => lines.push(line) })
let store: Store
let journal: Journal
let sql: postgres.Sql
let ticketKey: Uint8Array

before(async () => {
  store = await testStore(await cluster.createDatabase())
  journal = createJournal(store, { service: 1 })
  const url = await cluster.createDatabase()
  sql = postgres(url, { max: 4, onnotice: () => {} })
  const address = {
    host: '127.0.0.1',
    port: cluster.port,
    database: new URL(url).pathname.slice(1),
    user: 'postgres',
    password: 'postgres',
    sslmode: 'disable' as const,
  }
  await saveConnection(store, {
    id: 'acme',
    platform: 'salesforce',
    baseUrl: 'http://127.0.0.1:1',
    credential: { kind: 'key', key: 'k' },
  })
  const database = await saveDatabase(store, { id: 'demo', address }, { random: randomBytes })
  ticketKey = Buffer.from(database.ticketKey, 'base64')
  await installDatabase(sql, { ticketKey })
  await ensureTable(sql, table)
  await saveSync(store, {
    id: syncId,
    connectionId: 'acme',
    databaseId: 'demo',
    schema: 'salesforce',
    tables: [table],
    users: [],
  })
})

after(async () => {
  await Promise.allSettled([store?.close(), sql?.end()])
  await cluster.stop()
})

beforeEach(async () => {
  lines.length = 0
  await store.sql`delete from sluice_store.mutations`
  const ids = await sql<{ id: string }[]>`select id from salesforce.contacts`
  await fill(ids.map(({ id }) => ({ id, values: null })))
})

type Row = Omit<OutcomeRow, 'ordinal'>

const lost: Outcome = { state: 'unknown', fault: faultData('outcome_unknown') }
const refused: Outcome = { state: 'refused', fault: faultData('platform_failed') }
const row = (id: string, email: string): Row => ({ id, values: { email } })
const emails = async () =>
  (await sql`select id, email from salesforce.contacts order by id`)
    .map(({ id, email }) => `${id} ${email}`)

async function fill(rows: readonly Row[]): Promise<void> {
  const gone = rows.filter(({ values }) => values === null)
  const kept = rows.filter(({ values }) => values !== null)
  await applyRows(sql, { table, operation: 'delete', rows: gone, ticketKey })
  await applyRows(sql, { table, operation: 'upsert', rows: kept, ticketKey })
}

/** A mutation that was sent, in the journal. */
async function sent(rows: readonly Row[], operation: Mutation['operation'] = 'update') {
  const mutation: Mutation = {
    id: randomUUID(),
    syncId,
    schema: 'salesforce',
    table: 'contacts',
    operation,
    rows: rows.map(({ id, values }, at) => ({
      ordinal: at + 1,
      id: operation === 'insert' ? null : id,
      values: values ?? {},
    })),
  }
  const { version: syncVersion } = await readSync(store, syncId)
  await journal.begin(mutation, { hash: requestHash(mutation), syncVersion, state: 'sent' })
  return mutation
}

const acceptedOf = (rows: readonly Row[]): Outcome => ({
  state: 'accepted',
  rows: rows.map((each, at) => ({ ordinal: at + 1, ...each })),
})

/** A mutation in doubt, whose inquiry is due. */
async function doubtful(
  rows: readonly Row[],
  { operation = 'update', outcome = lost }: {
    operation?: Mutation['operation']
    outcome?: Outcome
  } = {},
): Promise<Mutation> {
  const mutation = await sent(rows, operation)
  assert.ok(await journal.settle(mutation.id, outcome))
  await due()
  return mutation
}

/** Gives how long it has been since, at most, in milliseconds; clocks are read to the millisecond. */
function stopwatch(): () => number {
  const from = performance.now()
  return () => performance.now() - from + 2
}

/** As if the gap were over. */
async function due(): Promise<void> {
  await store.sql`update sluice_store.mutations set next_inquiry_at = now()
    where next_inquiry_at is not null`
}

type Play = (doubt: Doubt) => Inquiry | Promise<Inquiry>

function deps(play: Play | null): InquiryDeps {
  const inquire = async (doubt: Doubt) => await (play ?? assert.fail('no inquiry'))(doubt)
  const adapter = fakeAdapter(play === null ? {} : { inquire })
  return {
    store,
    journal,
    log,
    now: Date.now,
    adapterFor: () => adapter,
    callerFor: (_id, options) => Promise.resolve({ ...options, log } as unknown as Caller),
    signal: new AbortController().signal,
  }
}

async function stored(id: string) {
  const [found] = await store.sql`
    select state, outcome, inquiries,
      (extract(epoch from next_inquiry_at - now()) * 1000)::float8 as "nextMs"
    from sluice_store.mutations where id = ${id}`
  return found ?? assert.fail(`no row ${id}`)
}

const applyAll = () => recover({ store, journal, log, afterMs: 0 })

test('an unknown update that was written is settled, shown, and applied once by recovery', async () => {
  await fill([row('r1', 'before')])
  const { id } = await doubtful([row('r1', 'after')])
  const now = row('r1', 'after')
  const done = await inquireDue(deps(() => ({ outcome: acceptedOf([now]), seen: [now] })))
  assert.deepEqual(done, { settled: 1, open: 0, givenUp: 0 })
  assert.deepEqual(await emails(), ['r1 after'])
  assert.equal((await stored(id))['state'], 'accepted')
  assert.deepEqual(await applyAll(), { applied: 1, failed: 0 })
  assert.equal((await stored(id))['state'], 'applied')
  assert.deepEqual(await inquireDue(deps(null)), { settled: 0, open: 0, givenUp: 0 })
})

test('an unknown insert that was made appears, one that was not is refused and nothing appears', async () => {
  const made = await doubtful([row('', 'a@x.org')], { operation: 'insert' })
  const unmade = await doubtful([row('', 'b@x.org')], { operation: 'insert' })
  const answers = new Map([
    [made.id, { outcome: acceptedOf([row('r1', 'a@x.org')]), seen: [] }],
    [unmade.id, { outcome: refused, seen: [] }],
  ])
  const play: Play = ({ mutation }) => answers.get(mutation.id) ?? assert.fail()
  assert.deepEqual(await inquireDue(deps(play)), { settled: 2, open: 0, givenUp: 0 })
  assert.equal((await stored(unmade.id))['state'], 'refused')
  await applyAll()
  assert.deepEqual(await emails(), ['r1 a@x.org'])
})

test('what stays in doubt is shown as the platform has it, and inquired about again after growing gaps', async () => {
  await fill([row('r1', 'before'), row('r2', 'gone')])
  const { id } = await doubtful([row('r1', 'after'), row('r2', 'after')])
  const seen = [row('r1', 'somebody else'), { id: 'r2', values: null }]
  for (let times = 1; times <= 6; times++) {
    const since = stopwatch()
    const done = await inquireDue(deps(({ outcome }) => ({ outcome, seen })))
    assert.deepEqual(done, { settled: 0, open: 1, givenUp: 0 })
    const { state, inquiries, nextMs } = await stored(id)
    const gapMs = inquiryGapMs(times)
    assert.ok(nextMs >= gapMs - since() && nextMs <= gapMs, `${nextMs} of ${gapMs}`)
    assert.deepEqual([state, inquiries], ['unknown', times])
    assert.deepEqual(await emails(), ['r1 somebody else'])
    // however long that took, it is not due yet
    await store.sql`update sluice_store.mutations set next_inquiry_at = now() + interval '1 hour'`
    assert.deepEqual(await inquireDue(deps(null)), { settled: 0, open: 0, givenUp: 0 })
    await due()
  }
  assert.deepEqual([1, 2, 3, 4, 5, 9].map((times) => inquiryGapMs(times) / 1000), [
    10,
    30,
    120,
    600,
    3_600,
    3_600,
  ])
})

test('the next inquiry comes no later than the moment from which on the request is surely over', async () => {
  const { id } = await doubtful([row('r1', 'after')])
  for (let times = 1; times <= 3; times++) {
    await inquireDue(deps(({ outcome }) => ({ outcome, seen: [] })))
    await due()
  }
  const aheadMs = 200_000
  for (const [overMs, gapMs] of [[aheadMs, aheadMs], [-1, inquiryGapMs(5)]] as const) {
    const since = stopwatch()
    await inquireDue(deps(({ outcome, now }) => ({ outcome, seen: [], overAt: now + overMs })))
    const nextMs = Number((await stored(id))['nextMs'])
    assert.ok(nextMs >= gapMs - since() && nextMs <= gapMs + 2, `${nextMs} of ${gapMs}`)
    await due()
  }
  await inquireDue(deps(({ outcome, now }) => ({ outcome, seen: [], overAt: now + 1e9 })))
  assert.ok((await stored(id))['nextMs'] <= inquiryGapMs(6))
})

test('at the moment that an inquiry has told, the request is over for the next one', async () => {
  const { id } = await doubtful([row('r1', 'after')])
  const asked: number[] = []
  const aheadMs = 60_000
  let overMs = 0
  const play: Play = ({ outcome, now, sentAt }) => {
    const ageMs = now - sentAt
    asked.push(ageMs)
    if (asked.length === 1) overMs = ageMs + aheadMs
    return ageMs < overMs
      ? { outcome, seen: [], overAt: sentAt + overMs }
      : { outcome: refused, seen: [] }
  }
  await inquireDue({ ...deps(play), firstGapMs: 600_000 })
  // as if most of the time had passed, and it was sent so much earlier
  const passMs = Number((await stored(id))['nextMs']) - 500
  await store.sql`update sluice_store.mutations
    set sent_at = sent_at - ${passMs}::float8 * interval '1 millisecond',
      received_at = received_at - ${passMs}::float8 * interval '1 millisecond',
      next_inquiry_at = next_inquiry_at - ${passMs}::float8 * interval '1 millisecond'`
  await until(async () => {
    await inquireDue(deps(play))
    return (await stored(id))['state'] === 'refused'
  }, 60_000)
  assert.equal(asked.length, 2, asked.join())
})

test('what can never be told is given up once it is shown, and not before', async () => {
  await fill([row('r1', 'before')])
  const { id } = await doubtful([row('r1', 'after')])
  const seen = [row('r1', 'somebody else')]
  const play: Play = ({ outcome }) => ({ outcome, seen, forGood: true })
  const unreachable = { ...deps(play), dial: () => assert.fail('the database is not reachable') }
  assert.deepEqual(await inquireDue(unreachable), { settled: 0, open: 1, givenUp: 0 })
  await due()
  assert.deepEqual(await inquireDue(deps(play)), { settled: 0, open: 0, givenUp: 1 })
  assert.deepEqual(await emails(), ['r1 somebody else'])
  const { state, nextMs } = await stored(id)
  assert.deepEqual([state, nextMs], ['unknown', null])
  assert.equal((await backlog(store)).givenUp.count, 1)
  assert.ok(lines.some((line) => /inquiry\.given_up.*nothing more can be told/.test(line)))
})

test('of rows that are in doubt beside others that were written, the known ones are applied when the rest is given up', async () => {
  await fill([row('r1', 'before'), row('r2', 'before')])
  const { id } = await doubtful([row('r1', 'after'), row('r2', 'after')])
  const left = {
    ordinal: 2,
    id: 'r2',
    state: 'unknown',
    fault: faultData('outcome_unknown'),
  } as const
  const partial: Outcome = {
    state: 'partial',
    rows: [{ ordinal: 1, ...row('r1', 'after') }],
    others: [left],
    fault: faultData('outcome_unknown'),
  }
  const seen = [row('r1', 'after'), row('r2', 'somebody else')]
  const done = await inquireDue(deps(() => ({ outcome: partial, seen, forGood: true })))
  assert.deepEqual(done, { settled: 0, open: 0, givenUp: 1 })
  const { state, nextMs } = await stored(id)
  assert.deepEqual([state, nextMs], ['accepted', null])
  await applyAll()
  assert.equal((await stored(id))['state'], 'applied')
  assert.deepEqual(await emails(), ['r1 after', 'r2 somebody else'])
})

test('after a day nobody inquires any more, and the backlog says so', async () => {
  const { id } = await doubtful([row('r1', 'after')])
  assert.equal((await backlog(store)).inDoubt.count, 1)
  await store.sql`update sluice_store.mutations
    set received_at = now() - interval '25 hours', sent_at = now() - interval '25 hours'`
  const done = await inquireDue(deps(({ outcome }) => ({ outcome, seen: [] })))
  assert.deepEqual(done, { settled: 0, open: 0, givenUp: 1 })
  const { state, nextMs } = await stored(id)
  assert.deepEqual([state, nextMs], ['unknown', null])
  const left = await backlog(store)
  assert.deepEqual([left.inDoubt, left.givenUp.count], [{ count: 0, oldestMs: 0 }, 1])
  assert.ok(left.givenUp.oldestMs > 24 * 3_600_000)
  assert.ok(lines.some((line) => line.includes('inquiry.given_up') && line.includes(id)))
})

test('what was read before another mutation was answered does not undo it', async () => {
  await fill([row('r1', 'before')])
  await doubtful([row('r1', 'first')])
  const play: Play = async ({ outcome }) => {
    const newer = await sent([row('r1', 'second')])
    await journal.settle(newer.id, acceptedOf([row('r1', 'second')]))
    await fill([row('r1', 'second')])
    await journal.applied([newer.id])
    return { outcome, seen: [row('r1', 'first')] }
  }
  await inquireDue(deps(play))
  assert.deepEqual(await emails(), ['r1 second'])
})

test('two processes never inquire about the same mutation at once', async () => {
  await doubtful([row('r1', 'after')])
  const open = gate()
  let inquiries = 0
  const play: Play = async ({ outcome }) => {
    inquiries++
    await open.promise
    return { outcome, seen: [] }
  }
  const first = inquireDue(deps(play))
  await until(() => inquiries === 1, 60_000)
  assert.deepEqual(await inquireDue(deps(play)), { settled: 0, open: 0, givenUp: 0 })
  open.open()
  assert.deepEqual(await first, { settled: 0, open: 1, givenUp: 0 })
  assert.equal(inquiries, 1)
})

test('an inquiry whose process is killed is taken over when its lease ends', async () => {
  const { id } = await doubtful([row('r1', 'after')])
  let asked = false
  const open = gate()
  const slow = inquireDue(deps(async ({ outcome }) => {
    asked = true
    await open.promise
    return { outcome, seen: [] }
  }))
  await until(() => asked, 60_000)
  const { nextMs, inquiries } = await stored(id)
  assert.ok(nextMs > inquiryLeaseMs - 30_000 && nextMs <= inquiryLeaseMs)
  assert.equal(inquiries, 1)
  await due()
  const done = await inquireDue(deps(() => ({ outcome: refused, seen: [] })))
  assert.deepEqual(done, { settled: 1, open: 0, givenUp: 0 })
  // were it alive after all, it would change nothing any more
  open.open()
  await slow
  const { state, nextMs: never } = await stored(id)
  assert.deepEqual([state, never], ['refused', null])
})

test('rows in doubt of a mutation that is applied in part are found out, shown, and told by the journal', async () => {
  const rows = [row('r1', 'one'), row('r2', 'two'), row('r3', 'three')]
  const inDoubt = (ordinal: number) =>
    ({ state: 'unknown', ordinal, id: `r${ordinal}`, fault: faultData('outcome_unknown') }) as const
  const partial: Outcome = {
    state: 'partial',
    rows: [{ ordinal: 1, ...row('r1', 'one') }],
    others: [inDoubt(2), inDoubt(3)],
    fault: faultData('outcome_unknown'),
  }
  const { id } = await doubtful(rows, { outcome: partial })
  await applyAll()
  assert.deepEqual(await emails(), ['r1 one'])
  assert.equal((await stored(id))['state'], 'applied')
  const more: Outcome = {
    ...partial,
    rows: [...partial.rows, { ordinal: 2, ...row('r2', 'two') }],
    others: [inDoubt(3)],
  }
  assert.deepEqual(await inquireDue(deps(() => ({ outcome: more, seen: [] }))), {
    settled: 0,
    open: 1,
    givenUp: 0,
  })
  assert.deepEqual(await emails(), ['r1 one', 'r2 two'])
  await due()
  const known: Outcome = {
    ...more,
    others: [{ ...inDoubt(3), state: 'refused' }],
    fault: faultData('partly_written'),
  }
  const done = await inquireDue(deps((doubt) => {
    assert.deepEqual(doubt.outcome, more)
    return { outcome: known, seen: [] }
  }))
  assert.deepEqual(done, { settled: 1, open: 0, givenUp: 0 })
  const { state, outcome, nextMs } = await stored(id)
  assert.deepEqual([state, outcome, nextMs], ['applied', known, null])
})

test('a record that two alike inserts may have made is the older one’s, and then no longer the other’s', async () => {
  const older = await doubtful([row('', 'same@x.org')], { operation: 'insert' })
  const younger = await doubtful([row('', 'same@x.org')], { operation: 'insert' })
  const play: Play = ({ others, outcome, now, sentAt }) => {
    const surelyOver = now - sentAt > 60_000
    if (!others.has('r1')) return { outcome: acceptedOf([row('r1', 'same@x.org')]), seen: [] }
    return { outcome: surelyOver ? refused : outcome, seen: [] }
  }
  await store.sql`update sluice_store.mutations
    set next_inquiry_at = now() - case id when ${younger.id} then 2 else 1 end * interval '1 second'`
  const done = await inquireDue(deps(play))
  assert.equal(done.settled, 1)
  assert.equal((await stored(older.id))['state'], 'accepted')
  assert.equal((await stored(younger.id))['state'], 'unknown')
  await store.sql`update sluice_store.mutations set sent_at = sent_at - interval '2 minutes'
    where id = ${younger.id}`
  await due()
  await inquireDue(deps(play))
  assert.equal((await stored(younger.id))['state'], 'refused')
})

test('a platform that cannot be read, a database that cannot be written: it is tried again', async () => {
  await fill([row('r1', 'before')])
  const { id } = await doubtful([row('r1', 'after')])
  const other = await doubtful([row('r1', 'other')])
  let asked = 0
  const down = await inquireDue({
    ...deps(() => {
      asked++
      throw fault('unreachable', { platform: 'salesforce' })
    }),
  })
  assert.deepEqual(down, { settled: 0, open: 2, givenUp: 0 })
  assert.ok(asked <= 2)
  await journal.settle(other.id, refused)
  await due()
  await sql.unsafe('alter table salesforce.contacts rename to hidden')
  const seen = [row('r1', 'now')]
  const hidden = await inquireDue(deps(({ outcome }) => ({ outcome, seen })))
  assert.deepEqual(hidden, { settled: 0, open: 1, givenUp: 0 })
  await sql.unsafe('alter table salesforce.hidden rename to contacts')
  await due()
  const done = await inquireDue(deps(() => ({ outcome: acceptedOf(seen), seen })))
  assert.deepEqual(done, { settled: 1, open: 0, givenUp: 0 })
  assert.deepEqual(await emails(), ['r1 now'])
  assert.equal((await stored(id))['inquiries'], 3)
})

test('a process that is told to end does not wait for an inquiry, and leaves it to others', async () => {
  const { id } = await doubtful([row('r1', 'after')])
  const ending = new AbortController()
  const open = gate()
  const since = stopwatch()
  const pass = inquireDue({
    ...deps(async ({ outcome }) => {
      ending.abort()
      await open.promise
      return { outcome, seen: [] }
    }),
    signal: ending.signal,
  })
  assert.deepEqual(await pass, { settled: 0, open: 1, givenUp: 0 })
  open.open()
  const { nextMs } = await stored(id)
  assert.ok(nextMs >= inquiryGapMs(1) - since() && nextMs <= inquiryGapMs(1), String(nextMs))
})

test('what a listener has applied before the journal could hear of it is applied, whatever the platform says now', async () => {
  const rows = [{ ordinal: 1, ...row('r1', 'told') }]
  const mutation = await doubtful([row('', 'told')], { operation: 'insert' })
  const options = { table, operation: 'upsert', rows, ticketKey, mutationId: mutation.id } as const
  await applyRows(sql, options)
  const before = await inquireDue(deps(({ outcome }) => ({ outcome, seen: [] })))
  assert.deepEqual(before, { settled: 0, open: 1, givenUp: 0 })
  assert.equal((await stored(mutation.id))['state'], 'applied')
  await due()
  const wrong = await inquireDue(deps(() => ({ outcome: refused, seen: [] })))
  assert.deepEqual(wrong, { settled: 0, open: 1, givenUp: 0 })
  await due()
  const outcome = acceptedOf([row('r1', 'told')])
  const done = await inquireDue(deps(() => ({ outcome, seen: [] })))
  assert.deepEqual(done, { settled: 1, open: 0, givenUp: 0 })
  const { state, outcome: kept } = await stored(mutation.id)
  assert.deepEqual([state, kept], ['applied', outcome])
  assert.deepEqual(await applyAll(), { applied: 0, failed: 0 })
})

test('what a process without inquiries has found out is known, and nobody is asked about it', async () => {
  const { id } = await doubtful([row('r1', 'after')])
  // as such a process writes it: the mark stays
  await store.sql`update sluice_store.mutations
    set state = 'accepted', outcome = ${
    JSON.stringify(acceptedOf([row('r1', 'after')]))
  }::text::json
    where id = ${id}`
  const done = await inquireDue(deps(() => assert.fail('asked')))
  assert.deepEqual(done, { settled: 1, open: 0, givenUp: 0 })
  const { state, nextMs } = await stored(id)
  assert.deepEqual([state, nextMs], ['accepted', null])
  assert.ok(!lines.some((line) => line.includes('inquiry.failed')), lines.join(''))
  assert.equal((await backlog(store)).inDoubt.count, 0)
})

test('where there is nothing to inquire by, nobody inquires', async () => {
  const { id } = await doubtful([row('r1', 'after')])
  assert.deepEqual(await inquireDue(deps(null)), { settled: 0, open: 0, givenUp: 1 })
  assert.equal((await stored(id))['nextMs'], null)
})

test('many that are in doubt are found out by several processes together, each once at a time', async () => {
  const ids = new Set<string>()
  for (let at = 0; at < 30; at++) ids.add((await doubtful([row(`r${at}`, 'after')])).id)
  const running = new Set<string>()
  const play: Play = async ({ mutation }) => {
    assert.ok(!running.has(mutation.id), 'at the same time')
    running.add(mutation.id)
    await new Promise((resolve) => setTimeout(resolve, 5))
    running.delete(mutation.id)
    return { outcome: acceptedOf([row(mutation.rows[0]?.id ?? '', 'after')]), seen: [] }
  }
  const all = await Promise.all([1, 2, 3].map(() => inquireDue(deps(play))))
  assert.equal(all.reduce((sum, { settled }) => sum + settled, 0), 30)
  await Promise.all([applyAll(), applyAll(), applyAll()])
  assert.equal((await emails()).length, 30)
  const [noted] = await sql`
    select count(*)::int as count from sluice.mutations where id in ${sql([...ids])}`
  assert.equal(noted?.['count'], 30)
})

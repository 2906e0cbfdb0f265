// Goal: a request whose process died is not carried out twice, and not forgotten. Method: keys as a process leaves them that
// dies at each point, and one that is killed.

import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { presenceClass } from '../../../src/store/presence.ts'
import { type Parts, startParts, until, writesOf } from '../../help/system.ts'

let system: Parts
let listenerKey: string

const table = '/v1/syncs/sync_salesforce/tables/contacts/records'
const query = '/v1/syncs/sync_salesforce/query'
/** The number of a process that is gone. */
const goneService = 999_999

before(async () => {
  system = await startParts({ env: { SLUICE_INQUIRY_WAIT_MS: '1000' } })
  const secrets = readFileSync(join(system.dataDir, 'secrets.json'), 'utf8')
  listenerKey = (JSON.parse(secrets) as { listenerKey: string }).listenerKey
})
after(() => system?.stop())
beforeEach(async () => {
  await system.clearMischief()
  await system.clearExchanges()
})

interface Answer {
  readonly status: number
  readonly body: {
    readonly records?: { id: string; name: string }[]
    readonly mutation?: string
    readonly sqlstate?: string
    readonly title?: string
  }
}

const post = (path: string, body: string, key: string) => send('POST', { path, body, key })

async function send(
  method: string,
  { path, body, key }: { path: string; body: string; key: string },
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${system.servicePort}${path}`, {
    method,
    headers: { authorization: 'Bearer sluice_demo_salesforce', 'idempotency-key': key },
    body,
    signal: AbortSignal.timeout(120_000),
  })
  return { status: response.status, body: await response.json() as Answer['body'] }
}

/** The key as it is in the store when the process that took it is gone. */
async function leaveKey(path: string, body: string): Promise<{ key: string; mutationId: string }> {
  const [key, mutationId] = [randomUUID(), randomUUID()]
  const head = JSON.stringify(['POST', path, ''])
  const hash = createHash('sha256').update(head).update('\0').update(body).digest()
  await system.store`
    insert into sluice_store.idempotency_keys (sync_id, key, request_hash, mutation_id, service)
    values ('sync_salesforce', ${key}, ${hash}, ${mutationId}, ${goneService})`
  return { key, mutationId }
}

/** Has the platform accept the mutation, and nobody apply it. */
async function accept(id: string, lastName: string): Promise<void> {
  const rows = [{ ordinal: 1, id: null, values: { last_name: lastName } }]
  const place = { syncId: 'sync_salesforce', schema: 'salesforce', table: 'contacts' }
  const mutation = { id, ...place, operation: 'insert', rows }
  const response = await fetch(`http://127.0.0.1:${system.servicePort}/internal/mutations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${listenerKey}` },
    body: JSON.stringify({ mutation, waitMs: 60_000 }),
  })
  assert.equal((await response.json() as { state: string }).state, 'accepted')
}

const platformRows = async (lastName: string) =>
  (await system.records('contacts')).filter(({ LastName }) => LastName === lastName).length
const databaseRows = async (lastName: string) =>
  (await system.sql`select from salesforce.contacts where last_name = ${lastName}`).length

test('nothing was sent: it is carried out, under the id that it had', async () => {
  const body = '{"last_name":"Unsent"}'
  const { key, mutationId } = await leaveKey(table, body)
  const answer = await post(table, body, key)
  assert.equal(answer.status, 201)
  assert.equal(answer.body.mutation, mutationId)
  assert.equal(await platformRows('Unsent'), 1)
  assert.deepEqual(await post(table, body, key), answer)
})

test('the platform has accepted it: it is applied, not sent again, and the answer is whole', async () => {
  const body = '{"last_name":"Accepted"}'
  const { key, mutationId } = await leaveKey(table, body)
  await accept(mutationId, 'Accepted')
  const answer = await post(table, body, key)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  assert.equal(answer.body.mutation, mutationId)
  assert.equal(answer.body.records?.[0]?.name, 'Accepted')
  assert.equal(await platformRows('Accepted'), 1)
  assert.equal(await databaseRows('Accepted'), 1)
  assert.deepEqual(await post(table, body, key), answer)
})

test('it was applied: the records are told from the database', async () => {
  const body = '{"last_name":"Applied"}'
  const { key, mutationId } = await leaveKey(table, body)
  const first = await post(table, body, key)
  await until('the journal to say so', async () => {
    const [row] = await system
      .store`select state from sluice_store.mutations where id = ${mutationId}`
    return row?.['state'] === 'applied'
  }, { waitMs: 60_000 })
  await system.store`update sluice_store.idempotency_keys
    set answered_at = null, status = null, content_type = null, body = null, service = ${goneService}
    where key = ${key}`
  assert.deepEqual(await post(table, body, key), first)
  assert.equal(await platformRows('Applied'), 1)
})

test('a statement of the caller may have written ordinary tables: it is not run again', async () => {
  const body = JSON.stringify({ sql: `insert into public.local_notes values ('x', 'left')` })
  const { key, mutationId } = await leaveKey(query, body)
  const answer = await post(query, body, key)
  assert.deepEqual([answer.status, answer.body.sqlstate], [504, '40003'])
  assert.equal((await system.sql`select from public.local_notes where body = 'left'`).length, 0)

  const again = JSON.stringify({
    sql: `with made as (insert into salesforce.contacts (last_name) values ('Lone') returning id)
      insert into public.local_notes select id, 'left' from made`,
  })
  const other = await leaveKey(query, again)
  await accept(other.mutationId, 'Lone')
  const left = await post(query, again, other.key)
  assert.deepEqual([left.status, left.body.sqlstate], [500, 'SL001'])
  assert.match(left.body.title ?? '', /^accepted by the platform, not in the database yet$/)
  assert.equal(left.body.mutation, other.mutationId)
  assert.notEqual(mutationId, other.mutationId)
  assert.equal((await system.sql`select from public.local_notes where body = 'left'`).length, 0)
  assert.equal(await platformRows('Lone'), 1)
})

/** The process dies after the commit, before the journal hears of it and the answer is kept. */
async function forget(key: string, mutationId: string): Promise<void> {
  await until('the journal to say applied', async () => {
    const [row] = await system
      .store`select state from sluice_store.mutations where id = ${mutationId}`
    return row?.['state'] === 'applied'
  }, { waitMs: 60_000 })
  await system.store`update sluice_store.mutations
    set state = 'accepted', applied_at = null, answered_at = now() where id = ${mutationId}`
  await system.store`update sluice_store.idempotency_keys
    set answered_at = null, status = null, content_type = null, body = null, service = ${goneService}
    where key = ${key}`
}

test('a statement that was committed is not run again, also where the journal does not know', async () => {
  await post(table, '{"last_name":"Committed"}', randomUUID())
  const key = randomUUID()
  const body = JSON.stringify({
    sql: `with note as (insert into public.local_notes values ('x', 'committed') returning 1)
      update salesforce.contacts set last_name = 'Commited' where last_name = 'Committed'`,
  })
  const first = await post(query, body, key)
  assert.equal(first.status, 200, JSON.stringify(first.body))
  await forget(key, first.body.mutation ?? '')
  const again = await post(query, body, key)
  assert.deepEqual([again.status, again.body.sqlstate], [500, 'SL001'])
  assert.match(again.body.title ?? '', /^the mutation was carried out, but the answer/)
  assert.equal(again.body.mutation, first.body.mutation)
  const notes = await system.sql`select from public.local_notes where body = 'committed'`
  assert.equal(notes.length, 1)
})

test('where the journal has lost the outcome, the database knows that it is written', async () => {
  const [key, body] = [randomUUID(), '{"last_name":"Witness"}']
  const first = await post(table, body, key)
  await forget(key, first.body.mutation ?? '')
  const lost = {
    state: 'unknown',
    fault: { code: 'outcome_unknown', sqlstate: '40003', message: '' },
  }
  await system.store`update sluice_store.mutations
    set state = 'unknown', outcome = ${JSON.stringify(lost)}::text::json
    where id = ${first.body.mutation ?? ''}`
  const again = await post(table, body, key)
  assert.deepEqual([again.status, again.body.sqlstate], [500, 'SL001'])
  assert.match(again.body.title ?? '', /^the mutation was carried out, but the answer/)
  assert.equal(await platformRows('Witness'), 1)
})

test('records that were committed are told from the database, also where the journal does not know', async () => {
  const made = await post(table, '{"last_name":"Unheard"}', randomUUID())
  const key = randomUUID()
  const id = made.body.records?.[0]?.id ?? ''
  const body = JSON.stringify({ id, last_name: 'Heard' })
  const first = await send('PATCH', { path: table, body, key })
  assert.equal(first.status, 200, JSON.stringify(first.body))
  await forget(key, first.body.mutation ?? '')
  assert.deepEqual(await send('PATCH', { path: table, body, key }), first)
})

test('an unknown outcome that becomes known is told under the same key, and applied', async () => {
  const [key, body] = [randomUUID(), '{"last_name":"Found"}']
  await system.mischief({ kind: 'lost-reply', times: 1_000 })
  const first = await post(table, body, key)
  assert.deepEqual([first.status, first.body.sqlstate], [504, '40003'], JSON.stringify(first.body))
  const second = await post(table, body, key)
  assert.deepEqual([second.status, second.body.sqlstate], [504, '40003'])
  await system.clearMischief()
  // somebody else may be inquiring just now
  const third = await until('the outcome to be found out', async () => {
    const answer = await post(table, body, key)
    return answer.status === 504 ? null : answer
  }, { waitMs: 60_000 })
  assert.equal(third.status, 201, JSON.stringify(third.body))
  assert.deepEqual([third.body.mutation, third.body.records?.[0]?.name], [
    first.body.mutation,
    'Found',
  ])
  assert.deepEqual([await platformRows('Found'), await databaseRows('Found')], [1, 1])
  assert.deepEqual(await post(table, body, key), third)
})

test('the process is killed while the platform works: the repeated request writes nothing twice', async () => {
  const [key, body] = [randomUUID(), '{"last_name":"Killed"}']
  await system.mischief({ kind: 'latency', latencyMs: 600_000, times: 1 })
  const first = post(table, body, key).catch(() => null)
  await until('the mutation to be sent', async () => {
    const [row] = await system.store`select from sluice_store.mutations
      where state = 'sent' and request::text like '%"Killed"%'`
    return row !== undefined && await platformRows('Killed') === 1
  }, { waitMs: 60_000 })
  await system.service.kill()
  assert.equal(await first, null)
  // Postgres may need a while to see that the process is gone
  await until('the process to be seen as gone', async () => {
    const [row] = await system.store`select from pg_locks l
      where l.locktype = 'advisory' and l.granted and l.classid = ${presenceClass}
        and l.objid = (select service from sluice_store.mutations where request::text like '%"Killed"%')`
    return row === undefined
  })
  await system.service.start({ SLUICE_INQUIRY_WAIT_MS: '15000' }) // as long as may be
  const again = await post(table, body, key)
  assert.equal(again.status, 201, JSON.stringify(again.body))
  assert.deepEqual(await post(table, body, key), again)
  assert.equal(writesOf(await system.exchanges()).length <= 1, true)
  assert.deepEqual([await platformRows('Killed'), await databaseRows('Killed')], [1, 1])
})

// Goal: the typed client says what it means, keeps numbers whole, and sends again only what is safe. Method: the whole
// system, and a fetch that the test plays.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { createClient, NoAnswer, SluiceError } from '../../src/client/client.ts'
import { startSystem, type System, until, writesOf } from '../help/system.ts'

interface Contact {
  id: string
  last_name: string
  email: string | null
}

let system: System

before(async () => {
  system = await startSystem()
})
after(() => system?.stop())

const pause = () => Promise.resolve()
const options = (more: { fetch?: typeof fetch; token?: string } = {}) => ({
  url: `http://127.0.0.1:${system.servicePort}/`,
  sync: 'sync_salesforce',
  token: 'sluice_demo_salesforce',
  pause,
  ...more,
})
const client = (more: Parameters<typeof options>[0] = {}) =>
  createClient<{ contacts: Contact }>(options(more))

test('records and queries, with the types of the tables', async () => {
  const mine = client()
  const contacts = mine.table('contacts')
  const made = await contacts.insert([{ last_name: 'Client', email: 'client@dune.co' }])
  const [{ id, email } = { id: '', email: '' }] = made.records
  assert.equal(email, 'client@dune.co')
  const changed = await contacts.update({ id, email: null })
  assert.equal(changed.records[0]?.email, null)
  const found = await mine.query<Pick<Contact, 'last_name'>>(
    'select last_name from salesforce.contacts where id = $1',
    [id],
  )
  assert.deepEqual(found.rows, [{ last_name: 'Client' }])
  assert.equal((await contacts.delete(id)).records[0]?.id, id)
  const list = await mine.mutations.list({ limit: 2, table: 'contacts' })
  assert.deepEqual(list.mutations.map(({ operation }) => operation), ['delete', 'update'])
  const entry = await mine.mutations.read(made.mutation ?? '')
  assert.equal(entry.results[0]?.state, 'written')
})

test('a number that a double cannot hold comes and goes as text or bigint', async () => {
  const { rows } = await client().query(
    `select $1::int8 as big, 42::int8 as small, 0.1::numeric as short,
      1.0000000000000000001::numeric as long, $2::numeric as given`,
    [9007199254740993n, '12345678901234567890.5'],
  )
  assert.deepEqual(rows, [{
    big: '9007199254740993',
    small: 42,
    short: 0.1,
    long: '1.0000000000000000001',
    given: '12345678901234567890.5',
  }])
})

test('a refusal is an error with all of the problem', async () => {
  const error = await client().table('contacts').insert({ last_name: 'X', email: 'no' })
    .then(() => assert.fail('it was taken'), (reason: unknown) => reason)
  assert.ok(error instanceof SluiceError)
  assert.deepEqual([error.code, error.sqlstate, error.problem.fault.column], [
    'validation_error',
    '23514',
    'email',
  ])
})

test('a lost answer is asked for again under the same key, and nothing is written twice', async () => {
  await system.clearExchanges()
  let calls = 0
  const lossy: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    calls += 1
    if (calls > 1) return response
    await response.body?.cancel()
    throw new TypeError('connection reset')
  }
  const made = await client({ fetch: lossy }).table('contacts').insert({ last_name: 'Again' })
  assert.equal(made.records[0]?.last_name, 'Again')
  assert.equal(calls, 2)
  assert.equal(writesOf(await system.exchanges()).length, 1)
})

test('a request without a key is sent once; one with a key so many times and no more', async () => {
  let calls = 0
  const dead: typeof fetch = () => {
    calls += 1
    return Promise.reject(new TypeError('connection refused'))
  }
  const lost = client({ fetch: dead })
  await assert.rejects(lost.query('select 1'), NoAnswer)
  assert.equal(calls, 1)
  await assert.rejects(lost.table('contacts').insert({ last_name: 'X' }), NoAnswer)
  assert.equal(calls, 4)
})

test('a request whose key is in use waits until it is answered, at most so long, whatever its tries', async () => {
  const inUse = {
    type: 'urn:sluice:fault:idempotency_key_in_use',
    title: 'in use',
    status: 409,
    detail: '',
    code: 'idempotency_key_in_use',
    sqlstate: '55006',
    fault: {},
  }
  let [calls, clock, busy] = [0, 0, 20]
  const played: typeof fetch = () => {
    calls += 1
    const answer = calls > busy
      ? Response.json({ records: [], mutation: null })
      : Response.json(inUse, { status: 409, headers: { 'retry-after': '1' } })
    return Promise.resolve(answer)
  }
  const mine = createClient({
    ...options({ fetch: played }),
    triesMax: 2,
    inUseWaitMs: 60_000,
    now: () => clock,
    pause: (waitMs) => {
      clock += waitMs
      return Promise.resolve()
    },
  })
  const insert = () => mine.table('contacts').insert({ last_name: 'Busy' })
  assert.deepEqual((await insert()).records, [])
  assert.deepEqual([calls, clock], [21, 20_000])
  ;[calls, clock, busy] = [0, 0, Infinity]
  await assert.rejects(insert(), { name: 'SluiceError', code: 'idempotency_key_in_use' })
  assert.deepEqual([calls, clock], [61, 60_000])
})

async function sluice(...args: string[]): Promise<{ code: number | null; out: string }> {
  const flags = 'Deno' in globalThis ? ['run', '-A', '--quiet', '--no-check'] : []
  const child = spawn(process.execPath, [...flags, 'workers/sluice.ts', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      SLUICE_DATA_DIR: system.dataDir,
      SLUICE_DATABASE_PORT: String(system.databasePort),
    },
  })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => out += chunk)
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, out }
}

test('sluice tokens makes, lists and revokes tokens', async () => {
  const made = await sluice('tokens', 'create', '--sync', 'sync_salesforce', '--name', 'a test')
  assert.equal(made.code, 0, made.out)
  const id = /^id +(\S+)$/m.exec(made.out)?.[1] ?? ''
  const token = /^token +(sluice_[\w-]{43})$/m.exec(made.out)?.[1] ?? ''
  const mine = client({ token })
  assert.deepEqual((await mine.query('select 1 as one')).rows, [{ one: 1 }])
  const list = await sluice('tokens', 'list', '--sync', 'sync_salesforce')
  assert.match(list.out, new RegExp(`^${id}\\tsync_salesforce\\t.*\\ta test$`, 'm'))
  assert.ok(!list.out.includes(token), 'a token is shown once')
  assert.equal((await sluice('tokens', 'revoke', '--id', id)).code, 0)
  await until(
    'the token to be refused',
    () =>
      mine.query('select 1').then(() => false, (error: unknown) => {
        assert.ok(error instanceof SluiceError)
        return error.code === 'unauthorized'
      }),
  )
  assert.equal((await sluice('tokens', 'revoke', '--id', 'token_none')).code, 2)
  const noSync = await sluice('tokens', 'create', '--sync', 'sync_nobody')
  assert.deepEqual([noSync.code, noSync.out], [2, 'sync "sync_nobody" not found\n'])
  for (
    const args of [[], ['tokens'], ['tokens', 'create'], ['tokens', 'list', '--odd', 'x'], [
      'toString',
      'x',
    ]]
  ) {
    const { code, out } = await sluice(...args)
    assert.equal(code, 2, out)
    assert.match(out, /sluice (?:[^]*\btokens\b|help)/)
  }
})

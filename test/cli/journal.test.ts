// Goal: whoever asks what became of a statement is told by the journal: its life, its rows before and after, what can be
// done; and nothing is sent again that may have been written, that came another way since, or that would be refused again.
// Method: mutations put into the journal of a store in a real Postgres; the command as a process; a service that only
// counts.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { createJournal, requestHash } from '../../src/store/journal.ts'
import { migrate } from '../../src/store/migrations.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { readSync } from '../../src/store/syncs.ts'
import { listTokens } from '../../src/store/tokens.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { seed, update } from '../store/help.ts'
import { begin, onTerminal, type Ran, sluice as run, sluiceWords } from './ran.ts'

const keys = `k1:${randomBytes(32).toString('base64')}`
const syncId = 'sync_cli0002'

interface Heard {
  readonly method: string
  readonly url: string
  readonly key: string
  readonly body: unknown
}

let cluster: TestCluster
let store: Store
let url: string
let service: Server
let serviceUrl: string
let heard: Heard[]
let answer: { status: number; body: object }

before(async () => {
  cluster = await testCluster()
  url = await cluster.createDatabase()
  store = openStore({ url, keyring: parseKeyring(keys), connectionsMax: 2 })
  await migrate(store)
  await seed(store, { id: syncId })
  service = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => text += chunk)
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const key = String(headers['idempotency-key'])
      heard.push({ method, url: path, key, body: JSON.parse(text) })
      response.writeHead(answer.status, { 'content-type': 'application/json', connection: 'close' })
      response.end(JSON.stringify(answer.body))
    })
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  serviceUrl = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
})
beforeEach(async () => {
  heard = []
  answer = { status: 201, body: { records: [], mutation: 'ffffffff-0000-4000-8000-000000000000' } }
  await store.sql`delete from sluice_store.mutations`
})
after(async () => {
  service?.close()
  await store?.close()
  await cluster.stop()
})

function sluice(...args: string[]): Promise<Ran> {
  const env = { SLUICE_STORE_URL: url, SLUICE_KEYS: keys, SLUICE_SERVICE_URL: serviceUrl }
  return run(args, { env })
}

/** A mutation as the journal has it, settled where there is an outcome. */
async function journal(fields: Partial<Mutation>, outcome: Outcome | null): Promise<string> {
  const journal = createJournal(store, { service: 1 })
  const mutation = update({ syncId, ...fields })
  const { version } = await readSync(store, syncId)
  const options = { hash: requestHash(mutation), syncVersion: version, state: 'sent' } as const
  assert.equal((await journal.begin(mutation, options)).kind, 'begun')
  if (outcome !== null) assert.ok(await journal.settle(mutation.id, outcome))
  return mutation.id
}

const refused = (code: Parameters<typeof faultData>[0]): Outcome => ({
  state: 'refused',
  fault: faultData(code, { platform: 'salesforce' }),
})
const inserted = (email: string): Partial<Mutation> => ({
  operation: 'insert',
  rows: [{ ordinal: 1, id: null, values: { email } }],
})
const accepted = (id: string, email: string): Outcome => ({
  state: 'accepted',
  rows: [{ ordinal: 1, id, values: { email, name: 'Paul' } }],
  requests: 1,
})

test('the journal is listed newest first, by sync, state, table, login, text, time and number', async () => {
  const first = await journal({ by: 'app' }, accepted('003A', 'paul@dune.co'))
  const second = await journal(
    { rows: [{ ordinal: 1, id: '003B', values: {} }] },
    refused('row_locked'),
  )
  const list = async (...args: string[]) =>
    (JSON.parse((await sluice('mutations', 'list', ...args, '--json')).out) as { id: string }[])
      .map(({ id }) => id)
  assert.deepEqual(await list(), [second, first])
  assert.deepEqual(await list('--state', 'refused'), [second])
  assert.deepEqual(await list('--by', 'app', '--sync', syncId, '--table', 'contacts'), [first])
  assert.deepEqual(await list('--text', 'paul@dune'), [second, first].filter((id) => id === first))
  assert.deepEqual(await list('--limit', '1'), [second])
  await store.sql`update sluice_store.mutations
    set received_at = received_at - interval '2 days' where id = ${first}`
  assert.deepEqual(await list(), [second])
  assert.deepEqual(await list('--since', '3d'), [second, first])
  const text = (await sluice('mutations', 'list')).out
  assert.match(text, /^id\treceived\tsync\ttable\toperation\trows\tby\tstate\tms\tfault\n/)
  assert.match(text, /\tsalesforce\.contacts\tupdate\t1\t-\trefused\t\d+\trow_locked\n$/)
  for (const wrong of [['--since', '3x'], ['--limit', '0'], ['--state', 'gone']]) {
    assert.equal((await sluice('mutations', 'list', ...wrong)).code, 2, wrong.join(' '))
  }
})

test('one is shown with its life, its rows before and after, and what was sent; no secret and no escape', async () => {
  const record = '003000000000001AAA'
  const was = { rows: [{ ordinal: 1, id: record, values: { email: 'leto@dune.co' } }] }
  await journal(was, accepted(record, 'leto@dune.co'))
  const values = { email: 'sk_live_0123456789abcdef' }
  const id = await journal({ by: 'app', rows: [{ ordinal: 1, id: record, values }] }, {
    state: 'accepted',
    rows: [{ ordinal: 1, id: record, values: { ...values, name: 'Paul\u001b[2J' } }],
    requests: 2,
  })
  const { code, out, err } = await sluice('mutations', 'show', id)
  assert.deepEqual([code, err], [0, ''])
  assert.match(
    out,
    new RegExp(`^mutation {2}${id}\nwhat {6}update of 1 row in salesforce\\.contacts`),
  )
  assert.match(out, /^who {7}app$/m)
  assert.match(out, /^state {5}accepted: the platform has it, the database does not yet$/m)
  assert.match(out, /^answered {2}\S+ {2}\+\d+ ms$/m)
  assert.match(out, /^applied {3}-$/m)
  assert.match(out, /^requests {2}2\n +[A-Z]+ \/\S+ \(1 row\)$/m)
  assert.match(
    out,
    /^row 1 {2}003000000000001AAA {2}written\n {2}email {2}"leto@dune\.co" → "\(redacted\)"\n/m,
  )
  assert.match(out, /^ {2}name {3}"Paul" → "Paul \[2J"$/m)
  assert.doesNotMatch(out, /not known/)
  const json = await sluice('mutations', 'show', id, '--json')
  assert.equal((JSON.parse(json.out) as { changes: unknown[] }).changes.length, 1)
  assert.ok(!`${out}${json.out}`.includes('sk_live'))
  assert.ok(!out.includes('\u001b'))
  const first = await journal({ rows: [{ ordinal: 1, id: '003C', values: { email: 'x' } }] }, null)
  const unknown = await sluice('mutations', 'show', first)
  assert.match(unknown.out, /^ {2}email {2}\(not known\) → "x"$/m, 'which is not to say empty')
  const none = await sluice('mutations', 'show', '00000000-0000-4000-8000-000000000000')
  assert.deepEqual([none.code, none.out], [2, ''])
  assert.match(none.err, /there is no mutation/)
})

test('a change is shown by itself: null is null, and what an answer leaves out has not changed', async () => {
  const record = '003000000000002AAA'
  // what Salesforce answers to an insert lacks what is empty; what it answers to an update has it as null
  await journal(inserted('leto@dune.co'), accepted(record, 'leto@dune.co'))
  const nothing = { phone: null, fax: null }
  const id = await journal({
    rows: [{ ordinal: 1, id: record, values: { title: 'Duke', name: null } }],
  }, {
    state: 'accepted',
    rows: [{
      ordinal: 1,
      id: record,
      values: { email: 'leto@dune.co', title: 'Duke', name: null, ...nothing },
    }],
    requests: 1,
  })
  const { out } = await sluice('mutations', 'show', id)
  const cells = out.slice(out.indexOf('row 1')).trimEnd().split('\n').slice(1)
  assert.deepEqual(cells, ['  title  (not known) → "Duke"', '  name   "Paul" → null'])
  const json = JSON.parse((await sluice('mutations', 'show', id, '--json')).out) as {
    changes: { cells: unknown[] }[]
  }
  assert.deepEqual(json.changes[0]?.cells, [
    { column: 'title', sent: 'Duke', after: 'Duke' },
    { column: 'name', before: 'Paul', sent: null, after: null },
  ])
})

test('what was refused for a reason that passes is shown, and sent again when that is said', async () => {
  const id = await journal(inserted('paul@dune.co'), refused('row_locked'))
  const dry = await sluice('mutations', 'retry', id, '--dry-run')
  assert.equal(dry.code, 0)
  assert.match(dry.out, /email {2}\(none\) → "paul@dune\.co"[^]*It can be sent again/)
  const asked = await sluice('mutations', 'retry', id)
  assert.equal(asked.code, 2)
  assert.match(asked.out, new RegExp(`To send it: sluice mutations retry ${id} --yes\n$`))
  assert.deepEqual(heard, [])
  const sent = await sluice('mutations', 'retry', id, '--yes')
  assert.equal(sent.code, 0, sent.err)
  assert.match(
    sent.out,
    /Sent again and written, as mutation ffffffff-0000-4000-8000-000000000000\.\n$/,
  )
  assert.deepEqual(heard, [{
    method: 'POST',
    url: `/v1/syncs/${syncId}/tables/contacts/records`,
    key: `sluice-retry-${id}`,
    body: { records: [{ email: 'paul@dune.co' }] },
  }])
  const tokens = await listTokens(store, { syncId })
  assert.ok(tokens.length > 0 && tokens.every(({ revokedAt }) => revokedAt !== null))
})

test('an update and a delete are sent again by the ids of their records', async () => {
  const changed = await journal({}, refused('rate_limited'))
  assert.equal((await sluice('mutations', 'retry', changed, '--yes')).code, 0)
  const gone = { operation: 'delete', rows: [{ ordinal: 1, id: '003B', values: {} }] } as const
  const deleted = await journal(gone, refused('platform_failed'))
  assert.equal((await sluice('mutations', 'retry', deleted, '--yes')).code, 0)
  assert.deepEqual(heard.map(({ method, body }) => [method, body]), [
    ['PATCH', { records: [{ email: 'paul@dune.co', id: '003A' }] }],
    ['DELETE', { ids: ['003B'] }],
  ])
})

test('what may have been written, was written, is under way or is refused for good is never sent again', async () => {
  const unknown: Outcome = { state: 'unknown', fault: faultData('outcome_unknown') }
  const partial: Outcome = {
    state: 'partial',
    rows: [{ ordinal: 1, id: '003A', values: {} }],
    others: [{ ordinal: 2, id: '003B', state: 'unsent' }],
    fault: faultData('partly_written'),
  }
  const two = [1, 2].map((ordinal) => ({ ordinal, id: `003${ordinal}`, values: { email: 'x' } }))
  const upsert = { ...inserted('a@dune.co'), upsertBy: 'email' }
  const cases: [Partial<Mutation>, Outcome | null, RegExp][] = [
    [{}, unknown, /it may have been written/],
    [{}, accepted('003A', 'paul@dune.co'), /it was written/],
    [{ rows: two }, partial, /some of its rows were written/],
    [{}, null, /it is still under way/],
    [{}, refused('validation_error'), /does not pass by itself \(validation_error\)/],
    [{}, refused('credential_refused'), /does not pass by itself \(credential_refused\)/],
    [upsert, refused('row_locked'), /it is an insert or update by a column/],
  ]
  for (const [fields, outcome, why] of cases) {
    await store.sql`delete from sluice_store.mutations`
    const id = await journal(fields, outcome)
    const { code, out } = await sluice('mutations', 'retry', id, '--yes')
    assert.equal(code, 1, out)
    assert.match(out, /^row 1 /m)
    assert.match(out, new RegExp(`^Not sent again: .*${why.source}`, 'm'))
  }
  assert.deepEqual(heard, [])
})

test('what somebody has written since is not sent again: neither doubled nor undone', async () => {
  const insert = await journal(inserted('paul@dune.co'), refused('row_locked'))
  await journal(inserted('leto@dune.co'), accepted('003L', 'leto@dune.co'))
  await journal(inserted('paul@dune.co'), refused('row_locked'))
  assert.equal((await sluice('mutations', 'retry', insert, '--dry-run')).code, 0)
  const again = await journal(inserted('paul@dune.co'), null)
  const doubled = await sluice('mutations', 'retry', insert, '--yes')
  assert.equal(doubled.code, 1)
  assert.match(doubled.out, new RegExp(`inserted later, by mutation ${again} \\(sent\\)\\.\n$`))
  const old = await journal({}, refused('rate_limited'))
  const newer = await journal({}, accepted('003A', 'newer@dune.co'))
  const undone = await sluice('mutations', 'retry', old, '--yes')
  assert.equal(undone.code, 1)
  assert.match(undone.out, new RegExp(`written later, by mutation ${newer} \\(accepted\\)\\.\n$`))
  assert.deepEqual(heard, [])
})

test('a service that refuses it again, or is not there, ends with 1 and says so', async () => {
  const id = await journal({}, refused('row_locked'))
  answer = { status: 409, body: { code: 'row_locked', title: 'salesforce has locked the record' } }
  const refusedAgain = await sluice('mutations', 'retry', id, '--yes')
  assert.equal(refusedAgain.code, 1)
  assert.match(
    refusedAgain.out,
    /Sent again and not written \(409\): row_locked: salesforce has locked/,
  )
  answer = { status: 504, body: { code: 'outcome_unknown', title: 'unknown', mutation: id } }
  const lost = await sluice('mutations', 'retry', id, '--yes')
  assert.equal(lost.code, 1)
  assert.match(
    lost.out,
    /Sent again and perhaps written, wholly or in part \(504\)[^]*Look at it: sluice mutations show/,
  )
  const port = (service.address() as AddressInfo).port
  const { code, err } = await sluice(
    'mutations',
    'retry',
    id,
    '--yes',
    '--service',
    `http://[::1]:${port}`,
  )
  assert.equal(code, 1)
  assert.match(err, /^no answer from http:[^]*sends nothing twice\.\n$/)
})

test('an answer that breaks off, or that nobody waits for, says what may be; no token is left', async () => {
  const id = await journal({}, refused('row_locked'))
  let asked = Promise.withResolvers<void>()
  let breaks = true
  const broken = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{', () => {
        if (breaks) response.destroy()
        asked.resolve()
      })
    })
  })
  await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`
  const args = ['mutations', 'retry', id, '--yes', '--service', at]
  try {
    const { code, err } = await sluice(...args)
    assert.equal(code, 1)
    assert.match(err, /^the answer from http:\S+ broke off: it may have been written\n/)
    breaks = false
    asked = Promise.withResolvers<void>()
    const child = begin(sluiceWords(args), { SLUICE_STORE_URL: url, SLUICE_KEYS: keys })
    await asked.promise
    const valid = async () =>
      (await listTokens(store, { syncId })).filter(({ revokedAt }) => revokedAt === null)
    assert.equal((await valid()).length, 1)
    child.interrupt()
    const ended = await child.ended
    assert.equal(ended.code, 1)
    assert.match(ended.err, /^interrupted: it may have been written\n/)
    assert.deepEqual(await valid(), [])
  } finally {
    broken.closeAllConnections()
    broken.close()
  }
})

test('recover ends what a process that is gone has left, and tells what is still to be done', async () => {
  await journal({}, null)
  const { code, out } = await sluice('recover', '--json')
  const done = JSON.parse(out) as { applied: number; left: { inDoubt: { count: number } } }
  assert.deepEqual([code, done.applied, done.left.inDoubt.count], [0, 0, 1])
  const [row] = await store.sql<{ state: string }[]>`select state from sluice_store.mutations`
  assert.equal(row?.state, 'unknown')
  await store.sql`delete from sluice_store.mutations`
  const id = await journal({}, accepted('003A', 'paul@dune.co'))
  await store.sql`update sluice_store.mutations set answered_at = now() - interval '1 hour'`
  const failed = await sluice('recover') // the database of this sync is nowhere
  assert.equal(failed.code, 1)
  assert.match(failed.out, /^applied {7}0 [^]*^not applied {3}1, to be tried again$/m)
  assert.match(failed.out, new RegExp(`^ {2}! ${id}: `, 'm'))
  assert.ok(!failed.out.includes('database password'))
})

test('on a terminal a bar shows how far recovery is, and is gone in the end', async (t) => {
  await journal({}, accepted('003A', 'paul@dune.co'))
  await store.sql`update sluice_store.mutations set answered_at = now() - interval '1 hour'`
  const text = await onTerminal(['recover'], { SLUICE_STORE_URL: url, SLUICE_KEYS: keys })
  if (text === null) return t.skip('there is no script(1)')
  assert.match(text, /█{24}.* 1\/1 mutations looked at\r\u001b\[Kapplied {7}0 /)
})

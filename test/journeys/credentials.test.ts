// Goal: however many sessions at however many service processes meet a token that has ended, it is refreshed once, and no
// mutation fails or is done twice; and an account can be connected in place of one that was lost. Method: two listeners
// and two services in processes of their own on one store, the sandbox's mischief, and its log of exchanges.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import pg from 'pg'
import type { Cluster } from '../../src/lib/cluster.ts'
import { startTestCluster } from '../help/cluster.ts'
import { type Parts, startParts, until } from '../help/system.ts'

type Name = 'salesforce' | 'airtable'

let cluster: Cluster
let parts: Parts
let store: pg.Client
let clients: pg.Client[] = []

before(async () => {
  cluster = await startTestCluster({ settings: { max_connections: '600' } })
  const sql = new pg.Client({ connectionString: cluster.url('postgres') })
  await sql.connect()
  for (const name of ['demo', 'sluice_store']) await sql.query(`create database ${name}`)
  await sql.end()
  store = new pg.Client({ connectionString: cluster.url('sluice_store') })
  await store.connect()
  parts = await startParts({
    env: {
      SLUICE_PLATFORMS: 'salesforce,airtable',
      SLUICE_DATABASE_URL: cluster.url('demo'),
      SLUICE_STORE_URL: cluster.url('sluice_store'),
      SLUICE_SANDBOX_LIMITS: '0',
    },
  })
})
after(async () => {
  await parts?.stop()
  await store?.end()
  await cluster?.stop()
})
beforeEach(async () => {
  await ask('/_mischief', { method: 'DELETE' })
  await parts.clearExchanges()
})
afterEach(async () => {
  const open = clients
  clients = []
  await Promise.all(open.map((client) => client.end().catch(() => {})))
})

async function ask(path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${parts.sandboxPort}${path}`, init)
  return await response.text()
}

/** The tokens that the platform has given so far end at its next exchange. */
async function expireTokens(platform: Name): Promise<void> {
  const body = JSON.stringify({ platform, kind: 'expire-token', times: 1 })
  await ask('/_mischief', { method: 'POST', body })
}

/** Sessions, half of them at each of the two listeners, each of which asks a service of its own. */
async function connect(platform: Name, count: number): Promise<pg.Client[]> {
  const [, first = ''] = /@localhost:(\d+)\//.exec(parts.welcome) ?? []
  const ports = [Number(first), parts.listenerPort]
  const opened = Array.from({ length: count }, (_, number) => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: ports[number % 2] ?? 0,
      user: `demo.sync_${platform}`,
      password: 'demo',
      database: 'demo',
    })
    client.on('error', () => {})
    return client
  })
  clients.push(...opened)
  for (let at = 0; at < count; at += 20) {
    await Promise.all(opened.slice(at, at + 20).map((client) => client.connect()))
  }
  return opened
}

const statements = {
  salesforce: 'insert into salesforce.contacts (last_name) values ($1) returning id',
  airtable: 'insert into airtable.contacts (name) values ($1) returning id',
}
const fields = { salesforce: 'LastName', airtable: 'Name' }

/** Each session inserts a row of its own; gives the ids. */
async function insertAll(sessions: readonly pg.Client[], platform: Name, what: string) {
  const results = await Promise.allSettled(
    sessions.map((client, number) => client.query(statements[platform], [`${what} ${number}`])),
  )
  const failed = results.flatMap((each) => each.status === 'rejected' ? [String(each.reason)] : [])
  assert.deepEqual(failed, [])
  return results.length
}

async function refreshes(platform: Name): Promise<number> {
  const exchanges = await parts.exchanges()
  return exchanges.filter(({ platform: of, method, url }) =>
    of === platform && method === 'POST' && /\/oauth2\/(v1\/)?token$/.test(url)
  ).length
}

/** How many records of these names the platform has, and how many of them stand there twice. */
async function records(platform: Name, what: string): Promise<{ all: number; distinct: number }> {
  const text = await ask(`/_records/${platform}/contacts`)
  const found = JSON.parse(text) as { fields?: Record<string, unknown> }[]
  const names = found
    .map((record) => (record.fields ?? record as Record<string, unknown>)[fields[platform]])
    .filter((name) => String(name).startsWith(`${what} `))
  return { all: names.length, distinct: new Set(names).size }
}

for (const [platform, count] of [['salesforce', 200], ['airtable', 40]] as const) {
  test(`${platform}: ${count} sessions at two services on an ended token cause one refresh`, async () => {
    const sessions = await connect(platform, count)
    // both processes have the token that is about to end
    await insertAll(sessions.slice(0, 2), platform, 'Before')
    await parts.clearExchanges()
    await expireTokens(platform)
    assert.equal(await insertAll(sessions, platform, 'Ended'), count)
    assert.equal(await refreshes(platform), 1)
    assert.deepEqual(await records(platform, 'Ended'), { all: count, distinct: count })
  })

  test(`${platform}: a token that is refused in the middle is renewed once, and nothing is lost or done twice`, async () => {
    const sessions = await connect(platform, 20)
    await insertAll(sessions.slice(0, 2), platform, 'Begun')
    await parts.clearExchanges()
    const wave = (number: number) => insertAll(sessions, platform, `Wave${number}`)
    const first = wave(1)
    await until('the platform to hear of some', async () => {
      return (await parts.exchanges()).length >= 3
    })
    await expireTokens(platform)
    await first
    await wave(2)
    assert.equal(await refreshes(platform), 1)
    for (const number of [1, 2]) {
      assert.deepEqual(await records(platform, `Wave${number}`), { all: 20, distinct: 20 })
    }
  })
}

test('a lost account gives 28000 with a link, and is connected again through a browser', async () => {
  const [session] = await connect('salesforce', 2)
  assert.ok(session)
  await store.query(
    "update sluice_store.connections set state = 'revoked' where platform = 'salesforce'",
  )
  await expireTokens('salesforce')
  const failed = await session.query(statements.salesforce, ['Lost']).then(
    () => null,
    (error) => error,
  )
  assert.ok(failed instanceof pg.DatabaseError)
  assert.equal(failed.code, '28000')
  const [, link = ''] = /^Connect the account again: (http:\S+)$/.exec(failed.hint ?? '') ?? []
  const at = link.replace('localhost', '127.0.0.1')
  const shown = await fetch(at, { redirect: 'manual' })
  const [, onward = ''] = /<a href="([^"]+)">Continue to /.exec(await shown.text()) ?? []
  const click = new URL(onward.replaceAll('&amp;', '&'), at)
  const proof = { cookie: cookieIn(shown) }
  const started = await fetch(click, { headers: proof, redirect: 'manual' })
  assert.equal(started.status, 302, await started.text())
  const cookie = cookieIn(started)
  const consent = await fetch(started.headers.get('location') ?? '', { redirect: 'manual' })
  await consent.text()
  const back = (consent.headers.get('location') ?? '').replace('localhost', '127.0.0.1')
  const done = await fetch(back, { headers: { cookie, accept: 'text/html' }, redirect: 'manual' })
  assert.match(await done.text(), /is connected/)
  assert.equal((await session.query(statements.salesforce, ['Found'])).rowCount, 1)
})

function cookieIn(response: Response): string {
  return (response.headers.getSetCookie()[0] ?? '').split(';')[0] ?? ''
}

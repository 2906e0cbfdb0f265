// Goal: from nothing to a write that is at the platform, for whoever has only an administrator's token: a sync with a
// database made on the spot, filled, followed by the doctor, written to through the listener, dropped. Method: the whole
// system as `npm start` runs it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { startSystem, type System, until } from '../help/system.ts'

let system: System

before(async () => {
  system = await startSystem({
    env: { SLUICE_PLATFORMS: 'stripe', SLUICE_SANDBOX_LIMITS: '0', SLUICE_SYNC: 'on' },
  })
})
after(() => system?.stop())

const id = 'sync_live0001'

interface Status {
  readonly tables: readonly { name: string; filledAt: string | null; problem: Problem | null }[]
}

interface Problem {
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

/** What a busy machine was too slow for is tried again: somebody did not answer in time, or a statement was cancelled. */
function passes({ code, message }: Problem): boolean {
  const slow = ['unreachable', 'platform_failed', 'database_unreachable']
  return slow.includes(code) || /\((55P03|40P01|40001|57014)\)/.test(message)
}

async function ask<T>(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: T }> {
  const response = await fetch(`http://127.0.0.1:${system.servicePort}/v1/admin${path}`, {
    method,
    headers: { authorization: 'Bearer sluice_demo_admin' },
    ...body === undefined ? {} : { body: JSON.stringify(body) },
  })
  return { status: response.status, body: await response.json() as T }
}

test('a sync is set up over HTTP, filled, written to, examined, and dropped', async () => {
  const made = await ask<{ login: { url: string }; findings: unknown }>('POST', '/syncs', {
    id,
    connection: 'demo_stripe',
    database: { hosted: true },
    objects: ['customers', 'products'],
  })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  assert.match(made.body.login.url, new RegExp(`@localhost:${system.listenerPort}/`))
  await until('every table is filled', async () => {
    const { body: { tables } } = await ask<Status>('GET', `/syncs/${id}`)
    const lasting = tables.filter(({ problem }) => problem !== null && !passes(problem))
    assert.deepEqual(lasting, [])
    return tables.every(({ filledAt, problem }) => filledAt !== null && problem === null)
  }, { waitMs: 180_000 }).catch(async (error: unknown) => {
    const { body } = await ask('GET', `/syncs/${id}`)
    const doctor = await ask('GET', `/syncs/${id}/doctor`)
    throw new Error(JSON.stringify([body, doctor.body]), { cause: error })
  })
  const doctor = await ask<{ ok: boolean; findings: { level: string }[] }>(
    'GET',
    `/syncs/${id}/doctor`,
  )
  assert.ok(
    doctor.body.ok,
    JSON.stringify(doctor.body.findings.filter(({ level }) => level === 'fail')),
  )
  const url = new URL(made.body.login.url)
  url.search = ''
  const client = new pg.Client({ connectionString: url.href, ssl: { rejectUnauthorized: false } })
  await client.connect()
  try {
    const records = JSON.parse(await system.recordsText('stripe', 'customers')) as unknown[]
    const { rows: [counted] } = await client.query<{ n: number }>(
      'select count(*)::int as n from stripe.customers',
    )
    assert.equal(counted?.n, records.length)
    const { rows: [row] } = await client.query<{ id: string }>(
      "insert into stripe.customers (email) values ('live@example.com') returning id",
    )
    assert.ok((await system.recordsText('stripe', 'customers')).includes(row?.id ?? 'no id'))
  } finally {
    await client.end()
  }
  const dropped = await ask('DELETE', `/syncs/${id}?tables=remove`)
  assert.equal(dropped.status, 200, JSON.stringify(dropped.body))
  const left = await system
    .store`select count(*)::int as n from sluice_store.mutations where sync_id = ${id}`
  assert.equal(left[0]?.['n'], 1)
  const refused = new pg.Client({ connectionString: url.href, ssl: { rejectUnauthorized: false } })
  await assert.rejects(refused.connect())
})

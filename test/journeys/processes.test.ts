// Goal: what a dead process or a misbehaving platform costs: never the truth of the table, never a hang, never a vague
// error. Method: a service and a listener of our own, killed with SIGKILL; the sandbox's mischief.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import type { Platform } from '../../src/mutation/table.ts'
import { type Parts, startParts, until, writesOf } from '../help/system.ts'
import { assertMirrors, assertNotAhead, recordsIn } from './mirror.ts'

let parts: Parts
const clients = new Set<pg.Client>()

before(async () => {
  parts = await startParts({
    env: {
      SLUICE_RECOVERY_AFTER_MS: '3600000', // no recovery unless a test asks for it
      SLUICE_RECOVERY_EVERY_MS: '1000',
      SLUICE_INQUIRY_AFTER_MS: '1000',
      SLUICE_INQUIRY_WAIT_MS: '60000', // what can be found out is, however slow the machine
    },
  })
})
after(() => parts?.stop())
beforeEach(async () => {
  await parts.clearMischief()
  await parts.clearExchanges()
})
afterEach(async () => {
  const open = [...clients]
  clients.clear()
  await Promise.all(open.map((client) => client.end().catch(() => {})))
})

/** A client that is closed after the test, and whose connection may break. */
async function connect(platform: Platform = 'salesforce'): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: parts.urlOf(platform),
    connectionTimeoutMillis: 60_000,
  })
  client.on('error', () => {})
  await client.connect()
  clients.add(client)
  return client
}

const insert = (name: string) => ({
  text: 'insert into salesforce.contacts (last_name) values ($1) returning id, name',
  values: [name],
})

async function errorOf(work: Promise<unknown>): Promise<pg.DatabaseError> {
  const error = await work.then(() => null, (thrown: unknown) => thrown)
  assert.ok(error instanceof pg.DatabaseError, `no error of Postgres: ${String(error)}`)
  return error
}

async function named(name: string): Promise<{ rows: number; records: number }> {
  const rows = await parts.sql`select from salesforce.contacts where last_name = ${name}`
  const records = await parts.records('contacts')
  return {
    rows: rows.length,
    records: records.filter((record) => record['LastName'] === name).length,
  }
}

/** Resolves when the sandbox has carried a write out that it has not answered yet. */
async function heldAtPlatform(): Promise<void> {
  await until(
    'the platform to hear of the mutation',
    async () => writesOf(await parts.exchanges()).length > 0,
  )
}

/** A service anew; with a short SLUICE_INQUIRY_WAIT_MS it finds out for so long only: for what cannot be found out. */
async function restart(env: Readonly<Record<string, string>> = {}): Promise<void> {
  await parts.service.terminate()
  await parts.service.start(env)
}

/** The platform answers its next request when its mischief is cleared, not before. */
const hold = () => parts.mischief({ kind: 'latency', latencyMs: 600_000 })

/** Resolves when no session of the listener is left in the database: nothing can be committed late. */
async function nobodyInDatabase(): Promise<void> {
  await until('the sessions of the listener to end', async () => {
    const [row] = await parts.sql`
      select count(*)::int as count from pg_stat_activity where usename = 'sluice_demo'`
    return row?.['count'] === 0
  })
}

/** Rows whose later version only the platform has, because a test killed who would have written it. */
const behind = new Set<string>()

/** The state in the journal of the newest mutation. */
async function newestState(): Promise<string> {
  const [row] = await parts.store`
    select state from sluice_store.mutations order by received_at desc limit 1`
  return String(row?.['state'])
}

describe('the mutation service is killed', () => {
  test('reads go on, mutations fail with 58030, and work again when it is back', async () => {
    const open = await connect()
    await open.query(insert('Before the fall'))
    await parts.service.kill()
    await parts.clearExchanges()

    const fresh = await connect()
    for (const client of [open, fresh]) {
      const { rows } = await client.query(
        'select count(*)::int > 0 as some from salesforce.contacts',
      )
      assert.deepEqual(rows, [{ some: true }])
      const error = await errorOf(client.query(insert('During the fall')))
      assert.equal(error.code, '58030')
      assert.equal(error.message, 'mutation service is unreachable, nothing was sent')
      const after = await client.query('select 1 as one')
      assert.deepEqual(after.rows, [{ one: 1 }], 'the connection is fine')
    }
    assert.deepEqual(await named('During the fall'), { rows: 0, records: 0 })
    assert.deepEqual(await parts.exchanges(), [])

    await parts.service.start()
    for (const client of [open, fresh]) {
      const { rows } = await client.query(insert('After the fall'))
      assert.equal(rows[0].name, 'After the fall')
    }
    assert.deepEqual(await named('After the fall'), { rows: 2, records: 2 })
    await assertMirrors(parts)
  })

  test('while the platform has the request: 40003, sent once, and the table is not ahead', async () => {
    const client = await connect()
    await hold()
    const work = errorOf(client.query(insert('Half told')))
    await heldAtPlatform()
    await parts.service.kill()
    const error = await work
    assert.equal(error.code, '40003')
    assert.match(
      error.detail ?? '',
      /^Mutation [0-9a-f-]{36}: insert of 1 row in salesforce\.contacts\.$/,
    )
    assert.match(error.hint ?? '', /Look at the rows/)
    assert.equal(writesOf(await parts.exchanges()).length, 1)
    assert.deepEqual(await named('Half told'), { rows: 0, records: 1 })

    await parts.service.start()
    await until('the record to be found and shown', async () => {
      const { rows } = await named('Half told')
      return rows === 1 && await newestState() === 'accepted'
    }, { waitMs: 180_000 })
    const { rows } = await client.query(insert('Told'))
    assert.equal(rows[0].name, 'Told')
    await assertNotAhead(parts)
  })
})

describe('the listener is killed', () => {
  const kinds = {
    insert: () => insert('Cut short'),
    update: (id: string) => ({
      text: `update salesforce.contacts set first_name = 'Cut' where id = $1`,
      values: [id],
    }),
    delete: (id: string) => ({
      text: 'delete from salesforce.contacts where id = $1',
      values: [id],
    }),
  }
  for (const [operation, statement] of Object.entries(kinds)) {
    test(`in the middle of a mutation (${operation}): sent once, the database is not ahead`, async () => {
      const client = await connect()
      const { rows: [{ id }] } = await client.query(insert('Bystander'))
      const [before] = await parts.sql`select * from salesforce.contacts where id = ${id}`
      await parts.clearExchanges()
      await hold()
      const work = client.query(statement(id)).then(() => null, (error: unknown) => error)
      await heldAtPlatform()
      await parts.listener.kill()
      assert.ok(await work instanceof Error, 'the client was told that it is done')
      await nobodyInDatabase()

      if (operation !== 'insert') behind.add(id)
      await assertNotAhead(parts, { behind })
      const [row] = await parts.sql`select * from salesforce.contacts where id = ${id}`
      assert.deepEqual(row, before, 'the row is as it was')
      await parts.clearMischief()
      await until(
        'the journal to say that the platform accepted',
        async () => await newestState() === 'accepted',
      )
      assert.equal(writesOf(await parts.exchanges()).length, 1)

      await parts.listener.start()
      const { rows: [next] } = await (await connect()).query(insert('Next'))
      assert.equal(next.name, 'Next')
      await assertNotAhead(parts, { behind })
    })
  }

  test('recovery applies what the platform accepted, and nothing else', async () => {
    await parts.service.terminate()
    await parts.service.start({ SLUICE_RECOVERY_AFTER_MS: '0' })
    await until('recovery to apply what is left', async () => {
      const left = await parts.store`select from sluice_store.mutations where state = 'accepted'`
      return left.length === 0
    }, { waitMs: 180_000 })
    behind.clear()
    await assertNotAhead(parts)
    assert.deepEqual(await named('Cut short'), { rows: 1, records: 1 })
    const cut = await parts.sql`select from salesforce.contacts where first_name = 'Cut'`
    assert.equal(cut.length, 1)
    assert.equal(writesOf(await parts.exchanges()).length, 0, 'recovery sends nothing')
    await parts.service.terminate()
    await parts.service.start()
  })
})

describe('the platform misbehaves', () => {
  test('the reply is lost: it is found out what became of it, and the client does not notice', async () => {
    const client = await connect()
    await parts.mischief({ kind: 'lost-reply' })
    const { rows } = await client.query(insert('Unheard'))
    assert.equal(rows[0].name, 'Unheard')
    assert.equal(writesOf(await parts.exchanges()).length, 1)
    assert.deepEqual(await named('Unheard'), { rows: 1, records: 1 })
    await assertNotAhead(parts, { behind })
  })
})

describe('the platform misbehaves, and what became of it cannot be found out', () => {
  before(() => restart({ SLUICE_INQUIRY_WAIT_MS: '1000' }))
  after(() => restart())

  test('all replies are lost: 40003, sent once, and when the platform can be read again the row appears', async () => {
    const client = await connect()
    await parts.mischief({ kind: 'lost-reply', times: 1_000 })
    const error = await errorOf(client.query(insert('In doubt')))
    assert.equal(error.code, '40003')
    assert.equal(error.message, 'outcome unknown: salesforce may have written the rows')
    assert.match(error.hint ?? '', /Look at the rows at Salesforce/)
    assert.equal(writesOf(await parts.exchanges()).length, 1)
    assert.deepEqual(await named('In doubt'), { rows: 0, records: 1 })
    assert.equal(await newestState(), 'unknown')
    const { rows } = await client.query('select 1 as one')
    assert.deepEqual(rows, [{ one: 1 }], 'the connection is fine')
    await parts.clearMischief()
    await until(
      'the row to appear',
      async () => (await named('In doubt')).rows === 1 && await newestState() === 'accepted',
      { waitMs: 180_000 },
    )
    assert.equal(writesOf(await parts.exchanges()).length, 1)
    await assertNotAhead(parts, { behind })
  })

  test('the request is dropped or fails with 500: 40003, for nobody can know; nothing changed', async () => {
    const kinds = [
      ['drop', /closed|reset|UND_ERR/],
      ['500', /^Mutation [0-9a-f-]{36}\. HTTP status 500/],
    ] as const
    for (const [kind, detail] of kinds) {
      const client = await connect()
      await parts.clearExchanges()
      // many: inquiries about what was in doubt before may meet it first
      await parts.mischief({ kind, times: 1_000 })
      const error = await errorOf(client.query(insert(`Under ${kind}`)))
      await parts.clearMischief()
      assert.equal(error.code, '40003')
      assert.match(error.detail ?? '', detail)
      assert.equal(writesOf(await parts.exchanges()).length, 1)
      assert.deepEqual(await named(`Under ${kind}`), { rows: 0, records: 0 })
    }
    await assertNotAhead(parts, { behind })
  })
})

describe('the platform is slow, or takes no more', () => {
  test('a rate limit beyond statement_timeout is 53400 and nothing changed; without it is waited for', async () => {
    // Airtable, for it asks for 30 seconds: no machine is so slow that half of them are over before it has refused
    const client = await connect('airtable')
    const add = (name: string) => ({
      text: 'insert into airtable.contacts (name) values ($1) returning name',
      values: [name],
    })
    const count = async (name: string) => {
      const rows = await parts.sql`select from airtable.contacts where name = ${name}`
      const records = JSON.parse(await parts.recordsText('airtable', 'contacts')) as {
        fields: { Name?: string }
      }[]
      const named = records.filter(({ fields }) => fields.Name === name)
      return { rows: rows.length, records: named.length }
    }
    await client.query(`set statement_timeout = '20s'`)
    await parts.mischief({ platform: 'airtable', kind: '429' })
    const error = await errorOf(client.query(add('Hasty')))
    assert.equal(error.code, '53400')
    assert.equal(error.message, 'airtable rate limit reached')
    assert.match(error.hint ?? '', /Try again in \d+ seconds/)
    assert.deepEqual(await count('Hasty'), { rows: 0, records: 0 })
    await client.query('reset statement_timeout')
    const patient = client.query(add('Patient'))
    patient.catch(() => {})
    await until('it to wait', async () => await newestState() === 'received')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    assert.equal(await newestState(), 'received')
    // that it waits is seen; for all of the 30 seconds nobody else has to
    const ended = await parts.store`
      update sluice_store.buckets
      set blocked_until = sluice_store.clock_ms(), full_before = 0, epoch = epoch + 1
      where connection_id = 'demo_airtable' and blocked_until > sluice_store.clock_ms()
      returning blocked_for`
    assert.deepEqual(ended.map((row) => Number(row['blocked_for'])), [30_000])
    const { rows } = await patient
    assert.deepEqual(rows, [{ name: 'Patient' }])
    assert.deepEqual(await count('Patient'), { rows: 1, records: 1 })
  })

  test('a platform slower than statement_timeout: found out, long before the platform answers', async () => {
    const client = await connect()
    await hold() // until the next test
    let found: pg.QueryResult | null = null
    // where the machine is so slow that the time is up before it is sent, it is refused, and tried again with more
    for (const seconds of [2, 8, 32]) {
      await client.query(`set statement_timeout = '${seconds}s'`)
      const work = client.query(insert('Too slow'))
      found = await work.catch((error: unknown) => {
        assert.ok(error instanceof pg.DatabaseError && error.code === '57014', String(error))
        return null
      })
      if (found !== null) break
      assert.deepEqual(await named('Too slow'), { rows: 0, records: 0 })
    }
    assert.equal(found?.rows[0].name, 'Too slow')
    assert.deepEqual(await named('Too slow'), { rows: 1, records: 1 })
    await assertNotAhead(parts, { behind })
  })

  test('an expired token is refreshed once and the client does not notice', async () => {
    const client = await connect()
    await client.query(insert('Fresh'))
    await parts.clearExchanges()
    await parts.mischief({ kind: 'expire-token' })
    const { rows } = await client.query(insert('Expired'))
    assert.equal(rows[0].name, 'Expired')
    const all = await endings()
    assert.deepEqual(all.filter((ending) => ending.startsWith('token')), ['token 200'])
    assert.deepEqual(all.filter((ending) => ending === 'composite 200'), ['composite 200'])
    assert.equal(all.at(-1), 'composite 200')
    assert.deepEqual(await named('Expired'), { rows: 1, records: 1 })
  })

  test('20 mutations at once on an expired token: one refresh, each row once', async () => {
    const pool = new pg.Pool({ connectionString: parts.url(), max: 20 })
    try {
      await Promise.all(Array.from({ length: 20 }, () => pool.query('select pg_sleep(0.05)')))
      await parts.clearExchanges()
      await parts.mischief({ kind: 'expire-token' })
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, n) => pool.query(insert(`Twenty ${n}`))),
      )
      results.forEach(({ rows }, n) => assert.equal(rows[0].name, `Twenty ${n}`))
    } finally {
      await pool.end()
    }
    const all = await endings()
    assert.deepEqual(all.filter((ending) => ending.startsWith('token')), ['token 200'])
    assert.equal(all.filter((ending) => ending === 'composite 200').length, 20)
    const accepted = writesOf(await parts.exchanges()).filter(({ status }) => status === 200)
    assert.deepEqual(accepted.map((exchange) => recordsIn(exchange).length), Array(20).fill(1))
    for (let n = 0; n < 20; n++) {
      assert.deepEqual(await named(`Twenty ${n}`), { rows: 1, records: 1 })
    }
    await assertNotAhead(parts, { behind })
  })

  test('the token cannot be refreshed: an error that says so, and nothing changed', async () => {
    const client = await connect()
    // in this order: an inquiry about what was in doubt before may ask in between
    await parts.mischief({ kind: '500', target: 'oauth', times: 1_000 })
    await parts.mischief({ kind: 'expire-token' })
    const error = await errorOf(client.query(insert('No token')))
    assert.equal(error.code, '58000')
    assert.match(error.detail ?? '', /token endpoint/)
    assert.ok((await endings()).every((ending) => !ending.endsWith(' 200')))
    assert.deepEqual(await named('No token'), { rows: 0, records: 0 })
    await parts.clearMischief()
    // after a failure the token endpoint is left alone for a moment
    const { rows } = await until(
      'a mutation with a new token',
      () => client.query(insert('Token')).catch(() => null),
    )
    assert.equal(rows[0].name, 'Token')
  })
})

/** What was asked and how it ended: `composite 200`, `token 200`. */
/** How writes and refreshes ended. What recovery reads meanwhile, of mutations in doubt before, is left out. */
async function endings(): Promise<string[]> {
  const all = (await parts.exchanges()).map(({ url, status }) =>
    `${url.replace(/.*\//, '')} ${status}`
  )
  return all.filter((ending) => /^(composite|token) /.test(ending))
}

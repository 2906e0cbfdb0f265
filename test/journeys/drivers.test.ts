// Goal: node-postgres and postgres.js do the promised journey as if Sluice were Postgres: both protocols, binary results,
// pools, transactions, pipelines. Method: the real drivers, the whole system; table and sandbox compared after each test.

import assert from 'node:assert/strict'
import type { Buffer } from 'node:buffer'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import postgres from 'postgres'
import { startSystem, type System, writesOf } from '../help/system.ts'
import { assertMirrors, recordsIn } from './mirror.ts'

let system: System

before(async () => {
  system = await startSystem()
})
after(() => system?.stop())
beforeEach(() => system.clearExchanges())
afterEach(() => assertMirrors(system))

/** How many records each write request held, since the test began. */
async function sent(): Promise<number[]> {
  return writesOf(await system.exchanges()).map((exchange) => recordsIn(exchange).length)
}

const insertOne =
  'insert into salesforce.contacts (first_name, last_name, email) values ($1, $2, $3) returning id, name'
const insertMany = `insert into salesforce.contacts (last_name, email)
  select 'Fremen ' || n, 'fremen' || n || '@' || $1 from generate_series(1, $2::int) n returning id`

describe('node-postgres', () => {
  const config = (tls = false): pg.ClientConfig => ({
    // node-postgres reads sslmode=require as verify-full, and the certificate is signed by itself
    connectionString: system.url().split('?')[0] ?? '',
    ssl: tls ? { rejectUnauthorized: false } : false,
  })

  async function withClient(
    work: (client: pg.Client) => Promise<void>,
    options: pg.ClientConfig = config(),
  ): Promise<void> {
    const client = new pg.Client(options)
    await client.connect()
    try {
      await work(client)
    } finally {
      await client.end()
    }
  }

  test('simple and extended protocol, over TLS', async () => {
    await withClient(async (client) => {
      const simple = await client.query(
        `insert into salesforce.contacts (first_name, last_name) values ('Leto', 'Atreides') returning id, name`,
      )
      assert.deepEqual([simple.command, simple.rowCount], ['INSERT', 1])
      assert.match(simple.rows[0].id, /^003\w{15}$/)
      assert.equal(simple.rows[0].name, 'Leto Atreides')
      const extended = await client.query(insertOne, ['Ghanima', 'Atreides', 'ghani@pg.example'])
      assert.deepEqual([extended.command, extended.rowCount], ['INSERT', 1])
      const updated = await client.query(
        'update salesforce.contacts set title = $1 where id = $2 returning title',
        ['Regent', extended.rows[0].id],
      )
      assert.deepEqual([updated.command, updated.rows], ['UPDATE', [{ title: 'Regent' }]])
      const removed = await client.query(
        'delete from salesforce.contacts where email = $1',
        ['ghani@pg.example'],
      )
      assert.deepEqual([removed.command, removed.rowCount], ['DELETE', 1])
      const none = await client.query('delete from salesforce.contacts where email = $1', [
        'nobody',
      ])
      assert.deepEqual([none.command, none.rowCount], ['DELETE', 0])
    }, config(true))
    assert.deepEqual(await sent(), [1, 1, 1, 1])
  })

  test('binary results of a mutation are what Postgres itself gives for the row afterwards', async () => {
    const columns = 'id, score__c, is_vip__c, interests__c, joined_on__c, last_seen__c, email'
    // not parsed: pg 8 takes binary values for UTF-8, from Postgres too, so that only the same bytes look the same
    const binary = (text: string, values: unknown[]) => ({
      text,
      values,
      binary: true,
      types: { getTypeParser: () => (value: string | Buffer) => value },
    })
    let written: Record<string, Uint8Array | null> = {}
    await withClient(async (client) => {
      const insert = `insert into salesforce.contacts
        (last_name, score__c, is_vip__c, interests__c, joined_on__c, last_seen__c)
        values ($1, $2, $3, $4, $5, $6) returning ${columns}`
      const seen = '2026-02-28T12:34:56Z'
      const values = ['Binary', '12345.6789', true, ['Spice', 'Sandworms'], '2026-02-28', seen]
      written = (await client.query(binary(insert, values))).rows[0]
    })
    assert.deepEqual([...written['is_vip__c'] ?? []], [1])
    assert.equal(written['email'], null)
    const id = new TextDecoder().decode(written['id'] ?? undefined)
    await withClient(async (client) => {
      const select = `select ${columns} from salesforce.contacts where id = $1`
      const { rows: [read] } = await client.query(binary(select, [id]))
      assert.deepEqual(written, read)
    }, { connectionString: `postgres://postgres:postgres@127.0.0.1:${system.databasePort}/demo` })
    assert.deepEqual(await sent(), [1])
  })

  test('200 rows are one request, also by a named statement run twice', async () => {
    await withClient(async (client) => {
      const ids = new Set<string>()
      for (const _ of [1, 2]) {
        const result = await client.query({
          name: 'many',
          text: insertMany,
          values: ['pg.example', 200],
        })
        assert.deepEqual([result.command, result.rowCount], ['INSERT', 200])
        for (const row of result.rows) ids.add(row.id)
      }
      assert.equal(ids.size, 400)
      await assert.rejects(client.query(insertMany, ['pg.example', 201]), { code: '54000' })
      for (const start of [0, 200]) {
        await client.query('delete from salesforce.contacts where id = any($1)', [
          [...ids].slice(start, start + 200),
        ])
      }
    })
    assert.deepEqual(await sent(), [200, 200, 200, 200])
  })

  test('an error has the fields of Postgres, and the connection goes on', async () => {
    await withClient(async (client) => {
      await assert.rejects(client.query(insertOne, ['Paul', 'Atreides', 'pauldune.co']), {
        severity: 'ERROR',
        code: '23514',
        message: 'salesforce validation error',
        detail: 'Key (email)=(pauldune.co) is not a valid email address.',
        schema: 'salesforce',
        table: 'contacts',
        column: 'email',
        constraint: 'INVALID_EMAIL_ADDRESS',
      })
      const { rows } = await client.query('select 1 as one')
      assert.deepEqual(rows, [{ one: 1 }])
    })
    assert.deepEqual(await sent(), [1])
  })

  test('a rolled back transaction keeps the mutation and nothing else', async () => {
    await withClient(async (client) => {
      await client.query('begin')
      await client.query(`insert into public.local_notes values ('pg', 'rolled back')`)
      const { rows: [row] } = await client.query(insertOne, ['Wellington', 'Yueh', null])
      await client.query('rollback')
      const kept = await client.query('select name from salesforce.contacts where id = $1', [
        row.id,
      ])
      assert.deepEqual(kept.rows, [{ name: 'Wellington Yueh' }])
      const notes = await client.query(`select from public.local_notes where contact_id = 'pg'`)
      assert.equal(notes.rowCount, 0)
    })
    assert.deepEqual(await sent(), [1])
  })

  test('a pool of five does twenty mutations at once, each once', async () => {
    const pool = new pg.Pool({ ...config(), max: 5 })
    try {
      const results = await Promise.all(
        Array.from(
          { length: 20 },
          (_, n) => pool.query(insertOne, ['Pool', `Swimmer ${n}`, `swimmer${n}@pg.example`]),
        ),
      )
      assert.equal(new Set(results.map(({ rows }) => rows[0].id)).size, 20)
      results.forEach(({ rows }, n) => assert.equal(rows[0].name, `Pool Swimmer ${n}`))
    } finally {
      await pool.end()
    }
    assert.deepEqual(await sent(), Array.from({ length: 20 }, () => 1))
  })

  test('queries queued on one connection come back in order', async () => {
    await withClient(async (client) => {
      const [first, inserted, counted] = await Promise.all([
        client.query('select 1 as one'),
        client.query(insertOne, ['Queued', 'Reader', 'queued@pg.example']),
        client.query(
          `select count(*)::int from salesforce.contacts where email = 'queued@pg.example'`,
        ),
      ])
      assert.equal(first.rows[0].one, 1)
      assert.equal(inserted.rowCount, 1)
      assert.equal(counted.rows[0].count, 1)
    })
    assert.deepEqual(await sent(), [1])
  })
})

describe('postgres.js', () => {
  async function withSql(
    work: (sql: postgres.Sql) => Promise<void>,
    options: postgres.Options<Record<string, never>> & { url?: string } = {},
  ): Promise<void> {
    const { url = system.url(), ...rest } = options
    const sql = postgres(url, { max: 1, ...rest })
    try {
      await work(sql)
    } finally {
      await sql.end({ timeout: 5 })
    }
  }

  test('simple and extended protocol, over TLS', async () => {
    await withSql(async (sql) => {
      const simple = await sql`insert into salesforce.contacts (first_name, last_name)
        values ('Feyd', 'Rautha') returning id, name`.simple()
      assert.deepEqual([simple.command, simple.count, simple[0]?.['name']], [
        'INSERT',
        1,
        'Feyd Rautha',
      ])
      const row = { first_name: 'Glossu', last_name: 'Rabban', email: 'rabban@js.example' }
      const inserted = await sql`insert into salesforce.contacts ${sql(row)} returning id, name`
      assert.deepEqual([inserted.command, inserted.count], ['INSERT', 1])
      const id = String(inserted[0]?.['id'])
      const updated = await sql`update salesforce.contacts set ${
        sql({ title: 'Count' })
      } where id = ${id} returning title`
      assert.deepEqual([updated.command, updated[0]?.['title']], ['UPDATE', 'Count'])
      const removed = await sql`delete from salesforce.contacts where email = ${row.email}`
      assert.deepEqual([removed.command, removed.count], ['DELETE', 1])
      const none = await sql`update salesforce.contacts set title = 'x' where email = 'nobody'`
      assert.deepEqual([none.command, none.count], ['UPDATE', 0])
    }, { url: system.tlsUrl() })
    assert.deepEqual(await sent(), [1, 1, 1, 1])
  })

  test('many rows from objects are one request; 201 are none', async () => {
    await withSql(async (sql) => {
      const rows = (count: number) =>
        Array.from({ length: count }, (_, n) => ({
          last_name: `Fedaykin ${n}`,
          email: `fedaykin${n}@js.example`,
        }))
      const inserted = await sql`insert into salesforce.contacts ${sql(rows(200))} returning id`
      assert.equal(inserted.length, 200)
      await assert.rejects(sql`insert into salesforce.contacts ${sql(rows(201))}`.execute(), {
        code: '54000',
      })
      const ids = inserted.map((row) => String(row['id']))
      const removed = await sql`delete from salesforce.contacts where id = any(${ids})`
      assert.equal(removed.count, 200)
    })
    assert.deepEqual(await sent(), [200, 200])
  })

  test('an error has the fields of Postgres, and the connection goes on', async () => {
    await withSql(async (sql) => {
      const row = { last_name: 'Atreides', email: 'pauldune.co' }
      await assert.rejects(sql`insert into salesforce.contacts ${sql(row)}`.execute(), {
        severity: 'ERROR',
        code: '23514',
        message: 'salesforce validation error',
        detail: 'Key (email)=(pauldune.co) is not a valid email address.',
        schema_name: 'salesforce',
        table_name: 'contacts',
        column_name: 'email',
        constraint_name: 'INVALID_EMAIL_ADDRESS',
      })
      const [read] = await sql`select 1 as one`
      assert.equal(read?.['one'], 1)
    })
    assert.deepEqual(await sent(), [1])
  })

  test('sql.begin that throws rolls back everything but the mutation', async () => {
    await withSql(async (sql) => {
      const work = sql.begin(async (tx) => {
        await tx`insert into public.local_notes values ('js', 'rolled back')`
        await tx`insert into salesforce.contacts (last_name, email) values ('Piter', 'piter@js.example')`
        throw new Error('changed my mind')
      })
      await assert.rejects(work, /changed my mind/)
      const rows =
        await sql`select last_name from salesforce.contacts where email = 'piter@js.example'`
      assert.deepEqual([...rows], [{ last_name: 'Piter' }])
      const notes = await sql`select from public.local_notes where contact_id = 'js'`
      assert.equal(notes.count, 0)
    })
    assert.deepEqual(await sent(), [1])
  })

  test('sql.begin with a pipeline of reads and mutations commits in order', async () => {
    await withSql(async (sql) => {
      const [made, notes, counted] = await sql.begin((tx) => [
        tx`insert into salesforce.contacts (last_name) values ('Pipe One') returning last_name`,
        tx`insert into public.local_notes values ('pipe', 'kept') returning body`,
        tx`select count(*)::int as count from public.local_notes where contact_id = 'pipe'`,
      ])
      assert.deepEqual(made?.[0], { last_name: 'Pipe One' })
      assert.deepEqual(notes?.[0], { body: 'kept' })
      assert.deepEqual(counted?.[0], { count: 1 })
    })
    assert.deepEqual(await sent(), [1])
  })

  test('parallel queries on one connection: thirty mutations among reads, each once', async () => {
    await withSql(async (sql) => {
      const results = await Promise.all(Array.from({ length: 60 }, async (_, n) => {
        if (n % 2 === 0) return (await sql`select ${n}::int as n`)[0]?.['n'] as number
        const name = `Parallel ${n}`
        const [row] = await sql`insert into salesforce.contacts ${
          sql({ last_name: name, email: `parallel${n}@js.example` })
        } returning name`
        assert.equal(row?.['name'], name)
        return n
      }))
      assert.deepEqual(results, Array.from({ length: 60 }, (_, n) => n))
      const removed =
        await sql`delete from salesforce.contacts where email like 'parallel%@js.example'`
      assert.equal(removed.count, 30)
    })
    assert.deepEqual(await sent(), [...Array.from({ length: 30 }, () => 1), 30])
  })

  test('a failure among parallel queries stays its own', async () => {
    await withSql(async (sql) => {
      const settled = await Promise.allSettled([
        sql`insert into salesforce.contacts (last_name) values ('Before')`,
        sql`insert into salesforce.contacts (last_name, email) values ('Bad', 'bad')`,
        sql`insert into salesforce.contacts (last_name) values ('After')`,
        sql`select 1`,
      ])
      assert.deepEqual(settled.map(({ status }) => status), [
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ])
    })
    assert.deepEqual(await sent(), [1, 1, 1])
  })

  test('a pool of ten does forty mutations at once, each once', async () => {
    await withSql(async (sql) => {
      const rows = await Promise.all(
        Array.from(
          { length: 40 },
          (_, n) =>
            sql`insert into salesforce.contacts (last_name) values (${`Bather ${n}`}) returning id, name`,
        ),
      )
      assert.equal(new Set(rows.map(([row]) => row?.['id'])).size, 40)
      rows.forEach(([row], n) => assert.equal(row?.['name'], `Bather ${n}`))
    }, { max: 10 })
    assert.deepEqual(await sent(), Array.from({ length: 40 }, () => 1))
  })
})

// Goal: on every platform the same statements from a Postgres client insert, update and delete, at the limit of rows and
// one past it; a refused value changes nothing; a token that expires on the way is no failure. Method: node-postgres
// against the whole system, with the platforms' rate limits in force; after each step table and sandbox are compared.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import type { Platform } from '../../src/mutation/table.ts'
import { isJsonNumber, isJsonObject, type Json, parseJson } from '../../src/platforms/json.ts'
import { type Exchange, startSystem, type System } from '../help/system.ts'

/** What differs between the platforms. `$1` is a number of rows in the statements that take one. */
interface Script {
  readonly platform: Platform
  readonly table: string
  /** The sandbox's names of the record's id and of the field that the statements set. */
  readonly idField: string
  readonly field: string
  readonly column: string
  /** Gives the value of the field in a record. */
  readonly fieldOf?: (record: Readonly<Record<string, Json | undefined>>) => Json | undefined
  /** Is the record of this sync? All are when absent. */
  readonly mirrored?: (record: Readonly<Record<string, Json | undefined>>) => boolean
  readonly insert: string
  readonly insertMax: number
  readonly changeMax: number
  /** Rows inserted to have enough of them to change. */
  readonly mine: string
  readonly update: string
  readonly refused: string
  readonly refusedState: string
  readonly refusedColumn?: string
  /** Write requests of one statement of `rows` rows. */
  readonly requests: (rows: number) => number
}

const scripts: readonly Script[] = [
  {
    platform: 'salesforce',
    table: 'contacts',
    idField: 'Id',
    field: 'Email',
    column: 'email',
    insert: `insert into salesforce.contacts (last_name, email)
      select 'Mine', 'mine' || n || '@x.org' from generate_series(1, $1::int) n`,
    insertMax: 200,
    changeMax: 200,
    mine: `last_name = 'Mine'`,
    update: `update salesforce.contacts set email = 'new-' || email`,
    refused: `insert into salesforce.contacts (last_name, email) values ('Mine', 'pauldune.co')`,
    refusedState: '23514',
    refusedColumn: 'email',
    requests: () => 1,
  },
  {
    platform: 'hubspot',
    table: 'contacts',
    idField: 'id',
    field: 'jobtitle',
    column: 'jobtitle',
    fieldOf: (record) =>
      isJsonObject(record['properties']) ? record['properties']['jobtitle'] : undefined,
    insert: `insert into hubspot.contacts (email, jobtitle)
      select 'mine' || gen_random_uuid() || '@x.org', 'Mine' from generate_series(1, $1::int) n`,
    insertMax: 1,
    changeMax: 100,
    mine: `jobtitle like '%Mine'`,
    update: `update hubspot.contacts set jobtitle = 'new-' || jobtitle`,
    refused: `insert into hubspot.contacts (email) values ('pauldune.co')`,
    refusedState: '23514',
    refusedColumn: 'email',
    requests: () => 1,
  },
  {
    platform: 'stripe',
    table: 'customers',
    idField: 'id',
    field: 'email',
    column: 'email',
    insert: `insert into stripe.customers (name, email)
      select 'Mine', 'mine' || n || '@x.org' from generate_series(1, $1::int) n`,
    insertMax: 100,
    changeMax: 100,
    mine: `name = 'Mine'`,
    update: `update stripe.customers set email = 'new-' || email`,
    refused: `insert into stripe.customers (email) values ('pauldune.co')`,
    refusedState: '23514',
    refusedColumn: 'email',
    requests: (rows) => rows,
  },
  {
    platform: 'airtable',
    table: 'contacts',
    idField: 'id',
    field: 'Notes',
    column: 'notes',
    fieldOf: (record) => isJsonObject(record['fields']) ? record['fields']['Notes'] : undefined,
    insert: `insert into airtable.contacts (name, notes)
      select 'Mine', 'note ' || n from generate_series(1, $1::int) n`,
    insertMax: 10,
    changeMax: 10,
    mine: `name = 'Mine'`,
    update: `update airtable.contacts set notes = 'new-' || notes`,
    refused: `insert into airtable.contacts (name, status) values ('Mine', 'No such status')`,
    refusedState: '22P02',
    refusedColumn: 'status',
    requests: () => 1,
  },
  {
    platform: 'github',
    table: 'issues',
    idField: 'id',
    field: 'body',
    column: 'body',
    mirrored: ({ repository }) => repository === 'octo/hello' || repository === 'octo/world',
    insert: `insert into github.issues (repository, title, body)
      select 'octo/hello', 'Mine', 'body ' || n from generate_series(1, $1::int) n`,
    insertMax: 100,
    changeMax: 100,
    mine: `title = 'Mine'`,
    update: `update github.issues set body = 'new-' || body`,
    refused: `insert into github.issues (repository, title, labels)
      values ('octo/hello', 'Mine', '{no-such-label}')`,
    refusedState: '23503',
    refusedColumn: 'labels',
    requests: (rows) => Math.ceil(rows / 10),
  },
]

let system: System

before(async () => {
  system = await startSystem()
})
after(() => system?.stop())

async function withClient(script: Script, work: (client: pg.Client) => Promise<void>) {
  const client = new pg.Client({ connectionString: system.urlOf(script.platform) })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

/** The table and the sandbox have the same records, with the same value in the field that the statements set. */
async function assertMirrors(script: Script) {
  const { platform, table, idField, field, column, fieldOf, mirrored = () => true } = script
  const records = parseJson(await system.recordsText(platform, table))
  assert.ok(Array.isArray(records))
  const items: readonly Json[] = records
  const there = items.filter(isJsonObject).filter(mirrored).map((record) => [
    textOf(record[idField]),
    textOf(fieldOf === undefined ? record[field] : fieldOf(record)),
  ])
  const rows = await system.sql.unsafe(
    `select id::text as id, coalesce(${column}, '') as value from ${platform}.${table}`,
  )
  const here = rows.map((row) => [row['id'], row['value']])
  assert.deepEqual(here.toSorted(byId), there.toSorted(byId))
}

function textOf(value: Json | undefined): string {
  if (isJsonNumber(value)) return value.rawJSON
  return typeof value === 'string' ? value : ''
}

function byId([a = '']: unknown[], [b = '']: unknown[]): number {
  return String(a) < String(b) ? -1 : 1
}

/**
 * Requests of a statement that a limit refuses, at most: each is waited for, and sent again. No more than bunch up where the
 * sandbox stands still for a moment: what left apart arrives together. Stripe is asked by several at once, 100 times for
 * 100 rows, of which it takes 25 a second. None at GitHub, which says 403: of its minute the way takes six seconds at least.
 */
const refusedMax = ({ platform }: Script) => platform === 'stripe' ? 10 : 6

async function writes(script: Script): Promise<Exchange[]> {
  const { platform } = script
  const all = await system.exchanges()
  const mine = all.filter((exchange) => exchange.platform === platform)
  assert.deepEqual(mine.filter(({ status }) => status === 403), [])
  const refused = mine.filter(({ status }) => status === 429)
  assert.ok(refused.length <= refusedMax(script), `a limit refused ${refused.length} requests`)
  const changes = /mutation|batch\/(create|update|archive)/
  return mine.filter(({ status, method, url, requestBody }) =>
    status !== 429 && method !== 'GET' && !/oauth|access_token|batch\/read/.test(url) &&
    (!url.endsWith('/graphql') || changes.test(requestBody.slice(0, 300)))
  )
}

async function failure(work: Promise<unknown>): Promise<pg.DatabaseError> {
  const thrown = await work.then(() => undefined, (error: unknown) => error)
  assert.ok(
    thrown instanceof pg.DatabaseError,
    `it must fail in Postgres's words: ${String(thrown)}`,
  )
  return thrown
}

for (const script of scripts) {
  const { platform, table, insertMax, changeMax, mine } = script
  const name = `${platform}.${table}`

  describe(name, () => {
    test(`${insertMax} rows are inserted, one more is refused unsent`, async () => {
      await withClient(script, async (client) => {
        await system.clearExchanges()
        const thrown = await failure(client.query(script.insert, [insertMax + 1]))
        assert.equal(thrown.code, '54000')
        assert.match(
          thrown.message,
          new RegExp(`${insertMax + 1} rows, but ${platform} takes ${insertMax}`),
        )
        assert.equal((await writes(script)).length, 0)
        const inserted = await client.query(`${script.insert} returning id, ${script.column}`, [
          insertMax,
        ])
        assert.deepEqual([inserted.command, inserted.rowCount], ['INSERT', insertMax])
        assert.equal(new Set(inserted.rows.map(({ id }) => id)).size, insertMax)
        assert.equal((await writes(script)).length, script.requests(insertMax))
      })
      await assertMirrors(script)
    })

    test(`${changeMax} rows are updated, with a token that expires on the way`, async () => {
      await withClient(script, async (client) => {
        const count = async () =>
          Number((await client.query(`select count(*) from ${name} where ${mine}`)).rows[0].count)
        for (let rows = await count(); rows < changeMax; rows += insertMax) {
          await client.query(script.insert, [Math.min(insertMax, changeMax - rows)])
        }
        await system.clearExchanges()
        if (platform !== 'stripe') await system.mischief({ platform, kind: 'expire-token' })
        const updated = await client.query(
          `${script.update} where ${mine} returning ${script.column}`,
        )
        assert.deepEqual([updated.command, updated.rowCount], ['UPDATE', changeMax])
        assert.ok(updated.rows.every((row) => String(row[script.column]).startsWith('new-')))
      })
      await assertMirrors(script)
    })

    test('a refused value is an error with its column, and nothing changed', async () => {
      await withClient(script, async (client) => {
        const thrown = await failure(client.query(script.refused))
        assert.equal(thrown.code, script.refusedState)
        assert.equal(thrown.column, script.refusedColumn)
        assert.equal(thrown.schema, platform)
        assert.equal(thrown.table, table)
        assert.equal((await client.query('select 1')).rowCount, 1)
      })
      await assertMirrors(script)
    })

    test(`${changeMax} rows are deleted, none is nothing sent`, async () => {
      await withClient(script, async (client) => {
        await system.clearExchanges()
        const none = await client.query(`delete from ${name} where false`)
        assert.equal(none.rowCount, 0)
        assert.equal((await writes(script)).length, 0)
        const deleted = await client.query(`delete from ${name} where ${mine}`)
        assert.deepEqual([deleted.command, deleted.rowCount], ['DELETE', changeMax])
        assert.equal((await writes(script)).length, script.requests(changeMax))
      })
      await assertMirrors(script)
    })
  })
}

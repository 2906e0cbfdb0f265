// Goal: INSERT … ON CONFLICT DO UPDATE is one request to the platform and right in every part: record made, changed, met
// under another id; tag, RETURNING, refusals, EXPLAIN, dry run, prepared, inside a block. Method: node-postgres against the
// whole system; after each step table and sandbox are compared.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import type { Platform } from '../../src/mutation/table.ts'
import { isJsonObject, type Json, parseJson } from '../../src/platforms/json.ts'
import { type Exchange, startSystem, type System } from '../help/system.ts'

type Fields = Readonly<Record<string, Json | undefined>>

interface Script {
  readonly platform: Platform
  /** Columns: the key, one that is set, one more. */
  readonly key: string
  readonly set: string
  readonly more: string
  readonly keyField: string
  readonly setField: string
  readonly fieldsOf: (record: Fields) => Json | undefined
  readonly request: RegExp
  readonly rowsMax: number
  /** A value of `more` that the platform refuses, as SQL, with the SQLSTATE. */
  readonly refused: readonly [value: string, sqlstate: string]
  /** What makes the index that ON CONFLICT needs, where Sluice does not. */
  readonly index?: string
}

const scripts: readonly Script[] = [
  {
    platform: 'salesforce',
    key: 'external_id__c',
    set: 'last_name',
    more: 'email',
    keyField: 'External_Id__c',
    setField: 'LastName',
    fieldsOf: (record) => record,
    request: /^POST \/salesforce\/services\/data\/v\d+\.0\/composite$/,
    rowsMax: 200,
    refused: [`'pauldune.co'`, '23514'],
  },
  {
    platform: 'hubspot',
    key: 'email',
    set: 'jobtitle',
    more: 'lifecyclestage',
    keyField: 'email',
    setField: 'jobtitle',
    fieldsOf: (record) => record['properties'],
    request: /^POST \/hubspot\/crm\/v3\/objects\/contacts\/batch\/upsert$/,
    rowsMax: 100,
    refused: [`'no such stage'`, '23514'],
  },
  {
    platform: 'airtable',
    key: 'email',
    set: 'notes',
    more: 'status',
    keyField: 'Email',
    setField: 'Notes',
    fieldsOf: (record) => record['fields'],
    request: /^PATCH \/airtable\/v0\/app\w+\/tbl\w+\/$/,
    rowsMax: 10,
    refused: [`'No such status'`, '22P02'],
    index: 'create unique index on airtable.contacts (email)',
  },
]

let system: System

before(async () => {
  system = await startSystem()
})
after(() => system?.stop())

async function failure(work: Promise<unknown>): Promise<pg.DatabaseError> {
  const thrown = await work.then(() => undefined, (error: unknown) => error)
  assert.ok(thrown instanceof pg.DatabaseError, `it must fail: ${String(thrown)}`)
  return thrown
}

/** Changes the table past Sluice: it is out of date then. */
async function meddle(table: string, statement: string): Promise<void> {
  const triggers = ['before', 'after_insert', 'after_update', 'after_delete', 'truncate']
  const enable = triggers.map((name) =>
    `alter table ${table} enable always trigger "~sluice_${name}";`
  )
  const disable = `alter table ${table} disable trigger user`
  await system.sql.begin((tx) => tx.unsafe(`${disable}; ${statement}; ${enable.join(' ')}`))
}

for (const script of scripts) {
  const { platform, key, set, more } = script
  const table = `${platform}.contacts`
  const upsert = (values: string) =>
    `insert into ${table} (${key}, ${set}) values ${values}
    on conflict (${key}) do update set ${set} = excluded.${set} returning id, ${key}, ${set}`
  const keyOf = (n: number | string) => `upsert${n}@x.org`

  describe(platform, () => {
    let client: pg.Client

    before(async () => {
      if (script.index !== undefined) {
        const without = new pg.Client({ connectionString: system.urlOf(platform) })
        await without.connect()
        const thrown = await failure(without.query(upsert(`('${keyOf(0)}', 'x')`)))
        assert.equal(thrown.code, '0A000')
        assert.equal(thrown.message, `column "${key}" has no unique index, which ON CONFLICT needs`)
        assert.match(thrown.hint ?? '', /CREATE UNIQUE INDEX ON "airtable"\."contacts" \("email"\)/)
        await without.end()
        await system.sql.unsafe(script.index)
      }
      client = new pg.Client({ connectionString: system.urlOf(platform) })
      await client.connect()
    })
    after(() => client?.end())

    const writes = async (): Promise<string[]> => {
      const all = (await system.exchanges()).filter((exchange) => exchange.platform === platform)
      const refused = all.filter(({ status }) => status === 429)
      assert.ok(refused.length <= refusedMax, `a limit refused ${refused.length} requests`)
      return all.filter(isWrite)
        .map(({ method, url }) => `${method} ${new URL(url, 'http://x').pathname}`)
    }

    /** Runs it, and expects one request. */
    const once = async (text: string, values?: unknown[]) => {
      await system.clearExchanges()
      const result = await client.query(text, values)
      const made = await writes()
      assert.equal(made.length, 1, made.join())
      assert.match(made[0] ?? '', script.request)
      await agree()
      return result
    }

    /** The records that have a key of ours: key → [id, value]. */
    const there = async (): Promise<Map<string, string>> => {
      const records = parseJson(await system.recordsText(platform, 'contacts'))
      assert.ok(Array.isArray(records))
      const found = (records as readonly Json[]).filter(isJsonObject).flatMap((record) => {
        const fields = script.fieldsOf(record)
        const value = isJsonObject(fields) ? fields[script.keyField] : undefined
        if (!isJsonObject(fields) || typeof value !== 'string' || !/^upsert/i.test(value)) return []
        const id = record['id'] ?? record['Id']
        return [[value, `${textOf(id)} ${textOf(fields[script.setField])}`] as const]
      })
      return new Map(found)
    }

    const here = async (): Promise<Map<string, string>> => {
      const rows = await system.sql.unsafe(
        `select ${key} as key, concat(id, ' ', ${set}) as value from ${table} where ${key} ~* '^upsert'`,
      )
      return new Map(rows.map((row) => [String(row['key']), String(row['value'])]))
    }

    const agree = async () => assert.deepEqual(sorted(await here()), sorted(await there()))

    test('a row that is nowhere is made, and made again it is changed', async () => {
      const made = await once(upsert(`('${keyOf(1)}', 'one')`))
      assert.deepEqual([made.command, made.rowCount], ['INSERT', 1])
      assert.equal(made.rows[0][set], 'one')
      const changed = await once(upsert(`('${keyOf(1)}', 'two')`))
      assert.deepEqual([changed.command, changed.rowCount], ['INSERT', 1])
      assert.deepEqual(changed.rows, [{ id: made.rows[0].id, [key]: keyOf(1), [set]: 'two' }])
    })

    test('new rows and old ones go in one request, up to the limit; one more is refused unsent', async () => {
      const text = `${
        upsert('').split(' values ')[0] ?? ''
      } select 'upsert' || n || '@x.org', 'n' || n from generate_series(1, $1::int) n
        on conflict (${key}) do update set ${set} = excluded.${set} returning ${set}`
      const made = await once(text, [script.rowsMax])
      assert.deepEqual([made.command, made.rowCount], ['INSERT', script.rowsMax])
      assert.deepEqual(
        made.rows.map((row) => row[set]),
        Array.from({ length: script.rowsMax }, (_, at) => `n${at + 1}`),
      )
      await system.clearExchanges()
      const thrown = await failure(client.query(text, [script.rowsMax + 1]))
      assert.equal(thrown.code, '54000')
      assert.match(thrown.message, new RegExp(`takes ${script.rowsMax} in one upsert`))
      assert.deepEqual(await writes(), [])
    })

    test('a record that only the platform has is changed, and comes in under its id', async () => {
      const made = await once(upsert(`('${keyOf(1)}', 'three')`))
      await meddle(table, `delete from ${table} where ${key} = '${keyOf(1)}'`)
      const met = await once(upsert(`('${keyOf(1)}', 'four')`))
      assert.deepEqual(met.rows, [{ id: made.rows[0].id, [key]: keyOf(1), [set]: 'four' }])
    })

    test('a record that was made anew takes the place of the row', async () => {
      const stale = platform === 'salesforce' ? '003000000000000AAA' : 'recStale000000000'
      await client.query(`delete from ${table} where ${key} = '${keyOf(2)}'`)
      await meddle(table, `insert into ${table} (id, ${key}) values ('${stale}', '${keyOf(2)}')`)
      const made = await once(upsert(`('${keyOf(2)}', 'anew'), ('${keyOf(1)}', 'five')`))
      assert.deepEqual([made.command, made.rowCount], ['INSERT', 2])
      assert.notEqual(made.rows[0].id, stale)
      assert.deepEqual(made.rows.map((row) => row[set]), ['anew', 'five'])
    })

    test('null empties a column of a record that is there', async () => {
      const made = await once(
        `insert into ${table} (${key}, ${set}, ${more}) values ($1, $2, null)
        on conflict (${key}) do update set (${set}, ${more}) = (excluded.${set}, excluded.${more})
        returning ${more}`,
        [keyOf(1), 'six'],
      )
      assert.deepEqual(made.rows, [{ [more]: null }])
    })

    test('a refused value is an error with its column, and nothing changed', async () => {
      const [value, sqlstate] = script.refused
      const before = await here()
      const thrown = await failure(client.query(
        `insert into ${table} (${key}, ${set}, ${more}) values ('${keyOf(1)}', 'never', ${value})
        on conflict (${key}) do update set ${set} = excluded.${set}, ${more} = excluded.${more}`,
      ))
      assert.deepEqual([thrown.code, thrown.column], [sqlstate, more], thrown.message)
      assert.deepEqual(await here(), before)
      await agree()
    })

    test('one refused among several: what the platform has taken is there, and told', async () => {
      const [value, sqlstate] = script.refused
      const before = await here()
      const { code, detail } = await failure(client.query(
        `insert into ${table} (${key}, ${set}, ${more})
        values ('${keyOf('part')}', 'part', null), ('${keyOf('bad')}', 'never', ${value})
        on conflict (${key}) do update set ${set} = excluded.${set}, ${more} = excluded.${more}`,
      ))
      await agree()
      const after = await here()
      if (code === sqlstate) return assert.deepEqual(after, before)
      assert.equal(code, 'SL003')
      const states = (JSON.parse(detail ?? '') as { state: string }[]).map(({ state }) => state)
      assert.deepEqual(states, ['written', 'refused'])
      assert.match(after.get(keyOf('part')) ?? '', / part$/)
      assert.equal(after.size, before.size + 1)
    })

    test('a row without a key is refused before anything is sent', async () => {
      await system.clearExchanges()
      const thrown = await failure(
        client.query(upsert(`('${keyOf(1)}', 'never'), (null, 'never')`)),
      )
      assert.deepEqual([thrown.code, thrown.column], ['23502', key])
      assert.match(thrown.detail ?? '', /^Row 2\./)
      assert.deepEqual(await writes(), [])
    })

    test('forms that one request cannot carry out are refused, with the way round', async () => {
      await system.clearExchanges()
      const head = `insert into ${table} (${key}, ${set}, ${more}) values ('${keyOf(1)}', 'x', 'y')`
      const both = `${set} = excluded.${set}, ${more} = excluded.${more}`
      const forms = [
        `${head} on conflict (${key}) do update set ${set} = excluded.${set}`,
        `${head} on conflict (${key}) do update set ${set} = 'y', ${more} = excluded.${more}`,
        `${head} on conflict (${key}) do update set ${both} where contacts.id <> ''`,
        `${head} on conflict (id) do update set ${both}`,
        `insert into ${table} values ('x') on conflict (${key}) do update set ${both}`,
        `insert into ${table} (${set}) values ('x') on conflict (${key}) do update set ${both}`,
      ]
      for (const form of forms) {
        const { code, hint } = await failure(client.query(form))
        assert.equal(code, '0A000', form)
        assert.match(hint ?? '', /UPDATE the row; then INSERT … SELECT … WHERE NOT EXISTS/, form)
      }
      assert.deepEqual(await writes(), [])
    })

    test('EXPLAIN and a dry run say what would be sent, and nothing is', async () => {
      await system.clearExchanges()
      const before = await here()
      const values = `('${keyOf(1)}', 'never'), ('${keyOf('new')}', 'never')`
      const explained = await client.query(`explain ${upsert(values)}`)
      const lines = explained.rows.map((row) => String(row['QUERY PLAN']))
      const at = lines.findIndex((line) => line.startsWith('Sluice: upsert of 2 rows'))
      assert.ok(at > 0, lines.join('\n'))
      const [method = '', path = ''] = (lines[at + 1] ?? '').trim().split(' ')
      assert.match(`${method} /${platform}${path}`, script.request)
      const notices: string[] = []
      const onNotice = ({ message }: { message: string | undefined }) =>
        void notices.push(message ?? '')
      client.on('notice', onNotice)
      await client.query('set sluice.dry_run = on')
      const dry = await client.query(upsert(values))
      await client.query('reset sluice.dry_run')
      client.off('notice', onNotice)
      assert.deepEqual([dry.command, dry.rowCount], ['INSERT', 2])
      assert.match(notices.join(), /^Sluice: upsert of 2 rows .* Nothing was sent or kept\.$/)
      assert.deepEqual(await writes(), [])
      assert.deepEqual(await here(), before)
    })

    test('prepared and run twice, inside a block that is rolled back, it stays', async () => {
      const text = upsert('($1, $2)')
      const run = (n: string, value: string) =>
        client.query({ name: `upsert ${platform}`, text, values: [keyOf(n), value] })
      await client.query('begin')
      const first = await run('p', 'first')
      const second = await run('p', 'second')
      await client.query('rollback')
      assert.deepEqual(second.rows, [{ id: first.rows[0].id, [key]: keyOf('p'), [set]: 'second' }])
      await agree()
      const third = await run('p', 'third')
      assert.equal(third.rows[0].id, first.rows[0].id)
      await agree()
    })

    test('many at once with one key make one record, and the last one stands', async () => {
      const clients = await Promise.all([1, 2, 3, 4].map(async () => {
        const one = new pg.Client({ connectionString: system.urlOf(platform) })
        await one.connect()
        return one
      }))
      const results = await Promise.all(
        clients.map((one, n) => one.query(upsert(`('${keyOf('many')}', 'many ${n}')`))),
      )
      await Promise.all(clients.map((one) => one.end()))
      assert.equal(new Set(results.map(({ rows }) => rows[0].id)).size, 1)
      await agree()
    })
  })
}

test('platforms that have no upsert say so, with the way round, and the way round works', async () => {
  const client = new pg.Client({ connectionString: system.urlOf('stripe') })
  await client.connect()
  try {
    const thrown = await failure(client.query(
      `insert into stripe.customers (email, name) values ('a@x.org', 'a')
      on conflict (email) do update set name = excluded.name`,
    ))
    assert.deepEqual([thrown.code, thrown.message], ['0A000', 'stripe has no upsert'])
    assert.equal(
      thrown.hint,
      'UPDATE the row; then INSERT … SELECT … WHERE NOT EXISTS (SELECT FROM … WHERE …).',
    )
    for (const name of ['first', 'second']) {
      await client.query(`update stripe.customers set name = $1 where email = 'recipe@x.org'`, [
        name,
      ])
      await client.query(
        `insert into stripe.customers (email, name) select 'recipe@x.org', $1
        where not exists (select from stripe.customers where email = 'recipe@x.org')`,
        [name],
      )
    }
    const { rows } = await client.query(
      `select name from stripe.customers where email = 'recipe@x.org'`,
    )
    assert.deepEqual(rows, [{ name: 'second' }])
  } finally {
    await client.end()
  }
  const github = new pg.Client({ connectionString: system.urlOf('github') })
  await github.connect()
  const thrown = await failure(github.query(
    `insert into github.issues (repository, title) values ('octo/hello', 'x')
    on conflict (id) do update set title = excluded.title`,
  ))
  await github.end()
  assert.deepEqual([thrown.code, thrown.message], ['0A000', 'github has no upsert'])
})

const textOf = (value: Json | undefined): string => typeof value === 'string' ? value : ''

/**
 * Requests of a statement that a limit refuses, at most: each is sent again. What left apart arrives together where this
 * machine stands still for a moment.
 */
const refusedMax = 2

/** Not one that a limit refused. */
function isWrite({ method, url, status }: Exchange): boolean {
  return method !== 'GET' && status !== 429 && !/oauth|access_token|batch\/read/.test(url)
}

function sorted(map: ReadonlyMap<string, string>): [string, string][] {
  return [...map].toSorted(([one], [other]) => one < other ? -1 : 1)
}

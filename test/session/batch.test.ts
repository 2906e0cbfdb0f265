// Goal: several statements in one Query mean what they mean to Postgres: results in order, one implicit transaction that
// BEGIN and COMMIT divide, nothing after an error, and a mutation among them is a mutation. Method: golden comparison of
// raw frames: straight to Postgres on a twin of the synced table, and through the listener on the synced table itself;
// what differs because a mutation escapes is tested by itself.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fault } from '../../src/mutation/fault.ts'
import { cancelDatabase } from '../../src/session/login.ts'
import { decodeBackend } from '../../src/wire/backend.ts'
import { encodeQuery, flush, sync } from '../../src/wire/frontend.ts'
import { bind, bytesOf, execute, inPieces, parse, play, query, run, whole } from '../help/golden.ts'
import type { Turn } from '../help/golden.ts'
import { until } from '../help/stage-hooks.ts'
import { acceptAll, createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'

const copyData = (text: string): Uint8Array => {
  const data = bytesOf(text)
  const frame = new Uint8Array(data.length + 5)
  frame[0] = 0x64
  new DataView(frame.buffer).setInt32(1, data.length + 4)
  frame.set(data, 5)
  return frame
}
const copyDone = Uint8Array.of(0x63, 0, 0, 0, 4)
const copyFail = Uint8Array.of(0x66, 0, 0, 0, 7, 0x6e, 0x6f, 0)

/** TABLE stands for the synced table or its twin. `sent`: how many mutations reach the service. */
const scripts: Record<string, { sent: number; turns: (table: string) => readonly Turn[] }> = {
  'reads and mutations in order, with one ReadyForQuery': {
    sent: 5,
    turns: (table) => [
      query(
        `select 1 as one; insert into ${table} (last_name) values ('a') returning last_name; values (2), (3)`,
      ),
      query(`;; insert into ${table} (last_name) values ('b');;`),
      query(
        `insert into ${table} (last_name) values ('c'); update ${table} set email = 'e' where last_name = 'c' returning email; delete from ${table} where last_name = 'a'`,
      ),
      query(`-- nothing\n select 'x' as "é", null; delete from ${table} where email = 'nobody'`),
      query(`select 4`),
    ],
  },
  'other writes of the string are committed with it': {
    sent: 1,
    turns: (table) => [
      query(
        `insert into public.plain values (1, 'one'); insert into ${table} (last_name) values ('d'); insert into public.plain values (2, 'two') returning id`,
      ),
      query('select * from public.plain order by id'),
      query(`show server_version_num; delete from public.plain; delete from ${table} where false`),
    ],
  },
  'a string that begins in a failed block': {
    sent: 6,
    turns: (table) => {
      const insert = (name: string) =>
        `insert into ${table} (last_name) values ('${name}') returning last_name`
      return [
        query('begin; select 1/0'),
        query(`select 1; ${insert('never')}`),
        query(`${insert('never')}; rollback`),
        query(`selec; rollback; ${insert('never')}`),
        query(`rollback; ${insert('f1')}`),
        query('begin; select 1/0'),
        query(`commit; select 1; ${insert('f2')}; values (2)`),
        query('begin; savepoint a; select 1/0'),
        query(`rollback to a; ${insert('f3')}; commit`),
        query('begin; select 1/0'),
        query(`rollback and chain; ${insert('f4')}; commit; select 3`),
        query('begin; select 1/0'),
        query(`abort; rollback; begin; select 1 as one; ${insert('f5')}; commit`),
        query('begin; select 1/0'),
        query(
          `rollback; insert into public.plain values (1, 'gone'); select * from nosuch; ${table}`,
        ),
        query(
          `rollback; insert into public.plain values (1, 'gone'); select 1/0; ${insert('never')}`,
        ),
        query('begin; select 1/0'),
        query(`rollback; insert into public.plain values (1, 'kept'); ${insert('f6')}`),
        query('select * from public.plain'),
        query(`select count(*) from ${table}`),
        query('delete from public.plain'),
      ]
    },
  },
  'an error ends the rest and rolls the others back': {
    sent: 1,
    turns: (table) => [
      query(
        `insert into public.plain values (1, 'one'); select 1/0; insert into ${table} (last_name) values ('never')`,
      ),
      query(
        `insert into public.plain values (2, 'two'); insert into ${table} (score) values ('é'::text::numeric); select 1`,
      ),
      query(
        `select 'é'; insert into public.plain values (3, 'é'); select nosuch from public.plain; delete from ${table}`,
      ),
      query(`insert into public.plain values (3, 'é'); delete from ${table} where nosuch`),
      query(
        `insert into public.plain values (4, 'four'); insert into ${table} (last_name) values ('stays'); insert into public.plain values (4, 'again')`,
      ),
      query('select * from public.plain'),
      query('select 1'),
    ],
  },
  'a text that Postgres cannot read runs not at all': {
    sent: 0,
    turns: (table) => [
      query(`insert into ${table} (last_name) values ('e'); selec 1`),
      query(
        `insert into ${table} (last_name) values ('e'); insert into public.plain values (1, 'x') x y`,
      ),
      query('begin'),
      query(`insert into ${table} (last_name) values ('é'); selec 1`),
      query('select 1'),
      query('rollback'),
      query('select * from public.plain'),
    ],
  },
  'BEGIN and COMMIT in the text keep their meaning': {
    sent: 4,
    turns: (table) => [
      query(
        `insert into public.plain values (1, 'x'); begin; insert into ${table} (last_name) values ('f'); commit; select 1/0`,
      ),
      query('select * from public.plain'),
      query(`begin; insert into ${table} (last_name) values ('g') returning last_name`),
      query('insert into public.plain values (2, null)'),
      query(
        `insert into ${table} (last_name) values ('h'); insert into public.plain values (3, '')`,
      ),
      query(`rollback; select 1; delete from ${table} where last_name = 'f'`),
      query('select * from public.plain; delete from public.plain'),
      query(`commit; delete from ${table} where false; rollback`),
      query(`savepoint s; delete from ${table} where false`),
      query(`set local work_mem = '5MB'; show work_mem; delete from ${table} where false`),
      query('show work_mem'),
      query(`lock table public.plain; delete from ${table} where false`),
      query(`select 1; commit and chain; delete from ${table} where false`),
      query(`begin; commit and chain; delete from ${table} where false`),
      query('rollback'),
      query(`commit and no chain; select 2; abort; delete from ${table} where false; end`),
      query(
        `begin; savepoint s; insert into public.plain values (4); rollback to s; release s; delete from ${table} where false; commit`,
      ),
      query(`select 1; rollback to s; delete from ${table} where false`),
      query(
        `start transaction isolation level serializable; begin; show transaction_isolation; delete from ${table} where false; commit`,
      ),
      query('select * from public.plain'),
    ],
  },
  'what cannot run in a transaction says so': {
    sent: 0,
    turns: (table) => [
      query(`vacuum public.plain; delete from ${table} where false`),
      query(`delete from ${table} where false; vacuum public.plain`),
      query(`commit; vacuum public.plain; delete from ${table} where false`),
      query(`begin; commit; vacuum public.plain; delete from ${table} where false`),
      query(
        `set transaction isolation level serializable; show transaction_isolation; delete from ${table} where false`,
      ),
    ],
  },
  'notices, cursors, utility statements with rows': {
    sent: 1,
    turns: (table) => [
      query(
        `do $$ begin raise notice 'one'; end $$; insert into ${table} (last_name) values ('i'); do $$ begin raise warning 'two'; end $$`,
      ),
      query(
        `declare c cursor for values (1), (2), (3); fetch 2 from c; delete from ${table} where false; fetch all from c; close c`,
      ),
      query(`explain (costs off) select 1; delete from ${table} where false; select`),
      query(`drop table if exists nosuch; delete from ${table} where false`),
    ],
  },
  'PREPARE and EXECUTE among them': {
    sent: 3,
    turns: (table) => [
      query(
        `prepare p (text) as insert into ${table} (last_name) values ($1) returning last_name; execute p('j'); execute p('k')`,
      ),
      query(`select 1; execute p('l'); deallocate p`),
      query(`select 1; execute p('m')`),
      query('prepare p as select 5; execute p; deallocate all'),
    ],
  },
  'COPY of other tables, in and out, among them': {
    sent: 2,
    turns: (table) => [
      {
        send: [
          encodeQuery(
            `insert into ${table} (last_name) values ('n'); copy public.plain from stdin; select 1`,
          ),
        ],
        until: 'G',
      },
      { send: [copyData('1\tx\n'), copyData('2\ty\n'), copyDone], until: 1 },
      query(`copy public.plain to stdout; delete from ${table} where false; select 2`),
      {
        send: [encodeQuery(`copy public.plain from stdin; delete from ${table} where false`)],
        until: 'G',
      },
      { send: [copyData('3\tx\n'), copyFail], until: 1 },
      {
        send: [encodeQuery(`copy public.plain from stdin; delete from ${table} where false`)],
        until: 'G',
      },
      { send: [copyData('x\tx\n'), copyData('4\tx\n'), copyDone], until: 1 },
      query('select * from public.plain'),
      {
        send: [
          encodeQuery(
            `copy public.plain from stdin; select 1; copy public.plain from stdin; delete from ${table} where last_name = 'n'`,
          ),
        ],
        until: 'G',
      },
      { send: [copyData('5\tx\n'), copyDone], until: 'G' },
      { send: [copyDone], until: 1 },
      query(`delete from public.plain; copy nosuch from stdin; delete from ${table}`),
      query('delete from public.plain'),
    ],
  },
  'the unnamed statement is gone afterwards, a named one is not': {
    sent: 1,
    turns: (table) => [
      { send: [parse('select 7', 's'), parse('select 8'), sync], until: 1 },
      query(`select 1; insert into ${table} (last_name) values ('o')`),
      { send: [bind([], { s: 's' }), execute(), sync], until: 1 },
      { send: [bind(), execute(), sync], until: 1 },
      { send: [parse('select 8'), sync], until: 1 },
      query(`delete from ${table} where false; delete from ${table} where false`),
      { send: [bind(), execute(), sync], until: 1 },
    ],
  },
  'a failed transaction is one for all of them': {
    sent: 0,
    turns: (table) => [
      query('begin'),
      query('select 1/0'),
      query(`select 1; delete from ${table}`),
      query('rollback'),
      query('select 1'),
    ],
  },
}

describe('several statements in a Query', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
    const { role } = stage
    await stage.sql.unsafe(
      `create table public.twin_contact (like salesforce.contacts including all);
      alter table public.twin_contact alter column id set default 'x' || substr(md5(random()::text), 1, 16);
      grant all on public.twin_contact to ${role}; alter table public.plain owner to ${role}`,
    )
  })
  after(() => stage.close())
  beforeEach(async () => {
    stage.sent.length = 0
    stage.carry = acceptAll()
    await stage.empty()
    await stage.sql.unsafe('delete from public.twin_contact; delete from public.plain')
  })

  for (const [name, { sent, turns }] of Object.entries(scripts)) {
    for (const sender of [whole, inPieces]) {
      test(`${name}: as Postgres, sent ${sender.name}`, async () => {
        const straight = await rawClient(stage.direct())
        const expected = await play(straight, turns('public.twin_contact'), sender)
        straight.destroy()
        await stage.sql.unsafe('delete from public.plain')
        const through = await rawClient(stage.through())
        const actual = await play(through, turns('salesforce.contacts'), sender)
        through.destroy()
        const comparable = (frames: readonly string[]) => frames.map(unplaced)
        for (const [index, frames] of expected.entries()) {
          assert.deepEqual(comparable(actual[index] ?? []), comparable(frames), `turn ${index + 1}`)
        }
        assert.equal(stage.sent.length, sent)
      })
    }
  }

  async function withRaw(work: (client: RawClient) => Promise<void>): Promise<void> {
    const client = await rawClient(stage.through())
    try {
      await work(client)
    } finally {
      client.destroy()
    }
  }
  const answer = async (client: RawClient, ...messages: Uint8Array[]): Promise<string[]> => {
    client.send(...messages)
    return codes(await client.until('Z'))
  }
  const plain = async () =>
    (await stage.sql`select id from public.plain order by id`).map((row) => Number(row['id']))
  const insert = (name: string) => `insert into salesforce.contacts (last_name) values ('${name}')`

  test('a refusal rolls the others back, and nothing after it is sent', async () => {
    const data = fault('validation_error', { platform: 'salesforce' }).data
    stage.carry = (mutation, options) =>
      mutation.rows[0]?.values['last_name'] === 'no'
        ? Promise.resolve({ state: 'refused', fault: data })
        : acceptAll()(mutation, options)
    await withRaw(async (client) => {
      const text = `insert into public.plain values (1); ${insert('a')}; ${insert('no')}; ${
        insert('b')
      }`
      assert.deepEqual(await answer(client, encodeQuery(text)), ['C', 'C', '23514', 'I'])
      assert.deepEqual(await plain(), [])
      assert.equal(stage.sent.length, 2)
      const [row] = await stage.sql`select count(*)::int as count from salesforce.contacts`
      assert.equal(row?.['count'], 1)
      assert.deepEqual(await answer(client, encodeQuery('select 1')), ['T', 'D', 'C', 'I'])
    })
  })

  test('mutations alone need no second connection and see temporary tables', async () => {
    await withRaw(async (client) => {
      await answer(client, encodeQuery(`create temp table names as select 'Idaho' as name`))
      const text = `insert into salesforce.contacts (last_name) select name from names; ${
        insert('x')
      }; update salesforce.contacts set email = 'e' from names where last_name = names.name`
      assert.deepEqual(await answer(client, encodeQuery(text)), ['C', 'C', 'C', 'I'])
      assert.equal(stage.sent.length, 3)
    })
  })

  test('a form that is refused stops all of them before the first', async () => {
    await withRaw(async (client) => {
      const text = `insert into public.plain values (1); ${
        insert('a')
      }; truncate salesforce.contacts`
      assert.deepEqual(await answer(client, encodeQuery(text)), ['0A000', 'I'])
      assert.deepEqual(await plain(), [])
      assert.equal(stage.sent.length, 0)
    })
  })

  test('an earlier statement decides what an unqualified name means', async () => {
    await withRaw(async (client) => {
      const text = `set search_path = salesforce; insert into contacts (last_name) values ('a')`
      assert.deepEqual(await answer(client, encodeQuery(text)), ['C', 'C', 'I'])
      const local = `set search_path = public; create table contacts (last_name text);
        insert into contacts values ('mine'); select last_name from contacts; drop table contacts`
      assert.deepEqual(await answer(client, encodeQuery(local)), [
        'C',
        'C',
        'C',
        'T',
        'D',
        'C',
        'C',
        'I',
      ])
      assert.equal(stage.sent.length, 1)
    })
  })

  test('the commit of the others may fail: the mutation before it was told as done', async () => {
    await stage.sql.unsafe(
      `create table if not exists public.once (n int unique deferrable initially deferred);
      grant all on public.once to public`,
    )
    for (
      const [text, expected] of [
        [`insert into public.once values (1), (1); ${insert('a')}`, ['C', 'C', '23505', 'I']],
        [`${insert('a')}; insert into public.once values (1), (1)`, ['C', '23505', 'I']],
      ] as const
    ) {
      await withRaw(async (client) => {
        assert.deepEqual(await answer(client, encodeQuery(text)), expected)
        assert.deepEqual(await answer(client, encodeQuery('values (1)')), ['T', 'D', 'C', 'I'])
      })
    }
    assert.equal(stage.sent.length, 2)
  })

  test('it goes on in an unfinished pipeline and commits it', async () => {
    await withRaw(async (client) => {
      client.send(...run('insert into public.plain values (1)'), flush)
      await client.until('C')
      const text = `select 1; ${insert('a')}`
      assert.deepEqual(await answer(client, encodeQuery(text)), ['T', 'D', 'C', 'C', 'I'])
      assert.deepEqual(await plain(), [1])
      assert.deepEqual(await answer(client, sync), ['I'])
    })
  })

  test('a lock of the string’s own transaction is reported, not waited for', async () => {
    await withRaw(async (client) => {
      await answer(client, encodeQuery(insert('locked')))
      const text =
        `select from salesforce.contacts for update; update salesforce.contacts set email = 'x'`
      assert.deepEqual(await answer(client, encodeQuery(text)), ['T', 'D', 'C', '55P03', 'I'])
      assert.equal(stage.sent.length, 1)
    })
  })

  test('a client that goes while a COPY among them takes data, and a message out of place, leave nothing', async () => {
    const text = `insert into public.plain values (1); copy public.plain from stdin; ${insert('a')}`
    for (const last of [null, encodeQuery('select 1')]) {
      await withRaw(async (client) => {
        client.send(encodeQuery(text))
        await client.until('G')
        client.send(copyData('2\tx\n'))
        if (last === null) return
        client.send(last)
        const told = codes(await client.until(''))
        assert.ok(told.includes('08P01'), told.join())
      })
      await until(() => stage.listener.sessions === 0)
      const backends = () =>
        stage.sql`select from pg_stat_activity where usename = ${stage.role} and state <> 'idle'`
      await until(async () => (await backends()).length === 0)
      assert.deepEqual(await plain(), [])
    }
    assert.equal(stage.sent.length, 0)
  })

  test('a connection that the database ends in the middle is told, and nothing is left', async () => {
    await withRaw(async (client) => {
      const text = `insert into public.plain values (1); select pg_sleep(60); ${insert('a')}`
      client.send(encodeQuery(text))
      const sleeping = () =>
        stage.sql`select pg_terminate_backend(pid) from pg_stat_activity
          where usename = ${stage.role} and wait_event = 'PgSleep'`
      await until(async () => (await sleeping()).length > 0)
      const told = codes(await client.until(''))
      assert.deepEqual(told, ['C', 'T', '57P01'])
    })
    await until(() => stage.listener.sessions === 0)
    assert.deepEqual(await plain(), [])
    assert.equal(stage.sent.length, 0)
  })

  test('a cancel ends the one that runs, and the rest', async () => {
    await withRaw(async (client) => {
      const text = `insert into public.plain values (1); select pg_sleep(60); ${insert('a')}`
      client.send(encodeQuery(text))
      const sleeping = () =>
        stage
          .sql`select from pg_stat_activity where usename = ${stage.role} and wait_event = 'PgSleep'`
      await until(async () => (await sleeping()).length > 0)
      const { host, port } = stage.through()
      assert.ok(client.key !== null)
      const address = { ...stage.config.database, host: String(host), port: Number(port) }
      await cancelDatabase(address, client.key, { waitMs: 60_000 })
      assert.deepEqual(codes(await client.until('Z')), ['C', 'T', '57014', 'I'])
      assert.deepEqual(await plain(), [])
    })
    assert.equal(stage.sent.length, 0)
  })

  test('a text in another encoding is cut where its bytes are', async () => {
    await withRaw(async (client) => {
      await answer(client, encodeQuery('set client_encoding = latin1'))
      const text = Uint8Array.from(
        `select 'é'; ${insert('Müller')}; select 'ü'`,
        (letter) => letter.charCodeAt(0),
      )
      assert.deepEqual(await answer(client, encodeQuery(text)), [
        'T',
        'D',
        'C',
        'C',
        'T',
        'D',
        'C',
        'I',
      ])
      assert.equal(stage.sent[0]?.rows[0]?.values['last_name'], 'Müller')
      await answer(client, encodeQuery('set client_encoding = sjis'))
      const kana = Uint8Array.from([
        ...bytesOf(`select '`),
        0x83,
        0x41,
        ...bytesOf(`'; ${insert('x')}`),
      ])
      assert.deepEqual(await answer(client, encodeQuery(kana)), ['T', 'D', 'C', 'C', 'I'])
      assert.equal(stage.sent.length, 2)
    })
  })
})

/** Errors name the table, and where in the source they were raised. */
function unplaced(frame: string): string {
  const named = frame.replaceAll('salesforce', 'public').replaceAll('contacts', 'twin_contact')
  return /^[EN]/.test(named)
    ? named.replace(/^([EN]) \d+/, '$1').replace(/\x00(?:[FLR][^\x00]*\x00)+/, '\x00')
    : named
}

/** Types of the frames but ParameterStatus; of an error its code, of ReadyForQuery its status. */
function codes(frames: readonly Uint8Array[]): string[] {
  return frames.filter(([tag]) => tag !== 0x53).map((bytes) => {
    const message = decodeBackend({ tag: bytes[0] ?? 0, bytes })
    if (message.type === 'ErrorResponse') return message.fields.get('C') ?? ''
    if (message.type === 'ReadyForQuery') return message.status
    return String.fromCharCode(bytes[0] ?? 0)
  })
}

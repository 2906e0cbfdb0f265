// Goal: prepared statements, portals and pipelines with mutations in them are what they are without Sluice. Method: golden
// comparison of raw frames with a twin of the synced table; then the cases where only a synced table has an answer.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fault } from '../../src/mutation/fault.ts'
import { decodeBackend } from '../../src/wire/backend.ts'
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeParse,
  encodeQuery,
  flush,
  sync,
} from '../../src/wire/frontend.ts'
import {
  bind,
  bytesOf,
  execute,
  inPieces,
  parse,
  play,
  query,
  run,
  type Turn,
  whole,
} from '../help/golden.ts'
import { acceptAll, createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'

const insert = (table: string) => `insert into ${table} (last_name) values ($1) returning last_name`

/** TABLE stands for the synced table or its twin. `sent`: how many mutations reach the service. */
const scripts: Record<string, { sent: number; turns: (table: string) => readonly Turn[] }> = {
  'DEALLOCATE and DISCARD take statements of the protocol too': {
    sent: 2,
    turns: (table) => [
      { send: [parse(insert(table), 's'), bind(['a'], { s: 's' }), execute(), sync], until: 1 },
      query('deallocate s'),
      { send: [bind(['b'], { s: 's' }), execute(), sync], until: 1 },
      { send: [parse(insert(table), 's'), sync], until: 1 },
      query('deallocate prepare s'),
      query('prepare s (text) as select $1'),
      {
        send: [encodeDescribe('statement', 's'), bind(['c'], { s: 's' }), execute(), sync],
        until: 1,
      },
      query('begin'),
      { send: [bind(['d'], { s: 's' }), execute(), sync], until: 1 },
      query('commit'),
      query('discard all'),
      { send: [bind(['e'], { s: 's' }), execute(), sync], until: 1 },
      { send: [parse(insert(table), 's'), bind(['f'], { s: 's' }), execute(), sync], until: 1 },
      { send: [...run('deallocate all'), bind(['g'], { s: 's' }), execute(), sync], until: 1 },
      query('select 1'),
    ],
  },
  'EXECUTE in SQL of what the protocol has prepared': {
    sent: 7,
    turns: (table) => [
      {
        send: [parse(`${insert(table)};`, 'by protocol'), parse('select $1::int', 'other'), sync],
        until: 1,
      },
      query(`execute "by protocol" ('e1')`),
      query('execute other (1)'),
      { send: [...run(`execute "by protocol" ('e2')`), sync], until: 1 },
      query('begin'),
      query(`execute "by protocol" ('e3')`),
      { send: [...run(`execute "by protocol" ('e4')`), sync], until: 1 },
      query('commit'),
      query(`select 1; execute "by protocol" ('e5'); select 2`),
      query(`execute "by protocol"`),
      query(`execute nosuch ('x')`),
      query('deallocate "by protocol"'),
      query(`execute "by protocol" ('x')`),
      {
        send: [
          parse(`delete from ${table} where last_name = $1 and $2::int is null`, 'gone'),
          ...run(`execute gone ('e5', null)`),
          sync,
        ],
        until: 1,
      },
      query(`begin; execute gone ('e4', null); commit`),
      query(`select last_name from ${table} order by 1`),
    ],
  },
  'PREPARE, EXECUTE, DEALLOCATE in SQL, by both protocols': {
    sent: 3,
    turns: (table) => [
      query(`prepare p (text) as ${insert(table)}`),
      query(`execute p ('a')`),
      { send: [...run(`execute p ('b')`), sync], until: 1 },
      query(`execute p ('too', 'many')`),
      query('begin'),
      query(`execute p ('c')`),
      query('deallocate p'),
      query(`execute p ('d')`),
      query('rollback'),
      query(`prepare p as select 2; execute p`),
      query('discard plans'),
      query('execute p'),
    ],
  },
  'named portals, several at a time, and Describe before Bind': {
    sent: 3,
    turns: (table) => {
      const sql = insert(table)
      return [
        { send: [parse(sql, 's'), encodeDescribe('statement', 's'), flush], until: 'T' },
        {
          send: [
            bind(['a'], { s: 's', p: 'one' }),
            bind(['b'], { s: 's', p: 'two' }),
            encodeDescribe('portal', 'two'),
            execute('two'),
            encodeDescribe('portal', 'one'),
            execute('one'),
            encodeClose('portal', 'one'),
            execute('one'),
            sync,
          ],
          until: 1,
        },
        query('begin'),
        { send: [bind(['c'], { s: 's', p: 'kept' }), sync], until: 1 },
        query('select 1'),
        { send: [execute('kept'), sync], until: 1 },
        query('commit'),
        {
          send: [
            bind(['d'], { s: 's', p: 'p' }),
            bind(['e'], { s: 's', p: 'p' }),
            execute('p'),
            sync,
          ],
          until: 1,
        },
        {
          send: [
            bind(['f'], { s: 's', p: 'p' }),
            parse('select 1'),
            bind([], { p: 'p' }),
            execute('p'),
            sync,
          ],
          until: 1,
        },
      ]
    },
  },
  'a batch before one Sync, as JDBC sends it': {
    sent: 300,
    turns: (table) => [
      query('begin'),
      {
        send: [
          parse(insert(table), 'S_1'),
          ...Array.from({ length: 300 }, (_, at) => [
            bind([`n${at}`], { s: 'S_1' }),
            encodeDescribe('portal', ''),
            execute('', at % 2),
          ]).flat(),
          sync,
        ],
        until: 1,
      },
      query('commit'),
    ],
  },
  'a pipeline with its own transaction, as libpq’s pipeline mode sends it': {
    sent: 2,
    turns: (table) => [
      {
        send: [
          ...run('begin'),
          ...run('insert into public.plain values (1)'),
          ...run(insert(table), ['a']),
          ...run('select count(*) from public.plain'),
          ...run('commit'),
          sync,
        ],
        until: 1,
      },
      {
        send: [
          ...run('begin'),
          ...run(insert(table), ['b']),
          ...run('select 1/0'),
          ...run(insert(table), ['never']),
          ...run('commit'),
          sync,
          ...run('rollback'),
          sync,
        ],
        until: 2,
      },
      query('delete from public.plain'),
    ],
  },
  'binary RETURNING and parameters': {
    sent: 2,
    turns: (table) => {
      const sql =
        `insert into ${table} (last_name, score, seen, tags) values ($1, $2, $3, $4) returning score, seen, tags, last_name`
      const values = ['a', '12.50', '2026-01-02T03:04:05Z', '{x,"y z"}'].map(bytesOf)
      const all = encodeBind({ portal: '', statement: '', parameters: values, resultFormats: [1] })
      const each = encodeBind({
        portal: '',
        statement: '',
        parameters: values,
        resultFormats: [1, 0, 0, 1],
      })
      return [
        { send: [parse(sql), all, encodeDescribe('portal', ''), execute(), sync], until: 1 },
        { send: [each, execute(), sync], until: 1 },
      ]
    },
  },
}

describe('prepared statements, portals, pipelines', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
    await stage.sql.unsafe(
      `create table public.twin_contact (like salesforce.contacts including all);
      alter table public.twin_contact alter column id set default 'x' || substr(md5(random()::text), 1, 16);
      grant all on public.twin_contact to ${stage.role}`,
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
        for (const [index, frames] of expected.entries()) {
          assert.deepEqual(actual[index]?.map(unplaced), frames.map(unplaced), `turn ${index + 1}`)
        }
        assert.equal(stage.sent.length, sent)
      })
    }
  }

  const codes = async (client: RawClient, ...messages: Uint8Array[]): Promise<string[]> => {
    client.send(...messages)
    return (await client.until('Z')).map((bytes) => {
      const message = decodeBackend({ tag: bytes[0] ?? 0, bytes })
      if (message.type === 'ErrorResponse') return message.fields.get('C') ?? ''
      if (message.type === 'ReadyForQuery') return message.status
      return String.fromCharCode(bytes[0] ?? 0)
    })
  }

  test('a refusal in the middle of a pipeline skips to Sync; what was accepted before it stays', async () => {
    const data = fault('validation_error', { platform: 'salesforce' }).data
    const accept = acceptAll()
    stage.carry = (mutation, options) =>
      mutation.rows[0]?.values['last_name'] === 'no'
        ? Promise.resolve({ state: 'refused', fault: data })
        : accept(mutation, options)
    const client = await rawClient(stage.through())
    try {
      const sql = insert('salesforce.contacts')
      const one = (name: string) => [bind([name], { s: 's' }), execute()]
      const messages = [
        parse(sql, 's'),
        ...one('a'),
        ...run('insert into public.plain values (1)'),
        ...one('no'),
        ...one('never'),
        ...run('select 1'),
        sync,
      ]
      const told = ['1', '2', 'D', 'C', '1', '2', 'C', '2', '23514', 'I']
      assert.deepEqual(await codes(client, ...messages), told)
      assert.deepEqual(await codes(client, ...one('b'), sync), ['2', 'D', 'C', 'I'])
    } finally {
      client.destroy()
    }
    assert.equal(stage.sent.length, 3)
    const names = await stage.sql`select last_name from salesforce.contacts order by 1`
    assert.deepEqual(names.map((row) => row['last_name']), ['a', 'b'])
    assert.equal((await stage.sql`select from public.plain`).length, 0)
  })

  test('a statement that was prepared before DDL is prepared anew by Postgres', async () => {
    const client = await rawClient(stage.through())
    try {
      const sql = 'insert into salesforce.contacts (last_name) values ($1) returning last_name'
      const all = 'insert into salesforce.contacts (last_name) values ($1) returning *'
      const one = (s: string) => [bind(['x'], { s }), execute(), sync]
      await codes(
        client,
        encodeParse({ name: 's', sql }),
        encodeParse({ name: 'all', sql: all }),
        sync,
      )
      assert.deepEqual(await codes(client, ...one('s')), ['2', 'D', 'C', 'I'])
      assert.deepEqual(await codes(client, ...one('all')), ['2', 'D', 'C', 'I'])
      await stage.sql.unsafe('alter table salesforce.contacts add column extra text')
      assert.deepEqual(await codes(client, ...one('s')), ['2', 'D', 'C', 'I'])
      // as for any table: cached plan must not change result type
      assert.deepEqual(await codes(client, ...one('all')), ['0A000', 'I'])
      await stage.sql.unsafe('alter table salesforce.contacts drop column extra')
      assert.deepEqual(await codes(client, ...one('s')), ['2', 'D', 'C', 'I'])
      assert.deepEqual(await codes(client, encodeQuery('select 1')), ['T', 'D', 'C', 'I'])
    } finally {
      client.destroy()
    }
    assert.equal(stage.sent.length, 4)
  })
})

/** Errors name the table, and where in the source they were raised. */
function unplaced(frame: string): string {
  const named = frame.replaceAll('salesforce', 'public').replaceAll('contacts', 'twin_contact')
  return /^[EN]/.test(named)
    ? named.replace(/^([EN]) \d+/, '$1').replace(/\x00(?:[FLR][^\x00]*\x00)+/, '\x00')
    : named
}

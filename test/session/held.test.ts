// Goal: a mutation in the extended protocol is answered message by message as Postgres answers the same messages for an
// ordinary table, and reaches the service once. Method: units of what is held and put to Postgres together; then golden
// comparison: straight to Postgres on a twin of the synced table, and through the listener on the synced table itself.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { after, before, beforeEach, describe, test } from 'node:test'
import {
  createPrelude,
  fetchRows,
  type Held,
  type MutationPortal,
  type PortalResult,
} from '../../src/session/held.ts'
import {
  bindComplete,
  closeComplete,
  encodeCommandComplete,
  encodeDataRow,
  encodeErrorResponse,
  noData,
  parseComplete,
} from '../../src/wire/backend.ts'
import { createFrameReader } from '../../src/wire/frames.ts'
import {
  decodeFrontend,
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeParse,
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
  type Sender,
  type Turn,
  whole,
} from '../help/golden.ts'
import { acceptAll, createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'

const portalOf = (statement: string): MutationPortal => ({
  prepared: { name: bytesOf(statement), sql: bytesOf('delete from t'), parameterTypes: [] },
  bind: bind(['1'], { s: statement, p: 'mine' }),
  result: null,
})

const messagesOf = (bytes: Uint8Array): string[] => {
  const reader = createFrameReader({ sizeMax: 1_000_000 })
  reader.push(bytes)
  const found: string[] = []
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    const message = decodeFrontend(frame)
    const name = message.type === 'Bind'
      ? `${message.portal.text}/${message.statement.text}`
      : 'name' in message
      ? message.name.text
      : ''
    found.push(`${message.type} ${name}`)
  }
  return found
}
const frame = (bytes: Uint8Array) => ({ tag: bytes[0] ?? 0, bytes })

describe('what is held', () => {
  const a = portalOf('a')
  const b = portalOf('b')
  const undone: string[] = []
  const held: readonly Held[] = [
    { type: 'parse', frame: parse('delete from t', 'a'), undo: () => undone.push('a') },
    { type: 'bind', portal: a },
    { type: 'describe-portal', portal: a, current: true },
    { type: 'bind', portal: b },
    { type: 'describe-portal', portal: a, current: true },
    { type: 'parse', frame: parse('delete from t', 'b'), undo: () => undone.push('b') },
    { type: 'parse', frame: parse('delete from t', 'c'), undo: () => undone.push('c') },
    { type: 'close-portal' },
  ]

  test('one portal of ours stands for all of the client’s, and none is left', () => {
    assert.deepEqual(messagesOf(createPrelude(held).bytes), [
      'Parse a',
      'Bind sluice_run/a',
      'Describe sluice_run',
      'Close sluice_run',
      'Bind sluice_run/b',
      'Close sluice_run',
      'Bind sluice_run/a',
      'Describe sluice_run',
      'Parse b',
      'Parse c',
      'Close sluice_run',
    ])
  })

  test('the client sees the replies to its own messages only', () => {
    const prelude = createPrelude(held)
    const replies = [
      [parseComplete, true],
      [bindComplete, true],
      [noData, true],
      [closeComplete, false],
      [bindComplete, true],
      [closeComplete, false],
      [bindComplete, false],
      [noData, true],
      [parseComplete, true],
      [parseComplete, true],
      [closeComplete, true],
    ] as const
    for (const [reply, seen] of replies) {
      assert.equal(prelude.done, false)
      assert.equal(prelude.take(frame(reply)), seen)
    }
    assert.equal(prelude.done, true)
    assert.equal(prelude.failed, false)
    prelude.undo()
    assert.deepEqual(undone, [])
  })

  test('after an error only what Postgres has not done is undone, the last first', () => {
    const prelude = createPrelude(held)
    prelude.take(frame(parseComplete))
    assert.equal(prelude.take(frame(encodeErrorResponse([['C', '22P02']]))), true)
    assert.equal(prelude.done, true)
    assert.equal(prelude.failed, true)
    prelude.undo()
    assert.deepEqual(undone, ['c', 'b'])
  })

  test('a fetch gives at most its rows, suspends at exactly as many, and counts its own', () => {
    const row = encodeDataRow([bytesOf('x')])
    const full: PortalResult = {
      rows: [row, row, row],
      rowCount: 3,
      complete: encodeCommandComplete('INSERT 0 3'),
    }
    const letters = (frames: readonly Uint8Array[]) =>
      frames.map((bytes) => String.fromCharCode(bytes[0] ?? 0)).join('')
    const first = fetchRows(full, 2)
    assert.equal(letters(first.frames), 'DDs')
    const second = fetchRows(first.left, 2)
    assert.equal(letters(second.frames), 'DC')
    assert.deepEqual(second.frames[1], encodeCommandComplete('INSERT 0 1'))
    assert.deepEqual(fetchRows(second.left, 0).frames, [encodeCommandComplete('INSERT 0 0')])
    assert.equal(letters(fetchRows(full, 3).frames), 'DDDs')
    const none = { rows: [], rowCount: 0, complete: encodeCommandComplete('UPDATE 5') }
    assert.deepEqual(fetchRows(none, 2).frames, [none.complete])
  })
})

const insert = 'insert into TABLE (last_name, email) values ($1, $2) returning last_name, email'
const int4 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const select = (word: string) => run('select $1::text', [word])

/** TABLE stands for the synced table or its twin. `sent`: how many mutations reach the service. */
const scripts: Record<string, { sent: number; turns: (table: string) => readonly Turn[] }> = {
  'Parse, Bind, Describe, Execute, Close in every order': {
    sent: 6,
    turns: (table) => {
      const sql = insert.replace('TABLE', table)
      return [
        { send: [...run(sql, ['a', 'b']), sync], until: 1 },
        {
          send: [
            parse(sql),
            encodeDescribe('statement', ''),
            bind(['c', null]),
            encodeDescribe('portal', ''),
            execute(),
            encodeDescribe('portal', ''),
            encodeClose('portal', ''),
            sync,
          ],
          until: 1,
        },
        { send: [bind(['still', 'there']), execute(), sync], until: 1 },
        { send: [parse(sql, 's'), encodeDescribe('statement', 's'), sync], until: 1 },
        { send: [encodeDescribe('statement', 's'), sync], until: 1 },
        { send: [bind(['d', 'e'], { s: 's' }), encodeDescribe('portal', ''), sync], until: 1 },
        { send: [execute(), sync], until: 1 },
        {
          send: [
            bind(['f', 'g'], { s: 's', p: 'x' }),
            bind(['h', 'i'], { s: 's', p: 'y' }),
            encodeDescribe('portal', 'x'),
            execute('y'),
            execute('x'),
            sync,
          ],
          until: 1,
        },
        {
          send: [bind(['never', 'run'], { s: 's' }), encodeClose('portal', ''), execute(), sync],
          until: 1,
        },
        {
          send: [encodeClose('statement', 's'), bind(['j', 'k'], { s: 's' }), execute(), sync],
          until: 1,
        },
        { send: [encodeDescribe('statement', 's'), sync], until: 1 },
        query(`insert into ${table} (last_name) values ('simple') returning last_name, score`),
        query('select 1'),
        { send: [bind(['gone', 'with the Query']), execute(), sync], until: 1 },
      ]
    },
  },
  'drivers that flush: Parse and Describe, then Bind and Execute': {
    sent: 2,
    turns: (table) => {
      const sql = insert.replace('TABLE', table)
      return [
        { send: [parse(sql), encodeDescribe('statement', ''), flush], until: 'T' },
        { send: [bind(['a', 'b']), execute(), flush], until: 'C' },
        { send: [bind(['c', 'd']), execute(), encodeClose('portal', ''), flush], until: '3' },
        { send: [flush, sync], until: 1 },
      ]
    },
  },
  'errors of Postgres, each until Sync': {
    sent: 2,
    turns: (table) => [
      query(`insert into ${table} (last_name) values ('a') returning last_name`),
      {
        send: [parse(`insert into ${table} (nosuch) values (1)`), bind(), execute(), sync],
        until: 1,
      },
      {
        send: [parse(`insert into ${table} (last_name values (1)`), bind(), execute(), sync],
        until: 1,
      },
      {
        send: [
          parse(`insert into ${table} (score) values ($1)`),
          bind(['x']),
          execute(),
          ...select('no'),
          sync,
        ],
        until: 1,
      },
      { send: [bind(['1', '2']), execute(), sync, ...select('yes'), sync], until: 2 },
      { send: [bind(['7']), execute(), sync], until: 1 },
      {
        send: [
          parse(`insert into ${table} (score) values (1 / $1::int)`),
          bind(['0']),
          execute(),
          sync,
        ],
        until: 1,
      },
      { send: [bind(['1'], { s: 'nosuch' }), execute(), sync], until: 1 },
      { send: [parse(`delete from ${table}`), execute('nosuch'), sync], until: 1 },
      {
        send: [parse(`delete from ${table}`, 's'), sync, parse(`delete from ${table}`, 's'), sync],
        until: 2,
      },
      { send: [parse('select 1', 's'), sync, parse('selec', 's'), sync], until: 2 },
      { send: [bind([], { s: 's' }), execute(), sync], until: 1 },
      query('select 2'),
    ],
  },
  'a pipeline of reads and mutations, and an error in the middle': {
    sent: 4,
    turns: (table) => {
      const sql = insert.replace('TABLE', table)
      return [
        { send: [...select('1'), ...run(sql, ['a', 'b']), ...select('2'), sync], until: 1 },
        {
          send: [...run(sql, ['c', 'd']), ...run(sql, ['e', 'f']), ...select('3'), sync],
          until: 1,
        },
        {
          send: [
            ...select('4'),
            ...run(`insert into ${table} (score) values ($1::text::numeric)`, ['x']),
            ...select('5'),
            ...run(sql, ['never', 'sent']),
            encodeClose('statement', ''),
            flush,
            sync,
            ...select('6'),
            sync,
          ],
          until: 2,
        },
        { send: [...run('select 1/0'), ...run(sql, ['never', 'sent']), sync], until: 1 },
        { send: [parse(sql, 'kept'), bind(['x'], { s: 'kept' }), execute(), sync], until: 1 },
        { send: [bind(['g', 'h'], { s: 'kept' }), execute(), sync], until: 1 },
        { send: [...run('select 1/0'), encodeClose('statement', 'kept'), sync], until: 1 },
        {
          send: [encodeDescribe('statement', 'kept'), encodeClose('statement', 'kept'), sync],
          until: 1,
        },
      ]
    },
  },
  'row limits on RETURNING': {
    sent: 4,
    turns: (table) => {
      const sql =
        `insert into ${table} (last_name) select 'n' || i from generate_series(1, 5) i returning last_name`
      return [
        query('begin'),
        { send: [parse(sql), bind([], { p: 'p' }), execute('p', 2), sync], until: 1 },
        {
          send: [...select('between'), execute('p', 2), ...select('two'), execute('p', 2), sync],
          until: 1,
        },
        { send: [execute('p', 2), sync], until: 1 },
        { send: [encodeDescribe('portal', 'p'), execute('p', 0), sync], until: 1 },
        query('commit'),
        { send: [execute('p', 2), sync], until: 1 },
        { send: [parse(sql), bind(), execute('', 3), execute('', 0), sync], until: 1 },
        { send: [execute('', 1), sync], until: 1 },
        { send: [parse(sql), bind(), execute('', 5), sync], until: 1 },
        {
          send: [
            parse(`update ${table} set email = 'e' where false returning id`),
            bind(),
            execute('', 5),
            sync,
          ],
          until: 1,
        },
        {
          send: [parse(`update ${table} set email = 'e'`), bind(), execute('', 1), sync],
          until: 1,
        },
        query('select 2'),
      ]
    },
  },
  'binary parameters and results': {
    sent: 2,
    turns: (table) => [
      {
        send: [
          encodeParse({
            name: '',
            sql: `insert into ${table} (last_name, score, seen)
              values ($1, $2::int4 + 0.5, 'epoch'::timestamptz + make_interval(secs => $2::int4))
              returning last_name, score, seen, $2::int4 as given, null::int4 as nothing`,
            parameterTypes: [25, 23],
          }),
          encodeBind({
            portal: '',
            statement: '',
            parameterFormats: [0, 1],
            parameters: [bytesOf('bin'), int4(41)],
            resultFormats: [1],
          }),
          encodeDescribe('portal', ''),
          execute(),
          sync,
        ],
        until: 1,
      },
      {
        send: [
          parse(`update ${table} set score = score * $1::int4 returning score, score`),
          encodeBind({
            portal: '',
            statement: '',
            parameterFormats: [1],
            parameters: [int4(2)],
            resultFormats: [0, 1],
          }),
          execute(),
          sync,
        ],
        until: 1,
      },
    ],
  },
  'in a transaction block, and in a failed one': {
    sent: 2,
    turns: (table) => {
      const sql = insert.replace('TABLE', table)
      return [
        query('begin'),
        { send: [...run(sql, ['a', 'b']), sync], until: 1 },
        { send: [parse(sql, 's'), bind(['c', 'd'], { s: 's', p: 'p' }), sync], until: 1 },
        query('select 1/0'),
        { send: [...run(sql, ['never', 'sent']), sync], until: 1 },
        { send: [parse(sql, 's'), sync], until: 1 },
        { send: [bind(['c', 'd'], { s: 's' }), execute(), sync], until: 1 },
        query(`delete from ${table}`),
        query('rollback'),
        { send: [bind(['e', 'f'], { s: 's' }), execute(), sync], until: 1 },
        { send: [encodeClose('statement', 's'), sync], until: 1 },
        { send: [...run('begin'), ...run('select 1/0'), sync], until: 1 },
        { send: [...run('rollback'), sync], until: 1 },
      ]
    },
  },
  'a name that stands for a mutation, then for something else': {
    sent: 6,
    turns: (table) => [
      query(`insert into ${table} (last_name) values ('a') returning last_name`),
      { send: [parse(`delete from ${table}`), bind(), execute(), sync], until: 1 },
      query(`insert into ${table} (last_name) values ('b') returning last_name`),
      {
        send: [
          parse(`update ${table} set email = 'first' returning email`),
          bind([], { p: 'first' }),
          parse(`update ${table} set email = 'second' returning email, last_name`),
          encodeDescribe('portal', 'first'),
          execute('first'),
          bind(),
          encodeDescribe('portal', 'first'),
          execute(),
          sync,
        ],
        until: 1,
      },
      query(`delete from ${table}`),
      { send: [parse('select 1'), bind(), execute(), sync], until: 1 },
      { send: [bind(), execute(), sync], until: 1 },
      { send: [parse(`update ${table} set email = 'x'`, 's'), sync], until: 1 },
      {
        send: [
          encodeClose('statement', 's'),
          parse('select 2', 's'),
          bind([], { s: 's' }),
          execute(),
          sync,
        ],
        until: 1,
      },
      query('deallocate s'),
      {
        send: [
          parse(`update ${table} set email = 'x'`, 's'),
          bind([], { s: 's' }),
          execute(),
          sync,
        ],
        until: 1,
      },
      query('deallocate all'),
      { send: [bind([], { s: 's' }), execute(), sync], until: 1 },
      { send: [parse('select 3', 's'), bind([], { s: 's' }), execute(), sync], until: 1 },
      query('discard all'),
      { send: [bind([], { s: 's' }), execute(), sync, ...run('select 4'), sync], until: 2 },
    ],
  },
  'a CTE that mutates, and what stands beside it': {
    sent: 2,
    turns: (table) => [
      {
        send: [
          ...run(
            `with made as (insert into ${table} (last_name) values ($1) returning last_name)
            select last_name, i from made, generate_series(1, 3) i`,
            ['cte'],
          ),
          sync,
        ],
        until: 1,
      },
      query(`with gone as (delete from ${table} returning last_name)
        insert into public.local_notes select 'n', last_name from gone returning body`),
    ],
  },
}

describe('mutations in the extended protocol', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
    await stage.sql.unsafe(`
      create sequence public.twin_ids;
      create table public.twin (like salesforce.contacts);
      alter table public.twin add primary key (id);
      alter table public.twin alter column id set default '003' || lpad(nextval('public.twin_ids')::text, 15, '0');
      grant all on public.twin to ${stage.role}; grant all on public.twin_ids to ${stage.role}`)
  })
  after(() => stage.close())
  beforeEach(async () => {
    stage.sent.length = 0
    stage.carry = acceptAll()
    await stage.empty()
    await stage.sql.unsafe('delete from public.twin')
  })

  const ways: readonly { how: string; send: Sender }[] = [
    { how: 'whole', send: whole },
    { how: 'in pieces', send: inPieces },
  ]
  for (const [name, { sent, turns }] of Object.entries(scripts)) {
    for (const { how, send } of ways) {
      test(`${name}: sent ${how}`, async () => {
        const direct = await rawClient(stage.direct())
        const through = await rawClient(stage.through())
        try {
          const expected = await play(direct, turns('public.twin'))
          await stage.sql.unsafe('delete from public.local_notes')
          const actual = await play(through, turns('salesforce.contacts'), send)
          const same = (frames: readonly string[] | undefined) =>
            frames?.map((text) =>
              text.replace(/P\d+\0/, '').replace(/"(twin|contacts)"/, '"TABLE"')
            )
              // positions and lengths: the names are not equally long; and ours stands for the unnamed portal
              .map((text) => text.replace('portal "sluice_run"', 'unnamed portal'))
              .map((text) => text.startsWith('E ') ? text.replace(/^E \d+/, 'E') : text)
          for (const [index, frames] of expected.entries()) {
            assert.deepEqual(same(actual[index]), same(frames), `turn ${index + 1}`)
          }
          assert.equal(stage.sent.length, sent)
        } finally {
          direct.destroy()
          through.destroy()
        }
      })
    }
  }

  const rows = async (client: RawClient): Promise<string> => {
    const frames = await client.until('Z')
    return frames.map((bytes) => String.fromCharCode(bytes[0] ?? 0)).join('')
  }

  test('1,000 Executes of one named statement are 1,000 mutations in order', async () => {
    const client = await rawClient(stage.through())
    const sql = 'insert into salesforce.contacts (last_name) values ($1)'
    client.send(parse(sql, 's'), sync)
    assert.equal(await rows(client), '1Z')
    for (let index = 0; index < 1_000; index += 10) {
      client.send(
        ...Array.from({ length: 10 }, (_, more) => [
          bind([`n${index + more}`], { s: 's' }),
          execute(),
          sync,
        ]).flat(),
      )
      for (let more = 0; more < 10; more++) assert.equal(await rows(client), '2CZ')
    }
    client.destroy()
    const names = stage.sent.map((mutation) => mutation.rows[0]?.values['last_name'])
    assert.deepEqual(names, Array.from({ length: 1_000 }, (_, index) => `n${index}`))
    const [row] = await stage.sql`select count(*)::int as count from salesforce.contacts`
    assert.equal(row?.['count'], 1_000)
  })

  test('a portal bound in a block that is over is not run', async () => {
    const client = await rawClient(stage.through())
    client.send(...query('begin').send)
    await client.until('Z')
    client.send(parse('delete from salesforce.contacts', 's'), bind([], { s: 's', p: 'p' }), sync)
    assert.equal(await rows(client), '12Z')
    client.send(...query('rollback').send)
    await client.until('Z')
    client.send(execute('p'), sync)
    assert.equal(await rows(client), 'EZ')
    client.destroy()
    assert.equal(stage.sent.length, 0)
  })

  test('a refused form is told at Parse, and the pipeline goes on at Sync', async () => {
    const client = await rawClient(stage.through())
    client.send(
      ...select('1'),
      ...run('truncate salesforce.contacts'),
      ...select('2'),
      sync,
      ...select('3'),
      sync,
    )
    assert.equal(await rows(client), '12DCEZ')
    assert.equal(await rows(client), '12DCZ')
    client.destroy()
  })

  test('a refusal of the platform in the middle of a pipeline aborts it until Sync', async () => {
    const client = await rawClient(stage.through())
    const accept = stage.carry
    stage.carry = (mutation, options) =>
      mutation.rows[0]?.values['last_name'] === 'bad'
        ? Promise.resolve({
          state: 'refused',
          fault: { code: 'validation_error', sqlstate: '23514', message: 'no' },
        })
        : accept(mutation, options)
    const sql = 'insert into salesforce.contacts (last_name) values ($1)'
    const note = run('insert into public.local_notes (body) values ($1)', ['rolled back'])
    client.send(...note, ...run(sql, ['good']), ...run(sql, ['bad']), ...run(sql, ['never']), sync)
    assert.equal(await rows(client), '12C12C12EZ')
    client.send(...run(sql, ['bad']), ...run(sql, ['never']), sync, ...run(sql, ['next']), sync)
    assert.equal(await rows(client), '12EZ')
    assert.equal(await rows(client), '12CZ')
    client.destroy()
    const kept = await stage.sql`select last_name from salesforce.contacts order by id`
    assert.deepEqual(kept.map((row) => row['last_name']), ['good', 'next'])
    assert.equal((await stage.sql`select from public.local_notes`).length, 0)
  })
})

// Goal: what is no mutation is answered through the listener exactly as Postgres answers it. Method: golden comparison:
// the same frames are sent straight to Postgres and through the listener (whole, in small pieces, and with the slow path
// on), and the frames that come back must be the same; only pids and OIDs are masked.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import process from 'node:process'
import { once } from 'node:events'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  encodeBind,
  encodeClose,
  encodeCopyFail,
  encodeDescribe,
  encodeQuery,
  flush,
  sync,
  terminate,
} from '../../src/wire/frontend.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import {
  bind,
  bytesOf,
  execute,
  inPieces,
  parse,
  play,
  query,
  render,
  run,
  type Turn,
  whole,
} from '../help/golden.ts'
import { createStage, rawClient, type Stage } from '../help/stage.ts'

const copyData = (data: string) => encodeMessage('d', (writer) => writer.bytes(bytesOf(data)))
const copyDone = encodeMessage('c', () => {})
const mark = (name: string) => run('select $1::text', [name])

const int4 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const functionCall = (oid: number, args: readonly (Uint8Array | null)[]) =>
  encodeMessage('F', (writer) => {
    writer.int32(oid).int16(1).int16(1).int16(args.length)
    for (const arg of args) writer.value(arg)
    writer.int16(1)
  })

const scripts: Record<string, readonly Turn[]> = {
  'simple queries, empty ones, several in one, errors': [
    query('select 1 as one, null, $$two$$ as two'),
    query(''),
    query('-- nothing'),
    query(';;'),
    query('select 1; select 2 as b; values (1), (2)'),
    query('select 1; select 1/0; select 3'),
    query('selec'),
    query('select * from nosuch'),
    query(`insert into plain values (1, 'a'), (2, 'b') returning id`),
    query(`update plain set body = 'c'`),
    query('delete from plain'),
    query('create temp table t (a int); drop table t'),
    {
      send: [encodeQuery('select 1'), encodeQuery('select 1/0'), encodeQuery('select 3')],
      until: 3,
    },
  ],
  'transactions and their status': [
    query('begin'),
    query('select 1'),
    query('savepoint a'),
    query('select 1/0'),
    query('select 2'),
    query('rollback to a'),
    query('rollback'),
    query('rollback'),
    query('begin; select 1; commit'),
    query('begin; select 1/0; commit'),
    query('commit'),
    { send: [...run('begin'), ...run('select 1/0'), sync], until: 1 },
    { send: [...run('select 1'), sync, ...run('rollback'), sync], until: 2 },
    { send: [...run('commit'), sync], until: 1 },
  ],
  'the extended protocol, every message': [
    { send: [parse('select $1::int + 1 as n, $2::text', 's'), sync], until: 1 },
    { send: [encodeDescribe('statement', 's'), sync], until: 1 },
    { send: [encodeDescribe('statement', 's'), flush], until: 'T' },
    { send: [sync], until: 1 },
    {
      send: [
        bind(['41', 'x'], { s: 's' }),
        encodeDescribe('portal', ''),
        execute(),
        encodeClose('portal', ''),
        sync,
      ],
      until: 1,
    },
    {
      send: [
        encodeBind({
          portal: '',
          statement: 's',
          parameterFormats: [1, 0],
          parameters: [int4(7), null],
          resultFormats: [1, 0],
        }),
        encodeDescribe('portal', ''),
        execute(),
        sync,
      ],
      until: 1,
    },
    { send: [parse('select 1', 's'), sync], until: 1 },
    { send: [encodeClose('statement', 's'), encodeClose('statement', 'never'), sync], until: 1 },
    { send: [bind([], { s: 's' }), execute(), sync], until: 1 },
    { send: [parse(''), bind(), encodeDescribe('portal', ''), execute(), sync], until: 1 },
    {
      send: [parse('create temp table u (a int)'), encodeDescribe('statement', ''), sync],
      until: 1,
    },
    { send: [parse('select 1; select 2'), sync], until: 1 },
    { send: [parse('select $1::int'), bind(['x']), execute(), sync], until: 1 },
    { send: [parse('select $1::int'), bind([]), execute(), sync], until: 1 },
    { send: [execute('nosuch'), ...run('select 2'), sync, ...run('select 3'), sync], until: 2 },
    { send: [sync, sync, sync], until: 3 },
    { send: [flush, sync], until: 1 },
  ],
  'messages that Postgres cannot read': [
    { send: [encodeMessage('P', (writer) => writer.bytes(bytesOf('no end'))), sync], until: 1 },
    { send: [encodeMessage('B', (writer) => writer.bytes(bytesOf('\0\0'))), sync], until: 1 },
    { send: [encodeMessage('D', (writer) => writer.bytes(bytesOf('Qx\0'))), sync], until: 1 },
    { send: [encodeMessage('C', (writer) => writer.bytes(bytesOf('Zx\0'))), sync], until: 1 },
    { send: [encodeMessage('E', (writer) => writer.bytes(bytesOf('x'))), sync], until: 1 },
    {
      send: [
        encodeMessage('Q', (writer) => writer.cstring('delete from contacts').cstring('more')),
      ],
      until: 1,
    },
    {
      send: [
        encodeMessage('P', (writer) => writer.bytes(bytesOf('x\0delete from contacts'))),
        sync,
      ],
      until: 1,
    },
    query('select 1'),
  ],
  'long pipelines, with errors in the middle': [
    {
      send: [
        ...Array.from({ length: 300 }, (_, index) => run('select $1::int', [`${index}`])).flat(),
        sync,
      ],
      until: 1,
    },
    {
      send: Array.from({ length: 200 }, (_, index) => [
        ...run('select 10 / $1::int', [`${index % 7}`]),
        ...run('select 2'),
        sync,
      ]).flat(),
      until: 200,
    },
    { send: [parse('selec'), ...run('select 1'), encodeQuery('select 2'), sync], until: 1 },
    { send: [...run('select 1'), encodeQuery('select 2'), ...run('select 3'), sync], until: 2 },
    { send: [...run('select 1'), encodeQuery('select 1/0'), ...run('select 3'), sync], until: 2 },
    query('select 4'),
  ],
  'COPY FROM STDIN': [
    { send: [encodeQuery('copy plain from stdin')], until: 'G' },
    { send: [copyData('1\ta\n2\t'), copyData('b\n'), copyDone], until: 1 },
    { send: [encodeQuery('copy plain from stdin')], until: 'G' },
    { send: [copyData('3\tc\n'), encodeCopyFail('no more')], until: 1 },
    { send: [encodeQuery('copy plain from stdin')], until: 'G' },
    { send: [copyData('1\tduplicate\n'), copyData('x\n'), copyDone], until: 1 },
    { send: [encodeQuery('copy plain from stdin'), copyData('4\td\n'), copyDone], until: 1 },
    { send: [encodeQuery('copy nosuch from stdin'), copyData('4\td\n'), copyDone], until: 1 },
    {
      send: [
        encodeQuery('copy plain from stdin; copy plain from stdin; select count(*) from plain'),
        copyData('5\te\n'),
        copyDone,
        copyData('6\tf\n'),
        sync, // dropped
        copyDone,
      ],
      until: 1,
    },
    query('select * from plain order by id'),
    query('delete from plain'),
  ],
  'COPY FROM STDIN in the extended protocol, with the early Sync of libpq': [
    { send: [...run('copy plain from stdin'), sync], until: 'G' },
    { send: [copyData('1\ta\n'), copyDone, sync], until: 1 },
    { send: [...run('copy plain from stdin'), flush], until: 'G' },
    { send: [copyData('2\tb\n'), copyDone, sync], until: 1 },
    { send: [...run('copy plain from stdin'), sync, copyData('3\tc\n'), copyDone, sync], until: 1 },
    {
      send: [
        ...run('copy plain from stdin'),
        copyData('4\td\n'),
        copyDone,
        ...run('select 1'),
        sync,
      ],
      until: 1,
    },
    { send: [...run('copy plain from stdin'), sync], until: 'G' },
    { send: [copyData('x\n')], until: 'E' },
    { send: [copyDone, sync], until: 1 },
    { send: [...run('copy plain from stdin'), sync], until: 'G' },
    { send: [encodeCopyFail('enough'), sync], until: 1 },
    { send: [...run('copy nosuch from stdin'), sync], until: 1 },
    query('select * from plain order by id'),
    query('delete from plain'),
  ],
  'COPY TO STDOUT': [
    query(`insert into plain select i, repeat('x', i) from generate_series(1, 500) i`),
    query('copy (select * from plain order by id) to stdout'),
    query('copy (select 1/0) to stdout'),
    query('copy (select 10 / (3 - i) from generate_series(1, 5) i) to stdout'),
    {
      send: [
        ...run('copy (select * from plain order by id) to stdout (format binary)'),
        ...run('select 1'),
        sync,
      ],
      until: 1,
    },
    query('delete from plain'),
  ],
  'portals with row limits': [
    query('begin'),
    {
      send: [
        parse('select * from generate_series(1, 7) i', 'g'),
        bind([], { s: 'g', p: 'a' }),
        bind([], { s: 'g', p: 'b' }),
        execute('a', 3),
        execute('b', 7),
        execute('a', 3),
        flush,
      ],
      until: 's',
    },
    { send: [execute('a', 3), execute('a', 3), execute('b', 1), execute('b', 1), sync], until: 1 },
    { send: [encodeClose('portal', 'a'), execute('a', 1), sync], until: 1 },
    query('rollback'),
    { send: [encodeClose('statement', 'g'), sync], until: 1 },
    query(`begin; declare c cursor for values (1), (2), (3)`),
    { send: [execute('c', 2), sync], until: 1 },
    query('fetch 2 from c; move backward all in c; fetch all from c; close c; commit'),
    {
      send: [
        parse('insert into plain values (1), (2), (3) returning id'),
        bind(),
        execute('', 2),
        execute('', 2),
        execute('', 2),
        sync,
      ],
      until: 1,
    },
    {
      send: [parse(`insert into plain values (4)`), bind(), execute('', 2), execute('', 2), sync],
      until: 1,
    },
    query('delete from plain'),
  ],
  'LISTEN and NOTIFY': [
    query('listen golden'),
    query(`notify golden, 'hello'`),
    query(`begin; notify golden, 'later'; select 1`),
    query('commit'),
    { send: [...run(`select pg_notify('golden', 'extended')`), sync], until: 1 },
    query('unlisten *'),
  ],
  'notices, warnings and settings': [
    query(
      `do $$ begin raise notice 'one'; raise warning 'two' using detail = 'd', hint = 'h'; end $$`,
    ),
    query('rollback'),
    query(`set application_name = 'golden'; set client_min_messages = debug1; select 1`),
    query(`set client_encoding = latin1; select chr(233) as "é"`),
    query(`select chr(8364)`),
    query('set client_encoding = utf8; reset all'),
    query('begin; set local datestyle = german; select current_date is null; rollback'),
    query('discard all'),
  ],
  'FunctionCall': [
    { send: [functionCall(177, [int4(40), int4(2)])], until: 1 },
    { send: [functionCall(177, [int4(2_147_483_647), int4(2)])], until: 1 },
    { send: [functionCall(1, [])], until: 1 },
    { send: [parse('selec'), functionCall(177, [int4(40), int4(2)]), sync], until: 1 },
    query('select 1'),
  ],
  'PREPARE, EXECUTE and DEALLOCATE in SQL': [
    query('prepare p (int) as insert into plain values ($1) returning id'),
    query('execute p (1); execute p (2)'),
    query('execute p (1)'),
    query('explain (costs off) execute p (1)'),
    { send: [...run('execute p (3)'), sync], until: 1 },
    query('prepare p as select 1'),
    query('deallocate p; execute p (4)'),
    query('delete from plain'),
  ],
  'texts that mention a synced table and do not write to it': [
    query(`insert into local_notes (body) values ('contacts')`),
    query(`select count(*) from salesforce.contacts -- update`),
    query(
      `update local_notes set body = 'delete from salesforce.contacts'; select body from local_notes`,
    ),
    {
      send: [
        ...mark('a'),
        ...run(`insert into local_notes (body) values ('contacts ' || $1)`, ['x']),
        ...mark('b'),
        ...run(`delete from local_notes where body like 'contacts%' returning body`),
        ...mark('c'),
        sync,
      ],
      until: 1,
    },
    {
      send: [...mark('a'), ...run(`delete from nosuch where 'contacts' = ''`), ...mark('b'), sync],
      until: 1,
    },
    {
      send: [
        ...mark('a'),
        encodeQuery(`delete from nosuch where 'contacts' = ''`),
        ...mark('b'),
        sync,
      ],
      until: 2,
    },
    query('begin'),
    query(`delete from nosuch where 'contacts' = ''`),
    query(`delete from local_notes where 'contacts' = ''`),
    query('rollback'),
    query(`prepare u as update salesforce.contacts set email = 'x'`),
    query('deallocate u'),
    query('delete from local_notes'),
  ],
  'a Query and a parameter of several megabytes': [
    query(`select length('${'x'.repeat(3_000_000)}')`),
    query(`insert into plain values (1, '${'delete from contacts '.repeat(150_000)}')`),
    {
      send: [...run('select length($1::text), $1::text', ['y'.repeat(5_000_000)]), sync],
      until: 1,
    },
    query('delete from plain'),
  ],
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is held on to, without garbage, in megabytes. */
function memoryMb(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return Math.round((heapUsed + external) / 1_048_576)
}

describe('pass-through', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
  })
  after(() => stage.close())
  beforeEach(() => stage.sql`delete from public.plain`)

  const connect = async (config: ReturnType<Stage['direct']>, prepared: boolean) => {
    const client = await rawClient(config)
    if (prepared) {
      client.send(parse('delete from salesforce.contacts', 'a mutation'), sync)
      await client.until('Z')
    }
    return client
  }

  for (const [name, turns] of Object.entries(scripts)) {
    for (
      const { how, send, prepared } of [
        { how: 'whole', send: whole, prepared: false },
        { how: 'in pieces', send: inPieces, prepared: false },
        { how: 'whole, on the slow path', send: whole, prepared: true },
        { how: 'in pieces, on the slow path', send: inPieces, prepared: true },
      ]
    ) {
      test(`${name}: sent ${how}`, async () => {
        const direct = await connect(stage.direct(), prepared)
        const through = await connect(stage.through(), prepared)
        try {
          const expected = await play(direct, turns, whole)
          const actual = await play(through, turns, send)
          for (const [index, frames] of expected.entries()) {
            assert.deepEqual(actual[index], frames, `turn ${index + 1}`)
          }
          assert.equal(stage.sent.length, 0)
        } finally {
          direct.destroy()
          through.destroy()
        }
      })
    }
  }

  for (
    const [name, messages] of Object.entries({
      'a Query': [encodeQuery('select 1')],
      'a mutation': [encodeQuery('delete from salesforce.contacts')],
      'a Parse of a mutation': [parse('delete from salesforce.contacts')],
      'a message that is none': [encodeMessage('y', () => {})],
    })
  ) {
    test(`${name} while COPY waits for data ends the connection as Postgres ends it`, async () => {
      const ends: (string[] | undefined)[] = []
      for (const config of [stage.direct(), stage.through()]) {
        const client = await rawClient(config)
        client.send(encodeQuery('copy plain from stdin'))
        await client.until('G')
        client.send(...messages)
        const frames = await client.until('Z')
        assert.equal(await client.next(), null)
        ends.push(frames.map(render))
      }
      assert.deepEqual(ends[1], ends[0])
      assert.match(ends[0]?.[0] ?? '', /^E/)
    })
  }

  test('Terminate closes the connection on both sides, and a vanished client leaves nothing behind', async () => {
    for (const vanish of [false, true]) {
      const client = await rawClient(stage.through())
      const pid = client.key?.pid ?? 0
      if (vanish) client.destroy()
      else {
        client.send(terminate)
        assert.equal(await client.next(), null)
      }
      const backend = async () =>
        (await stage.sql`select from pg_stat_activity where pid = ${pid}`).length
      while (await backend() > 0 || stage.listener.sessions > 0);
    }
  })

  test('a client that goes while Postgres sends a long answer ends that answer', async () => {
    const client = await rawClient(stage.through())
    const pid = client.key?.pid ?? 0
    client.send(encodeQuery(`select repeat('x', 1000), generate_series(1, 100000000)`))
    await client.next()
    client.destroy()
    while ((await stage.sql`select from pg_stat_activity where pid = ${pid}`).length > 0);
  })

  test('a slow reader of 200,000 rows and of a row of 300 MB does not fill our memory', async () => {
    for (
      const [sql, size] of [
        [`select generate_series(1, 200000), repeat('r', 500)`, 200_000 * 500],
        [`select repeat('r', 300000000)`, 300_000_000],
        // of a text that is too long to be read the errors are looked at, and nothing else
        [`select repeat('r', 300000000) -- ${'x'.repeat(600_000)}`, 300_000_000],
      ] as const
    ) {
      const client = await rawClient(stage.through())
      client.socket.removeAllListeners('data')
      client.socket.pause()
      const before = memoryMb()
      client.send(encodeQuery(sql))
      let most = 0
      let received = 0
      let looked = 0
      // nobody reads: Postgres must come to a stand
      const stands = async () => {
        const sql = stage.sql`select wait_event from pg_stat_activity where pid = ${
          client.key?.pid ?? 0
        }`
        return (await sql)[0]?.['wait_event'] === 'ClientWrite'
      }
      while (!await stands());
      const look = () => {
        looked = received
        most = Math.max(most, memoryMb() - before)
      }
      look()
      await new Promise<void>((resolve, reject) => {
        // the last message may come in two pieces
        let end = Buffer.alloc(0)
        client.socket.on('data', (chunk: Uint8Array) => {
          received += chunk.length
          end = Buffer.concat([end, chunk.subarray(-6)]).subarray(-6)
          if (received - looked > 20_000_000) look()
          if (received > size && end[0] === 0x5a && end[5] === 0x49) resolve()
        })
        client.socket.on('close', () => reject(new Error(`closed after ${received} bytes`)))
        client.socket.resume()
      })
      client.destroy()
      assert.ok(most < 64, `memory grew by ${most} MB`)
    }
  })

  const size = 100_000_000
  const beside = `insert into salesforce.contacts (last_name) values ('beside')`
  const merge =
    `merge into salesforce.contacts c using (select 1) s on true when matched then delete`
  for (
    const { where, prepared, first, answer, sent } of [
      { where: 'alone', prepared: false, first: [], answer: /^12DCZ$/, sent: 0 },
      {
        where: 'where a mutation is prepared',
        prepared: true,
        first: [],
        answer: /^12DCZ$/,
        sent: 0,
      },
      {
        where: 'after a mutation',
        prepared: false,
        first: run(beside),
        answer: /^12C12DCZ$/,
        sent: 1,
      },
      { where: 'after an error', prepared: false, first: [parse(merge)], answer: /^EZ$/, sent: 0 },
    ]
  ) {
    test(`a parameter of 100 MB ${where} passes with its memory bounded`, async () => {
      stage.sent.length = 0
      const client = await connect(stage.through(), prepared)
      const [before, piece] = [memoryMb(), Buffer.alloc(65_536, 'x')]
      let [most, looked] = [0, 0]
      // a Bind of one parameter in text: its header, so many bytes, and no list of formats after it
      const header = Buffer.alloc(5 + 2 + 2 + 2 + 4)
      header.write('B')
      header.writeInt32BE(header.length - 1 + size + 2, 1)
      header.writeUInt16BE(1, 9)
      header.writeInt32BE(size, 11)
      client.send(...first, parse('select length($1::text)'), header)
      for (let sent = 0; sent < size; sent += piece.length) {
        const room = client.socket.write(piece.subarray(0, Math.min(piece.length, size - sent)))
        if (!room) await once(client.socket, 'drain', { signal: AbortSignal.timeout(60_000) })
        if (sent - looked < 20_000_000) continue
        looked = sent
        most = Math.max(most, memoryMb() - before)
      }
      client.send(Buffer.alloc(2), execute(), sync)
      const frames = (await client.until('Z')).map(render)
      assert.match(frames.map((frame) => frame[0]).join(''), answer)
      client.destroy()
      assert.equal(stage.sent.length, sent)
      assert.ok(most < 64, `memory grew by ${most} MB`)
      await stage.empty()
    })
  }

  test('a fast sender of COPY data waits for a database that does not read', async () => {
    await stage.sql`insert into public.plain values (1, 'locked')`
    const client = await rawClient(stage.through())
    client.send(encodeQuery('copy plain from stdin'))
    await client.until('G')
    await stage.sql.begin(async (sql) => {
      await sql`insert into public.plain values (2, 'in the way')`
      const before = memoryMb()
      const piece = copyData('2\tx\n' + `${'9'.repeat(6)}\t${'z'.repeat(65_000)}\n`)
      // the first row waits for the other transaction; nothing more is read
      let accepted = 0
      for (; client.socket.writableLength < 8_388_608 && accepted < 2_000; accepted++) {
        client.send(piece)
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      assert.ok(accepted < 2_000, 'the listener took everything')
      const grown = memoryMb() - before
      assert.ok(grown < 64, `memory grew by ${grown} MB`)
    })
    client.destroy()
  })
})

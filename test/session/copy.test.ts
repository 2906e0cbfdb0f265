// Goal: COPY FROM STDIN into a synced table is one mutation, answered message by message as Postgres answers it for an
// ordinary table, in both protocols and within bounds; what fails half-way leaves nothing. Method: golden comparison with a
// twin of the table; then raw frames and psql through a real listener.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fault } from '../../src/mutation/fault.ts'
import { copyBytesMax } from '../../src/session/intake.ts'
import { cancelDatabase } from '../../src/session/login.ts'
import { decodeBackend } from '../../src/wire/backend.ts'
import {
  encodeCopyFail,
  encodeDescribe,
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
import { until } from '../help/stage-hooks.ts'
import { acceptAll, createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'

const copyDone = Uint8Array.of(0x63, 0, 0, 0, 4)

function copyData(data: string | Uint8Array): Uint8Array {
  const bytes = typeof data === 'string' ? bytesOf(data) : data
  const frame = new Uint8Array(bytes.length + 5)
  frame[0] = 0x64
  new DataView(frame.buffer).setInt32(1, bytes.length + 4)
  frame.set(bytes, 5)
  return frame
}

/** One column of text, in COPY's binary format. */
function binary(...values: readonly string[]): Uint8Array {
  const head = [
    0x50,
    0x47,
    0x43,
    0x4f,
    0x50,
    0x59,
    0x0a,
    0xff,
    0x0d,
    0x0a,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  ]
  const rows = values.flatMap((value) => [0, 1, 0, 0, 0, value.length, ...bytesOf(value)])
  return Uint8Array.from([...head, ...rows, 0xff, 0xff])
}

const start = (sql: string): Turn => ({ send: [encodeQuery(sql)], until: 'G' })
const data = (...chunks: readonly (string | Uint8Array)[]): Turn => ({
  send: [...chunks.map(copyData), copyDone],
  until: 1,
})

/** TABLE stands for the synced table or its twin. `sent`: how many mutations reach the service. */
const scripts: Record<string, { sent: number; turns: (table: string) => readonly Turn[] }> = {
  'text, csv and binary, with options, in a Query': {
    sent: 5,
    turns: (table) => [
      start(`copy ${table} (last_name, email, score) from stdin`),
      data('Paul\tp@x.org\t1.50\nLe', 'to\t\\N\t\\N\n'),
      start(
        `copy ${table} (first_name, last_name) from stdin with (format csv, header, delimiter ';', null 'none')`,
      ),
      data('a;b\n"Duncan; I";Idaho\nnone;"Gurney\nHalleck"\n'),
      start(`copy ${table} (last_name) from stdin (format binary)`),
      data(binary('Stilgar', 'Chani')),
      start(`copy ${table} (last_name, tags) from stdin csv`),
      data('Jessica,"{a,""b c""}"\n'),
      start(`copy ${table} (last_name) from stdin where last_name <> 'B'`),
      data('A\nB\nC\n'),
      query('select 1'),
    ],
  },
  'nothing comes, or too little, or what Postgres cannot read': {
    sent: 0,
    turns: (table) => [
      start(`copy ${table} (last_name) from stdin`),
      data(),
      start(`copy ${table} (last_name, score) from stdin`),
      data('A\t1\nB\n'),
      start(`copy ${table} (last_name, score) from stdin`),
      data('A\t1\nB\tx\n'),
      start(`copy ${table} (last_name) from stdin binary`),
      data('no signature'),
      start(`copy ${table} (last_name) from stdin`),
      { send: [copyData('A\nB\n'), encodeCopyFail('changed my mind')], until: 1 },
      query(`copy ${table} (nosuch) from stdin`),
      query(`copy ${table} (last_name) from stdin (format nosuch)`),
      query(`copy ${table} (last_name, last_name) from stdin`),
      query('select 1'),
    ],
  },
  'in the extended protocol': {
    sent: 3,
    turns: (table) => {
      const sql = `copy ${table} (last_name) from stdin`
      return [
        // as libpq: the Sync comes before the data
        { send: [parse(sql), bind(), encodeDescribe('portal', ''), execute(), sync], until: 'G' },
        { send: [copyData('A\n'), copyDone, sync], until: 1 },
        { send: [parse(sql, 's'), encodeDescribe('statement', 's'), sync], until: 1 },
        { send: [bind([], { s: 's', p: 'p' }), execute('p'), flush], until: 'G' },
        { send: [copyData('B\n'), copyDone, ...run('select 1'), sync], until: 1 },
        {
          send: [
            bind([], { s: 's' }),
            execute(),
            copyData('x\ty\n'),
            copyDone,
            ...run('select 2'),
            sync,
          ],
          until: 1,
        },
        { send: [bind([], { s: 's' }), execute(), encodeCopyFail('no'), sync], until: 1 },
        { send: [...run('select 3'), ...run(sql), copyData('C\n'), copyDone, sync], until: 1 },
        query('select 4'),
      ]
    },
  },
  'among other statements and in a block': {
    sent: 3,
    turns: (table) => [
      start(`select 1; copy ${table} (last_name) from stdin; select 2`),
      data('A\n'),
      query('begin'),
      start(`copy ${table} (last_name) from stdin`),
      data('B\n'),
      query(`select last_name from ${table} order by 1`),
      start(`copy ${table} (last_name, score) from stdin`),
      data('C\tx\n'),
      query('select 1'),
      query('rollback'),
      start(`copy ${table} (last_name) from stdin; copy public.plain from stdin; select 3`),
      { send: [copyData('D\n'), copyDone], until: 'G' },
      data('1\tx\n'),
      query('select * from public.plain'),
      query('delete from public.plain'),
      query('begin read only'),
      query(`copy ${table} (last_name) from stdin`),
      query('rollback'),
    ],
  },
}

describe('COPY FROM STDIN into a synced table', () => {
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
    return (await client.until('Z')).map(code)
  }
  const begin = async (client: RawClient): Promise<void> => {
    client.send(encodeQuery('copy salesforce.contacts (last_name) from stdin'))
    await client.until('G')
  }
  const count = async (): Promise<number> => {
    const [row] = await stage.sql`select count(*)::int as count from salesforce.contacts`
    return Number(row?.['count'])
  }

  test('its rows are one mutation, and the table has the platform’s version of them', async () => {
    await withRaw(async (client) => {
      client.send(encodeQuery('copy salesforce.contacts (first_name, last_name) from stdin csv'))
      await client.until('G')
      assert.deepEqual(await answer(client, copyData('Paul,Atreides\nDuncan,Idaho\n'), copyDone), [
        'COPY 2',
        'I',
      ])
    })
    assert.equal(stage.sent.length, 1)
    assert.deepEqual(stage.sent[0]?.rows.map(({ values }) => values), [
      { first_name: 'Paul', last_name: 'Atreides' },
      { first_name: 'Duncan', last_name: 'Idaho' },
    ])
    const rows = await stage.sql`select name from salesforce.contacts order by id`
    assert.deepEqual(rows.map((row) => row['name']), ['Paul Atreides', 'Duncan Idaho'])
  })

  test('as many rows as the platform takes, and not one more', async () => {
    const lines = (rows: number) => Array.from({ length: rows }, (_, at) => `n${at}\n`).join('')
    await withRaw(async (client) => {
      await begin(client)
      assert.deepEqual(await answer(client, copyData(lines(200)), copyDone), ['COPY 200', 'I'])
      await begin(client)
      assert.deepEqual(await answer(client, copyData(lines(201)), copyDone), ['54000', 'I'])
    })
    assert.equal(stage.sent.length, 1)
    assert.equal(await count(), 200)
  })

  test('more data than is kept is refused at once, and the connection goes on', async () => {
    const chunk = copyData('x'.repeat(1_000_000))
    await withRaw(async (client) => {
      await begin(client)
      const chunks = Array.from({ length: Math.ceil(copyBytesMax / 1_000_000) + 1 }, () => chunk)
      assert.deepEqual(await answer(client, ...chunks), ['54000', 'I'])
      // what was under way is ignored, as Postgres does
      assert.deepEqual(await answer(client, chunk, copyDone, encodeQuery('select 1')), [
        'T',
        'D',
        'SELECT 1',
        'I',
      ])
    })
    assert.equal(stage.sent.length, 0)
  })

  test('the limit is of the data alone: it passes to the byte, in messages of any size, and one more is refused', async () => {
    const line = (size: number) => `${'x'.repeat(size - 1)}\n`
    const inPieces = (data: string, size: number) =>
      Array.from(
        { length: Math.ceil(data.length / size) },
        (_, at) => copyData(data.slice(at * size, (at + 1) * size)),
      )
    await withRaw(async (client) => {
      for (const size of [copyBytesMax, 1_000]) {
        await begin(client)
        const all = inPieces(line(copyBytesMax), size)
        assert.deepEqual(await answer(client, ...all, copyDone), ['COPY 1', 'I'])
        await begin(client)
        const more = inPieces(line(copyBytesMax + 1), size)
        assert.deepEqual(await answer(client, ...more, copyDone), ['54000', 'I'])
      }
      await begin(client)
      const bytes = [copyData(''), ...inPieces(line(1_000), 1), copyData('')]
      assert.deepEqual(await answer(client, ...bytes, copyDone), ['COPY 1', 'I'])
    })
    assert.deepEqual(
      stage.sent.map(({ rows }) => rows.map(({ values }) => values['last_name']?.length)),
      [[copyBytesMax - 1], [copyBytesMax - 1], [999]],
    )
  })

  test('a read-only column is refused, and so is what the platform refuses', async () => {
    await withRaw(async (client) => {
      client.send(encodeQuery('copy salesforce.contacts (name) from stdin'))
      await client.until('G')
      assert.deepEqual(await answer(client, copyData('x\n'), copyDone), ['428C9', 'I'])
      const data = fault('validation_error', { platform: 'salesforce' }).data
      stage.carry = () => Promise.resolve({ state: 'refused', fault: data })
      await begin(client)
      assert.deepEqual(await answer(client, copyData('x\n'), copyDone), ['23514', 'I'])
      assert.deepEqual(await answer(client, encodeQuery('select 1')), ['T', 'D', 'SELECT 1', 'I'])
    })
    assert.equal(stage.sent.length, 1)
    assert.equal(await count(), 0)
  })

  test('inside a transaction block it stays after ROLLBACK', async () => {
    await withRaw(async (client) => {
      await answer(client, encodeQuery('begin'))
      await begin(client)
      assert.deepEqual(await answer(client, copyData('x\n'), copyDone), ['COPY 1', 'T'])
      await answer(client, encodeQuery('rollback'))
    })
    assert.equal(await count(), 1)
  })

  test('a cancel while data is taken ends it, and nothing was sent', async () => {
    await withRaw(async (client) => {
      await begin(client)
      client.send(copyData('x\n'))
      await cancel(client)
      assert.deepEqual((await client.until('Z')).map(code), ['57014', 'I'])
      assert.deepEqual(await answer(client, copyData('y\n'), copyDone, encodeQuery('select 1')), [
        'T',
        'D',
        'SELECT 1',
        'I',
      ])
    })
    assert.equal(stage.sent.length, 0)
  })

  /** What a COPY is answered to which nobody sends data, under a statement_timeout in milliseconds. */
  async function withTimeout(timeoutMs: number): Promise<string[]> {
    let told: string[] = []
    await withRaw(async (client) => {
      await answer(client, encodeQuery(`set statement_timeout = ${timeoutMs}`))
      told = await answer(client, encodeQuery('copy salesforce.contacts (last_name) from stdin'))
    })
    return told
  }

  test('statement_timeout holds while data is taken', async () => {
    const told = await withTimeout(100)
    // where the machine is so slow that the time is up before data is asked for, with more of it
    const slowly = told.includes('G') ? told : await withTimeout(10_000)
    assert.deepEqual(slowly, ['G', '57014', 'I'])
    assert.equal(stage.sent.length, 0)
  })

  test('a client that goes while it is asked for data leaves nothing', async () => {
    await withRaw(async (client) => {
      await begin(client)
      client.send(copyData('x\n'))
    })
    await until(() => stage.listener.sessions === 0)
    assert.equal(stage.sent.length, 0)
    assert.equal(await count(), 0)
  })

  test('a message that has no place in a COPY ends the connection, as with Postgres', async () => {
    for (const config of [stage.direct(), stage.through()]) {
      const client = await rawClient(config)
      const table = config.port === stage.listener.port ? 'salesforce.contacts' : 'public.plain'
      client.send(encodeQuery(`copy ${table} from stdin`))
      await client.until('G')
      client.send(encodeQuery('select 1'))
      const frames = await client.until('')
      assert.ok(frames.map(code).includes('08P01'), String(config.port))
    }
    assert.equal(stage.sent.length, 0)
  })

  test('psql copies a file with \\copy', async () => {
    const { host, port, user, password, database } = stage.through()
    const url = `postgres://${String(user)}:${String(password)}@${String(host)}:${String(port)}/${
      String(database)
    }`
    const child = spawn('psql', [
      '-X',
      url,
      '-c',
      '\\copy salesforce.contacts (first_name, last_name) from pstdin csv',
    ])
    child.stdin.end('Paul,Atreides\nLeto,Atreides\n')
    let out = ''
    child.stdout.on('data', (chunk: Uint8Array) => out += new TextDecoder().decode(chunk))
    const code = await new Promise((resolve) => child.on('close', resolve))
    assert.deepEqual([code, out.trim()], [0, 'COPY 2'])
    assert.equal(stage.sent.length, 1)
  })

  async function cancel(client: RawClient): Promise<void> {
    const { host, port } = stage.through()
    const address = { ...stage.config.database, host: String(host), port: Number(port) }
    assert.ok(client.key !== null)
    await cancelDatabase(address, client.key, { waitMs: 60_000 })
  }
})

/** Errors name the table, and where in the source they were raised. */
function unplaced(frame: string): string {
  const named = frame.replaceAll('salesforce', 'public').replaceAll('contacts', 'twin_contact')
  return /^[EN]/.test(named)
    ? named.replace(/^([EN]) \d+/, '$1').replace(/\x00(?:[FLR][^\x00]*\x00)+/, '\x00')
    : named
}

/** Type of the frame; of an error its code, of ReadyForQuery its status, of CommandComplete its tag. */
function code(bytes: Uint8Array): string {
  const message = decodeBackend({ tag: bytes[0] ?? 0, bytes })
  if (message.type === 'ErrorResponse') return message.fields.get('C') ?? ''
  if (message.type === 'ReadyForQuery') return message.status
  if (message.type === 'CommandComplete') return message.tag
  return String.fromCharCode(bytes[0] ?? 0)
}

describe('COPY data in messages that are longer than a session keeps', () => {
  let stage: Stage
  const clients: RawClient[] = []
  before(async () => {
    stage = await createStage({ limits: { bufferedBytesMax: 4_096, messageBytesMax: 65_536 } })
  })
  after(() => stage.close())
  beforeEach(async () => {
    for (const client of clients.splice(0)) client.destroy()
    stage.sent.length = 0
    stage.carry = acceptAll()
    await stage.empty()
    await stage.sql.unsafe('delete from public.plain')
  })
  after(() => clients.splice(0).forEach((client) => client.destroy()))
  const connect = async (): Promise<RawClient> => {
    const client = await rawClient(stage.through())
    clients.push(client)
    return client
  }
  const answer = async (client: RawClient, ...messages: Uint8Array[]): Promise<string[]> => {
    client.send(...messages)
    return (await client.until('Z')).map(code)
  }
  const goesOn = async (client: RawClient): Promise<void> => {
    const answers = await answer(client, encodeQuery('select 1'))
    assert.deepEqual(answers, ['T', 'D', 'SELECT 1', 'I'])
  }
  const copy = 'copy salesforce.contacts (last_name) from stdin'
  const long = copyData(`${'x'.repeat(10_000)}\n`)

  test('for a synced table it is refused at once, and the connection goes on', async () => {
    const client = await connect()
    client.send(encodeQuery(copy))
    await client.until('G')
    assert.deepEqual(await answer(client, copyData('a\n'), long), ['54000', 'I'])
    client.send(copyData('b\n'), copyDone)
    await goesOn(client)
    client.send(parse(copy), bind(), execute(), sync)
    await client.until('G')
    assert.deepEqual(await answer(client, long, copyDone, sync), ['54000', 'I'])
    await goesOn(client)
    client.send(encodeQuery(`select 1; ${copy}; select 2`))
    await client.until('G')
    assert.deepEqual(await answer(client, long, copyDone), ['54000', 'I'])
    await goesOn(client)
    assert.equal(stage.sent.length, 0)
  })

  test('for another table among statements with a mutation it passes', async () => {
    const client = await connect()
    client.send(encodeQuery(`${copy}; copy public.plain from stdin; select 1`))
    await client.until('G')
    client.send(copyData('a\n'), copyDone)
    await client.until('G')
    const line = copyData(`1\t${'y'.repeat(10_000)}\n`)
    await inPieces(client, [line, copyDone])
    assert.deepEqual((await client.until('Z')).map(code), ['COPY 1', 'T', 'D', 'SELECT 1', 'I'])
    await goesOn(client)
    const rows = await stage.sql`select id, length(body) as length from public.plain`
    assert.deepEqual(rows.map((row) => ({ ...row })), [{ id: 1, length: 10_000 }])
    assert.equal(stage.sent.length, 1)
  })

  test('an error of Postgres in the middle of one leaves no half message behind', async () => {
    const client = await connect()
    client.send(encodeQuery(`${copy}; copy public.plain from stdin; select 1`))
    await client.until('G')
    client.send(copyData('a\n'), copyDone)
    await client.until('G')
    client.send(copyData('no number\ty\n'), long.subarray(0, 7_000))
    assert.deepEqual((await client.until('E')).map(code).slice(-1), ['22P02'])
    client.send(long.subarray(7_000), copyDone)
    assert.deepEqual((await client.until('Z')).map(code), ['I'])
    await goesOn(client)
  })

  test('one that may not come at all ends the session, after the answer', async () => {
    for (const table of [copy, `${copy}; copy public.plain from stdin`]) {
      const client = await connect()
      client.send(encodeQuery(table))
      await client.until('G')
      if (table !== copy) {
        client.send(copyData('a\n'), copyDone)
        await client.until('G')
      }
      client.send(copyData('x'.repeat(65_536)))
      const last: string[] = []
      for (let frame = await client.next(); frame !== null; frame = await client.next()) {
        last.push(code(frame))
      }
      assert.equal(last.at(-1), '54000')
    }
  })
})

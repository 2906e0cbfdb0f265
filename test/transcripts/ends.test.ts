// Goal: a connection ends through the listener as it ends with Postgres: whoever ends it, in whatever state, the client sees
// the same last messages. Method: golden comparison of sessions that end.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { after, before, beforeEach, describe, test } from 'node:test'
import { encodeQuery, sync, terminate } from '../../src/wire/frontend.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { bytesOf, inPieces, parse, query, render, run, whole } from '../help/golden.ts'
import { until } from '../help/stage-hooks.ts'
import { acceptAll, createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'
import { lettersOf, withBoth } from './compare.ts'

const copyData = (data: string) => encodeMessage('d', (writer) => writer.bytes(bytesOf(data)))
const insert = `insert into salesforce.contacts (last_name) values ('half') returning last_name`
const header = (letter: string, size: number): Uint8Array => {
  const bytes = Buffer.alloc(5)
  bytes.write(letter)
  bytes.writeUInt32BE(size >>> 0, 1)
  return bytes
}

describe('the end of a connection', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
  })
  after(() => stage.close())
  beforeEach(async () => {
    stage.sent.length = 0
    stage.carry = acceptAll()
    await stage.empty()
    await stage.sql`delete from public.plain`
  })

  /** Everything up to the end of the connection. */
  const rest = async (client: RawClient) => (await client.until('!')).map(render)
  const statesOf = async (pid: number | undefined) =>
    (await stage.sql`select state, wait_event from pg_stat_activity where pid = ${pid ?? 0}`)[0]

  const unfinished: Readonly<Record<string, readonly Uint8Array[]>> = {
    'nothing at all': [],
    'a Query': [encodeQuery('select 1')],
    'a long answer': [encodeQuery(`select repeat('x', 1000), generate_series(1, 20000)`)],
    'several messages': [encodeQuery('select 1'), ...run('select 2'), sync, encodeQuery('selec')],
    'a pipeline without Sync': run('insert into public.plain values (1) returning id'),
    'an open transaction block': [encodeQuery('begin; insert into public.plain values (2)')],
    'a COPY without its end': [encodeQuery('copy public.plain from stdin'), copyData('3\tx\n')],
    'the start of a message': [encodeQuery('select 1'), encodeQuery('select 2').subarray(0, 7)],
    'the start of a header': [encodeQuery('select 1'), Uint8Array.of(0x51, 0)],
    'Terminate': [encodeQuery('select 1'), terminate],
  }
  for (const [what, messages] of Object.entries(unfinished)) {
    for (const send of [whole, inPieces]) {
      for (const slow of [false, true]) {
        const how = `${send === whole ? 'whole' : 'in pieces'}${slow ? ', on the slow path' : ''}`
        test(`a client that half-closes after ${what} gets its answer: ${how}`, async () => {
          await withBoth(stage, async ({ direct, through }) => {
            const ends: string[][] = []
            for (const client of [direct, through]) {
              if (slow) {
                client.send(parse('delete from salesforce.contacts', 'a mutation'), sync)
                await client.until('Z')
              }
              await (client === direct ? whole : send)(client, messages)
              client.socket.end()
              ends.push(await rest(client))
            }
            assert.deepEqual(ends[1], ends[0])
          })
          assert.equal((await stage.sql`select from public.plain`).length, 0)
          await until(() => stage.listener.sessions === 0)
        })
      }
    }
  }

  test('a client that half-closes after a mutation hears of it, in both protocols and in a block', async () => {
    for (const messages of [[encodeQuery(insert)], [...run(insert), sync]]) {
      for (const before of [[], [encodeQuery('begin')]]) {
        const client = await rawClient(stage.through())
        client.send(...before, ...messages, encodeQuery('select 1'))
        client.socket.end()
        const frames = await rest(client)
        const letters = lettersOf(frames)
        assert.match(letters, /^(CZ)?(12)?T?DCZTDCZ$/)
        await until(() => stage.listener.sessions === 0)
      }
    }
    assert.equal(stage.sent.length, 4)
    assert.equal((await stage.sql`select from salesforce.contacts`).length, 4)
  })

  test('a client that half-closes in the data of a COPY that is a mutation leaves nothing', async () => {
    const client = await rawClient(stage.through())
    client.send(encodeQuery('copy salesforce.contacts (last_name) from stdin'), copyData('x\n'))
    client.socket.end()
    assert.equal(lettersOf(await rest(client)), 'G')
    await until(() => stage.listener.sessions === 0)
    assert.equal(stage.sent.length, 0)
    assert.equal((await stage.sql`select from salesforce.contacts`).length, 0)
  })

  const lengths: Readonly<Record<string, readonly Uint8Array[]>> = {
    'shorter than its own field': [header('Q', 3)],
    'negative': [header('Q', -1)],
    'a byte over the limit of 1 GB': [header('Q', 0x3fff_ffff)],
    'over the limit, in COPY data': [
      encodeQuery('copy public.plain from stdin'),
      header('d', 0x7fff_ffff),
    ],
    'over the limit of a Describe': [header('D', 10_001)],
    'over the limit of a Sync': [header('S', 10_001)],
    'of a message that is none': [header('y', 4)],
  }
  for (const [what, messages] of Object.entries(lengths)) {
    for (const prepared of [false, true]) {
      const how = prepared ? ', where a mutation is prepared' : ''
      test(`a length that is ${what} ends the connection as Postgres ends it${how}`, async () => {
        await withBoth(stage, async ({ direct, through }) => {
          const ends: string[][] = []
          for (const client of [direct, through]) {
            const first = parse('delete from salesforce.contacts', '')
            client.send(encodeQuery('select 1'), ...(prepared ? [first] : []), ...messages)
            ends.push(await rest(client))
          }
          // Postgres's own words for it, and no reset that would take them away
          if (!prepared) assert.deepEqual(ends[1], ends[0])
          else assert.deepEqual(ends[1]?.filter(isNoParse), ends[0]?.filter(isNoParse))
        })
        await until(() => stage.listener.sessions === 0)
      })
    }
  }
  const isNoParse = (frame: string) => !frame.startsWith('1')

  const states: Readonly<Record<string, { send: readonly Uint8Array[]; wait: string }>> = {
    'idle': { send: [], wait: 'ClientRead' },
    'in a block': { send: [encodeQuery('begin')], wait: 'ClientRead' },
    'in a failed block': { send: [encodeQuery('begin; select 1/0')], wait: 'ClientRead' },
    'while a query runs': { send: [encodeQuery('select pg_sleep(60)')], wait: 'PgSleep' },
    'in an unfinished pipeline': {
      send: [...run('select 1'), sync, parse('select 2')],
      wait: 'ClientRead',
    },
    'while COPY waits for data': {
      send: [encodeQuery('copy public.plain from stdin')],
      wait: 'ClientRead',
    },
  }
  for (const [state, { send, wait }] of Object.entries(states)) {
    test(`pg_terminate_backend ${state}: Postgres's own 57P01, then the end`, async () => {
      await withBoth(stage, async ({ direct, through }) => {
        const ends: string[][] = []
        for (const client of [direct, through]) {
          client.send(...send)
          if (send.length > 0 && wait === 'ClientRead') {
            await client.until(state.includes('COPY') ? 'G' : 'Z')
          }
          await until(async () => (await statesOf(client.key?.pid))?.['wait_event'] === wait)
          await stage.sql`select pg_terminate_backend(${client.key?.pid ?? 0})`
          ends.push(await rest(client))
        }
        assert.deepEqual(ends[1], ends[0])
        assert.match(ends[0]?.at(-1) ?? '', /^E .*FATAL.*C57P01/)
      })
      await until(() => stage.listener.sessions === 0)
    })
  }

  test('idle_session_timeout and idle_in_transaction_session_timeout end it in Postgres’s words', async () => {
    for (
      const text of [
        'set idle_session_timeout = 50',
        'set idle_in_transaction_session_timeout = 50; begin',
      ]
    ) {
      await withBoth(stage, async ({ direct, through }) => {
        const ends: string[][] = []
        for (const client of [direct, through]) {
          client.send(encodeQuery(text))
          ends.push(await rest(client))
        }
        assert.deepEqual(ends[1], ends[0])
        assert.match(ends[0]?.at(-1) ?? '', /^E .*FATAL.*C(57P05|25P03)/)
      })
    }
  })

  test('a client that goes in the middle of COPY data leaves nothing, as with Postgres', async () => {
    const client = await rawClient(stage.through())
    client.send(encodeQuery('copy public.plain from stdin'), copyData('9\tx\n'))
    await client.until('G')
    const pid = client.key?.pid ?? 0
    client.destroy()
    await until(async () => await statesOf(pid) === undefined)
    assert.equal((await stage.sql`select from public.plain`).length, 0)
  })

  test('what follows on a connection after an end of another is not touched', async () => {
    await withBoth(stage, async ({ through }) => {
      through.send(...query('select 1').send)
      assert.equal(lettersOf((await through.until('Z')).map(render)), 'TDCZ')
    })
  })
})

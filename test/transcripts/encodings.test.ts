// Goal: a client in any encoding is answered as by Postgres, and its mutations are sent and returned without a wrong letter,
// in a string of several statements too. Method: golden comparison in each encoding, in which characters end with bytes that
// mean something in SQL; then mutations.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { after, before, beforeEach, describe, test } from 'node:test'
import { encodeBind, encodeParse, encodeQuery, sync } from '../../src/wire/frontend.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { bytesOf, execute, inPieces, render, type Turn, whole } from '../help/golden.ts'
import { acceptAll, createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'
import { assertSame, withBoth } from './compare.ts'

/** `text`: characters of the encoding; in several the second byte is a backslash, a brace or a letter. */
const samples = [
  ['SJIS', '表ソ能ｱ日'],
  ['BIG5', '功許蓋中¥Д'],
  ['GB18030', '中㐀乗'],
  ['GBK', '乗中國'],
  ['UHC', '한국갂'],
  ['EUC_JP', '日本丂ｱ'],
  ['EUC_KR', '한국€'],
  ['EUC_CN', '中国―・'],
  ['LATIN1', 'Zoë ÿ'],
  ['WIN1251', 'Жуков'],
  ['UTF8', '€𝄞日'],
  ['SQL_ASCII', 'é日'],
] as const

const copyDone = encodeMessage('c', () => {})

describe('client encodings', () => {
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

  const bytesIn = async (encoding: string, text: string): Promise<Uint8Array> => {
    if (encoding === 'SQL_ASCII') return bytesOf(text)
    const [row] = await stage.sql`select convert_to(${text}, ${encoding}) as bytes`
    return Uint8Array.from(row?.['bytes'] as Uint8Array)
  }

  for (const [encoding, text] of samples) {
    const build = async () => {
      const bytes = await bytesIn(encoding, text)
      /** `%` stands for the text. */
      const sql = (template: string): Uint8Array =>
        Buffer.concat(
          template.split('%').flatMap((part, index) =>
            index === 0 ? [bytesOf(part)] : [bytes, bytesOf(part)]
          ),
        )
      return { bytes, sql }
    }

    for (const [how, send] of [['whole', whole], ['in pieces', inPieces]] as const) {
      test(`${encoding}: sent ${how}`, async () => {
        const { bytes, sql } = await build()
        const query = (template: string): Turn => ({
          send: [encodeQuery(sql(template))],
          until: 1,
        })
        const turns: Turn[] = [
          query(`select '%' as "%", length('%'), '% contacts delete'`),
          query(`select 'a%b'; select '%' /* % */; -- %`),
          query(`insert into public.plain values (1, '% contacts') returning body`),
          query(`update public.plain set body = '%' || body where body like '%%' returning *`),
          query(`select * from "%"`),
          query(`select nosuch_% from public.plain -- contacts`),
          query(`do $$ begin raise notice '%%'; raise exception '%'; end $$`),
          query(`select '\\xff'::bytea, convert_from('\\xff', 'UTF8')`),
          {
            send: [
              encodeParse({ name: bytes, sql: sql(`select $1::text as "%", '%'`) }),
              encodeBind({ portal: bytes, statement: bytes, parameters: [bytes] }),
              encodeMessage('E', (writer) => writer.cstring(bytes).int32(0)),
              sync,
            ],
            until: 1,
          },
          { send: [encodeQuery('copy public.plain from stdin')], until: 'G' },
          {
            send: [encodeMessage('d', (writer) => writer.bytes(sql('2\t%\n'))), copyDone],
            until: 1,
          },
          query('copy (select body from public.plain order by id) to stdout'),
          query(`set client_encoding = 'UTF8'`),
          query('delete from public.plain'),
        ]
        await withBoth(stage, async (both) => {
          assert.equal(both.through.parameters.get('client_encoding'), encoding)
          assert.deepEqual([...both.through.parameters], [...both.direct.parameters])
          await assertSame(both, turns, { send })
        }, { client_encoding: encoding })
        assert.equal(stage.sent.length, 0)
      })
    }

    test(`${encoding}: mutations alone, prepared, and among other statements`, async () => {
      const { bytes, sql } = await build()
      const kept = encoding === 'SQL_ASCII' ? Buffer.from(bytes).toString() : text
      const shapes: readonly (readonly Uint8Array[])[] = [
        [encodeQuery(
          sql(`insert into salesforce.contacts (last_name) values ('%') returning last_name`),
        )],
        [
          encodeParse({
            name: '',
            sql: sql(
              `insert into salesforce.contacts (last_name) values ($1) returning last_name -- %`,
            ),
          }),
          encodeBind({ portal: '', statement: '', parameters: [bytes] }),
          execute(),
          sync,
        ],
        [
          encodeQuery(sql(
            `select '%'; insert into salesforce.contacts (last_name) values ('%') returning last_name; select '%' where false`,
          )),
        ],
        [encodeQuery(sql(`explain insert into salesforce.contacts (last_name) values ('%') -- %`))],
      ]
      const client: RawClient = await rawClient(stage.through(), { client_encoding: encoding })
      for (const before of ['select 1', 'begin']) {
        client.send(encodeQuery(before))
        await client.until('Z')
        for (const messages of shapes) {
          client.send(...messages)
          const frames = await client.until('Z')
          const shown = frames.map(render)
          assert.ok(!shown.some((frame) => frame.startsWith('E')), shown.join('\n'))
          if (messages === shapes[3]) continue
          const rows = frames.filter(([tag]) => tag === 0x44)
          const last = rows.at(-1) ?? new Uint8Array()
          assert.deepEqual(Uint8Array.from(last.subarray(-bytes.length)), bytes)
        }
      }
      client.destroy()
      const names = stage.sent.map(({ rows }) => rows[0]?.values['last_name'])
      assert.deepEqual(names, Array.from({ length: 6 }, () => kept))
    })
  }

  test('half a character among several statements is refused in Postgres’s words, and nothing is run', async () => {
    const broken = Buffer.concat([
      bytesOf(`insert into public.plain values (1, '`),
      Uint8Array.of(0x83),
      bytesOf(`;'); insert into salesforce.contacts (last_name) values ('x')`),
    ])
    await withBoth(stage, async (both) => {
      const [frames] = await assertSame(both, [{ send: [encodeQuery(broken)], until: 1 }])
      assert.match(frames?.[0] ?? '', /^E .*C22021/)
    }, { client_encoding: 'SJIS' })
    assert.equal(stage.sent.length, 0)
    assert.equal((await stage.sql`select from public.plain`).length, 0)
  })
})

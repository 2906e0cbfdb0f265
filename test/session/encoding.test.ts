// Goal: a client in any encoding has its text understood, or is told that it cannot be. Method: every encoding of
// Postgres's list against Postgres's own conversion; mutations in LATIN1 and WIN1251 through a real listener.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { after, before, beforeEach, describe, test } from 'node:test'
import { faultData } from '../../src/mutation/fault.ts'
import { clientEncoding, decoderFor, isUtf8, toAscii } from '../../src/session/encoding.ts'
import { decodeBackend } from '../../src/wire/backend.ts'
import {
  encodeBind,
  encodeExecute,
  encodeParse,
  encodeQuery,
  sync,
} from '../../src/wire/frontend.ts'
import { acceptAll, createStage, rawClient, type Stage } from '../help/stage.ts'

test('the encoding is what ParameterStatus says, UTF8 before it says anything', () => {
  assert.equal(clientEncoding({ parameters: new Map() }), 'UTF8')
  assert.equal(clientEncoding({ parameters: new Map([['client_encoding', 'LATIN1']]) }), 'LATIN1')
})

test('UTF8 and SQL_ASCII reach the client unchanged; elsewhere our own words are ASCII', () => {
  assert.deepEqual(['UTF8', 'SQL_ASCII', 'LATIN1', 'BIG5'].map(isUtf8), [true, true, false, false])
  assert.equal(toAscii('naïve – ok'), 'na?ve ? ok')
})

test('an encoding that cannot be read has no decoder', () => {
  for (const name of ['MULE_INTERNAL', 'JOHAB', 'EUC_TW', 'nonsense', 'toString']) {
    assert.equal(decoderFor(name), null, name)
  }
})

describe('with a server', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
  })
  after(() => stage.close())
  beforeEach(async () => {
    stage.sent.length = 0
    stage.applied.length = 0
    stage.carry = acceptAll()
    await stage.empty()
  })

  test('each decoder reads what Postgres writes', async () => {
    const samples = [
      ['LATIN1', 'é ÿ'],
      ['LATIN2', 'ł Ž'],
      ['LATIN3', 'ħ'],
      ['LATIN4', 'ģ'],
      ['LATIN5', 'ğ ş'],
      ['LATIN6', 'đ'],
      ['LATIN7', 'ų'],
      ['LATIN8', 'ŵ'],
      ['LATIN9', '€ œ'],
      ['LATIN10', 'ș'],
      ['ISO_8859_5', 'Ж'],
      ['ISO_8859_6', 'ب'],
      ['ISO_8859_7', 'Ω'],
      ['ISO_8859_8', 'א'],
      ['WIN1250', 'š'],
      ['WIN1251', 'Ж'],
      ['WIN1252', '“é”'],
      ['WIN1253', 'Ω'],
      ['WIN1254', 'ğ'],
      ['WIN1255', 'א'],
      ['WIN1256', 'ب'],
      ['WIN1257', 'ų'],
      ['WIN1258', 'ơ'],
      ['WIN866', 'Ж'],
      ['WIN874', 'ก'],
      ['KOI8R', 'Ж'],
      ['KOI8U', 'ї'],
      ['SJIS', '日本'],
      ['EUC_JP', '日本'],
      ['EUC_KR', '한국'],
      ['EUC_CN', '中国'],
      ['GBK', '中國'],
      ['GB18030', '中国'],
      ['BIG5', '中國'],
      ['UHC', '한국갂뀀힣'],
      ['UTF8', '€𝄞'],
    ] as const
    for (const [name, text] of samples) {
      const [row] = await stage.sql`select convert_to(${text}, ${name}) as bytes`
      const decode = decoderFor(name)
      assert.equal(decode?.(row?.['bytes'] as Uint8Array), text, name)
    }
  })

  const codes = (frames: readonly Uint8Array[]) =>
    frames.map((bytes) => {
      const message = decodeBackend({ tag: bytes[0] ?? 0, bytes })
      return message.type === 'ErrorResponse' ? message.fields.get('C') : message.type
    })

  test('a mutation in another encoding is sent and returned without a wrong letter', async () => {
    for (
      const [encoding, text] of [['LATIN1', 'Zoë Müller'], ['WIN1251', 'Жуков'], [
        'UTF8',
        '日本 €',
      ]] as const
    ) {
      const [row] = await stage.sql`select convert_to(${text}, ${encoding}) as bytes`
      const bytes = Buffer.from(row?.['bytes'] as Uint8Array)
      const client = await rawClient(stage.through(), { client_encoding: encoding })
      const literal = Buffer.concat([
        Buffer.from(`insert into salesforce.contacts (last_name) values ('`),
        bytes,
        Buffer.from(`') returning last_name`),
      ])
      const parameter = [
        encodeParse({
          name: '',
          sql: 'insert into salesforce.contacts (last_name) values ($1) returning last_name',
        }),
        encodeBind({ portal: '', statement: '', parameters: [bytes] }),
        encodeExecute({ portal: '' }),
        sync,
      ]
      for (const inBlock of [false, true]) {
        if (inBlock) {
          client.send(encodeQuery('begin'))
          await client.until('Z')
        }
        for (const messages of [[encodeQuery(literal)], parameter]) {
          client.send(...messages)
          const frames = await client.until('Z')
          const row = frames.find((frame) => frame[0] === 0x44)
          assert.ok(row, codes(frames).join())
          assert.deepEqual(Buffer.from(row.subarray(-bytes.length)), bytes, encoding)
        }
      }
      client.destroy()
      const names = stage.sent.map((mutation) => mutation.rows[0]?.values['last_name'])
      assert.deepEqual(names, [text, text, text, text])
      const kept = await stage.sql`select last_name from salesforce.contacts`
      assert.deepEqual(kept.map((row) => row['last_name']), [text, text, text, text])
      await stage.empty()
      stage.sent.length = 0
    }
  })

  test('a mutation in an encoding that cannot be read is refused in words that name it; the rest passes', async () => {
    for (const encoding of ['EUC_TW', 'JOHAB', 'EUC_JIS_2004', 'SHIFT_JIS_2004']) {
      const client = await rawClient(stage.through(), { client_encoding: encoding })
      client.send(encodeQuery(`insert into salesforce.contacts (last_name) values ('x')`))
      const [error] = await client.until('Z')
      const message = decodeBackend({ tag: 0x45, bytes: error ?? new Uint8Array() })
      assert.ok(message.type === 'ErrorResponse')
      assert.equal(message.fields.get('C'), '0A000')
      assert.ok(message.fields.get('M')?.includes(encoding))
      client.send(encodeQuery('select count(*) from salesforce.contacts -- update'))
      const told = codes(await client.until('Z'))
      assert.deepEqual(told.slice(-2), ['CommandComplete', 'ReadyForQuery'])
      client.destroy()
    }
    assert.equal(stage.sent.length, 0)
  })

  test('what the platform says reaches a LATIN1 client in ASCII', async () => {
    stage.carry = () =>
      Promise.resolve({
        state: 'refused',
        fault: faultData('validation_error', { message: 'naïve', detail: '日本', hint: '“x”' }),
      })
    const client = await rawClient(stage.through(), { client_encoding: 'LATIN1' })
    client.send(encodeQuery(`insert into salesforce.contacts (last_name) values ('x')`))
    const [error] = await client.until('Z')
    const message = decodeBackend({ tag: 0x45, bytes: error ?? new Uint8Array() })
    assert.ok(message.type === 'ErrorResponse')
    assert.deepEqual(['M', 'D', 'H'].map((field) => message.fields.get(field)), [
      'na?ve',
      '??',
      '?x?',
    ])
    client.destroy()
  })

  test('a value that the client’s encoding lacks is accepted by nobody, or is in the database', async () => {
    stage.carry = (mutation) =>
      Promise.resolve({
        state: 'accepted',
        rows: mutation.rows.map(({ ordinal }) => ({
          ordinal,
          id: `00${ordinal}`,
          values: { last_name: '日本' },
        })),
      })
    const client = await rawClient(stage.through(), { client_encoding: 'LATIN1' })
    client.send(
      encodeQuery(`insert into salesforce.contacts (last_name) values ('x') returning last_name`),
    )
    assert.deepEqual(codes(await client.until('Z')).slice(-2), ['SL001', 'ReadyForQuery'])
    const [kept] = await stage.sql`select last_name from salesforce.contacts`
    assert.equal(kept?.['last_name'], '日本')
    assert.equal(stage.applied.length, 1)
    client.send(encodeQuery(`delete from salesforce.contacts`))
    const told = codes(await client.until('Z'))
    assert.equal(stage.sent.length, told.includes('CommandComplete') ? 2 : 1)
    client.destroy()
  })

  test('EXECUTE in a block of a PREPARE that cannot be said in UTF-8 again is refused', async () => {
    const client = await rawClient(stage.through(), { client_encoding: 'LATIN1' })
    const send = async (text: string) => {
      client.send(encodeQuery(Buffer.from(text, 'latin1')))
      return codes(await client.until('Z'))
    }
    await send(`prepare p as insert into salesforce.contacts (last_name) values ('Zoë')`)
    assert.deepEqual(await send('execute p'), ['CommandComplete', 'ReadyForQuery'])
    await send('begin')
    assert.deepEqual(await send('execute p'), ['0A000', 'ReadyForQuery'])
    client.destroy()
    assert.deepEqual(stage.sent.map((mutation) => mutation.rows[0]?.values['last_name']), ['Zoë'])
  })
})

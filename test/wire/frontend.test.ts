// Goal: what a client says is read exactly, and what is malformed is refused in Postgres's words. Method: round trips,
// every truncation, and bytes taken from the manual.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeFrontend,
  decodeSASLInitialResponse,
  encodeBind,
  encodeClose,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodePasswordMessage,
  encodeQuery,
  encodeSASLInitialResponse,
  encodeSASLResponse,
  flush,
  sync,
  terminate,
} from '../../src/wire/frontend.ts'
import type { Frame } from '../../src/wire/frames.ts'
import { textKey } from '../../src/wire/text.ts'
import { ProtocolViolation } from '../../src/wire/violation.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { runsOf } from '../help/property.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const frameOf = (bytes: Uint8Array): Frame => ({ tag: bytes[0] ?? 0, bytes })
const decode = (bytes: Uint8Array) => decodeFrontend(frameOf(bytes))
const refuses = (bytes: Uint8Array, message: string) =>
  assert.throws(() => decode(bytes), (error: unknown) => {
    assert.ok(error instanceof ProtocolViolation, String(error))
    assert.equal(error.message, message)
    assert.equal(error.sqlstate, '08P01')
    return true
  })

/** The frame with its last `count` bytes missing and the length made right. */
function cut(bytes: Uint8Array, count: number): Uint8Array {
  const shorter = Buffer.from(bytes.subarray(0, bytes.length - count))
  shorter.writeInt32BE(shorter.length - 1, 1)
  return shorter
}

test('messages have the bytes of the manual', () => {
  assert.equal(hex(encodeQuery('a')), '51' + '00000006' + '6100')
  assert.equal(
    hex(encodeParse({ name: 's', sql: 'q', parameterTypes: [23] })),
    '50' + '0000000e' + '7300' + '7100' + '0001' + '00000017',
  )
  assert.equal(
    hex(encodeBind({
      portal: '',
      statement: 's',
      parameterFormats: [1],
      parameters: [Buffer.from([1, 2]), null],
      resultFormats: [0, 1],
    })),
    '42' + '0000001d' + '00' + '7300' + '0001' + '0001' + '0002' + '00000002' + '0102' +
      'ffffffff' + '0002' + '0000' + '0001',
  )
  assert.equal(hex(encodeDescribe('statement', 's')), '44' + '00000007' + '53' + '7300')
  assert.equal(hex(encodeDescribe('portal', '')), '44' + '00000006' + '50' + '00')
  assert.equal(
    hex(encodeExecute({ portal: 'p', rowsMax: 5 })),
    '45' + '0000000a' + '7000' + '00000005',
  )
  assert.equal(hex(encodeClose('portal', 'p')), '43' + '00000007' + '50' + '7000')
  assert.equal(hex(flush) + hex(sync) + hex(terminate), '4800000004' + '5300000004' + '5800000004')
  assert.equal(hex(encodeCopyFail('no')), '66' + '00000007' + '6e6f00')
  assert.equal(hex(encodePasswordMessage('pw')), '70' + '00000007' + '707700')
  assert.equal(
    hex(encodeSASLInitialResponse('M', 'ab')),
    '70' + '0000000c' + '4d00' + '00000002' + '6162',
  )
  assert.equal(hex(encodeSASLResponse('ab')), '70' + '00000006' + '6162')
})

const name = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0'))
const code = fc.integer({ min: 0, max: 1 })
const value = fc.option(fc.uint8Array({ maxLength: 50 }))

test('Query, Parse, Bind, Describe, Execute and Close survive a round trip', () => {
  fc.assert(
    fc.property(
      fc.record({
        name,
        sql: name,
        types: fc.array(fc.nat({ max: 0xffffffff })),
        parameters: fc.array(value, { minLength: 2, maxLength: 6 }),
        one: code,
        results: fc.array(code),
        rowsMax: fc.integer(),
      }),
      ({ name, sql, types, parameters, one, results, rowsMax }) => {
        const query = decode(encodeQuery(sql))
        assert.ok(query.type === 'Query')
        assert.equal(query.sql.text, sql)
        assert.equal(hex(query.sql.bytes), hex(Buffer.from(sql)))

        const parse = decode(encodeParse({ name, sql, parameterTypes: types }))
        assert.ok(parse.type === 'Parse')
        assert.deepEqual([parse.name.text, parse.sql.text, parse.parameterTypes], [
          name,
          sql,
          types,
        ])

        for (const formats of [[], [one], parameters.map(() => one)]) {
          const bind = decode(encodeBind({
            portal: name,
            statement: sql,
            parameterFormats: formats,
            parameters,
            resultFormats: results,
          }))
          assert.ok(bind.type === 'Bind')
          assert.deepEqual([bind.portal.text, bind.statement.text], [name, sql])
          assert.deepEqual([bind.parameterFormats, bind.resultFormats], [formats, results])
          assert.deepEqual(
            bind.parameters.map((one) => one && hex(one)),
            parameters.map((one) => one && hex(one)),
          )
        }
        const execute = decode(encodeExecute({ portal: name, rowsMax }))
        assert.ok(execute.type === 'Execute')
        assert.deepEqual([execute.portal.text, execute.rowsMax], [name, rowsMax])
        for (const what of ['statement', 'portal'] as const) {
          const describe = decode(encodeDescribe(what, name))
          assert.ok(describe.type === 'Describe' && describe.what === what)
          assert.equal(describe.name.text, name)
          const close = decode(encodeClose(what, name))
          assert.ok(close.type === 'Close' && close.what === what)
          assert.equal(close.name.text, name)
        }
      },
    ),
    runsOf(),
  )
})

test('no truncation of a message and no byte too many is accepted', () => {
  const whole = [
    encodeQuery('select'),
    encodeParse({ name: 's', sql: 'select $1', parameterTypes: [23, 25] }),
    encodeBind({
      portal: 'p',
      statement: 's',
      parameters: [Buffer.from('ab'), null],
      resultFormats: [1],
    }),
    encodeDescribe('portal', 'p'),
    encodeExecute({ portal: 'p' }),
    encodeClose('statement', 's'),
  ]
  for (const bytes of whole) {
    decode(bytes)
    for (let count = 1; count <= bytes.length - 5; count += 1) {
      assert.throws(
        () => decode(cut(bytes, count)),
        ProtocolViolation,
        `${hex(bytes)} less ${count}`,
      )
    }
    refuses(Buffer.concat([bytes, Buffer.from([0])]), 'invalid message format')
  }
})

test('malformed messages are refused in the words of Postgres', () => {
  refuses(encodeMessage('Q', (w) => w.bytes(Buffer.from('select'))), 'invalid string in message')
  refuses(cut(encodeExecute({ portal: '' }), 1), 'insufficient data left in message')
  refuses(
    encodeMessage('D', (w) => w.int8(0x54).cstring('')),
    'invalid DESCRIBE message subtype 84',
  )
  refuses(encodeMessage('C', (w) => w.int8(0).cstring('')), 'invalid CLOSE message subtype 0')
  refuses(
    encodeBind({ portal: '', statement: '', parameterFormats: [0, 1], parameters: [null] }),
    'bind message has 2 parameter formats but 1 parameters',
  )
  // a parameter of length -2, and one that is longer than the message
  for (const length of [-2, 1000, 0x7fffffff]) {
    refuses(
      encodeMessage('B', (w) => w.cstring('').cstring('').int16(0).int16(1).int32(length).int16(0)),
      'insufficient data left in message',
    )
  }
  // counts are unsigned, and end where the message ends
  refuses(
    encodeMessage('P', (w) => w.cstring('').cstring('').int16(0xffff)),
    'insufficient data left in message',
  )
})

test('65535 parameters are the most', () => {
  const many = Array<null>(65_535).fill(null)
  const bind = decode(encodeBind({ portal: '', statement: '', parameters: many }))
  assert.ok(bind.type === 'Bind')
  assert.equal(bind.parameters.length, 65_535)
  assert.throws(
    () => encodeBind({ portal: '', statement: '', parameters: [...many, null] }),
    RangeError,
  )
})

test('text that would end a field early is refused', () => {
  assert.throws(() => encodeQuery('select 1\0; drop'), /holds no NUL/)
  assert.throws(() => encodePasswordMessage('a\0b'), /holds no NUL/)
})

test('other messages are not looked into', () => {
  for (const bytes of [sync, flush, terminate, encodeCopyFail('x'), encodePasswordMessage('x')]) {
    assert.deepEqual(decode(bytes), { type: 'Other', tag: bytes[0] })
  }
})

test('bytes of another encoding are kept, and decoded as told', () => {
  const latin1 = Buffer.from("select 'caf\xe9'", 'latin1')
  const query = encodeQuery(latin1)
  const asUtf8 = decode(query)
  assert.ok(asUtf8.type === 'Query')
  assert.equal(hex(asUtf8.sql.bytes), hex(latin1))
  assert.equal(asUtf8.sql.text, "select 'caf\ufffd'")
  const asLatin1 = decodeFrontend(frameOf(query), textKey)
  assert.ok(asLatin1.type === 'Query')
  assert.equal(asLatin1.sql.text, "select 'caf\xe9'")
})

test('a byte order mark is not dropped', () => {
  const query = decode(encodeQuery('\ufeffselect 1'))
  assert.ok(query.type === 'Query')
  assert.equal(query.sql.text, '\ufeffselect 1')
})

test('a SASLInitialResponse is decoded, with and without data', () => {
  const full = decodeSASLInitialResponse(frameOf(encodeSASLInitialResponse('SCRAM-SHA-256', 'n,,')))
  assert.equal(full.mechanism, 'SCRAM-SHA-256')
  assert.equal(hex(full.data ?? new Uint8Array()), hex(Buffer.from('n,,')))
  const empty = encodeMessage('p', (w) => w.cstring('X').int32(-1))
  assert.deepEqual(decodeSASLInitialResponse(frameOf(empty)), { mechanism: 'X', data: null })
  const bad = encodeMessage('p', (w) => w.cstring('X').int32(9))
  assert.throws(() => decodeSASLInitialResponse(frameOf(bad)), ProtocolViolation)
})

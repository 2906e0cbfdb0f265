// Goal: a text of several statements is cut where its bytes are, its errors point into the whole text, and each statement
// is in the transaction that Postgres would have it in. Method: the pure parts by themselves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/mutation/fault.ts'
import { Block, type Piece } from '../../src/session/block.ts'
import { cutter } from '../../src/session/cut.ts'
import { shiftPosition } from '../../src/session/position.ts'
import { recognise } from '../../src/sql/index.ts'
import {
  decodeBackend,
  encodeErrorResponse,
  encodeNoticeResponse,
  type TransactionStatus,
} from '../../src/wire/backend.ts'

const utf8 = (text: string) => ({ text, bytes: new TextEncoder().encode(text) })
const cutAll = (
  text: string,
  encoded: { text: string; bytes: Uint8Array },
  encoding: string,
) => {
  const found = recognise(text, { standardConformingStrings: true })
  assert.ok(found.certain)
  const cut = cutter(encoded, encoding)
  return found.statements.map(({ start, end }) => cut(start, end))
}

test('parts are the bytes of the text, and know how many characters stand before them', () => {
  const text = `select 'é';  select '𝄞', 1 ;select 2`
  const parts = cutAll(text, utf8(text), 'UTF8')
  assert.deepEqual(parts.map((part) => part.text), [`select 'é'`, `select '𝄞', 1`, 'select 2'])
  for (const { text: part, bytes } of parts) {
    assert.equal(new TextDecoder().decode(bytes), part)
  }
  assert.deepEqual(parts.map(({ charactersBefore }) => charactersBefore), [0, 13, 28])
})

test('in an encoding of one byte a character is a byte', () => {
  const text = `select 'é'; select 'ü'`
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0))
  const [, second] = cutAll(text, { text, bytes }, 'LATIN1')
  assert.deepEqual(second?.bytes, bytes.subarray(12))
})

test('a text in an encoding of several bytes is cut by its characters', () => {
  const text = `select 'アｱ'; select 1`
  const [before, after] = [utf8(`select '`).bytes, utf8(`'; select 1`).bytes]
  const bytes = Uint8Array.from([...before, 0x83, 0x41, 0xb1, ...after])
  const cut = cutter({ text, bytes }, 'SJIS')
  const [first, second] = [cut(0, 11), cut(13, text.length)]
  assert.deepEqual(first.bytes, bytes.subarray(0, 12))
  assert.deepEqual([second.text, second.charactersBefore], ['select 1', 13])
  assert.deepEqual(second.bytes, bytes.subarray(14))
})

test('a text that does not tell which bytes are whose is refused', () => {
  const text = `select 'ア'; select 1`
  const bytes = Uint8Array.from([...utf8(`select '`).bytes, 0x83, ...utf8(`; select 1`).bytes])
  const unsupported = (error: unknown) => error instanceof Fault && error.data.sqlstate === '0A000'
  assert.throws(() => cutAll(text, { text, bytes }, 'SJIS'), unsupported)
  const broken = Uint8Array.from([...utf8(`select 'é`).bytes, 0xff, ...utf8(`'; select 1`).bytes])
  const decoded = new TextDecoder().decode(broken)
  assert.throws(() => cutAll(decoded, { text: decoded, bytes: broken }, 'UTF8'), unsupported)
})

test('a position is moved, and nothing else of the message', () => {
  const fields: [string, string][] = [['S', 'ERROR'], ['C', '42601'], ['M', 'Pé'], ['P', '98'], [
    'L',
    '7',
  ]]
  const read = (bytes: Uint8Array) => {
    const message = decodeBackend({ tag: bytes[0] ?? 0, bytes })
    return 'fields' in message ? [...message.fields] : []
  }
  for (const encode of [encodeErrorResponse, encodeNoticeResponse]) {
    const shifted = shiftPosition(encode(fields), 5)
    assert.deepEqual(
      read(shifted),
      fields.map(([letter, text]) => [letter, letter === 'P' ? '103' : text]),
    )
    const without = encode(fields.filter(([letter]) => letter !== 'P'))
    assert.deepEqual(shiftPosition(without, 5), without)
  }
})

/** What is said to Postgres for a text: its statements, and ours in capitals. */
function said(text: string, status: TransactionStatus = 'I'): string {
  const found = recognise(text, { standardConformingStrings: true })
  assert.ok(found.certain)
  const block = new Block(status)
  const runs = found.statements.flatMap(({ start, end, kind }): ReturnType<Block['around']> => {
    const piece: Piece = {
      text: text.slice(start, end),
      bytes: new Uint8Array(),
      charactersBefore: 0,
      kind,
      last: false,
    }
    return block.around(piece)
  })
  return [...runs, ...block.end()].map(({ piece, sql, begins }) =>
    piece === null ? sql : begins ? `${piece.text}!` : piece.text
  ).join('; ')
}

test('the implicit transaction is begun and ended where Postgres begins and ends it', () => {
  const cases: readonly [text: string, expected: string][] = [
    ['select 1; select 2', 'BEGIN; select 1; select 2; COMMIT'],
    ['commit', 'commit'],
    ['select 1; commit; select 2', 'BEGIN; select 1; COMMIT; commit; BEGIN; select 2; COMMIT'],
    ['select 1; abort; select 2', 'BEGIN; select 1; ROLLBACK; abort; BEGIN; select 2; COMMIT'],
    ['select 1; begin; select 2', 'BEGIN; select 1; begin!; select 2'],
    ['begin; select 2', 'begin; select 2'],
    ['begin; select 1; commit; select 2', 'begin; select 1; commit; BEGIN; select 2; COMMIT'],
    ['begin; begin; end', 'begin; begin; end'],
    ['begin; commit and chain; select 1', 'begin; commit and chain; select 1'],
    [
      'begin; rollback and no chain; select 1',
      'begin; rollback and no chain; BEGIN; select 1; COMMIT',
    ],
    ['select 1; commit and chain', 'BEGIN; select 1; ROLLBACK; commit and chain'],
    ['select 1; savepoint s', 'BEGIN; select 1; ROLLBACK; savepoint s'],
    ['select 1; rollback to s', 'BEGIN; select 1; ROLLBACK; rollback to s'],
    [
      'begin; savepoint s; rollback to s; release s',
      'begin; savepoint s; rollback to s; release s',
    ],
    [`select 1; prepare transaction 'x'`, `BEGIN; select 1; COMMIT; prepare transaction 'x'`],
  ]
  for (const [text, expected] of cases) assert.equal(said(text), expected)
  assert.equal(said('select 1; commit; select 2', 'T'), 'select 1; commit; BEGIN; select 2; COMMIT')
})

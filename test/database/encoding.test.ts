// Goal: what crosses between Sluice and its triggers is exact and cannot be forged. Method: tables; HMAC against RFC 4231.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodeIds,
  encodeTicketRows,
  parsePlanDetail,
  planSeal,
  ticketMac,
} from '../../src/database/index.ts'
import { hmacPads } from '../../src/database/ticket.ts'
import { runsOf } from '../help/property.ts'
import { column, contacts, mutationId, ticketKey } from './fixture.ts'

const report = {
  schema: 's',
  table: 't',
  op: 'update',
  n: 3,
  seal: 'x',
  id: '1',
  new: { id: '1', a: 'new' },
  old: { id: '1', a: 'old' },
}

test('a mac is bound to mode, mutation and connection', () => {
  const base = { mode: 'plan', mutationId, pid: 7 } as const
  const macs = [
    ticketMac(ticketKey, base),
    ticketMac(ticketKey, { ...base, mode: 'apply' }),
    ticketMac(ticketKey, { ...base, mutationId: mutationId.replace('1', '2') }),
    ticketMac(ticketKey, { ...base, pid: 8 }),
    ticketMac(ticketKey.slice(1), base),
    planSeal(ticketKey, base),
  ]
  assert.equal(new Set(macs).size, macs.length)
  for (const mac of macs) assert.match(mac, /^[0-9a-f]{64}$/)
  assert.equal(ticketMac(ticketKey, { ...base, mutationId: mutationId.toUpperCase() }), macs[0])
})

test('an empty key makes no ticket', () => {
  assert.throws(() => ticketMac(new Uint8Array(), { mode: 'plan', mutationId, pid: 7 }), RangeError)
})

test('the pads are those of HMAC-SHA256, for short, long and block-sized keys (RFC 4231)', () => {
  const hmac = (key: Uint8Array, message: string) => {
    const { ipad, opad } = hmacPads(key)
    const inner = createHash('sha256').update(ipad).update(message).digest()
    return createHash('sha256').update(opad).update(inner).digest('hex')
  }
  assert.equal(
    hmac(new Uint8Array(20).fill(0x0b), 'Hi There'),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  )
  assert.equal(
    hmac(new Uint8Array(131).fill(0xaa), 'Test Using Larger Than Block-Size Key - Hash Key First'),
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  )
})

test('rows are keyed by ordinal for an insert and by id for the others', () => {
  const rows = [{ ordinal: 2, id: '003A', values: { email: 'x' } }]
  const keys = (operation: 'insert' | 'update' | 'delete') =>
    Object.keys(
      (JSON.parse(encodeTicketRows(contacts, operation, rows)) as { rows: object }).rows,
    )
  assert.deepEqual(keys('insert'), ['2'])
  assert.deepEqual(keys('update'), ['003A'])
  assert.deepEqual(keys('delete'), ['003A'])
})

test('an upsert’s rows are keyed like an insert’s, keep like an update’s, and say by which column', () => {
  const rows = [{ ordinal: 2, id: '003A', values: { email: 'a', amount: null } }]
  assert.deepEqual(JSON.parse(encodeTicketRows(contacts, 'insert', rows, { upsertBy: 'email' })), {
    schema: 'salesforce',
    table: 'contacts',
    operation: 'insert',
    upsert: 'email',
    nulls: { email: null, amount: null, name: null },
    rows: {
      '2': {
        op: 'upsert',
        id: '003A',
        row: { id: '003A', email: 'a', amount: null },
        keep: ['name'],
      },
    },
  })
})

test('only columns of the table travel, the id is that of the outcome, what is missing is said', () => {
  const rows = [{ ordinal: 1, id: '003A', values: { id: 'other', email: null, unknown: 'x' } }]
  assert.deepEqual(JSON.parse(encodeTicketRows(contacts, 'update', rows)), {
    schema: 'salesforce',
    table: 'contacts',
    operation: 'update',
    rows: {
      '003A': {
        op: 'upsert',
        id: '003A',
        row: { id: '003A', email: null },
        keep: ['amount', 'name'],
      },
    },
  })
  const written = [{ ordinal: 1, id: '003A', values: { email: null, amount: '1', unknown: 'x' } }]
  assert.deepEqual(JSON.parse(encodeTicketRows(contacts, 'insert', written)), {
    schema: 'salesforce',
    table: 'contacts',
    operation: 'insert',
    nulls: { email: null, amount: null, name: null },
    rows: { '1': { op: 'upsert', id: '003A', row: { id: '003A', amount: '1' } } },
  })
})

test('a value that is no JSON in a column that holds JSON is refused by name', () => {
  const table = { ...contacts, columns: [column('id', 'text'), column('tags', 'text[]')] }
  const rows = [{ ordinal: 1, id: '1', values: { tags: '[1}, "x": {' } }]
  assert.throws(() => encodeTicketRows(table, 'insert', rows), {
    name: 'RangeError',
    message: 'Cannot read the value of salesforce.contacts.tags as JSON',
  })
})

test('any text comes through a JSON column and a text column', () => {
  const table = {
    ...contacts,
    columns: [column('id', 'text'), column('a', 'text'), column('b', 'jsonb')],
  }
  const storable = (text: string) => text.toWellFormed().replaceAll('\0', '\ufffd')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const values = { a: text, b: JSON.stringify([text]) }
      const encoded = encodeTicketRows(table, 'update', [{ ordinal: 1, id: 'x', values }])
      const { rows } = JSON.parse(encoded) as { rows: { x: { row: { a: string; b: string[] } } } }
      assert.equal(rows.x.row.a, storable(text))
      assert.equal(rows.x.row.b[0], storable(text))
    }),
    {
      ...runsOf(300, { seed: 20261125 }),
      examples: [['\ud800'], ['\udc00\ud800'], ['😀\ud83d'], ['\\u0000'], ['\0'], ['\\\0'], [
        '\\ud800',
      ]],
    },
  )
})

test('ids become an array literal of Postgres', () => {
  assert.equal(encodeIds([]), '{}')
  assert.equal(
    encodeIds(['a', 'b"c', 'd\\e', '', 'null', '{,}']),
    '{"a","b\\"c","d\\\\e","","null","{,}"}',
  )
})

/** A report as the triggers write it. */
function detailOf({ n, id, new: row, old, ...about }: Record<string, unknown>): string {
  const parts = [n, id, row, old].map((part) => JSON.stringify(part)).join('\x1f')
  return `${JSON.stringify(about)}\x1e${parts}`
}

test('a report is read as what it says', () => {
  const expected = {
    schema: 's',
    table: 't',
    operation: 'update',
    ordinal: 3,
    id: '1',
    row: { id: '1', a: 'new' },
    before: { id: '1', a: 'old' },
    seal: 'x',
  }
  assert.deepEqual(parsePlanDetail(detailOf(report)), [expected])
  assert.deepEqual(parsePlanDetail(detailOf({ ...report, op: 'delete', new: null })), [{
    ...expected,
    operation: 'delete',
    row: report.old,
  }])
})

test('a report holds as many rows as it says, each with its own values', () => {
  const [head, row] = detailOf(report).split('\x1e')
  const other = row?.replace('3', '4').replace('new', 'newer')
  const rows = parsePlanDetail([head, row, other].join('\x1e'))
  assert.deepEqual(rows.map(({ ordinal, row }) => [ordinal, row['a']]), [[3, 'new'], [4, 'newer']])
  assert.deepEqual(parsePlanDetail(head ?? ''), [])
})

test('a report of an insert leaves out what is null, wherever it stands', () => {
  const row = { id: '-1', a: null, b: null, c: '"x":null,', d: null, e: 0, f: { g: null }, h: null }
  const detail = detailOf({ ...report, op: 'insert', id: null, new: row, old: null })
  const expected = { id: null, c: '"x":null,', e: '0', f: '{"g":null}' }
  assert.deepEqual(parsePlanDetail(detail).map(({ row }) => row), [expected])
})

test('what is no report is refused', () => {
  const odd: [string, unknown][] = [
    ['op', 'truncate'],
    ['op', null],
    ['n', 0],
    ['n', '3'],
    ['n', 1.5],
    ['id', 3],
    ['schema', null],
    ['table', 1],
    ['seal', null],
  ]
  for (const [name, value] of odd) {
    assert.throws(
      () => parsePlanDetail(detailOf({ ...report, [name]: value })),
      RangeError,
      `${name} ${JSON.stringify(value)}`,
    )
  }
  for (const detail of [{ ...report, new: 'x' }, { ...report, old: [] }].map(detailOf)) {
    assert.throws(() => parsePlanDetail(detail), SyntaxError)
  }
  assert.throws(() => parsePlanDetail(''), SyntaxError)
  assert.throws(() => parsePlanDetail('{"op":"insert","n":1'), SyntaxError)
  assert.throws(() => parsePlanDetail(`${detailOf(report)}\x1fmore`), RangeError)
  assert.throws(() => parsePlanDetail(`${detailOf(report)}\x1e1\x1fnull`), SyntaxError)
})

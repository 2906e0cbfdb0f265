// Goal: a value goes to GitHub and comes back the same, for every type of column.
// Method: properties over generated values, with GitHub's own changes (seconds, empty texts) played by the test.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createLog } from '../../../src/lib/log.ts'
import { Fault } from '../../../src/mutation/fault.ts'
import { column, type GithubColumn } from '../../../src/platforms/github/columns.ts'
import { tableFor } from '../../../src/platforms/github/describe.ts'
import { idOf, recordOf, valuesOf } from '../../../src/platforms/github/record.ts'
import { tables } from '../../../src/platforms/github/tables.ts'
import { fromPlatform, toPlatform } from '../../../src/platforms/github/values.ts'
import { isJsonObject, parseJson, writeJson } from '../../../src/platforms/json.ts'
import { runsOf } from '../../help/property.ts'
import { issueNode, issueRecord } from './fake.ts'

const warned: string[] = []
const log = createLog({ level: 'warn', write: (line) => warned.push(line) })

/** What comes back when GitHub keeps what it was sent. */
function around(text: string | null, at: GithubColumn): string | null {
  return fromPlatform(parseJson(writeJson(toPlatform(text, at))), at, log)
}

const of = (type: string, empty: GithubColumn['empty'] = 'never') => column('x', type, { empty })

function refusal(text: string | null, at: GithubColumn): string {
  try {
    toPlatform(text, at)
  } catch (error) {
    assert.ok(error instanceof Fault)
    assert.equal(error.data.column, 'x')
    return error.code
  }
  return 'taken'
}

describe('values on their way to GitHub and back', () => {
  test('texts of any characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(around(text, of('text')), text)
      }),
      runsOf(),
    )
  })

  test('whole numbers with every digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number) => {
        assert.equal(around(String(number), of('bigint')), String(number))
      }),
      runsOf(),
    )
  })

  test('booleans', () => {
    for (const text of ['true', 'false']) assert.equal(around(text, of('boolean')), text)
    assert.equal(refusal('t', of('boolean')), 'value_not_of_type')
  })

  test('lists of any texts, and no list is the empty one', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (list) => {
        assert.deepEqual(JSON.parse(around(JSON.stringify(list), of('text[]')) ?? ''), list)
      }),
      runsOf(),
    )
    assert.equal(around(null, of('text[]')), '[]')
    assert.equal(refusal('{}', of('text[]')), 'value_not_of_type')
    assert.equal(refusal('[1]', of('text[]')), 'value_not_of_type')
  })

  test('moments keep their instant to the second, whatever their offset', () => {
    const moment = fc.date({ min: new Date(0), max: new Date('9999-12-30'), noInvalidDate: true })
    fc.assert(
      fc.property(moment, fc.integer({ min: -14, max: 14 }), (date, hours) => {
        const seconds = Math.floor(date.getTime() / 1000) * 1000
        const local = new Date(seconds + hours * 3_600_000).toISOString().slice(0, 19)
        const sign = hours < 0 ? '-' : '+'
        const text = `${local}${sign}${String(Math.abs(hours)).padStart(2, '0')}:00`
        const back = around(text, of('timestamptz'))
        assert.equal(Date.parse(back ?? ''), seconds)
        assert.match(back ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/)
      }),
      runsOf(),
    )
    for (const text of ['infinity', '0044-03-15 00:00:00+00 BC', '10000-01-01 00:00:00+00']) {
      assert.equal(refusal(text, of('timestamptz')), 'value_out_of_range')
    }
  })

  test('null is null, an empty text or nothing that GitHub has', () => {
    assert.equal(writeJson(toPlatform(null, of('text', 'null'))), 'null')
    assert.equal(writeJson(toPlatform(null, of('text', 'blank'))), '""')
    assert.equal(refusal(null, of('text')), 'required_value_missing')
    assert.equal(around('', of('text')), '')
    assert.equal(around('', of('text', 'blank')), null)
  })
})

describe('records as rows', () => {
  test('every writable column of every table is taken around', () => {
    const samples: Record<string, string> = {
      text: 'x',
      integer: '7',
      boolean: 'true',
      'text[]': '["x"]',
      timestamptz: '2026-11-22T10:20:30+00:00',
    }
    for (const { columns } of tables.values()) {
      assert.equal(columns[0]?.name, 'id')
      for (const each of columns.filter(({ insertable, updatable }) => insertable || updatable)) {
        const sample = samples[each.type] ?? ''
        assert.equal(around(sample, each), sample, each.name)
      }
    }
  })

  test('an issue is the same row from either API', () => {
    const shape = tableFor('issues')
    const rest = parseJson(issueRecord(4))
    const graphql = parseJson(JSON.stringify(issueNode(4)))
    assert.ok(isJsonObject(rest) && isJsonObject(graphql))
    assert.deepEqual(valuesOf(recordOf(graphql), shape, log), valuesOf(rest, shape, log))
  })

  test('what GitHub says in capitals, of bots and of locks reads as the REST API has it', () => {
    const more = {
      state: 'CLOSED',
      stateReason: 'NOT_PLANNED',
      activeLockReason: 'TOO_HEATED',
      author: { __typename: 'Bot', login: 'dependabot' },
    }
    const node = parseJson(JSON.stringify(issueNode(4, more)))
    assert.ok(isJsonObject(node))
    const values = valuesOf(recordOf(node), tableFor('issues'), log)
    assert.equal(values['state'], 'closed')
    assert.equal(values['state_reason'], 'not_planned')
    assert.equal(values['active_lock_reason'], 'too heated')
    assert.equal(values['user'], 'dependabot[bot]')
    const ghost = parseJson(JSON.stringify(issueNode(4, { author: null })))
    assert.ok(isJsonObject(ghost))
    assert.ok(!('user' in valuesOf(recordOf(ghost), tableFor('issues'), log)))
  })

  test('a moment that Postgres cannot hold is null, and the log says so', () => {
    const moment = (text: string) => fromPlatform(text, of('timestamptz'), log)
    assert.equal(moment('2026-11-22T10:20:30Z'), '2026-11-22T10:20:30+00:00')
    assert.equal(warned.length, 0)
    for (const text of ['never', '2026-13-40T10:20:30Z', '']) assert.equal(moment(text), null)
    assert.equal(warned.length, 3)
  })

  test('ids above 2^53 stay what they are', () => {
    const record = parseJson('{"id":9007199254740993,"milestone":null,"labels":[]}')
    assert.ok(isJsonObject(record))
    assert.equal(idOf(record), '9007199254740993')
    const values = valuesOf(record, tableFor('issues'), log)
    assert.deepEqual(values, { id: '9007199254740993', milestone: null, labels: '[]' })
  })
})

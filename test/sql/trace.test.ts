// Goal: a traceparent is read where it stands in a comment, and nowhere else. Method: a table of texts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTrace, recognise } from '../../src/sql/index.ts'

const value = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const another = '00-11111111111111111111111111111111-2222222222222222-00'
const options = { standardConformingStrings: true }
const read = (text: string) => readTrace(text, options)?.spanId ?? null

test('it is found in a comment, as sqlcommenter and people write it', () => {
  const texts = [
    `insert into t values (1) /*traceparent='${value}'*/`,
    `insert into t values (1) /*action='%2Fpolls',db_driver='pg',traceparent='${value}',tracestate='a%3D1'*/;`,
    `/* traceparent=${value} */ delete from t`,
    `/*traceparent:${value}*/ delete from t`,
    `-- traceparent='${value}'\ndelete from t`,
    `delete from t -- traceparent ${'='} ${value}`,
    `delete /* traceparent='nonsense' traceparent='${value}' */ from t`,
    `delete /* a /* traceparent='${value}' */ b */ from t`,
    `delete from t /*traceparent='${value}'*/ /*traceparent='${another}'*/`,
  ]
  for (const text of texts) assert.equal(read(text), '00f067aa0ba902b7', text)
})

test('what stands in a literal, a name or a dollar quote is no comment', () => {
  const texts = [
    `insert into t values ('/*traceparent=''${value}''*/')`,
    `insert into t values (E'\\'/*traceparent=${value}*/')`,
    `insert into "/*traceparent=${value}*/" values (1)`,
    `insert into t values ($x$ /*traceparent='${value}'*/ $x$)`,
    `insert into t values ('--traceparent=${value}')`,
    `select traceparent from t where traceparent = '${value}'`,
  ]
  for (const text of texts) assert.equal(read(text), null, text)
})

test('what is not well-formed, or is another key, or cannot be read, counts for nothing', () => {
  const texts = [
    `delete from t /*traceparent='${value.toUpperCase()}'*/`,
    `delete from t /*traceparent='${value}x'*/`,
    `delete from t /*x-traceparent='${value}'*/`,
    `delete from t /*old.traceparent='${value}'*/`,
    `delete from t /*traceparent='${value}'`,
    `delete from t where (a = 1 /*traceparent='${value}'*/`,
    `delete from t /*traceparent='${'0'.repeat(3000)}'*/`,
  ]
  for (const text of texts) assert.equal(read(text), null, text)
})

test('a comment does not keep a statement from being recognised', () => {
  for (
    const text of [
      `insert into s.t (a) values (1) /*traceparent='${value}'*/`,
      `/*traceparent='${value}'*/ insert into s.t (a) values (1)`,
      `insert /*traceparent='${value}'*/ into s.t (a) values (1); -- traceparent='${value}'`,
    ]
  ) {
    const found = recognise(text, options)
    assert.ok(found.certain, text)
    assert.deepEqual(
      found.statements.map(({ kind, targets }) => [kind, targets[0]?.name]),
      [['insert', 't']],
      text,
    )
  }
})

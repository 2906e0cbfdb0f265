// Goal: a trace is taken over only where its traceparent is well-formed, and goes on in it. Method: the examples and rules
// of https://www.w3.org/TR/trace-context/#traceparent-header.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { childOf, formatTraceparent, parseTraceparent, traceFields } from '../../src/lib/trace.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const good = `00-${traceId}-${spanId}-01`

test('a well-formed traceparent is a place in a trace', () => {
  assert.deepEqual(parseTraceparent(good), { traceId, spanId, flags: '01' })
  assert.equal(formatTraceparent({ traceId, spanId, flags: '01' }), good)
})

test('a later version may have more behind it; version 00 may not', () => {
  assert.deepEqual(parseTraceparent(`cc-${traceId}-${spanId}-01-what-the-future`), {
    traceId,
    spanId,
    flags: '01',
  })
  assert.equal(parseTraceparent(`${good}-more`), null)
})

test('what is not well-formed is as if it had not been told', () => {
  const bad = [
    '',
    'x',
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}0-${spanId}-01`,
    `00-${traceId}-${spanId}-0g`,
    ` ${good}`,
    `${good} `,
    `${good}\n`,
    `0-${traceId}-${spanId}-01`,
  ]
  for (const text of bad) assert.equal(parseTraceparent(text), null, JSON.stringify(text))
})

test('a child is another place in the same trace, never the place that is none', () => {
  const child = childOf(
    { traceId, spanId, flags: '01' },
    () => new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]),
  )
  assert.deepEqual(child, { traceId, spanId: '0102030405060708', flags: '01' })
  const zero = childOf({ traceId, spanId, flags: '00' }, (size) => new Uint8Array(size))
  assert.notEqual(parseTraceparent(formatTraceparent(zero)), null)
  assert.notEqual(childOf(child).spanId, childOf(child).spanId)
})

test('only the flag that version 00 knows is passed on', () => {
  assert.equal(formatTraceparent({ traceId, spanId, flags: 'ff' }), good)
  assert.equal(formatTraceparent({ traceId, spanId, flags: '02' }), `00-${traceId}-${spanId}-00`)
})

test('the fields of a log line have the names of OpenTelemetry', () => {
  assert.deepEqual(traceFields({ traceId, spanId, flags: '01' }), {
    trace_id: traceId,
    span_id: spanId,
  })
  assert.deepEqual(traceFields(null), {})
})

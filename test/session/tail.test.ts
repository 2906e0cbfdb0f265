// Goal: a frame in pieces is put together in linear time, and nothing that was given out changes afterwards. Method: pieces
// of every size against a plain concatenation; the buffers made for half a megabyte of single bytes are counted.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { Tail } from '../../src/session/tail.ts'
import { runsOf } from '../help/property.ts'

test('pieces are put together as they came, and what was given before stays as it was', () => {
  const step = fc.record({ chunk: fc.uint8Array({ maxLength: 900 }), used: fc.nat(1_000) })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const tail = new Tail()
      const given: [Uint8Array, Buffer][] = []
      let [held, expected] = [new Uint8Array(0) as Uint8Array, Buffer.alloc(0)]
      for (const { chunk, used } of steps) {
        expected = Buffer.concat([expected, chunk])
        const joined = tail.join(held, chunk)
        assert.deepEqual(Buffer.from(joined), expected)
        given.push([joined, Buffer.from(joined)])
        const at = Math.min(used, joined.length)
        held = joined.subarray(at)
        expected = expected.subarray(at)
        if (held.length === 0) tail.clear()
      }
      for (const [bytes, were] of given) assert.deepEqual(Buffer.from(bytes), were)
    }),
    runsOf(),
  )
})

test('half a megabyte that comes byte by byte takes a few buffers', () => {
  const tail = new Tail()
  const buffers = new Set<ArrayBufferLike>()
  let held: Uint8Array = new Uint8Array(0)
  for (let count = 0; count < 524_288; count += 1) {
    held = tail.join(held, Uint8Array.of(count & 0xff))
    buffers.add(held.buffer)
  }
  assert.ok(buffers.size <= 12, `${buffers.size} buffers`)
  assert.equal(held[524_287], 0xff)
})

// Goal: whatever way a stream is cut up, the same frames come out, within the limit. Method: every cut, and time.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { createFrameReader } from '../../src/wire/frames.ts'
import type { FrameReader } from '../../src/wire/frames.ts'
import { encodeQuery, sync } from '../../src/wire/frontend.ts'
import { ProtocolViolation } from '../../src/wire/violation.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function drain(reader: FrameReader): string[] {
  const frames: string[] = []
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    assert.equal(frame.tag, frame.bytes[0])
    frames.push(hex(frame.bytes))
  }
  return frames
}

const messages = [
  encodeQuery('select 1'),
  sync,
  encodeQuery(''),
  encodeQuery('x'.repeat(700)),
  sync,
]
const stream = Buffer.concat(messages)
const expected = messages.map(hex)

test('frames come out the same for every pair of cuts', () => {
  for (let first = 0; first <= stream.length; first += 1) {
    for (let second = first; second <= stream.length; second += 7) {
      const reader = createFrameReader({ sizeMax: 1000 })
      const frames: string[] = []
      for (const part of [[0, first], [first, second], [second, stream.length]] as const) {
        reader.push(stream.subarray(...part))
        frames.push(...drain(reader))
      }
      assert.deepEqual(frames, expected, `cut at ${first} and ${second}`)
      assert.equal(reader.rest().length, 0)
    }
  }
})

test('frames come out the same byte by byte, read as they come or all at the end', () => {
  for (const eager of [true, false]) {
    const reader = createFrameReader({ sizeMax: 1000 })
    const frames: string[] = []
    for (let at = 0; at < stream.length; at += 1) {
      reader.push(stream.subarray(at, at + 1))
      if (eager) frames.push(...drain(reader))
    }
    frames.push(...drain(reader))
    assert.deepEqual(frames, expected)
  }
})

test('a frame returned earlier is not touched by what is pushed later', () => {
  const reader = createFrameReader({ sizeMax: 1000 })
  const kept = []
  for (let round = 0; round < 400; round += 1) {
    const bytes = encodeQuery(`round ${round}`)
    for (let at = 0; at < bytes.length; at += 3) {
      reader.push(bytes.slice(at, at + 3))
      const frame = reader.next()
      if (frame !== undefined) kept.push({ frame, bytes })
    }
  }
  assert.equal(kept.length, 400)
  for (const { frame, bytes } of kept) assert.equal(hex(frame.bytes), hex(bytes))
})

test('a frame within one chunk is a view of it, also of a part of a larger buffer', () => {
  const whole = Buffer.concat([Buffer.from('garbage'), stream])
  const chunk = whole.subarray(7)
  const reader = createFrameReader({ sizeMax: 1000 })
  reader.push(chunk)
  const first = reader.next()
  const second = reader.next()
  assert.equal(first?.bytes.buffer, chunk.buffer)
  assert.equal(first?.bytes.byteOffset, chunk.byteOffset)
  assert.equal(second?.bytes.byteOffset, chunk.byteOffset + (messages[0]?.length ?? 0))
})

test('a length at the limit is accepted, one more is refused as soon as its header is there', () => {
  const body = Buffer.alloc(96)
  const frame = (length: number) => {
    const header = Buffer.from([0x51, 0, 0, 0, 0])
    header.writeInt32BE(length, 1)
    return header
  }
  const atLimit = createFrameReader({ sizeMax: 100 })
  atLimit.push(Buffer.concat([frame(100), body]))
  assert.equal(atLimit.next()?.bytes.length, 101)

  for (const length of [101, 3, 0, -1, 0x7fffffff]) {
    const reader = createFrameReader({ sizeMax: 100 })
    reader.push(frame(length).subarray(0, 4))
    assert.equal(reader.next(), undefined)
    reader.push(frame(length).subarray(4))
    for (const _again of [1, 2]) {
      assert.throws(() => reader.next(), (error: unknown) => {
        assert.ok(error instanceof ProtocolViolation)
        assert.equal(error.message, 'invalid message length')
        assert.equal(error.sqlstate, '08P01')
        return true
      })
    }
  }
})

test('a length of four is a whole message', () => {
  const reader = createFrameReader({ sizeMax: 4 })
  reader.push(sync)
  assert.equal(hex(reader.next()?.bytes ?? new Uint8Array()), hex(sync))
})

test('rest gives what was not read, and takes nothing away', () => {
  const reader = createFrameReader({ sizeMax: 1000 })
  reader.push(stream.subarray(0, 20))
  reader.push(stream.subarray(20, 25))
  reader.next()
  const rest = stream.subarray(messages[0]?.length, 25)
  assert.equal(hex(reader.rest()), hex(rest))
  assert.equal(hex(reader.rest()), hex(rest))
  reader.push(stream.subarray(25))
  assert.deepEqual(drain(reader), expected.slice(1))
})

/** Some tenths of a second are usual; a copy of all there is with each piece, or a shift of the list with each chunk, takes 40 s and more. */
const longMs = 4_000
const triesMax = 5

/** Whether all the steps are done in time, at one of several tries: a machine that stands still now and then decides nothing. */
function isQuick(steps: () => Iterable<unknown>): boolean {
  for (let tries = 0; tries < triesMax; tries++) {
    const until = performance.now() + longMs
    let isLate = false
    let step = 0
    for (const _ of steps()) {
      step += 1
      isLate = step % 1_024 === 0 && performance.now() > until
      if (isLate) break
    }
    if (!isLate && performance.now() <= until) return true
  }
  return false
}

test('a frame of a million pieces costs linear time', () => {
  const bytes = encodeQuery('x'.repeat(1_000_000))
  const quick = isQuick(function* () {
    const reader = createFrameReader({ sizeMax: 1 << 30 })
    for (let at = 0; at < bytes.length; at += 1) {
      reader.push(bytes.subarray(at, at + 1))
      yield reader.next()
    }
    assert.equal(reader.rest().length, 0)
  })
  assert.ok(quick, `longer than ${longMs} ms`)
})

test('many small frames pushed before any is read cost linear time', () => {
  const count = 480_000
  const chunk = encodeQuery('x'.repeat(600))
  const quick = isQuick(function* () {
    const reader = createFrameReader({ sizeMax: 1000 })
    for (let index = 0; index < count; index += 1) yield reader.push(chunk)
    let frames = 0
    while (reader.next() !== undefined) yield frames += 1
    assert.equal(frames, count)
  })
  assert.ok(quick, `longer than ${longMs} ms`)
})

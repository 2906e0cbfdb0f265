// Goal: frames are found in the backend's stream however it is cut. Method: a stream of every kind of frame, cut at
// every offset and at random, against the same stream in one piece.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { Scanner } from '../../src/session/scanner.ts'
import { Tracker } from '../../src/session/tracker.ts'
import {
  bindComplete,
  encodeCommandComplete,
  encodeDataRow,
  encodeErrorResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
  parseComplete,
} from '../../src/wire/backend.ts'
import { frameSizeMax } from '../../src/wire/frames.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { runsOf } from '../help/property.ts'

const parameter = encodeParameterStatus('application_name', 'a'.repeat(20))
const hugeParameter = encodeParameterStatus('x', 'y'.repeat(70_000))
const frames = [
  parseComplete,
  bindComplete,
  encodeDataRow([new Uint8Array(50).fill(0x5a)]),
  parameter,
  encodeCommandComplete('SELECT 1'),
  encodeReadyForQuery('T'),
  encodeErrorResponse([['C', '22012'], ['M', 'Z\0'.slice(0, 1)]]),
  encodeReadyForQuery('E'),
  encodeReadyForQuery('I'),
  encodeMessage('N', (writer) => writer.int8(0)),
]
const stream = Buffer.concat(frames)

/** What the scanner says of the stream cut into these pieces. */
function scan(pieces: readonly Uint8Array[]): string[] {
  const heard: string[] = []
  const tracker = new Tracker()
  tracker.received = (code) => void heard.push(String.fromCharCode(code))
  tracker.ready = (status) => void heard.push(`Z${status}`)
  const scanner = new Scanner(tracker, (frame) => {
    assert.deepEqual(Buffer.from(frame), Buffer.from(parameter))
    heard.push('parameter')
  })
  for (const piece of pieces) scanner.scan(piece)
  assert.equal(scanner.atBoundary, true)
  return heard
}

const expected = ['1', '2', 'D', 'S', 'parameter', 'C', 'ZT', 'E', 'ZE', 'ZI', 'N']

test('cut in two at every offset the stream is the same', () => {
  for (let at = 0; at <= stream.length; at++) {
    assert.deepEqual(scan([stream.subarray(0, at), stream.subarray(at)]), expected)
  }
})

test('cut in three, in single bytes and at random it is the same', () => {
  for (let at = 0; at < stream.length; at++) {
    const to = Math.min(at + 3, stream.length)
    assert.deepEqual(
      scan([stream.subarray(0, at), stream.subarray(at, to), stream.subarray(to)]),
      expected,
    )
  }
  assert.deepEqual(scan([...stream].map((byte) => Uint8Array.of(byte))), expected)
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 40 }), (offsets) => {
      const cuts = [0, ...offsets.sort((a, b) => a - b), stream.length]
      const pieces = cuts.slice(1).map((to, index) => stream.subarray(cuts[index], to))
      assert.deepEqual(scan(pieces), expected)
    }),
    runsOf(),
  )
})

test('finishFrame takes the rest of the frame under way and no more', () => {
  for (let at = 1; at < stream.length; at++) {
    const scanner = new Scanner(new Tracker(), () => {})
    scanner.scan(stream.subarray(0, at))
    const ends = frames.reduce<number[]>(
      (sums, { length }) => [...sums, (sums.at(-1) ?? 0) + length],
      [],
    )
    const end = ends.find((offset) => offset >= at) ?? 0
    assert.equal(scanner.atBoundary, end === at)
    assert.equal(scanner.finishFrame(stream.subarray(at)), end - at)
    assert.equal(scanner.atBoundary, true)
  }
})

test('a frame far longer than a chunk passes without being kept', () => {
  const scanner = new Scanner(new Tracker(), () => assert.fail('not looked at'))
  const head = Buffer.alloc(5)
  head.write('D')
  head.writeUInt32BE(frameSizeMax, 1)
  scanner.scan(head)
  const piece = new Uint8Array(65_536)
  for (let left = frameSizeMax - 4; left > 0; left -= piece.length) {
    assert.equal(scanner.atBoundary, false)
    scanner.scan(piece.subarray(0, Math.min(left, piece.length)))
  }
  assert.equal(scanner.atBoundary, true)
})

test('a ParameterStatus that no server sends is not kept', () => {
  const scanner = new Scanner(new Tracker(), () => assert.fail('it was kept'))
  for (let at = 0; at < hugeParameter.length; at += 1_000) {
    scanner.scan(hugeParameter.subarray(at, at + 1_000))
  }
  assert.equal(scanner.atBoundary, true)
})

test('lengths that no server sends are refused', () => {
  for (const bytes of ['D\0\0\0\x03', 'D\x40\0\0\0', 'Z\0\0\0\x06', 'Z\xff\xff\xff\xff']) {
    for (const cut of [1, 4, 5]) {
      const scanner = new Scanner(new Tracker(), () => {})
      const all = Buffer.from(bytes, 'latin1')
      assert.throws(() => {
        scanner.scan(all.subarray(0, cut))
        scanner.scan(all.subarray(cut))
      }, /invalid message length from the database/)
    }
  }
})

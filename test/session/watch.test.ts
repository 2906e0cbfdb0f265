// Goal: errors can be reworded wherever they are cut, with why the text was not read to which they reply, and everything else
// passes as it comes. Method: a link over a stream of the test's own, in place of a Postgres.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { Link } from '../../src/session/link.ts'
import {
  encodeCommandComplete,
  encodeDataRow,
  encodeErrorResponse,
  encodeReadyForQuery,
} from '../../src/wire/backend.ts'

const query = 'Q'.charCodeAt(0)
const error = (message: string): Uint8Array => encodeErrorResponse([['S', 'ERROR'], ['M', message]])
const other = Buffer.from(error('in other words'))
const row = encodeDataRow([new Uint8Array(40).fill('E'.charCodeAt(0))])
const [complete, ready] = [encodeCommandComplete('SELECT 1'), encodeReadyForQuery('I')]

/** A link that has been sent queries of which the one at `unread` was not read, and what has reached the client. */
function play(queries: number, unread: number) {
  const told: Buffer[] = []
  const socket = new Duplex({ read: () => {}, write: (_bytes, _encoding, done) => done() })
  const reworded: [Buffer, string | undefined][] = []
  const login = { socket, rest: new Uint8Array(), key: null, parameters: new Map() }
  const link = new Link(login as unknown as ConstructorParameters<typeof Link>[0], {
    write: (bytes) => told.push(Buffer.from(bytes)) > 0,
    reword: (frame, unread) => {
      reworded.push([Buffer.from(frame.bytes), unread?.reason])
      return unread === null ? frame.bytes : other
    },
    closed: () => {},
  }).start()
  for (let index = 0; index < queries; index++) {
    if (index === unread) link.tracker.noteUnread({ kind: 'form', reason: 'a test' })
    link.tracker.sent(query)
  }
  const receive = (bytes: Uint8Array) => void socket.emit('data', bytes)
  return { link, receive, reworded, told: () => Buffer.concat(told) }
}

test('an error is looked at whole wherever it is cut, each with what is known of the text it replies to', () => {
  const parts = [error('first'), ready, row, error('second'), ready, error('third'), ready, row]
  const stream = Buffer.concat(parts)
  const expected = Buffer.concat(parts.with(3, other))
  const check = (pieces: readonly Uint8Array[]) => {
    const { link, receive, reworded, told } = play(3, 1)
    for (const piece of pieces) receive(piece)
    assert.deepEqual(told(), expected)
    assert.deepEqual(reworded, [
      [Buffer.from(error('first')), undefined],
      [Buffer.from(error('second')), 'a test'],
      [Buffer.from(error('third')), undefined],
    ])
    assert.deepEqual([link.atBoundary, link.closed], [true, false])
  }
  for (let at = 0; at <= stream.length; at++) {
    check([stream.subarray(0, at), stream.subarray(at)])
    const to = Math.min(at + 3, stream.length)
    check([stream.subarray(0, at), stream.subarray(at, to), stream.subarray(to)])
  }
  check([...stream].map((byte) => Uint8Array.of(byte)))
})

test('all other frames, and an error longer than any refusal, are given to the client as they come', () => {
  for (const frame of [row, complete, error('x'.repeat(70_000))]) {
    const { receive, reworded, told } = play(1, 0)
    for (let at = 5; at < frame.length; at += 1_000) {
      receive(frame.subarray(at === 5 ? 0 : at - 1_000, at))
      assert.equal(told().length, at)
    }
    assert.deepEqual(reworded, [])
  }
})

test('an error that has begun when a mutation begins is not lost', () => {
  const { link, receive, told } = play(1, 0)
  const [bytes, cut] = [error('late'), 9]
  receive(bytes.subarray(0, cut))
  link.lend()
  receive(Buffer.concat([bytes.subarray(cut), row]))
  assert.deepEqual(told(), Buffer.concat([bytes, row]))
  receive(row.subarray(0, 8))
  link.reclaim()
  receive(Buffer.concat([row.subarray(8), error('a refusal')]))
  assert.deepEqual(told(), Buffer.concat([bytes, row, row, other]))
})

// Goal: the gate lets everything through that concerns no mutation, stops at the first frame that might, and never lets
// a byte of that one pass. Method: streams cut at every offset and at random, against a reference that sees whole frames.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { Gate, type GateRules, inspectedSizeMax } from '../../src/session/gate.ts'
import { Tracker } from '../../src/session/tracker.ts'
import { UnreadStatements } from '../../src/session/unread.ts'
import { frameSizeMax } from '../../src/wire/frames.ts'
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  flush,
  sync,
} from '../../src/wire/frontend.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { runsOf } from '../help/property.ts'

const rules = (statements: readonly string[] = [], portals: readonly string[] = []): GateRules => ({
  mayConcern: (text) => text.includes('delete'),
  statements: new Map(statements.map((name) => [name, null])),
  portals: new Map(portals.map((name) => [name, null])),
  unread: new UnreadStatements(),
  sizeMax: frameSizeMax,
  forgetUnnamed: () => {},
})

/** Feeds the pieces as a session does: what did not pass comes again, in front of the next piece. */
function feed(
  gate: Gate,
  pieces: readonly Uint8Array[],
): { passed: Buffer; stopped: boolean; left: Buffer } {
  let passed = Buffer.alloc(0)
  let held = Buffer.alloc(0)
  for (const [index, piece] of pieces.entries()) {
    const bytes = Buffer.concat([held, piece])
    const { pass, stop } = gate.scan(bytes)
    passed = Buffer.concat([passed, bytes.subarray(0, pass)])
    held = bytes.subarray(pass)
    if (stop) {
      return { passed, stopped: true, left: Buffer.concat([held, ...pieces.slice(index + 1)]) }
    }
  }
  return { passed, stopped: false, left: held }
}

interface Sample {
  readonly bytes: Uint8Array
  /** With statement `s` and portal `p` known to mutate. */
  readonly stops: boolean
}
const samples: readonly Sample[] = [
  { bytes: encodeQuery('select 1'), stops: false },
  { bytes: encodeQuery('delete from t'), stops: true },
  { bytes: encodeParse({ name: 'any', sql: 'select 1' }), stops: true },
  { bytes: encodeBind({ portal: '', statement: '' }), stops: false },
  { bytes: encodeBind({ portal: '', statement: 's' }), stops: true },
  { bytes: encodeBind({ portal: 'p', statement: 'other' }), stops: true },
  {
    bytes: encodeBind({ portal: '', statement: 'x', parameters: [new Uint8Array(9_000)] }),
    stops: false,
  },
  {
    bytes: encodeBind({ portal: '', statement: 's', parameters: [new Uint8Array(9_000)] }),
    stops: true,
  },
  { bytes: encodeDescribe('statement', 's'), stops: true },
  { bytes: encodeDescribe('statement', 'p'), stops: false },
  { bytes: encodeDescribe('portal', 'p'), stops: true },
  { bytes: encodeDescribe('portal', 's'), stops: false },
  { bytes: encodeExecute({ portal: 'p' }), stops: true },
  { bytes: encodeExecute({ portal: '' }), stops: false },
  { bytes: encodeClose('statement', 's'), stops: true },
  { bytes: encodeClose('portal', 's'), stops: false },
  { bytes: flush, stops: false },
  { bytes: sync, stops: false },
  {
    bytes: encodeMessage('d', (writer) => writer.bytes(Buffer.from('Qdelete from t'.repeat(50)))),
    stops: false,
  },
]

test('a stream cut anywhere passes up to the first frame that may concern a mutation', () => {
  const list = fc.array(fc.constantFrom(...samples), { maxLength: 12 })
  const cuts = fc.array(fc.nat(1_000), { maxLength: 12 })
  fc.assert(
    fc.property(list, cuts, (frames, sizes) => {
      const stream = Buffer.concat(frames.map(({ bytes }) => bytes))
      const first = frames.findIndex(({ stops }) => stops)
      const before = frames.slice(0, first < 0 ? undefined : first)
      const pieces: Uint8Array[] = []
      let at = 0
      for (const size of sizes) pieces.push(stream.subarray(at, at += size))
      pieces.push(stream.subarray(at))
      const tracker = new Tracker()
      const heard: number[] = []
      tracker.sent = (code) => void heard.push(code)
      const { passed, stopped, left } = feed(new Gate(tracker, rules(['s'], ['p'])), pieces)
      assert.equal(stopped, first >= 0)
      assert.deepEqual(passed, Buffer.concat(before.map(({ bytes }) => bytes)))
      assert.equal(passed.length + left.length, stream.length)
      assert.deepEqual(heard, before.map(({ bytes }) => bytes[0]))
    }),
    runsOf(1_000),
  )
})

test('each frame is judged the same wherever it is cut', () => {
  for (const { bytes, stops } of samples) {
    const step = Math.ceil(bytes.length / 400)
    for (let at = 0; at <= bytes.length; at += step) {
      const gate = new Gate(new Tracker(), rules(['s'], ['p']))
      const { passed, stopped } = feed(gate, [bytes.subarray(0, at), bytes.subarray(at)])
      assert.equal(stopped, stops)
      assert.equal(passed.length, stops ? 0 : bytes.length)
    }
  }
})

test('while nothing is prepared, only texts are looked at', () => {
  const gate = new Gate(new Tracker(), rules())
  for (const { bytes } of samples.filter(({ bytes }) => bytes[0] !== 0x51)) {
    assert.deepEqual(gate.scan(bytes), { pass: bytes.length, stop: false })
  }
  assert.equal(gate.scan(encodeParse({ name: '', sql: 'delete from t' })).stop, true)
})

test('a text is looked at up to the limit, and passes uninspected beyond it', () => {
  const sql = (size: number) => `delete${' '.repeat(size - 5 - 1 - 6)}`
  const gate = new Gate(new Tracker(), rules())
  const atLimit = encodeQuery(sql(inspectedSizeMax))
  assert.equal(atLimit.length, inspectedSizeMax)
  assert.deepEqual(gate.scan(atLimit), { pass: 0, stop: true })
  assert.deepEqual(gate.scan(atLimit.subarray(0, -1)), { pass: 0, stop: false })
  const beyond = encodeQuery(sql(inspectedSizeMax + 1))
  assert.deepEqual(gate.scan(beyond.subarray(0, 100)), { pass: 100, stop: false })
  assert.deepEqual(gate.scan(beyond.subarray(100)), { pass: beyond.length - 100, stop: false })
  assert.equal(gate.scan(encodeQuery('delete')).stop, true)
})

test('a text that is too long is remembered until it is answered, and by its name until that is another’s', () => {
  const tracker = new Tracker()
  const gate = new Gate(tracker, rules())
  const long = 'x'.repeat(inspectedSizeMax)
  const pass = (...frames: Uint8Array[]) => {
    for (const bytes of frames) {
      // cut within the name, and within the text
      for (const part of [bytes.subarray(0, 7), bytes.subarray(0, 99), bytes.subarray(0)]) {
        const { pass } = gate.scan(part)
        if (pass === 0) continue
        if (pass < bytes.length) gate.scan(bytes.subarray(pass))
        break
      }
    }
    return tracker.unread?.kind
  }
  const answer = (letters: string) => {
    for (const letter of letters) tracker.received(letter.charCodeAt(0))
    tracker.ready('I')
    return tracker.unread !== null
  }
  assert.equal(pass(encodeQuery('select 1'), encodeQuery(long)), undefined)
  assert.equal(answer('C'), true)
  assert.equal(tracker.unread?.kind, 'limit')
  assert.equal(answer('E'), false)
  assert.equal(pass(encodeParse({ name: 'named', sql: long }), sync), 'limit')
  assert.equal(answer('1'), false)
  assert.equal(pass(encodeBind({ portal: '', statement: 'other' }), sync), undefined)
  answer('2')
  assert.equal(pass(encodeBind({ portal: 'p', statement: 'named' }), sync), 'limit')
  answer('2')
  pass(encodeParse({ name: 'named', sql: 'select 1' }), sync)
  answer('1')
  assert.equal(pass(encodeBind({ portal: 'p', statement: 'named' }), sync), undefined)
  answer('2')
  for (const [size, kind] of [[255, 'limit'], [256, undefined]] as const) {
    const name = 'n'.repeat(size)
    assert.equal(pass(encodeParse({ name, sql: long }), sync), 'limit')
    answer('1')
    assert.equal(pass(encodeBind({ portal: '', statement: name }), sync), kind, `${size} bytes`)
    answer('2')
  }
})

test('a length that no client sends, and all that follows, is for Postgres to refuse', () => {
  for (const bytes of ['Q\0\0\0\x03', 'Q\x40\0\0\0', 'd\xff\xff\xff\xff']) {
    const gate = new Gate(new Tracker(), rules())
    assert.deepEqual(gate.scan(Buffer.from(bytes, 'latin1')), { pass: 5, stop: false })
    const after = encodeQuery('delete from contacts')
    assert.deepEqual(gate.scan(after), { pass: after.length, stop: false })
  }
})

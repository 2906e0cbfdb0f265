// Goal: the tracker knows at any time which replies are owed. Method: scripts of frames in the order in which they pass,
// and random pipelines against a small model of Postgres's message loop.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Tracker } from '../../src/session/tracker.ts'
import { runsOf } from '../help/property.ts'

/**
 * Plays a script: words of letters; `>` sends them, `<` receives them (a status I, T or E after Z is that of
 * ReadyForQuery).
 */
function play(script: string, tracker = new Tracker()): Tracker {
  for (const word of script.split(/\s+/).filter(Boolean)) {
    const letters = word.slice(1).split('')
    if (word.startsWith('>')) { for (const letter of letters) tracker.sent(letter.charCodeAt(0)) }
    else if (word.startsWith('<Z')) tracker.ready(word.charAt(2) as 'I' | 'T' | 'E')
    else for (const letter of letters) tracker.received(letter.charCodeAt(0))
  }
  return tracker
}

const states: readonly [name: string, script: string, quiet: boolean, more?: Partial<Tracker>][] = [
  ['nothing has happened', '', true, { status: 'I', tail: 0 }],
  ['a query is unanswered', '>Q <TDC', false],
  ['a query is answered', '>Q <TDC <ZI', true],
  ['the second of two queries is unanswered', '>QQ <TDC <ZI', false],
  ['a block is open', '>Q <C <ZT', true, { status: 'T' }],
  ['a Sync is unanswered', '>PBDES <12TDC', false, { tail: 0 }],
  ['a pipeline has no Sync and no replies', '>PBE', false, { tail: 3 }],
  ['a pipeline has no Sync and all replies', '>PBDE <12TDDC', true, { tail: 4 }],
  ['a Describe of a statement is half answered', '>PD <1t', false],
  ['a Describe of a statement is answered', '>PD <1tn', true],
  ['a pipeline without an Execute', '>PBD <12T', true, { executed: false }],
  ['a pipeline with an Execute', '>PBED <12CT', true, { executed: true }],
  ['a pipeline after one with an Execute', '>PBES <12C <ZI >PD <1tn', true, { executed: false }],
  ['a pipeline after one that failed', '>PBE <1E >S <ZI >PD <1tn', true, { executed: false }],
  ['a portal is suspended', '>PBE <12Ds', true],
  ['the error of a pipeline', '>PBE <1E', true, { failed: true }],
  ['the error of a pipeline, Sync sent', '>PBE <1E >S', false],
  ['the error of a pipeline, Sync answered', '>PBES <1E <ZI', true, { failed: false, tail: 0 }],
  ['the next pipeline after an error', '>PBES <E >PBE <ZI', false, { failed: false, tail: 3 }],
  ['a Query after the error of a pipeline is skipped', '>PBE <E >Q', true],
  ['a Query sent before the error of a pipeline is skipped', '>PQ <E', true, { failed: true }],
  ['and so is a FunctionCall', '>PF <E', true, { failed: true }],
  ['a skipped Query, then Sync', '>PQS <E <ZI', true],
  ['a skipped Query, a Sync, another Query', '>PQSQ <E <ZI', false],
  ['all of that answered', '>PQSQ <E <ZI <C <ZI', true],
  ['the error of a Query after a pipeline that was fine', '>PBEQ <12C <E', false],
  ['answered', '>PBEQ <12C <E <ZI', true, { failed: false }],
  ['an error without anything to answer', '<E', true, { failed: false }],
  ['COPY waits for data', '>Q <G', false, { copying: true }],
  ['COPY has its data', '>Q <G >ddc', false, { copying: false }],
  ['COPY is answered', '>Q <G >ddc <C <ZI', true],
  ['COPY fails half-way', '>Q <G >dd <E <ZI >dc', true, { copying: false }],
  ['COPY with all its data ahead', '>Qddc <G', false, { copying: false }],
  ['COPY with all its data ahead fails at once', '>Qddc <E <ZI', true],
  ['the next COPY after stray data', '>Qddc <E <ZI >Q <G', false, { copying: true }],
  ['two COPYs with their data ahead', '>QdcQdc <G <C <ZI <G', false, { copying: false }],
  ['two COPYs, both answered', '>QdcQdc <G <C <ZI <G <C <ZI', true],
  ['a Sync while COPY reads is dropped', '>Q <G >dSc <C <ZI', true],
  ['COPY in the extended protocol with an early Sync', '>PBES <12G', false, {
    copying: true,
    tail: 3,
  }],
  ['its data and its second Sync', '>PBES <12G >dcS <C', false],
  ['answered', '>PBES <12G >dcS <C <ZI', true, { tail: 0 }],
  ['all of it ahead', '>PBESdcS <12G <C', false],
  ['all of it ahead and answered', '>PBESdcS <12G <C <ZI', true],
  ['it fails before it reads', '>PBES <12E <ZI', true, { failed: false }],
  ['it fails half-way, Sync to come', '>PBES <12G >d <E', true, { failed: true }],
  ['it fails half-way, Sync sent', '>PBES <12G >d <E >cS', false],
  ['it fails half-way, Sync answered', '>PBES <12G >d <E >cS <ZI', true, { tail: 0 }],
  ['its early Sync is answered after all', '>PBES <12G <E <ZI', true, { tail: 0, failed: false }],
  ['a pipeline goes on after COPY', '>PBEdcPBE <12G <C <12', false, { copying: false }],
  ['and is answered', '>PBEdcPBES <12G <C <12C <ZI', true],
  ['COPY TO STDOUT', '>Q <HddcC', false, { copying: false }],
]

test('after each script the tracker knows whether everything is answered', () => {
  for (const [name, script, quiet, more = {}] of states) {
    const tracker = play(script)
    assert.equal(tracker.quiet, quiet, `${name}: ${script}`)
    for (const [field, value] of Object.entries(more)) {
      assert.equal(tracker[field as keyof Tracker], value, `${name}: ${script}: ${field}`)
    }
  }
})

test('an epoch ends whenever Postgres is ready outside a block', () => {
  assert.equal(play('>Q <ZT >Q <ZE').epoch, 0)
  assert.equal(play('>Q <ZT >Q <ZI >S <ZI').epoch, 2)
})

test('a long pipeline costs as much for each query as a short one', () => {
  const count = 200_000
  const tracker = new Tracker()
  play(`>${'Q'.repeat(count)}`, tracker)
  const startedAt = performance.now()
  for (let left = count; left > 0; left--) {
    assert.equal(tracker.quiet, false)
    play('<C <ZI', tracker)
  }
  assert.equal(tracker.quiet, true)
  // 0.3 s; more than a minute where each answer moves all that are still owed
  assert.ok(performance.now() - startedAt < 15_000)
})

const notRead = { kind: 'form', reason: 'a test' } as const

test('what was not read is known while the server is at it', () => {
  // `>!` notes that what is sent next was not read
  for (
    const [script, known] of [
      ['>! >Q', [true, true]],
      ['>! >Q <C <ZI', [true, true, true, false]],
      ['>QQ >! >Q <C <ZI <C <ZI <C <ZI', [
        false,
        false,
        false,
        false,
        false,
        false,
        true,
        true,
        false,
      ]],
      ['>! >P >BES <12C <ZI', [true, true, true, true, false]],
      ['>! >P <1', [true, true, true]],
      ['>P >! >Q <E', [false, true, true, false]],
      ['>P >! >Q >S >! >Q <E <ZI <C <ZI', [
        false,
        true,
        true,
        true,
        true,
        true,
        false,
        true,
        true,
        false,
      ]],
      ['>PBE >! >Q >S <E <ZI', [false, true, true, true, false, false]],
      ['>! >P >BES <12G >dcS <C <ZI', [true, true, true, false, false, false, false]],
      ['>! >Q <G >ddc <C <ZI', [true, true, true, true, true, false]],
      ['>! >Qdc >! >Q <G <C <ZI <C <ZI', [true, true, true, true, true, true, true, true, false]],
    ] as const
  ) {
    const tracker = new Tracker()
    const heard = script.split(' ').map((word) => {
      if (word === '>!') tracker.noteUnread(notRead)
      else play(word, tracker)
      return tracker.unread !== null
    })
    assert.deepEqual(heard, known, script)
  }
})

/** Replies to the messages that succeed. */
const replyOf: Readonly<Record<string, readonly string[]>> = {
  P: ['1'],
  B: ['2'],
  D: ['t', 'n'],
  E: ['D', 'D', 'C'],
  C: ['3'],
}

/** What Postgres answers to a sequence of messages; lower case letters are messages that fail. */
function answer(messages: readonly string[]): string[] {
  const replies: string[] = []
  let skipping = false
  for (const message of messages) {
    if (message === 'S') {
      replies.push('Z')
      skipping = false
    } else if (skipping) continue
    else if (message === 'Q') replies.push('T', 'D', 'C', 'Z')
    else if (message === 'q') replies.push('E', 'Z')
    else if (message === message.toLowerCase()) {
      replies.push('E')
      skipping = true
    } else replies.push(...(replyOf[message] ?? []))
  }
  return replies
}

const anyMessages = fc.array(
  fc.constantFrom('P', 'B', 'D', 'E', 'C', 'p', 'e', 'S', 'S', 'Q', 'q'),
  { maxLength: 30 },
)

/** Sends these, and after each so many of the model's replies as `paces` says are received; 0: all that there are. */
function follow(list: readonly string[], paces: readonly number[]): void {
  const tracker = new Tracker()
  const hear = (letter: string) => {
    if (letter === 'Z') tracker.ready('I')
    else tracker.received(letter.charCodeAt(0))
  }
  let heard = 0
  for (const [index, message] of list.entries()) {
    if (message.toUpperCase() === 'Q' && paces[index] !== 1) tracker.noteUnread(notRead)
    tracker.sent(message.toUpperCase().charCodeAt(0))
    const replies = answer(list.slice(0, index + 1))
    const until = paces[index] === 0
      ? replies.length
      : Math.min(heard + (paces[index] ?? 0), replies.length)
    for (; heard < until; heard++) hear(replies[heard] ?? '')
    assert.equal(tracker.quiet, heard === replies.length)
  }
  tracker.sent('S'.charCodeAt(0))
  for (const letter of answer([...list, 'S']).slice(heard)) {
    assert.equal(tracker.quiet, false)
    hear(letter)
  }
  assert.equal(tracker.quiet, true)
  assert.equal(tracker.unread, null)
}

test('in random pipelines it is quiet exactly when the model has answered everything', () => {
  const pace = fc.array(fc.nat(4), { minLength: 30, maxLength: 30 })
  fc.assert(fc.property(anyMessages, pace, follow), runsOf(2_000))
})

test('and so it is far behind in a long one', () => {
  const ahead = 200
  const pace = fc.array(fc.integer({ min: 1, max: 6 }), {
    minLength: ahead + 30,
    maxLength: ahead + 30,
  })
  fc.assert(
    fc.property(anyMessages, pace, (list, paces) => {
      follow([...Array<string>(ahead).fill('Q'), ...list], paces)
    }),
    runsOf(100),
  )
})

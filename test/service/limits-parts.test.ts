// Goal: what the gate is made of does what it says where a whole service can hardly be brought. Method: the parts by
// themselves, with clocks and stores of a few lines.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStoreClock } from '../../src/service/limits/clock.ts'
import { createLag } from '../../src/service/limits/lag.ts'
import { platforms } from '../../src/mutation/table.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { asTold, limitOf } from '../../src/service/limits/limit.ts'
import { createLine, type Wish } from '../../src/service/limits/line.ts'
import type { Job, Taken } from '../../src/store/buckets.ts'
import { second } from './limits-platform.ts'

test('a moment of the store is never taken for an earlier one', () => {
  let now = 1_000
  const clock = createStoreClock(() => now)
  clock.note(501_000, 1_000 - 30) // the store's clock is ahead by 500,000 at least
  assert.equal(clock.localOf(501_500), 1_500)
  now = 1_100
  clock.note(501_090, 1_090) // a slow answer says less
  assert.equal(clock.localOf(501_500), 1_500)
})

test('when the store’s clock has been put back, what it said before is forgotten', () => {
  let now = 1_000
  const clock = createStoreClock(() => now)
  clock.note(501_000, 995)
  now = 2_000
  clock.note(501_995 - 100, 1_990)
  assert.equal(clock.localOf(502_000), 2_105, 'by a tenth of a second')
  now = 3_000
  clock.note(502_895 - 3_600_000, 2_990)
  assert.equal(clock.localOf(502_995 - 3_600_000), 3_100, 'by an hour')
})

const taking = { limit: limitOf(second), units: 1 }

function wish(ticket: number): Wish {
  const common = { leadMs: 0, background: false, share: 1, confirm: false, back: [] }
  return { ...common, ticket, waitMs: () => ticket, requests: [[taking]] }
}

/** Asked again and again, a store that answers so many jobs of each question. */
function lineOn(answered: number): { line: ReturnType<typeof createLine>; asked: number[][] } {
  const asked: number[][] = []
  const line = createLine(({ jobs }) => {
    asked.push(jobs.map(({ waitMs }) => waitMs))
    const turned = (_: Job, i: number) => i < answered ? { moments: [i], firms: [true] } : null
    return Promise.resolve<Taken>({ now: 0, epoch: 0, jobs: jobs.map(turned) })
  })
  return { line, asked }
}

test('who was not answered is asked for again, in front of those who came later', async () => {
  const { line, asked } = lineOn(2)
  const first = line.take(wish(1))
  const others = [5, 3, 4, 2].map((ticket) => line.take(wish(ticket)))
  const answers = await Promise.all([first, ...others])
  assert.deepEqual(answers.map(({ kind }) => kind), Array(5).fill('taken'))
  assert.deepEqual(asked, [[1], [2, 3, 4, 5], [4, 5]])
})

test('when the buckets are held all of the question hear when to come again', async () => {
  const line = createLine(() => Promise.resolve(null))
  const answers = await Promise.all([line.take(wish(1)), line.take(wish(2))])
  const late = { kind: 'late', waitMs: 5_000, taking: null } as const
  assert.deepEqual(answers, [late, late])
})

test('an answer is late when it took far longer than answers do', () => {
  const lag = createLag()
  assert.equal(lag.note(20)(28), 0, 'on its way')
  for (let n = 0; n < 9; n++) assert.equal(lag.note(250)(28), 250, 'what is usual is not known yet')
  assert.equal(lag.note(300)(28), 0)
  for (let n = 0; n < 20; n++) lag.note(300)
  assert.equal(lag.note(600)(28), 0, 'as long as the platform takes at times')
  assert.equal(lag.note(700)(28), 400)
})

test('a limit that a platform has told is in the words of the rule, of every platform', () => {
  const rules = platforms.flatMap((name) => adapterFor(name).rates.rules({}))
  assert.ok(rules.length > platforms.length)
  for (const rule of rules) {
    for (const told of [Math.ceil(rule.limit * 0.7), 3, 1].filter((each) => each < rule.limit)) {
      const { about, limit } = asTold(rule, told)
      assert.equal(limit, told)
      assert.match(about, new RegExp(`^${told}|^${told.toLocaleString('en')}`), about)
      assert.doesNotMatch(about, /;/)
    }
    assert.equal(asTold(rule, rule.limit), rule)
  }
  const [hourly] = adapterFor('github').rates.rules({})
  assert.ok(hourly)
  assert.equal(asTold(hourly, 3_500).about, '3,500 REST requests an hour')
  assert.equal(asTold(hourly, 60).about, '60 REST requests an hour')
})

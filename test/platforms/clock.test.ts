// Goal: a platform's clock that is wrong, or ours, is noticed by its answers. Method: answers made by hand, a clock that the
// test moves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import type { HttpResponse } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { watchClock } from '../../src/platforms/clock.ts'
import type { Caller } from '../../src/platforms/platform.ts'

const now = Date.parse('2026-11-26T04:00:00.400Z')

/** By how much they differ after an answer that took two seconds and says this `Date`. */
async function apartAfter(...dates: (string | undefined)[]): Promise<number> {
  let elapsedMs = 7
  const told = dates.values()
  const send = (): Promise<HttpResponse> => {
    elapsedMs += 2_000
    const { value: date } = told.next()
    const headers: Record<string, string> = date === undefined ? {} : { date }
    return Promise.resolve({ status: 200, headers, body: '' })
  }
  const caller: Caller = {
    baseUrl: 'http://localhost',
    settings: {},
    http: { send, close: () => Promise.resolve() },
    deadline: deadlineIn(1_000),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('t'),
  }
  const watched = watchClock(caller, now, () => elapsedMs)
  for (const _ of dates) {
    await watched.caller.http.send({ method: 'GET', url: 'http://localhost/', waitMs: 1 })
  }
  return watched.apartMs()
}

test('a date of while the answer was under way shows no difference', async () => {
  assert.equal(await apartAfter('Thu, 26 Nov 2026 04:00:00 GMT'), 0)
  assert.equal(await apartAfter('Thu, 26 Nov 2026 04:00:02 GMT'), 0)
})

test('one of before or after does, by at least so much', async () => {
  assert.equal(await apartAfter('Thu, 26 Nov 2026 03:59:50 GMT'), 9_400)
  assert.equal(await apartAfter('Thu, 26 Nov 2026 04:00:12 GMT'), 9_600)
})

test('the largest of several counts, and time that has passed is no difference', async () => {
  const behind = 'Thu, 26 Nov 2026 03:59:50 GMT'
  assert.equal(await apartAfter(behind, 'Thu, 26 Nov 2026 04:00:03 GMT'), 9_400)
  assert.equal(
    await apartAfter(
      ...Array.from({ length: 5 }, (_, n) => `Thu, 26 Nov 2026 04:00:0${2 * n + 1} GMT`),
    ),
    0,
  )
})

test('answers without a date, or with one that is none, say nothing', async () => {
  assert.equal(await apartAfter(undefined, 'yesterday'), 0)
})

// Goal: reading back never holds a statement whose write is done. Method: a reading that never ends.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeadlineExceeded, deadlineIn, remainingMs } from '../../src/lib/deadline.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Caller } from '../../src/platforms/platform.ts'
import { readBack } from '../../src/platforms/read-back.ts'

const caller = (more: Partial<Caller>): Caller => ({
  baseUrl: 'http://x.test',
  settings: {},
  http: { send: () => Promise.reject(new Error('nobody sends')), close: () => Promise.resolve() },
  deadline: deadlineIn(60_000),
  signal: new AbortController().signal,
  log: silentLog,
  token: () => Promise.resolve('first'),
  ...more,
})

test('it has ten seconds, however late the deadline is, and cannot be cancelled', async () => {
  const signal = AbortSignal.abort()
  const leftMs = await readBack((inner) => {
    assert.equal(inner.signal.aborted, false)
    return Promise.resolve(remainingMs(inner.deadline))
  }, caller({ signal }))
  assert.ok(leftMs > 1_000 && leftMs <= 10_000, String(leftMs))
})

test('it ends with the statement’s own deadline', async () => {
  const never = new Promise<never>(() => {})
  await assert.rejects(
    readBack(() => never, caller({ deadline: deadlineIn(50) })),
    DeadlineExceeded,
  )
})

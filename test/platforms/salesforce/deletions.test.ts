// Goal: deletions that nobody looked for while they were in the recycle bin are found in Salesforce's log of them, or the
// table is filled anew.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type Answer, idAt } from './fake.ts'
import { faultOf, type Feed, hourMs, iso, minuteMs, noon, openFeed, pathsOf } from './feed.ts'

let feed: Feed
before(async () => {
  feed = await openFeed()
})
after(() => feed.close())
beforeEach(() => Object.assign(feed.clock, { nowMs: noon, aheadMs: 0 }))

describe('a time without looking', () => {
  const logOf = (ids: readonly number[], more: Record<string, unknown> = {}): Answer => ({
    body: {
      deletedRecords: ids.map((n) => ({ id: idAt(n), deletedDate: iso(noon) })),
      earliestDateAvailable: iso(noon - 15 * 24 * hourMs),
      latestDateCovered: iso(feed.clock.nowMs),
      ...more,
    },
  })

  test('of two hours or less is believed to the recycle bin', async () => {
    const cursor = await feed.begin()
    feed.clock.nowMs += 2 * hourMs
    feed.play([[]])
    await feed.poll(cursor)
    assert.deepEqual(pathsOf(feed.org), ['queryAll'])
  })

  test('of more is looked up in the log of deletions, once', async () => {
    const cursor = await feed.begin()
    feed.clock.nowMs += 3 * hourMs
    feed.play([[{ n: 1, at: noon, deleted: true }]], { log: logOf([1, 2]) })
    const changes = await feed.poll(cursor)
    assert.deepEqual([changes.gone, changes.touched], [[idAt(1)], [{ id: idAt(2), keys: {} }]])
    assert.deepEqual(pathsOf(feed.org), ['queryAll', 'sobjects/Contact/deleted'])
    const { searchParams } = new URL(feed.org.url + (feed.org.asked[1]?.url ?? ''))
    assert.equal(searchParams.get('start'), '2026-11-26T11:49:00+00:00')
    assert.equal(searchParams.get('end'), '2026-11-26T15:00:00+00:00')
    feed.clock.nowMs += 6 * minuteMs
    feed.play([[]])
    await feed.poll(changes.next)
    assert.deepEqual(pathsOf(feed.org), ['queryAll'])
  })

  test('is asked about again while a transaction of the platform holds the log back', async () => {
    const cursor = await feed.begin()
    feed.clock.nowMs += 3 * hourMs
    const held = { latestDateCovered: iso(noon + hourMs) }
    feed.play([[]], { log: logOf([], held) })
    const first = await feed.poll(cursor)
    feed.clock.nowMs += minuteMs
    feed.play([[]])
    const second = await feed.poll(first.next)
    assert.deepEqual(pathsOf(feed.org), ['queryAll'], 'no sooner than after five minutes')
    feed.clock.nowMs += 5 * minuteMs
    feed.play([[]], { log: logOf([7]) })
    const third = await feed.poll(second.next)
    assert.deepEqual(third.touched.map(({ id }) => id), [idAt(7)])
    const { searchParams } = new URL(feed.org.url + (feed.org.asked[1]?.url ?? ''))
    assert.equal(searchParams.get('start'), '2026-11-26T13:00:00+00:00')
    feed.clock.nowMs += 10 * minuteMs
    feed.play([[]])
    await feed.poll(third.next)
    assert.deepEqual(pathsOf(feed.org), ['queryAll'])
  })

  const refusal = (status: number, errorCode: string): Answer => ({
    status,
    body: [{ errorCode, message: 'no' }],
  })
  const ends: [string, () => Answer][] = [
    ['that begins later', () => logOf([], { earliestDateAvailable: iso(noon + hourMs) })],
    ['that was purged', () => refusal(400, 'INVALID_REPLICATION_DATE')],
    ['with too many ids', () => refusal(400, 'EXCEEDED_ID_LIMIT')],
    ['that is not kept of the object', () => refusal(400, 'INVALID_TYPE_FOR_OPERATION')],
    ['that is not there', () => refusal(404, 'NOT_FOUND')],
  ]
  for (const [name, answer] of ends) {
    test(`a log ${name} means: fill the table anew`, async () => {
      const cursor = await feed.begin()
      feed.clock.nowMs += 3 * hourMs
      feed.play([[]], { log: answer() })
      const fault = await faultOf(feed.poll(cursor))
      assert.equal(fault.code, 'bad_request')
      assert.match(fault.data.hint ?? '', /filled anew/)
    })
  }

  test('of more than two weeks means the same, without asking the log', async () => {
    const cursor = await feed.begin()
    feed.clock.nowMs += 14 * 24 * hourMs
    feed.play([[]])
    const fault = await faultOf(feed.poll(cursor))
    assert.equal(fault.code, 'bad_request')
    assert.deepEqual(pathsOf(feed.org), ['queryAll'])
  })

  const odd: [string, Answer][] = [
    ['nothing', { body: {} }],
    ['a list', { body: [] }],
    ['ids that are none', {
      body: { deletedRecords: [{ id: 'x' }], latestDateCovered: iso(noon) },
    }],
    ['no date', { body: { deletedRecords: [], earliestDateAvailable: null } }],
    ['a server error', { status: 500, body: 'x' }],
  ]
  for (const [name, log] of odd) {
    test(`a log that answers ${name} is a failure, to be asked again`, async () => {
      const cursor = await feed.begin()
      feed.clock.nowMs += 3 * hourMs
      feed.play([[]], { log })
      assert.equal((await faultOf(feed.poll(cursor))).code, 'platform_failed')
    })
  }
})

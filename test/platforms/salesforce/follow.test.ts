// Goal: following Salesforce misses no change whatever its clocks, transactions and pages do, tells nothing for ever, and
// takes no odd answer for "nothing changed".

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Changes } from '../../../src/platforms/platform.ts'
import { createFollower } from '../../../src/platforms/salesforce/follow.ts'
import { type Answer, idAt } from './fake.ts'
import {
  faultOf,
  type Feed,
  hourMs,
  iso,
  type Mark,
  minuteMs,
  noon,
  openFeed,
  pathsOf,
  queryOf,
  sinceOf,
  table,
} from './feed.ts'

let feed: Feed
before(async () => {
  feed = await openFeed()
})
after(() => feed.close())
beforeEach(() => Object.assign(feed.clock, { nowMs: noon, aheadMs: 0 }))

const idsOf = ({ rows }: Changes) => rows.map(({ id }) => id)

describe('a quiet object', () => {
  test('costs one request, brings nothing, and the cursor moves on with the clock', async () => {
    let cursor = await feed.begin()
    for (let polls = 0; polls < 30; polls += 1) {
      feed.clock.nowMs += minuteMs
      feed.play([[]])
      const { next, more, until, ...told } = await feed.poll(cursor)
      assert.deepEqual(told, { rows: [], gone: [], touched: [] })
      assert.deepEqual([more, until], [false, feed.clock.nowMs])
      assert.deepEqual(pathsOf(feed.org), ['queryAll'])
      assert.ok(next.length < 300, next)
      cursor = next
    }
    const since = sinceOf(feed.org.asked[0])
    assert.ok(
      feed.clock.nowMs - since <= 13 * minuteMs,
      'it does not look back further and further',
    )
  })

  test('is asked from eleven minutes before the last question, in whole seconds', async () => {
    const cursor = await feed.begin()
    feed.clock.nowMs += minuteMs
    feed.play([[]])
    await feed.poll(cursor)
    assert.equal(sinceOf(feed.org.asked[0]), noon - 11 * minuteMs)
    assert.equal(
      queryOf(feed.org.asked[0]),
      'SELECT Id,SystemModstamp,IsDeleted FROM Contact WHERE SystemModstamp >= ' +
        '2026-11-26T11:49:00Z ORDER BY SystemModstamp,Id LIMIT 2000',
    )
  })
})

describe('a change', () => {
  test('is told with the record as it is now; a deletion by its id', async () => {
    const cursor = await feed.begin()
    feed.clock.nowMs += minuteMs
    const at = noon + 1000
    feed.play([[{ n: 1, at }, { n: 2, at, deleted: true }, { n: 3, at: at + 1000 }]])
    const changes = await feed.poll(cursor)
    assert.deepEqual(idsOf(changes), [idAt(1), idAt(3)])
    assert.deepEqual(changes.rows[0]?.values, { id: idAt(1), last_name: idAt(1) })
    assert.deepEqual([changes.gone, changes.touched], [[idAt(2)], []])
    assert.deepEqual(pathsOf(feed.org), ['queryAll', 'composite/sobjects/Contact'])
  })

  test('of a record that is gone when it is read is to be read again', async () => {
    const cursor = await feed.begin()
    feed.play([[{ n: 1, at: noon }]], { missing: [1] })
    const changes = await feed.poll(cursor)
    assert.deepEqual([changes.rows, changes.gone], [[], []])
    assert.deepEqual(changes.touched, [{ id: idAt(1), keys: {} }])
  })

  test('is told again when no transaction can hide behind its stamp any more, and then never', async () => {
    let cursor = await feed.begin()
    const change = { n: 1, at: noon + 10_000 }
    const told: number[] = []
    for (let minute = 1; minute <= 30; minute += 1) {
      feed.clock.nowMs = noon + minute * minuteMs
      feed.play([[change].filter(() => change.at >= sinceNext(cursor))])
      const changes = await feed.poll(cursor)
      if (changes.rows.length > 0) told.push(minute)
      cursor = changes.next
    }
    assert.deepEqual(told, [1, 12])
  })

  test('made a moment ago is told again by the next look: its stamp is a whole second', async () => {
    const cursor = await feed.begin()
    feed.clock.nowMs += minuteMs
    const change = { n: 1, at: feed.clock.nowMs - 1000 }
    feed.play([[change]])
    const first = await feed.poll(cursor)
    feed.clock.nowMs += minuteMs
    feed.play([[change]])
    const second = await feed.poll(first.next)
    feed.clock.nowMs += minuteMs
    feed.play([[change]])
    const third = await feed.poll(second.next)
    assert.deepEqual([first, second, third].map(idsOf), [[idAt(1)], [idAt(1)], []])
  })

  test('that becomes visible ten minutes after its stamp is told', async () => {
    let cursor = await feed.begin()
    const late = { n: 9, at: noon + 5_000 }
    const told: string[] = []
    for (let minute = 1; minute <= 12; minute += 1) {
      feed.clock.nowMs = noon + minute * minuteMs
      const isVisible = feed.clock.nowMs >= late.at + 10 * minuteMs
      feed.play([isVisible && late.at >= sinceNext(cursor) ? [late] : []])
      const changes = await feed.poll(cursor)
      told.push(...idsOf(changes))
      cursor = changes.next
    }
    assert.ok(told.includes(idAt(9)))
  })

  test('back out of the recycle bin is a record again', async () => {
    const cursor = await feed.begin()
    feed.play([[{ n: 1, at: noon, deleted: true }]])
    const first = await feed.poll(cursor)
    feed.clock.nowMs += minuteMs
    feed.play([[{ n: 1, at: noon + 20_000 }]])
    const second = await feed.poll(first.next)
    assert.deepEqual([first.gone, idsOf(second)], [[idAt(1)], [idAt(1)]])
  })
})

/** Where the next window begins, as the adapter would say; the fake org does not filter by itself. */
function sinceNext(cursor: string): number {
  const { deep } = JSON.parse(cursor) as { deep: number }
  return deep - 11 * minuteMs
}

describe('an object without SystemModstamp', () => {
  test('is followed by the date of its last change, and what is in the bin is not looked at', async () => {
    const columns = table.columns.filter(({ field }) => field !== 'SystemModstamp')
    const [id] = columns
    assert.ok(id)
    const date = { ...id, name: 'last_modified_date', field: 'LastModifiedDate' }
    const shares = { ...table, columns: [...columns, date] }
    const follower = createFollower({ now: () => feed.clock.nowMs })
    feed.play([[]])
    const cursor = await follower.start(shares, feed.org.caller())
    feed.clock.nowMs += 3 * hourMs
    const record = { Id: idAt(1), LastModifiedDate: iso(noon) }
    feed.play([{ body: { done: true, records: [record] } }])
    const changes = await follower.changes(shares, cursor, feed.org.caller())
    assert.deepEqual(idsOf(changes), [idAt(1)])
    assert.deepEqual(pathsOf(feed.org), ['query', 'composite/sobjects/Contact'])
    assert.match(
      queryOf(feed.org.asked[0]),
      /^SELECT Id,LastModifiedDate FROM .* ORDER BY LastModifiedDate,Id LIMIT 2000$/,
    )
    assert.equal(follower.pace(shares).deletions, false)
  })
})

describe('pages', () => {
  const full = (from: number, at: number) =>
    Array.from({ length: 2000 }, (_, i): Mark => ({ n: from + i, at }))

  test('go on after the last stamp and id, and the window ends with the first short one', async () => {
    const cursor = await feed.begin()
    feed.clock.nowMs += minuteMs
    feed.play([full(1, noon), full(2001, noon), [{ n: 4001, at: noon }]])
    const first = await feed.poll(cursor)
    assert.deepEqual([first.rows.length, first.more], [2000, true])
    assert.ok(first.until <= noon + 1000, 'told up to the last stamp')
    feed.clock.nowMs += minuteMs
    const second = await feed.poll(first.next)
    const third = await feed.poll(second.next)
    assert.deepEqual([second.rows.length, third.rows.length, third.more], [2000, 1, false])
    assert.equal(third.until, noon + minuteMs, 'when the window was first asked for')
    const asked = feed.org.asked.filter(({ url }) => url.includes('queryAll'))
    assert.match(
      queryOf(asked[1]),
      new RegExp(
        'WHERE SystemModstamp >= 2026-11-26T12:00:00Z AND ' +
          `\\(SystemModstamp > 2026-11-26T12:00:00Z OR Id > '${idAt(2000)}'\\) ` +
          'ORDER BY SystemModstamp,Id LIMIT 2000$',
      ),
    )
  })

  test('the next window goes back behind when the first page of this one was asked for', async () => {
    const cursor = await feed.begin()
    feed.clock.nowMs += minuteMs
    feed.play([full(1, noon), []])
    const first = await feed.poll(cursor)
    feed.clock.nowMs += hourMs
    const second = await feed.poll(first.next)
    feed.play([[]])
    await feed.poll(second.next)
    assert.equal(sinceOf(feed.org.asked[0]), noon + minuteMs - 11 * minuteMs)
  })

  test('more changes in some minutes than fit into a cursor are looked at less often', async () => {
    let cursor = await feed.begin()
    feed.clock.nowMs += 2 * minuteMs
    for (let page = 0; page < 11; page += 1) {
      feed.play([full(1 + 2000 * page, noon + minuteMs)])
      cursor = (await feed.poll(cursor)).next
      assert.ok(cursor.length < 200_000, String(cursor.length))
    }
    feed.play([[]])
    cursor = (await feed.poll(cursor)).next
    const spans: number[] = []
    for (let minute = 1; minute <= 12; minute += 1) {
      feed.clock.nowMs += minuteMs
      feed.play([[]])
      cursor = (await feed.poll(cursor)).next
      spans.push(Math.round((feed.clock.nowMs - sinceOf(feed.org.asked[0])) / minuteMs))
    }
    assert.ok(spans.slice(0, 9).every((span) => span <= 3), spans.join())
    assert.ok(Math.max(...spans) >= 21, `${spans.join()}: once back to where it last looked deep`)
  })
})

describe('clocks', () => {
  test('a platform whose clock is behind ours by hours is followed by its own', async () => {
    feed.clock.aheadMs = -5 * hourMs
    const cursor = await feed.begin()
    feed.clock.nowMs += minuteMs
    feed.play([[]])
    await feed.poll(cursor)
    assert.equal(sinceOf(feed.org.asked[0]), noon - 5 * hourMs - 11 * minuteMs)
  })

  test('a platform whose clock is ahead of ours is not asked from the future', async () => {
    feed.clock.aheadMs = 5 * hourMs
    const cursor = await feed.begin()
    feed.clock.nowMs += minuteMs
    feed.play([[]])
    await feed.poll(cursor)
    assert.equal(sinceOf(feed.org.asked[0]), noon - 11 * minuteMs)
  })
})

describe('answers that are not believed', () => {
  const good = { Id: idAt(1), SystemModstamp: iso(noon), IsDeleted: false }
  const answers: [string, Answer][] = [
    ['no records', { body: { done: true } }],
    ['no end', { body: { records: [] } }],
    ['a record without an id', { body: { done: true, records: [{ ...good, Id: 1 }] } }],
    ['a record without a stamp', { body: { done: true, records: [{ Id: idAt(1) }] } }],
    ['a stamp before the window', {
      body: { done: true, records: [{ ...good, SystemModstamp: iso(noon - hourMs) }] },
    }],
    ['stamps out of order', {
      body: { done: true, records: [good, { ...good, SystemModstamp: iso(noon - 1000) }] },
    }],
    ['half a body', { body: '{"done": true, "records": [' }],
    ['HTML', { body: '<html>' }],
    ['a cursor that was ended', {
      status: 400,
      body: [{ errorCode: 'INVALID_QUERY_LOCATOR', message: 'invalid query locator' }],
    }],
    ['a server error', { status: 503, body: '' }],
  ]
  for (const [name, answer] of answers) {
    test(`${name}: a failure, never "nothing changed" and never "fill it anew"`, async () => {
      const cursor = await feed.begin()
      feed.play([answer])
      assert.equal((await faultOf(feed.poll(cursor))).code, 'platform_failed')
    })
  }

  test('other records than were asked for', async () => {
    const cursor = await feed.begin()
    feed.org.play(({ url }) =>
      url.includes('queryAll')
        ? { body: { done: true, records: [good] } }
        : { body: [{ Id: idAt(2) }] }
    )
    assert.equal((await faultOf(feed.poll(cursor))).code, 'platform_failed')
  })

  test('a cursor that is none: fill it anew', async () => {
    feed.play([[]])
    const whole = JSON.parse(await feed.begin()) as Record<string, unknown>
    const cursors = ['', '{}', '[]', 'x', '1', 'null']
    for (const name of Object.keys(whole)) {
      for (const value of [undefined, 'x', [], 0.5]) {
        cursors.push(JSON.stringify({ ...whole, [name]: value }))
      }
    }
    feed.play([[]])
    for (const cursor of cursors) {
      assert.equal((await faultOf(feed.poll(cursor))).code, 'bad_request', cursor)
    }
    assert.equal(feed.org.asked.length, 0)
  })
})

// Goal: no event is missed and none is told twice, however late Stripe lists it, in whatever pages, whosever clock is wrong.
// Method: a feed of events whose clock and lag the test has in its hand; random histories against random polls.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Changes, Follower } from '../../../src/platforms/platform.ts'
import { marksMax } from '../../../src/platforms/stripe/cursor.ts'
import { followerWith } from '../../../src/platforms/stripe/follow.ts'
import { objects } from '../../../src/platforms/stripe/objects.ts'
import { followings, typesOf } from '../../../src/platforms/stripe/tellings.ts'
import { runsOf } from '../../help/property.ts'
import { type Answer, type Asked, errorBody, type FakeStripe, fakeStripe, tableOf } from './fake.ts'

let fake: FakeStripe

before(async () => {
  fake = await fakeStripe()
})
after(() => fake.close())

interface Happening {
  readonly id: string
  /** Seconds, by Stripe's clock. */
  readonly created: number
  readonly visibleAt: number
  readonly body: unknown
}

/** Stripe's events as it lists them at a moment. */
interface Feed {
  readonly follow: Follower
  now: number
  /** The most entries of a page. */
  pageMax: number
  /** Does the answer say when it was given? */
  dated: boolean
  /** By how much the clock in its answers is wrong, in seconds. */
  wrongS: number
  happen(record: string, lagS?: number, more?: Record<string, unknown>): void
  answer(asked: Asked): Answer
}

const beginning = 1_800_000_000

/** `skewMs`: by how much our clock is ahead of Stripe's. */
function feedOf({ skewMs = 0 } = {}): Feed {
  const events: Happening[] = []
  const feed: Feed = {
    follow: followerWith(() => feed.now * 1000 + skewMs),
    now: beginning,
    pageMax: 100,
    dated: true,
    wrongS: 0,
    happen: (record, lagS = 0, more = {}) => {
      const id = `evt_${events.length}`
      const created = Math.floor(feed.now)
      const object = { id: record, object: 'customer' }
      const body = {
        id,
        object: 'event',
        created,
        type: 'customer.updated',
        data: { object },
        ...more,
      }
      events.push({ id, created, visibleAt: feed.now + lagS, body })
    },
    answer: ({ path }) => {
      const query = new URL(`http://x${path}`).searchParams
      const from = Number(query.get('created[gte]') ?? 0)
      const seen = events.filter(({ created, visibleAt }) =>
        visibleAt <= feed.now && created >= from && created > feed.now - 30 * 86_400
      )
      // within a second, events stand in no order that means anything
      const listed = seen.toSorted((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1))
      const after = query.get('starting_after')
      const at = after === null ? 0 : listed.findIndex(({ id }) => id === after) + 1
      if (after !== null && at === 0) {
        const error = { message: `No such event: '${after}'`, code: 'resource_missing' }
        const body = errorBody('invalid_request_error', { ...error, param: 'starting_after' })
        return { status: 400, body }
      }
      const limit = Math.min(Number(query.get('limit')), feed.pageMax)
      const data = listed.slice(at, at + limit).map(({ body }) => body)
      const date: Record<string, string> = feed.dated
        ? { date: new Date(Math.floor(feed.now + feed.wrongS) * 1000).toUTCString() }
        : { date: 'none' }
      return {
        headers: date,
        body: { object: 'list', url: '/v1/events', has_more: at + limit < listed.length, data },
      }
    },
  }
  fake.play((asked) => feed.answer(asked))
  return feed
}

const customers = await tableOf('customers')

async function once(feed: Feed, cursor: string): Promise<Changes> {
  return await feed.follow.changes(customers, cursor, fake.caller())
}

async function toTheEnd(feed: Feed, cursor: string) {
  const told: string[] = []
  let next = cursor
  let until = 0
  for (let more = true; more;) {
    const changes = await once(feed, next)
    told.push(...changes.touched.map(({ id }) => id))
    ;({ next, more, until } = changes)
  }
  return { told, next, until }
}

async function faultFrom(act: () => Promise<unknown>): Promise<Fault> {
  try {
    await act()
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    return error
  }
  throw new Error('no fault')
}

type Step =
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'happen'; readonly lagS: number }
  | {
    readonly kind: 'poll'
    readonly pageMax: number
    readonly pages: number
    readonly lost: boolean
  }

const steps = (lagMaxS: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('pass' as const),
          seconds: fc.oneof(fc.double({ min: 0, max: 2, noNaN: true }), fc.nat({ max: 100 })),
        }),
      },
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('happen' as const),
          lagS: fc.oneof(fc.constant(0), fc.double({ min: 0, max: lagMaxS, noNaN: true })),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('poll' as const),
          pageMax: fc.integer({ min: 1, max: 5 }),
          pages: fc.integer({ min: 1, max: 6 }),
          lost: fc.boolean(),
        }),
      },
    ),
    { minLength: 10, maxLength: 120 },
  )

interface History {
  readonly feed: Feed
  /** What was told and kept, in its order. */
  readonly told: readonly string[]
  /** By the record, when its event happened: milliseconds, by our clock. */
  readonly happened: ReadonlyMap<string, number>
}

/** Plays the steps; what a poll brings is sometimes lost, and then asked for again. */
async function played(
  script: readonly Step[],
  { skewMs, quietS = 120, onPoll = () => {} }: {
    skewMs: number
    quietS?: number
    onPoll?: (history: History, until: number) => void
  },
): Promise<History> {
  const feed = feedOf({ skewMs })
  const happened = new Map<string, number>()
  const told: string[] = []
  const history = { feed, told, happened }
  let cursor = await feed.follow.start(customers, fake.caller())
  for (const step of script) {
    if (step.kind === 'pass') feed.now += step.seconds
    else if (step.kind === 'happen') {
      const record = `cus_${happened.size}`
      happened.set(record, feed.now * 1000 + skewMs)
      feed.happen(record, step.lagS)
    } else {
      feed.pageMax = step.pageMax
      for (let page = 0; page < step.pages; page += 1) {
        const changes = await once(feed, cursor)
        if (step.lost && page === 1) continue
        told.push(...changes.touched.map(({ id }) => id))
        cursor = changes.next
        onPoll(history, changes.until)
        if (!changes.more) break
      }
    }
  }
  feed.now += quietS
  feed.pageMax = 100
  // the walk that was under way, and one from the newest on
  for (let walk = 0; walk < 2; walk += 1) {
    const rest = await toTheEnd(feed, cursor)
    told.push(...rest.told)
    cursor = rest.next
  }
  assert.deepEqual((await once(feed, cursor)).touched, [])
  return history
}

describe('the feed of events', () => {
  test('every event is told, once, though it is listed up to 59 seconds late', async () => {
    const skews = fc.constantFrom(0, -7_200_000, 7_200_000)
    await fc.assert(
      fc.asyncProperty(steps(59), skews, async (script, skewMs) => {
        const { told, happened } = await played(script, { skewMs })
        assert.deepEqual(told.toSorted(), [...happened.keys()].toSorted())
      }),
      runsOf(60),
    )
  })

  test('every event is told, once, though it is listed five minutes late', async () => {
    await fc.assert(
      fc.asyncProperty(steps(300), async (script) => {
        const { told, happened } = await played(script, { skewMs: 1000, quietS: 400 })
        assert.deepEqual(told.toSorted(), [...happened.keys()].toSorted())
      }),
      runsOf(60),
    )
  })

  test('a clock of Stripe’s that is a day ahead is not believed', async () => {
    const feed = feedOf()
    feed.wrongS = 86_400
    let cursor = await feed.follow.start(customers, fake.caller())
    const told: string[] = []
    for (let n = 0; n < 4; n += 1) {
      feed.happen(`cus_${n}`, 20)
      feed.now += 30
      const more = await toTheEnd(feed, cursor)
      told.push(...more.told)
      cursor = more.next
      if (n === 1) feed.wrongS = 0
    }
    assert.deepEqual(told, ['cus_0', 'cus_1', 'cus_2', 'cus_3'])
  })

  test('what is said to be told is told, where events are listed within five seconds', async () => {
    await fc.assert(
      fc.asyncProperty(steps(4), async (script) => {
        await played(script, {
          skewMs: 3_000_000,
          onPoll: ({ told, happened }, until) => {
            const known = new Set(told)
            for (const [record, atMs] of happened) {
              assert.ok(atMs >= until || known.has(record), `${record} at ${atMs}, until ${until}`)
            }
          },
        })
      }),
      runsOf(60),
    )
  })

  test('of answers without a date only the events themselves are believed', async () => {
    const feed = feedOf()
    feed.dated = false
    let cursor = await feed.follow.start(customers, fake.caller())
    const told: string[] = []
    for (let n = 0; n < 5; n += 1) {
      feed.happen(`cus_${n}`, 30)
      feed.now += 40
      const more = await toTheEnd(feed, cursor)
      told.push(...more.told)
      cursor = more.next
    }
    assert.deepEqual(told, ['cus_0', 'cus_1', 'cus_2', 'cus_3', 'cus_4'])
  })

  test('asks for the types of the table from the overlap on, newest first', async () => {
    const feed = feedOf()
    const cursor = await feed.follow.start(customers, fake.caller())
    fake.asked.length = 0
    await once(feed, cursor)
    const query = new URL(`http://x${fake.asked[0]?.path}`).searchParams
    assert.equal(query.get('created[gte]'), String(beginning - 60))
    assert.equal(query.get('types[0]'), 'customer.created')
    assert.equal(query.get('limit'), '100')
    assert.equal(fake.asked.length, 1)
  })

  test('a record of many events is told once in a page', async () => {
    const feed = feedOf()
    const cursor = await feed.follow.start(customers, fake.caller())
    for (let n = 0; n < 50; n += 1) feed.happen('cus_1')
    assert.deepEqual((await toTheEnd(feed, cursor)).told, ['cus_1'])
  })

  test('ten thousand events of one minute: the cursor stays small, and the rest is told again', async () => {
    const feed = feedOf()
    const cursor = await feed.follow.start(customers, fake.caller())
    for (let n = 0; n < 10_000; n += 1) feed.happen(`cus_${n}`)
    const first = await toTheEnd(feed, cursor)
    assert.equal(new Set(first.told).size, 10_000)
    assert.ok(first.next.length < 40_000, `${first.next.length} characters`)
    assert.equal((await toTheEnd(feed, first.next)).told.length, 10_000 - marksMax)
    feed.now += 3600
    const later = await toTheEnd(feed, first.next)
    assert.deepEqual((await toTheEnd(feed, later.next)).told, [])
  })
})

describe('what is too old', () => {
  test('a cursor of 29 days ago: the table is to be filled anew', async () => {
    const feed = feedOf()
    const cursor = await feed.follow.start(customers, fake.caller())
    feed.now += 29 * 86_400 - 120
    const { next } = await toTheEnd(feed, cursor)
    assert.deepEqual((await toTheEnd(feed, next)).told, [], 'a quiet month is no reason')
    feed.now += 29 * 86_400
    const { data } = await faultFrom(() => once(feed, next))
    assert.equal(data.code, 'bad_request')
    assert.equal(data.hint, 'Fill the table anew.')
  })

  test('the event that a walk goes on after', async () => {
    const feed = feedOf()
    const cursor = await feed.follow.start(customers, fake.caller())
    for (let n = 0; n < 3; n += 1) feed.happen(`cus_${n}`)
    feed.pageMax = 1
    const { next, more } = await once(feed, cursor)
    assert.ok(more)
    feed.now += 31 * 86_400
    assert.equal((await faultFrom(() => once(feed, next))).code, 'bad_request')
  })

  test('a walk that was left for days, whose oldest events have gone meanwhile', async () => {
    const feed = feedOf()
    const cursor = await feed.follow.start(customers, fake.caller())
    feed.happen('cus_0')
    feed.now += 28 * 86_400
    for (let n = 1; n < 4; n += 1) feed.happen(`cus_${n}`)
    feed.pageMax = 1
    const { next, more } = await once(feed, cursor)
    assert.ok(more)
    feed.now += 2 * 86_400
    assert.equal((await faultFrom(() => once(feed, next))).code, 'bad_request')
  })

  test('a look of forty days ago, told by our own clock where Stripe does not say the time', async () => {
    const feed = feedOf()
    feed.dated = false
    const cursor = await feed.follow.start(customers, fake.caller())
    feed.now += 40 * 86_400
    assert.equal((await faultFrom(() => once(feed, cursor))).code, 'bad_request')
  })

  test('texts that are no cursors', async () => {
    const feed = feedOf()
    const good = await feed.follow.start(customers, fake.caller())
    const wrong = ['', '{}', 'null', '[]', '"x"', good.slice(1), '{"version":2}']
    for (const text of [...wrong, good.replace('"fromS":', '"fromS":"x","y":')]) {
      assert.equal((await faultFrom(() => once(feed, text))).code, 'bad_request', text)
    }
  })
})

describe('odd answers', () => {
  const event = {
    id: 'evt_1',
    object: 'event',
    type: 'customer.updated',
    created: beginning,
    data: { object: { id: 'cus_1' } },
  }
  const list = (data: unknown, more: unknown = false) => ({ object: 'list', data, has_more: more })
  const odd: Readonly<Record<string, unknown>> = {
    'no list': { object: 'search_result', data: [] },
    'no data': { object: 'list', has_more: false },
    'data that is none': list({}),
    'nothing said of more': list([], null),
    'an empty page and more': list([], true),
    'an entry that is no event': list([{ ...event, object: 'customer' }]),
    'an event without an id': list([{ ...event, id: '' }]),
    'an event without a moment': list([{ ...event, created: 'now' }]),
    'an event without an object': list([{ ...event, data: {} }]),
    'an event that names no record': list([{ ...event, data: { object: { object: 'customer' } } }]),
    'half of a text': JSON.stringify(list([event])).slice(0, 40),
    'a page of HTML': '<html>',
  }
  for (const [name, body] of Object.entries(odd)) {
    test(`${name}: a fault, never no changes`, async () => {
      const feed = feedOf()
      const cursor = await feed.follow.start(customers, fake.caller())
      fake.play(() => ({ body }))
      assert.equal((await faultFrom(() => once(feed, cursor))).code, 'platform_failed')
    })
  }
})

describe('parts of an object', () => {
  const cut = (items: readonly string[], more: boolean) => ({
    type: 'customer.subscription.updated',
    data: {
      object: {
        id: 'sub_1',
        object: 'subscription',
        items: { object: 'list', has_more: more, data: items.map((id) => ({ id })) },
      },
      previous_attributes: { items: { object: 'list', data: [{ id: 'si_gone' }] } },
    },
  })

  test('that an event does not show are asked for', async () => {
    const items = await tableOf('subscription_items')
    const feed = feedOf()
    const cursor = await feed.follow.start(items, fake.caller())
    feed.happen('', 0, cut(['si_1'], true))
    fake.play((asked) => {
      if (asked.path.startsWith('/v1/events')) return feed.answer(asked)
      assert.match(asked.path, /^\/v1\/subscription_items\?limit=100&subscription=sub_1/)
      const second = asked.path.includes('starting_after=si_2')
      const ids = second ? ['si_3'] : ['si_1', 'si_2']
      const data = ids.map((id) => ({ id, object: 'subscription_item' }))
      return { body: { object: 'list', has_more: !second, data } }
    })
    const { touched } = await feed.follow.changes(items, cursor, fake.caller())
    const ids = touched.map(({ id }) => id).toSorted()
    assert.deepEqual(ids, ['si_1', 'si_2', 'si_3', 'si_gone'])
  })

  test('of an object that is gone are not', async () => {
    const items = await tableOf('subscription_items')
    const feed = feedOf()
    const cursor = await feed.follow.start(items, fake.caller())
    feed.happen('', 0, cut(['si_1'], true))
    fake.play((asked) => {
      if (asked.path.startsWith('/v1/events')) return feed.answer(asked)
      const error = { code: 'resource_missing', param: 'subscription' }
      return { status: 400, body: errorBody('invalid_request_error', error) }
    })
    const { touched } = await feed.follow.changes(items, cursor, fake.caller())
    assert.deepEqual(touched.map(({ id }) => id).toSorted(), ['si_1', 'si_gone'])
  })
})

describe('reading what was touched', () => {
  const refs = (...ids: string[]) => ids.map((id) => ({ id, keys: {} }))
  const follow = followerWith(() => 0)
  const missing = (message: string) => ({
    status: 404,
    body: errorBody('invalid_request_error', { code: 'resource_missing', message }),
  })

  test('a deleted customer, one that is not there, and one that is', async () => {
    fake.play(({ path }) => {
      if (path.endsWith('/cus_none')) return missing("No such customer: 'cus_none'")
      const deleted = path.endsWith('/cus_gone') ? { deleted: true } : { balance: 5 }
      return { body: { id: path.split('/').at(-1), object: 'customer', ...deleted } }
    })
    const read = await follow.read(customers, refs('cus_gone', 'cus_none', 'cus_1'), fake.caller())
    const found = Object.fromEntries(
      read.map(({ id, values }) => [id, values?.['balance'] ?? null]),
    )
    assert.deepEqual(found, { cus_gone: null, cus_none: null, cus_1: '5' })
  })

  test('a key of the other mode makes nothing gone', async () => {
    fake.play(() =>
      missing(
        "No such customer: 'cus_1'; a similar object exists in live mode, but a test mode key was used to make this request.",
      )
    )
    const found = await faultFrom(() => follow.read(customers, refs('cus_1'), fake.caller()))
    assert.equal(found.code, 'not_permitted')
  })

  test('a 404 that is not of the API makes nothing gone', async () => {
    for (const body of ['<html>', '', errorBody('invalid_request_error')]) {
      fake.play(() => ({ status: 404, body }))
      await faultFrom(() => follow.read(customers, refs('cus_1'), fake.caller()))
    }
  })

  test('one that cannot be read is left out, and stands in no other one’s way', async () => {
    fake.play(({ path }) =>
      path.endsWith('/cus_2')
        ? { status: 500, body: 'down' }
        : { body: { id: path.split('/').at(-1), object: 'customer' } }
    )
    const read = await follow.read(customers, refs('cus_1', 'cus_2', 'cus_3'), fake.caller())
    assert.deepEqual(read.map(({ id }) => id).toSorted(), ['cus_1', 'cus_3'])
    await faultFrom(() => follow.read(customers, refs('cus_2'), fake.caller()))
  })

  test('another record than the one that was asked for is not believed', async () => {
    fake.play(() => ({ body: { id: 'cus_9', object: 'customer' } }))
    await faultFrom(() => follow.read(customers, refs('cus_1'), fake.caller()))
  })

  test('what Stripe answers only when asked to is asked for', async () => {
    const prices = await tableOf('prices')
    fake.play(() => ({ body: { id: 'price_1', object: 'price' } }))
    await follow.read(prices, refs('price_1'), fake.caller())
    const { path = '' } = fake.asked[0] ?? {}
    assert.equal(
      decodeURIComponent(path),
      '/v1/prices/price_1?expand[0]=currency_options&expand[1]=tiers',
    )
  })

  test('the items of a subscription that is canceled are gone; it is asked for once', async () => {
    const items = await tableOf('subscription_items')
    fake.play(({ path }) => {
      const id = path.split('/').at(-1)
      const dead = id === 'sub_2' ? 'canceled' : 'active'
      if (path.includes('/subscriptions/')) {
        return { body: { id, object: 'subscription', status: dead } }
      }
      const subscription = id === 'si_3' ? 'sub_2' : 'sub_1'
      return { body: { id, object: 'subscription_item', subscription } }
    })
    const read = await follow.read(items, refs('si_1', 'si_2', 'si_3'), fake.caller())
    const gone = read.filter(({ values }) => values === null).map(({ id }) => id)
    assert.deepEqual(gone, ['si_3'])
    assert.equal(fake.asked.length, 5)
  })
})

describe('the types of events', () => {
  const resource = import.meta.resolve('stripe')
  const folder = fileURLToPath(resource).replace(/(\/stripe\/(?:esm|cjs)\/).*$/, '$1')
  const declared = readFileSync(`${folder}resources/Events.d.ts`, 'utf8')

  for (const { name } of objects) {
    test(`those of ${name} are twenty at most, and Stripe knows them`, () => {
      const following = followings[name]
      assert.ok(following)
      const types = typesOf(following)
      assert.ok(types.length > 0 && types.length <= 20, `${types.length}`)
      for (const type of types) assert.ok(declared.includes(`'${type}'`), type)
    })
  }
})

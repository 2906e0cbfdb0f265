// Goal: every record of a table is read once, page by page; what cannot be read is a fault; what Stripe says about its
// limits is understood.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Page } from '../../../src/platforms/platform.ts'
import { stripe } from '../../../src/platforms/stripe/index.ts'
import { type Asked, errorBody, type FakeStripe, fakeStripe, type Script, tableOf } from './fake.ts'

let fake: FakeStripe

before(async () => {
  fake = await fakeStripe()
})
after(() => fake.close())

function queryOf({ path }: Asked): Record<string, string> {
  return Object.fromEntries(new URL(`http://x${path}`).searchParams)
}

const list = (data: readonly unknown[], more = false) => ({
  object: 'list',
  url: '/v1/x',
  has_more: more,
  data,
})

async function pages(name: string, script: Script): Promise<Page[]> {
  fake.play(script)
  const table = await tableOf(name)
  const found: Page[] = []
  let cursor: string | null = null
  do {
    const page: Page = await stripe.page(table, cursor, fake.caller())
    found.push(page)
    cursor = page.next
  } while (cursor !== null && found.length < 10)
  return found
}

async function faultFrom(name: string, script: Script, cursor: string | null = null) {
  fake.play(script)
  try {
    await stripe.page(await tableOf(name), cursor, fake.caller())
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    return error.data
  }
  throw new Error('no fault')
}

describe('pages', () => {
  test('are followed by the last id until there are no more', async () => {
    const customer = (n: number) => ({ id: `cus_${n}`, object: 'customer', balance: n })
    const found = await pages('customers', (asked) => {
      const { starting_after: after } = queryOf(asked)
      if (after === undefined) return { body: list([customer(4), customer(3)], true) }
      return { body: list([customer(2)]) }
    })
    assert.deepEqual(found.flatMap(({ rows }) => rows.map(({ id }) => id)), [
      'cus_4',
      'cus_3',
      'cus_2',
    ])
    assert.equal(found[0]?.rows[0]?.values['balance'], '4')
    assert.deepEqual(fake.asked.map(queryOf), [
      { limit: '100' },
      { limit: '100', starting_after: 'cus_3' },
    ])
    assert.ok(
      fake.asked.every(({ method, path }) => method === 'GET' && path.startsWith('/v1/customers?')),
    )
  })

  test('ask for what Stripe answers only when asked', async () => {
    await pages('prices', () => ({ body: list([]) }))
    const query = queryOf(fake.asked[0] as Asked)
    assert.equal(query['expand[0]'], 'data.currency_options')
    assert.equal(query['expand[1]'], 'data.tiers')
  })

  test('invoice items are listed under their name in the API', async () => {
    await pages('invoice_items', () => ({ body: list([]) }))
    assert.match(fake.asked[0]?.path ?? '', /^\/v1\/invoiceitems\?/)
  })

  test('of subscription items are those of the subscriptions, and long ones are read to the end', async () => {
    const item = (id: string) => ({ id, object: 'subscription_item', subscription: 'sub_1' })
    const subscription = (id: string, items: unknown) => ({ id, object: 'subscription', items })
    const found = await pages('subscription_items', (asked) => {
      const { starting_after: after } = queryOf(asked)
      if (asked.path.startsWith('/v1/subscription_items')) return { body: list([item('si_3')]) }
      if (after === undefined) {
        const first = subscription('sub_1', list([item('si_1'), item('si_2')], true))
        return { body: list([first], true) }
      }
      return { body: list([subscription('sub_2', list([item('si_4')]))]) }
    })
    assert.deepEqual(found.map(({ rows }) => rows.map(({ id }) => id)), [
      ['si_1', 'si_2', 'si_3'],
      ['si_4'],
    ])
    assert.equal(found[0]?.next, 'sub_1')
    const more = fake.asked.find(({ path }) => path.startsWith('/v1/subscription_items'))
    assert.deepEqual(queryOf(more as Asked), {
      limit: '100',
      subscription: 'sub_1',
      starting_after: 'si_2',
    })
  })

  test('the cursor is quoted, and one that can be none is refused', async () => {
    fake.play(() => ({ body: list([]) }))
    await stripe.page(await tableOf('coupons'), 'a&limit=1#', fake.caller())
    assert.equal(queryOf(fake.asked[0] as Asked)['starting_after'], 'a&limit=1#')
    for (const cursor of ['', 'x'.repeat(256), '\ud800']) {
      assert.equal((await faultFrom('coupons', () => undefined, cursor)).code, 'bad_request')
    }
  })

  test('a cursor whose record is gone says to begin again', async () => {
    const missing = { code: 'resource_missing', param: 'starting_after' }
    const script = () => ({ status: 400, body: errorBody('invalid_request_error', missing) })
    const found = await faultFrom('customers', script, 'cus_9')
    assert.equal(found.code, 'bad_request')
    assert.match(found.hint ?? '', /first page/)
  })

  test('a cursor says when its record was made, from where it goes on when that is gone', async () => {
    const missing = { code: 'resource_missing', param: 'starting_after' }
    const customer = (n: number) => ({ id: `cus_${n}`, object: 'customer', created: 1000 + n })
    const found = await pages('customers', (asked) => {
      const { starting_after: after, 'created[lte]': until } = queryOf(asked)
      if (after !== undefined) {
        return { status: 400, body: errorBody('invalid_request_error', missing) }
      }
      if (until === undefined) return { body: list([customer(9), customer(8)], true) }
      assert.equal(until, '1008')
      return { body: list([customer(7)]) }
    })
    assert.deepEqual(found.flatMap(({ rows }) => rows.map(({ id }) => id)), [
      'cus_9',
      'cus_8',
      'cus_7',
    ])
    assert.equal(found[0]?.next, '1008 cus_8')
  })

  test('what DELETE would have made of a record is no row, and neither are its items', async () => {
    const items = (id: string) => list([{ id, object: 'subscription_item' }])
    const expired = { id: 'sub_1', object: 'subscription', status: 'incomplete_expired' }
    const active = { id: 'sub_2', object: 'subscription', status: 'active' }
    const body = list([
      { ...expired, items: items('si_1') },
      { ...active, items: items('si_2') },
    ])
    for (
      const [name, id] of [['subscriptions', 'sub_2'], ['subscription_items', 'si_2']] as const
    ) {
      const [only] = await pages(name, () => ({ body }))
      assert.deepEqual(only?.rows.map((row) => row.id), [id])
    }
  })

  const faults: Record<string, { script: Script; code: string }> = {
    'a key that is refused': {
      script: () => ({ status: 401, body: errorBody('invalid_request_error') }),
      code: 'credential_refused',
    },
    'a limit': {
      script: () => ({ status: 429, body: errorBody('x', { code: 'rate_limit' }) }),
      code: 'rate_limited',
    },
    'a failure': {
      script: () => ({ status: 500, body: errorBody('api_error') }),
      code: 'platform_failed',
    },
    'a redirect': {
      script: () => ({ status: 302, headers: { location: '/' }, body: '' }),
      code: 'platform_failed',
    },
    'a page of HTML': { script: () => ({ body: '<html>' }), code: 'platform_failed' },
    'no list': { script: () => ({ body: { object: 'customer' } }), code: 'platform_failed' },
    'a list of something else': {
      script: () => ({ body: list([{ id: 'prod_1', object: 'product' }]) }),
      code: 'platform_failed',
    },
    'an empty page that is not the last': {
      script: () => ({ body: list([], true) }),
      code: 'platform_failed',
    },
    'a lost reply': {
      script: (_asked, response) => {
        response.destroy()
        return undefined
      },
      code: 'platform_failed',
    },
  }
  for (const [name, { script, code }] of Object.entries(faults)) {
    test(`${name} is a fault`, async () => {
      const found = await faultFrom('customers', script)
      assert.equal(found.code, code)
      assert.equal(found.table, 'customers')
    })
  }
})

describe('describe', () => {
  test('knows the tables by their own names and by those of the API', async () => {
    const shapes = await stripe.describe(['customers', 'invoiceitems'], fake.caller())
    assert.deepEqual(shapes.map(({ name, object }) => [name, object]), [
      ['customers', 'customers'],
      ['invoice_items', 'invoice_items'],
    ])
  })

  test('says what Stripe has not', async () => {
    const [prices, charges] = await stripe.describe(['prices', 'charges'], fake.caller())
    assert.match(prices?.refuses?.delete?.hint ?? '', /active = false/)
    assert.match(charges?.refuses?.insert?.hint ?? '', /payment_intents/)
    assert.equal(prices?.refuses?.insert, undefined)
  })

  test('does not know others', async () => {
    await assert.rejects(
      stripe.describe(['toString'], fake.caller()),
      (error) => error instanceof Fault && error.code === 'not_found',
    )
  })
})

describe('limits', () => {
  const at = { baseUrl: 'https://api.stripe.com', settings: {} }
  const request = (path: string, method: 'GET' | 'POST' = 'POST') => ({
    method,
    url: `https://api.stripe.com${path}`,
  })
  const limited = (reason: string, code = 'rate_limit', headers: Record<string, string> = {}) => ({
    status: 429,
    headers: { ...(reason === '' ? {} : { 'stripe-rate-limited-reason': reason }), ...headers },
    body: JSON.stringify(errorBody('invalid_request_error', { code })),
  })

  test('are those of a live account, or of a sandbox', () => {
    const limits = (settings: Record<string, unknown>) =>
      stripe.rates.rules(settings).map(({ name, limit, windowMs }) => [name, limit, windowMs])
    assert.deepEqual(limits({}), [
      ['second', 100, 1000],
      ['endpoint', 25, 1000],
      ['concurrent', 20, null],
    ])
    assert.deepEqual(limits({ mode: 'test', concurrency: 5 }), [
      ['second', 25, 1000],
      ['endpoint', 25, 1000],
      ['concurrent', 5, null],
    ])
  })

  test('an endpoint is a method and a path, whatever the record', () => {
    const keyOf = (path: string, method: 'GET' | 'POST' = 'POST') =>
      stripe.rates.charges(request(path, method), at).find(({ rule }) => rule === 'endpoint')?.key
    assert.equal(keyOf('/v1/customers'), 'POST /v1/customers')
    assert.equal(keyOf('/v1/customers?limit=1', 'GET'), 'GET /v1/customers')
    assert.equal(keyOf('/v1/customers/cus_1'), 'POST /v1/customers/:id')
    assert.equal(keyOf('/v1/coupons/25%20OFF'), 'POST /v1/coupons/:id')
  })

  test('a refusal closes the bucket that it names', () => {
    const learn = (answer: ReturnType<typeof limited>) =>
      stripe.rates.learn(request('/v1/customers'), answer, at)
    assert.deepEqual(learn(limited('endpoint-rate')), {
      refused: true,
      news: [{ kind: 'blocked', rule: 'endpoint', key: 'POST /v1/customers', waitMs: 1000 }],
    })
    assert.deepEqual(learn(limited('global-concurrency')).news, [
      { kind: 'blocked', rule: 'concurrent', waitMs: 1000 },
    ])
    assert.deepEqual(learn(limited('global-rate', 'rate_limit', { 'retry-after': '3' })).news, [
      { kind: 'blocked', rule: 'second', waitMs: 3000 },
    ])
    assert.deepEqual(learn(limited('')).news, [{ kind: 'blocked', rule: 'second', waitMs: 1000 }])
  })

  test('a locked object, a success and a refusal of a value close nothing', () => {
    const answers = [
      limited('', 'lock_timeout'),
      { status: 200, headers: {}, body: '{"id":"cus_1"}' },
      { status: 400, headers: {}, body: JSON.stringify(errorBody('invalid_request_error')) },
    ]
    for (const answer of answers) {
      const learnt = stripe.rates.learn(request('/v1/customers'), answer, at)
      assert.deepEqual(learnt, { refused: false, news: [] })
    }
  })
})

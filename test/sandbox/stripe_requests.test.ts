// Goal: around its objects the sandbox's Stripe does as Stripe: keys, tokens, pages, events, idempotency, rate limits.
// Method: a clock of our own; the last test speaks through Stripe's own SDK.

import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import Stripe from 'stripe'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, ask } from './client.ts'
import { idsOf, make, refused, stripe } from './stripe_client.ts'

const startMs = 1_764_000_000_000
let nowMs = startMs
const now = () => nowMs
const sandbox = await startSandbox({ port: 0, now })
const limited = await startSandbox({ port: 0, now, limits: true })
const unrotated = await startSandbox({ port: 0, now, rotateRefreshTokens: false })
beforeEach(() => {
  nowMs = startMs
  for (const each of [sandbox, limited, unrotated]) each.reset()
})
after(() => Promise.all([sandbox.close(), limited.close(), unrotated.close()]))

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const basic = (name: string, password = '') => ({
  authorization: `Basic ${btoa(`${name}:${password}`)}`,
})

function token(
  fields: Record<string, string>,
  headers = basic('sandbox'),
  at = sandbox,
): Promise<Answer> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', ...fields }).toString()
  return ask(at, '/stripe/v1/oauth/token', {
    method: 'POST',
    token: null,
    body,
    headers: { ...form, ...headers },
  })
}

async function mischief(kind: string, more: object = {}): Promise<void> {
  const body = { platform: 'stripe', kind, ...more }
  const { status } = await ask(sandbox, '/_mischief', { method: 'POST', body })
  assert.equal(status, 201)
}

describe('keys', () => {
  test('a request without one, or with a wrong one, is 401', async () => {
    const none = await ask(sandbox, '/stripe/v1/customers', { token: null })
    assert.equal(none.status, 401)
    assert.match(none.json.error.message, /^You did not provide an API key\./)
    assert.equal(none.headers['www-authenticate'], 'Bearer realm="Stripe"')
    const wrong = await ask(sandbox, '/stripe/v1/customers', { token: 'sk_test_abcdefghij1234' })
    assert.equal(wrong.status, 401)
    assert.deepEqual(wrong.json, {
      error: {
        message: 'Invalid API Key provided: sk_test_**********1234',
        type: 'invalid_request_error',
      },
    })
  })

  test('is taken as a bearer token and as the name of HTTP Basic', async () => {
    assert.equal((await ask(sandbox, '/stripe/v1/customers')).status, 200)
    const headers = basic('sandbox')
    assert.equal((await ask(sandbox, '/stripe/v1/account', { token: null, headers })).status, 200)
  })

  test('every answer has an id of its own and the version that was asked for', async () => {
    const one = await stripe(sandbox, 'GET /customers', '', {
      headers: { 'stripe-version': '2026-10-28.endive' },
    })
    const other = await stripe(sandbox, 'GET /customers/none')
    assert.match(String(one.headers['request-id']), /^req_\w+$/)
    assert.notEqual(one.headers['request-id'], other.headers['request-id'])
    assert.equal(one.headers['stripe-version'], '2026-10-28.endive')
  })

  test('of one account does not open another', async () => {
    const answer = await stripe(sandbox, 'GET /customers', '', {
      headers: { 'stripe-account': 'acct_other' },
    })
    assert.deepEqual([answer.status, answer.json.error.code], [403, 'account_invalid'])
  })
})

describe('OAuth', () => {
  test('a code is exchanged once, for a key that works', async () => {
    const redirect = 'http://127.0.0.1:9/callback'
    const query = new URLSearchParams({ client_id: 'sandbox', redirect_uri: redirect, state: 's1' })
    const sent = await ask(sandbox, `/stripe/oauth/v2/authorize?${query.toString()}`, {
      token: null,
    })
    assert.equal(sent.status, 302)
    const target = new URL(String(sent.headers['location']))
    assert.equal(`${target.origin}${target.pathname}`, redirect)
    assert.equal(target.searchParams.get('state'), 's1')
    const exchange = {
      grant_type: 'authorization_code',
      code: target.searchParams.get('code') ?? '',
    }
    const { status, json } = await token(exchange)
    assert.equal(status, 200)
    assert.deepEqual([json.token_type, json.scope, json.livemode], ['bearer', 'stripe_apps', false])
    assert.equal(
      (await ask(sandbox, '/stripe/v1/customers', { token: json.access_token })).status,
      200,
    )
    assert.deepEqual([(await token(exchange)).status, (await token(exchange)).json.error], [
      400,
      'invalid_grant',
    ])
  })

  test('a key lives for an hour, and then is expired', async () => {
    const { json } = await token({ refresh_token: 'sandbox' })
    nowMs += 3_600_000 - 1
    const late = { token: json.access_token }
    assert.equal((await ask(sandbox, '/stripe/v1/customers', late)).status, 200)
    nowMs += 1
    const answer = await ask(sandbox, '/stripe/v1/customers', late)
    assert.deepEqual([answer.status, answer.json.error.code], [401, 'api_key_expired'])
    assert.match(answer.json.error.message, /^Expired API Key provided: sk_test_\*+/)
  })

  test('refresh tokens rotate, unless they are told not to', async () => {
    const first = await token({ refresh_token: 'sandbox' })
    assert.equal((await token({ refresh_token: 'sandbox' })).json.error, 'invalid_grant')
    assert.equal((await token({ refresh_token: first.json.refresh_token })).status, 200)
    for (const _ of [1, 2]) {
      const answer = await token({ refresh_token: 'sandbox' }, basic('sandbox'), unrotated)
      assert.deepEqual([answer.status, answer.json.refresh_token], [200, 'sandbox'])
    }
  })

  test('the secret stands in HTTP Basic or in the form, and is checked', async () => {
    const none = { authorization: '' }
    const inForm = await token({ refresh_token: 'sandbox', client_secret: 'sandbox' }, none)
    assert.equal(inForm.status, 200)
    const wrong = await token({ refresh_token: 'sandbox' }, basic('wrong'))
    assert.deepEqual([wrong.status, wrong.json.error], [401, 'invalid_client'])
  })

  test('mischief expires the keys that were issued', async () => {
    const { json } = await token({ refresh_token: 'sandbox' })
    await mischief('expire-token')
    const answer = await ask(sandbox, '/stripe/v1/customers', { token: json.access_token })
    assert.equal(answer.json.error.code, 'api_key_expired')
  })
})

describe('lists', () => {
  async function seven(): Promise<string[]> {
    const ids: string[] = []
    for (let count = 0; count < 7; count++) {
      nowMs += 1000
      ids.unshift((await make(sandbox, 'customers', `email=many@b.example&name=${count}`)).id)
    }
    return ids
  }

  test('are newest first, in pages that go on after an id or before it', async () => {
    const ids = await seven()
    const path = 'customers?email=many@b.example'
    const first = (await stripe(sandbox, `GET /${path}&limit=3`)).json
    assert.deepEqual([first.object, first.url, first.has_more], ['list', '/v1/customers', true])
    assert.deepEqual(first.data.map(({ id }: { id: string }) => id), ids.slice(0, 3))
    assert.deepEqual(
      await idsOf(sandbox, `${path}&limit=3&starting_after=${ids[2]}`),
      ids.slice(3, 6),
    )
    const last = (await stripe(sandbox, `GET /${path}&limit=3&starting_after=${ids[5]}`)).json
    assert.deepEqual([last.data.length, last.has_more], [1, false])
    assert.deepEqual(
      await idsOf(sandbox, `${path}&limit=3&ending_before=${ids[5]}`),
      ids.slice(2, 5),
    )
    assert.equal((await idsOf(sandbox, path)).length, 7)
  })

  test('are narrowed by when their objects were made', async () => {
    const ids = await seven()
    const second = startMs / 1000
    assert.deepEqual(await idsOf(sandbox, `customers?created[gte]=${second + 6}`), ids.slice(0, 2))
    assert.deepEqual(
      await idsOf(sandbox, `customers?created[gt]=${second}&created[lt]=${second + 3}`),
      ids.slice(5),
    )
    assert.deepEqual(await idsOf(sandbox, `customers?created=${second + 7}`), ids.slice(0, 1))
  })

  test('take between 1 and 100 objects a page, and only cursors that are there', async () => {
    const over = await refused(sandbox, 'GET /customers?limit=101')
    assert.deepEqual([over.error.code, over.error.param], ['parameter_invalid_integer', 'limit'])
    assert.match(over.error.message, /less than or equal to 100 \(it currently is '101'\)\.$/)
    assert.equal((await refused(sandbox, 'GET /customers?limit=0')).status, 400)
    const cursor = await refused(sandbox, 'GET /customers?starting_after=cus_none')
    assert.deepEqual(cursor, {
      status: 400,
      error: {
        code: 'resource_missing',
        message: "No such customer: 'cus_none'",
        param: 'starting_after',
        type: 'invalid_request_error',
      },
    })
    const unknown = await refused(sandbox, 'GET /customers?pineapple=1')
    assert.equal(unknown.error.message, 'Received unknown parameter: pineapple')
  })

  test('are filtered by what their objects hold', async () => {
    await make(sandbox, 'products', 'name=off&active=false')
    assert.equal((await idsOf(sandbox, 'products?active=false')).length, 1)
    assert.equal((await idsOf(sandbox, 'prices?type=recurring')).length, 1)
    assert.equal((await idsOf(sandbox, 'prices?recurring[interval]=year')).length, 0)
    assert.equal((await idsOf(sandbox, 'prices?lookup_keys[]=spice')).length, 1)
  })

  test('can have ids answered as objects', async () => {
    const { json } = await stripe(
      sandbox,
      'GET /subscriptions?expand[]=data.customer&expand[]=data.items.data.price.product',
    )
    const [subscription] = json.data
    assert.equal(subscription.customer.email, 'paul@dune.example')
    assert.equal(subscription.items.data[0].price.product.name, 'Spice')
    const { error } = await refused(sandbox, 'GET /customers?expand[]=data.name.x')
    assert.equal(error.message, 'This property cannot be expanded (data.name.x).')
  })
})

describe('events', () => {
  test('tell what became of an object, and by which request', async () => {
    const key = { headers: { 'idempotency-key': 'k1' } }
    const made = await stripe(sandbox, 'POST /customers', 'name=a', key)
    const { id } = made.json
    await make(sandbox, `customers/${id}`, 'name=b')
    await make(sandbox, `customers/${id}`, 'name=b')
    await stripe(sandbox, `DELETE /customers/${id}`)
    const { json } = await stripe(sandbox, 'GET /events?type=customer.*&limit=3')
    const [deleted, updated, created] = json.data
    assert.deepEqual(
      [created.type, updated.type, deleted.type],
      ['customer.created', 'customer.updated', 'customer.deleted'],
    )
    assert.deepEqual(created.data.object, made.json)
    assert.deepEqual(created.request, { id: made.headers['request-id'], idempotency_key: 'k1' })
    assert.deepEqual(updated.data.previous_attributes, { name: 'a' })
    assert.deepEqual([deleted.data.object.id, deleted.data.object.deleted], [id, true])
    assert.deepEqual((await stripe(sandbox, `GET /events/${created.id}`)).json, created)
  })

  test('come of every object that a request changed, and of none that was refused', async () => {
    const before = await idsOf(sandbox, 'events?limit=1')
    await refused(sandbox, 'POST /customers', 'email=no')
    assert.deepEqual(await idsOf(sandbox, 'events?limit=1'), before)
    await make(
      sandbox,
      'payment_intents',
      'amount=500&currency=usd&payment_method=pm_card_visa&confirm=true',
    )
    const { json } = await stripe(sandbox, `GET /events?ending_before=${before[0]}`)
    assert.deepEqual(
      json.data.map(({ type }: { type: string }) => type).toSorted(),
      ['charge.succeeded', 'payment_intent.created', 'payment_intent.succeeded'],
    )
  })

  test('are kept for thirty days', async () => {
    nowMs += 30 * 86_400_000 - 1000
    const { id } = await make(sandbox, 'coupons', 'percent_off=5')
    assert.equal((await idsOf(sandbox, 'events?type=customer.created')).length, 3)
    nowMs += 1000
    assert.equal((await idsOf(sandbox, 'events?type=customer.created')).length, 0)
    const { json } = await stripe(
      sandbox,
      'GET /events?types[]=coupon.created&types[]=coupon.deleted',
    )
    assert.deepEqual(
      json.data.map((event: { data: { object: { id: string } } }) => event.data.object.id),
      [id],
    )
  })
})

describe('idempotency keys', () => {
  const keyed = (key: string) => ({ headers: { 'idempotency-key': key } })

  test('the same request again is answered the same, and done once', async () => {
    const first = await stripe(
      sandbox,
      'POST /customers',
      'name=a&email=once@b.example',
      keyed('k'),
    )
    const again = await stripe(
      sandbox,
      'POST /customers',
      'email=once@b.example&name=a',
      keyed('k'),
    )
    assert.equal(again.text, first.text)
    assert.equal(first.headers['idempotent-replayed'], undefined)
    assert.equal(again.headers['idempotent-replayed'], 'true')
    assert.equal(again.headers['original-request'], first.headers['request-id'])
    assert.equal(again.headers['idempotency-key'], 'k')
    assert.equal((await idsOf(sandbox, 'customers?email=once@b.example')).length, 1)
  })

  test('other parameters or another endpoint are refused', async () => {
    await stripe(sandbox, 'POST /customers', 'name=a', keyed('k'))
    const other = await stripe(sandbox, 'POST /customers', 'name=b', keyed('k'))
    assert.equal(other.status, 400)
    assert.equal(other.json.error.type, 'idempotency_error')
    assert.equal(
      other.json.error.message,
      'Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a ' +
        "key other than 'k' if you meant to execute a different request.",
    )
    const elsewhere = await stripe(sandbox, 'POST /products', 'name=a', keyed('k'))
    assert.match(
      elsewhere.json.error.message,
      /the same endpoint they were first used for \('\/v1\/products' vs '\/v1\/customers'\)/,
    )
    assert.equal(
      (await stripe(sandbox, 'POST /customers', 'name=a', keyed('k'.repeat(256)))).status,
      400,
    )
  })

  test('a request that failed validation left its key unused; a declined card did not', async () => {
    assert.equal((await stripe(sandbox, 'POST /customers', 'email=no', keyed('k'))).status, 400)
    assert.equal(
      (await stripe(sandbox, 'POST /customers', 'email=a@b.example', keyed('k'))).status,
      200,
    )
    const form = 'amount=500&currency=usd&payment_method=pm_card_chargeDeclined&confirm=true'
    const first = await stripe(sandbox, 'POST /payment_intents', form, keyed('p'))
    const again = await stripe(sandbox, 'POST /payment_intents', form, keyed('p'))
    assert.deepEqual([again.status, again.text], [402, first.text])
    assert.equal(again.headers['idempotent-replayed'], 'true')
  })

  test('are forgotten after 24 hours', async () => {
    const form = 'name=a&email=twice@b.example'
    await stripe(sandbox, 'POST /customers', form, keyed('k'))
    nowMs += 86_400_000
    const late = await stripe(sandbox, 'POST /customers', form, keyed('k'))
    assert.equal(late.headers['idempotent-replayed'], undefined)
    assert.equal((await idsOf(sandbox, 'customers?email=twice@b.example')).length, 2)
  })

  test('a request whose answer was lost is answered when it is sent again, and done once', async () => {
    const form = 'name=a&email=lost@b.example'
    await mischief('lost-reply')
    await assert.rejects(stripe(sandbox, 'POST /customers', form, keyed('k')))
    const again = await stripe(sandbox, 'POST /customers', form, keyed('k'))
    assert.deepEqual([again.status, again.headers['idempotent-replayed']], [200, 'true'])
    assert.deepEqual(await idsOf(sandbox, 'customers?email=lost@b.example'), [again.json.id])
  })

  test('a failure of Stripe belongs to its key, and does not take the place of an answer', async () => {
    await mischief('500')
    const broken = await stripe(sandbox, 'POST /customers', 'name=a', keyed('k'))
    assert.deepEqual([broken.status, broken.json.error.type], [500, 'api_error'])
    const again = await stripe(sandbox, 'POST /customers', 'name=a', keyed('k'))
    assert.deepEqual([again.status, again.headers['idempotent-replayed']], [500, 'true'])
    const made = await stripe(sandbox, 'POST /customers', 'name=a', keyed('other'))
    await mischief('500')
    const kept = await stripe(sandbox, 'POST /customers', 'name=a', keyed('other'))
    assert.deepEqual([kept.status, kept.text], [200, made.text])
  })
})

describe('rate limits', () => {
  const path = '/stripe/v1/customers'

  test('25 requests a second to one endpoint, whichever the object', async () => {
    const { json } = await stripe(limited, 'GET /customers?limit=1')
    const [customer] = json.data
    for (let count = 0; count < 25; count++) {
      assert.equal((await ask(limited, `${path}/${customer.id}`)).status, 200)
    }
    const over = await ask(limited, `${path}/none`)
    assert.equal(over.status, 429)
    assert.equal(over.headers['stripe-rate-limited-reason'], 'endpoint-rate')
    assert.equal(over.json.error.code, 'rate_limit')
    assert.equal(
      over.json.error.message,
      'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.',
    )
    assert.equal((await ask(limited, path)).status, 200)
    nowMs += 1000
    assert.equal((await ask(limited, `${path}/${customer.id}`)).status, 200)
  })

  test('100 requests a second to the account', async () => {
    for (const table of ['customers', 'products', 'prices', 'plans']) {
      for (let count = 0; count < 25; count++) {
        assert.equal((await ask(limited, `/stripe/v1/${table}?limit=1`)).status, 200)
      }
    }
    const over = await ask(limited, '/stripe/v1/coupons')
    assert.deepEqual([over.status, over.headers['stripe-rate-limited-reason']], [
      429,
      'global-rate',
    ])
  })

  test('a request that was too many is not done, and leaves its key unused', async () => {
    for (let count = 0; count < 25; count++) await stripe(limited, 'POST /customers', 'name=a')
    const key = { headers: { 'idempotency-key': 'k' } }
    assert.equal((await stripe(limited, 'POST /customers', 'email=x@b.example', key)).status, 429)
    nowMs += 1000
    const { status, headers } = await stripe(limited, 'POST /customers', 'email=x@b.example', key)
    assert.deepEqual([status, headers['idempotent-replayed']], [200, undefined])
    assert.equal((await idsOf(limited, 'customers?email=x@b.example')).length, 1)
  })

  test('are not in force unless switched on, but mischief answers as if', async () => {
    for (let count = 0; count < 30; count++) {
      assert.equal((await ask(sandbox, path)).status, 200)
    }
    await mischief('429')
    const over = await ask(sandbox, path)
    assert.deepEqual([over.status, over.headers['stripe-rate-limited-reason']], [
      429,
      'global-rate',
    ])
  })
})

test("Stripe's own SDK works against it", async () => {
  const send: typeof fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const { status, headers, text } = await ask(sandbox, `/stripe${url.pathname}${url.search}`, {
      method: init?.method ?? 'GET',
      token: null,
      headers: Object.fromEntries(new Headers(init?.headers)),
      ...(typeof init?.body === 'string' && init.body !== '' ? { body: init.body } : {}),
    })
    return new Response(text, { status, headers: headers as Record<string, string> })
  }
  const client = new Stripe('sandbox', {
    httpClient: Stripe.createFetchHttpClient(send),
    maxNetworkRetries: 0,
    telemetry: false,
  })
  const made = await client.customers.create({
    email: 'sdk@b.example',
    metadata: { a: '1' },
    address: { city: 'Paris' },
    preferred_locales: ['fr', 'de'],
  })
  assert.deepEqual([made.email, made.address?.city, made.preferred_locales], [
    'sdk@b.example',
    'Paris',
    ['fr', 'de'],
  ])
  const next = await client.customers.update(made.id, { metadata: { a: null, b: '2' } })
  assert.deepEqual(next.metadata, { b: '2' })
  await assert.rejects(
    client.customers.create({ email: 'no' }),
    (error) =>
      error instanceof Stripe.errors.StripeInvalidRequestError && error.code === 'email_invalid',
  )
  await assert.rejects(
    client.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_chargeDeclined',
      confirm: true,
    }),
    (error) =>
      error instanceof Stripe.errors.StripeCardError && error.decline_code === 'generic_decline',
  )
  assert.deepEqual(await client.customers.del(made.id), {
    id: made.id,
    object: 'customer',
    deleted: true,
  })
})

// Goal: a delivery is believed when Stripe signed it just now, and then names the records that it is about; nothing that a
// stranger sends does harm. Endpoints are made, found, kept alive and taken away.
// Method: deliveries signed here as Stripe's manual says; and the sandbox, which delivers to a server of the test.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { after, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../src/mutation/fault.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import type { Delivery, Registration, Webhooks } from '../../../src/platforms/platform.ts'
import { stripe } from '../../../src/platforms/stripe/index.ts'
import { objects } from '../../../src/platforms/stripe/objects.ts'
import { apiVersion } from '../../../src/platforms/stripe/client.ts'
import { runsOf } from '../../help/property.ts'
import { errorBody, type FakeStripe, fakeStripe, tableOf } from './fake.ts'
import { type Answer, type Followed, followed, follower } from './following.ts'

const { webhooks } = follower()
type Given = Required<Webhooks>
const receive: Given['receive'] = (delivery) => of('receive')(delivery)
const register: Given['register'] = (options, caller) => of('register')(options, caller)
const renew: Given['renew'] = (held, caller) => of('renew')(held, caller)
const isRegistered: Given['isRegistered'] = (held, caller) => of('isRegistered')(held, caller)
const unregister: Given['unregister'] = (held, caller) => of('unregister')(held, caller)

function of<Name extends keyof Webhooks>(name: Name): Given[Name] {
  const found = webhooks?.[name]
  assert.ok(found, name)
  return found as Given[Name]
}

const now = 1_800_000_000_000
const secret = 'whsec_spice'
const tables = await Promise.all(objects.map(({ name }) => tableOf(name)))
const registration: Registration = { secret, state: {}, renewAt: null }

interface Sent {
  readonly headers?: Record<string, string>
  readonly body: string | Uint8Array
  readonly registration?: Registration
  readonly tables?: readonly SyncedTable[]
  readonly now?: number
}

function received({ headers = {}, body, ...more }: Sent): Delivery {
  return receive({
    headers: new Map(Object.entries(headers)),
    body: typeof body === 'string' ? Buffer.from(body) : body,
    url: 'https://sluice.example/webhooks/stripe/sync_test',
    registration,
    tables,
    settings: {},
    now,
    ...more,
  })
}

function v1(body: string | Uint8Array, { key = secret, time = now / 1000 } = {}): string {
  return createHmac('sha256', key).update(`${time}.`).update(body).digest('hex')
}

function signed(body: string | Uint8Array, { key = secret, time = now / 1000 } = {}) {
  return { 'stripe-signature': `t=${time},v1=${v1(body, { key, time })},v0=${'0'.repeat(64)}` }
}

function eventOf(type: string, object: unknown, more: Record<string, unknown> = {}) {
  const data = { object, ...more }
  return JSON.stringify({ id: 'evt_1', object: 'event', created: 1_800_000_000, type, data })
}

const changed = eventOf('customer.updated', { id: 'cus_1', object: 'customer' })

function heard(delivery: Delivery) {
  assert.equal(delivery.kind, 'heard', JSON.stringify(delivery))
  assert.ok(delivery.kind === 'heard')
  return delivery
}

function whyNot(delivery: Delivery): string {
  assert.ok(delivery.kind === 'refused', JSON.stringify(delivery))
  return delivery.why
}

describe('a delivery', () => {
  test('that Stripe signed is heard: the record, and the id by which it counts once', () => {
    const one = heard(received({ headers: signed(changed), body: changed }))
    assert.equal(one.id, 'evt_1')
    assert.deepEqual(one.touched, [{ object: 'customers', ref: { id: 'cus_1', keys: {} } }])
    assert.deepEqual(one.look, [])
    assert.equal(one.collect, false)
    assert.deepEqual(received({ headers: signed(changed), body: changed }), one, 'and again')
  })

  test('is signed with each good secret while one is rolled', () => {
    const other = v1(changed, { key: 'whsec_old' })
    const header = `t=${now / 1000},v1=${other},v1=${v1(changed)}`
    heard(received({ headers: { 'stripe-signature': header }, body: changed }))
    const both = { 'stripe-signature': `t=${now / 1000}, v1=${v1(changed)}, v1=${other}` }
    heard(received({ headers: both, body: changed }))
  })

  test('is refused without a signature, and with one of another secret, time or text', () => {
    const good = signed(changed)['stripe-signature']
    const bad: readonly (readonly [string, Sent])[] = [
      ['it is not signed', { body: changed }],
      ['its signature is wrong', { headers: signed(changed, { key: 'whsec_x' }), body: changed }],
      ['its signature is wrong', { headers: signed(changed), body: `${changed} ` }],
      ['its signature is wrong', {
        headers: { 'stripe-signature': good.replace('t=1800000000', 't=1800000001') },
        body: changed,
      }],
      ['its signature cannot be read', {
        headers: { 'stripe-signature': good.replace('v1=', 'v2=') },
        body: changed,
      }],
      ['its signature cannot be read', { headers: { 'stripe-signature': '' }, body: changed }],
      ['its signature is too long', {
        headers: { 'stripe-signature': good.padEnd(5000, ',v1=0') },
        body: changed,
      }],
      ['it has too many signatures', {
        headers: { 'stripe-signature': `${good}${`,v1=${'0'.repeat(64)}`.repeat(20)}` },
        body: changed,
      }],
      ['there is no secret to check it with', {
        headers: signed(changed, { key: '' }),
        body: changed,
        registration: { ...registration, secret: '' },
      }],
    ]
    for (const [why, sent] of bad) assert.equal(whyNot(received(sent)), why)
  })

  test('is refused when it was signed more than five minutes from now', () => {
    for (const apart of [-300, 300]) {
      heard(received({ headers: signed(changed, { time: now / 1000 + apart }), body: changed }))
    }
    for (const apart of [-301, 301]) {
      const headers = signed(changed, { time: now / 1000 + apart })
      assert.match(whyNot(received({ headers, body: changed })), /too old/)
    }
  })

  test('is refused when it is too long, or no event', () => {
    const long = new Uint8Array(4 * 1024 * 1024 + 1)
    assert.equal(whyNot(received({ headers: signed(long), body: long })), 'it is too long')
    const none = ['', '{', 'null', '[]', '{"object":"event"}', '{"object":"v2.core.event"}']
    for (const body of none) {
      assert.equal(whyNot(received({ headers: signed(body), body })), 'it is no event', body)
    }
  })

  test('of another kind is heard and names nothing', () => {
    const body = eventOf('payout.paid', { id: 'po_1', object: 'payout' })
    assert.deepEqual(heard(received({ headers: signed(body), body })).touched, [])
  })

  test('of a subscription names it and its items, also those that it had before', () => {
    const list = (...ids: string[]) => ({ data: ids.map((id) => ({ id })), has_more: false })
    const object = { id: 'sub_1', object: 'subscription', items: list('si_1', 'si_2') }
    const before = { previous_attributes: { items: list('si_0', 'si_1') } }
    const body = eventOf('customer.subscription.updated', object, before)
    const { touched, look } = heard(received({ headers: signed(body), body }))
    assert.deepEqual(touched.map(({ object, ref }) => `${object} ${ref.id}`).toSorted(), [
      'subscription_items si_0',
      'subscription_items si_1',
      'subscription_items si_2',
      'subscriptions sub_1',
    ])
    assert.deepEqual(look, [])
  })

  test('that does not show all the items has them looked at', () => {
    const items = { data: [{ id: 'si_1' }], has_more: true }
    const object = { id: 'sub_1', object: 'subscription', items }
    const body = eventOf('customer.subscription.updated', object)
    assert.deepEqual(heard(received({ headers: signed(body), body })).look, ['subscription_items'])
  })

  test('names records of the tables of the sync only', () => {
    const customers = tables.filter(({ name }) => name === 'products')
    const delivery = received({ headers: signed(changed), body: changed, tables: customers })
    assert.deepEqual(heard(delivery).touched, [])
  })

  test('that is rubbish never throws, signed or not', () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.uint8Array({ maxLength: 200 }),
      fc.record({
        object: fc.constant('event'),
        id: fc.oneof(fc.string(), fc.nat()),
        created: fc.oneof(fc.nat(), fc.string()),
        type: fc.constantFrom(
          'customer.updated',
          'customer.subscription.updated',
          'invoice.updated',
          '__proto__',
          'constructor',
        ),
        data: fc.oneof(fc.jsonValue(), fc.record({ object: fc.jsonValue() })),
      }).map((event) => JSON.stringify(event)),
    )
    fc.assert(
      fc.property(text, fc.string({ maxLength: 100 }), fc.boolean(), (body, header, good) => {
        const headers = good ? signed(body) : { 'stripe-signature': header }
        const { kind } = received({ headers, body })
        if (!good) assert.equal(kind, 'refused')
      }),
      runsOf(500),
    )
  })
})

interface Heard {
  readonly headers: Record<string, string>
  readonly body: Buffer
}

let world: Followed
let fake: FakeStripe
let server: Server
let url = ''
let deliveries: Heard[] = []

before(async () => {
  world = await followed()
  fake = await fakeStripe()
  server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      const headers = request.headers as Record<string, string>
      deliveries.push({ headers, body: Buffer.concat(chunks) })
      response.writeHead(200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/webhooks/stripe/sync_1`
})
after(async () => {
  await Promise.all([world.close(), fake.close()])
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})
beforeEach(() => {
  world.sandbox.reset()
  deliveries = []
})

const registered = (names = ['customers']) =>
  register(
    { url, secret: 'not used', tables: tables.filter(({ name }) => names.includes(name)) },
    world.caller,
  )

async function endpoints(): Promise<Answer[]> {
  return (await world.ask('GET webhook_endpoints?limit=100')).data
}

async function until<T>(find: () => T | undefined): Promise<T> {
  const giveUpAt = Date.now() + 60_000
  for (;;) {
    const found = find()
    if (found !== undefined) return found
    assert.ok(Date.now() < giveUpAt, 'it did not come')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('an endpoint', () => {
  test('is made for the events of the tables, and what comes is heard', async () => {
    const made = await registered(['customers', 'subscriptions', 'subscription_items'])
    const [endpoint] = await endpoints()
    assert.equal(endpoint.url, url)
    assert.equal(endpoint.api_version, apiVersion)
    assert.ok(endpoint.enabled_events.includes('customer.subscription.updated'))
    assert.equal(endpoint.enabled_events.includes('product.created'), false)
    assert.ok((made.renewAt ?? 0) > Date.now() + 3_600_000)
    const { id } = await world.ask('POST customers', 'name=Leto')
    await world.ask('POST products', 'name=Spice')
    await world.ask(`DELETE customers/${id}`)
    const [, second] = await until(() => deliveries.length >= 2 ? deliveries : undefined)
    const told = deliveries.map(({ headers, body }) =>
      heard(received({ headers, body, registration: made, now: Date.now() }))
    )
    assert.equal(told.length, 2)
    for (const { touched } of told) assert.deepEqual(touched[0]?.ref.id, id)
    assert.notEqual(told[0]?.id, told[1]?.id)
    const forged = {
      ...second?.headers,
      'stripe-signature': deliveries[0]?.headers['stripe-signature'] ?? '',
    }
    const body = second?.body ?? ''
    const refused = received({ headers: forged, body, registration: made, now: Date.now() })
    assert.equal(refused.kind, 'refused')
  })

  test('of before is found by its address and taken away, others are not', async () => {
    const first = await registered()
    const other = await world.ask('POST webhook_endpoints', `url=${url}&enabled_events[0]=*`)
    const elsewhere = await world.ask(
      'POST webhook_endpoints',
      `url=${url}x&enabled_events[0]=*&metadata[made_by]=sluice`,
    )
    const second = await registered()
    assert.notEqual(first.secret, second.secret)
    const ids = new Set<unknown>((await endpoints()).map(({ id }) => id))
    assert.deepEqual(ids, new Set([other.id, elsewhere.id, second.state['endpoint']]))
  })

  test('is made in the place of its predecessor when there are sixteen', async () => {
    await registered()
    for (let n = 0; n < 15; n += 1) {
      await world.ask('POST webhook_endpoints', `url=${url}/${n}&enabled_events[0]=*`)
    }
    const again = await registered()
    const all = await endpoints()
    assert.equal(all.length, 16)
    assert.ok(all.some(({ id }) => id === again.state['endpoint']))
  })

  test('cannot be the seventeenth', async () => {
    for (let n = 0; n < 16; n += 1) {
      await world.ask('POST webhook_endpoints', `url=${url}/${n}&enabled_events[0]=*`)
    }
    await assert.rejects(
      registered(),
      (error) => error instanceof Fault && /maximum of 16/.test(error.data.detail ?? ''),
    )
  })

  test('that Stripe turned off is turned on again; one that is gone is made anew', async () => {
    const made = await registered()
    const id = String(made.state['endpoint'])
    assert.equal(await isRegistered(made, world.caller), true)
    await world.ask(`POST webhook_endpoints/${id}`, 'disabled=true')
    assert.equal(await isRegistered(made, world.caller), false)
    const kept = await renew(made, world.caller)
    assert.equal(kept.secret, made.secret)
    assert.equal((await endpoints())[0].status, 'enabled')
    await world.ask(`POST webhook_endpoints/${id}`, `url=${url}/elsewhere`)
    assert.equal(await isRegistered(made, world.caller), false)
    await renew(made, world.caller)
    assert.equal(await isRegistered(made, world.caller), true)
    await world.ask(`DELETE webhook_endpoints/${id}`)
    assert.equal(await isRegistered(made, world.caller), false)
    const anew = await renew(kept, world.caller)
    assert.notEqual(anew.secret, made.secret)
    assert.equal((await endpoints())[0].id, anew.state['endpoint'])
  })

  test('is taken away, and it is no error that it is gone', async () => {
    const made = await registered()
    await unregister(made, world.caller)
    assert.deepEqual(await endpoints(), [])
    await unregister(made, world.caller)
  })

  test('that may not be made is a fault, and so is one without a secret', async () => {
    const list = { object: 'list', data: [], has_more: false }
    const answers = [
      { status: 403, body: errorBody('invalid_request_error') },
      { body: { id: 'we_1', object: 'webhook_endpoint' } },
    ]
    for (const answer of answers) {
      fake.play(({ method }) => method === 'GET' ? { body: list } : answer)
      await assert.rejects(register({ url, secret, tables }, fake.caller()), Fault)
    }
  })
})

test('the adapter follows, and can be called', () => {
  assert.equal(typeof stripe.follow?.webhooks?.receive, 'function')
})

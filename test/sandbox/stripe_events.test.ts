// Goal: events and webhook endpoints are as Stripe documents them; many objects can be planted, and lists of many are quick.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { ask } from './client.ts'
import { idsOf, make, refused, stripe } from './stripe_client.ts'

let nowMs = Date.parse('2026-11-26T10:00:00Z')
const sandbox = await startSandbox({ port: 0, now: () => nowMs })

interface Heard {
  readonly headers: Record<string, string>
  readonly text: string
}

let heard: Heard[] = []
let status = 200
let origin = ''
/** Of each test another. */
let url = ''
let tests = 0
const server = createServer((request, response) => {
  const chunks: Uint8Array[] = []
  request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
  request.on('end', () => {
    response.writeHead(status).end()
    if (request.url !== new URL(url).pathname) return // of a test before
    const headers = request.headers as Record<string, string>
    heard.push({ headers, text: Buffer.concat(chunks).toString('utf8') })
  })
})

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
})
after(async () => {
  await sandbox.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})
beforeEach(() => {
  sandbox.reset()
  heard = []
  url = `${origin}/hook/${++tests}`
  status = 200
  nowMs += 60_000
})

type Json = ReturnType<typeof JSON.parse>

async function events(query = ''): Promise<Json[]> {
  const { json, status, text } = await stripe(sandbox, `GET /events?limit=100&${query}`)
  assert.equal(status, 200, text)
  return json.data
}

async function refusal(query: string): Promise<string> {
  const { status, error } = await refused(sandbox, `GET /events?${query}`)
  assert.equal(status, 400)
  return error.message
}

async function until(isThere: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 60_000
  while (!isThere()) {
    assert.ok(Date.now() < giveUpAt, 'it did not come')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const soon = () => `created[gte]=${Math.floor(nowMs / 1000)}`

describe('events', () => {
  test('are narrowed to types, to a time, and to what came after one', async () => {
    const first = await make(sandbox, 'customers', 'name=Leto')
    await make(sandbox, `customers/${first.id}`, 'name=Duke')
    await make(sandbox, 'products', 'name=Spice')
    const types = (list: Json[]) => list.map(({ type }) => type)
    assert.deepEqual(
      types(await events('types[0]=customer.updated&types[1]=product.created')).slice(0, 2),
      [
        'product.created',
        'customer.updated',
      ],
    )
    assert.deepEqual(types(await events('type=customer.*')).slice(0, 2), [
      'customer.updated',
      'customer.created',
    ])
    nowMs += 10_000
    await make(sandbox, 'products', 'name=Water')
    assert.deepEqual(types(await events(soon())), ['product.created'])
    const [newest, second, third] = await events()
    assert.deepEqual(await idsOf(sandbox, `events?limit=2&ending_before=${third.id}`), [
      newest.id,
      second.id,
    ])
    assert.deepEqual(await idsOf(sandbox, `events?limit=1&starting_after=${newest.id}`), [
      second.id,
    ])
  })

  test('the page before an event is the one next to it', async () => {
    for (let n = 0; n < 5; n += 1) await make(sandbox, 'products', `name=${n}`)
    const all = (await events('type=product.created')).map(({ id }) => id)
    const { json } = await stripe(
      sandbox,
      `GET /events?type=product.created&limit=2&ending_before=${all[4]}`,
    )
    assert.deepEqual(json.data.map(({ id }: Json) => id), [all[2], all[3]])
    assert.equal(json.has_more, true)
  })

  test('take twenty types at most, or one pattern, and no event that is not there', async () => {
    const many = Array.from({ length: 21 }, (_, i) => `types[${i}]=a.b${i}`).join('&')
    assert.match(await refusal(many), /types exceeded maximum 20/)
    assert.match(await refusal('type=a.b&types[0]=a.b'), /only specify one of these/)
    assert.match(await refusal('ending_before=evt_none'), /No such event: 'evt_none'/)
  })

  test('are gone after thirty days', async () => {
    const { id } = await make(sandbox, 'customers', 'name=Leto')
    const mine = async () => (await events()).filter(({ data }) => data.object.id === id).length
    assert.equal(await mine(), 1)
    nowMs += 30 * 86_400_000
    assert.equal(await mine(), 0)
  })

  test('there is none for the update of an invoice item or of a payment', async () => {
    const { id: customer } = await make(sandbox, 'customers', 'name=Leto')
    const item = await make(sandbox, 'invoiceitems', `customer=${customer}&currency=usd&amount=1`)
    const intent = await make(sandbox, 'payment_intents', 'amount=2000&currency=usd')
    nowMs += 10_000
    await make(sandbox, `invoiceitems/${item.id}`, 'description=x')
    await make(sandbox, `payment_intents/${intent.id}`, 'description=x')
    assert.deepEqual(await events(soon()), [])
  })

  test('of a subscription have the items that it had before', async () => {
    const { id: customer } = await make(sandbox, 'customers', 'name=Leto')
    const price = async () =>
      (await make(
        sandbox,
        'prices',
        'product_data[name]=Spice&currency=usd&unit_amount=5&recurring[interval]=month',
      )).id
    const subscription = await make(
      sandbox,
      'subscriptions',
      `customer=${customer}&items[0][price]=${await price()}&collection_method=send_invoice&days_until_due=3`,
    )
    const [first] = subscription.items.data
    const added = await make(
      sandbox,
      'subscription_items',
      `subscription=${subscription.id}&price=${await price()}`,
    )
    await stripe(sandbox, `DELETE /subscription_items/${added.id}`)
    const [removal, addition] = await events('type=customer.subscription.updated')
    const ids = (list: Json) => list.data.map(({ id }: Json) => id)
    assert.deepEqual(ids(removal.data.object.items), [first.id])
    assert.deepEqual(ids(removal.data.previous_attributes.items), [first.id, added.id])
    assert.deepEqual(ids(addition.data.previous_attributes.items), [first.id])
  })

  test('a coupon that is redeemed is told of by the discount', async () => {
    const { id: customer } = await make(sandbox, 'customers', 'name=Leto')
    nowMs += 10_000
    await make(sandbox, 'invoices', `customer=${customer}&discounts[0][coupon]=FREMEN25`)
    const told = await events(soon())
    const [discount] = told.filter(({ type }) => type === 'customer.discount.created')
    assert.equal(discount.data.object.source.coupon, 'FREMEN25')
    assert.equal(told.some(({ type }) => type === 'coupon.updated'), false)
  })
})

describe('webhook endpoints', () => {
  test('are made, listed, changed and deleted; the secret is told once', async () => {
    const made = await make(
      sandbox,
      'webhook_endpoints',
      `url=${url}&enabled_events[0]=customer.created&metadata[a]=b&api_version=2026-10-28.endive`,
    )
    assert.match(made.secret, /^whsec_\w{32}$/)
    assert.equal(made.status, 'enabled')
    assert.equal(made.api_version, '2026-10-28.endive')
    const { secret: _secret, ...rest } = made
    const { json } = await stripe(sandbox, 'GET /webhook_endpoints')
    assert.deepEqual(json.data, [rest])
    const changed = await make(sandbox, `webhook_endpoints/${made.id}`, 'disabled=true')
    assert.deepEqual(changed, { ...rest, status: 'disabled' })
    const { json: deleted } = await stripe(sandbox, `DELETE /webhook_endpoints/${made.id}`)
    assert.deepEqual(deleted, { id: made.id, object: 'webhook_endpoint', deleted: true })
    assert.equal((await refused(sandbox, `GET /webhook_endpoints/${made.id}`)).status, 404)
  })

  test('need an address and events, and are sixteen at most', async () => {
    const without = await refused(sandbox, 'POST /webhook_endpoints', `url=${url}`)
    assert.equal(without.error.param, 'enabled_events')
    const wrong = await refused(
      sandbox,
      'POST /webhook_endpoints',
      `url=${url}&enabled_events[0]=Customer`,
    )
    assert.equal(wrong.error.param, 'enabled_events[0]')
    for (let n = 0; n < 16; n += 1) {
      await make(sandbox, 'webhook_endpoints', `url=${url}&enabled_events[0]=*`)
    }
    const { error } = await refused(
      sandbox,
      'POST /webhook_endpoints',
      `url=${url}&enabled_events[0]=*`,
    )
    assert.match(error.message, /maximum of 16 test webhook endpoints/)
  })

  test('hear of what they want to hear of, signed with their secret', async () => {
    const { id, secret } = await make(
      sandbox,
      'webhook_endpoints',
      `url=${url}&enabled_events[0]=customer.updated`,
    )
    const customer = await make(sandbox, 'customers', 'name=Leto')
    await make(sandbox, `customers/${customer.id}`, 'name=Duke')
    await until(() => heard.length > 0)
    const [one] = heard
    const [, time = '', v1 = ''] = /^t=(\d+),v1=([0-9a-f]{64}),v0=/.exec(
      one?.headers['stripe-signature'] ?? '',
    ) ?? []
    assert.equal(Number(time), Math.floor(nowMs / 1000))
    assert.equal(createHmac('sha256', secret).update(`${time}.${one?.text}`).digest('hex'), v1)
    const event = JSON.parse(one?.text ?? '')
    assert.equal(event.type, 'customer.updated')
    assert.equal(event.pending_webhooks, 1)
    assert.deepEqual(event.data.previous_attributes.name, 'Leto')
    assert.deepEqual((await events())[0], event)
    await make(sandbox, `webhook_endpoints/${id}`, 'disabled=true')
    await make(sandbox, `customers/${customer.id}`, 'name=Paul')
    await make(sandbox, `webhook_endpoints/${id}`, 'disabled=false&enabled_events[0]=*')
    await make(sandbox, 'products', 'name=Spice')
    await until(() => heard.length > 1)
    assert.equal(JSON.parse(heard[1]?.text ?? '').type, 'product.created')
    assert.equal(heard.length, 2)
  })

  test('are called again when they do not take it; a refused request calls nobody', async () => {
    await make(sandbox, 'webhook_endpoints', `url=${url}&enabled_events[0]=*`)
    status = 500
    await refused(sandbox, 'POST /customers', 'email=nonsense')
    const { id } = await make(sandbox, 'customers', 'name=Leto')
    await until(() => heard.length > 0)
    status = 200
    await until(() => heard.length > 1)
    assert.equal(heard[0]?.text, heard[1]?.text)
    assert.equal(JSON.parse(heard[0]?.text ?? '').data.object.id, id)
  })
})

describe('many objects', () => {
  const seed = (table: string, count: number) =>
    ask(sandbox, `/_seed/stripe/${table}`, { method: 'POST', body: { count } })

  async function records(table: string): Promise<Json[]> {
    return (await ask(sandbox, `/_records/stripe/${table}`)).json
  }

  const paths: Readonly<Record<string, string>> = { invoice_items: 'invoiceitems' }
  const tables = `customers products prices plans coupons promotion_codes tax_rates payment_links
    payment_intents charges refunds invoices invoice_items subscriptions`.split(/\s+/)

  for (const table of tables) {
    test(`of ${table} are planted, each like one made over the API`, async () => {
      const before = await records(table)
      assert.equal((await seed(table, 7)).status, 201)
      const after = await records(table)
      assert.equal(after.length, before.length + 7)
      const ids = new Set(after.map(({ id }) => id))
      assert.equal(ids.size, after.length)
      const planted = after.slice(-7)
      const texts = new Set(planted.map(({ id: _id, ...rest }) => JSON.stringify(rest)))
      assert.ok(texts.size >= 6, `${texts.size}`)
      const shapes = new Set(planted.map((one) => Object.keys(one).toSorted().join()))
      assert.equal(shapes.size, 1)
      const one = planted.at(-1)
      const { json } = await stripe(sandbox, `GET /${paths[table] ?? table}/${one.id}`)
      assert.deepEqual(json, one)
      const [listed] = (await stripe(sandbox, `GET /${paths[table] ?? table}?limit=1`)).json.data
      assert.deepEqual(listed, one)
    })
  }

  test('of subscriptions have their items', async () => {
    await seed('subscription_items', 3)
    const all = await records('subscriptions')
    for (const { items } of all.slice(-3)) assert.equal(items.data.length, 1)
  })

  test('few have events, and call nobody; thousands are as if they had been there for long', async () => {
    await make(sandbox, 'webhook_endpoints', `url=${url}&enabled_events[0]=*`)
    await seed('customers', 3)
    const told = await events(`${soon()}&type=customer.created`)
    assert.ok(told.length >= 3)
    nowMs += 10_000
    await seed('customers', 2000)
    assert.deepEqual(await events(soon()), [])
    assert.deepEqual(heard, [])
    assert.equal((await seed('nothing', 1)).status, 404)
  })

  test('a hundred thousand are planted, listed page by page and looked into within seconds', async () => {
    const began = performance.now()
    await seed('customers', 100_000)
    let after = ''
    let count = 0
    for (let more = true; more;) {
      const next = after === '' ? '' : `&starting_after=${after}`
      const { json } = await stripe(sandbox, `GET /customers?limit=100${next}`)
      count += json.data.length
      after = json.data.at(-1).id
      more = json.has_more
    }
    assert.equal(count, 100_003)
    assert.equal((await records('customers')).length, 100_003)
    const tookMs = performance.now() - began
    assert.ok(tookMs < 180_000, `${tookMs} ms`)
  })
})

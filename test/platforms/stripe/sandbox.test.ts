// Goal: the adapter and the sandbox, written apart from each other from the same documents, agree.
// Method: the whole adapter against the sandbox; what was said is read from its log of exchanges.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Outcome, OutcomeRow, Values } from '../../../src/mutation/mutation.ts'
import type { Operation } from '../../../src/mutation/table.ts'
import type { Caller, Page } from '../../../src/platforms/platform.ts'
import { stripe } from '../../../src/platforms/stripe/index.ts'
import { objects } from '../../../src/platforms/stripe/objects.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'
import { mutation, tableOf } from './fake.ts'

let sandbox: Sandbox
let http: Http

before(async () => {
  sandbox = await startSandbox({ port: 0 })
  http = createHttp()
})
after(async () => {
  await http.close()
  await sandbox.close()
})
beforeEach(() => sandbox.reset())

function caller(more: Partial<Caller> = {}): Caller {
  return {
    baseUrl: sandbox.platformUrl('stripe'),
    settings: {},
    http,
    deadline: deadlineIn(60_000),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
    ...more,
  }
}

interface Row {
  readonly id?: string
  readonly values?: Values
}

async function mutate(
  table: string,
  operation: Operation,
  rows: readonly Row[],
  more: Partial<Caller> = {},
): Promise<Outcome> {
  const what = mutation(
    table,
    operation,
    rows.map(({ values = {} }) => values),
    rows.map(({ id = '' }) => id),
  )
  return await stripe.write(
    { ...what, id: crypto.randomUUID() },
    await tableOf(table),
    caller(more),
  )
}

async function written(
  table: string,
  operation: Operation,
  rows: readonly Row[],
): Promise<readonly OutcomeRow[]> {
  const outcome = await mutate(table, operation, rows)
  assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
  return outcome.state === 'accepted' ? outcome.rows : []
}

async function insertOne(table: string, values: Values): Promise<OutcomeRow & { values: Values }> {
  const [row] = await written(table, 'insert', [{ values }])
  assert.ok(row?.values)
  return { ...row, values: row.values }
}

function faultOf(outcome: Outcome) {
  assert.ok(outcome.state !== 'accepted', 'it was accepted')
  return outcome.fault
}

async function all(name: string): Promise<Page['rows']> {
  const table = await tableOf(name)
  const rows: Page['rows'][number][] = []
  let cursor: string | null = null
  do {
    const page: Page = await stripe.page(table, cursor, caller())
    rows.push(...page.rows)
    cursor = page.next
  } while (cursor !== null)
  return rows
}

async function control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) {
  const text = body === undefined ? {} : { body: JSON.stringify(body) }
  const headers = { 'content-type': 'application/json' }
  return await http.send({ method, url: sandbox.url + path, headers, ...text, waitMs: 60_000 })
}

const mischief = (kind: string, times = 1) =>
  control('POST', '/_mischief', { platform: 'stripe', kind, times })

async function heard(): Promise<string[]> {
  const { body } = await control('GET', '/_exchanges')
  return body.split('\n').filter((line) => line !== '').map((line) => {
    const { method, url } = JSON.parse(line)
    return `${method} ${url.replace('/stripe', '')}`
  })
}

/** The row that a page has of a record, as the outcome of its write had it. */
async function agrees(table: string, row: OutcomeRow): Promise<void> {
  const found = (await all(table)).find(({ id }) => id === row.id)
  const parameters = objects.find(({ name }) => name === table)?.parameters
  assert.ok(found, `${row.id} is not in a page of ${table}`)
  assert.deepEqual(found.values, row.values, JSON.stringify(parameters))
}

describe('stripe and its sandbox', () => {
  for (const { name } of objects) {
    test(`${name} can be read to the end`, async () => {
      const rows = await all(name)
      assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length)
    })
  }

  test('a record that goes between two pages, the one that the cursor names, costs no other', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => ({ values: { email: `a${i}@x.org` } }))
    const first = await written('customers', 'insert', rows)
    await written('customers', 'insert', rows)
    const table = await tableOf('customers')
    const page = await stripe.page(table, null, caller())
    assert.match(page.next ?? '', /^\d+ cus_/)
    await written('customers', 'delete', [{ id: page.rows.at(-1)?.id ?? '' }])
    const read = new Set<string>()
    for (let cursor = page.next; cursor !== null;) {
      const more: Page = await stripe.page(table, cursor, caller())
      for (const { id } of more.rows) read.add(id)
      cursor = more.next
    }
    assert.ok(first.every(({ id }) => read.has(id)))
  })

  test('100 rows are inserted, updated and deleted; outcome and pages agree', async () => {
    const before = (await all('customers')).length
    const emails = Array.from({ length: 100 }, (_, i) => ({ values: { email: `a${i}@x.org` } }))
    const rows = await written('customers', 'insert', emails)
    assert.equal((await all('customers')).length, before + 100)
    assert.equal(rows[41]?.values?.['email'], 'a41@x.org')
    const ids = rows.map(({ id }) => ({ id }))
    const updates = ids.map(({ id }) => ({ id, values: { name: 'Dune', email: null } }))
    const updated = await written('customers', 'update', updates)
    assert.equal(updated[99]?.values?.['email'], null)
    const pages = new Map((await all('customers')).map(({ id, values }) => [id, values]))
    for (const row of updated) assert.deepEqual(pages.get(row.id), row.values)
    await written('customers', 'delete', ids)
    assert.equal((await all('customers')).length, before)
    assert.equal(faultOf(await mutate('customers', 'delete', ids.slice(0, 1))).code, 'record_gone')
  })

  test('101 rows are refused and nothing is sent', async () => {
    await control('DELETE', '/_exchanges')
    const rows = Array.from({ length: 101 }, () => ({ values: { name: 'x' } }))
    assert.equal(faultOf(await mutate('customers', 'insert', rows)).sqlstate, '54000')
    assert.deepEqual(await heard(), [])
  })

  test('metadata merges: keys are set, null unsets, others stay', async () => {
    const { id, values } = await insertOne('customers', { metadata: '{"a":"1","b":"2"}' })
    assert.deepEqual(JSON.parse(values['metadata'] ?? ''), { a: '1', b: '2' })
    const metadata = '{"a":null,"c":"3"}'
    const [row] = await written('customers', 'update', [{ id, values: { metadata } }])
    assert.deepEqual(JSON.parse(row?.values?.['metadata'] ?? ''), { b: '2', c: '3' })
    const [none] = await written('customers', 'update', [{ id, values: { metadata: null } }])
    assert.equal(none?.values?.['metadata'], '{}')
  })

  test('what is sold: product, price, plan, coupon, promotion code, tax rate, payment link', async () => {
    const product = await insertOne('products', { name: 'Spice', metadata: '{"planet":"Arrakis"}' })
    const recurring = '{"interval":"month"}'
    const price = await insertOne('prices', {
      product: product.id,
      currency: 'usd',
      unit_amount: '1999',
      recurring,
    })
    assert.equal(price.values['product'], product.id)
    assert.equal(price.values['unit_amount_decimal'], '1999')
    const [off] = await written('prices', 'update', [{ id: price.id, values: { active: 'false' } }])
    assert.equal(off?.values?.['active'], 'false')
    const plan = await insertOne('plans', {
      product: product.id,
      currency: 'usd',
      interval: 'year',
      amount: '9000',
    })
    await written('plans', 'delete', [plan])
    const coupon = await insertOne('coupons', { id: 'MUADDIB', percent_off: '25.5' })
    assert.equal(coupon.id, 'MUADDIB')
    assert.equal(coupon.values['percent_off'], '25.5')
    const taken = await mutate('coupons', 'insert', [{
      values: { id: 'MUADDIB', percent_off: '1' },
    }])
    assert.equal(faultOf(taken).sqlstate, '23505')
    const promotion = '{"type":"coupon","coupon":"MUADDIB"}'
    const code = await insertOne('promotion_codes', { promotion, code: 'SAND' })
    assert.equal(code.values['code'], 'SAND')
    const rate = await insertOne('tax_rates', {
      display_name: 'VAT',
      inclusive: 'false',
      percentage: '19.25',
    })
    assert.equal(rate.values['percentage'], '19.25')
    const once = await insertOne('prices', {
      product: product.id,
      currency: 'usd',
      unit_amount: '5',
    })
    const link = await insertOne('payment_links', {
      line_items: `[{"price":"${once.id}","quantity":1}]`,
    })
    assert.match(link.values['url'] ?? '', /^https?:/)
    for (const [table, row] of Object.entries({ products: product, coupons: coupon })) {
      await agrees(table, row)
    }
    await agrees('promotion_codes', code)
    await agrees('tax_rates', rate)
    await agrees('payment_links', link)
    await agrees('prices', once)
  })

  test('a customer subscribes: subscription, its items, an invoice and its item', async () => {
    const customer = await insertOne('customers', { payment_method: 'pm_card_visa' })
    assert.equal(customer.values['payment_method'], null)
    const product = await insertOne('products', { name: 'Spice' })
    const monthly = { product: product.id, currency: 'usd', recurring: '{"interval":"month"}' }
    const price = await insertOne('prices', { ...monthly, unit_amount: '1000' })
    const other = await insertOne('prices', { ...monthly, unit_amount: '2000' })
    const subscription = await insertOne('subscriptions', {
      customer: customer.id,
      items: `[{"price":"${price.id}","quantity":2}]`,
      collection_method: 'send_invoice',
      days_until_due: '30',
    })
    assert.equal(subscription.values['customer'], customer.id)
    await agrees('subscriptions', subscription)
    const item = await insertOne('subscription_items', {
      subscription: subscription.id,
      price: other.id,
      quantity: '3',
    })
    assert.equal(item.values['price'], other.id)
    await agrees('subscription_items', item)
    const [more] = await written('subscription_items', 'update', [
      { id: item.id, values: { quantity: '4' } },
    ])
    assert.equal(more?.values?.['quantity'], '4')
    await written('subscription_items', 'delete', [item])
    const invoiceItem = await insertOne('invoice_items', {
      customer: customer.id,
      currency: 'usd',
      amount: '-500',
      description: 'a gift',
    })
    assert.equal(invoiceItem.values['amount'], '-500')
    await agrees('invoice_items', invoiceItem)
    const invoice = await insertOne('invoices', {
      customer: customer.id,
      collection_method: 'send_invoice',
      days_until_due: '10',
    })
    await agrees('invoices', invoice)
    await written('invoices', 'delete', [invoice])
    await written('invoice_items', 'delete', [invoiceItem])
    await written('subscriptions', 'delete', [subscription])
    assert.equal((await all('subscriptions')).some(({ id }) => id === subscription.id), false)
  })

  test('a payment, its charge and its refund', async () => {
    const paid = {
      amount: '2000',
      currency: 'usd',
      confirm: 'true',
      payment_method: 'pm_card_visa',
    }
    const methods = '{"enabled":true,"allow_redirects":"never"}'
    const intent = await insertOne('payment_intents', {
      ...paid,
      automatic_payment_methods: methods,
    })
    assert.equal(intent.values['status'], 'succeeded')
    await agrees('payment_intents', intent)
    const charge = intent.values['latest_charge'] ?? ''
    const [described] = await written('charges', 'update', [
      { id: charge, values: { description: 'spice' } },
    ])
    assert.equal(described?.values?.['amount'], '2000')
    assert.equal(described?.values?.['payment_intent'], intent.id)
    const refund = await insertOne('refunds', { payment_intent: intent.id, amount: '500' })
    assert.equal(refund.values['charge'], charge)
    await agrees('refunds', refund)
    const gone = await mutate('refunds', 'delete', [refund])
    assert.equal(faultOf(gone).sqlstate, '0A000')
  })

  test('a payment that is declined leaves its payment intent, and so it does in the table', async () => {
    const intent = await insertOne('payment_intents', {
      amount: '2000',
      currency: 'usd',
      confirm: 'true',
      payment_method: 'pm_card_chargeDeclined',
      automatic_payment_methods: '{"enabled":true,"allow_redirects":"never"}',
    })
    assert.equal(intent.values['status'], 'requires_payment_method')
    assert.match(intent.values['last_payment_error'] ?? '', /card_declined/)
    await agrees('payment_intents', intent)
  })

  test('refusals name row, column and value', async () => {
    const cases: [string, Values, string, string | undefined][] = [
      ['customers', { email: 'pauldune.co' }, '23514', 'email'],
      ['customers', { metadata: JSON.stringify({ a: 'x'.repeat(501) }) }, '22001', 'metadata'],
      ['prices', { product: 'prod_none', currency: 'usd', unit_amount: '1' }, '23503', 'product'],
      ['products', { description: 'no name' }, '23502', 'name'],
      ['tax_rates', { display_name: 'x', inclusive: 'true' }, '23502', 'percentage'],
      ['subscriptions', { customer: 'cus_none', items: '[{"price":"x"}]' }, '23503', undefined],
    ]
    for (const [table, values, sqlstate, column] of cases) {
      const found = faultOf(await mutate(table, 'insert', [{ values }]))
      assert.equal(found.sqlstate, sqlstate, JSON.stringify(found))
      if (column !== undefined) assert.equal(found.column, column)
      assert.equal(found.row, 1)
      assert.equal(found.table, table)
    }
    const seed = faultOf(
      await mutate('customers', 'insert', [{ values: { email: 'pauldune.co' } }]),
    )
    assert.equal(seed.detail, 'Key (email)=(pauldune.co) is not a valid email address.')
    const gone = await mutate('customers', 'update', [{ id: 'cus_none', values: { name: 'x' } }])
    assert.equal(faultOf(gone).sqlstate, 'P0002')
  })

  test('one row of many is refused: the table has what the outcome says', async () => {
    const before = (await all('customers')).length
    const rows = Array.from({ length: 10 }, (_, i) => ({
      values: { email: i === 4 ? 'pauldune.co' : `a${i}@x.org` },
    }))
    const outcome = await mutate('customers', 'insert', rows, { settings: { concurrency: 2 } })
    assert.equal(outcome.state, 'partial')
    assert.ok(outcome.state === 'partial')
    assert.equal(outcome.fault.sqlstate, 'SL003')
    assert.equal((await all('customers')).length, before + outcome.rows.length)
    const refused = outcome.others.filter(({ state }) => state === 'refused')
    assert.deepEqual(refused.map(({ ordinal }) => ordinal), [5])
  })

  for (const kind of ['lost-reply', 'drop']) {
    test(`${kind}: sent again with the same key, and carried out once`, async () => {
      const before = (await all('customers')).length
      await control('DELETE', '/_exchanges')
      await mischief(kind)
      const outcome = await mutate('customers', 'insert', [{ values: { email: 'a@x.org' } }])
      assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
      assert.equal((await heard()).length, 2)
      assert.equal((await all('customers')).length, before + 1)
    })
  }

  test('500, which Stripe repeats for the same key: unknown', async () => {
    await control('DELETE', '/_exchanges')
    await mischief('500')
    const outcome = await mutate('customers', 'insert', [{ values: { email: 'a@x.org' } }])
    assert.equal(outcome.state, 'unknown', JSON.stringify(outcome))
    assert.equal(faultOf(outcome).sqlstate, '40003')
    assert.equal((await heard()).length, 2)
  })

  test('a delete whose reply is lost is found out', async () => {
    const { id } = await insertOne('customers', { email: 'a@x.org' })
    await mischief('lost-reply')
    const outcome = await mutate('customers', 'delete', [{ id }])
    assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
  })

  test('a limit is refused with the time to wait', async () => {
    await mischief('429')
    const found = faultOf(await mutate('customers', 'insert', [{ values: { email: 'a@x.org' } }]))
    assert.equal(found.sqlstate, '53400')
    assert.match(found.hint ?? '', /^Try again in \d+ s\.$/)
  })

  test('a key that is wrong is refused, and a refreshed token is taken', async () => {
    const wrong = { token: () => Promise.resolve('sk_test_wrong') }
    const refused = await mutate('customers', 'insert', [{ values: { email: 'a@x.org' } }], wrong)
    assert.equal(faultOf(refused).sqlstate, '28000')
    const grant = {
      http,
      deadline: deadlineIn(60_000),
      tokenUrl: `${sandbox.platformUrl('stripe')}/v1/oauth/token`,
      refreshToken: 'sandbox',
      clientId: 'sandbox',
      clientSecret: 'sandbox',
    }
    const { accessToken, expiresAt = 0 } = await stripe.refresh(grant)
    assert.ok(expiresAt > Date.now())
    const rows = Array.from({ length: 5 }, (_, i) => ({ values: { email: `a${i}@x.org` } }))
    const token = (old?: string) => Promise.resolve(old === undefined ? 'sk_test_old' : accessToken)
    const outcome = await mutate('customers', 'insert', rows, { token })
    assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
  })
})

// Goal: the sandbox's Stripe keeps objects and refuses wrong parameters as Stripe does. Method: form-encoded requests over
// HTTP; wordings from recorded answers and from Stripe's documentation.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { ask } from './client.ts'
import { idsOf, make, refused, stripe } from './stripe_client.ts'

let sandbox: Sandbox
before(async () => {
  sandbox = await startSandbox({ port: 0 })
})
after(() => sandbox.close())
beforeEach(() => sandbox.reset())

describe('customers', () => {
  test('are answered whole, with what was given and null for the rest', async () => {
    const made = await make(
      sandbox,
      'customers',
      'email=a@b.example&name=Ann&address[city]=Paris&preferred_locales[]=fr&preferred_locales[]=de&metadata[x]=1',
    )
    assert.match(made.id, /^cus_\w+$/)
    assert.equal(made.object, 'customer')
    assert.deepEqual(made.address, {
      city: 'Paris',
      country: null,
      line1: null,
      line2: null,
      postal_code: null,
      state: null,
    })
    assert.deepEqual(made.preferred_locales, ['fr', 'de'])
    assert.deepEqual(made.metadata, { x: '1' })
    assert.deepEqual(
      [made.balance, made.livemode, made.phone, made.shipping, made.tax_exempt],
      [0, false, null, null, 'none'],
    )
    const { json } = await stripe(sandbox, `GET /customers/${made.id}`)
    assert.deepEqual(json, made)
  })

  test('are changed where asked, and an empty text unsets', async () => {
    const { id } = await make(sandbox, 'customers', 'name=Ann&email=a@b.example&phone=1')
    const next = await make(sandbox, `customers/${id}`, 'name=&balance=-5')
    assert.deepEqual([next.name, next.email, next.phone, next.balance], [
      null,
      'a@b.example',
      '1',
      -5,
    ])
  })

  test('merge their metadata: keys are set, unset by an empty text, and all unset at once', async () => {
    const { id } = await make(sandbox, 'customers', 'metadata[a]=1&metadata[b]=2')
    const merged = await make(sandbox, `customers/${id}`, 'metadata[b]=&metadata[c]=3')
    assert.deepEqual(merged.metadata, { a: '1', c: '3' })
    const emptied = await make(sandbox, `customers/${id}`, 'metadata=')
    assert.deepEqual(emptied.metadata, {})
  })

  test('once deleted are still answered, but not listed nor changed', async () => {
    const { id } = await make(sandbox, 'customers', 'name=Ann')
    const gone = { id, object: 'customer', deleted: true }
    assert.deepEqual((await stripe(sandbox, `DELETE /customers/${id}`)).json, gone)
    assert.deepEqual((await stripe(sandbox, `GET /customers/${id}`)).json, gone)
    assert.ok(!(await idsOf(sandbox, 'customers')).includes(id))
    const missing = {
      status: 404,
      error: {
        code: 'resource_missing',
        message: `No such customer: '${id}'`,
        param: 'id',
        type: 'invalid_request_error',
      },
    }
    assert.deepEqual(await refused(sandbox, `POST /customers/${id}`, 'name=x'), missing)
    assert.deepEqual(await refused(sandbox, `DELETE /customers/${id}`), missing)
  })

  test('keep text of every kind as it was sent', async () => {
    const name = 'Zoë & Co = 100% + [x] \u{1F600}'
    const made = await make(sandbox, 'customers', `name=${encodeURIComponent(name)}`)
    assert.equal(made.name, name)
  })

  test('that are deleted take their subscriptions with them', async () => {
    const [subscription] = (await stripe(sandbox, 'GET /subscriptions')).json.data
    await stripe(sandbox, `DELETE /customers/${subscription.customer}`)
    const { json } = await stripe(sandbox, `GET /subscriptions/${subscription.id}`)
    assert.equal(json.status, 'canceled')
  })
})

describe('parameters', () => {
  const cases: [string, string, string, Record<string, unknown>][] = [
    ['unknown', 'customers', 'pineapple=1', {
      code: 'parameter_unknown',
      message: 'Received unknown parameter: pineapple',
      param: 'pineapple',
    }],
    ['unknown, several', 'customers', 'a=1&b=2', {
      code: 'parameter_unknown',
      message: 'Received unknown parameters: a, b',
      param: 'a',
    }],
    ['unknown inside another', 'customers', 'address[town]=x', {
      code: 'parameter_unknown',
      message: 'Received unknown parameter: address[town]',
      param: 'address[town]',
    }],
    ['missing', 'products', 'description=x', {
      code: 'parameter_missing',
      message: 'Missing required param: name.',
      param: 'name',
    }],
    ['missing inside a list', 'payment_links', 'line_items[0][quantity]=1', {
      code: 'parameter_missing',
      message: 'Missing required param: line_items[0][price].',
      param: 'line_items[0][price]',
    }],
    ['no whole number', 'customers', 'balance=1.5', {
      code: 'parameter_invalid_integer',
      message: 'Invalid integer: 1.5',
      param: 'balance',
    }],
    ['a number beyond what is exact', 'customers', 'balance=9007199254740993', {
      code: 'parameter_invalid_integer',
      message: 'Invalid integer: 9007199254740993',
      param: 'balance',
    }],
    ['no flag', 'products', 'name=x&active=yes', {
      message: 'Invalid boolean: yes',
      param: 'active',
    }],
    ['none of the values', 'coupons', 'percent_off=5&duration=never', {
      message: 'Invalid duration: must be one of forever, once, or repeating',
      param: 'duration',
    }],
    ['no address', 'customers', 'email=pauldune.co', {
      code: 'email_invalid',
      message: 'Invalid email address: pauldune.co',
      param: 'email',
    }],
    ['no URL', 'products', 'name=x&url=nowhere', {
      code: 'url_invalid',
      message: 'Not a valid URL',
      param: 'url',
    }],
    ['too long', 'coupons', `percent_off=5&name=Lottery${'+Rewriting+line'.repeat(3)}`, {
      message: 'Invalid string: Lottery Re...iting line; must be at most 40 characters',
      param: 'name',
    }],
    ['empty where that cannot be', 'products', 'name=', {
      code: 'parameter_invalid_empty',
      message:
        "You passed an empty string for 'name'. We assume empty values are an attempt to unset a parameter; however " +
        "'name' cannot be unset. You should remove 'name' from your request or supply a non-empty value.",
      param: 'name',
    }],
    ['text for a hash', 'customers', 'address=Paris', {
      message: 'Invalid object',
      param: 'address',
    }],
    ['text for a list', 'customers', 'preferred_locales=fr', {
      message: 'Invalid array',
      param: 'preferred_locales',
    }],
    ['a reference to nothing', 'invoiceitems', 'customer=cus_none&amount=5&currency=usd', {
      code: 'resource_missing',
      message: "No such customer: 'cus_none'",
      param: 'customer',
    }],
    ['a long metadata key', 'customers', `metadata[${'k'.repeat(41)}]=1`, {
      message:
        'Metadata keys can have up to 40 characters, but you passed in a key that is 41 characters. ' +
        `Invalid key: ${'k'.repeat(41)}`,
      param: 'metadata',
    }],
    ['too little to charge', 'payment_intents', 'amount=49&currency=usd', {
      code: 'amount_too_small',
      message: 'Amount must be at least $0.50 usd',
      param: 'amount',
    }],
    ['too much to charge', 'payment_intents', 'amount=100000000&currency=usd', {
      code: 'amount_too_large',
      message: 'Amount must be no more than $999,999.99',
      param: 'amount',
    }],
  ]
  for (const [what, path, form, error] of cases) {
    test(`${what}: refused, and nothing is written`, async () => {
      const before = await idsOf(sandbox, path)
      assert.deepEqual(await refused(sandbox, `POST /${path}`, form), {
        status: 400,
        error: { ...error, type: 'invalid_request_error' },
      })
      assert.deepEqual(await idsOf(sandbox, path), before)
    })
  }

  test('metadata takes 50 keys of 40 characters with 500 each, and no more', async () => {
    const value = 'v'.repeat(500)
    const key = (index: number) => String(index).padStart(40, 'k')
    const pair = (index: number) => `metadata[${key(index)}]=${value}`
    const all = Array.from({ length: 50 }, (_, index) => pair(index))
    const { id, metadata } = await make(sandbox, 'customers', all.join('&'))
    assert.equal(Object.keys(metadata).length, 50)
    const more = await refused(sandbox, `POST /customers/${id}`, 'metadata[one_more]=1')
    assert.equal(more.error.param, 'metadata')
    const long = await refused(sandbox, 'POST /customers', `metadata[a]=${value}v`)
    assert.match(
      long.error.message,
      /^Metadata values can have up to 500 characters, but .* is 501 /,
    )
    assert.equal(long.error.param, 'metadata[a]')
  })

  test('an unknown currency names those that there are', async () => {
    const { error } = await refused(sandbox, 'POST /payment_intents', 'amount=100&currency=EURO')
    assert.match(
      error.message,
      /^Invalid currency: euro\. Stripe currently supports these currencies: usd, aed, /,
    )
    assert.equal(error.param, 'currency')
  })

  test('as JSON are refused', async () => {
    const answer = await ask(sandbox, '/stripe/v1/customers', {
      method: 'POST',
      body: { name: 'x' },
    })
    assert.equal(answer.status, 400)
    assert.match(
      answer.json.error.message,
      /check that your POST content type is application\/x-www-form-urlencoded/,
    )
  })

  test('a path that is none says so', async () => {
    for (
      const call of [
        'DELETE /prices/price_1',
        'GET /nothing',
        'PUT /customers',
        'POST /charges/a/b/c',
      ] as const
    ) {
      const { status, error } = await refused(sandbox, call)
      assert.equal(status, 404)
      const [method, path] = call.split(' ')
      assert.ok(
        error.message.startsWith(`Unrecognized request URL (${method}: /v1${path}).`),
        error.message,
      )
    }
  })
})

describe('the catalogue', () => {
  test('a price for subscriptions is a plan, and a plan is a price', async () => {
    const product = await make(sandbox, 'products', 'name=Spice')
    const price = await make(
      sandbox,
      'prices',
      `product=${product.id}&currency=USD&unit_amount=1200&recurring[interval]=month&recurring[interval_count]=3`,
    )
    assert.deepEqual([price.type, price.currency, price.unit_amount_decimal], [
      'recurring',
      'usd',
      '1200',
    ])
    const { json: plan } = await stripe(sandbox, `GET /plans/${price.id}`)
    assert.deepEqual([plan.object, plan.amount, plan.interval, plan.interval_count], [
      'plan',
      1200,
      'month',
      3,
    ])
    const gold = await make(
      sandbox,
      'plans',
      `id=gold&product=${product.id}&currency=usd&interval=year&amount=7`,
    )
    assert.equal(gold.id, 'gold')
    const { json: other } = await stripe(sandbox, 'GET /prices/gold')
    assert.deepEqual([other.object, other.recurring.interval, other.unit_amount], [
      'price',
      'year',
      7,
    ])
  })

  test('an id that is taken is refused', async () => {
    await make(sandbox, 'products', 'id=spice&name=Spice')
    await make(sandbox, 'plans', 'id=gold&product=spice&currency=usd&interval=year&amount=7')
    const taken = (message: string) => ({
      status: 400,
      error: {
        code: 'resource_already_exists',
        message,
        param: 'id',
        type: 'invalid_request_error',
      },
    })
    assert.deepEqual(
      await refused(sandbox, 'POST /products', 'id=spice&name=x'),
      taken('Product already exists.'),
    )
    assert.deepEqual(
      await refused(
        sandbox,
        'POST /plans',
        'id=gold&product=spice&currency=usd&interval=year&amount=7',
      ),
      taken('Plan already exists.'),
    )
    assert.deepEqual(
      await refused(sandbox, 'POST /coupons', 'id=FREMEN25&percent_off=5'),
      taken('Coupon already exists.'),
    )
  })

  test('a decimal amount keeps its digits', async () => {
    const { id } = await make(sandbox, 'products', 'name=Spice')
    const price = await make(
      sandbox,
      'prices',
      `product=${id}&currency=usd&unit_amount_decimal=0.123456789012`,
    )
    assert.deepEqual([price.unit_amount, price.unit_amount_decimal], [null, '0.123456789012'])
    const { text } = await stripe(
      sandbox,
      'POST /tax_rates',
      'display_name=x&inclusive=true&percentage=7.123456789012345678',
    )
    assert.match(text, /"percentage":7\.123456789012345678[,}]/)
    const { error } = await refused(
      sandbox,
      'POST /prices',
      `product=${id}&currency=usd&unit_amount_decimal=0.1234567890123`,
    )
    assert.equal(error.param, 'unit_amount_decimal')
  })

  test('a product with prices cannot be deleted, one without can', async () => {
    const product = await make(
      sandbox,
      'products',
      'name=a&default_price_data[currency]=usd&default_price_data[unit_amount]=5',
    )
    assert.match(product.default_price, /^price_/)
    assert.equal(
      (await refused(sandbox, `DELETE /products/${product.id}`)).error.message,
      'This product cannot be deleted because it has one or more user-created prices.',
    )
    const { error } = await refused(
      sandbox,
      `POST /prices/${product.default_price}`,
      'active=false',
    )
    assert.equal(
      error.message,
      'This price cannot be archived because it is the default price of its product.',
    )
    const bare = await make(sandbox, 'products', 'name=b')
    const { json } = await stripe(sandbox, `DELETE /products/${bare.id}`)
    assert.deepEqual(json, { id: bare.id, object: 'product', deleted: true })
    assert.equal((await refused(sandbox, `GET /products/${bare.id}`)).status, 404)
  })

  test('what makes a price is there once and not contradicted', async () => {
    const { id } = await make(sandbox, 'products', 'name=a')
    const none = await refused(sandbox, 'POST /prices', `product=${id}&currency=usd`)
    assert.equal(none.error.code, 'parameter_missing')
    const both = await refused(
      sandbox,
      'POST /prices',
      `product=${id}&product_data[name]=b&currency=usd&unit_amount=1`,
    )
    assert.equal(
      both.error.message,
      'You may only specify one of these parameters: product, product_data.',
    )
    const coupon = await refused(
      sandbox,
      'POST /coupons',
      'percent_off=5&amount_off=5&currency=usd',
    )
    assert.equal(
      coupon.error.message,
      'You may only specify one of these parameters: percent_off, amount_off.',
    )
    await make(sandbox, 'prices', `product=${id}&currency=usd&unit_amount=1&lookup_key=k`)
    const held = await refused(
      sandbox,
      'POST /prices',
      `product=${id}&currency=usd&unit_amount=1&lookup_key=k`,
    )
    assert.match(held.error.message, /already uses that lookup key\.$/)
  })

  test('a promotion code is of a coupon, and only one with a code is active', async () => {
    const form = 'promotion[type]=coupon&promotion[coupon]=FREMEN25&code=Spice'
    const made = await make(sandbox, 'promotion_codes', form)
    assert.deepEqual([made.active, made.code, made.promotion.coupon], [true, 'Spice', 'FREMEN25'])
    const again = await refused(sandbox, 'POST /promotion_codes', form.replace('Spice', 'SPICE'))
    assert.equal(again.error.param, 'code')
    await make(sandbox, `promotion_codes/${made.id}`, 'active=false')
    await make(sandbox, 'promotion_codes', form)
    assert.equal((await idsOf(sandbox, 'promotion_codes?coupon=FREMEN25')).length, 2)
    assert.equal((await idsOf(sandbox, 'promotion_codes?active=true')).length, 1)
  })

  test('a payment link has lines of prices', async () => {
    const [price] = (await stripe(sandbox, 'GET /prices?type=one_time')).json.data
    const link = await make(
      sandbox,
      'payment_links',
      `line_items[0][price]=${price.id}&line_items[0][quantity]=2`,
    )
    assert.match(link.url, /^https:\/\/buy\.stripe\.com\//)
    assert.equal(link.line_items, undefined)
    const { json } = await stripe(sandbox, `GET /payment_links/${link.id}/line_items`)
    assert.deepEqual(json.data.map((line: { amount_total: number }) => line.amount_total), [19800])
    const off = await make(sandbox, `payment_links/${link.id}`, 'active=false')
    assert.equal(off.active, false)
  })
})

test('the records of every table are those of the API', async () => {
  for (
    const table of [
      'customers',
      'products',
      'prices',
      'plans',
      'coupons',
      'promotion_codes',
      'subscriptions',
      'subscription_items',
      'invoices',
      'invoice_items',
      'payment_intents',
      'refunds',
      'charges',
      'tax_rates',
      'payment_links',
    ]
  ) {
    assert.equal((await ask(sandbox, `/_records/stripe/${table}`)).status, 200, table)
  }
  const { json } = await ask(sandbox, '/_records/stripe/customers')
  const { json: listed } = await stripe(sandbox, 'GET /customers')
  assert.deepEqual(json.toReversed(), listed.data)
})

// Goal: one row is one request, and every answer becomes the outcome that it proves, and no better one.
// Method: a server that answers what the API reference says, and the ways in which answers go wrong.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { fault } from '../../../src/mutation/fault.ts'
import type { Outcome } from '../../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { stripe } from '../../../src/platforms/stripe/index.ts'
import { untilBegun } from '../../help/fake-api.ts'
import {
  type Answer,
  type Asked,
  errorBody,
  type FakeStripe,
  fakeStripe,
  mutation,
  mutationId,
  ordinalOf,
  type Script,
  tableOf,
} from './fake.ts'

let fake: FakeStripe
let customers: SyncedTable

before(async () => {
  fake = await fakeStripe()
  customers = await tableOf('customers')
})
after(() => fake.close())

const emails = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ email: `a${i}@x.org` }))

/** A customer as Stripe answers it to the request for a row. */
function customer(asked: Asked, more: Record<string, unknown> = {}): Answer {
  const { email = null } = asked.form
  const id = asked.path.split('/')[3] ?? `cus_${ordinalOf(asked)}`
  return { body: { id, object: 'customer', created: 1_700_000_000, email, ...more } }
}

const invalidEmail: Answer = {
  status: 400,
  body: errorBody('invalid_request_error', {
    code: 'email_invalid',
    param: 'email',
    message: 'Invalid email address: pauldune.co',
  }),
}

function rowsOf(outcome: Outcome, state: 'accepted' | 'partial' = 'accepted') {
  assert.equal(outcome.state, state, JSON.stringify(outcome))
  assert.ok(outcome.state === 'accepted' || outcome.state === 'partial')
  return outcome.rows
}

function faultIn(outcome: Outcome, state: 'refused' | 'unknown' | 'partial') {
  assert.equal(outcome.state as string, state, JSON.stringify(outcome))
  assert.ok(outcome.state !== 'accepted')
  return outcome.fault
}

function sqlstateOf(outcome: Outcome): string | null {
  return outcome.state === 'refused' ? outcome.fault.sqlstate : null
}

async function write(
  script: Script,
  what = mutation('customers', 'insert', emails(1)),
  more: Parameters<FakeStripe['caller']>[0] = {},
): Promise<Outcome> {
  fake.play(script)
  const table = await tableOf(what.table)
  return await stripe.write(what, table, fake.caller(more))
}

describe('what is sent', () => {
  for (const count of [1, 100]) {
    test(`an insert of ${count} rows is as many requests, each with its own key`, async () => {
      const what = mutation('customers', 'insert', emails(count))
      const outcome = await write((asked) => customer(asked), what)
      assert.equal(fake.asked.length, count)
      assert.equal(new Set(fake.asked.map(({ headers }) => headers['idempotency-key'])).size, count)
      for (const asked of fake.asked) {
        assert.equal(asked.method, 'POST')
        assert.equal(asked.path, '/v1/customers')
        assert.equal(asked.headers['idempotency-key'], `${mutationId}-${ordinalOf(asked)}`)
        assert.equal(asked.headers['authorization'], 'Bearer first')
        assert.equal(asked.headers['stripe-version'], '2026-10-28.endive')
        assert.equal(asked.headers['x-stripe-client-telemetry'], undefined)
        assert.deepEqual(asked.form, { email: `a${ordinalOf(asked) - 1}@x.org` })
      }
      const rows = rowsOf(outcome)
      assert.deepEqual(rows.map(({ ordinal }) => ordinal), what.rows.map(({ ordinal }) => ordinal))
      assert.equal(rows.at(-1)?.id, `cus_${count}`)
      assert.equal(rows.at(-1)?.values?.['email'], `a${count - 1}@x.org`)
      assert.equal(rows.at(-1)?.values?.['created'], '2023-11-14T22:13:20+00:00')
      assert.equal(rows.at(-1)?.values?.['phone'], null)
    })

    test(`a delete of ${count} rows is as many requests`, async () => {
      const what = mutation('customers', 'delete', Array.from({ length: count }, () => ({})))
      const outcome = await write(({ path }) => {
        return { body: { id: path.split('/')[3], object: 'customer', deleted: true } }
      }, what)
      assert.equal(fake.asked.length, count)
      assert.ok(fake.asked.every(({ method, body }) => method === 'DELETE' && body === ''))
      assert.ok(rowsOf(outcome).every(({ values }) => values === null))
    })
  }

  test('an update sets what is given, and null unsets', async () => {
    const values = { name: null, email: 'a@x.org', metadata: '{"a":"1","b":null}' }
    const outcome = await write(
      (asked) => customer(asked, { name: null, metadata: { a: '1', old: 'stays' } }),
      mutation('customers', 'update', [values], ['cus_9']),
    )
    const [asked] = fake.asked
    assert.equal(asked?.path, '/v1/customers/cus_9')
    assert.equal(asked?.body, 'name=&email=a%40x.org&metadata[a]=1&metadata[b]=')
    const [row] = rowsOf(outcome)
    assert.equal(row?.values?.['metadata'], '{"a":"1","old":"stays"}')
    assert.equal(row?.values?.['name'], null)
    assert.deepEqual(Object.keys(row?.values ?? {}), customers.columns.map(({ name }) => name))
  })

  test('absent, empty and null are told apart', async () => {
    const values = { name: '', email: null, phone: '1' }
    await write((asked) => customer(asked), mutation('customers', 'insert', [values]))
    assert.equal(fake.asked[0]?.body, 'name=&phone=1')
    await write((asked) => customer(asked), mutation('customers', 'update', [values], ['cus_1']))
    assert.equal(fake.asked[0]?.body, 'name=&email=&phone=1')
    await write((asked) => customer(asked), mutation('customers', 'update', [{}], ['cus_1']))
    assert.equal(fake.asked[0]?.body, '')
  })

  test('hashes and lists are sent in brackets, empty ones unset', async () => {
    const items = '[{"price":"price_1","quantity":2,"tax_rates":[]},{"price":"price_2"}]'
    const what = mutation('subscriptions', 'insert', [{
      customer: 'cus_1',
      items,
      discounts: '[]',
    }])
    const outcome = await write(
      () => ({ body: { id: 'sub_1', object: 'subscription', customer: 'cus_1' } }),
      what,
    )
    assert.deepEqual(fake.asked[0]?.form, {
      'customer': 'cus_1',
      'items[0][price]': 'price_1',
      'items[0][quantity]': '2',
      'items[0][tax_rates]': '',
      'items[1][price]': 'price_2',
      'discounts': '',
    })
    assert.equal(rowsOf(outcome)[0]?.values?.['customer'], 'cus_1')
  })

  test('numbers go out and come back with every digit', async () => {
    const what = mutation('prices', 'insert', [{
      currency: 'usd',
      product: 'prod_1',
      unit_amount: '123456789012345678',
      unit_amount_decimal: '0.123456789012',
      tiers: '[{"up_to":9007199254740993,"unit_amount_decimal":1.10}]',
    }])
    const outcome = await write(() => ({
      body: '{"id":"price_1","object":"price","unit_amount":123456789012345678,' +
        '"unit_amount_decimal":"0.123456789012","tiers":[{"up_to":9007199254740993}]}',
    }), what)
    const form = fake.asked[0]?.form ?? {}
    assert.equal(form['unit_amount'], '123456789012345678')
    assert.equal(form['unit_amount_decimal'], '0.123456789012')
    assert.equal(form['tiers[0][up_to]'], '9007199254740993')
    assert.equal(form['tiers[0][unit_amount_decimal]'], '1.10')
    const values = rowsOf(outcome)[0]?.values
    assert.equal(values?.['unit_amount'], '123456789012345678')
    assert.equal(values?.['unit_amount_decimal'], '0.123456789012')
    assert.equal(values?.['tiers'], '[{"up_to":9007199254740993}]')
  })

  test('what Stripe answers only when asked is asked for', async () => {
    const what = mutation('coupons', 'update', [{ name: 'x' }], ['25OFF'])
    await write(() => ({ body: { id: '25OFF', object: 'coupon' } }), what)
    assert.equal(fake.asked[0]?.form['expand[0]'], 'applies_to')
    assert.equal(fake.asked[0]?.form['expand[1]'], 'currency_options')
  })

  test('an id of the user is sent where Stripe takes one, and quoted in a path', async () => {
    const insert = mutation('coupons', 'insert', [{ id: '25 OFF/a', percent_off: '25.5' }])
    const outcome = await write(() => ({ body: { id: '25 OFF/a', object: 'coupon' } }), insert)
    assert.equal(fake.asked[0]?.form['id'], '25 OFF/a')
    assert.equal(rowsOf(outcome)[0]?.id, '25 OFF/a')
    const remove = mutation('coupons', 'delete', [{}], ['25 OFF/a'])
    await write(() => ({ body: { id: '25 OFF/a', object: 'coupon', deleted: true } }), remove)
    assert.equal(fake.asked[0]?.path, '/v1/coupons/25%20OFF%2Fa')
  })

  test('deleting a subscription cancels it', async () => {
    const what = mutation('subscriptions', 'delete', [{}], ['sub_1'])
    const canceled = { id: 'sub_1', object: 'subscription', status: 'canceled' }
    const outcome = await write(() => ({ body: canceled }), what)
    assert.equal(fake.asked[0]?.method, 'DELETE')
    assert.deepEqual(rowsOf(outcome), [{ ordinal: 1, id: 'sub_1', values: null }])
  })

  test('a price that comes whole is its id, and a subscription is found within parent', async () => {
    const item = { id: 'si_1', object: 'subscription_item', price: { id: 'price_1' } }
    const items = await write(
      () => ({ body: item }),
      mutation('subscription_items', 'insert', [{ subscription: 'sub_1', price: 'price_1' }]),
    )
    assert.equal(rowsOf(items)[0]?.values?.['price'], 'price_1')
    const parent = { subscription_details: { subscription: 'sub_1' } }
    const invoices = await write(
      () => ({ body: { id: 'in_1', object: 'invoice', parent } }),
      mutation('invoices', 'insert', [{ customer: 'cus_1', subscription: 'sub_1' }]),
    )
    assert.equal(rowsOf(invoices)[0]?.values?.['subscription'], 'sub_1')
  })

  test('no more requests are under way than the setting says', async () => {
    // every request waits until as many have come as may be under way
    let waiting: (() => void)[] = []
    const script: Script = async (asked) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
        if (waiting.length < 7) return
        for (const go of waiting) go()
        waiting = []
      })
      return customer(asked)
    }
    const what = mutation('customers', 'insert', emails(21))
    rowsOf(await write(script, what, { settings: { concurrency: 7 } }))
    assert.equal(fake.most(), 7)
    assert.equal(fake.asked.length, 21)
  })

  test('requests() tells before what will be sent', async () => {
    for (const operation of ['insert', 'update', 'delete'] as const) {
      const what = mutation('customers', operation, emails(3))
      const planned = stripe.requests(what, customers, fake.caller())
      const deleted = operation === 'delete' ? { deleted: true } : {}
      await write((asked) => customer(asked, deleted), what)
      assert.deepEqual(
        fake.asked.map(({ method, path }) => `${method} ${path}`).toSorted(),
        planned.map(({ method, path }) => `${method} ${path}`).toSorted(),
      )
      const { baseUrl, settings } = fake.caller()
      for (const { method, path, rows, charges } of planned) {
        assert.equal(rows, 1)
        const request = { method, url: baseUrl + path }
        assert.deepEqual(charges, stripe.rates.charges(request, { baseUrl, settings }))
      }
    }
  })
})

describe('what is refused before anything is sent', () => {
  const cases: Record<string, { what: ReturnType<typeof mutation>; code: string }> = {
    'more rows than 100': {
      what: mutation('customers', 'insert', emails(101)),
      code: 'too_many_rows',
    },
    'a column that is not there': {
      what: mutation('customers', 'insert', [{ nope: 'x' }]),
      code: 'column_unknown',
    },
    'a column that only Stripe sets': {
      what: mutation('customers', 'update', [{ created: '2026-01-01T00:00:00+00:00' }]),
      code: 'column_read_only',
    },
    'a column that only an INSERT sets': {
      what: mutation('prices', 'update', [{ currency: 'eur' }]),
      code: 'column_read_only',
    },
    'the deletion of a price': {
      what: mutation('prices', 'delete', [{}]),
      code: 'form_not_supported',
    },
    'the insertion of a charge': {
      what: mutation('charges', 'insert', [{ amount: '1' }]),
      code: 'form_not_supported',
    },
    'a number that is none': {
      what: mutation('tax_rates', 'insert', [{ percentage: 'NaN' }]),
      code: 'value_out_of_range',
    },
    'metadata that is not a hash': {
      what: mutation('customers', 'insert', [{ metadata: '["a"]' }]),
      code: 'value_not_of_type',
    },
    'metadata with a hash in it': {
      what: mutation('customers', 'insert', [{ metadata: '{"a":{}}' }]),
      code: 'value_not_of_type',
    },
    'a key with a bracket': {
      what: mutation('customers', 'insert', [{ metadata: '{"a[b]":"1"}' }]),
      code: 'validation_error',
    },
    'an id that leads elsewhere': {
      what: mutation('customers', 'delete', [{}], ['..']),
      code: 'value_not_of_type',
    },
    'an id that is empty': {
      what: mutation('customers', 'delete', [{}], ['']),
      code: 'value_not_of_type',
    },
  }
  for (const [name, { what, code }] of Object.entries(cases)) {
    test(name, async () => {
      const found = faultIn(await write(() => undefined, what), 'refused')
      assert.equal(found.code, code)
      assert.equal(found.schema, 'stripe')
      assert.equal(found.table, what.table)
      assert.equal(fake.asked.length, 0)
    })
  }

  test('one row that cannot be sent stops them all, and is named', async () => {
    const rows = [{ email: 'a@x.org' }, { balance: 'Infinity' }]
    const found = faultIn(
      await write(() => undefined, mutation('customers', 'insert', rows)),
      'refused',
    )
    assert.equal(found.row, 2)
    assert.equal(found.column, 'balance')
    assert.equal(found.detail, 'Key (balance)=(Infinity) has no equivalent in Stripe.')
    assert.equal(fake.asked.length, 0)
  })

  test('settings that are none', async () => {
    for (const settings of [{ mode: 'fast' }, { concurrency: 0 }, { concurrency: 'many' }]) {
      const what = mutation('customers', 'insert', emails(1))
      const found = faultIn(await write(() => undefined, what, { settings }), 'refused')
      assert.equal(found.code, 'bad_request')
    }
    assert.equal(fake.asked.length, 0)
  })

  test('a statement that was cancelled, or is out of time', async () => {
    const what = mutation('customers', 'insert', emails(3))
    const cancelled = await write(() => undefined, what, { signal: AbortSignal.abort() })
    assert.equal(faultIn(cancelled, 'refused').code, 'statement_cancelled')
    const late = await write(() => undefined, what, { deadline: deadlineIn(-1) })
    assert.equal(faultIn(late, 'refused').code, 'statement_timed_out')
    assert.equal(fake.asked.length, 0)
  })
})

describe('what Stripe refuses', () => {
  test('a value: the fault names row, column and value', async () => {
    const what = mutation('customers', 'insert', [{ email: 'pauldune.co' }])
    const found = faultIn(await write(() => invalidEmail, what), 'refused')
    assert.deepEqual(found, {
      code: 'validation_error',
      sqlstate: '23514',
      message: 'stripe validation error',
      platform: 'stripe',
      schema: 'stripe',
      table: 'customers',
      column: 'email',
      constraint: 'email_invalid',
      row: 1,
      detail: 'Key (email)=(pauldune.co) is not a valid email address.',
    })
    assert.equal(fake.asked.length, 1)
  })

  test('one row of many: the rows before it are written, those after it not sent', async () => {
    const what = mutation('customers', 'insert', emails(10))
    const outcome = await write(
      (asked) => ordinalOf(asked) === 4 ? invalidEmail : customer(asked),
      what,
      { settings: { concurrency: 1 } },
    )
    assert.equal(fake.asked.length, 4)
    assert.deepEqual(rowsOf(outcome, 'partial').map(({ ordinal }) => ordinal), [1, 2, 3])
    assert.ok(outcome.state === 'partial')
    assert.equal(outcome.fault.code, 'partly_written')
    assert.deepEqual(
      outcome.others.map(({ ordinal, state }) => [ordinal, state]),
      [[4, 'refused'], ...[5, 6, 7, 8, 9, 10].map((ordinal) => [ordinal, 'unsent'])],
    )
  })

  test('rows under way when another is refused are finished and told', async () => {
    const what = mutation('customers', 'insert', emails(10))
    let refuse = () => {}
    const refused = new Promise<void>((resolve) => refuse = resolve)
    const outcome = await write(
      async (asked) => {
        if (ordinalOf(asked) === 1) {
          refuse()
          return invalidEmail
        }
        await refused
        return customer(asked)
      },
      what,
      { settings: { concurrency: 3 } },
    )
    const rows = rowsOf(outcome, 'partial')
    assert.ok(outcome.state === 'partial')
    // each answered request is in the outcome, whatever the order of the answers was
    assert.equal(rows.length, fake.asked.length - 1)
    assert.equal(rows.length + outcome.others.length, 10)
    assert.ok(fake.asked.length < 10)
  })

  test('a limit: the fault says when to try again, and no row more is begun', async () => {
    const what = mutation('customers', 'insert', emails(5))
    const limited = {
      status: 429,
      headers: { 'retry-after': '7', 'stripe-rate-limited-reason': 'endpoint-rate' },
      body: errorBody('invalid_request_error', { code: 'rate_limit' }),
    }
    const outcome = await write(() => limited, what, { settings: { concurrency: 1 } })
    const found = faultIn(outcome, 'refused')
    assert.equal(found.sqlstate, '53400')
    assert.equal(found.hint, 'Try again in 7 s.')
    assert.equal(fake.asked.length, 1)
  })

  test('a record that is locked is asked for again with the same key', async () => {
    const locked = {
      status: 429,
      body: errorBody('invalid_request_error', { code: 'lock_timeout' }),
    }
    const outcome = await write((asked) => fake.asked.length < 3 ? locked : customer(asked))
    assert.equal(rowsOf(outcome).length, 1)
    assert.equal(fake.asked.length, 3)
    assert.equal(new Set(fake.asked.map(({ headers }) => headers['idempotency-key'])).size, 1)
  })

  test('a record that stays locked is refused within the deadline', async () => {
    const locked = {
      status: 429,
      body: errorBody('invalid_request_error', { code: 'lock_timeout' }),
    }
    const what = mutation('customers', 'update', [{ name: 'x' }])
    const outcome = await untilBegun(
      () => write(() => locked, what, { deadline: deadlineIn(1_500) }),
      // where a machine stands still until the deadline has passed, the request under way is in doubt, the next one too late
      (found) => fake.asked.length >= 2 && sqlstateOf(found) === '55P03',
    )
    const found = faultIn(outcome, 'refused')
    assert.equal(found.sqlstate, '55P03')
    assert.ok(fake.asked.length >= 2)
  })

  const intent = {
    id: 'pi_1',
    object: 'payment_intent',
    status: 'requires_payment_method',
    amount: 500,
    currency: 'usd',
    last_payment_error: { code: 'card_declined' },
  }
  const declined: Answer = {
    status: 402,
    body: errorBody('card_error', { code: 'card_declined', payment_intent: intent }),
  }

  test('a payment intent whose payment failed is written, since Stripe keeps it', async () => {
    const rows = [{ amount: '500', currency: 'USD', confirm: 'true', payment_method: 'pm_1' }]
    const [row] = rowsOf(await write(() => declined, mutation('payment_intents', 'insert', rows)))
    assert.equal(row?.id, 'pi_1')
    assert.equal(row?.values?.['status'], 'requires_payment_method')
    assert.equal(row?.values?.['last_payment_error'], '{"code":"card_declined"}')
    const update = mutation('payment_intents', 'update', [{ amount: '1' }], ['pi_1'])
    assert.equal(faultIn(await write(() => declined, update), 'refused').code, 'validation_error')
  })

  test('a payment intent in an error that is not the one asked for is not taken for it', async () => {
    const rows = [{ amount: '500', currency: 'usd' }]
    const what = mutation('payment_intents', 'insert', rows)
    const other: Answer[] = [
      {
        status: 400,
        body: errorBody('invalid_request_error', {
          code: 'payment_intent_unexpected_state',
          payment_intent: intent,
        }),
      },
      { ...declined, body: errorBody('card_error', { payment_intent: { ...intent, amount: 1 } }) },
      {
        ...declined,
        body: errorBody('card_error', { payment_intent: { ...intent, currency: 'eur' } }),
      },
    ]
    for (const answer of other) {
      const found = faultIn(await write(() => answer, what), 'unknown')
      assert.match(found.detail ?? '', /names a payment intent/)
      assert.equal(fake.asked.length, 1)
    }
  })

  test('an update that answers with a deleted record: the record is gone', async () => {
    const what = mutation('customers', 'update', [{ name: 'x' }], ['cus_1'])
    const found = faultIn(
      await write((asked) => customer(asked, { deleted: true }), what),
      'refused',
    )
    assert.equal(found.code, 'record_gone')
    assert.equal(found.row, 1)
    assert.equal(found.detail, 'Stripe says that cus_1 is deleted.')
  })
})

describe('what is in doubt', () => {
  const lost: Script = (_asked, response) => {
    response.destroy()
    return undefined
  }
  const doubts: Record<string, Script> = {
    'a lost reply': lost,
    'a failure of Stripe': () => ({ status: 500, body: errorBody('api_error') }),
    'a gateway that gave up': () => ({ status: 504, body: '<html>' }),
    'a page of HTML with status 200': () => ({ body: '<html>hello</html>' }),
    'a redirect': () => ({ status: 302, headers: { location: '/elsewhere' }, body: '' }),
    'a time-out said of the request': () => ({ status: 408, body: '' }),
    'the record of another object': () => ({ body: { id: 'prod_1', object: 'product' } }),
    'an answer without an id': () => ({ body: { object: 'customer' } }),
    'a body that is cut short': (_asked, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"id":"cus_1","object":"customer"')
      response.destroy()
      return undefined
    },
  }
  for (const [name, script] of Object.entries(doubts)) {
    test(`${name}: sent once more with the same key, and what was done once is told`, async () => {
      const outcome = await write((asked, response) =>
        fake.asked.length === 1 ? script(asked, response) : customer(asked)
      )
      assert.equal(rowsOf(outcome)[0]?.id, 'cus_1')
      assert.equal(fake.asked.length, 2)
      const [first, second] = fake.asked
      assert.equal(first?.headers['idempotency-key'], second?.headers['idempotency-key'])
      assert.equal(first?.body, second?.body)
    })

    test(`${name}, twice: unknown`, async () => {
      const outcome = await write(script)
      assert.equal(faultIn(outcome, 'unknown').sqlstate, '40003')
      assert.equal(fake.asked.length, 2)
    })
  }

  test('an update that answers another record is not believed', async () => {
    const what = mutation('customers', 'update', [{ name: 'x' }], ['cus_1'])
    const outcome = await write(() => ({ body: { id: 'cus_2', object: 'customer' } }), what)
    assert.equal(faultIn(outcome, 'unknown').code, 'outcome_unknown')
  })

  test('after a lost reply a refusal of the value proves that nothing was written', async () => {
    const outcome = await write((asked, response) =>
      fake.asked.length === 1 ? lost(asked, response) : invalidEmail
    )
    assert.equal(faultIn(outcome, 'refused').code, 'validation_error')
  })

  test('after a lost reply a refusal at the door proves nothing', async () => {
    for (const status of [401, 403, 429]) {
      const outcome = await write((asked, response) =>
        fake.asked.length === 1
          ? lost(asked, response)
          : { status, body: errorBody('invalid_request_error') }
      )
      assert.equal(faultIn(outcome, 'unknown').code, 'outcome_unknown', `status ${status}`)
    }
  })

  test('a key in use is asked for again until the first request is done', async () => {
    const inUse = {
      status: 409,
      body: errorBody('idempotency_error', { code: 'idempotency_key_in_use' }),
    }
    const outcome = await write((asked, response) => {
      if (fake.asked.length === 1) return lost(asked, response)
      return fake.asked.length < 4 ? inUse : customer(asked)
    })
    assert.equal(rowsOf(outcome).length, 1)
    assert.equal(fake.asked.length, 4)
  })

  test('a key that stays in use is unknown', async () => {
    const inUse = {
      status: 409,
      body: errorBody('invalid_request_error', { code: 'idempotency_key_in_use' }),
    }
    const what = mutation('customers', 'insert', emails(1))
    const outcome = await untilBegun(
      () => write(() => inUse, what, { deadline: deadlineIn(1_000) }),
      () => fake.asked.length > 0,
    )
    assert.equal(faultIn(outcome, 'unknown').code, 'outcome_unknown')
  })

  test('a key used for something else is unknown and not sent again', async () => {
    const outcome = await write(() => ({ status: 400, body: errorBody('idempotency_error') }))
    assert.equal(faultIn(outcome, 'unknown').code, 'outcome_unknown')
    assert.equal(fake.asked.length, 1)
  })

  /** The first reply is lost, and with it the interest. */
  const losing = (stop: AbortController, then: (asked: Asked) => Answer): Script => {
    return (asked, response) => {
      if (stop.signal.aborted) return then(asked)
      stop.abort()
      return lost(asked, response)
    }
  }

  test('a doubt is settled with the same key although nobody is interested any more', async () => {
    const stop = new AbortController()
    const what = mutation('customers', 'insert', emails(1))
    const script = losing(stop, (asked) => customer(asked))
    rowsOf(await write(script, what, { signal: stop.signal }))
    const keys = fake.asked.map(({ headers }) => headers['idempotency-key'])
    assert.deepEqual(keys, [`${mutationId}-1`, `${mutationId}-1`])
  })

  test('a delete in doubt is looked up although nobody is interested any more', async () => {
    const stop = new AbortController()
    const what = mutation('customers', 'delete', [{}], ['cus_1'])
    const script = losing(stop, (asked) => customer(asked, { deleted: true }))
    rowsOf(await write(script, what, { signal: stop.signal }))
    assert.deepEqual(fake.asked.map(({ method }) => method), ['DELETE', 'GET'])
  })

  test('an answer that never comes is unknown at the deadline', async () => {
    const what = mutation('customers', 'insert', emails(1))
    const outcome = await untilBegun(
      () => write(() => undefined, what, { deadline: deadlineIn(1_000) }),
      () => fake.asked.length > 0,
    )
    assert.equal(faultIn(outcome, 'unknown').code, 'outcome_unknown')
    assert.equal(fake.asked.length, 1)
  })

  test('a lost row among others: they are told, and what was not begun is not sent', async () => {
    const what = mutation('customers', 'insert', emails(6))
    const outcome = await write(
      (asked, response) => ordinalOf(asked) === 3 ? lost(asked, response) : customer(asked),
      what,
      { settings: { concurrency: 1 } },
    )
    assert.deepEqual(rowsOf(outcome, 'partial').map(({ ordinal }) => ordinal), [1, 2])
    assert.ok(outcome.state === 'partial')
    assert.equal(outcome.fault.code, 'outcome_unknown')
    assert.deepEqual(outcome.others.map(({ state }) => state), [
      'unknown',
      'unsent',
      'unsent',
      'unsent',
    ])
  })

  test('a delete is not sent again: a record that is gone is deleted', async () => {
    const gone: Answer[] = [
      { status: 404, body: errorBody('invalid_request_error', { code: 'resource_missing' }) },
      { body: { id: 'cus_1', object: 'customer', deleted: true } },
    ]
    for (const answer of gone) {
      const what = mutation('customers', 'delete', [{}], ['cus_1'])
      const outcome = await write(
        (asked, response) => asked.method === 'DELETE' ? lost(asked, response) : answer,
        what,
      )
      assert.deepEqual(rowsOf(outcome), [{ ordinal: 1, id: 'cus_1', values: null }])
      assert.deepEqual(fake.asked.map(({ method }) => method), ['DELETE', 'GET'])
    }
  })

  test('a delete whose record is still there is unknown', async () => {
    const what = mutation('customers', 'delete', [{}], ['cus_1'])
    const outcome = await write(
      (asked, response) => asked.method === 'DELETE' ? lost(asked, response) : customer(asked),
      what,
    )
    assert.equal(faultIn(outcome, 'unknown').code, 'outcome_unknown')
    assert.deepEqual(fake.asked.map(({ method }) => method), ['DELETE', 'GET'])
  })

  test('a delete that is answered without being one is not believed', async () => {
    const what = mutation('customers', 'delete', [{}], ['cus_1'])
    const outcome = await write((asked) => customer(asked), what)
    assert.equal(faultIn(outcome, 'unknown').code, 'outcome_unknown')
  })
})

describe('the credential', () => {
  const expired: Answer = {
    status: 401,
    body: errorBody('invalid_request_error', {
      message: 'Invalid API Key provided: sk_test_***xyz',
    }),
  }

  test('a token refused in the middle is replaced; no row is lost or sent with two keys', async () => {
    const done = new Map<string, number>()
    const what = mutation('customers', 'insert', emails(12))
    const tokens: string[] = []
    const outcome = await write(
      (asked) => {
        const second = asked.headers['authorization'] === 'Bearer second'
        if (!second && done.size >= 4) return expired
        const key = asked.headers['idempotency-key'] ?? ''
        done.set(key, (done.get(key) ?? 0) + 1)
        return customer(asked)
      },
      what,
      {
        settings: { concurrency: 1 },
        token: (refused) => {
          if (refused !== undefined) tokens.push(refused)
          return Promise.resolve(tokens.length > 0 ? 'second' : 'first')
        },
      },
    )
    assert.equal(rowsOf(outcome).length, 12)
    assert.deepEqual(tokens, ['first'])
    assert.equal(done.size, 12)
    assert.ok([...done.values()].every((times) => times === 1))
    assert.equal(fake.asked.length, 13)
  })

  test('a key that stays refused is a fault without the key', async () => {
    const found = faultIn(await write(() => expired), 'refused')
    assert.equal(found.sqlstate, '28000')
    assert.match(found.hint ?? '', /Reconnect/)
    assert.doesNotMatch(JSON.stringify(found), /xyz/)
    assert.equal(fake.asked.length, 2)
  })

  test('without a token nothing is sent', async () => {
    const what = mutation('customers', 'insert', emails(2))
    const outcome = await write(() => undefined, what, {
      token: () => Promise.reject(fault('credential_refused', { platform: 'stripe' })),
    })
    assert.equal(faultIn(outcome, 'refused').code, 'credential_refused')
    assert.equal(fake.asked.length, 0)
  })
})

test('a Stripe that cannot be reached is unreachable, and the other rows are not tried', async () => {
  const what = mutation('customers', 'insert', emails(3))
  const outcome = await write(() => undefined, what, {
    baseUrl: 'http://127.0.0.1:1',
    settings: { concurrency: 1 },
  })
  const found = faultIn(outcome, 'refused')
  assert.equal(found.code, 'unreachable')
  assert.equal(found.table, 'customers')
})

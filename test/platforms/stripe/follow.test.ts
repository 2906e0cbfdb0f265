// Goal: what others do at Stripe is told, for every table as its pace promises, and then read as it is.
// Method: another client writes to the sandbox over HTTP; a copy of the table is kept by following alone, and compared with
// the list of all records.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../src/mutation/fault.ts'
import { objects } from '../../../src/platforms/stripe/objects.ts'
import { runsOf } from '../../help/property.ts'
import { tableOf } from './fake.ts'
import {
  type Answer,
  type Copy,
  copyOf,
  type Followed,
  followed,
  follower,
  listed,
} from './following.ts'

let world: Followed
const none = await tableOf('customers')
const tables = new Map(
  await Promise.all(objects.map(async ({ name }) => [name, await tableOf(name)] as const)),
)

before(async () => {
  world = await followed()
})
after(() => world.close())
beforeEach(() => world.sandbox.reset())

const ask = (call: string, form = ''): Promise<Answer> => world.ask(call, form)

/** The copy is what the list of all records is. */
async function isTrue(copy: Copy): Promise<void> {
  const all = await listed(copy.table.name, world.caller)
  assert.deepEqual(Object.fromEntries(copy.rows), Object.fromEntries(all), copy.table.name)
}

/** Does something, polls once, and says which records of the table were told of. */
type Step = (what: () => Promise<Answer>) => Promise<{ answer: Answer; told: string[] }>

async function following(name: string, act: (step: Step, copy: Copy) => Promise<void>) {
  const copy = await copyOf(name, world.caller)
  await copy.poll()
  await isTrue(copy)
  await act(async (what) => {
    const answer = await what()
    return { answer, told: await copy.poll() }
  }, copy)
}

/** Each step is told of exactly the record that it is about, and the copy is true after it. */
function life(
  name: string,
  { make, change, remove }: {
    make: () => Promise<Answer>
    change: (id: string) => Promise<Answer>
    remove?: (id: string) => Promise<Answer>
  },
): void {
  test(`${name}: what is made, changed${remove ? ' and deleted' : ''} is told`, async () => {
    await following(name, async (step, copy) => {
      const made = await step(make)
      const { id } = made.answer
      assert.ok(made.told.includes(id), `${id} was made: ${made.told.join()}`)
      assert.ok(copy.rows.has(id))
      await isTrue(copy)
      assert.deepEqual(await copy.poll(), [], 'and not told again')
      const changed = await step(() => change(id))
      assert.deepEqual(changed.told, [id], 'changed')
      await isTrue(copy)
      if (remove === undefined) return
      const removed = await step(() => remove(id))
      assert.deepEqual(removed.told, [id], 'deleted')
      assert.equal(copy.rows.has(id), false)
      await isTrue(copy)
      assert.deepEqual(await copy.poll(), [])
    })
  })
}

const customer = async () =>
  (await ask('POST customers', 'name=Leto&payment_method=pm_card_visa')).id
const price = async (more = '&recurring[interval]=month') =>
  (await ask('POST prices', `product_data[name]=Spice&currency=usd&unit_amount=1000${more}`)).id
const subscription = async (more = '') =>
  await ask(
    'POST subscriptions',
    `customer=${await customer()}&items[0][price]=${await price()}&collection_method=send_invoice` +
      `&days_until_due=30${more}`,
  )
const payment = (more = '') =>
  ask(
    'POST payment_intents',
    'amount=2000&currency=usd&payment_method=pm_card_visa&automatic_payment_methods[enabled]=true' +
      `&automatic_payment_methods[allow_redirects]=never${more}`,
  )

describe('every table', () => {
  life('customers', {
    make: () => ask('POST customers', 'email=a@x.org'),
    change: (id) => ask(`POST customers/${id}`, 'name=Chani'),
    remove: (id) => ask(`DELETE customers/${id}`),
  })
  life('products', {
    make: () => ask('POST products', 'name=Spice'),
    change: (id) => ask(`POST products/${id}`, 'description=Melange'),
    remove: (id) => ask(`DELETE products/${id}`),
  })
  life('prices', {
    make: () => ask('POST prices', 'product_data[name]=Spice&currency=usd&unit_amount=5'),
    change: (id) => ask(`POST prices/${id}`, 'nickname=Once'),
  })
  life('plans', {
    make: () => ask('POST plans', 'product[name]=Spice&currency=usd&amount=5&interval=month'),
    change: (id) => ask(`POST plans/${id}`, 'nickname=Monthly'),
    remove: (id) => ask(`DELETE plans/${id}`),
  })
  life('coupons', {
    make: () => ask('POST coupons', 'percent_off=5&duration=once'),
    change: (id) => ask(`POST coupons/${id}`, 'name=Five'),
    remove: (id) => ask(`DELETE coupons/${id}`),
  })
  life('promotion_codes', {
    make: () => ask('POST promotion_codes', 'promotion[type]=coupon&promotion[coupon]=FREMEN25'),
    change: (id) => ask(`POST promotion_codes/${id}`, 'active=false'),
  })
  life('tax_rates', {
    make: () => ask('POST tax_rates', 'display_name=VAT&inclusive=false&percentage=19'),
    change: (id) => ask(`POST tax_rates/${id}`, 'active=false'),
  })
  life('payment_links', {
    make: async () =>
      await ask(
        'POST payment_links',
        `line_items[0][price]=${await price('')}&line_items[0][quantity]=1`,
      ),
    change: (id) => ask(`POST payment_links/${id}`, 'active=false'),
  })
  life('subscriptions', {
    make: () => subscription(),
    change: (id) => ask(`POST subscriptions/${id}`, 'description=Sacks'),
    remove: (id) => ask(`DELETE subscriptions/${id}`),
  })
  life('invoices', {
    make: async () => await ask('POST invoices', `customer=${await customer()}`),
    change: (id) => ask(`POST invoices/${id}`, 'description=Sacks'),
    remove: (id) => ask(`DELETE invoices/${id}`),
  })
  life('refunds', {
    make: async () =>
      await ask('POST refunds', `payment_intent=${(await payment('&confirm=true')).id}&amount=5`),
    change: (id) => ask(`POST refunds/${id}`, 'metadata[a]=b'),
  })
  life('charges', {
    make: async () => {
      const { latest_charge: id } = await payment('&confirm=true')
      return { id }
    },
    change: (id) => ask(`POST charges/${id}`, 'description=Sacks'),
  })
  life('payment_intents', {
    make: () => payment(),
    change: (id) => ask(`POST payment_intents/${id}/confirm`),
  })
  life('invoice_items', {
    make: async () => {
      const invoice = await ask('POST invoices', `customer=${await customer()}`)
      const form = `customer=${invoice.customer}&invoice=${invoice.id}&currency=usd&amount=100`
      return await ask('POST invoiceitems', form)
    },
    // told by the invoice that shows it
    change: (id) => ask(`POST invoiceitems/${id}`, 'description=Sacks'),
    remove: (id) => ask(`DELETE invoiceitems/${id}`),
  })
  life('subscription_items', {
    make: async () => (await subscription()).items.data[0],
    change: (id) => ask(`POST subscription_items/${id}`, 'quantity=7'),
  })

  test('none is left out', () => {
    for (const { name } of objects) {
      const { changes, everyMs, scanEveryMs } = follower().pace(tables.get(name) ?? none)
      assert.equal(changes, true, name)
      assert.ok(everyMs <= 10_000 && scanEveryMs <= 86_400_000, name)
    }
  })
})

describe('what is more than one record', () => {
  test('the items of a subscription: added, deleted, and gone with it', async () => {
    await following('subscription_items', async (step, copy) => {
      const { answer } = await step(() => subscription())
      const [first] = answer.items.data
      const other = await price()
      const added = await step(() =>
        ask('POST subscription_items', `subscription=${answer.id}&price=${other}`)
      )
      assert.deepEqual(new Set(added.told), new Set([added.answer.id, first.id]))
      await isTrue(copy)
      const removed = await step(() => ask(`DELETE subscription_items/${added.answer.id}`))
      assert.ok(removed.told.includes(added.answer.id), 'by the attributes of before')
      assert.equal(copy.rows.has(added.answer.id), false)
      await isTrue(copy)
      await step(() => ask(`DELETE subscriptions/${answer.id}`))
      assert.equal(copy.rows.has(first.id), false, 'it can still be read, and is listed no more')
      await isTrue(copy)
    })
  })

  test('a coupon and its promotion code change where they are redeemed', async () => {
    const code = await ask(
      'POST promotion_codes',
      'promotion[type]=coupon&promotion[coupon]=FREMEN25',
    )
    const coupons = await copyOf('coupons', world.caller)
    const codes = await copyOf('promotion_codes', world.caller)
    await coupons.poll()
    await codes.poll()
    await subscription(`&discounts[0][promotion_code]=${code.id}`)
    assert.deepEqual(await coupons.poll(), ['FREMEN25'])
    assert.deepEqual(await codes.poll(), [code.id])
    assert.equal(coupons.rows.get('FREMEN25')?.['times_redeemed'], '1')
    await isTrue(coupons)
    await isTrue(codes)
  })

  test('a refund changes its charge; a customer who goes takes the subscriptions along', async () => {
    const { latest_charge: charge, id } = await payment('&confirm=true')
    const charges = await copyOf('charges', world.caller)
    await charges.poll()
    await ask('POST refunds', `payment_intent=${id}&amount=5`)
    assert.deepEqual(await charges.poll(), [charge])
    await isTrue(charges)
    const { id: held, customer: owner } = await subscription()
    const subscriptions = await copyOf('subscriptions', world.caller)
    await subscriptions.poll()
    await ask(`DELETE customers/${owner}`)
    assert.deepEqual(await subscriptions.poll(), [held])
    assert.equal(subscriptions.rows.has(held), false)
    await isTrue(subscriptions)
  })

  test('a deleted id that comes again is there again', async () => {
    await ask('POST coupons', 'id=AGAIN&percent_off=5&duration=once')
    await following('coupons', async (step, copy) => {
      await step(async () => {
        await ask('DELETE coupons/AGAIN')
        return await ask('POST coupons', 'id=AGAIN&percent_off=50&duration=once')
      })
      assert.equal(copy.rows.get('AGAIN')?.['percent_off'], '50')
      await isTrue(copy)
    })
  })
})

describe('what Stripe has no event for', () => {
  async function updated(name: string, path: string, seeds: number) {
    const { id } = name === 'charges'
      ? { id: (await payment('&confirm=true')).latest_charge }
      : name === 'payment_intents'
      ? await payment()
      : await ask('POST invoiceitems', `customer=${await customer()}&currency=usd&amount=100`)
    await planted(name, seeds)
    const copy = await copyOf(name, world.caller)
    await copy.poll()
    await isTrue(copy)
    await ask(
      `POST ${path}/${id}`,
      name === 'charges' ? 'receipt_email=a@x.org' : 'description=Sacks',
    )
    return { id, copy, told: await copy.poll() }
  }

  async function planted(name: string, count: number): Promise<void> {
    if (count === 0) return
    const url = `${world.sandbox.url}/_seed/stripe/${name}`
    const body = JSON.stringify({ count })
    await world.caller.http.send({ method: 'POST', url, body, waitMs: 60_000 })
  }

  const paths = [
    ['payment_intents', 'payment_intents', 6],
    ['invoice_items', 'invoiceitems', 1],
    ['charges', 'charges', 6],
  ] as const
  for (const [name, path, hours] of paths) {
    test(`is seen among the newest ${name}`, async () => {
      const { id, copy, told } = await updated(name, path, 0)
      assert.deepEqual(told, [id])
      await isTrue(copy)
      assert.deepEqual(await copy.poll(), [])
    })

    if (name === 'charges') continue
    test(`is for the comparison every ${hours} hours to find among older ${name}`, async () => {
      const { copy, told } = await updated(name, path, 1100)
      assert.deepEqual(told, [])
      assert.equal(follower().pace(copy.table).scanEveryMs, hours * 3_600_000)
    })
  }

  test('items of subscriptions may go unseen; the pace says so', async () => {
    assert.equal(follower().pace(await tableOf('subscription_items')).deletions, false)
    assert.equal(follower().pace(await tableOf('customers')).deletions, true)
  })
})

describe('a quiet Stripe', () => {
  for (const [name, requests] of [['customers', 1], ['payment_intents', 2]] as const) {
    test(`costs ${requests} at each look at ${name}, and tells of nothing`, async () => {
      const table = tables.get(name) ?? none
      const url = `${world.sandbox.url}/_exchanges`
      let cursor = await follower().start(table, world.caller)
      for (let poll = 0; poll < 3; poll += 1) {
        await world.caller.http.send({ method: 'DELETE', url, waitMs: 60_000 })
        const { touched, next, more } = await follower().changes(table, cursor, world.caller)
        const { body } = await world.caller.http.send({ method: 'GET', url, waitMs: 60_000 })
        assert.equal(body.trim().split('\n').length, requests)
        assert.equal(more, false)
        if (poll > 0) assert.deepEqual(touched, [])
        cursor = next
      }
    })
  }
})

describe('reading', () => {
  test('gives each record that is asked for once, and null for what there is none of', async () => {
    const table = await tableOf('prices')
    const id = await price('&billing_scheme=per_unit')
    const all = await listed('prices', world.caller)
    const refs = [id, id, 'price_none', '..'].map((id) => ({ id, keys: {} }))
    const read = await follower().read(table, refs, world.caller)
    const found = Object.fromEntries(read.map((one) => [one.id, one.values]))
    assert.equal(read.length, 3)
    assert.deepEqual(found, { [id]: all.get(id), price_none: null, '..': null })
  })

  test('throws when Stripe refuses the key, and takes nothing for gone', async () => {
    const table = await tableOf('customers')
    const wrong = { ...world.caller, token: () => Promise.resolve('sk_test_wrong') }
    const refs = [{ id: await customer(), keys: {} }]
    for (
      const asked of [
        () => follower().read(table, refs, wrong),
        () => follower().start(table, wrong),
      ]
    ) {
      await assert.rejects(
        asked,
        (error) => error instanceof Fault && error.code === 'credential_refused',
      )
    }
  })
})

type Command =
  | { readonly kind: 'poll' }
  | { readonly kind: 'make' | 'change' | 'remove'; readonly which: number; readonly table: number }

const made: Readonly<Record<string, () => Promise<Answer>>> = {
  customers: () => ask('POST customers', 'name=Leto'),
  products: () => ask('POST products', 'name=Spice'),
  subscriptions: () => subscription(),
}

const names = Object.keys(made)
const tableIndex = fc.nat({ max: names.length - 1 })
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('poll' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('make' as const, 'change' as const, 'remove' as const),
      which: fc.nat({ max: 20 }),
      table: tableIndex,
    }),
  },
)

test('whatever is done in whatever order, the copies are true in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
      world.sandbox.reset()
      const followedNames = [...names, 'subscription_items']
      const copies = await Promise.all(followedNames.map((name) => copyOf(name, world.caller)))
      const ids = new Map<string, string[]>(names.map((name) => [name, []]))
      for (const one of commands) {
        if (one.kind === 'poll') {
          for (const copy of copies) await copy.poll()
          continue
        }
        const name = names[one.table] ?? ''
        const mine = ids.get(name) ?? []
        const id = mine[one.which % Math.max(1, mine.length)]
        if (one.kind === 'make' || id === undefined) mine.push((await made[name]?.())?.id)
        else if (one.kind === 'change') await ask(`POST ${name}/${id}`, `metadata[n]=${one.which}`)
        else {
          await ask(`DELETE ${name}/${id}`)
          mine.splice(mine.indexOf(id), 1)
        }
      }
      for (const copy of copies) {
        await copy.poll()
        await isTrue(copy)
      }
    }),
    runsOf(12),
  )
})

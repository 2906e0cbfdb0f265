// Goal: what became of a mutation at Stripe is told truly, or not at all, and nothing is sent again once its sender has been
// answered. Method: the adapter against the sandbox, whose clock is moved, with lost replies and requests that never arrive.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Http } from '../../../src/lib/http.ts'
import { statementWaitMaxMs } from '../../../src/mutation/limits.ts'
import type { Values } from '../../../src/mutation/mutation.ts'
import { stripe } from '../../../src/platforms/stripe/index.ts'
import {
  foundOut,
  inquireAfter,
  laterMs,
  longAgoMs,
  type Mishap,
  rowsOf,
  soonMs,
  writeInDoubt,
} from '../contract/doubts.ts'
import { faultOf, type Stage, startStage } from '../contract/stage.ts'

let stage: Stage
before(async () => stage = await startStage())
after(async () => await stage.close())
beforeEach(async () => await stage.reset())

const at = (object: string) => ({ adapter: stripe, object, settings: { concurrency: 1 } })
const customers = at('customers')

async function made(object: string, values: Values) {
  const [row] = await stage.insert(at(object), [values])
  assert.ok(row !== undefined)
  return row
}

const insert = (object: string, values: Values, mishap: Mishap) =>
  writeInDoubt(stage, at(object), { operation: 'insert', rows: [{ values }], mishap })

describe('every table of stripe', () => {
  const monthly = { currency: 'usd', recurring: '{"interval":"month"}' }
  const untold = ['update'] as const

  const cases: Record<
    string,
    () => Promise<{ draft: Values; change?: Values; deletes?: boolean }>
  > = {
    customers: async () => ({
      draft: {
        email: 'A@example.com',
        metadata: '{"n":1}',
        address: '{"city":"Arrakeen"}',
        payment_method: 'pm_card_visa',
      },
      change: { metadata: '{"n":null,"m":"2"}', name: 'Changed', email: null },
    }),
    products: async () => ({ draft: { name: 'Spice' }, change: { name: 'Changed' } }),
    prices: async () => {
      const product = await made('products', { name: 'Spice' })
      return {
        draft: { ...monthly, product: product.id, unit_amount: '1000' },
        change: { active: 'false' },
        deletes: false,
      }
    },
    plans: async () => {
      const product = await made('products', { name: 'Spice' })
      return {
        draft: { product: product.id, currency: 'usd', interval: 'month', amount: '500' },
        change: { nickname: 'Changed' },
      }
    },
    'coupons, with ids of their own': async () => ({
      draft: { id: 'MUADDIB', percent_off: '25.5', duration: 'once' },
      change: { name: 'Changed' },
    }),
    promotion_codes: async () => {
      const coupon = await made('coupons', { percent_off: '10', duration: 'once' })
      const promotion = JSON.stringify({ type: 'coupon', coupon: coupon.id })
      return { draft: { promotion, code: 'SAND' }, change: { active: 'false' }, deletes: false }
    },
    tax_rates: async () => ({
      draft: { display_name: 'VAT', inclusive: 'false', percentage: '19' },
      change: { description: 'Changed' },
      deletes: false,
    }),
    subscriptions: async () => {
      const customer = await made('customers', { payment_method: 'pm_card_visa' })
      const product = await made('products', { name: 'Spice' })
      const price = await made('prices', { ...monthly, product: product.id, unit_amount: '100' })
      const items = JSON.stringify([{ price: price.id }])
      const draft = { customer: customer.id, items, collection_method: 'send_invoice' }
      return {
        draft: { ...draft, days_until_due: '7' },
        change: { description: 'Changed' },
      }
    },
    invoice_items: async () => {
      const customer = await made('customers', {})
      return {
        draft: { customer: customer.id, amount: '1200', currency: 'usd', description: 'Water' },
        change: { description: 'Changed' },
      }
    },
    payment_intents: async () => ({
      draft: { amount: '1999', currency: 'USD', description: 'Spice' },
      change: { description: 'Changed' },
      deletes: false,
    }),
  }
  for (const [title, prepare] of Object.entries(cases)) {
    test(title, async () => {
      const { draft, ...more } = await prepare()
      stage.clock.aheadMs += longAgoMs
      const place = at(title.replace(/,.*/, ''))
      await foundOut(stage, { place, drafts: [draft], untold, ...more })
    })
  }

  test('payment links, of which no list says when they were made: unknown', async () => {
    const product = await made('products', { name: 'Spice' })
    const price = await made('prices', {
      product: product.id,
      currency: 'usd',
      unit_amount: '100',
    })
    const values = { line_items: JSON.stringify([{ price: price.id, quantity: 1 }]) }
    const lost = await insert('payment_links', values, 'lost-reply')
    const place = at('payment_links')
    const read = await inquireAfter(stage, place, { ...lost, afterMs: laterMs })
    assert.equal(read.outcome.state, 'unknown')
    const asked = { ...lost, afterMs: soonMs, unheard: true }
    assert.equal((await inquireAfter(stage, place, asked)).outcome.state, 'accepted')
  })
})

describe('while the sender waits', () => {
  test('the answer that was lost is given under the same key; nothing is made twice', async () => {
    const lost = await insert('customers', { email: 'once@example.com' }, 'lost-reply')
    const before = await stage.held(customers, 'customers')
    const asked = { ...lost, afterMs: soonMs, unheard: true }
    const { outcome, seen } = await inquireAfter(stage, customers, asked)
    assert.equal(outcome.state, 'accepted')
    assert.deepEqual(seen.map(({ id }) => id), rowsOf(outcome).map(({ id }) => id))
    assert.deepEqual(await stage.held(customers, 'customers'), before)
  })

  test('a request that never arrived is carried out, once', async () => {
    const before = (await stage.held(customers, 'customers')).length
    const dropped = await insert('customers', { email: 'once@example.com' }, 'drop')
    for (const _ of [1, 2]) {
      const asked = { ...dropped, afterMs: soonMs, unheard: true }
      const { outcome } = await inquireAfter(stage, customers, asked)
      assert.equal(outcome.state, 'accepted')
    }
    assert.equal((await stage.held(customers, 'customers')).length, before + 1)
  })

  test('an update is, too; a row that was not sent stays so', async () => {
    const rows = []
    for (const n of [1, 2, 3]) {
      const { id } = await made('customers', { email: `c${n}@example.com` })
      rows.push({ id, values: { name: 'New' } })
    }
    const dropped = await writeInDoubt(stage, customers, {
      operation: 'update',
      rows,
      mishap: 'drop',
    })
    await stage.quiet()
    const asked = { ...dropped, afterMs: soonMs, unheard: true }
    const { outcome } = await inquireAfter(stage, customers, asked)
    assert.ok(outcome.state === 'partial', JSON.stringify(outcome))
    assert.deepEqual(outcome.rows.map(({ ordinal }) => ordinal), [1])
    assert.deepEqual(outcome.others.map(({ state }) => state), ['unsent', 'unsent'])
    assert.equal((await stage.writes()).length, 1)
  })

  test('a turn that would come too late leaves it unknown: an earlier sending may have been carried out', async () => {
    const lost = await insert('customers', { email: 'once@example.com' }, 'lost-reply')
    await stage.mischief(customers, '429', 20)
    const asked = { ...lost, afterMs: soonMs, unheard: true }
    await assert.rejects(inquireAfter(stage, customers, asked), { code: 'rate_limited' })
  })

  test('once the statement’s own time is over nothing is sent again', async () => {
    const dropped = await insert('customers', { email: 'old@example.com' }, 'drop')
    await stage.quiet()
    const asked = { ...dropped, afterMs: statementWaitMaxMs, unheard: true }
    await inquireAfter(stage, customers, asked)
    assert.deepEqual(await stage.writes(), [])
    await inquireAfter(stage, customers, { ...asked, afterMs: statementWaitMaxMs - 1 })
    assert.equal((await stage.writes()).length, 1)
  })

  test('a replay whose reply is lost is not taken for over: its record is never told as absent', async () => {
    const dropped = await insert('customers', { email: 'late@example.com' }, 'drop')
    const afterMs = statementWaitMaxMs - 1
    stage.clock.aheadMs += afterMs
    await stage.mischief(customers, 'lost-reply', 2)
    // the list is asked before it has the record that the replay makes
    const real = stage.http
    const http: Http = {
      close: () => real.close(),
      send: async (request) => {
        const response = await real.send(request)
        if (request.method !== 'GET') return response
        return { ...response, body: JSON.stringify({ object: 'list', data: [], has_more: false }) }
      },
    }
    const asked = { ...dropped, afterMs, unheard: true }
    const { outcome } = await inquireAfter(stage, customers, asked, { http })
    assert.equal(outcome.state, 'unknown', JSON.stringify(outcome))
    const found = await inquireAfter(stage, customers, { ...dropped, afterMs: 2 * afterMs })
    assert.equal(found.outcome.state, 'accepted', JSON.stringify(found))
  })

  test('a request is surely over only when the last replay is, too', async () => {
    const dropped = await insert('customers', { email: 'never@example.com' }, 'drop')
    // the statement's time, Stripe's, the inquiry's, and that of its request
    const overMs = statementWaitMaxMs + 80_000 + 15_000 + 30_000
    const states = []
    for (const afterMs of [overMs - 1, overMs]) {
      const { outcome } = await inquireAfter(stage, customers, { ...dropped, afterMs })
      states.push(outcome.state)
    }
    assert.deepEqual(states, ['unknown', 'refused'])
  })
})

describe('once the sender has been answered', () => {
  test('nothing is sent: an insert that never arrived is refused', async () => {
    const before = await stage.held(customers, 'customers')
    const dropped = await insert('customers', { email: 'never@example.com' }, 'drop')
    await stage.quiet()
    const { outcome } = await inquireAfter(stage, customers, { ...dropped, afterMs: laterMs })
    assert.equal(faultOf(outcome).sqlstate, '58000')
    assert.deepEqual(await stage.writes(), [])
    assert.deepEqual(await stage.held(customers, 'customers'), before)
  })

  test('a customer that was deleted since does not say whether it was updated before: unknown, for good', async () => {
    for (const mishap of ['lost-reply', 'drop'] as const) {
      const { id } = await made('customers', { email: 'gone@example.com' })
      const rows = [{ id, values: { name: 'New' } }]
      const doubted = await writeInDoubt(stage, customers, { operation: 'update', rows, mishap })
      await stage.quiet()
      await stage.accepted(customers, await stage.write(customers, 'delete', { rows }))
      const asked = { ...doubted, afterMs: laterMs }
      const { outcome, seen, forGood } = await inquireAfter(stage, customers, asked)
      assert.deepEqual([outcome.state, forGood], ['unknown', true], mishap)
      assert.deepEqual(seen, [{ id, values: null }])
    }
  })
})

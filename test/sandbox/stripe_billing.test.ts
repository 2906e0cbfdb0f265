// Goal: what the sandbox's Stripe bills and pays fits together. Method: requests over HTTP, then the objects that came of
// them.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { idsOf, make, refused, stripe } from './stripe_client.ts'

let sandbox: Sandbox
before(async () => {
  sandbox = await startSandbox({ port: 0 })
})
after(() => sandbox.close())
beforeEach(() => sandbox.reset())

const paying = 'payment_method=pm_card_visa&confirm=true'

async function get(path: string): Promise<ReturnType<typeof JSON.parse>> {
  return (await stripe(sandbox, `GET /${path}`)).json
}

/** A customer that can pay, and the seed's monthly price. */
async function payer(): Promise<{ customer: string; price: string }> {
  const made = await make(sandbox, 'customers', 'name=Payer&payment_method=pm_card_visa')
  const [card] = await idsOf(sandbox, `payment_methods?customer=${made.id}`)
  await make(sandbox, `customers/${made.id}`, `invoice_settings[default_payment_method]=${card}`)
  const [price] = await idsOf(sandbox, 'prices?type=recurring')
  return { customer: made.id, price: price ?? '' }
}

describe('payment intents', () => {
  test('confirmed with a good card succeed and make a charge', async () => {
    const intent = await make(
      sandbox,
      'payment_intents',
      `amount=2000&currency=usd&${paying}&expand[]=latest_charge`,
    )
    assert.deepEqual([intent.status, intent.amount_received], ['succeeded', 2000])
    const charge = intent.latest_charge
    assert.deepEqual([charge.object, charge.amount, charge.paid, charge.payment_intent], [
      'charge',
      2000,
      true,
      intent.id,
    ])
  })

  test('confirmed with a declined card answer 402, and stay to be paid otherwise', async () => {
    const answer = await refused(
      sandbox,
      'POST /payment_intents',
      'amount=2000&currency=usd&payment_method=pm_card_chargeDeclined&confirm=true',
    )
    const { status, error } = answer
    assert.deepEqual(
      [status, error.type, error.code, error.decline_code, error.message],
      [402, 'card_error', 'card_declined', 'generic_decline', 'Your card was declined.'],
    )
    const intent = await get(`payment_intents/${error.payment_intent.id}`)
    assert.equal(intent.status, 'requires_payment_method')
    assert.equal(intent.last_payment_error.code, 'card_declined')
    const failed = await get(`charges/${intent.latest_charge}`)
    assert.deepEqual([failed.status, failed.paid, failed.failure_code], [
      'failed',
      false,
      'card_declined',
    ])
    const paid = await make(
      sandbox,
      `payment_intents/${intent.id}/confirm`,
      'payment_method=pm_card_visa',
    )
    assert.equal(paid.status, 'succeeded')
  })

  test('go through their states: confirmed by hand, captured later, canceled', async () => {
    const open = await make(
      sandbox,
      'payment_intents',
      'amount=900&currency=eur&capture_method=manual',
    )
    assert.equal(open.status, 'requires_payment_method')
    const carded = await make(
      sandbox,
      `payment_intents/${open.id}`,
      'payment_method=pm_card_mastercard',
    )
    assert.equal(carded.status, 'requires_confirmation')
    const held = await make(sandbox, `payment_intents/${open.id}/confirm`, '')
    assert.deepEqual([held.status, held.amount_capturable], ['requires_capture', 900])
    const paid = await make(sandbox, `payment_intents/${open.id}/capture`, 'amount_to_capture=400')
    assert.deepEqual([paid.status, paid.amount_received], ['succeeded', 400])
    const late = await refused(sandbox, `POST /payment_intents/${open.id}/cancel`)
    assert.equal(late.error.code, 'payment_intent_unexpected_state')
    assert.match(
      late.error.message,
      /^You cannot cancel this PaymentIntent because it has a status of succeeded\./,
    )
    const amount = await refused(sandbox, `POST /payment_intents/${open.id}`, 'amount=500')
    assert.match(
      amount.error.message,
      /^This PaymentIntent's amount could not be updated because it has a status of/,
    )
    const other = await make(sandbox, 'payment_intents', 'amount=900&currency=eur')
    const gone = await make(
      sandbox,
      `payment_intents/${other.id}/cancel`,
      'cancellation_reason=duplicate',
    )
    assert.deepEqual([gone.status, gone.cancellation_reason], ['canceled', 'duplicate'])
  })
})

describe('refunds', () => {
  test('take from a charge until nothing is left', async () => {
    const intent = await make(sandbox, 'payment_intents', `amount=2000&currency=usd&${paying}`)
    const part = await make(sandbox, 'refunds', `payment_intent=${intent.id}&amount=500`)
    assert.deepEqual([part.amount, part.charge, part.status], [
      500,
      intent.latest_charge,
      'succeeded',
    ])
    const much = await refused(
      sandbox,
      'POST /refunds',
      `charge=${intent.latest_charge}&amount=5000`,
    )
    assert.equal(
      much.error.message,
      'Refund amount ($50.00) is greater than unrefunded amount on charge ($15.00)',
    )
    const rest = await make(sandbox, 'refunds', `charge=${intent.latest_charge}`)
    assert.equal(rest.amount, 1500)
    const charge = await get(`charges/${intent.latest_charge}`)
    assert.deepEqual([charge.amount_refunded, charge.refunded], [2000, true])
    const again = await refused(sandbox, 'POST /refunds', `charge=${intent.latest_charge}`)
    assert.equal(again.error.code, 'charge_already_refunded')
    assert.equal(
      (await refused(sandbox, 'POST /refunds', 'amount=5')).error.code,
      'parameter_missing',
    )
  })

  test('of an intent that was not paid are refused', async () => {
    const intent = await make(sandbox, 'payment_intents', 'amount=2000&currency=usd')
    const { error } = await refused(sandbox, 'POST /refunds', `payment_intent=${intent.id}`)
    assert.match(error.message, /does not have a successful charge to refund\.$/)
  })
})

describe('charges', () => {
  test('are made of a source in the older way', async () => {
    const charge = await make(
      sandbox,
      'charges',
      'amount=700&currency=usd&source=tok_visa&capture=false',
    )
    assert.deepEqual([charge.captured, charge.paid], [false, true])
    const captured = await make(sandbox, `charges/${charge.id}/capture`, '')
    assert.equal(captured.captured, true)
    const none = await refused(sandbox, 'POST /charges', 'amount=700&currency=usd')
    assert.equal(none.error.message, 'Must provide source or customer.')
  })
})

describe('subscriptions', () => {
  test("make their items and an invoice, paid with the customer's card", async () => {
    const { customer, price } = await payer()
    const made = await make(
      sandbox,
      'subscriptions',
      `customer=${customer}&items[0][price]=${price}&items[0][quantity]=3&expand[]=latest_invoice`,
    )
    assert.deepEqual([made.status, made.currency, made.items.data.length], ['active', 'usd', 1])
    const [item] = made.items.data
    assert.deepEqual([item.quantity, item.price.id, item.plan.id, item.subscription], [
      3,
      price,
      price,
      made.id,
    ])
    assert.ok(item.current_period_end - item.current_period_start >= 28 * 86_400)
    const invoice = made.latest_invoice
    assert.deepEqual(
      [invoice.status, invoice.amount_paid, invoice.parent.subscription_details.subscription],
      ['paid', 7500, made.id],
    )
    assert.deepEqual(await idsOf(sandbox, `invoices?subscription=${made.id}`), [invoice.id])
    assert.equal((await get(`charges?customer=${customer}`)).data[0].amount, 7500)
  })

  test('of a customer without a card are refused, and leave nothing behind', async () => {
    const { price } = await payer()
    const { id } = await make(sandbox, 'customers', 'name=Poor')
    const invoices = await idsOf(sandbox, 'invoices')
    const { status, error } = await refused(
      sandbox,
      'POST /subscriptions',
      `customer=${id}&items[0][price]=${price}`,
    )
    assert.deepEqual([status, error.code, error.param], [400, 'resource_missing', undefined])
    assert.match(
      error.message,
      /^This customer has no attached payment source or default payment method\./,
    )
    assert.deepEqual(await idsOf(sandbox, 'invoices'), invoices)
    assert.deepEqual(await idsOf(sandbox, `subscriptions?customer=${id}&status=all`), [])
  })

  test('name the item at fault', async () => {
    const { customer, price } = await payer()
    const start = `customer=${customer}&items[0][price]=${price}`
    const none = await refused(sandbox, 'POST /subscriptions', `${start}&items[1][price]=invalid`)
    assert.deepEqual(
      [none.status, none.error.message, none.error.param],
      [400, "No such price: 'invalid'", 'items[1][price]'],
    )
    const plan = await refused(
      sandbox,
      'POST /subscriptions',
      `customer=${customer}&items[0][plan]=invalid`,
    )
    assert.equal(plan.error.message, "No such plan: 'invalid'")
    const [once] = await idsOf(sandbox, 'prices?type=one_time')
    const wrong = await refused(sandbox, 'POST /subscriptions', `${start}&items[1][price]=${once}`)
    assert.match(wrong.error.message, /only accepts prices with `type=recurring`\.$/)
    const empty = await refused(sandbox, 'POST /subscriptions', `customer=${customer}`)
    assert.equal(empty.error.message, 'Missing required param: items.')
  })

  test('on trial owe nothing, and those whose card fails are incomplete', async () => {
    const { price } = await payer()
    const trial = await make(sandbox, 'customers', 'name=Trial')
    const free = await make(
      sandbox,
      'subscriptions',
      `customer=${trial.id}&items[0][price]=${price}&trial_period_days=7`,
    )
    assert.deepEqual([free.status, free.trial_end - free.trial_start], ['trialing', 7 * 86_400])
    const bad = await make(sandbox, 'customers', 'payment_method=pm_card_chargeCustomerFail')
    const [card] = await idsOf(sandbox, `payment_methods?customer=${bad.id}`)
    const form = `customer=${bad.id}&items[0][price]=${price}&default_payment_method=${card}`
    const failed = await make(sandbox, 'subscriptions', `${form}&expand[]=latest_invoice`)
    assert.deepEqual([failed.status, failed.latest_invoice.status], ['incomplete', 'open'])
    const strict = await refused(
      sandbox,
      'POST /subscriptions',
      `${form}&payment_behavior=error_if_incomplete`,
    )
    assert.deepEqual([strict.status, strict.error.code], [402, 'card_declined'])
    assert.equal((await idsOf(sandbox, `subscriptions?customer=${bad.id}&status=all`)).length, 1)
  })

  test("are changed: items set, added and deleted, ended at the period's end", async () => {
    const { customer, price } = await payer()
    const made = await make(
      sandbox,
      'subscriptions',
      `customer=${customer}&items[0][price]=${price}`,
    )
    const [item] = made.items.data
    const grown = await make(
      sandbox,
      `subscriptions/${made.id}`,
      `items[0][id]=${item.id}&items[0][quantity]=9&items[1][price]=${price}`,
    )
    assert.deepEqual(grown.items.data.map((one: { quantity: number }) => one.quantity), [9, 1])
    const shrunk = await make(
      sandbox,
      `subscriptions/${made.id}`,
      `items[0][id]=${item.id}&items[0][deleted]=true`,
    )
    assert.equal(shrunk.items.data.length, 1)
    const [last] = shrunk.items.data
    const none = await refused(sandbox, `DELETE /subscription_items/${last.id}`)
    assert.match(none.error.message, /^A subscription must have at least one active plan\./)
    const ending = await make(sandbox, `subscriptions/${made.id}`, 'cancel_at_period_end=true')
    assert.deepEqual([ending.cancel_at_period_end, ending.cancel_at], [
      true,
      last.current_period_end,
    ])
  })

  test('are canceled by DELETE: answered whole, listed only when asked for, not canceled twice', async () => {
    const { customer, price } = await payer()
    const { id } = await make(
      sandbox,
      'subscriptions',
      `customer=${customer}&items[0][price]=${price}`,
    )
    const { json } = await stripe(sandbox, `DELETE /subscriptions/${id}`)
    assert.deepEqual([json.id, json.status, json.deleted], [id, 'canceled', undefined])
    assert.deepEqual(await idsOf(sandbox, `subscriptions?customer=${customer}`), [])
    assert.deepEqual(await idsOf(sandbox, `subscriptions?customer=${customer}&status=all`), [id])
    assert.equal((await get(`subscriptions/${id}`)).status, 'canceled')
    assert.equal((await refused(sandbox, `DELETE /subscriptions/${id}`)).status, 404)
    const late = await refused(sandbox, `POST /subscriptions/${id}`, 'description=x')
    assert.equal(
      late.error.message,
      'A canceled subscription can only update its cancellation_details and metadata.',
    )
  })

  test('have items that are objects too', async () => {
    const { customer, price } = await payer()
    const { id } = await make(
      sandbox,
      'subscriptions',
      `customer=${customer}&items[0][price]=${price}`,
    )
    const added = await make(
      sandbox,
      'subscription_items',
      `subscription=${id}&price=${price}&quantity=4&metadata[a]=b`,
    )
    assert.equal((await idsOf(sandbox, `subscription_items?subscription=${id}`)).length, 2)
    const changed = await make(sandbox, `subscription_items/${added.id}`, 'quantity=5')
    assert.deepEqual([changed.quantity, changed.metadata], [5, { a: 'b' }])
    const { json } = await stripe(sandbox, `DELETE /subscription_items/${added.id}`)
    assert.deepEqual(json, { id: added.id, object: 'subscription_item', deleted: true })
    assert.equal((await get(`subscriptions/${id}`)).items.data.length, 1)
    const all = await refused(sandbox, 'GET /subscription_items')
    assert.equal(all.error.message, 'Missing required param: subscription.')
  })
})

describe('invoices', () => {
  test('gather items, are finalized, paid, and then closed to change', async () => {
    const { customer } = await payer()
    const pending = await make(
      sandbox,
      'invoiceitems',
      `customer=${customer}&amount=700&currency=usd&description=One`,
    )
    assert.deepEqual([pending.invoice, pending.amount], [null, 700])
    const draft = await make(
      sandbox,
      'invoices',
      `customer=${customer}&pending_invoice_items_behavior=include`,
    )
    assert.deepEqual([draft.status, draft.total, draft.number], ['draft', 700, null])
    const added = await make(
      sandbox,
      'invoiceitems',
      `customer=${customer}&invoice=${draft.id}&amount=300&currency=usd`,
    )
    await make(sandbox, `invoiceitems/${added.id}`, 'amount=500')
    assert.equal((await get(`invoices/${draft.id}`)).total, 1200)
    const open = await make(sandbox, `invoices/${draft.id}/finalize`, '')
    assert.equal(open.status, 'open')
    assert.match(open.number, /^\w+-0002$|^\w+-0001$/)
    const paid = await make(sandbox, `invoices/${draft.id}/pay`, '')
    assert.deepEqual([paid.status, paid.amount_paid, paid.amount_remaining], ['paid', 1200, 0])
    const changed = await refused(sandbox, `POST /invoices/${draft.id}`, 'description=x')
    assert.deepEqual(
      [changed.error.message, changed.error.param],
      ["Finalized invoices can't be updated in this way", 'description'],
    )
    const gone = await refused(sandbox, `DELETE /invoices/${draft.id}`)
    assert.equal(gone.error.message, 'You can only delete draft invoices.')
    const item = await refused(sandbox, `DELETE /invoiceitems/${added.id}`)
    assert.equal(item.error.code, 'invoice_not_editable')
  })

  test('as drafts are deleted, and their items are pending again', async () => {
    const { customer } = await payer()
    const draft = await make(sandbox, 'invoices', `customer=${customer}`)
    const item = await make(
      sandbox,
      'invoiceitems',
      `customer=${customer}&invoice=${draft.id}&amount=300&currency=usd`,
    )
    const { json } = await stripe(sandbox, `DELETE /invoices/${draft.id}`)
    assert.deepEqual(json, { id: draft.id, object: 'invoice', deleted: true })
    assert.equal((await get(`invoiceitems/${item.id}`)).invoice, null)
    assert.deepEqual(await idsOf(sandbox, `invoiceitems?customer=${customer}&pending=true`), [
      item.id,
    ])
    await stripe(sandbox, `DELETE /invoiceitems/${item.id}`)
    assert.equal((await refused(sandbox, `GET /invoiceitems/${item.id}`)).status, 404)
  })

  test('to be sent need a due date, and open ones can be voided', async () => {
    const { customer } = await payer()
    const none = await refused(
      sandbox,
      'POST /invoices',
      `customer=${customer}&collection_method=send_invoice`,
    )
    assert.equal(none.error.param, 'days_until_due')
    const form = `customer=${customer}&collection_method=send_invoice&days_until_due=30`
    const draft = await make(sandbox, 'invoices', form)
    assert.equal(draft.due_date - draft.created, 30 * 86_400)
    const early = await refused(sandbox, `POST /invoices/${draft.id}/void`)
    assert.match(early.error.message, /^You can only pass in open invoices\./)
    await make(
      sandbox,
      'invoiceitems',
      `customer=${customer}&invoice=${draft.id}&amount=300&currency=usd`,
    )
    await make(sandbox, `invoices/${draft.id}/send`, '')
    assert.equal((await make(sandbox, `invoices/${draft.id}/void`, '')).status, 'void')
  })

  test('an item belongs to a customer and has a currency', async () => {
    const lone = await refused(sandbox, 'POST /invoiceitems', 'amount=5&currency=usd')
    assert.equal(lone.error.message, 'Missing required param: customer.')
    const { id } = await make(sandbox, 'customers', 'name=x')
    const { error } = await refused(sandbox, 'POST /invoiceitems', `customer=${id}&amount=5`)
    assert.equal(error.message, 'Missing required param: currency.')
  })
})

// Room platforms: which of Stripe's events tell of which table, and what they leave untold.
// Source: Stripe API reference, "Types of events", version 2026-10-28.endive; what is said of each type there.

import { wordsOf } from './object.ts'

/** Events that name records of a table. Separated by spaces. */
export interface Telling {
  readonly types: string
  /** Where in `data` the ids stand: names, separated by dots; `*` is each entry of a list. */
  readonly at: string
  /** The records are parts of the event's object, which may show only the first of them. */
  readonly parts?: {
    /** Where in `data` that list is. */
    readonly list: string
    /** The parameter by which the collection of the records is listed for that object. */
    readonly parameter: string
  }
}

/** How a table is followed. */
export interface Following {
  readonly tellings: readonly Telling[]
  /** Do events tell of every deletion? So they do where Stripe deletes nothing. */
  readonly deletions: boolean
  /** Are the newest records listed at every look? So they are where there are changes of which no event tells. */
  readonly watched: boolean
  /** Between two comparisons with the list, in milliseconds: the more is untold, the oftener; the longer the list, the rarer. */
  readonly scanEveryMs: number
}

/** Between two looks at the events, in milliseconds. */
export const everyMs = 10_000

const hourMs = 3_600_000

const whole = { deletions: true, watched: false, scanEveryMs: 24 * hourMs } as const

const watched = { deletions: true, watched: true, scanEveryMs: hourMs } as const

const discounts = 'customer.discount.created customer.discount.deleted customer.discount.updated'

const ofSubscriptions = `customer.subscription.created customer.subscription.deleted
  customer.subscription.paused customer.subscription.pending_update_applied
  customer.subscription.pending_update_expired customer.subscription.resumed
  customer.subscription.trial_will_end customer.subscription.updated`

const ofRefunds = 'refund.created refund.failed refund.updated'

const ofReviews = 'review.closed review.opened'

/** Where an event has the id of the record that it is about. */
export const recordItself = 'object.id'

function itself(types: string): Telling {
  return { types, at: recordItself }
}

/** By the name of the table. */
export const followings: Readonly<Record<string, Following>> = {
  customers: {
    ...whole,
    tellings: [
      itself('customer.created customer.deleted customer.updated'),
      { types: discounts, at: 'object.customer' },
    ],
  },
  subscriptions: { ...whole, tellings: [itself(ofSubscriptions)] },
  // an item that went is in the previous attributes, of which Stripe promises nothing
  subscription_items: {
    deletions: false,
    watched: false,
    scanEveryMs: hourMs,
    tellings: [{
      types: ofSubscriptions,
      at: 'object.items.data.*.id previous_attributes.items.data.*.id',
      parts: { list: 'object.items', parameter: 'subscription' },
    }],
  },
  invoices: {
    ...whole,
    tellings: [
      itself(`invoice.created invoice.deleted invoice.finalization_failed invoice.finalized
        invoice.marked_uncollectible invoice.overdue invoice.overpaid invoice.paid
        invoice.payment_action_required invoice.payment_attempt_required invoice.payment_failed
        invoice.payment_succeeded invoice.sent invoice.updated invoice.voided`),
      { types: 'credit_note.created credit_note.updated credit_note.voided', at: 'object.invoice' },
      { types: 'invoice_payment.paid', at: 'object.invoice' },
    ],
  },
  // there is no event for the update of an item, unless an invoice shows it
  invoice_items: {
    ...watched,
    tellings: [itself('invoiceitem.created invoiceitem.deleted'), {
      types: 'invoice.created invoice.deleted invoice.updated',
      // the second as API versions before 2025-03-31 have it
      at: `object.lines.data.*.parent.invoice_item_details.invoice_item
        object.lines.data.*.invoice_item
        previous_attributes.lines.data.*.parent.invoice_item_details.invoice_item
        previous_attributes.lines.data.*.invoice_item`,
      parts: { list: 'object.lines', parameter: 'invoice' },
    }],
  },
  products: { ...whole, tellings: [itself('product.created product.deleted product.updated')] },
  prices: { ...whole, tellings: [itself('price.created price.deleted price.updated')] },
  plans: { ...whole, tellings: [itself('plan.created plan.deleted plan.updated')] },
  // how often a coupon was redeemed is seen where it was; that it expired is not
  coupons: {
    ...watched,
    tellings: [itself('coupon.created coupon.deleted coupon.updated'), {
      types: 'customer.discount.created',
      at: 'object.coupon object.source.coupon',
    }],
  },
  promotion_codes: {
    ...watched,
    tellings: [itself('promotion_code.created promotion_code.updated'), {
      types: 'customer.discount.created',
      at: 'object.promotion_code',
    }],
  },
  tax_rates: { ...whole, tellings: [itself('tax_rate.created tax_rate.updated')] },
  payment_links: { ...whole, tellings: [itself('payment_link.created payment_link.updated')] },
  // steps of a payment have events, a plain update (metadata, description, amount) has none
  payment_intents: {
    ...watched,
    scanEveryMs: 6 * hourMs,
    tellings: [
      itself(
        `payment_intent.amount_capturable_updated payment_intent.canceled payment_intent.created
        payment_intent.partially_funded payment_intent.payment_failed payment_intent.processing
        payment_intent.requires_action payment_intent.succeeded`,
      ),
      { types: ofReviews, at: 'object.payment_intent' },
    ],
  },
  // an update has an event when it is of the description or of the metadata
  charges: {
    ...watched,
    scanEveryMs: 6 * hourMs,
    tellings: [
      itself(`charge.captured charge.expired charge.failed charge.pending charge.refunded
        charge.succeeded charge.updated`),
      {
        types: `charge.dispute.closed charge.dispute.created charge.dispute.funds_reinstated
          charge.dispute.funds_withdrawn charge.dispute.updated ${ofRefunds}`,
        at: 'object.charge',
      },
      { types: ofReviews, at: 'object.charge' },
    ],
  },
  refunds: { ...whole, tellings: [itself(`${ofRefunds} charge.refund.updated`)] },
}

/** The types of the events that tell of a table, each once. */
export function typesOf({ tellings }: Following): string[] {
  return [...new Set(tellings.flatMap(({ types }) => wordsOf(types)))]
}

// Room sandbox: payment methods, as far as cards go. https://docs.stripe.com/api/payment_methods

import { attachCard } from '../cards.ts'
import { refusal } from '../errors.ts'
import { needed, reference, text } from '../params.ts'
import { type Resource, textOf } from '../resource.ts'

export const paymentMethod: Resource = {
  object: 'payment_method',
  path: 'payment_methods',
  title: 'PaymentMethod',
  idParam: 'payment_method',
  eventName: null,
  undated: true,
  filters: { customer: reference('customer'), type: text() },
  actions: {
    attach: {
      params: { customer: needed(reference('customer')) },
      act: (account, row, params) =>
        attachCard(account, textOf(params, 'customer'), textOf(row, 'id')),
    },
    detach: {
      params: {},
      act: (account, row) => {
        if (row['customer'] === null) {
          throw refusal(
            'The payment method you provided is not attached to a customer so detachment is impossible.',
            { param: 'payment_method' },
          )
        }
        const next = { ...row, customer: null }
        account.put('payment_method', next)
        return next
      },
    },
  },
}

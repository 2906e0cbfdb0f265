// Room sandbox: discounts: they have events, and no endpoint of their own. https://docs.stripe.com/api/discounts

import type { Resource } from '../resource.ts'

export const discount: Resource = {
  object: 'discount',
  path: 'discounts',
  title: 'discount',
  idParam: 'discount',
  eventName: 'customer.discount',
  filters: {},
}

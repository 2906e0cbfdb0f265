// Room platforms: all objects of the Stripe API that are tables.

import { fault } from '../../mutation/fault.ts'
import type { StripeObject } from './object.ts'
import * as billing from './objects/billing.ts'
import * as catalog from './objects/catalog.ts'
import * as payments from './objects/payments.ts'

export const objects: readonly StripeObject[] = [
  ...Object.values(billing),
  ...Object.values(catalog),
  ...Object.values(payments),
]

const byName: ReadonlyMap<string, StripeObject> = new Map(
  objects.flatMap((object) => [[object.path, object], [object.name, object]]),
)

/**
 * The object by the name of its table or of its collection in the API: `invoice_items` or `invoiceitems`.
 * @throws Fault not_found
 */
export function objectOf(name: string): StripeObject {
  const object = byName.get(name)
  if (object !== undefined) return object
  throw fault('not_found', {
    platform: 'stripe',
    detail: `Stripe has no object "${name}" that can be a table.`,
    hint: `There are ${objects.map((each) => each.name).join(', ')}.`,
  })
}

// Room sandbox: products. https://docs.stripe.com/api/products

import type { JsonObject } from '../../json.ts'
import { makePrice, makeProduct } from '../catalog.ts'
import { refusal } from '../errors.ts'
import {
  boolean,
  currency,
  decimal,
  decimalText,
  type Fields,
  free,
  hash,
  list,
  metadata,
  needed,
  oneOf,
  reference,
  solid,
  text,
  unset,
  url,
} from '../params.ts'
import { assigned, type Resource, textOf, without } from '../resource.ts'
import { currencyOptions, customUnitAmount, recurring, taxBehavior, unitAmount } from '../shapes.ts'

const size = needed(decimal(0, 1e9))

const writable: Fields = {
  active: boolean,
  description: text(40_000),
  images: unset(list(text())),
  marketing_features: unset(list(hash({ name: needed(solid(text(80))) }))),
  metadata,
  package_dimensions: unset(hash({ height: size, length: size, weight: size, width: size })),
  shippable: boolean,
  statement_descriptor: text(22),
  tax_code: text(),
  tax_details: unset(free),
  unit_label: text(12),
  url,
}

const defaultPrice = hash({
  currency: needed(currency),
  currency_options: currencyOptions,
  custom_unit_amount: customUnitAmount,
  metadata,
  recurring,
  tax_behavior: taxBehavior,
  unit_amount: unitAmount,
  unit_amount_decimal: decimalText,
})

export const product: Resource = {
  object: 'product',
  path: 'products',
  title: 'product',
  idParam: 'id',
  filters: {
    active: boolean,
    ids: list(text()),
    shippable: boolean,
    type: oneOf('good', 'service'),
    url: text(),
  },
  passes: (row, { ids }) => !Array.isArray(ids) || ids.includes(row['id'] ?? null),
  create: {
    params: {
      ...writable,
      name: needed(solid(text())),
      default_price_data: defaultPrice,
      id: solid(text()),
      type: oneOf('good', 'service'),
    },
    act: (account, params) => {
      const row = makeProduct(account, without(params, ['default_price_data']))
      const data = params['default_price_data']
      if (data === undefined) return row
      const made = makePrice(account, { ...(data as JsonObject), product: row['id'] ?? null })
      const next = { ...row, default_price: made['id'] ?? null }
      account.put('product', next)
      return next
    },
  },
  update: {
    params: { ...writable, default_price: unset(reference('price')), name: solid(text()) },
    act: (account, row, params) => {
      const price = account.get('price', textOf(params, 'default_price'))
      if (price !== null && price['product'] !== row['id']) {
        throw refusal(
          `The price specified (${textOf(price, 'id')}) does not belong to the product (${
            textOf(row, 'id')
          }).`,
          { param: 'default_price' },
        )
      }
      const next = { ...assigned(row, params), updated: account.nowS() }
      account.put('product', next)
      return next
    },
  },
  remove: {
    params: {},
    act: (account, row) => {
      if (account.rowsBy('price', 'product', textOf(row, 'id')).length > 0) {
        throw refusal(
          'This product cannot be deleted because it has one or more user-created prices.',
        )
      }
      account.remove('product', textOf(row, 'id'))
      return 'deleted'
    },
  },
}

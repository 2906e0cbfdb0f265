// Room sandbox: tax rates. https://docs.stripe.com/api/tax_rates

import type { JsonObject } from '../../json.ts'
import { boolean, decimal, type Fields, metadata, needed, solid, text } from '../params.ts'
import { assigned, given, type Resource } from '../resource.ts'

const writable: Fields = {
  active: boolean,
  country: text(2),
  description: text(),
  display_name: solid(text(50)),
  jurisdiction: text(50),
  metadata,
  state: text(2),
  tax_type: text(),
}

const blank: JsonObject = {
  object: 'tax_rate',
  active: true,
  country: null,
  created: 0,
  description: null,
  display_name: '',
  effective_percentage: null,
  flat_amount: null,
  inclusive: false,
  jurisdiction: null,
  jurisdiction_level: null,
  livemode: false,
  metadata: {},
  percentage: 0,
  rate_type: 'percentage',
  state: null,
  tax_type: null,
}

export const taxRate: Resource = {
  object: 'tax_rate',
  path: 'tax_rates',
  title: 'tax rate',
  idParam: 'tax_rate',
  filters: { active: boolean, inclusive: boolean },
  create: {
    params: {
      ...writable,
      display_name: needed(solid(text(50))),
      inclusive: needed(boolean),
      percentage: needed(decimal(0, 100)),
    },
    act: (account, params) => {
      const start = { id: account.nextId('txr_'), ...blank, created: account.nowS() }
      const percentage = params['percentage'] ?? null
      const row = assigned(start, { ...given(params), effective_percentage: percentage })
      account.put('tax_rate', row)
      return row
    },
  },
  update: {
    params: writable,
    act: (account, row, params) => {
      const next = assigned(row, params)
      account.put('tax_rate', next)
      return next
    },
  },
}

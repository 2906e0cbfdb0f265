// Room sandbox: HubSpot's products and line items, and the portal's custom object.
// https://developers.hubspot.com/docs/api-reference/crm-products-v3/guide and its neighbours

import {
  bool,
  calculated,
  checkboxes,
  custom,
  date,
  datetime,
  number,
  readOnly,
  select,
  text,
  textarea,
  unique,
} from '../property.ts'
import { defineObject } from './definition.ts'

export const products = defineObject({
  name: 'products',
  id: '0-7',
  code: 'PRODUCT',
  label: 'Product',
  labels: 'Products',
  primary: 'name',
  defaults: ['name', 'description', 'price'],
  properties: [
    text('name', 'Name'),
    textarea('description', 'Description'),
    number('price', 'Unit price'),
    text('hs_sku', 'SKU'),
    number('hs_cost_of_goods_sold', 'Unit cost'),
    text('hs_url', 'URL'),
    select('hs_product_type', 'Product Type', ['inventory', 'non_inventory', 'service']),
    select('recurringbillingfrequency', 'Billing frequency', ['monthly', 'quarterly', 'annually']),
  ],
})

export const lineItems = defineObject({
  name: 'line_items',
  id: '0-8',
  code: 'LINE_ITEM',
  label: 'Line item',
  labels: 'Line items',
  primary: 'name',
  defaults: ['quantity', 'amount', 'price'],
  properties: [
    text('name', 'Name'),
    textarea('description', 'Description'),
    number('price', 'Unit price'),
    number('quantity', 'Quantity'),
    number('discount', 'Unit discount'),
    text('hs_product_id', 'Product ID'),
    text('hs_sku', 'SKU'),
    calculated(number('amount', 'Net price')),
    readOnly(number('hs_position_on_quote', 'Position on quote')),
  ],
})

/** The prefix of the portal's own names. */
export const portalId = '44237313'

export const cars = defineObject({
  name: 'cars',
  id: '2-123456',
  code: 'CARS',
  label: 'Car',
  labels: 'Cars',
  primary: 'model',
  required: ['model'],
  custom: true,
  stamps: ['hs_createdate', 'hs_lastmodifieddate'],
  properties: [
    text('model', 'Model'),
    unique(text('vin', 'VIN')),
    number('mileage', 'Mileage'),
    number('price', 'Price'),
    date('date_received', 'Date received'),
    datetime('last_serviced', 'Last serviced'),
    bool('electric', 'Electric'),
    select('condition', 'Condition', [['new', 'New'], ['used', 'Used']]),
    checkboxes('features', 'Features', ['airbags', 'heated_seats', 'sunroof']),
  ].map(custom),
})

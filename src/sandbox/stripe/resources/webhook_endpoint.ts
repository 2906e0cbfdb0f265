// Room sandbox: webhook endpoints: where events are delivered to. https://docs.stripe.com/api/webhook_endpoints

import type { JsonObject } from '../../json.ts'
import { refusal } from '../errors.ts'
import { boolean, type Fields, list, metadata, needed, solid, text, url } from '../params.ts'
import { assigned, given, type Resource, textOf, without } from '../resource.ts'

/** How many an account may have. */
export const endpointsMax = 16

const writable: Fields = { description: text(), metadata }

const address = solid(url)

const blank: JsonObject = {
  object: 'webhook_endpoint',
  api_version: null,
  application: null,
  created: 0,
  description: null,
  enabled_events: [],
  livemode: false,
  metadata: {},
  status: 'enabled',
  url: '',
}

export const webhookEndpoint: Resource = {
  object: 'webhook_endpoint',
  path: 'webhook_endpoints',
  title: 'webhook endpoint',
  idParam: 'webhook_endpoint',
  eventName: null,
  shownOnce: ['secret'],
  undated: true,
  filters: {},
  create: {
    params: {
      ...writable,
      api_version: solid(text()),
      connect: boolean,
      enabled_events: needed(list(solid(text()))),
      url: needed(address),
    },
    act: (account, params) => {
      checkEvents(params)
      if (account.rows('webhook_endpoint').length >= endpointsMax) {
        throw refusal(`You have reached the maximum of ${endpointsMax} test webhook endpoints.`)
      }
      const id = account.nextId('we_')
      const start = { id, ...blank, created: account.nowS() }
      const row = {
        ...assigned(start, without(given(params), ['connect'])),
        secret: account.nextSecret('whsec_'),
      }
      account.put('webhook_endpoint', row)
      return row
    },
  },
  update: {
    params: {
      ...writable,
      disabled: boolean,
      enabled_events: list(solid(text())),
      url: address,
    },
    act: (account, row, { disabled, ...params }) => {
      checkEvents(params)
      const status = disabled === undefined ? {} : { status: disabled ? 'disabled' : 'enabled' }
      const next = assigned(row, { ...params, ...status })
      account.put('webhook_endpoint', next)
      return next
    },
  },
  remove: {
    params: {},
    act: (account, row) => {
      account.remove('webhook_endpoint', textOf(row, 'id'))
      return 'deleted'
    },
  },
}

function checkEvents({ enabled_events: types }: JsonObject): void {
  if (types === undefined) return
  const names: readonly unknown[] = Array.isArray(types) ? types : []
  const wrong = names.findIndex((name) => !/^(?:\*|[a-z_]+(?:\.[a-z_]+)+)$/.test(String(name)))
  if (names.length > 0 && wrong < 0) return
  throw refusal('Invalid enabled_events: must be names of events, or *', {
    param: names.length === 0 ? 'enabled_events' : `enabled_events[${wrong}]`,
  })
}

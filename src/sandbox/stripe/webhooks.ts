// Room sandbox: events delivered to webhook endpoints, signed. https://docs.stripe.com/webhooks/signatures

import { createHmac } from 'node:crypto'
import { type JsonObject, scalarText, writeJson } from '../json.ts'
import type { WebhookDelivery } from '../platform.ts'
import type { Account } from './account.ts'
import { matches } from './resources/event.ts'
import { textOf } from './resource.ts'

/** The endpoints that hear of events of this type. */
export function endpointsFor(account: Account, type: string): JsonObject[] {
  return account.rows('webhook_endpoint').filter(({ status, enabled_events: types }) =>
    status === 'enabled' && Array.isArray(types) &&
    types.some((wanted) => matches(type, scalarText(wanted) ?? ''))
  )
}

/** What is sent of an event: once to each endpoint that hears of it. */
export function deliveriesOf(account: Account, event: JsonObject): WebhookDelivery[] {
  const body = writeJson(event)
  const seconds = account.nowS()
  return endpointsFor(account, textOf(event, 'type')).map((endpoint) => ({
    url: textOf(endpoint, 'url'),
    headers: {
      accept: '*/*; q=0.5, application/xml',
      'cache-control': 'no-cache',
      'content-type': 'application/json; charset=utf-8',
      'stripe-signature': signatureOf(body, { seconds, secret: textOf(endpoint, 'secret') }),
      'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
    },
    body,
  }))
}

/** In test mode there is a fake one beside the real one. */
function signatureOf(
  body: string,
  { seconds, secret }: { seconds: number; secret: string },
): string {
  const sign = (key: string) => createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex')
  return `t=${seconds},v1=${sign(secret)},v0=${sign('fake')}`
}

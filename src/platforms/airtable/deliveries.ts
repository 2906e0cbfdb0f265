// Room platforms: Airtable's pings. They say that something has happened in a base; what, is fetched. Source: Airtable Web
// API reference, "Webhooks overview": the header's value is `hmac-sha256=` and the HMAC of the body, in hexadecimal, under
// the secret that was given, in base64, when the webhook was made.

import { Buffer } from 'node:buffer'
import { isJsonObject, tryParseJson } from '../json.ts'
import type { Delivery, Webhooks } from '../platform.ts'
import { hmacSha256, isSameDigest } from '../signature.ts'

/** A ping has some 150 bytes. */
const bodyBytesMax = 10_000

/** Airtable keeps for a week what a ping tells of; an older one stands for nothing. */
const oldMs = 7 * 24 * 60 * 60_000

/** A clock that is further ahead is wrong, theirs or ours. */
const aheadMs = 60 * 60_000

/** Checks a ping. It may come again, and then has the same id. Never throws. */
export const receive: Webhooks['receive'] = ({ headers, body, registration, now }) => {
  if (body.length > bodyBytesMax) return refused('it is too long')
  const [, mac] =
    /^hmac-sha256=([0-9a-f]{64})$/i.exec(headers.get('x-airtable-content-mac') ?? '') ??
      []
  if (mac === undefined) return refused('it is not signed')
  const secret = Buffer.from(registration.secret, 'base64')
  if (secret.length === 0) return refused('no secret is kept to check it by')
  const isSigned = isSameDigest(hmacSha256(secret, body), Buffer.from(mac, 'hex'))
  if (!isSigned) return refused('its signature is wrong')
  const { base, webhook, timestamp } = pingOf(body)
  const { state } = registration
  if (base === undefined || base !== state['base'] || webhook !== state['webhook']) {
    return refused('it is of another webhook')
  }
  const time = Date.parse(timestamp ?? '')
  if (Number.isNaN(time)) return refused('it does not say when it was sent')
  if (now - time > oldMs || time - now > aheadMs) return refused('it is not of this time')
  return { kind: 'heard', id: `${webhook}/${timestamp}`, touched: [], collect: true, look: [] }
}

function refused(why: string): Delivery {
  return { kind: 'refused', why }
}

interface Ping {
  readonly base?: string | undefined
  readonly webhook?: string | undefined
  readonly timestamp?: string | undefined
}

function pingOf(body: Uint8Array): Ping {
  const json = tryParseJson(new TextDecoder().decode(body))
  if (!isJsonObject(json)) return {}
  return {
    base: textIn(json['base'], 'id'),
    webhook: textIn(json['webhook'], 'id'),
    timestamp: textIn(json, 'timestamp'),
  }
}

function textIn(json: unknown, name: string): string | undefined {
  const text = isJsonObject(json) ? json[name] : undefined
  return typeof text === 'string' && text.length <= 100 ? text : undefined
}

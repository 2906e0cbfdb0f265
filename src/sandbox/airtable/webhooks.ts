// Room sandbox: Airtable's webhooks: what they are told, what they keep of it for a week, and their pings.
// https://airtable.com/developers/web/api/webhooks-overview and the pages of its endpoints

import { Buffer } from 'node:buffer'
import { createHash, createHmac } from 'node:crypto'
import { isObject, type JsonObject, scalarText, writeJson } from '../json.ts'
import type { PlatformOptions } from '../platform.ts'
import type { Base, Turn } from './base.ts'
import { type Call, readBody, type Reply, reply } from './call.ts'
import { writeInstant } from './dates.ts'
import { failure, invalidRequest, notFound } from './errors.ts'
import { type Filters, readFilters } from './interests.ts'
import { changesOf } from './payload.ts'
import { baseId } from './schema.ts'

const weekMs = 7 * 24 * 60 * 60 * 1000
const hooksMax = 10
const payloadsMax = 10_000
const pageMax = 50

export interface Webhooks {
  /** Requests to `/v0/bases/{base}/webhooks`; `rest`: the segments after it. Throws an `ApiFailure`. */
  answer(call: Call, rest: readonly string[]): Reply
  /** Tells the webhooks what a request has changed. */
  tell(base: Base, turns: readonly Turn[]): void
  reset(): void
}

interface Hook {
  readonly id: string
  readonly url: string | null
  readonly secret: Uint8Array
  /** As it was given. */
  readonly specification: JsonObject
  readonly filters: Filters
  expiresAtMs: number
  pings: boolean
  /** The number of the next payload. */
  next: number
  payloads: { readonly number: number; readonly atMs: number; readonly payload: JsonObject }[]
}

export function createWebhooks(
  { deliver, makeSecret, now }: Pick<PlatformOptions, 'deliver' | 'makeSecret' | 'now'>,
): Webhooks {
  const hooks = new Map<string, Hook>()
  let made = 0
  let transactions = 0
  const prune = () => {
    for (const { id, expiresAtMs } of hooks.values()) {
      if (now() >= expiresAtMs + weekMs) hooks.delete(id)
    }
  }
  const create = (call: Call): Reply => {
    const body = readBody(call, ['notificationUrl', 'specification'])
    const { url, filters, specification } = readCreation(body)
    if (hooks.size >= hooksMax) {
      const message = `The base has the most webhooks that it can have: ${hooksMax}`
      throw failure('TOO_MANY_WEBHOOKS_IN_BASE', message, 403)
    }
    made += 1
    const id = `ach${`Sandbox${made}`.padStart(14, '0')}`
    const secret = createHash('sha512').update(makeSecret()).digest()
    const expiresAtMs = now() + weekMs
    const rest = { expiresAtMs, pings: true, next: 1, payloads: [] }
    hooks.set(id, { id, url, secret, specification, filters, ...rest })
    return reply(200, {
      id,
      macSecretBase64: secret.toString('base64'),
      expirationTime: writeInstant(expiresAtMs),
    })
  }
  const hookNamed = (id: string): Hook => {
    const hook = hooks.get(id)
    if (hook === undefined) throw notFound()
    return hook
  }
  return {
    answer: (call, [id, part, beyond]) => {
      prune()
      const { method } = call
      if (beyond !== undefined) throw notFound()
      if (id === undefined && method === 'POST') return create(call)
      if (id === undefined && method === 'GET') return list([...hooks.values()], now())
      const hook = hookNamed(id ?? '')
      if (part === undefined && method === 'DELETE') {
        hooks.delete(hook.id)
        return reply(204, null)
      }
      return answerOne(hook, `${method} ${part}`, call)
    },
    tell: (base, turns) => {
      if (turns.length === 0) return
      transactions += 1
      const told = { base, turns, transaction: transactions, nowMs: now() }
      for (const hook of hooks.values()) if (now() < hook.expiresAtMs) tell(hook, told, deliver)
    },
    reset: () => {
      hooks.clear()
      made = 0
      transactions = 0
    },
  }
}

function readCreation(body: JsonObject): {
  url: string | null
  specification: JsonObject
  filters: Filters
} {
  const url = scalarText(body['notificationUrl'] ?? null)
  const { specification } = body
  const options = isObject(specification) ? specification['options'] : undefined
  const filters = readFilters(isObject(options) ? options['filters'] : undefined)
  if (url !== null && !/^https?:/.test(url)) throw invalidRequest('The notificationUrl is invalid')
  if (!isObject(specification) || filters === null) {
    throw failure('INVALID_WEBHOOK_SPECIFICATION', 'The specification of the webhook is invalid')
  }
  return { url, specification, filters }
}

function list(hooks: readonly Hook[], nowMs: number): Reply {
  return reply(200, {
    webhooks: hooks.map((hook) => ({
      id: hook.id,
      areNotificationsEnabled: hook.pings,
      cursorForNextPayload: hook.next,
      isHookEnabled: nowMs < hook.expiresAtMs,
      lastSuccessfulNotificationTime: null,
      lastNotificationResult: null,
      notificationUrl: hook.url,
      expirationTime: writeInstant(hook.expiresAtMs),
      specification: hook.specification,
    })),
  })
}

function answerOne(hook: Hook, what: string, call: Call): Reply {
  const { nowMs, query } = call
  const isAlive = nowMs < hook.expiresAtMs
  switch (what) {
    case 'GET payloads':
      if (isAlive) hook.expiresAtMs = nowMs + weekMs
      return listPayloads(hook, query, nowMs)
    case 'POST refresh':
      if (!isAlive) throw failure('INVALID_HOOK', 'The webhook has expired')
      hook.expiresAtMs = nowMs + weekMs
      return reply(200, { expirationTime: writeInstant(hook.expiresAtMs) })
    case 'POST enableNotifications': {
      const { enable } = readBody(call, ['enable'])
      if (typeof enable !== 'boolean') throw invalidRequest()
      hook.pings = enable
      return reply(200, {})
    }
    default:
      throw notFound()
  }
}

function listPayloads(hook: Hook, query: URLSearchParams, nowMs: number): Reply {
  const cursor = wholeOf(query.get('cursor') ?? '1')
  const limit = Math.min(wholeOf(query.get('limit') ?? String(pageMax)), pageMax)
  hook.payloads = hook.payloads.filter(({ atMs }) => nowMs < atMs + weekMs)
  const rest = hook.payloads.filter(({ number }) => number >= cursor)
  const page = rest.slice(0, limit)
  return reply(200, {
    payloads: page.map(({ payload }) => payload),
    cursor: (page.at(-1)?.number ?? cursor - 1) + 1,
    mightHaveMore: rest.length > page.length,
    payloadFormat: 'v0',
  })
}

function wholeOf(text: string): number {
  const whole = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (whole < 1) throw invalidRequest()
  return whole
}

interface Told {
  readonly base: Base
  readonly turns: readonly Turn[]
  readonly transaction: number
  readonly nowMs: number
}

/** Who makes the requests. */
const user: JsonObject = {
  id: 'usrSandbox0000001',
  email: 'sandbox@example.com',
  name: 'Sandbox',
  permissionLevel: 'create',
}

/** Keeps what the webhook wants to know as a payload, and pings. */
function tell(
  hook: Hook,
  { base, turns, transaction, nowMs }: Told,
  deliver: PlatformOptions['deliver'],
): void {
  const changedTablesById = changesOf(base, turns, hook.filters)
  if (Object.keys(changedTablesById).length === 0) return
  const timestamp = writeInstant(nowMs)
  const payload: JsonObject = {
    timestamp,
    baseTransactionNumber: transaction,
    actionMetadata: { source: 'publicApi', sourceMetadata: { user } },
    changedTablesById,
    payloadFormat: 'v0',
  }
  hook.payloads.push({ number: hook.next, atMs: nowMs, payload })
  hook.next += 1
  if (hook.payloads.length > payloadsMax) hook.payloads.shift()
  if (hook.url === null || !hook.pings) return
  const body = writeJson({ base: { id: baseId }, webhook: { id: hook.id }, timestamp })
  const mac = createHmac('sha256', hook.secret).update(Buffer.from(body)).digest('hex')
  const headers = {
    'content-type': 'application/json',
    'x-airtable-content-mac': `hmac-sha256=${mac}`,
  }
  deliver({ url: hook.url, headers, body })
}

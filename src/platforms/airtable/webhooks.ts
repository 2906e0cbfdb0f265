// Room platforms: Airtable's webhooks: one for a base (for one table alone, when that is all that is synced), which lives a
// week unless it is renewed. Its secret is told once, when it is made: one that is there already for our address is made
// anew. Source: Airtable Web API reference, "Create a webhook" (scope webhook:manage, creator of the base; ten for a base,
// two of them for an OAuth integration), "List webhooks", "Refresh a webhook", "Enable/disable webhook notifications",
// "Delete a webhook", "List webhook payloads".

import { Buffer } from 'node:buffer'
import type { HttpResponse } from '../../lib/http.ts'
import { Fault, fault, type FaultData } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isSuccess } from '../faults.ts'
import { isJsonObject, type Json } from '../json.ts'
import type { Caller, Registration, Settings, Webhooks } from '../platform.ts'
import { answered, jsonOf } from '../reading.ts'
import type { Clocks } from './changes.ts'
import { type ApiRequest, call } from './client.ts'
import { receive } from './deliveries.ts'
import { placeOf, readError } from './faults.ts'
import { readPayloads } from './payloads.ts'
import { faultOfRead, unanswered } from './read.ts'
import { baseOf } from './settings.ts'

const dayMs = 24 * 60 * 60_000

/** What is kept of a webhook. */
interface State {
  readonly base: string
  /** Its id. */
  readonly webhook: string
  readonly url: string
  /** The one table that it tells of; null: all of the base. */
  readonly scope: string | null
  /** The number of the payload that comes next. */
  readonly cursor: number
}

export function webhooksWith({ now }: Pick<Clocks, 'now'>): Webhooks {
  return {
    receive,
    register: async ({ url, tables }, caller) => {
      for (const hook of await hooksOf(caller)) {
        if (hook.url === url) await remove(hook.id, caller)
      }
      return await make({ url, scope: scopeOf(tables) }, { caller, now })
    },
    isRegistered: async (registration, caller) => {
      const { webhook } = stateOf(registration, caller.settings)
      const hook = (await hooksOf(caller)).find(({ id }) => id === webhook)
      return hook !== undefined && hook.isAlive && hook.pings
    },
    renew: (registration, caller) => renew(registration, { caller, now }),
    unregister: async (registration, caller) => {
      // in the base in which it was made, whatever the connection is for by now
      const settings = { ...caller.settings, base: registration.state['base'] }
      await remove(stateOf(registration, settings).webhook, { ...caller, settings })
    },
    collect: (registration, tables, caller) => collect(registration, tables, caller),
  }
}

function scopeOf(tables: readonly SyncedTable[]): string | null {
  const [table] = tables
  return table !== undefined && tables.length === 1 ? table.object : null
}

type Request = Omit<Extract<ApiRequest, { kind: 'webhooks' }>, 'kind'>

async function ask(request: Request, caller: Caller): Promise<HttpResponse> {
  return answered(await call({ kind: 'webhooks', ...request }, caller), placeOf(undefined))
}

async function asked(request: Request, caller: Caller): Promise<Json> {
  const response = await ask(request, caller)
  return jsonOf(response, { place: placeOf(undefined), faultOf })
}

function faultOf(response: HttpResponse): FaultData {
  const data = faultOfRead(response)
  if (data.code !== 'not_permitted') return data
  const hint = data.constraint === 'TOO_MANY_WEBHOOKS_IN_BASE'
    ? 'Airtable allows ten webhooks for a base, two of them for an OAuth integration: remove one of them.'
    : 'A webhook needs the scope webhook:manage, and an account that is a creator of the base.'
  return { ...data, hint }
}

interface Hook {
  readonly id: string
  readonly url: string | null
  /** It has not ended, and its specification is good. */
  readonly isAlive: boolean
  readonly pings: boolean
  readonly expires: boolean
}

async function hooksOf(caller: Caller): Promise<Hook[]> {
  const json = await asked({ method: 'GET', path: '' }, caller)
  const hooks = isJsonObject(json) ? json['webhooks'] : undefined
  if (!Array.isArray(hooks)) throw unanswered('these are not the webhooks of a base')
  return hooks.map((hook: Json) => {
    const { id, notificationUrl, isHookEnabled, areNotificationsEnabled, expirationTime } =
      isJsonObject(hook) ? hook : {}
    if (!isHookId(id)) throw unanswered('a webhook has no id')
    return {
      id,
      url: typeof notificationUrl === 'string' ? notificationUrl : null,
      isAlive: isHookEnabled === true,
      pings: areNotificationsEnabled === true,
      expires: typeof expirationTime === 'string',
    }
  })
}

function isHookId(id: unknown): id is string {
  return typeof id === 'string' && /^ach[A-Za-z0-9]{1,32}$/.test(id)
}

interface Making {
  readonly caller: Caller
  readonly now: () => number
}

async function make(
  { url, scope }: Pick<State, 'url' | 'scope'>,
  { caller, now }: Making,
): Promise<Registration> {
  const filters = {
    dataTypes: ['tableData'],
    changeTypes: ['add', 'remove', 'update'],
    ...(scope === null ? {} : { recordChangeScope: scope }),
  }
  const body = { notificationUrl: url, specification: { options: { filters } } }
  const json = await asked({ method: 'POST', path: '', body }, caller)
  const { id, macSecretBase64: secret, expirationTime } = isJsonObject(json) ? json : {}
  const isSecret = typeof secret === 'string' && Buffer.from(secret, 'base64').length > 0
  if (!isHookId(id) || !isSecret) throw unanswered('the new webhook has no id or no secret')
  const state: State = { base: baseOf(caller.settings), webhook: id, url, scope, cursor: 1 }
  return { secret, state: { ...state }, renewAt: renewAtOf(expirationTime, now()) }
}

/** A day from now, so that a webhook that Airtable has silenced is soon heard again; before it ends in any case. */
function renewAtOf(expirationTime: Json | undefined, now: number): number {
  const end = typeof expirationTime === 'string' ? Date.parse(expirationTime) : Number.NaN
  return now + (Number.isNaN(end) ? dayMs : Math.min(dayMs, Math.max(0, end - now) / 2))
}

/** Refreshes it, lets it ping again where Airtable has silenced it, and makes it anew where it has ended. */
async function renew(registration: Registration, making: Making): Promise<Registration> {
  const { caller, now } = making
  const state = stateOf(registration, caller.settings)
  const hook = (await hooksOf(caller)).find(({ id }) => id === state.webhook)
  if (hook === undefined || !hook.isAlive) {
    if (hook !== undefined) await remove(hook.id, caller)
    return await make(state, making)
  }
  if (!hook.pings) {
    const path = `/${hook.id}/enableNotifications`
    const response = await ask({ method: 'POST', path, body: { enable: true } }, caller)
    if (!isSuccess(response.status)) throw new Fault(faultOf(response))
  }
  if (!hook.expires) return { ...registration, renewAt: now() + dayMs }
  const json = await asked({ method: 'POST', path: `/${hook.id}/refresh` }, caller)
  const end = isJsonObject(json) ? json['expirationTime'] : undefined
  return { ...registration, renewAt: renewAtOf(end, now()) }
}

async function remove(id: string, caller: Caller): Promise<void> {
  const response = await ask({ method: 'DELETE', path: `/${id}` }, caller)
  if (isSuccess(response.status) || response.status === 404) return
  // Airtable says the same of what is not there and of what is not allowed
  const isUnclear = response.status === 403
  if (isUnclear && !(await hooksOf(caller)).some((hook) => hook.id === id)) return
  throw new Fault(faultOf(response))
}

/** One request, at most fifty payloads. A webhook that is not there any more is to be renewed, which makes it anew. */
async function collect(
  registration: Registration,
  tables: readonly SyncedTable[],
  caller: Caller,
): ReturnType<NonNullable<Webhooks['collect']>> {
  const state = stateOf(registration, caller.settings)
  const query = new URLSearchParams({ cursor: String(state.cursor) })
  const path = `/${state.webhook}/payloads?${query}`
  const response = await ask({ method: 'GET', path }, caller)
  if (isGone(response)) {
    caller.log.warn('airtable.webhook_gone', { webhook: state.webhook })
    return { touched: [], registration: { ...registration, renewAt: 0 }, more: false }
  }
  const json = jsonOf(response, { place: placeOf(undefined), faultOf })
  const objects = new Set(tables.map(({ object }) => object))
  const { log } = caller
  const { touched, cursor, more } = readPayloads(json, { objects, asked: state.cursor, log })
  return { touched, registration: { ...registration, state: { ...state, cursor } }, more }
}

/** Renewing tells whether it is not there or not allowed. */
function isGone({ status, body }: HttpResponse): boolean {
  const type = readError(body)?.type
  return status === 404 || (status === 403 && type === 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND')
}

/** @throws Fault bad_request for a registration that is none of this base */
function stateOf({ state }: Registration, settings: Settings): State {
  const { base, webhook, url, scope, cursor } = state
  const isWhole = base === baseOf(settings) && isHookId(webhook) && typeof url === 'string' &&
    (scope === null || typeof scope === 'string') && Number.isSafeInteger(cursor)
  if (!isWhole) {
    const detail = 'What is kept of the webhook is not of one of this base.'
    throw fault('bad_request', { ...placeOf(undefined), detail })
  }
  return { base, webhook, url, scope, cursor: Number(cursor) }
}

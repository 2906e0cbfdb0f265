// Room sandbox: Airtable. One base, its records in memory, behind the web API, the meta API and the token endpoint.
// Written from Airtable's own documentation, so that it does not share the adapter's mistakes.

import { writeJson } from '../json.ts'
import type {
  PlatformOptions,
  PlatformRequest,
  PlatformResponse,
  SandboxPlatform,
} from '../platform.ts'
import { type Base, createBase } from './base.ts'
import { type Call, type Reply, reply, splitPath } from './call.ts'
import { ApiFailure, noModel, notFound } from './errors.ts'
import type { Table } from './field.ts'
import { createIterators } from './iterators.ts'
import { createLimits } from './limits.ts'
import { listRecords, showRecord } from './list.ts'
import { listBases, listTables, whoAmI } from './meta.ts'
import { createTokens, isOAuthPath, oauthRefusals } from './oauth.ts'
import {
  createRecords,
  deleteRecord,
  deleteRecords,
  updateRecord,
  updateRecords,
} from './records.ts'
import { renderRow } from './render.ts'
import { baseId, findTable } from './schema.ts'
import { plantSeed, sowRows } from './seed.ts'
import { createWebhooks, type Webhooks } from './webhooks.ts'

/** Makes the platform, with its seed. */
export function createAirtable(options: PlatformOptions): SandboxPlatform {
  const tokens = createTokens(options)
  const iterators = createIterators()
  const webhooks = createWebhooks(options)
  let limits = createLimits()
  let base = planted()

  const callApi = (request: PlatformRequest): Reply => {
    const place = splitPath(request.path)
    tokens.check(request.headers['authorization'])
    const limitedBase = place.segments.includes(baseId) ? baseId : null
    if (options.limits && limits.refuses(options.now(), limitedBase)) return refusals['429']
    return route({
      ...place,
      method: request.method,
      request,
      base,
      iterators,
      nowMs: options.now(),
    }, webhooks)
  }
  /** The answers' clock is the sandbox's own. */
  const dated = (reply: Reply): PlatformResponse =>
    written(reply, new Date(options.now()).toUTCString())
  return {
    name: 'airtable',
    isOAuth: ({ path }) => isOAuthPath(path),
    handle: (request) =>
      dated(
        isOAuthPath(request.path)
          ? caught(() => tokens.answer(request))
          : wholly(base, () => callApi(request), webhooks),
      ),
    refuse: (refusal, { path }) =>
      dated(isOAuthPath(path) ? oauthRefusals[refusal] : refusals[refusal]),
    records: (table) => recordsOf(base, table),
    seed: (name, count) => {
      const table = findTable(name, true)
      if (table !== undefined) sowRows(base, table, { count, nowMs: options.now() })
      return table !== undefined
    },
    expireTokens: () => tokens.expire(),
    reset: () => {
      base = planted()
      limits = createLimits()
      iterators.clear()
      webhooks.reset()
      tokens.reset()
    },
  }
}

function planted(): Base {
  const base = createBase()
  plantSeed(base)
  base.settle()
  return base
}

const refusals = {
  '429': reply(429, {
    errors: [{
      error: 'RATE_LIMIT_REACHED',
      message: 'Rate limit exceeded. Please try again later',
    }],
  }),
  '500': reply(500, { error: { type: 'SERVER_ERROR', message: 'An unexpected error occurred' } }),
}

/** Carries out a call and tells the webhooks of it, or leaves the base as it was. */
function wholly(base: Base, act: () => Reply, webhooks: Webhooks): Reply {
  const mark = base.mark()
  const answered = caught(act)
  if (answered.status >= 400) base.rollback(mark)
  else webhooks.tell(base, base.turns(mark))
  base.settle()
  return answered
}

function caught(act: () => Reply): Reply {
  try {
    return act()
  } catch (error) {
    if (error instanceof ApiFailure) return reply(error.status, error.body)
    throw error
  }
}

function route(call: Call, webhooks: Webhooks): Reply {
  const [version, place = '', ...rest] = call.segments
  if (version !== 'v0') throw notFound()
  if (place === 'meta') return metaRoute(call, rest)
  if (place === 'bases' && rest[1] === 'webhooks') {
    if (rest[0] !== baseId) throw noModel()
    return webhooks.answer(call, rest.slice(2))
  }
  const [tableName, id, beyond] = rest
  if (tableName === undefined || beyond !== undefined) throw notFound()
  const table = place === baseId ? findTable(tableName) : undefined
  if (table === undefined) throw noModel()
  if (id === undefined) return tableRoute(call, table)
  if (id === 'listRecords' && call.method === 'POST') return listRecords(call, table)
  return recordRoute(call, table, id)
}

function metaRoute({ method }: Call, [place, id, part]: readonly string[]): Reply {
  if (method !== 'GET') throw notFound()
  if (place === 'whoami' && id === undefined) return whoAmI()
  if (place !== 'bases') throw notFound()
  if (id === undefined) return listBases()
  if (part !== 'tables') throw notFound()
  if (id !== baseId) throw noModel()
  return listTables()
}

function tableRoute(call: Call, table: Table): Reply {
  switch (call.method) {
    case 'GET':
      return listRecords(call, table)
    case 'POST':
      return createRecords(call, table)
    case 'PATCH':
    case 'PUT':
      return updateRecords(call, table)
    case 'DELETE':
      return deleteRecords(call, table)
    default:
      throw notFound()
  }
}

function recordRoute(call: Call, table: Table, id: string): Reply {
  switch (call.method) {
    case 'GET':
      return showRecord(call, table, id)
    case 'PATCH':
    case 'PUT':
      return updateRecord(call, table, id)
    case 'DELETE':
      return deleteRecord(call, table, id)
    default:
      throw notFound()
  }
}

function written({ status, headers, body }: Reply, date: string): PlatformResponse {
  const type = body === null ? {} : { 'content-type': 'application/json; charset=utf-8' }
  const text = body === null ? '' : writeJson(body)
  return { status, headers: { ...type, date, ...headers }, body: text }
}

function recordsOf(base: Base, name: string): string | null {
  const table = findTable(name, true)
  if (table === undefined) return null
  const rows = [...base.rows(table)]
  return writeJson(rows.map((row) => renderRow(base, row, { byId: false, fields: null })))
}

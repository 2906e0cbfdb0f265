// Room platforms: calls of the Airtable Web API. airtable.js makes the requests about records; its own transport, which
// waits for ever on a truncated answer and ends the process on an HTML page, is replaced by ours.
// Source: Airtable Web API reference, "Create records", "Update multiple records", "Delete multiple records",
// "List records", "Get record", "Get base schema", "Webhooks overview".

import Airtable from 'airtable'
import { HttpFailure } from '../../lib/http.ts'
import { type Attempt, callThrough, type Reply, type SdkRequest } from '../call.ts'
import { isJsonObject, type Json, type JsonObject, tryParseJson, writeJson } from '../json.ts'
import type { Caller } from '../platform.ts'
import { baseOf } from './settings.ts'

/** What is asked of Airtable. Tables by id; fields by id in records. */
export type ApiRequest =
  | { readonly kind: 'create'; readonly table: string; readonly records: readonly NewRecord[] }
  | {
    readonly kind: 'upsert'
    readonly table: string
    readonly records: readonly NewRecord[]
    /** The field whose value says which record is meant. */
    readonly mergeOn: string
  }
  | { readonly kind: 'update'; readonly table: string; readonly records: readonly OldRecord[] }
  | { readonly kind: 'delete'; readonly table: string; readonly ids: readonly string[] }
  | {
    readonly kind: 'list'
    readonly table: string
    readonly offset: string | null
    /** Only the records for which it is true. */
    readonly formula?: string
  }
  | { readonly kind: 'record'; readonly table: string; readonly id: string }
  | { readonly kind: 'tables' }
  | { readonly kind: 'whoami' }
  | {
    readonly kind: 'webhooks'
    readonly method: 'GET' | 'POST' | 'DELETE'
    /** After `/webhooks`. */
    readonly path: string
    readonly body?: Json
  }

export interface NewRecord {
  readonly fields: JsonObject
}

export interface OldRecord extends NewRecord {
  readonly id: string
}

/** Records in a page of a list, the most that Airtable gives. */
const pageSize = 100

/** Sends the request once; once more only with a new token after a 401. Never throws for what happened on the way. */
export async function call(request: ApiRequest, caller: Caller): Promise<Reply> {
  const base = baseOf(caller.settings)
  return await callThrough((attempt) => run(request, { base, caller, attempt }), caller, {
    platform: 'airtable',
  })
}

interface Running {
  readonly base: string
  readonly caller: Caller
  readonly attempt: Attempt
}

async function run(request: ApiRequest, running: Running): Promise<unknown> {
  switch (request.kind) {
    case 'whoami':
      return await send({ method: 'GET', path: '/v0/meta/whoami' }, running)
    case 'tables':
      return await send({ method: 'GET', path: `/v0/meta/bases/${running.base}/tables` }, running)
    case 'record': {
      const path = `/v0/${running.base}/${request.table}/${request.id}`
      return await send({ method: 'GET', path }, running)
    }
    case 'webhooks': {
      const { method, path, body } = request
      const at = `/v0/bases/${running.base}/webhooks${path}`
      return await send({ method, path: at, ...(body === undefined ? {} : { body }) }, running)
    }
    case 'list': {
      const { offset, formula } = request
      const query = new URLSearchParams({
        pageSize: String(pageSize),
        returnFieldsByFieldId: 'true',
        ...(formula === undefined ? {} : { filterByFormula: formula }),
        ...(offset === null ? {} : { offset }),
      })
      const path = `/v0/${running.base}/${request.table}?${query}`
      return await send({ method: 'GET', path }, running)
    }
    case 'create':
      return await tableOf(request.table, running).create(request.records as never[], byId)
    case 'upsert': {
      const performUpsert = { fieldsToMergeOn: [request.mergeOn] }
      const options = { ...byId, performUpsert } as object
      return await tableOf(request.table, running).update(request.records as never[], options)
    }
    case 'update':
      return await tableOf(request.table, running).update(request.records as never[], byId)
    case 'delete':
      return await tableOf(request.table, running).destroy([...request.ids])
  }
}

/** Told with every write; the SDK's types do not know it. No `typecast`: a value that does not fit is refused. */
const byId = { returnFieldsByFieldId: true } as object

function tableOf(table: string, { base, caller, attempt }: Running) {
  const sdk = new Airtable({
    apiKey: attempt.token,
    endpointUrl: caller.baseUrl,
    noRetryIfRateLimited: true,
  })
  const sdkBase = new Airtable.Base(sdk, base)
  sdkBase.runAction = (method, path, query, body, done) => {
    const request = {
      method: method.toUpperCase() as SdkRequest['method'],
      path: `/v0/${base}${path}${queryOf(query as Readonly<Record<string, unknown>>)}`,
      ...(body === null ? {} : { body: body as unknown as Json }),
    }
    void send(request, { base, caller, attempt }).then(
      // what the SDK makes of the answer is not looked at: it only has to come to an end
      (records) => done(null, {} as never, { records }),
      (error: unknown) => done(error),
    )
  }
  return sdkBase.table(table)
}

function queryOf(query: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.map((item) => [`${name}[]`, String(item)])
      : [[name, String(value)]]
  )
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`
}

interface Sending {
  readonly method: SdkRequest['method']
  readonly path: string
  readonly body?: Json
}

/** The records of the answer, as far as the SDK has to see them. */
async function send(
  { method, path, body }: Sending,
  { caller, attempt }: Running,
): Promise<unknown[]> {
  const response = await attempt.send({
    method,
    url: caller.baseUrl + path,
    headers: {
      authorization: `Bearer ${attempt.token}`,
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: writeJson(body) }),
  })
  const json = tryParseJson(response.body)
  const records = isJsonObject(json) ? json['records'] : undefined
  if (response.status !== 200) {
    throw new HttpFailure(`HTTP status ${response.status}`, { sent: true })
  }
  return Array.isArray(records) ? records.filter(isJsonObject).map(({ id }) => ({ id })) : []
}

// Room sandbox: Stripe's endpoints, by method and path.

import type { JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { noSuch, refusal } from './errors.ts'
import { expanded } from './expand.ts'
import type { FormHash } from './form.ts'
import { listFields, pageFields, pageOf, pageOfShelf } from './list.ts'
import { accountId } from './oauth.ts'
import { type Fields, list, text } from './params.ts'
import { readParams } from './read.ts'
import { deletedAnswer, type Operation, type Resource, textOf, without } from './resource.ts'
import { findRow, resourceOfObject, resourceOfPath, shown } from './schema.ts'

/** What is to be carried out: `endpoint` is the method and the path without ids, as the rate limits count. */
export interface Route {
  readonly endpoint: string
  /** Answers the object. Throws `StripeFailure`. */
  readonly act: (account: Account, form: FormHash) => JsonObject
}

const expandField: Fields = { expand: list(text()) }

/** The route of a request. Throws `StripeFailure` when there is none. `path` is without the query. */
export function routeOf(method: string, path: string): Route {
  const [root, version, name = '', ...rest] = path.replace(/\/$/, '').split('/')
  const resource = resourceOfPath(name)
  const [id, deed, ...more] = rest.map(decodeSegment)
  const route = root !== '' || version !== 'v1' || more.length > 0
    ? null
    : resource === undefined
    ? accountRoute(method, path)
    : id === undefined
    ? collectionRoute(method, resource)
    : deed === undefined
    ? objectRoute(method, resource, id)
    : deedRoute(method, { resource, id, deed })
  if (route !== null) return route
  throw refusal(
    `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs or we can help at ` +
      'https://support.stripe.com/.',
    { status: 404 },
  )
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function accountRoute(method: string, path: string): Route | null {
  if (method !== 'GET' || path !== '/v1/account') return null
  return {
    endpoint: 'GET /v1/account',
    act: () => ({
      id: accountId,
      object: 'account',
      business_type: 'company',
      charges_enabled: true,
      country: 'US',
      default_currency: 'usd',
      details_submitted: true,
      email: 'sandbox@example.com',
      payouts_enabled: true,
      settings: { dashboard: { display_name: 'Sandbox', timezone: 'Etc/UTC' } },
      type: 'standard',
    }),
  }
}

function collectionRoute(method: string, resource: Resource): Route | null {
  const endpoint = `${method} /v1/${resource.path}`
  const { create } = resource
  if (method === 'GET') {
    return { endpoint, act: (account, form) => listed(account, resource, form) }
  }
  if (method !== 'POST' || create === undefined) return null
  return {
    endpoint,
    act: (account, form) => {
      const { params, expand } = paramsOf(account, form, create)
      const row = create.act(account, params)
      const once = Object.fromEntries(
        (resource.shownOnce ?? []).map((name) => [name, row[name] ?? null]),
      )
      return { ...answered(account, resource, { row, expand }), ...once }
    },
  }
}

function objectRoute(method: string, resource: Resource, id: string): Route | null {
  const endpoint = `${method} /v1/${resource.path}/:id`
  const { update, remove } = resource
  switch (method) {
    case 'GET':
      return { endpoint, act: (account, form) => retrieved(account, resource, { id, form }) }
    case 'POST':
      return update === undefined
        ? null
        : operationRoute(endpoint, resource, { id, operation: update })
    case 'DELETE':
      return remove === undefined ? null : {
        endpoint,
        act: (account, form) => {
          const { params, expand } = paramsOf(account, form, remove)
          const removal = remove.act(account, required(account, resource, id), params)
          return removal === 'deleted'
            ? deletedAnswer(resource, id)
            : answered(account, resource, { row: removal, expand })
        },
      }
    default:
      return null
  }
}

function deedRoute(
  method: string,
  { resource, id, deed }: { resource: Resource; id: string; deed: string },
): Route | null {
  const endpoint = `${method} /v1/${resource.path}/:id/${deed}`
  const operation = own(resource.actions, deed)
  const lines = own(resource.lists, deed)
  if (method === 'POST' && operation !== undefined) {
    return operationRoute(endpoint, resource, { id, operation })
  }
  if (method !== 'GET' || lines === undefined) return null
  return {
    endpoint,
    act: (account, form) => {
      const { params } = paramsOf(account, form, { params: pageFields, act: null })
      const page = pageOf(lines(required(account, resource, id)), params, { title: deed })
      const url = `/v1/${resource.path}/${id}/${deed}`
      return { object: 'list', data: page.rows, has_more: page.hasMore, url }
    },
  }
}

function own<T>(members: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return members !== undefined && Object.hasOwn(members, name) ? members[name] : undefined
}

function operationRoute(
  endpoint: string,
  resource: Resource,
  { id, operation }: {
    id: string
    operation: Operation<(account: Account, row: JsonObject, params: JsonObject) => JsonObject>
  },
): Route {
  return {
    endpoint,
    act: (account, form) => {
      const row = required(account, resource, id)
      const { params, expand } = paramsOf(account, form, operation)
      return answered(account, resource, { row: operation.act(account, row, params), expand })
    },
  }
}

interface Params {
  readonly params: JsonObject
  /** Paths to expand. */
  readonly expand: readonly string[]
}

function paramsOf(account: Account, form: FormHash, { params }: Operation<unknown>): Params {
  const read = readParams(form, { ...params, ...expandField }, {
    exists: (object, id) => exists(account, object, id),
  })
  const expand = read['expand']
  return {
    params: without(read, ['expand']),
    expand: Array.isArray(expand) ? expand.map(String) : [],
  }
}

function exists(account: Account, object: string, id: string): boolean {
  const resource = resourceOfObject(object)
  return resource === undefined
    ? account.get(object, id) !== null
    : findRow(account, resource, id) !== null
}

function answered(
  account: Account,
  resource: Resource,
  { row, expand }: { row: JsonObject; expand: readonly string[] },
): JsonObject {
  const now = findRow(account, resource, textOf(row, 'id')) ?? row
  return expanded(account, shown(account, resource, now), expand)
}

function required(account: Account, resource: Resource, id: string): JsonObject {
  const row = findRow(account, resource, id)
  if (row !== null) return row
  throw noSuch(resource.title, id, { status: 404, param: resource.idParam })
}

function retrieved(
  account: Account,
  resource: Resource,
  { id, form }: { id: string; form: FormHash },
): JsonObject {
  const { expand } = paramsOf(account, form, { params: {}, act: null })
  const gone = resource.outlivesDeletion === true && findRow(account, resource, id) === null &&
    account.getEver(resource.object, id) !== null
  if (gone) return deletedAnswer(resource, id)
  return answered(account, resource, { row: required(account, resource, id), expand })
}

function listed(account: Account, resource: Resource, form: FormHash): JsonObject {
  const { params, expand } = paramsOf(account, form, { params: listFields(resource), act: null })
  resource.checkFilters?.(params)
  const page = pageOfShelf(account, resource, params)
  return expanded(account, {
    object: 'list',
    data: page.rows.map((row) => shown(account, resource, row)),
    has_more: page.hasMore,
    url: `/v1/${resource.path}`,
  }, expand)
}

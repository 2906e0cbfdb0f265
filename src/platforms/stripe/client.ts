// Room platforms: one call of the Stripe API: stripe-node makes the request (form encoding, version, headers), our
// transport carries it, and what comes back is the transport's own raw answer. The SDK retries nothing, waits for
// nothing, reports nothing and sees neither the answer's headers (it prints what some of them say) nor its body.

import { Stripe } from 'stripe'
import type { HttpResponse } from '../../lib/http.ts'
import { type Attempt, callThrough, type Reply, type SdkRequest } from '../call.ts'
import type { Caller } from '../platform.ts'

/** The API version that every request names, whatever the account's default. */
export const apiVersion = '2026-10-28.endive'

/** A parameter as it is form-encoded: `''` unsets. Numbers are their digits. */
export type Parameter = string | readonly Parameter[] | { readonly [name: string]: Parameter }

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** From the base URL on, with the query: `/v1/customers?limit=100`. */
  readonly path: string
  /** Of a POST. */
  readonly parameters?: Readonly<Record<string, Parameter>>
  /** Of a POST: the same key and parameters are carried out once, however often they are sent within 24 hours. */
  readonly idempotencyKey?: string
}

/**
 * Sends the request once; once more only with a new token after the platform refused the first one (401, which is
 * answered before anything is carried out). Never throws for what the network, the platform or the credential did.
 */
export async function call(request: ApiRequest, caller: Caller): Promise<Reply> {
  return await callThrough((attempt) => run(request, { caller, attempt }), caller, {
    platform: 'stripe',
  })
}

async function run(
  { method, path, parameters, idempotencyKey }: ApiRequest,
  { caller, attempt }: { caller: Caller; attempt: Attempt },
): Promise<void> {
  // A client of its own for each request, so that no two connections can ever share one's token or base URL.
  const stripe = new Stripe(attempt.token, {
    apiVersion,
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: transportOf(caller.baseUrl, attempt),
  })
  const options = idempotencyKey === undefined ? {} : { idempotencyKey }
  await stripe.rawRequest(method, path, parameters, options)
}

type SdkTransport = NonNullable<NonNullable<ConstructorParameters<typeof Stripe>[1]>['httpClient']>
type SdkResponse = Awaited<ReturnType<SdkTransport['makeRequest']>>

/** The SDK knows a host and a port; the base URL can have a path before `/v1`, as the sandbox's has. */
function transportOf(baseUrl: string, attempt: Attempt): SdkTransport {
  return {
    getClientName: () => 'sluice',
    makeRequest: async (_host, _port, path, method, headers, body) => {
      const response = await attempt.send({
        method: method as SdkRequest['method'],
        url: baseUrl + path,
        headers: plain(headers),
        ...(method === 'POST' ? { body } : {}),
      })
      return toSdk(response)
    },
  }
}

/** The transport counts the bytes itself. */
function plain(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), String(value)] as const)
    .filter(([name]) => name !== 'content-length')
  return Object.fromEntries(entries)
}

function toSdk({ status }: HttpResponse): SdkResponse {
  return {
    getStatusCode: () => status,
    getHeaders: () => ({}),
    getRawResponse: () => ({}),
    toStream: () => null,
    toJSON: () => Promise.resolve({}),
  }
}

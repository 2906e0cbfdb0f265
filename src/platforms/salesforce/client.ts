// Room platforms: one call of the Salesforce API: jsforce makes the request, our transport carries it, and what comes back
// is the transport's own raw answer. jsforce is given no refresh material (it would replay without bound), follows
// nothing, retries nothing and parses nothing (its JSON.parse rounds numbers).

import { PassThrough } from 'node:stream'
import { Connection } from 'jsforce/lib/core.js'
import { StreamPromise } from 'jsforce/lib/util/promise.js'
import type {
  HttpRequest as SdkRequest,
  HttpResponse as SdkResponse,
} from 'jsforce/lib/types/common.js'
import { assert } from '../../lib/assert.ts'
import { DeadlineExceeded, remainingMs, withDeadline } from '../../lib/deadline.ts'
import { HttpFailure, type HttpResponse } from '../../lib/http.ts'
import { Fault, type FaultData, faultData } from '../../mutation/fault.ts'
import type { Caller } from '../platform.ts'

/** The API version that every path names. */
export const apiVersion = '62.0'

/** Where the version's resources begin. */
export const apiRoot = `/services/data/v${apiVersion}`

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** From the base URL on: `/services/data/v62.0/…`. */
  readonly path: string
  /** JSON text. */
  readonly body?: string
}

/** answered: whole, with any status. unsent: surely nothing reached the platform. lost: in doubt. */
export type Reply =
  | { readonly state: 'answered'; readonly response: HttpResponse }
  | { readonly state: 'unsent'; readonly fault: FaultData }
  | { readonly state: 'lost'; readonly reason: string }

/**
 * Sends the request once; once more only with a new token after the platform refused the first one (401, which is
 * answered before anything is carried out). Never throws for what the network, the platform or the credential did.
 */
export async function call(request: ApiRequest, caller: Caller): Promise<Reply> {
  const first = await tokenOrFault(caller)
  if (first instanceof Fault) return { state: 'unsent', fault: first.data }
  const reply = await attempt(request, { caller, token: first })
  if (reply.state !== 'answered' || !isTokenRefused(reply.response)) return reply
  const second = await tokenOrFault(caller, first)
  if (second instanceof Fault) return { state: 'unsent', fault: second.data }
  return await attempt(request, { caller, token: second })
}

/** Has the platform refused the access token (Status Codes and Error Responses: 401, INVALID_SESSION_ID)? */
export function isTokenRefused({ status, body }: HttpResponse): boolean {
  return status === 401 || (status === 403 && body.includes('"INVALID_SESSION_ID"'))
}

async function tokenOrFault(caller: Caller, refused?: string): Promise<string | Fault> {
  const waitMs = remainingMs(caller.deadline)
  try {
    const token = refused === undefined ? caller.token() : caller.token(refused)
    return await withDeadline(token, { waitMs, what: 'obtaining an access token' })
  } catch (error) {
    if (error instanceof Fault) return error
    if (error instanceof DeadlineExceeded) return timedOut()
    throw error
  }
}

function timedOut(): Fault {
  return new Fault(faultData('statement_timed_out', { platform: 'salesforce' }))
}

async function attempt(
  request: ApiRequest,
  { caller, token }: { caller: Caller; token: string },
): Promise<Reply> {
  if (caller.signal.aborted) {
    return { state: 'unsent', fault: faultData('statement_cancelled', { platform: 'salesforce' }) }
  }
  if (remainingMs(caller.deadline) <= 0) return { state: 'unsent', fault: timedOut().data }
  try {
    const response = await exchange(request, { caller, token })
    const { status } = response
    caller.log.debug('salesforce.answered', { method: request.method, status })
    return { state: 'answered', response }
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
    caller.log.warn('salesforce.failed', { method: request.method, error })
    if (error.sent) return { state: 'lost', reason: error.message }
    const detail = error.message
    return { state: 'unsent', fault: faultData('unreachable', { platform: 'salesforce', detail }) }
  }
}

/** The raw answer, or the transport's HttpFailure. */
async function exchange(
  { method, path, body }: ApiRequest,
  { caller, token }: { caller: Caller; token: string },
): Promise<HttpResponse> {
  let outcome: HttpResponse | HttpFailure | 'under way' | undefined
  const transport = {
    httpRequest: (request: SdkRequest) => {
      assert(outcome === undefined, 'jsforce sends a request once')
      outcome = 'under way'
      const carried = carry(request, caller).then((result) => toSdk(outcome = result))
      return StreamPromise.create(() => ({ stream: new PassThrough(), promise: carried }))
    },
  }
  const headers = { accept: 'application/json', ...(body ? { 'content-type': jsonType } : {}) }
  const request: SdkRequest = { method, url: path, headers, ...(body ? { body } : {}) }
  try {
    const connection = new Connection({
      instanceUrl: caller.baseUrl,
      accessToken: token,
      version: apiVersion,
    })
    await connection.request(request, { transport, responseType: 'text/plain' })
  } catch (cause) {
    // What the transport saw is what counts, not jsforce's view of it; without that, nothing was sent.
    if (outcome === undefined) {
      throw new HttpFailure('the request could not be made', { sent: false, cause })
    }
  }
  assert(outcome !== undefined && outcome !== 'under way', 'jsforce waits for the transport')
  if (outcome instanceof HttpFailure) throw outcome
  return outcome
}

const jsonType = 'application/json; charset=utf-8'

async function carry(request: SdkRequest, caller: Caller): Promise<HttpResponse | HttpFailure> {
  const { method, url, headers = {}, body } = request
  try {
    return await caller.http.send({
      method: method as ApiRequest['method'],
      url,
      headers,
      ...(typeof body === 'string' ? { body } : {}),
      waitMs: remainingMs(caller.deadline),
    })
  } catch (error) {
    if (error instanceof HttpFailure) return error
    return new HttpFailure('the transport failed', { sent: true, cause: error })
  }
}

function toSdk(result: HttpResponse | HttpFailure): SdkResponse {
  if (result instanceof HttpFailure) throw result
  return { statusCode: result.status, headers: result.headers, body: result.body }
}

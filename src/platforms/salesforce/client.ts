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
import type { HttpResponse } from '../../lib/http.ts'
import { type Attempt, callThrough, type Reply } from '../call.ts'
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

/**
 * Sends the request once; once more only with a new token after the platform refused the first one (401, which is
 * answered before anything is carried out). Never throws for what the network, the platform or the credential did.
 */
export async function call(request: ApiRequest, caller: Caller): Promise<Reply> {
  return await callThrough((attempt) => run(request, { caller, attempt }), caller, {
    platform: 'salesforce',
    isTokenRefused,
  })
}

/** Has the platform refused the access token (Status Codes and Error Responses: 401, INVALID_SESSION_ID)? */
export function isTokenRefused({ status, body }: HttpResponse): boolean {
  return status === 401 || (status === 403 && body.includes('"INVALID_SESSION_ID"'))
}

async function run(
  { method, path, body }: ApiRequest,
  { caller, attempt }: { caller: Caller; attempt: Attempt },
): Promise<void> {
  const transport = {
    httpRequest: ({ method, url, headers = {}, body }: SdkRequest) => {
      const text = typeof body === 'string' ? { body } : {}
      const request = { method: method as ApiRequest['method'], url, headers, ...text }
      const carried = attempt.send(request).then(toSdk)
      return StreamPromise.create(() => ({ stream: new PassThrough(), promise: carried }))
    },
  }
  const headers = { accept: 'application/json', ...(body ? { 'content-type': jsonType } : {}) }
  const connection = new Connection({
    instanceUrl: caller.baseUrl,
    accessToken: attempt.token,
    version: apiVersion,
  })
  const request: SdkRequest = { method, url: path, headers, ...(body ? { body } : {}) }
  await connection.request(request, { transport, responseType: 'text/plain' })
}

const jsonType = 'application/json; charset=utf-8'

function toSdk({ status, headers, body }: HttpResponse): SdkResponse {
  return { statusCode: status, headers, body }
}

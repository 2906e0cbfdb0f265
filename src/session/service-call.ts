// Room session: one request of the listener to the mutation service, with the listener's key.

import type { Http, HttpResponse } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { watchKey } from './listener-key.ts'

export interface CallOptions {
  /** Base URL of the mutation service, without a trailing slash. */
  readonly url: string
  readonly listenerKey: string
  readonly http: Http
  readonly log: Log
  /** No request is given up before, in milliseconds; 0 when absent. */
  readonly waitMinMs?: number
}

export interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly waitMs: number
}

/** Calls the service. Throws HttpFailure; `listener_key_refused`. */
export type Call = (request: Request) => Promise<HttpResponse>

export function createCall(
  { url, listenerKey, http, log, waitMinMs = 0 }: CallOptions,
): Call {
  const key = watchKey(log)
  return async ({ method, path, headers = {}, body, waitMs }) => {
    const response = await http.send({
      method,
      url: url + path,
      headers: {
        authorization: `Bearer ${listenerKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      waitMs: Math.max(waitMs, waitMinMs),
    })
    key.check(response)
    return response
  }
}

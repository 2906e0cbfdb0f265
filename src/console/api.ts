// Room console: the HTTP API as the console calls it, with the token of the session.

import type { ConsoleDeps } from './deps.ts'
import { withQuery } from './html.ts'

/** What the API answers instead of what was asked for. */
export class ApiProblem extends Error {
  override name = 'ApiProblem'
  readonly status: number
  readonly detail: string
  readonly hint: string | null

  constructor(options: { status: number; title: string; detail: string; hint: string | null }) {
    super(options.title)
    this.status = options.status
    this.detail = options.detail
    this.hint = options.hint
  }
}

export interface Sent<T> {
  readonly status: number
  readonly body: T
}

export interface Api {
  /** Throws ApiProblem. */
  get<T>(
    path: readonly string[],
    query?: Readonly<Record<string, string | number | undefined>>,
  ): Promise<T>
  /** An answer that is no problem is given with its status. Throws ApiProblem. */
  send<T>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: readonly string[],
    options?: {
      readonly body?: unknown
      readonly query?: Readonly<Record<string, string | undefined>>
    },
  ): Promise<Sent<T>>
}

/** The origin does not matter: nothing leaves the process. */
const origin = 'http://localhost'

/** The API for whoever has this token. Paths are below /v1/admin. */
export function createApi({ api }: Pick<ConsoleDeps, 'api'>, token: string): Api {
  const ask = async <T>(request: Request): Promise<Sent<T>> => {
    const response = await api(request)
    const body: unknown = await response.json()
    const type = response.headers.get('content-type') ?? ''
    if (type.startsWith('application/problem+json')) throw problemOf(response.status, body)
    return { status: response.status, body: body as T }
  }
  const at = (path: readonly string[], query = {}) =>
    origin + withQuery(['/v1/admin', ...path.map(encodeURIComponent)].join('/'), query)
  const authorization = `Bearer ${token}`
  return {
    get: async <T>(path: readonly string[], query = {}) => {
      const request = new Request(at(path, query), { headers: { authorization } })
      return (await ask<T>(request)).body
    },
    send: (method, path, { body, query = {} } = {}) =>
      ask(
        new Request(at(path, query), {
          method,
          headers: { authorization, 'content-type': 'application/json' },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      ),
  }
}

function problemOf(status: number, body: unknown): ApiProblem {
  const { title, detail, fault } = body as {
    title?: string
    detail?: string
    fault?: { hint?: string }
  }
  return new ApiProblem({
    status,
    title: title ?? 'the request failed',
    detail: detail ?? '',
    hint: fault?.hint ?? null,
  })
}

// Room platforms: one call of GitHub's API: Octokit makes the request, our transport carries it, and what counts is the
// transport's own raw answer. Octokit is given no token to keep, follows nothing and repeats nothing; what it makes of an
// answer (a truncated body taken for an empty success, a list for a redirected POST) is not looked at.

import { Octokit } from '@octokit/rest'
import { type Attempt, callThrough, type Reply } from '../call.ts'
import type { JsonObject } from '../json.ts'
import { writeJson } from '../json.ts'
import type { Caller } from '../platform.ts'

/** The version of the REST API that every request names (GitHub Docs, API Versions). */
export const apiVersion = '2022-11-28'

/** A request of the REST API. */
export interface RestRequest {
  readonly kind: 'rest'
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** From the base URL on, encoded: `/repos/octo/hello/issues?state=all`. */
  readonly path: string
  readonly body?: JsonObject
  /** The ETag of an answer that is still known: where nothing changed, 304 comes instead of it. */
  readonly etag?: string
}

/** A document of the GraphQL API. */
export interface GraphqlRequest {
  readonly kind: 'graphql'
  readonly query: string
  readonly variables: JsonObject
}

export type ApiRequest = RestRequest | GraphqlRequest

/**
 * Sends the request once; once more only with a new token after GitHub refused the first one (401, which is answered
 * before anything is carried out). Never throws for what the network, GitHub or the credential did.
 */
export async function call(request: ApiRequest, caller: Caller): Promise<Reply> {
  return await callThrough((attempt) => run(request, { caller, attempt }), caller, {
    platform: 'github',
  })
}

async function run(
  request: ApiRequest,
  { caller, attempt }: { caller: Caller; attempt: Attempt },
): Promise<void> {
  const octokit = new Octokit({
    baseUrl: caller.baseUrl,
    userAgent: 'sluice',
    request: { fetch: fetchThrough(attempt) },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  })
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${attempt.token}`,
    'x-github-api-version': apiVersion,
  }
  if (request.kind === 'graphql') {
    await octokit.graphql(request.query, { ...request.variables, headers })
    return
  }
  const { method, path, body, etag } = request
  // text, so that its numbers reach the wire digit for digit
  const data = body === undefined ? {} : { data: writeJson(body) }
  const known = etag === undefined ? {} : { 'if-none-match': etag }
  await octokit.request({ method, url: path, headers: { ...headers, ...known }, ...data })
}

function quiet(): void {}

interface FetchOptions {
  readonly method: RestRequest['method']
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Octokit hears only that there was an answer: an empty one, so that it neither parses nor warns. */
function fetchThrough(attempt: Attempt) {
  return async (url: string, { method, headers, body }: FetchOptions): Promise<Response> => {
    const text = typeof body === 'string' ? { body } : {}
    await attempt.send({ method, url, headers: { ...headers }, ...text })
    return new Response(null, { status: 204 })
  }
}

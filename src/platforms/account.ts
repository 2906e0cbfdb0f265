// Room platforms: whose account it is that tokens are for, so that a connection does not become another's unnoticed.
// Sources: GitHub Docs, Get the authenticated user; Airtable Web API, Get user ID & scopes.

import { type Deadline, remainingMs } from '../lib/deadline.ts'
import { type Http, HttpFailure } from '../lib/http.ts'
import { fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import { isJsonNumber, isJsonObject, type JsonObject, tryParseJson } from './json.ts'
import type { AccountRule } from './oauth.ts'

export interface AccountQuestion {
  readonly http: Http
  readonly deadline: Deadline
  /** Base URL of the API, without a trailing slash. */
  readonly baseUrl: string
  readonly accessToken: string
}

/** The account that an object names by the rule. */
export function accountIn(body: JsonObject, { field, pattern }: AccountRule): string | undefined {
  const value = body[field]
  const text = isJsonNumber(value) ? value.rawJSON : value
  return typeof text === 'string' ? pattern.exec(text)?.[1] : undefined
}

/**
 * Asks the API, once, whose token it is. undefined: the platform told it with the tokens, or not at all.
 * @throws Fault unreachable (nothing was sent), platform_failed
 */
export async function askAccount(
  rule: AccountRule,
  { http, deadline, baseUrl, accessToken }: AccountQuestion,
  platform: Platform,
): Promise<string | undefined> {
  if (rule.at === 'tokens') return undefined
  const url = baseUrl + rule.at.path
  const headers = {
    accept: 'application/json',
    authorization: `Bearer ${accessToken}`,
    'user-agent': 'sluice',
  }
  try {
    const waitMs = remainingMs(deadline)
    const { status, body } = await http.send({ method: 'GET', url, headers, waitMs })
    const json = tryParseJson(body)
    const account = status === 200 && isJsonObject(json) ? accountIn(json, rule) : undefined
    if (account !== undefined) return account
    const detail = `GET ${rule.at.path} answered ${status} and named nobody.`
    throw fault('platform_failed', { platform, detail })
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
    const detail = `GET ${rule.at.path} was not answered: ${error.message}`
    throw fault(error.sent ? 'platform_failed' : 'unreachable', { platform, detail }, {
      cause: error,
    })
  }
}

// Room sandbox: how GitHub says that it has had enough, or that it has failed.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit

import type { Denial } from './access/quota.ts'
import { type Reply, reply } from './rest/call.ts'
import type { Session } from './state/session.ts'

interface Asked {
  readonly requestId: string
  /** Whose request it was; absent where nobody looked. */
  readonly session?: Session
  /** Milliseconds since 1970; the session's when absent. */
  readonly nowMs?: number
  /** 403 when absent. GitHub says 429 too. */
  readonly status?: 403 | 429
}

const overview =
  'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits'

/** The reply of the REST API; the GraphQL API's for the secondary limits is the same. */
export function deniedRest(denial: Denial, asked: Asked): Reply {
  const { status = 403 } = asked
  const message = denial.limit === 'primary'
    ? `${exceeded(asked)} ${help(asked)}`
    : `You have exceeded a secondary rate limit${
      denial.limit === 'content' ? ' and have been temporarily blocked from content creation' : ''
    }. Please wait a few minutes before you try again. ${help(asked)}`
  const body = { message, documentation_url: overview, status: String(status) }
  if (denial.limit === 'primary') return reply(status, body)
  return reply(status, body, { 'retry-after': String(Math.ceil(denial.retryAfterMs / 1000)) })
}

/** Over its primary limit the GraphQL API answers 200. */
export function deniedGraph(denial: Denial, asked: Asked): Reply {
  if (denial.limit !== 'primary') return deniedRest(denial, asked)
  return reply(200, { errors: [{ type: 'RATE_LIMITED', message: exceeded(asked) }] })
}

function exceeded({ session }: Asked): string {
  const whose = session === undefined || session.installationId === null
    ? `user ID ${session?.viewer.id ?? ''}`
    : `installation ID ${session.installationId}`
  return `API rate limit exceeded for ${whose}.`
}

function help({ requestId, session, nowMs = session?.nowMs ?? 0 }: Asked): string {
  const time = new Date(nowMs).toISOString().replace('T', ' ').slice(0, 19)
  return 'If you reach out to GitHub Support for help, please include the request ID ' +
    `${requestId} and timestamp ${time} UTC.`
}

/** GitHub's own failure. */
export function serverError(
  { isGraph, requestId, nowMs }: {
    readonly isGraph: boolean
    readonly requestId: string
    readonly nowMs: number
  },
): Reply {
  if (!isGraph) return reply(500, { message: 'Server Error', status: '500' })
  const time = new Date(nowMs).toISOString()
  const message = `Something went wrong while executing your query on ${time}. Please include ` +
    `\`${requestId}\` when reporting this issue.`
  return reply(502, { data: null, errors: [{ message }] })
}

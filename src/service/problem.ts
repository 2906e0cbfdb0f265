// Room service: errors as application/problem+json (RFC 9457). Only a Fault's words reach a client; anything else is
// `internal_error` and an id that the log has.

import type { Log } from '../lib/log.ts'
import { catalogue, Fault, type FaultCode, type FaultData, faultData } from '../mutation/fault.ts'

/** The body of every answer that is not a success. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: FaultCode
  readonly sqlstate: string
  readonly fault: FaultData
}

/** The content type of a problem. */
export const problemType = 'application/problem+json'

/** The fault to answer for any error. What is not a Fault is logged under the id that the answer names. */
export function faultFor(error: unknown, { log, newId }: { log: Log; newId: () => string }) {
  if (error instanceof Fault) {
    if (error.cause !== undefined) log.warn('service.fault', { code: error.code, error })
    return error.data
  }
  const id = newId()
  log.error('service.internal_error', { id, error })
  return faultData('internal_error', { message: `internal error ${id}` })
}

/** What the catalogue says to those who read it whole. */
const httpOnly = /^HTTP only\. /

/** The problem that a fault is, with the status that the catalogue gives it. */
export function problemOf(fault: FaultData): Problem {
  const { about } = catalogue[fault.code]
  const { code, sqlstate } = fault
  return {
    type: `urn:sluice:fault:${code}`,
    title: fault.message,
    status: statusOf(fault),
    detail: fault.detail ?? about.replace(httpOnly, ''),
    code,
    sqlstate,
    fault,
  }
}

/** The response for a fault. */
export function problemResponse(fault: FaultData): Response {
  const problem = problemOf(fault)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': problemType, 'cache-control': 'no-store', ...problemHeaders(fault) },
  })
}

/** What a fault says in headers: how a caller shows who it is, and when to try again. */
export function problemHeaders({ code, hint }: FaultData): Record<string, string> {
  if (code === 'unauthorized') return { 'www-authenticate': 'Bearer' }
  if (code === 'idempotency_key_in_use') return { 'retry-after': '1' }
  const seconds = code === 'rate_limited'
    ? /\bin (\d+) seconds?\b/.exec(hint ?? '')?.[1]
    : undefined
  return seconds === undefined ? {} : { 'retry-after': seconds }
}

function statusOf({ code, sqlstate }: FaultData): number {
  if (code !== 'database_refused') return catalogue[code].http
  if (sqlstate === '42501') return 403
  if (sqlstate === '57014') return 504
  return statusOfClass[sqlstate.slice(0, 2)] ?? catalogue[code].http
}

/** Of SQLSTATE's classes: rollback and locks are conflicts, resources and operators pass, the server's own faults stay. */
const statusOfClass: Readonly<Record<string, number>> = {
  '40': 409,
  '55': 409,
  '53': 503,
  '57': 503,
  '58': 500,
  XX: 500,
}

/**
 * Can the same request succeed later, with nothing written by now? Then it is not remembered under its idempotency key.
 * So it is with what the caller cannot help: a credential or permission that somebody else has to mend.
 */
export function isPassing({ code, sqlstate }: FaultData): boolean {
  if (code === 'database_refused') {
    return ['40', '53', '55', '57', '58'].includes(sqlstate.slice(0, 2))
  }
  const { retry, blame } = catalogue[code]
  return retry === 'later' || blame === 'credential'
}

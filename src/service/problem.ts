// Room service: errors as application/problem+json (RFC 9457). Only a Fault's words reach a client; anything else is
// `internal_error` and an id that the log has.

import type { Log } from '../lib/log.ts'
import { catalogue, Fault, type FaultData, faultData } from '../mutation/fault.ts'

/** The body of every answer that is not a success. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly fault: FaultData
}

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

/** The response for a fault, with the status that the catalogue gives it. */
export function problemResponse(fault: FaultData): Response {
  const { http: status, about } = catalogue[fault.code]
  const problem: Problem = {
    type: `urn:sluice:fault:${fault.code}`,
    title: fault.message,
    status,
    detail: fault.detail ?? about,
    fault,
  }
  return new Response(JSON.stringify(problem), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}

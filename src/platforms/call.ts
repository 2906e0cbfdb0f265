// Room platforms: one call of a platform's API through its SDK. The SDK makes the request, our transport carries it, and
// what counts is the transport's own raw answer: an SDK's view of it (rounded numbers, a truncated body taken for a
// success, an error without a status) is not believed.

import { assert } from '../lib/assert.ts'
import { DeadlineExceeded, remainingMs, withDeadline } from '../lib/deadline.ts'
import { HttpFailure, type HttpRequest, type HttpResponse } from '../lib/http.ts'
import { Fault, type FaultData, faultData } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import type { Caller } from './platform.ts'

/** answered: whole, with any status. unsent: surely nothing reached the platform. lost: in doubt. */
export type Reply =
  | { readonly state: 'answered'; readonly response: HttpResponse }
  | { readonly state: 'unsent'; readonly fault: FaultData }
  | { readonly state: 'lost'; readonly reason: string }

/** What the SDK hands to the transport. */
export type SdkRequest = Omit<HttpRequest, 'waitMs' | 'signal'>

/** What a header can carry after `Bearer`; a line break, or a letter beyond ASCII, would fail in each SDK in its own way. */
const tokenForm = /^[\x21-\x7e]+$/

/** What a call has the SDK do. */
export interface Attempt {
  /** The access token to use. */
  readonly token: string
  /** The transport, for one request; the SDK's second one in the same attempt is an internal error. */
  readonly send: (request: SdkRequest) => Promise<HttpResponse>
}

export interface CallOptions {
  readonly platform: Platform
  /** Has the platform refused the access token, before it carried anything out? 401 when absent. */
  readonly isTokenRefused?: (response: HttpResponse) => boolean
}

/**
 * Has the SDK make one request, once; once more only with a new token after the platform refused the first one.
 * `run` starts the SDK and resolves or rejects as the SDK does: neither is looked at once the transport was used.
 * Never throws for what the network, the platform or the credential did.
 */
export async function callThrough(
  run: (attempt: Attempt) => Promise<unknown>,
  caller: Caller,
  options: CallOptions,
): Promise<Reply> {
  const isTokenRefused = options.isTokenRefused ?? (({ status }) => status === 401)
  const first = await tokenOrFault(caller, options)
  if (typeof first !== 'string') return { state: 'unsent', fault: first }
  const reply = await attempt(run, { caller, options, token: first })
  if (reply.state !== 'answered' || !isTokenRefused(reply.response)) return reply
  const second = await tokenOrFault(caller, options, first)
  if (typeof second !== 'string') return { state: 'unsent', fault: second }
  return await attempt(run, { caller, options, token: second })
}

async function tokenOrFault(
  caller: Caller,
  { platform }: CallOptions,
  refused?: string,
): Promise<string | FaultData> {
  const waitMs = remainingMs(caller.deadline)
  try {
    const asked = refused === undefined ? caller.token() : caller.token(refused)
    const token = await withDeadline(asked, { waitMs, what: 'obtaining an access token' })
    return tokenForm.test(token) ? token : malformed(platform)
  } catch (error) {
    if (error instanceof Fault) return error.data
    if (error instanceof DeadlineExceeded) return faultData('statement_timed_out', { platform })
    caller.log.error(`${platform}.token_failed`, { error })
    return faultData('internal_error', {
      platform,
      detail: 'The credential could not be read; nothing was written.',
      hint: 'The log of the mutation service has the cause.',
    })
  }
}

function malformed(platform: Platform): FaultData {
  return faultData('credential_refused', {
    platform,
    detail:
      'The key or token is empty or holds what no key does: a space, a line break, a letter beyond ASCII.',
    hint: 'Connect the account again, or give the connection its key again.',
  })
}

interface Trying {
  readonly caller: Caller
  readonly options: CallOptions
  readonly token: string
}

async function attempt(
  run: (attempt: Attempt) => Promise<unknown>,
  { caller, options: { platform }, token }: Trying,
): Promise<Reply> {
  if (caller.signal.aborted) {
    return { state: 'unsent', fault: faultData('statement_cancelled', { platform }) }
  }
  if (remainingMs(caller.deadline) <= 0) {
    return { state: 'unsent', fault: faultData('statement_timed_out', { platform }) }
  }
  const result = await exchange(run, { caller, token })
  if (result instanceof Fault) return { state: 'unsent', fault: { platform, ...result.data } }
  if (result instanceof HttpFailure) {
    caller.log.warn(`${platform}.failed`, { error: result })
    if (result.sent) return { state: 'lost', reason: result.message }
    const fault = faultData('unreachable', { platform, detail: result.message })
    return { state: 'unsent', fault }
  }
  caller.log.debug(`${platform}.answered`, { status: result.status })
  return { state: 'answered', response: result }
}

type Carried = HttpResponse | HttpFailure | Fault

/**
 * The raw answer, or why there is none. Once the SDK has used the transport nobody waits for the SDK any more: it may
 * take its time, or never end.
 */
function exchange(
  run: (attempt: Attempt) => Promise<unknown>,
  { caller, token }: { caller: Caller; token: string },
): Promise<Carried> {
  return new Promise((resolve) => {
    let open = true
    const shut = () => {
      open = false
      clearTimeout(timer)
    }
    const send = async (request: SdkRequest): Promise<HttpResponse> => {
      assert(open, 'an SDK sends a request once, and in time')
      shut()
      const result = await carry(request, caller)
      resolve(result)
      if (result instanceof HttpFailure || result instanceof Fault) throw result
      return result
    }
    const unsent = (reason: string, cause?: unknown) => {
      if (!open) return
      shut()
      resolve(new HttpFailure(reason, { sent: false, cause }))
    }
    const late = () => unsent('the request could not be made in time')
    const timer = setTimeout(late, remainingMs(caller.deadline))
    started(run, { token, send }).then(
      () => unsent('the SDK made no request'),
      (cause: unknown) => unsent('the request could not be made', cause),
    )
  })
}

/** An error thrown at once is a rejection too. */
async function started(
  run: (attempt: Attempt) => Promise<unknown>,
  attempt: Attempt,
): Promise<unknown> {
  return await run(attempt)
}

async function carry(request: SdkRequest, caller: Caller): Promise<Carried> {
  try {
    return await caller.http.send({ ...request, waitMs: remainingMs(caller.deadline) })
  } catch (error) {
    if (error instanceof HttpFailure || error instanceof Fault) return error
    return new HttpFailure('the transport failed', { sent: true, cause: error })
  }
}

// Room session: the listener's side of the mutation service: configurations of syncs (configs.ts), and mutations.

import { counted } from '../lib/counted.ts'
import { deadlineIn, remainingMs } from '../lib/deadline.ts'
import { HttpFailure, type HttpResponse } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { formatTraceparent, type Trace } from '../lib/trace.ts'
import type { SyncConfig } from '../mutation/config.ts'
import {
  Fault,
  fault,
  type FaultCode,
  type FaultData,
  faultData,
  isFaultData,
} from '../mutation/fault.ts'
import { type Mutation, type Outcome, whereToLook } from '../mutation/mutation.ts'
import { isQuote, type Quote } from '../mutation/quote.ts'
import { createConfigs } from './configs.ts'
import { isKeyRefusal } from './listener-key.ts'
import { type Call, type CallOptions, createCall } from './service-call.ts'

export interface ServiceOptions extends CallOptions {
  readonly now?: () => number
}

export interface SendOptions {
  readonly waitMs: number
  /** The place in a trace that the mutation is sent from. */
  readonly trace?: Trace
}

/** What the listener knows of the service. */
export interface ServiceState {
  /** `reachable`, or why it is of no use now. */
  readonly service: 'reachable' | 'unreachable' | 'unauthorized' | 'not_ready'
  /** The configuration of a sync is known here: its sessions work without the service, but for mutations. */
  readonly configured: boolean
}

/** The mutation service as the listener sees it. */
export interface Service {
  /**
   * The configuration of a sync; null when there is none. Not older than a few seconds, unless the service is down:
   * then the last one known. After `waitMs` milliseconds it counts as down. Throws the faults service_unreachable when none
   * is known, and listener_key_refused.
   */
  findSync(syncId: string, options?: { readonly waitMs: number }): Promise<SyncConfig | null>
  /** Hands a mutation over. Never throws: what went wrong is an outcome. */
  send(mutation: Mutation, options: SendOptions): Promise<Outcome>
  /** What a mutation would send; nothing is. Throws a Fault: it would be refused, or the service is unreachable. */
  quote?(mutation: Mutation): Promise<Quote>
  /**
   * Cancels a mutation that was handed over and still waits for its turn; its outcome says whether that was in time.
   * Never throws.
   */
  cancel?(mutationId: string): Promise<void>
  /** Tells that a mutation is committed. Failures are logged: recovery finds out by itself. */
  applied(mutationId: string): void
  /** How it stands with the service, asked at most once a second. Never throws. */
  state?(): Promise<ServiceState>
  /** Waits until what `applied` has begun is over. */
  settle(): Promise<void>
}

/** The longest wait for an answer that needs no platform. */
const askWaitMs = 3_000
/**
 * Beyond what the platform may take: 5 s for an adapter that ends late, 15 s for the service to find out what is in doubt,
 * 5 s for a store that does not take the outcome, and the way.
 */
const serviceMarginMs = 30_000

export function createService(options: ServiceOptions): Service {
  const { now = Date.now, log } = options
  const call = createCall(options)
  const configs = createConfigs({ call, now, log })
  const teller = createTeller(call, log)
  const look = createLook(call, now)
  return {
    findSync: (syncId, patience) => configs.find(syncId, patience),
    send: (mutation, sending) => sendMutation(call, { mutation, ...sending, now, log }),
    state: async () => ({
      service: await look(),
      configured: configs.known(),
    }),
    quote: (mutation) => quoteMutation(call, mutation),
    cancel: (mutationId) => cancelMutation(call, mutationId, log),
    applied: (mutationId) => teller.tell(mutationId),
    settle: () => teller.settle(),
  }
}

const lookWaitMs = 1_000
const lookAgainMs = 1_000

/** Asks the service whether it would serve this listener. What was heard a moment ago is not asked again. */
function createLook(
  call: Call,
  now: () => number,
): () => Promise<ServiceState['service']> {
  let looked: { at: number; state: Promise<ServiceState['service']> } | undefined
  const look = async (): Promise<ServiceState['service']> => {
    try {
      const request = { method: 'GET', path: '/internal/ready', waitMs: lookWaitMs } as const
      const { status } = await call(request)
      if (status === 200) return 'reachable'
      return status === 401 ? 'unauthorized' : 'not_ready'
    } catch (error) {
      return isKeyRefusal(error) ? 'unauthorized' : 'unreachable'
    }
  }
  return () => {
    if (looked === undefined || now() - looked.at >= lookAgainMs) {
      looked = { at: now(), state: look() }
    }
    return looked.state
  }
}

async function quoteMutation(
  call: Call,
  mutation: Mutation,
): Promise<Quote> {
  const request = { method: 'POST', path: '/internal/quotes', waitMs: askWaitMs } as const
  try {
    const { body } = await call({ ...request, body: JSON.stringify({ mutation }) })
    const answer: unknown = JSON.parse(body)
    if (isQuote(answer)) return answer
    const problem = (answer as { fault?: unknown } | null)?.fault
    throw isFaultData(problem)
      ? new Fault(hinted(problem))
      : new Error('The service answered no quote')
  } catch (error) {
    if (error instanceof Fault) throw error
    throw fault('service_unreachable', { hint: laterHint }, { cause: error })
  }
}

const laterHint = 'Try again; reads go on working.'

/** What the service says of itself, with what it cannot know: who hears it here can read all the same. */
function hinted(data: FaultData): FaultData {
  return data.code === 'service_unreachable' ? { hint: laterHint, ...data } : data
}

/** A cancel may overtake its mutation: then it is sent again, so often and after so long. */
const cancelTriesMax = 5
const cancelAgainMs = 100

async function cancelMutation(
  call: Call,
  mutationId: string,
  log: Log,
): Promise<void> {
  const path = `/internal/mutations/${encodeURIComponent(mutationId)}/cancel`
  for (let tries = 1; tries <= cancelTriesMax; tries++) {
    try {
      const { status, body } = await call({ method: 'POST', path, waitMs: askWaitMs })
      if (status !== 200) throw new Error(`The service answered ${status}`)
      if (!body.includes('"unknown"')) return
    } catch (error) {
      return log.warn('mutation_not_cancelled', { mutation: mutationId, error })
    }
    await new Promise((resolve) => setTimeout(resolve, cancelAgainMs * tries))
  }
}

/** How long ids are gathered before they are told, in milliseconds: nobody waits for it. */
const gatherMs = 25
/** Ids told in one message. */
const toldMax = 500

/** Tells the service which mutations are applied, many at a time, and not on anybody's path. */
function createTeller(call: Call, log: Log) {
  const telling = new Set<Promise<void>>()
  let gathered: string[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  const send = async (ids: readonly string[]): Promise<void> => {
    try {
      const request = { method: 'POST', path: '/internal/applied', waitMs: askWaitMs } as const
      const response = await call({ ...request, body: JSON.stringify({ ids }) })
      if (response.status !== 200) throw new Error(`The service answered ${response.status}`)
    } catch (error) {
      log.warn('applied_not_told', { mutations: ids, error })
    }
  }
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (gathered.length === 0) return
    const told = send(gathered).finally(() => telling.delete(told))
    gathered = []
    telling.add(told)
  }
  return {
    tell: (mutationId: string): void => {
      gathered.push(mutationId)
      if (gathered.length >= toldMax) flush()
      timer ??= setTimeout(flush, gatherMs)
    },
    settle: async (): Promise<void> => {
      flush()
      await Promise.all(telling)
    },
  }
}

interface Sending extends SendOptions {
  readonly mutation: Mutation
  readonly now: () => number
  readonly log: Log
}

/**
 * Sends the mutation; when the reply is lost, asks once more under the same id, which never carries it out again but
 * tells the recorded outcome. Both together take at most `waitMs` and twice the margin.
 */
async function sendMutation(
  call: Call,
  { mutation, waitMs, trace, now, log }: Sending,
): Promise<Outcome> {
  // beside the body, where a service of an older version does not mind it
  const { by, ...rest } = mutation
  const body = JSON.stringify({ mutation: rest, waitMs })
  const headers: Record<string, string> = {
    ...(trace ? { traceparent: formatTraceparent(trace) } : {}),
    ...(by === undefined ? {} : { 'sluice-login': encodeURIComponent(by.toWellFormed()) }),
  }
  const request = { method: 'POST', path: '/internal/mutations', headers, body } as const
  const deadline = deadlineIn(waitMs + serviceMarginMs, now())
  for (let tries = 1;; tries++) {
    try {
      const callWaitMs = Math.max(remainingMs(deadline, now()), serviceMarginMs)
      const outcome = readOutcome(await call({ ...request, waitMs: callWaitMs }), mutation)
      // a problem now says nothing of the first try, which may have been carried out
      if (outcome.kind === 'problem' && tries > 1) {
        return { state: 'unknown', fault: unknownFault(mutation) }
      }
      return outcome.outcome
    } catch (error) {
      if (error instanceof Fault && tries === 1) return { state: 'refused', fault: error.data }
      const sent = !(error instanceof HttpFailure) || error.sent
      log.warn('mutation_reply_lost', { mutation: mutation.id, sent, tries, error })
      if (!sent && tries === 1) {
        return { state: 'refused', fault: faultData('service_unreachable', { hint: laterHint }) }
      }
      if (tries === 2) return { state: 'unknown', fault: unknownFault(mutation) }
    }
  }
}

/** Faults after which the service may still have sent the mutation. */
const mayBeSent: ReadonlySet<FaultCode> = new Set(['internal_error', 'outcome_unknown'])

/** recorded: what became of the mutation. problem: the service did not take it, this time. */
interface Answer {
  readonly kind: 'recorded' | 'problem'
  readonly outcome: Outcome
}

function readOutcome(response: HttpResponse, mutation: Mutation): Answer {
  const body: unknown = JSON.parse(response.body)
  if (response.status === 200 && isOutcome(body, mutation)) {
    return { kind: 'recorded', outcome: body }
  }
  const problem = typeof body === 'object' && body !== null
    ? (body as { fault?: unknown }).fault
    : null
  if (isFaultData(problem)) {
    const outcome: Outcome = mayBeSent.has(problem.code)
      ? { state: 'unknown', fault: unknownFault(mutation) }
      : { state: 'refused', fault: hinted(problem) }
    return { kind: 'problem', outcome }
  }
  throw new Error(`The service answered ${response.status} without an outcome`)
}

function isOutcome(value: unknown, mutation: Mutation): value is Outcome {
  if (typeof value !== 'object' || value === null) return false
  const outcome = value as { state?: unknown; rows?: unknown; others?: unknown; fault?: unknown }
  const { rows, others } = outcome
  const rowsMax = mutation.rows.length
  if (outcome.state === 'accepted') return Array.isArray(rows) && rows.length === rowsMax
  if (outcome.state === 'partial') {
    return Array.isArray(rows) && Array.isArray(others) && isFaultData(outcome.fault) &&
      rows.length + others.length === rowsMax
  }
  return (outcome.state === 'refused' || outcome.state === 'unknown') && isFaultData(outcome.fault)
}

function unknownFault(mutation: Mutation): FaultData {
  return faultData('outcome_unknown', {
    message: 'outcome unknown: the reply of the mutation service was lost',
    detail:
      `Mutation ${mutation.id}: ${mutation.operation} of ${
        counted(mutation.rows.length, 'row')
      } in ` +
      `${mutation.schema}.${mutation.table}.`,
    hint: `Look at the rows before you send the statement again. ${whereToLook(mutation.id)}`,
    schema: mutation.schema,
    table: mutation.table,
  })
}

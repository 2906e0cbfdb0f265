// Room service: the turns of one mutation, or of one request in the background, and the Http that an adapter sends with.

import { type Deadline, remainingMs } from '../../lib/deadline.ts'
import { type Http, HttpFailure, type HttpRequest, type HttpResponse } from '../../lib/http.ts'
import { Fault } from '../../mutation/fault.ts'
import { requestWaitMs } from '../../mutation/limits.ts'
import type { Adapter, Settings } from '../../platforms/platform.ts'
import type { PlannedRequest, RateAnswer } from '../../platforms/rates.ts'
import type { Gate, Turn, Wanting } from './gate.ts'
import { bucketId, type Taking, takingsOf } from './limit.ts'
import { createLead, type Lead } from './lead.ts'
import type { Limiter } from './limiter.ts'
import { learn } from './news.ts'
import type { Store } from '../../store/store.ts'
import type { Log } from '../../lib/log.ts'
import { resultOf, type ServiceMetrics } from '../metrics.ts'

export interface TurnsDeps {
  readonly limiter: Limiter
  readonly store: Store
  readonly http: Http
  readonly log: Log
  readonly metrics: Pick<ServiceMetrics, 'requests' | 'requestSeconds' | 'bucketWaits'>
  /** Milliseconds since 1970, as the deadline is. */
  readonly now: () => number
}

/** On whose behalf. */
export interface Account {
  readonly connection: string
  readonly adapter: Pick<Adapter, 'platform' | 'rates'>
  readonly baseUrl: string
  readonly settings: Settings
  readonly deadline: Deadline
  /** Aborted: nobody waits for a turn any more. */
  readonly signal: AbortSignal
  readonly background: boolean
}

export interface Turns {
  /** Sends each request in its turn: one that was reserved for it, else the next one. */
  readonly http: Http
  /** Must somebody wait before the first request can leave? */
  waits(): boolean
  /** Waits until just before the first turn. Throws `rate_limited`, `statement_cancelled`. */
  approach(): Promise<void>
  /** Gives back what was not used. */
  end(): void
}

/**
 * Reserves the turns of these requests, all or none. Throws `rate_limited` when the last one would come too late, and
 * `service_unreachable`.
 */
export type OpenTurns = (account: Account, planned: readonly PlannedRequest[]) => Promise<Turns>

/** A request that a platform refused for a limit is sent again so often. */
const refusalsMax = 3
/** Where the platform does not say how long to wait. */
const refusedWaitMs = 1_000
/** Of the time that there is, a part belongs to the request itself. */
const requestShare = 0.2
/** A wait that is not worth another commit, in milliseconds. */
const pacedMs = 10

/** Opens turns on the gates of this process. */
export function openTurns(deps: TurnsDeps): OpenTurns {
  const lead = createLead()
  return (account, planned) => reserve({ ...deps, lead }, account, planned)
}

async function reserve(
  deps: TurnsDeps & { readonly lead: Lead },
  account: Account,
  planned: readonly PlannedRequest[],
): Promise<Turns> {
  const { limiter, lead } = deps
  const { connection, adapter: { platform, rates }, settings } = account
  const gate = limiter.gate(connection, platform)
  const rules = planned.length === 0 ? [] : rates.rules(settings)
  const requests = planned.map(({ charges }) => takingsOf(charges, rules))
  const leadMs = lead.ms()
  const wanting = { ...wantingOf(deps, account), leadMs }
  let waitedMs = 0
  const timing = async <T>(work: Promise<T>): Promise<T> => {
    const from = limiter.now()
    try {
      return await work
    } finally {
      waitedMs += limiter.now() - from
    }
  }
  const turns = requests.length === 0 ? [] : await timing(gate.reserve(requests, wanting))
  const left = [...turns]
  const [first] = turns
  const reservedAt = limiter.now()
  let waited = first === undefined
  const http: Http = {
    send: (request) => {
      if (!waited) lead.note(limiter.now() - reservedAt)
      waited = true
      const aheadMs = waitedMs
      waitedMs = 0
      return send(deps, { ...account, gate }, { request, left, waitedMs: aheadMs })
    },
    close: () => Promise.resolve(),
  }
  return {
    http,
    waits: () => first !== undefined && gate.timeOf(first) > reservedAt + leadMs + pacedMs,
    approach: async () => {
      waited = true
      if (first === undefined) return
      const aheadMs = leadMs + pacedMs
      await timing(gate.approach(first, wantingOf(deps, account), { aheadMs }))
    },
    end: () => void gate.giveBack(left.splice(0)),
  }
}

/** A turn may come as late as leaves the request a fifth of the time that there is, or 30 seconds. */
function wantingOf(
  { limiter, now }: TurnsDeps,
  { deadline, background, signal }: Account,
): Wanting {
  const waitMs = remainingMs(deadline, now())
  const until = limiter.now() + waitMs - Math.min(requestWaitMs, waitMs * requestShare)
  return { until, background, signal }
}

type Gated = Account & { readonly gate: Gate }

interface Sending {
  readonly request: HttpRequest
  /** Turns that were reserved and not used yet; one is taken out. */
  readonly left: Turn[]
  /** What waiting there was before, when its turn was reserved, in milliseconds. */
  readonly waitedMs: number
}

async function send(
  deps: TurnsDeps,
  account: Gated,
  { request, left, waitedMs }: Sending,
): Promise<HttpResponse> {
  const { gate, adapter: { rates }, settings } = account
  const takings = takingsOf(rates.charges(request, account), rates.rules(settings))
  const wanting = wantingOf(deps, account)
  let refusal: HttpResponse | null = null
  for (let refusals = 0;; refusals++) {
    let turn: Turn
    const askedAt = deps.limiter.now()
    try {
      turn = (refusal === null ? takeOut(left, takings) : undefined) ??
        await one(gate, takings, wanting)
      await entered(gate, turn, wanting)
    } catch (error) {
      // the fault says when to try again; the refusal itself may not
      const told = error instanceof Fault && error.code === 'rate_limited'
      if (refusal !== null && error instanceof Fault && !told) return refusal
      throw error
    }
    const beforeMs = refusal === null ? waitedMs : 0
    noteWait(deps, account, beforeMs + deps.limiter.now() - askedAt)
    const { response, tookMs } = await carry(deps, account, { request, turn })
    const answer = rates.learn(request, response, account)
    const settled = gate.answered(turn, { tookMs, uncounted: uncountedIn(answer) })
    await learned(deps, account, { answer, takings, settled })
    if (!answer.refused || refusals === refusalsMax) return response
    refusal = response
  }
}

function noteWait(
  { metrics }: TurnsDeps,
  { adapter: { platform }, background }: Account,
  waitMs: number,
): void {
  const urgency = background ? 'background' : 'mutation'
  metrics.bucketWaits.observe({ platform, urgency }, waitMs / 1000)
}

async function one(gate: Gate, takings: readonly Taking[], wanting: Wanting): Promise<Turn> {
  const [turn] = await gate.reserve([takings], wanting)
  if (turn === undefined) throw new Error('The gate gave no turn')
  return turn
}

async function entered(gate: Gate, turn: Turn, wanting: Wanting): Promise<void> {
  try {
    await gate.enter(turn, wanting)
  } catch (error) {
    void gate.giveBack([turn])
    throw error
  }
}

async function carry(
  { http, now, limiter, metrics }: TurnsDeps,
  { gate, deadline, adapter: { platform } }: Gated,
  { request, turn }: { request: HttpRequest; turn: Turn },
): Promise<{ readonly response: HttpResponse; readonly tookMs: number }> {
  const waitMs = Math.min(request.waitMs, requestWaitMs, remainingMs(deadline, now()))
  try {
    const sentAt = limiter.now()
    const response = await http.send({ ...request, waitMs })
    const tookMs = limiter.now() - sentAt
    metrics.requests.add({ platform, result: resultOf(response.status) })
    metrics.requestSeconds.observe({ platform }, tookMs / 1000)
    return { response, tookMs }
  } catch (error) {
    const unsent = error instanceof HttpFailure && !error.sent
    metrics.requests.add({ platform, result: unsent ? 'unsent' : 'lost' })
    if (error instanceof HttpFailure && !error.sent) void gate.giveBack([turn], { unsent: true })
    throw error
  } finally {
    gate.leave(turn)
  }
}

function uncountedIn({ news }: RateAnswer): readonly string[] {
  return news.filter(({ kind }) => kind === 'uncounted')
    .map(({ rule, key = '' }) => bucketId({ rule, key }))
}

interface Learning {
  readonly answer: RateAnswer
  readonly takings: readonly Taking[]
  /** What was not counted has been given back, so that our count can be compared with the platform's. */
  readonly settled: Promise<void>
}

/** A refusal is learned before anybody goes on; what else an answer tells keeps nobody waiting. */
async function learned(
  deps: TurnsDeps,
  account: Gated,
  { answer, takings, settled }: Learning,
): Promise<void> {
  const { adapter: { rates }, settings } = account
  const told = answer.news.some(({ kind }) => kind === 'blocked')
  const [taking] = takings
  const own = answer.news.filter((each) => each.kind !== 'uncounted')
  const news = answer.refused && !told && taking !== undefined ? [...own, blockOf(taking)] : own
  if (news.length === 0) return
  const work = () => learn({ ...deps, ...account }, news, rates.rules(settings))
  if (answer.refused) await work()
  else void settled.then(work)
}

function blockOf({ limit: { bucket: { rule, key } } }: Taking) {
  return { kind: 'blocked', rule, key, waitMs: refusedWaitMs } as const
}

/** The first reserved turn that takes just this. */
function takeOut(left: Turn[], takings: readonly Taking[]): Turn | undefined {
  const wanted = nameOf(takings)
  const at = left.findIndex((turn) => nameOf(turn.takings) === wanted)
  return at < 0 ? undefined : left.splice(at, 1)[0]
}

function nameOf(takings: readonly Taking[]): string {
  return takings.map(({ limit, units }) => `${bucketId(limit.bucket)}\n${units}`).join('\n')
}

// Room service: the figures of a mutation service: mutations by what became of them, requests to the platforms, waits for
// turns, tokens, what the store holds.

import type { Counter, Histogram, Metrics, Sample } from '../lib/metrics.ts'
import { secondsBounds } from '../lib/metrics.ts'
import { catalogue } from '../mutation/fault.ts'
import { operations, type Platform, platforms } from '../mutation/table.ts'
import type { Left } from '../store/backlog.ts'
import type { Figures } from '../store/figures.ts'

/** replayed: the same mutation came before, and was told what became of it then. unsent: a fault, nothing was sent. */
export const mutationStates = [
  'accepted',
  'partial',
  'refused',
  'unknown',
  'replayed',
  'unsent',
] as const
export type MutationState = typeof mutationStates[number]

/** turn: until it is about to be sent. platform: from there to the outcome. */
export const servicePhases = ['turn', 'platform'] as const

/** What came of a request to a platform; 429 by itself. unsent: surely not sent. lost: no usable answer. */
export const requestResults = ['2xx', '3xx', '4xx', '429', '5xx', 'unsent', 'lost'] as const
export type RequestResult = typeof requestResults[number]

export const doors = ['internal', 'v1', 'oauth', 'other'] as const
export type Door = typeof doors[number]

/** What is counted wherever platforms are called. */
export interface PlatformMetrics {
  readonly requests: Counter<'platform' | 'result'>
  readonly requestSeconds: Histogram<'platform'>
  readonly bucketWaits: Histogram<'platform' | 'urgency'>
  readonly refreshes: Counter<'platform' | 'result'>
}

export interface ServiceMetrics extends PlatformMetrics {
  readonly mutations: Counter<'platform' | 'operation' | 'state'>
  readonly phases: Histogram<'phase' | 'platform' | 'operation'>
  /** Of mutations, by the fault that their sender heard. */
  readonly faults: Counter<'code'>
  readonly http: Counter<'door' | 'status'>
  readonly recovered: Counter<'result'>
  readonly inquiries: Counter<'at' | 'result'>
  /** Says how things are now. */
  watch(look: Look): void
}

/** What is looked up at a scrape. */
export interface Look {
  readonly underWay: () => number
  readonly waiting: () => ReadonlyMap<Platform, number>
  readonly questions: () => number
  readonly figures: () => Promise<Figures>
}

/** Adds the metrics of the service. */
export function createServiceMetrics(metrics: Metrics): ServiceMetrics {
  let looking: Look | null = null
  watchNow(metrics, () => looking)
  watchStore(metrics, () => looking)
  return {
    ...mutationMetrics(metrics),
    ...createPlatformMetrics(metrics),
    http: metrics.counter({
      name: 'sluice_http_requests_total',
      help: 'HTTP requests answered, by door and class of status.',
      labels: { door: doors, status: ['2xx', '3xx', '4xx', '5xx'] },
    }),
    recovered: metrics.counter({
      name: 'sluice_recovery_mutations_total',
      help: 'Mutations that recovery has applied to the database, and tries that failed.',
      labels: { result: ['applied', 'failed'] },
    }),
    inquiries: metrics.counter({
      name: 'sluice_inquiries_total',
      help: 'Mutations in doubt that were inquired about, before the client was answered or later.',
      labels: { at: ['answer', 'later'], result: ['settled', 'open', 'given_up'] },
    }),
    watch: (look) => void (looking = look),
  }
}

function mutationMetrics(metrics: Metrics) {
  return {
    mutations: metrics.counter({
      name: 'sluice_mutations_total',
      help: 'Mutations that the service has dealt with, by what became of them.',
      labels: { platform: platforms, operation: operations, state: mutationStates },
    }),
    phases: metrics.histogram({
      name: 'sluice_mutation_phase_seconds',
      help: 'Time of a mutation in the service: turn (until it is about to be sent), platform.',
      labels: { phase: servicePhases, platform: platforms, operation: operations },
      bounds: secondsBounds,
    }),
    faults: metrics.counter({
      name: 'sluice_mutation_faults_total',
      help: 'Mutations that were not carried out whole, by the fault.',
      labels: { code: Object.keys(catalogue) },
    }),
  }
}

/** Adds the metrics of calls to the platforms. */
export function createPlatformMetrics(metrics: Metrics): PlatformMetrics {
  return {
    requests: metrics.counter({
      name: 'sluice_platform_requests_total',
      help: 'Requests to the platforms, tokens apart, by class of status.',
      labels: { platform: platforms, result: requestResults },
    }),
    requestSeconds: metrics.histogram({
      name: 'sluice_platform_request_seconds',
      help: 'Time of a request to a platform, from its turn to the whole answer.',
      labels: { platform: platforms },
      bounds: secondsBounds,
    }),
    bucketWaits: metrics.histogram({
      name: 'sluice_bucket_wait_seconds',
      help: "Time until a request's turn in the rate-limit buckets came.",
      labels: { platform: platforms, urgency: ['mutation', 'background'] },
      bounds: secondsBounds,
    }),
    refreshes: metrics.counter({
      name: 'sluice_token_refreshes_total',
      help:
        'Access tokens asked for: refreshed, refused (the account must be reconnected), failed.',
      labels: { platform: platforms, result: ['refreshed', 'refused', 'failed'] },
    }),
  }
}

function watchNow(metrics: Metrics, look: () => Look | null): void {
  metrics.collected('gauge', {
    name: 'sluice_mutations_under_way',
    help: 'Mutations that this process is carrying out.',
    collect: () => [{ value: look()?.underWay() ?? 0 }],
  })
  metrics.collected('gauge', {
    name: 'sluice_bucket_waiting',
    help: 'Requests that wait for their turn in the rate-limit buckets.',
    labels: { platform: platforms },
    collect: () => {
      const waiting = look()?.waiting()
      return platforms.map((platform) => ({
        labels: { platform },
        value: waiting?.get(platform) ?? 0,
      }))
    },
  })
  metrics.collected('gauge', {
    name: 'sluice_store_questions',
    help: 'Questions to the store that are not answered yet.',
    collect: () => [{ value: look()?.questions() ?? 0 }],
  })
}

const backlogKinds = {
  not_applied: 'notApplied',
  in_doubt: 'inDoubt',
  given_up: 'givenUp',
} as const

function watchStore(metrics: Metrics, look: () => Look | null): void {
  const add = (
    { name, help }: { name: string; help: string },
    read: (figures: Figures) => Sample<'kind'>[],
    labels: { labels?: { kind: readonly string[] } } = {},
  ) =>
    metrics.collected<'kind'>('gauge', {
      name,
      help,
      ...labels,
      collect: async () => {
        const figures = await look()?.figures()
        return figures === undefined ? [] : read(figures)
      },
    })
  const byKind = (read: (left: Left) => number) => (figures: Figures) =>
    Object.entries(backlogKinds).map(([kind, key]) => ({
      labels: { kind },
      value: read(figures[key]),
    }))
  const kinds = { labels: { kind: Object.keys(backlogKinds) } }
  add(
    {
      name: 'sluice_recovery_backlog',
      help: 'Mutations left to recovery: accepted and not applied, in doubt, in doubt for good.',
    },
    byKind(({ count }) => count),
    kinds,
  )
  add(
    {
      name: 'sluice_recovery_oldest_seconds',
      help: 'Age of the oldest mutation left to recovery; 0 without one.',
    },
    byKind(({ oldestMs }) => oldestMs / 1000),
    kinds,
  )
  add({
    name: 'sluice_journal_rows',
    help: "Mutations in the journal, by Postgres's own estimate; -1 before it has made one.",
  }, ({ journalRows }) => [{ value: journalRows }])
  add({
    name: 'sluice_journal_bytes',
    help: 'Size of the journal on disk, its indexes included.',
  }, ({ journalBytes }) => [{ value: journalBytes }])
}

/** The class of a status, 429 by itself. */
export function resultOf(status: number): RequestResult {
  if (status === 429) return '429'
  if (status < 300) return '2xx'
  if (status < 400) return '3xx'
  return status < 500 ? '4xx' : '5xx'
}

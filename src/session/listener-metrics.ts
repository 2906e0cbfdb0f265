// Room session: the figures of a listener: its connections, and why it refused some.

import { DeadlineExceeded } from '../lib/deadline.ts'
import type { Counter, Metrics, Sample } from '../lib/metrics.ts'
import { type CancelResult, cancelResults } from './cancelling.ts'
import { Throttled } from './handshake.ts'
import { Gone } from './handshake-channel.ts'
import { DatabaseRefused } from './login.ts'
import { createSessionMetrics, type SessionMetrics } from './metrics.ts'

/** handshake: not logged in yet. transaction: idle in a transaction block. mutating: a mutation runs. */
export const connectionStates = [
  'handshake',
  'idle',
  'transaction',
  'active',
  'mutating',
] as const
export type ConnectionState = typeof connectionStates[number]

/** Why a connection did not become a session. */
export const refusalReasons = [
  'password',
  'not_allowed',
  'throttled',
  'protocol',
  'database_name',
  'too_many',
  'shutting_down',
  'unreachable',
  'database_refused',
  'timeout',
  'gone',
  'internal',
  'other',
] as const
export type RefusalReason = typeof refusalReasons[number]

export interface ListenerMetrics extends SessionMetrics {
  readonly accepted: Counter
  readonly opened: Counter
  readonly refused: Counter<'reason'>
  readonly cancels: { add(labels: { readonly result: CancelResult }): void }
  /** Says where the connections are now. */
  watch(look: () => ReadonlyMap<ConnectionState, number>): void
}

/** Adds the metrics of a listener, those of its sessions among them. */
export function createListenerMetrics(metrics: Metrics): ListenerMetrics {
  let look: () => ReadonlyMap<ConnectionState, number> = () => new Map()
  metrics.collected('gauge', {
    name: 'sluice_connections',
    help: 'Connections of clients that are open, by state.',
    labels: { state: connectionStates },
    collect: (): Sample<'state'>[] => {
      const counts = look()
      return connectionStates.map((state) => ({ labels: { state }, value: counts.get(state) ?? 0 }))
    },
  })
  return {
    ...createSessionMetrics(metrics),
    accepted: metrics.counter({
      name: 'sluice_connections_accepted_total',
      help: 'Connections that were taken, before anything is known of them.',
    }),
    opened: metrics.counter({
      name: 'sluice_sessions_opened_total',
      help: 'Connections that became a session.',
    }),
    refused: metrics.counter({
      name: 'sluice_connections_refused_total',
      help: 'Connections that did not become a session, by reason.',
      labels: { reason: refusalReasons },
    }),
    cancels: metrics.counter({
      name: 'sluice_cancels_total',
      help: 'Cancel requests of clients, by where the session was, and those of other listeners.',
      labels: { result: cancelResults },
    }),
    watch: (now) => void (look = now),
  }
}

const reasonOfState: Readonly<Record<string, RefusalReason>> = {
  '28P01': 'password',
  '28000': 'not_allowed',
  '08P01': 'protocol',
  '3D000': 'database_name',
  '53300': 'too_many',
  '57P01': 'shutting_down',
  '58030': 'unreachable',
  XX000: 'internal',
}

/** Why a connection was refused, by the error that ended it. */
export function reasonOf(error: unknown): RefusalReason {
  if (error instanceof DeadlineExceeded) return 'timeout'
  if (error instanceof Gone) return 'gone'
  if (error instanceof Throttled) return 'throttled'
  if (error instanceof DatabaseRefused) return 'database_refused'
  const { sqlstate, data } = error as { sqlstate?: unknown; data?: { sqlstate?: unknown } }
  const state = data?.sqlstate ?? sqlstate
  if (typeof state !== 'string') return 'internal'
  return reasonOfState[state] ?? 'other'
}

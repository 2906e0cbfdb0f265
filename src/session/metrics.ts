// Room session: the figures of sessions: statements by kind, mutations by phase, faults told. The HTTP door's sessions
// count by the same rules.

import type { Counter, Histogram, Metrics } from '../lib/metrics.ts'
import { secondsBounds } from '../lib/metrics.ts'
import { catalogue } from '../mutation/fault.ts'
import { platforms } from '../mutation/table.ts'

/** passed: forwarded to Postgres as it came, a Query or an Execute. */
export const statementKinds = [
  'passed',
  'insert',
  'update',
  'delete',
  'upsert',
  'copy',
  'explain',
  'dry_run',
] as const
export type StatementKind = typeof statementKinds[number]

/** Where the time of a mutation goes, as the session sees it. */
export const sessionPhases = ['plan', 'send', 'apply'] as const

/** Something that has counted the statements that it let through. */
export interface Passing {
  readonly passed: number
}

export interface SessionMetrics {
  /** A statement that was not just let through has ended, in whatever way. */
  ran(kind: Exclude<StatementKind, 'passed'>): void
  /** Counts what this lets through, until `leave`. */
  enter(passing: Passing): void
  leave(passing: Passing): void
  readonly phases: Histogram<'phase' | 'platform' | 'operation'>
  readonly faults: Counter<'code'>
}

/** Adds the metrics of sessions. */
export function createSessionMetrics(metrics: Metrics): SessionMetrics {
  const open = new Set<Passing>()
  const counts = new Map<StatementKind, number>()
  const add = (kind: StatementKind, count: number) =>
    void counts.set(kind, (counts.get(kind) ?? 0) + count)
  metrics.collected('counter', {
    name: 'sluice_statements_total',
    help: 'Statements of clients that have ended, by kind.',
    labels: { kind: statementKinds },
    collect: () => {
      // the sessions count for themselves: letting a statement through touches nothing shared
      const passing = [...open].reduce((sum, { passed }) => sum + passed, 0)
      return statementKinds.map((kind) => ({
        labels: { kind },
        value: (counts.get(kind) ?? 0) + (kind === 'passed' ? passing : 0),
      }))
    },
  })
  return {
    ran: (kind) => add(kind, 1),
    enter: (passing) => void open.add(passing),
    leave: (passing) => {
      if (open.delete(passing)) add('passed', passing.passed)
    },
    phases: metrics.histogram({
      name: 'sluice_statement_phase_seconds',
      help: 'Time of a mutating statement in each phase: plan, send (the mutation service), apply.',
      labels: { phase: sessionPhases, platform: platforms, operation: operationLabels },
      bounds: secondsBounds,
    }),
    faults: metrics.counter({
      name: 'sluice_faults_total',
      help: 'Faults that clients were told, by their names in the catalogue.',
      labels: { code: Object.keys(catalogue) },
    }),
  }
}

/** `none`: no row would have changed, or the plan failed. */
const operationLabels = ['insert', 'update', 'delete', 'none'] as const

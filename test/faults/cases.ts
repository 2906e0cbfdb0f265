// All cases of a platform: each operation, with one row and with several, with each harm at each of its outside actions;
// and which of them a run plays.

import type { Action, Plan } from '../help/relay.ts'
import type { Subject } from '../help/subjects.ts'
import { operations, type Script, type Verdict } from './case.ts'

export type Harm = 'cut-before' | 'cut-after'

export interface Case {
  readonly script: Script
  /** The number of the action, from 1. */
  readonly at: number
  readonly harm: Harm
}

const manyRows = 3

/** Every operation that there is, with one row and, where the platform takes several, with three. */
export function scriptsOf(subject: Subject): Script[] {
  return operations.flatMap((operation) => {
    if (operation === 'upsert' && subject.upsert === undefined) return []
    const most = operation === 'insert' ? subject.insertMax : subject.changeMax
    return [1, manyRows].filter((rows) => rows <= most)
      .map((rows) => ({ subject, operation, rows }))
  })
}

/** `counts`: how many actions each script has when nothing goes wrong. */
export function casesOf(counts: readonly (readonly [Script, number])[]): Case[] {
  return counts.flatMap(([script, count]) =>
    (['cut-before', 'cut-after'] as const).flatMap((harm) =>
      Array.from({ length: count }, (_, n) => ({ script, at: n + 1, harm }))
    )
  )
}

/** As many as `most`, in even steps from an offset that the seed gives; all when there are no more. */
export function sample<T>(
  items: readonly T[],
  { most, seed }: { most: number; seed: number },
): T[] {
  if (items.length <= most) return [...items]
  const step = items.length / most
  const offset = (seed * 0.618034) % 1 * step
  return Array.from({ length: most }, (_, n) => items[Math.floor(n * step + offset)])
    .filter((item): item is T => item !== undefined)
}

/** `service>POST /internal/mutations HTTP/1.1` */
export function nameOf({ link, way, label }: Action): string {
  return `${link}${way === 'out' ? '>' : '<'}${label}`
}

/**
 * For a plan: the actions of the client's session on the database's link once the service has answered the mutation. What
 * the service does there itself (a recovery of the case before, a pruning) names itself and is not meant.
 */
export function onceAnswered(): (action: Action) => boolean {
  let asked = false
  let answered = false
  return (action) => {
    const name = nameOf(action)
    if (name.startsWith('service>POST /internal/mutations')) asked = true
    if (asked && name.startsWith('service<HTTP')) answered = true
    return answered && action.link === 'database' && !action.name?.startsWith('sluice')
  }
}

/** What was found wrong, with all that is needed to play it again. */
export function wrongs(verdicts: readonly Verdict[]): string[] {
  return verdicts.flatMap(({ script, plan, recovery, struck, told, violations }) => {
    if (violations.length === 0) return []
    const { subject, operation, rows } = script
    const heard = told.kind === 'error' ? `${told.code} ${told.message}` : told.kind
    const where = [plan, recovery].map(planText).join('; ')
    return [
      `${subject.platform} ${operation} of ${rows}, ${where} (${struck && nameOf(struck)}), ` +
      `told ${heard}: ${violations.join('; ')}`,
    ]
  })
}

function planText(plan: Plan | undefined): string {
  if (plan === undefined) return 'no harm'
  return `${typeof plan.deed === 'string' ? plan.deed : 'death'} at ${plan.at}`
}

/** Counts what was told, for whoever reads the output. */
export function summary(subject: Subject, verdicts: readonly Verdict[]): string {
  const counts = new Map<string, number>()
  for (const { told, journal } of verdicts) {
    const heard = told.kind === 'error' ? told.code : told.kind
    const key = journal.includes('unknown') ? `${heard} (not settled)` : heard
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const told = [...counts].map(([key, count]) => `${count} ${key}`).join(', ')
  return `${subject.platform}: ${verdicts.length} cases: ${told}`
}

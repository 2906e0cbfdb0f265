// Room engine: one mutation's life: plan → send → apply → commit. Postgres evaluates the statement; the platform hears
// of it before the database keeps anything. What is sent, and when, is decided here and nowhere else.

import type { About } from '../database/index.ts'
import { Fault, fault } from '../mutation/fault.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import { apply, applyNothing, applyPart } from './applying.ts'
import type { Conduit } from './conduit.ts'
import type { EngineDeps, EngineRequest } from './deps.ts'
import type { Plan } from './plan.ts'
import { planLocked, type Planned } from './planning.ts'
import { explain, rehearse } from './foresee.ts'
import { nameRow } from './refusal.ts'
import { reasonOf, rollback, type Running } from './steps.ts'

export type { EngineDeps, EngineRequest } from './deps.ts'

/** committed: it is done. foreseen: nothing was sent or kept; `mutation` null: no row would change. */
export type Ran =
  | { readonly kind: 'committed' }
  | { readonly kind: 'foreseen'; readonly mutation: Mutation | null }

/**
 * Carries one mutation through, or says what it would do: in `explain`, and where the session has `sluice.dry_run` on.
 * Resolves when it is committed, or rolled back; the rows and the command tag have gone where the conduit sends what a
 * statement returns. Throws Fault, DatabaseError (Postgres refused the statement; nothing was sent) or ConnectionLost.
 * The connection is left outside a transaction in every case.
 */
export async function runMutation(
  conduit: Conduit,
  request: EngineRequest,
  deps: EngineDeps,
): Promise<Ran> {
  const running = { ...request, id: deps.newId(), deps }
  deps.observe?.({ kind: 'begun', id: running.id })
  if (request.task === 'explain') return foreseen(running, await explain(conduit, running))
  const planned = await planLocked(conduit, running)
  tellPlanned(deps, planned)
  if (!planned.dry) return await carryOut(conduit, { ...running, ...planned })
  await rehearse(conduit, running)
  return foreseen(running, planned.plan)
}

function tellPlanned({ observe }: EngineDeps, { plan, dry }: Planned): void {
  const operation = plan?.operation ?? null
  observe?.({ kind: 'planned', operation, rows: plan?.rows.length ?? 0, dry })
}

function foreseen({ id }: Running, plan: Plan | null): Ran {
  return { kind: 'foreseen', mutation: plan === null ? null : mutationOf(plan, id) }
}

async function carryOut(
  conduit: Conduit,
  { plan, waitMs, id, deps, ...request }: EngineRequest & Running & Planned,
): Promise<Ran> {
  if (plan === null) {
    await applyNothing(conduit, { id, deps })
    return { kind: 'committed' }
  }
  const started = deps.now()
  const written = await sendPlan(conduit, { plan, waitMs, request, id, deps })
  const about = aboutOf(written, { durationMs: deps.now() - started, deps })
  const applying = { id, plan, rows: written.rows, about, deps }
  if (written.state === 'partial') throw await applyPart(conduit, applying, written.fault)
  await apply(conduit, applying)
  return { kind: 'committed' }
}

function mutationOf({ table, operation, upsertBy, rows }: Plan, id: string): Mutation {
  const { syncId, schema, name } = table
  const upsert = upsertBy === undefined ? {} : { upsertBy }
  return { id, syncId, schema, table: name, operation, ...upsert, rows }
}

async function sendPlan(
  conduit: Conduit,
  sending: Running & { plan: Plan; waitMs: number; request: Pick<EngineRequest, 'signal'> },
): Promise<Written> {
  const { plan, waitMs, request, id, deps } = sending
  try {
    if (request.signal.aborted) throw fault('statement_cancelled', {})
    deps.observe?.({ kind: 'sent' })
    const outcome = await deps.send(mutationOf(plan, id), { waitMs })
    tellAnswered(deps, outcome)
    if (outcome.state === 'accepted' || outcome.state === 'partial') return outcome
    throw new Fault(nameRow(outcome.fault, plan))
  } catch (error) {
    // a connection that is lost now must not hide what the platform has said
    await rollback(conduit, error).catch((failure: unknown) => {
      deps.log.warn('rollback_failed', { mutation: id, error: reasonOf(failure) })
    })
    throw error
  }
}

function tellAnswered({ observe }: EngineDeps, outcome: Outcome): void {
  const fault = outcome.state === 'accepted' ? null : outcome.fault.code
  observe?.({ kind: 'answered', state: outcome.state, fault })
}

/** An outcome with rows to apply. */
type Written = Extract<Outcome, { state: 'accepted' | 'partial' }>

function aboutOf(
  { state, requests }: Written,
  { durationMs, deps }: { durationMs: number; deps: EngineDeps },
): About {
  return { outcome: state, login: deps.login, requests: requests ?? null, durationMs }
}

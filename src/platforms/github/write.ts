// Room platforms: a mutation at GitHub. Written means that GitHub answered with the record; refused that it surely changed
// nothing; whatever is neither is unknown. Each write is sent once, and none after one that failed.

import { never } from '../../lib/assert.ts'
import { rowLimits } from '../../mutation/limits.ts'
import { Fault, type FaultData, faultData } from '../../mutation/fault.ts'
import type { Mutation, Outcome, PlannedRow } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { outcomeOf, type RowResult } from '../outcome.ts'
import type { Caller } from '../platform.ts'
import { type Answered, readDocument, readRow } from './answers.ts'
import { mistakenFor } from './check.ts'
import { call } from './client.ts'
import { documentOf } from './documents.ts'
import { type Draft, inputOf } from './drafts.ts'
import { placeOf, unknownFault } from './faults.ts'
import { lookUp, type Names, nodeIdOf } from './references.ts'
import type { Target } from './rest.ts'
import { type Step, stepsOf, targetOf } from './steps.ts'

/**
 * Carries out a mutation of at most 100 rows: ten rows in a document where the GraphQL API has the mutation, else a request
 * a row, one after the other. GitHub has no transactions: some rows can be written and others not.
 */
export async function write(
  mutation: Mutation,
  table: SyncedTable,
  caller: Caller,
): Promise<Outcome> {
  const { rows } = mutation
  if (rows.length === 0) return { state: 'accepted', rows: [] }
  const place = placeOf({ table })
  const early = refusalOf(mutation, table)
  if (early !== undefined) return { state: 'refused', fault: early }
  const target = targetOf(mutation, table)
  const ready = await prepared(mutation, { target, caller })
  if (ready instanceof Fault) return { state: 'refused', fault: { ...place, ...ready.data } }
  return outcomeOf(mutation, await sendAll(ready, { target, caller }), place)
}

/** What is to be sent, or why nothing can be: no write has been sent yet. */
async function prepared(
  mutation: Mutation,
  { target, caller }: Sending,
): Promise<readonly Ready[] | Fault> {
  const { table, operation } = target
  try {
    const steps = stepsOf(mutation, target)
    const references = steps.flatMap((step) => step.references)
    const names = await lookUp(references, { caller, place: { table, operation } })
    return steps.map((step) => readied(step, { names, target }))
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

function refusalOf({ rows, operation }: Mutation, table: SyncedTable): FaultData | undefined {
  const place = placeOf({ table })
  const refusal = table.refuses?.[operation]
  if (refusal !== undefined) return faultData('form_not_supported', { ...place, ...refusal })
  const max = table.rowsMax?.[operation] ?? rowLimits.github[operation]
  if (rows.length <= max) return undefined
  const detail = `The statement has ${rows.length} rows; GitHub takes ${max}.`
  return faultData('too_many_rows', { ...place, detail })
}

/** A step with every name in it found. */
type Ready =
  | Pick<Extract<Step, { kind: 'request' }>, 'kind' | 'row' | 'request' | 'check'>
  | {
    readonly kind: 'document'
    readonly mutation: Extract<Step, { kind: 'document' }>['mutation']
    readonly rows: readonly Filled[]
  }

interface Filled {
  readonly row: PlannedRow
  readonly input: ReturnType<typeof inputOf>
}

/** @throws Fault for a name that is not there: then nothing of the mutation is sent */
function readied(step: Step, { names, target }: { names: Names; target: Target }): Ready {
  switch (step.kind) {
    case 'request':
      for (const reference of step.references) nodeIdOf(reference, { names, row: step.row, target })
      return step
    case 'document': {
      const fill = (draft: Draft) => ({ row: draft.row, input: inputOf(draft, { names, target }) })
      return { kind: 'document', mutation: step.mutation, rows: step.drafts.map(fill) }
    }
    default:
      return never(step)
  }
}

interface Sending {
  readonly target: Target
  readonly caller: Caller
}

/** Sends step after step, until one has a row that is not written. */
async function sendAll(steps: readonly Ready[], sending: Sending): Promise<RowResult[]> {
  const results: RowResult[] = []
  for (const step of steps) {
    const some = await sendStep(step, sending)
    results.push(...some)
    if (some.some(({ state }) => state !== 'written')) break
  }
  return results
}

/** Never throws: what was written by then must be told, whatever is wrong with us. */
async function sendStep(step: Ready, sending: Sending): Promise<RowResult[]> {
  try {
    return step.kind === 'request'
      ? [await sendRow(step, sending)]
      : await sendDocument(step, sending)
  } catch (error) {
    const { caller, target: { table } } = sending
    caller.log.error('github.write_failed', { error })
    const rows = step.kind === 'request' ? [step.row] : step.rows.map(({ row }) => row)
    const reason = 'The answer could not be worked with.'
    return rows.map((row) => ({
      state: 'unknown',
      ordinal: row.ordinal,
      fault: unknownFault(reason, { table, row }),
    }))
  }
}

async function sendRow(
  { row, request, check }: Extract<Ready, { kind: 'request' }>,
  { target, caller }: Sending,
): Promise<RowResult> {
  const place = { table: target.table, row, operation: target.operation }
  const { ordinal } = row
  const mistaken = check === undefined ? undefined : await mistakenFor(check, { caller, place })
  if (mistaken !== undefined) return { state: 'refused', ordinal, fault: mistaken }
  const reply = await call(request, caller)
  switch (reply.state) {
    case 'unsent':
      return { state: 'refused', ordinal, fault: { ...placeOf(place), ...reply.fault } }
    case 'lost':
      return { state: 'unknown', ordinal, fault: unknownFault(reply.reason, place) }
    case 'answered':
      return readRow(reply.response, row, { ...target, log: caller.log })
    default:
      return never(reply)
  }
}

/**
 * Sends a document. Rows that the limit on content held back, while others of the document were written, are sent again in
 * a document of their own: the transport lets it wait for its turn. Each time one row at least is written, so it ends.
 */
async function sendDocument(
  { rows, mutation }: Extract<Ready, { kind: 'document' }>,
  sending: Sending,
): Promise<RowResult[]> {
  const results: RowResult[] = []
  let left = rows
  for (;;) {
    const some = await sendOnce({ kind: 'document', rows: left, mutation }, sending)
    const held = new Set(some.filter(({ limited }) => limited).map(({ ordinal }) => ordinal))
    const others = some.filter(({ ordinal }) => !held.has(ordinal))
    const allWritten = others.length > 0 && others.every(({ state }) => state === 'written')
    if (held.size === 0 || !allWritten) return [...results, ...some]
    results.push(...others)
    left = left.filter(({ row }) => held.has(row.ordinal))
  }
}

async function sendOnce(
  { rows, mutation }: Extract<Ready, { kind: 'document' }>,
  { target, caller }: Sending,
): Promise<Answered[]> {
  const request = documentOf(rows.map(({ input }) => input), { mutation, target })
  const reply = await call(request, caller)
  const planned = rows.map(({ row }) => row)
  switch (reply.state) {
    case 'unsent': {
      const [first, ...others] = planned
      const row = first === undefined ? {} : { row: first }
      const fault = { ...placeOf({ table: target.table, ...row }), ...reply.fault }
      return [
        { state: 'refused', ordinal: first?.ordinal ?? 0, fault },
        ...others.map(({ ordinal }) => ({ state: 'unsent', ordinal }) as const),
      ]
    }
    case 'lost':
      return planned.map((row) => ({
        state: 'unknown',
        ordinal: row.ordinal,
        fault: unknownFault(reply.reason, { table: target.table, row }),
      }))
    case 'answered':
      return readDocument(reply.response, {
        rows: planned,
        mutation,
        target: { ...target, log: caller.log },
      })
    default:
      return never(reply)
  }
}

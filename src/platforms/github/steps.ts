// Room platforms: a mutation as the requests that carry it out, in their order. Rows go into documents where the GraphQL
// API has the mutation, since it addresses records by ids that are theirs for ever; what only the REST API can do, and a
// row that is made alone, is a request a row.

import { Fault } from '../../mutation/fault.ts'
import type { Mutation, PlannedRow } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { PlannedRequest } from '../rates.ts'
import type { RestRequest } from './client.ts'
import { tableFor } from './describe.ts'
import { type MutationField, mutationField, rowsPerDocument } from './documents.ts'
import { type Draft, draftOf, labelsIn, referencesIn } from './drafts.ts'
import { mutationCharges, restCharges } from './rates.ts'
import type { Reference } from './references.ts'
import { checkRequest, restRequest, type Target } from './rest.ts'

export type Step =
  | {
    readonly kind: 'request'
    readonly row: PlannedRow
    readonly request: RestRequest
    /** Reads the record first, to see that it is the row's. */
    readonly check: RestRequest | undefined
    readonly references: readonly Reference[]
  }
  | {
    readonly kind: 'document'
    readonly mutation: MutationField
    readonly drafts: readonly Draft[]
    readonly references: readonly Reference[]
  }

export function targetOf({ operation }: Mutation, table: SyncedTable): Target {
  return { operation, table, shape: tableFor(table.object) }
}

/** @throws Fault, with the row's place, for a row that cannot be sent */
export function stepsOf({ rows }: Mutation, target: Target): Step[] {
  const mutation = documentField(rows, target)
  if (mutation === undefined) {
    return rows.map((row) => ({
      kind: 'request',
      row,
      request: restRequest(row, target),
      check: checkRequest(row, target),
      references: labelsIn(row, target),
    }))
  }
  const drafts = rows.map((row) => draftOf(row, target))
  const steps: Step[] = []
  for (let at = 0; at < drafts.length; at += rowsPerDocument) {
    const some = drafts.slice(at, at + rowsPerDocument)
    const references = some.flatMap(referencesIn)
    steps.push({ kind: 'document', mutation, drafts: some, references })
  }
  return steps
}

/** The mutation whose documents carry the rows, or undefined where requests of the REST API do. */
function documentField(rows: readonly PlannedRow[], target: Target): MutationField | undefined {
  const mutation = mutationField(target)
  const { operation, shape } = target
  // nothing to look up, and the whole record comes back; a comment has an id of its own there too
  const restFits = operation === 'insert' || shape.name === 'issue_comments'
  if (restFits && rows.length === 1) return undefined
  const onlyRest = rows.some(({ values }) => Object.hasOwn(values, 'state_reason'))
  return onlyRest ? undefined : mutation
}

/** The write requests that a mutation will make; none when it, or a row of it, cannot be sent. */
export function requests(mutation: Mutation, table: SyncedTable): readonly PlannedRequest[] {
  if (table.refuses?.[mutation.operation] !== undefined) return []
  try {
    return stepsOf(mutation, targetOf(mutation, table)).map(plannedOf)
  } catch (error) {
    if (error instanceof Fault) return []
    throw error
  }
}

function plannedOf(step: Step): PlannedRequest {
  if (step.kind === 'request') {
    const { method, path } = step.request
    return { method, path, rows: 1, charges: restCharges(method) }
  }
  const rows = step.drafts.length
  const charges = mutationCharges(step.mutation.makes ? rows : 0)
  return { method: 'POST', path: '/graphql', rows, charges }
}

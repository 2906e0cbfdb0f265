// Room platforms: several rows of a mutation as one document of GitHub's GraphQL API, one aliased mutation a row. GitHub
// carries them out one after the other, each for itself. Source: GitHub's public schema; GraphQL specification 6.2.2.

import type { Operation } from '../../mutation/table.ts'
import type { JsonObject } from '../json.ts'
import type { GraphqlRequest } from './client.ts'
import { commentFields, issueFields, labelFields } from './record.ts'
import type { Target } from './rest.ts'

/** GitHub kills a request after 10 s; it makes an issue in less than a second, so so many fit well. */
export const rowsPerDocument = 10

/** One mutation of the schema. */
export interface MutationField {
  readonly name: string
  /** Its input type. */
  readonly input: string
  /** Where in its payload the record is; absent where none comes back. */
  readonly record?: readonly string[]
  /** Does it make something, by GitHub's limit on content? */
  readonly makes: boolean
}

const field = (name: string, record?: readonly string[]): MutationField => ({
  name,
  input: `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`,
  makes: /^(create|add)/.test(name),
  ...(record === undefined ? {} : { record }),
})

/**
 * The mutations that carry rows. createLabel is not among them: a label's number, its id in the table, is only known to
 * the REST API.
 */
const fields: Readonly<Record<string, Readonly<Partial<Record<Operation, MutationField>>>>> = {
  issues: {
    insert: field('createIssue', ['issue']),
    update: field('updateIssue', ['issue']),
    delete: field('deleteIssue'),
  },
  labels: { update: field('updateLabel', ['label']), delete: field('deleteLabel') },
  issue_comments: {
    insert: field('addComment', ['commentEdge', 'node']),
    update: field('updateIssueComment', ['issueComment']),
    delete: field('deleteIssueComment'),
  },
}

const selections: Readonly<Record<string, readonly [type: string, fields: string]>> = {
  issues: ['Issue', issueFields],
  labels: ['Label', labelFields],
  issue_comments: ['IssueComment', commentFields],
}

/** The mutation that carries such rows, or undefined where only the REST API can. */
export function mutationField({ shape, operation }: Target): MutationField | undefined {
  return fields[shape.name]?.[operation]
}

/** The alias of a document's n-th row, from 0. */
export function aliasOf(index: number): string {
  return `m${index}`
}

/** The document for these rows, with the inputs that `inputOf` made of them. */
export function documentOf(
  inputs: readonly JsonObject[],
  { mutation, target }: { mutation: MutationField; target: Target },
): GraphqlRequest {
  const [type, selected] = selections[target.shape.name] ?? ['', '']
  const payload = selectionOf(mutation.record)
  const calls = inputs.map((_, i) => `${aliasOf(i)}: ${mutation.name}(input: $i${i}) ${payload}`)
  const parameters = inputs.map((_, i) => `$i${i}: ${mutation.input}!`).join(', ')
  const fragment = mutation.record === undefined ? '' : ` fragment row on ${type} { ${selected} }`
  return {
    kind: 'graphql',
    query: `mutation(${parameters}) { ${calls.join(' ')} }${fragment}`,
    variables: Object.fromEntries(inputs.map((input, i) => [`i${i}`, input])),
  }
}

function selectionOf(record: readonly string[] | undefined): string {
  if (record === undefined) return '{ clientMutationId }'
  return record.toReversed().reduce((inner, step) => `{ ${step} ${inner} }`, '{ ...row }')
}

// Room platforms: records of GitHub's GraphQL API read by their node ids, which are theirs for ever.
// Source: GitHub's public schema, Query.node.

import { Fault } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import { answered } from '../reading.ts'
import { call, type GraphqlRequest } from './client.ts'
import { type GraphqlAnswer, readAnswer } from './errors.ts'
import { faultOfResponse, placeOf, rateFault } from './faults.ts'
import { isLimit, limitedBy } from './limited.ts'
import { type ReadOptions, unanswered } from './read.ts'
import { commentFields, issueFields, labelFields, recordOf } from './record.ts'

/** The types whose records have a node id in their table, and what is read of them. */
const selections: Readonly<Record<string, string>> = {
  issues: `... on Issue { ${issueFields} }`,
  labels: `... on Label { ${labelFields} createdAt updatedAt }`,
  issue_comments: `... on IssueComment { ${commentFields} }`,
}

/** What is read of a node of such a table; undefined where its records have to be read by the REST API. */
export function selectionOf(table: string): string | undefined {
  return Object.hasOwn(selections, table) ? selections[table] : undefined
}

/**
 * The records with these node ids, at most 100, in the form of the REST API; null: there is none. An id that GitHub does not
 * speak of is missing.
 * @throws Fault as `read`
 */
export async function readNodes(
  nodeIds: readonly string[],
  selection: string,
  options: ReadOptions,
): Promise<ReadonlyMap<string, JsonObject | null>> {
  if (nodeIds.length === 0) return new Map()
  const answer = await askGraphql(documentOf(nodeIds, selection), options)
  return new Map(nodeIds.flatMap((nodeId, i) => {
    const record = nodeAt(`n${i}`, answer)
    return record === undefined ? [] : [[nodeId, record] as const]
  }))
}

function documentOf(nodeIds: readonly string[], selection: string): GraphqlRequest {
  const parameters = nodeIds.map((_, i) => `$i${i}: ID!`).join(', ')
  const fields = nodeIds.map((_, i) => `n${i}: node(id: $i${i}) { __typename ${selection} }`)
  return {
    kind: 'graphql',
    query: `query(${parameters}) { ${fields.join(' ')} }`,
    variables: Object.fromEntries(nodeIds.map((nodeId, i) => [`i${i}`, nodeId])),
  }
}

function nodeAt(alias: string, { data, errors }: GraphqlAnswer): JsonObject | null | undefined {
  const node: Json = data?.[alias] ?? null
  if (isJsonObject(node)) return recordOf(node)
  const gone = errors.some(({ path, type }) => path[0] === alias && type === 'NOT_FOUND')
  return gone ? null : undefined
}

/** The answer to a query. @throws Fault as `read` */
export async function askGraphql(
  request: GraphqlRequest,
  { caller, place }: ReadOptions,
): Promise<GraphqlAnswer> {
  const response = answered(await call(request, caller), placeOf(place))
  if (response.status !== 200) throw new Fault(faultOfResponse(response, place))
  const answer = readAnswer(response.body)
  const limit = answer?.errors.find(isLimit)
  if (limit !== undefined) {
    const waitMs = limitedBy(response)?.waitMs ?? 0
    throw new Fault(rateFault(limit.message, { ...place, waitMs }))
  }
  if (answer === undefined || answer.data === null) {
    throw unanswered(answer?.errors[0]?.message ?? 'the answer cannot be read', place)
  }
  return answer
}

/** The node id of a row, as the table had it before the statement. */
export function nodeIdIn({ key }: PlannedRow): string | undefined {
  const nodeId = key?.['node_id'] ?? null
  return nodeId === null || nodeId === '' ? undefined : nodeId
}

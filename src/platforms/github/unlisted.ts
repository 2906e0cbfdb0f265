// Room platforms: what GitHub's lists leave out of their records, and reading one of them tells. It is asked for by the node
// ids of a hundred records in one document, which takes a point of the GraphQL API's hour and nothing of the REST API's.
// Sources: GitHub REST API, "List pull requests" and "Get a pull request"; GitHub's public schema, PullRequest.

import { own } from '../own.ts'
import type { Page, Ref } from '../platform.ts'
import type { GithubTable } from './columns.ts'
import { readNodes } from './inquire-nodes.ts'
import type { ReadOptions } from './read.ts'
import { valuesOf } from './record.ts'

interface Unlisted {
  readonly columns: readonly string[]
  readonly selection: string
}

/**
 * By the name of the table. Only what has to be: that of an open pull request, and of one that was closed unmerged, the
 * GraphQL API does not have the `merge_commit_sha` that a list tells.
 */
const unlisted: Readonly<Record<string, Unlisted>> = {
  pull_requests: {
    columns: ['maintainer_can_modify'],
    selection: '... on PullRequest { maintainerCanModify }',
  },
}

type Row = Page['rows'][number]

export interface Completed {
  readonly rows: Page['rows']
  /** Of the other records GitHub did not say it: they are to be read at their addresses. */
  readonly untold: readonly Ref[]
}

/** Nodes of a document. */
const nodesMax = 100

/**
 * Rows of a list, with what it leaves out.
 * @throws Fault as `read`
 */
export async function completed(
  rows: Page['rows'],
  { shape, ...options }: ReadOptions & { readonly shape: GithubTable },
): Promise<Completed> {
  const lacking = own(unlisted, shape.name)
  if (lacking === undefined) return { rows, untold: [] }
  const told: Row[] = []
  const untold: Ref[] = []
  for (let at = 0; at < rows.length; at += nodesMax) {
    const some = rows.slice(at, at + nodesMax)
    const nodes = await readNodes(some.flatMap(nodeIdsOf), lacking.selection, options)
    for (const { id, values } of some) {
      const node = nodes.get(values['node_id'] ?? '') ?? {}
      const more = valuesOf(node, shape, options.caller.log)
      const isTold = lacking.columns.every((name) => Object.hasOwn(more, name))
      if (isTold) told.push({ id, values: { ...more, ...values } })
      else untold.push(refOf({ id, values }, shape))
    }
  }
  return { rows: told, untold }
}

function nodeIdsOf({ values }: Row): readonly string[] {
  const nodeId = values['node_id'] ?? null
  return nodeId === null ? [] : [nodeId]
}

/** The record, by what addresses it. */
export function refOf({ id, values }: Row, { keyColumns }: GithubTable): Ref {
  return { id, keys: Object.fromEntries(keyColumns.map((name) => [name, values[name] ?? null])) }
}

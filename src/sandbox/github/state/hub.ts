// Room sandbox: everything that GitHub keeps, in memory, shared by its REST and its GraphQL door.

import { nodeIdOf } from './ids.ts'
import type {
  Account,
  Comment,
  Issue,
  Label,
  Milestone,
  Release,
  Repository,
  Row,
} from './model.ts'

/** The records of one kind, oldest first. */
export interface Shelf<T extends Row> {
  get(id: bigint): T | undefined
  all(): readonly T[]
  /** Adds the record, or puts it in the place of the one with its id. */
  put(row: T): T
  remove(row: T): void
}

export interface Hub {
  readonly accounts: Shelf<Account>
  readonly repositories: Shelf<Repository>
  readonly labels: Shelf<Label>
  readonly milestones: Shelf<Milestone>
  readonly issues: Shelf<Issue>
  readonly comments: Shelf<Comment>
  readonly releases: Shelf<Release>
  /** The record with a node id. */
  byNode(nodeId: string): Row | undefined
  /** A number for a new record, and its node id. */
  mint(type: Row['type']): { readonly id: bigint; readonly nodeId: string }
  /** Where issues went that were transferred or deleted, by `<repository id>#<number>`: a path, or null. */
  readonly gone: Map<string, string | null>
  /** Where renamed repositories went, by `owner/name` in lower case: their ids. */
  readonly renamed: Map<string, bigint>
}

/** Below 2^31, so that GraphQL's Int can hold what the sandbox makes itself. */
const idFirst = 1_296_269_001n

/** Makes an empty hub. */
export function createHub(): Hub {
  const nodes = new Map<string, Row>()
  let idNext = idFirst
  return {
    accounts: createShelf(nodes),
    repositories: createShelf(nodes),
    labels: createShelf(nodes),
    milestones: createShelf(nodes),
    issues: createShelf(nodes),
    comments: createShelf(nodes),
    releases: createShelf(nodes),
    byNode: (nodeId) => nodes.get(nodeId),
    mint: (type) => {
      const id = idNext
      idNext += 1n
      return { id, nodeId: nodeIdOf(type, id) }
    },
    gone: new Map(),
    renamed: new Map(),
  }
}

function createShelf<T extends Row>(nodes: Map<string, Row>): Shelf<T> {
  const rows = new Map<bigint, T>()
  return {
    get: (id) => rows.get(id),
    all: () => [...rows.values()],
    put: (row) => {
      const before = rows.get(row.id)
      if (before !== undefined && before.nodeId !== row.nodeId) nodes.delete(before.nodeId)
      rows.set(row.id, row)
      nodes.set(row.nodeId, row)
      return row
    },
    remove: (row) => {
      rows.delete(row.id)
      nodes.delete(row.nodeId)
    },
  }
}

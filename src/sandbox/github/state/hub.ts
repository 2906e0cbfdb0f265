// Room sandbox: everything that GitHub keeps, in memory, shared by its REST and its GraphQL door.

import type { Hook } from './hook.ts'
import { nodeIdOf, typeIn } from './ids.ts'
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
import { createOrders, type Orders } from './orders.ts'
import { createCounts, createGroups, createShelf, type Groups, type Shelf } from './shelf.ts'

/** A record as it was and as it is: undefined where it was not, or is no more. */
export interface Change {
  readonly before: Row | undefined
  readonly after: Row | undefined
}

export interface Hub {
  readonly accounts: Shelf<Account>
  readonly repositories: Shelf<Repository>
  readonly labels: Shelf<Label>
  readonly milestones: Shelf<Milestone>
  readonly issues: Shelf<Issue>
  readonly comments: Shelf<Comment>
  readonly releases: Shelf<Release>
  readonly found: Found
  readonly orders: Ordered
  /** The webhooks of repositories, by their ids. */
  readonly hooks: Map<bigint, Hook>
  /** What was done since this was asked the last time; nothing is kept while there are no webhooks. */
  takeChanges(): readonly Change[]
  /** The record with a node id. */
  byNode(nodeId: string): Row | undefined
  /** A number for a new record, and its node id. */
  mint(type: Row['type']): { readonly id: bigint; readonly nodeId: string }
  /** Where issues went that were transferred or deleted, by `<repository id>#<number>`: a path, or null. */
  readonly gone: Map<string, string | null>
  /** Where renamed repositories went, by `owner/name` in lower case: their ids. */
  readonly renamed: Map<string, bigint>
}

/** Records by what they are looked for with. Repositories and releases that no one shares a key with are groups of one. */
interface Found {
  /** By their repository, each by its number. */
  readonly issues: Groups<Issue>
  readonly milestones: Groups<Milestone>
  /** By their repository. */
  readonly labels: Groups<Label>
  readonly comments: Groups<Comment>
  readonly releases: Groups<Release>
  readonly issuesOfMilestone: Groups<Issue>
  readonly commentsOfIssue: Groups<Comment>
  /** By `nameKey`. */
  readonly labelsNamed: Groups<Label>
  readonly repositoriesNamed: Groups<Repository>
  readonly milestonesTitled: Groups<Milestone>
  /** Published ones. */
  readonly releasesTagged: Groups<Release>
  /** How many open ones a repository has, and how many closed ones a milestone. */
  readonly openIssues: (repositoryId: bigint) => number
  readonly closedIssues: (milestoneId: bigint) => number
}

/** Records of a repository in an order; repositories themselves are all in the group 0. */
interface Ordered {
  readonly issues: Orders<Issue>
  readonly comments: Orders<Comment>
  readonly labels: Orders<Label>
  readonly milestones: Orders<Milestone>
  readonly releases: Orders<Release>
  readonly repositories: Orders<Repository>
}

/** The key of a name within what has it: a label's within its repository, a repository's within its owner. */
export function nameKey(holderId: bigint, name: string): string {
  return `${holderId} ${name.toLowerCase()}`
}

/** Below 2^31, so that GraphQL's Int can hold what the sandbox makes itself. */
const idFirst = 1_296_269_001n

/** Makes an empty hub. */
export function createHub(): Hub {
  const shelves = {
    accounts: createShelf<Account>(),
    repositories: createShelf<Repository>(),
    labels: createShelf<Label>(),
    milestones: createShelf<Milestone>(),
    issues: createShelf<Issue>(),
    comments: createShelf<Comment>(),
    releases: createShelf<Release>(),
  }
  const hooks = new Map<bigint, Hook>()
  const found = findIn(shelves)
  let changes: Change[] = []
  for (const shelf of Object.values(shelves) as Shelf<Row>[]) {
    shelf.watch((before, after) => {
      if (hooks.size > 0) changes.push({ before, after })
    })
  }
  let idNext = idFirst
  return {
    ...shelves,
    found,
    orders: ordersOf(shelves, found),
    hooks,
    takeChanges: () => {
      const taken = changes
      changes = []
      return taken
    },
    byNode: (nodeId) => rowAt(shelves, nodeId),
    mint: (type) => {
      const id = idNext
      idNext += 1n
      return { id, nodeId: nodeIdOf(type, id) }
    },
    gone: new Map(),
    renamed: new Map(),
  }
}

type Shelves = Pick<
  Hub,
  'accounts' | 'repositories' | 'labels' | 'milestones' | 'issues' | 'comments' | 'releases'
>

function findIn(shelves: Shelves): Found {
  const { repositories, labels, milestones, issues, comments, releases } = shelves
  const by = ({ repositoryId }: { readonly repositoryId: bigint }) => repositoryId
  const within = ({ number }: { readonly number: number }) => number
  return {
    issues: createGroups(issues, { by, within }),
    milestones: createGroups(milestones, { by, within }),
    labels: createGroups(labels, { by }),
    comments: createGroups(comments, { by }),
    releases: createGroups(releases, { by }),
    issuesOfMilestone: createGroups(issues, { by: ({ milestoneId }) => milestoneId }),
    commentsOfIssue: createGroups(comments, { by: ({ issueId }) => issueId }),
    labelsNamed: createGroups(labels, {
      by: ({ repositoryId, name }) => nameKey(repositoryId, name),
    }),
    repositoriesNamed: createGroups(repositories, {
      by: ({ ownerId, name }) => nameKey(ownerId, name),
    }),
    milestonesTitled: createGroups(milestones, {
      by: ({ repositoryId, title }) => `${repositoryId} ${title}`,
    }),
    releasesTagged: createGroups(releases, {
      by: ({ repositoryId, tagName, isDraft }) => isDraft ? null : `${repositoryId} ${tagName}`,
    }),
    openIssues: createCounts(
      issues,
      ({ repositoryId, state }) => state === 'open' ? repositoryId : null,
    ),
    closedIssues: createCounts(
      issues,
      ({ milestoneId, state }) => state === 'closed' ? milestoneId : null,
    ),
  }
}

function ordersOf(shelves: Shelves, found: Found): Ordered {
  const groupOf = ({ repositoryId }: { readonly repositoryId: bigint }) => repositoryId
  const everywhere = createGroups(shelves.repositories, { by: () => 0n })
  return {
    issues: createOrders(shelves.issues, { groups: found.issues, groupOf }),
    comments: createOrders(shelves.comments, { groups: found.comments, groupOf }),
    labels: createOrders(shelves.labels, { groups: found.labels, groupOf }),
    milestones: createOrders(shelves.milestones, { groups: found.milestones, groupOf }),
    releases: createOrders(shelves.releases, { groups: found.releases, groupOf }),
    repositories: createOrders(shelves.repositories, { groups: everywhere, groupOf: () => 0n }),
  }
}

/** A node id says of what type a record is, and its number. */
function rowAt(shelves: Shelves, nodeId: string): Row | undefined {
  const parts = typeIn(nodeId)
  if (parts === undefined) return undefined
  const row = shelfOf(shelves, parts.type).get(parts.id)
  return row?.nodeId === nodeId ? row : undefined
}

function shelfOf(shelves: Shelves, type: Row['type']): Shelf<Row> {
  const shelf = {
    User: shelves.accounts,
    Organization: shelves.accounts,
    Bot: shelves.accounts,
    Repository: shelves.repositories,
    Label: shelves.labels,
    Milestone: shelves.milestones,
    Issue: shelves.issues,
    PullRequest: shelves.issues,
    IssueComment: shelves.comments,
    Release: shelves.releases,
  }[type]
  return shelf as unknown as Shelf<Row>
}

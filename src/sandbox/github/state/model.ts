// Room sandbox: what GitHub keeps. Rows are values: a change puts a new row in the old one's place. The type of a row is
// the name of its type in GitHub's GraphQL schema. Times are ISO 8601 in UTC, to the second, as GitHub keeps them.

export interface Account {
  readonly type: 'User' | 'Organization' | 'Bot'
  readonly id: bigint
  readonly nodeId: string
  readonly login: string
  readonly name: string | null
  readonly createdAt: string
}

/** What the sandbox's accounts may do with a repository; with `none` it is as if it were not there. */
export type Access = 'admin' | 'read' | 'none'

export interface Repository {
  readonly type: 'Repository'
  readonly id: bigint
  readonly nodeId: string
  readonly ownerId: bigint
  readonly name: string
  readonly description: string | null
  readonly homepage: string | null
  readonly visibility: 'public' | 'private'
  readonly flags: RepositoryFlags
  readonly defaultBranch: string
  readonly topics: readonly string[]
  readonly access: Access
  /** Who can be assigned, besides nobody. */
  readonly collaboratorIds: readonly bigint[]
  /** Name to the hash of the commit. */
  readonly branches: ReadonlyMap<string, string>
  /** Issues and pull requests share their numbers, which are never given twice. */
  readonly issueNumberNext: number
  readonly milestoneNumberNext: number
  readonly createdAt: string
  readonly updatedAt: string
  readonly pushedAt: string
}

export interface RepositoryFlags {
  readonly has_issues: boolean
  readonly has_projects: boolean
  readonly has_wiki: boolean
  readonly is_template: boolean
  readonly archived: boolean
  readonly allow_squash_merge: boolean
  readonly allow_merge_commit: boolean
  readonly allow_rebase_merge: boolean
  readonly allow_auto_merge: boolean
  readonly delete_branch_on_merge: boolean
}

export interface Label {
  readonly type: 'Label'
  readonly id: bigint
  readonly nodeId: string
  readonly repositoryId: bigint
  readonly name: string
  /** Six hexadecimal digits. */
  readonly color: string
  readonly description: string | null
  readonly isDefault: boolean
  readonly createdAt: string
  readonly updatedAt: string
}

export interface Milestone {
  readonly type: 'Milestone'
  readonly id: bigint
  readonly nodeId: string
  readonly repositoryId: bigint
  readonly number: number
  readonly title: string
  readonly description: string | null
  readonly state: 'open' | 'closed'
  readonly creatorId: bigint
  readonly dueOn: string | null
  readonly createdAt: string
  readonly updatedAt: string
  readonly closedAt: string | null
}

export type StateReason = 'completed' | 'not_planned' | 'duplicate' | 'reopened'
export type LockReason = 'off-topic' | 'too heated' | 'resolved' | 'spam'

/** An issue, or (`pull`) a pull request, which is an issue too. */
export interface Issue {
  readonly type: 'Issue' | 'PullRequest'
  readonly id: bigint
  readonly nodeId: string
  readonly repositoryId: bigint
  readonly number: number
  readonly title: string
  readonly body: string | null
  readonly state: 'open' | 'closed'
  readonly stateReason: StateReason | null
  readonly labelIds: readonly bigint[]
  readonly assigneeIds: readonly bigint[]
  readonly milestoneId: bigint | null
  readonly authorId: bigint
  readonly locked: boolean
  readonly lockReason: LockReason | null
  readonly createdAt: string
  readonly updatedAt: string
  readonly closedAt: string | null
  readonly closedById: bigint | null
  readonly pull: Pull | null
}

export interface Pull {
  /** Not the id of its issue. */
  readonly id: bigint
  readonly head: string
  readonly base: string
  readonly isDraft: boolean
  readonly maintainerCanModify: boolean
  readonly mergedAt: string | null
  readonly mergedById: bigint | null
  readonly mergeHash: string | null
}

export interface Comment {
  readonly type: 'IssueComment'
  readonly id: bigint
  readonly nodeId: string
  readonly repositoryId: bigint
  readonly issueId: bigint
  readonly body: string
  readonly authorId: bigint
  readonly createdAt: string
  readonly updatedAt: string
}

export interface Release {
  readonly type: 'Release'
  readonly id: bigint
  readonly nodeId: string
  readonly repositoryId: bigint
  readonly tagName: string
  /** The branch that the tag is made from. */
  readonly target: string
  readonly name: string | null
  readonly body: string | null
  readonly isDraft: boolean
  readonly isPrerelease: boolean
  readonly authorId: bigint
  readonly createdAt: string
  readonly updatedAt: string
  readonly publishedAt: string | null
}

export type Row = Account | Repository | Label | Milestone | Issue | Comment | Release

// Room sandbox: the fields of the query itself, of accounts and of repositories at the GraphQL door.

import { primaryMax } from '../access/quota.ts'
import { labelNamed, labelsOf } from '../acts/labels.ts'
import { milestoneNumbered, milestonesOf } from '../acts/milestones.ts'
import { isPull, type PullIssue } from '../acts/pulls.ts'
import { latestRelease, releasesOf } from '../acts/releases.ts'
import { repositoriesVisible } from '../acts/repositories.ts'
import { site } from '../rest/show.ts'
import type { Account, Issue, Milestone, Repository } from '../state/model.ts'
import {
  accountNamed,
  accountOf,
  fullNameOf,
  issueNumbered,
  repositoryNamed,
  timeText,
} from '../state/session.ts'
import type { Arguments, Context, Resolvers } from './context.ts'
import { nodeOf } from './context.ts'
import { GraphFailure } from './failure.ts'
import { labelKeys } from './issue_fields.ts'
import { inOrder, issuesListed, listed } from './lists.ts'

export const queryFields: Resolvers<unknown> = {
  viewer: (_source, _args, { session }) => session.viewer,
  node: (_source, { id }, context) => nodeOf(context, id),
  nodes: (_source, { ids }, context) =>
    (ids as readonly unknown[]).map((id) => {
      try {
        return nodeOf(context, id)
      } catch (error) {
        if (error instanceof GraphFailure) return error // becomes null and an error of its own
        throw error
      }
    }),
  user: (_source, { login }, context) => accountOfType(context, login, 'User'),
  organization: (_source, { login }, context) => accountOfType(context, login, 'Organization'),
  repositoryOwner: (_source, { login }, { session }) =>
    accountNamed(session, String(login)) ?? null,
  repository: (_source, args, { session }) => {
    const name = `${String(args['owner'])}/${String(args['name'])}`
    const repository = repositoryNamed(session, name)
    if (repository !== undefined) return repository
    const message = `Could not resolve to a Repository with the name '${name}'.`
    throw new GraphFailure('NOT_FOUND', message)
  },
  rateLimit: (_source, _args, { quota, price }) => {
    const { used, remaining, resetAtMs } = quota.usage('graphql')
    return { limit: primaryMax, used, remaining, resetAt: timeText(resetAtMs), ...price }
  },
}

function accountOfType({ session }: Context, login: unknown, type: Account['type']): Account {
  const account = accountNamed(session, String(login))
  if (account?.type === type) return account
  const message = `Could not resolve to ${
    type === 'User' ? 'a' : 'an'
  } ${type} with the login of '${String(login)}'.`
  throw new GraphFailure('NOT_FOUND', message)
}

export const accountFields: Resolvers<Account> = {
  id: ({ nodeId }) => nodeId,
  databaseId: ({ id }) => Number(id),
  login: ({ login }) => login,
  name: ({ name }) => name,
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ createdAt }) => createdAt,
  avatarUrl: ({ id }) => `https://avatars.githubusercontent.com/u/${id}?v=4`,
  url: ({ login }) => `${site}/${login}`,
  resourcePath: ({ login }) => `/${login}`,
  isViewer: ({ id }, _args, { session }) => id === session.viewer.id,
  repository: (account, { name }, { session }) => {
    const repository = repositoryNamed(session, `${account.login}/${String(name)}`)
    if (repository !== undefined) return repository
    const message = `Could not resolve to a Repository with the name '${account.login}/${
      String(name)
    }'.`
    throw new GraphFailure('NOT_FOUND', message)
  },
  repositories: ({ id }, args, { session }, info) => {
    const rows = repositoriesVisible(session).filter(({ ownerId }) => ownerId === id)
    const keys = {
      CREATED_AT: ({ createdAt }: Repository) => createdAt,
      UPDATED_AT: ({ updatedAt }: Repository) => updatedAt,
      PUSHED_AT: ({ pushedAt }: Repository) => pushedAt,
      NAME: ({ name }: Repository) => name.toLowerCase(),
    }
    return listed(inOrder(rows, args['orderBy'], keys), args, info)
  },
}

export const repositoryFields: Resolvers<Repository> = {
  id: ({ nodeId }) => nodeId,
  databaseId: ({ id }) => Number(id),
  name: ({ name }) => name,
  nameWithOwner: (row, _args, { session }) => fullNameOf(session, row),
  owner: ({ ownerId }, _args, { session }) => accountOf(session, ownerId),
  description: ({ description }) => description,
  homepageUrl: ({ homepage }) => homepage,
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
  pushedAt: ({ pushedAt }) => pushedAt,
  url: (row, _args, { session }) => `${site}/${fullNameOf(session, row)}`,
  resourcePath: (row, _args, { session }) => `/${fullNameOf(session, row)}`,
  visibility: ({ visibility }) => visibility.toUpperCase(),
  isPrivate: ({ visibility }) => visibility === 'private',
  isFork: () => false,
  isDisabled: () => false,
  isEmpty: ({ branches }) => branches.size === 0,
  isArchived: ({ flags }) => flags.archived,
  isTemplate: ({ flags }) => flags.is_template,
  hasIssuesEnabled: ({ flags }) => flags.has_issues,
  hasProjectsEnabled: ({ flags }) => flags.has_projects,
  hasWikiEnabled: ({ flags }) => flags.has_wiki,
  mergeCommitAllowed: ({ flags }) => flags.allow_merge_commit,
  squashMergeAllowed: ({ flags }) => flags.allow_squash_merge,
  rebaseMergeAllowed: ({ flags }) => flags.allow_rebase_merge,
  autoMergeAllowed: ({ flags }) => flags.allow_auto_merge,
  deleteBranchOnMerge: ({ flags }) => flags.delete_branch_on_merge,
  viewerPermission: ({ access }) => access.toUpperCase(),
  viewerCanAdminister: ({ access }) => access === 'admin',
  assignableUsers: ({ collaboratorIds }, args, { session }, info) =>
    listed(collaboratorIds.map((id) => accountOf(session, id)), args, info),
  label: (row, { name }, { session }) => labelNamed(session, row, String(name)) ?? null,
  labels: (row, args, { session }, info) =>
    listed(inOrder(queried(labelsOf(session, row), args), args['orderBy'], labelKeys), args, info),
  issue: (row, { number }, context) => issueOf(context, row, { number, type: 'Issue' }),
  pullRequest: (row, { number }, context) => issueOf(context, row, { number, type: 'PullRequest' }),
  issueOrPullRequest: (row, { number }, context) => issueOf(context, row, { number, type: null }),
  issues: (row, args, context, info) =>
    issuesListed(context, issuesIn(context, row).filter((one) => !isPull(one)), { args, info }),
  pullRequests: (row, args, context, info) =>
    issuesListed(context, pullsIn(context, row, args), { args, info }),
  milestone: (row, { number }, { session }) =>
    milestoneNumbered(session, row, Number(number)) ?? null,
  milestones: (row, args, { session }, info) => {
    const states = args['states']
    const rows = milestonesOf(session, row).filter(({ state }) =>
      !Array.isArray(states) || states.includes(state.toUpperCase())
    )
    return listed(inOrder(rows, args['orderBy'], milestoneKeys), args, info)
  },
  release: (row, { tagName }, { session }) =>
    releasesOf(session, row).find((one) => one.tagName === tagName) ?? null,
  releases: (row, args, { session }, info) =>
    listed(releasesOf(session, row).toReversed(), args, info),
  latestRelease: (row, _args, { session }) => latestRelease(session, row) ?? null,
}

const milestoneKeys: Readonly<Record<string, (row: Milestone) => string | number>> = {
  CREATED_AT: ({ createdAt }) => createdAt,
  UPDATED_AT: ({ updatedAt }) => updatedAt,
  DUE_DATE: ({ dueOn }) => dueOn ?? '9',
  NUMBER: ({ number }) => number,
}

function queried<T extends { readonly name: string }>(
  rows: readonly T[],
  { query }: Arguments,
): readonly T[] {
  if (typeof query !== 'string') return rows
  return rows.filter(({ name }) => name.toLowerCase().includes(query.toLowerCase()))
}

function issuesIn({ session }: Context, { id }: Repository): readonly Issue[] {
  return [...session.hub.found.issues.of(id).values()]
}

function pullsIn(context: Context, row: Repository, args: Arguments): readonly PullIssue[] {
  const { headRefName, baseRefName } = args
  return issuesIn(context, row).filter(isPull).filter(({ pull }) =>
    (typeof headRefName !== 'string' || pull.head === headRefName) &&
    (typeof baseRefName !== 'string' || pull.base === baseRefName)
  )
}

/** A pull request is no issue here. Throws `GraphFailure`. */
function issueOf(
  { session }: Context,
  row: Repository,
  { number, type }: { readonly number: unknown; readonly type: Issue['type'] | null },
): Issue {
  const issue = issueNumbered(session, row, Number(number))
  if (issue !== undefined && (type === null || issue.type === type)) return issue
  const what = type === 'Issue'
    ? 'an Issue'
    : type === null
    ? 'an issue or pull request'
    : 'a PullRequest'
  const message = `Could not resolve to ${what} with the number of ${String(number)}.`
  throw new GraphFailure('NOT_FOUND', message)
}

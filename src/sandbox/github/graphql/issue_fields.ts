// Room sandbox: the fields of issues, pull requests, labels, milestones, comments and releases at the GraphQL door.

import { commentsOf } from '../acts/comments.ts'
import { latestRelease } from '../acts/releases.ts'
import { isPull, type PullIssue } from '../acts/pulls.ts'
import { association, site } from '../rest/show.ts'
import { pageOf } from '../rest/show_issue.ts'
import type { Comment, Issue, Label, Milestone, Release } from '../state/model.ts'
import { accountOf, fullNameOf, repositoryOf, type Session } from '../state/session.ts'
import { capitals, type Context, type Resolver, type Resolvers } from './context.ts'
import { inOrder, issuesListed, listed, stateOf } from './lists.ts'

type InRepository = { readonly repositoryId: bigint; readonly id: bigint; readonly nodeId: string }

const inRepository: Resolvers<InRepository> = {
  id: ({ nodeId }) => nodeId,
  repository: (row, _args, { session }) => repositoryOf(session, row),
}

const dated: Resolvers<{ readonly createdAt: string; readonly updatedAt: string }> = {
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
}

/** Ids beyond 32 bits are an error in `databaseId`, and whole in `fullDatabaseId`. */
const numbered: Resolvers<{ readonly id: bigint }> = {
  databaseId: ({ id }) => Number(id),
  fullDatabaseId: ({ id }) => String(id),
}

const mayWrite: Resolver<InRepository> = (row, _args, { session }) =>
  repositoryOf(session, row).access === 'admin'

const writable: Resolvers<InRepository> = {
  viewerCanUpdate: mayWrite,
  viewerCanDelete: mayWrite,
  viewerCanClose: mayWrite,
  viewerCanReopen: mayWrite,
  viewerCanLabel: mayWrite,
}

const written: Resolvers<InRepository & { readonly authorId: bigint }> = {
  author: ({ authorId }, _args, { session }) => accountOf(session, authorId),
  authorAssociation: (row, _args, { session }) =>
    association(session, repositoryOf(session, row), row.authorId),
  viewerDidAuthor: ({ authorId }, _args, { session }) => authorId === session.viewer.id,
}

const common: Resolvers<Issue> = {
  ...inRepository,
  ...dated,
  ...numbered,
  ...writable,
  ...written,
  number: ({ number }) => number,
  title: ({ title }) => title,
  body: ({ body }) => body ?? '',
  bodyText: ({ body }) => body ?? '',
  closed: ({ state }) => state === 'closed',
  closedAt: ({ closedAt }) => closedAt,
  publishedAt: ({ createdAt }) => createdAt,
  locked: ({ locked }) => locked,
  activeLockReason: ({ lockReason }) => capitals(lockReason),
  state: (issue) => stateOf(issue),
  url: (issue, _args, { session }) => pageOf(session, issue),
  resourcePath: (issue, _args, { session }) => pageOf(session, issue).slice(site.length),
  milestone: ({ milestoneId }, _args, { session }) =>
    milestoneId === null ? null : session.hub.milestones.get(milestoneId),
  labels: ({ labelIds }, args, { session }, info) => {
    const rows = labelIds.flatMap((id) => session.hub.labels.get(id) ?? [])
    return listed(inOrder(rows, args['orderBy'], labelKeys), args, info)
  },
  assignees: ({ assigneeIds }, args, { session }, info) =>
    listed(assigneeIds.map((id) => accountOf(session, id)), args, info),
  comments: (issue, args, { session }, info) => {
    const keys = { UPDATED_AT: ({ updatedAt }: Comment) => updatedAt }
    return listed(inOrder(commentsOf(session, issue), args['orderBy'], keys), args, info)
  },
}

export const labelKeys: Readonly<Record<string, (label: Label) => string>> = {
  CREATED_AT: ({ createdAt }) => createdAt,
  NAME: ({ name }) => name.toLowerCase(),
}

/** Without `enableDuplicate` a duplicate shows as not planned. */
export const issueFields: Resolvers<Issue> = {
  ...common,
  isPinned: () => false,
  stateReason: ({ stateReason }, { enableDuplicate }) =>
    capitals(stateReason === 'duplicate' && enableDuplicate !== true ? 'not_planned' : stateReason),
}

export const pullFields: Resolvers<PullIssue> = {
  ...common as Resolvers<PullIssue>,
  databaseId: ({ pull }) => Number(pull.id),
  fullDatabaseId: ({ pull }) => String(pull.id),
  isDraft: ({ pull }) => pull.isDraft,
  merged: ({ pull }) => pull.mergedAt !== null,
  mergedAt: ({ pull }) => pull.mergedAt,
  mergedBy: ({ pull }, _args, { session }) =>
    pull.mergedById === null ? null : accountOf(session, pull.mergedById),
  mergeable: ({ state }) => state === 'open' ? 'MERGEABLE' : 'UNKNOWN',
  maintainerCanModify: ({ pull }) => pull.maintainerCanModify,
  headRefName: ({ pull }) => pull.head,
  baseRefName: ({ pull }) => pull.base,
  headRefOid: (row, _args, { session }) => hashOf(session, row, row.pull.head),
  baseRefOid: (row, _args, { session }) => hashOf(session, row, row.pull.base),
  headRepository: (row, _args, { session }) => repositoryOf(session, row),
  baseRepository: (row, _args, { session }) => repositoryOf(session, row),
  isCrossRepository: () => false,
  permalink: (row, _args, { session }) => pageOf(session, row),
}

function hashOf(session: Session, row: InRepository, branch: string): string | undefined {
  return repositoryOf(session, row).branches.get(branch)
}

export const labelFields: Resolvers<Label> = {
  ...inRepository,
  ...dated,
  name: ({ name }) => name,
  color: ({ color }) => color,
  description: ({ description }) => description,
  isDefault: ({ isDefault }) => isDefault,
  url: (label, _args, { session }) => site + labelPath(session, label),
  resourcePath: (label, _args, { session }) => labelPath(session, label),
  issues: (label, args, context, info) => labelled(label, 'Issue', { context, args, info }),
  pullRequests: (label, args, context, info) =>
    labelled(label, 'PullRequest', { context, args, info }),
}

function labelled(
  { id, repositoryId }: Label,
  type: Issue['type'],
  { context, args, info }: {
    readonly context: Context
    readonly args: Parameters<Resolver<Label>>[1]
    readonly info: Parameters<Resolver<Label>>[3]
  },
) {
  const isWanted = ({ labelIds }: Issue) => labelIds.includes(id)
  return issuesListed(context, with_(context, repositoryId, { type, isWanted }), { args, info })
}

function labelPath(session: Session, label: Label): string {
  const name = encodeURIComponent(label.name)
  return `/${fullNameOf(session, repositoryOf(session, label))}/labels/${name}`
}

/** The issues, or the pull requests, that a test is true of. */
function with_(
  { session }: Context,
  repositoryId: bigint,
  { type, isWanted }: { type: Issue['type']; isWanted: (issue: Issue) => boolean },
): readonly Issue[] {
  const issues = [...session.hub.found.issues.of(repositoryId).values()]
  return issues.filter((issue) => issue.type === type && isWanted(issue))
}

export const milestoneFields: Resolvers<Milestone> = {
  ...inRepository,
  ...dated,
  viewerCanClose: mayWrite,
  viewerCanReopen: mayWrite,
  number: ({ number }) => number,
  title: ({ title }) => title,
  description: ({ description }) => description,
  state: ({ state }) => state.toUpperCase(),
  closed: ({ state }) => state === 'closed',
  closedAt: ({ closedAt }) => closedAt,
  dueOn: ({ dueOn }) => dueOn,
  creator: ({ creatorId }, _args, { session }) => accountOf(session, creatorId),
  url: (row, _args, { session }) => site + milestonePath(session, row),
  resourcePath: (row, _args, { session }) => milestonePath(session, row),
  issues: ({ id, repositoryId }, args, context, info) => {
    const isWanted = ({ milestoneId }: Issue) => milestoneId === id
    const rows = with_(context, repositoryId, { type: 'Issue', isWanted })
    return issuesListed(context, rows, { args, info })
  },
}

function milestonePath(session: Session, row: Milestone): string {
  return `/${fullNameOf(session, repositoryOf(session, row))}/milestone/${row.number}`
}

export const commentFields: Resolvers<Comment> = {
  ...inRepository,
  ...dated,
  ...numbered,
  ...written,
  viewerCanUpdate: mayWrite,
  viewerCanDelete: mayWrite,
  body: ({ body }) => body,
  bodyText: ({ body }) => body,
  publishedAt: ({ createdAt }) => createdAt,
  isMinimized: () => false,
  minimizedReason: () => null,
  issue: ({ issueId }, _args, { session }) => session.hub.issues.get(issueId),
  pullRequest: ({ issueId }, _args, { session }) => {
    const issue = session.hub.issues.get(issueId)
    return isPull(issue) ? issue : null
  },
  url: (row, _args, { session }) => commentPage(session, row),
  resourcePath: (row, _args, { session }) => commentPage(session, row).slice(site.length),
}

function commentPage(session: Session, { issueId, id }: Comment): string {
  const issue = session.hub.issues.get(issueId)
  return `${issue === undefined ? '' : pageOf(session, issue)}#issuecomment-${id}`
}

export const releaseFields: Resolvers<Release> = {
  ...inRepository,
  ...dated,
  databaseId: ({ id }) => Number(id),
  name: ({ name }) => name,
  tagName: ({ tagName }) => tagName,
  description: ({ body }) => body,
  isDraft: ({ isDraft }) => isDraft,
  isPrerelease: ({ isPrerelease }) => isPrerelease,
  isLatest: (row, _args, { session }) =>
    latestRelease(session, repositoryOf(session, row))?.id === row.id,
  publishedAt: ({ publishedAt }) => publishedAt,
  author: ({ authorId }, _args, { session }) => accountOf(session, authorId),
  url: (row, _args, { session }) => site + releasePath(session, row),
  resourcePath: (row, _args, { session }) => releasePath(session, row),
}

function releasePath(session: Session, row: Release): string {
  return `/${fullNameOf(session, repositoryOf(session, row))}/releases/tag/${row.tagName}`
}

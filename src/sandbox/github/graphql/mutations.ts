// Room sandbox: the mutations of the GraphQL door. They do what the REST endpoints do, to the same records; only the
// names of things differ.

import { createComment, deleteComment, updateComment } from '../acts/comments.ts'
import {
  createIssue,
  deleteIssue,
  type IssueChange,
  lockIssue,
  updateIssue,
} from '../acts/issues.ts'
import { createLabel, deleteLabel, updateLabel } from '../acts/labels.ts'
import { createPull, isPull, mergePull, type PullIssue, updatePull } from '../acts/pulls.ts'
import { createRepository, updateRepository } from '../acts/repositories.ts'
import { needWrite } from '../acts/rights.ts'
import { defined } from '../rest/fields.ts'
import type { Account, Issue, LockReason, StateReason } from '../state/model.ts'
import { repositoryOf } from '../state/session.ts'
import { type Arguments, type Context, nodeOfType } from './context.ts'
import { GraphFailure } from './failure.ts'

interface Mutation {
  /** Gives the payload. Throws `GraphFailure` and `Refused`. */
  readonly run: (input: Arguments, context: Context) => object
  /** Does it make something that others get to see? Counted against the limits on that. */
  readonly creates?: boolean
}

export const mutations: Readonly<Record<string, Mutation>> = {
  createIssue: { run: runCreateIssue, creates: true },
  updateIssue: { run: runUpdateIssue },
  closeIssue: {
    run: ({ issueId, stateReason }, context) => {
      const reason = lower(stateReason) as StateReason | undefined
      const change = defined({ state: 'closed' as const, stateReason: reason })
      return { issue: updateIssue(context.session, issueAt(context, issueId), change) }
    },
  },
  reopenIssue: {
    run: ({ issueId }, context) => ({
      issue: updateIssue(context.session, issueAt(context, issueId), { state: 'open' }),
    }),
  },
  deleteIssue: {
    run: ({ issueId }, context) => {
      const issue = issueAt(context, issueId)
      deleteIssue(context.session, issue)
      return { repository: repositoryOf(context.session, issue) }
    },
  },
  createLabel: { run: runCreateLabel, creates: true },
  updateLabel: {
    run: ({ id, ...input }, context) => {
      const { name, color, description } = strings(input)
      const change = defined({ name: name ?? undefined, color: color ?? undefined, description })
      const label = nodeOfType(context, id, ['Label'])
      return { label: updateLabel(context.session, label, change) }
    },
  },
  deleteLabel: {
    run: ({ id }, context) => {
      deleteLabel(context.session, nodeOfType(context, id, ['Label']))
      return {}
    },
  },
  addComment: { run: runAddComment, creates: true },
  updateIssueComment: {
    run: ({ id, body }, context) => {
      const comment = nodeOfType(context, id, ['IssueComment'])
      return { issueComment: updateComment(context.session, comment, String(body)) }
    },
  },
  deleteIssueComment: {
    run: ({ id }, context) => {
      deleteComment(context.session, nodeOfType(context, id, ['IssueComment']))
      return {}
    },
  },
  addLabelsToLabelable: {
    run: (input, context) => relabel(input, context, (before, ids) => [...before, ...ids]),
  },
  removeLabelsFromLabelable: {
    run: (input, context) =>
      relabel(input, context, (before, ids) => before.filter((id) => !ids.includes(id))),
  },
  clearLabelsFromLabelable: { run: (input, context) => relabel(input, context, () => []) },
  addAssigneesToAssignable: {
    run: (input, context) => reassign(input, context, (before, ids) => [...before, ...ids]),
  },
  removeAssigneesFromAssignable: {
    run: (input, context) =>
      reassign(input, context, (before, ids) => before.filter((id) => !ids.includes(id))),
  },
  lockLockable: {
    run: ({ lockableId, lockReason }, context) => {
      const issue = nodeOfType(context, lockableId, ['Issue', 'PullRequest'])
      const reason = lockReasons[String(lockReason)] ?? null
      return {
        actor: context.session.viewer,
        lockedRecord: lockIssue(context.session, issue, { reason }),
      }
    },
  },
  unlockLockable: {
    run: ({ lockableId }, context) => {
      const issue = nodeOfType(context, lockableId, ['Issue', 'PullRequest'])
      return {
        actor: context.session.viewer,
        unlockedRecord: lockIssue(context.session, issue, null),
      }
    },
  },
  createPullRequest: { run: runCreatePull, creates: true },
  updatePullRequest: { run: runUpdatePull },
  closePullRequest: {
    run: ({ pullRequestId }, context) => ({
      pullRequest: updatePull(context.session, pullAt(context, pullRequestId), { state: 'closed' }),
    }),
  },
  reopenPullRequest: {
    run: ({ pullRequestId }, context) => ({
      pullRequest: updatePull(context.session, pullAt(context, pullRequestId), { state: 'open' }),
    }),
  },
  mergePullRequest: {
    run: ({ pullRequestId, expectedHeadOid }, context) => {
      const expected = typeof expectedHeadOid === 'string' ? expectedHeadOid : null
      const merged = mergePull(context.session, pullAt(context, pullRequestId), { expected })
      return { actor: context.session.viewer, pullRequest: merged }
    },
  },
  createRepository: { run: runCreateRepository, creates: true },
  updateRepository: { run: runUpdateRepository },
}

const lockReasons: Readonly<Record<string, LockReason>> = {
  OFF_TOPIC: 'off-topic',
  TOO_HEATED: 'too heated',
  RESOLVED: 'resolved',
  SPAM: 'spam',
}

function runCreateIssue(input: Arguments, context: Context): object {
  refuseUnknown(input, ['issueTemplate', 'parentIssueId', 'projectIds'])
  const repository = nodeOfType(context, input['repositoryId'], ['Repository'])
  const change = { ...readIssue(input, context, repository.id), title: String(input['title']) }
  return { issue: createIssue(context.session, repository, change) }
}

function runUpdateIssue(input: Arguments, context: Context): object {
  refuseUnknown(input, ['projectIds'])
  const issue = issueAt(context, input['id'])
  const change = readIssue(input, context, issue.repositoryId)
  const state = lower(input['state']) as Issue['state'] | undefined
  const changed = updateIssue(context.session, issue, defined({ ...change, state }))
  return { actor: context.session.viewer, issue: changed }
}

function runCreateLabel(input: Arguments, context: Context): object {
  const repository = nodeOfType(context, input['repositoryId'], ['Repository'])
  const { description } = strings(input)
  const change = defined({
    name: String(input['name']),
    color: String(input['color']),
    description,
  })
  return { label: createLabel(context.session, repository, change) }
}

function runAddComment({ subjectId, body }: Arguments, context: Context): object {
  const subject = nodeOfType(context, subjectId, ['Issue', 'PullRequest'])
  const comment = createComment(context.session, subject, String(body))
  const edge = { node: comment, cursor: comment.nodeId }
  const current = context.session.hub.issues.get(subject.id)
  return { commentEdge: edge, timelineEdge: edge, subject: current }
}

function runCreatePull(input: Arguments, context: Context): object {
  refuseUnknown(input, ['headRepositoryId'])
  const repository = nodeOfType(context, input['repositoryId'], ['Repository'])
  const { body } = strings(input)
  const pull = createPull(
    context.session,
    repository,
    defined({
      title: String(input['title']),
      body,
      head: String(input['headRefName']),
      base: String(input['baseRefName']),
      isDraft: input['draft'] === true,
      maintainerCanModify: input['maintainerCanModify'] !== false,
    }),
  )
  return { pullRequest: pull }
}

function runUpdatePull(input: Arguments, context: Context): object {
  refuseUnknown(input, ['projectIds'])
  const pull = pullAt(context, input['pullRequestId'])
  const { baseRefName, maintainerCanModify } = input
  const change = defined({
    ...readIssue(input, context, pull.repositoryId),
    state: lower(input['state']) as Issue['state'] | undefined,
    base: typeof baseRefName === 'string' ? baseRefName : undefined,
    maintainerCanModify: typeof maintainerCanModify === 'boolean' ? maintainerCanModify : undefined,
  })
  const changed = updatePull(context.session, pull, change)
  return { actor: context.session.viewer, pullRequest: changed }
}

function runCreateRepository(input: Arguments, context: Context): object {
  refuseUnknown(input, ['teamId'])
  const { ownerId, visibility, hasIssuesEnabled, hasWikiEnabled, template } = input
  const owner = ownerId === undefined || ownerId === null
    ? context.session.viewer
    : nodeOfType(context, ownerId, ['User', 'Organization'])
  const { description, homepageUrl } = strings(input)
  const repository = createRepository(
    context.session,
    owner,
    defined({
      name: String(input['name']),
      description,
      homepage: homepageUrl,
      visibility: visibility === 'PUBLIC' ? 'public' as const : 'private' as const,
      flags: {
        has_issues: hasIssuesEnabled !== false,
        has_wiki: hasWikiEnabled === true,
        is_template: template === true,
      },
    }),
  )
  return { repository }
}

function runUpdateRepository(input: Arguments, context: Context): object {
  refuseUnknown(input, ['hasDiscussionsEnabled', 'hasSponsorshipsEnabled'])
  const { name, description, homepageUrl } = strings(input)
  const flags = Object.entries({
    has_issues: input['hasIssuesEnabled'],
    has_projects: input['hasProjectsEnabled'],
    has_wiki: input['hasWikiEnabled'],
    is_template: input['template'],
  }).filter(([, flag]) => typeof flag === 'boolean')
  const before = nodeOfType(context, input['repositoryId'], ['Repository'])
  const change = defined({
    name: name ?? undefined,
    description,
    homepage: homepageUrl,
    flags: Object.fromEntries(flags),
  })
  return { repository: updateRepository(context.session, before, change) }
}

function issueAt(context: Context, nodeId: unknown): Issue {
  return nodeOfType(context, nodeId, ['Issue'])
}

function pullAt(context: Context, nodeId: unknown): PullIssue {
  const row = nodeOfType(context, nodeId, ['PullRequest'])
  if (isPull(row)) return row
  throw new GraphFailure('NOT_FOUND', 'Could not resolve to PullRequest node')
}

/** What issues and pull requests have in common. Null clears a body or a milestone; elsewhere it is as if absent. */
function readIssue(input: Arguments, context: Context, repositoryId: bigint): IssueChange {
  const { title, body } = strings(input)
  const { milestoneId, labelIds, assigneeIds } = input
  return defined({
    title: title ?? undefined,
    body,
    milestoneId: milestoneId === undefined || milestoneId === null
      ? milestoneId
      : sameRepository(nodeOfType(context, milestoneId, ['Milestone']), repositoryId).id,
    labelIds: Array.isArray(labelIds) ? labelsAt(context, labelIds, repositoryId) : undefined,
    assigneeIds: Array.isArray(assigneeIds)
      ? peopleAt(context, assigneeIds, repositoryId)
      : undefined,
  })
}

function labelsAt(
  context: Context,
  nodeIds: readonly unknown[],
  repositoryId: bigint,
): readonly bigint[] {
  const labels = nodeIds.map((nodeId) => nodeOfType(context, nodeId, ['Label']))
  return unique(labels.map((label) => sameRepository(label, repositoryId).id))
}

function peopleAt(
  context: Context,
  nodeIds: readonly unknown[],
  repositoryId: bigint,
): readonly bigint[] {
  const { collaboratorIds } = repositoryOf(context.session, { repositoryId })
  return unique(nodeIds.map((nodeId) => {
    const account: Account = nodeOfType(context, nodeId, ['User', 'Bot'])
    if (collaboratorIds.includes(account.id)) return account.id
    const message = `Could not resolve to a User who can be assigned: '${account.login}'.`
    throw new GraphFailure('UNPROCESSABLE', message)
  }))
}

function sameRepository<T extends { readonly repositoryId: bigint; readonly nodeId: string }>(
  row: T,
  repositoryId: bigint,
): T {
  if (row.repositoryId === repositoryId) return row
  const message = `Could not resolve to a node with the global id of '${row.nodeId}'.`
  throw new GraphFailure('NOT_FOUND', message)
}

type Combine = (before: readonly bigint[], ids: readonly bigint[]) => readonly bigint[]

function relabel(
  { labelableId, labelIds = [] }: Arguments,
  context: Context,
  combine: Combine,
): object {
  const issue = nodeOfType(context, labelableId, ['Issue', 'PullRequest'])
  needWrite(repositoryOf(context.session, issue))
  const ids = labelsAt(context, labelIds as readonly unknown[], issue.repositoryId)
  const change = { labelIds: unique(combine(issue.labelIds, ids)) }
  return { labelable: updateIssue(context.session, issue, change) }
}

function reassign(
  { assignableId, assigneeIds }: Arguments,
  context: Context,
  combine: Combine,
): object {
  const issue = nodeOfType(context, assignableId, ['Issue', 'PullRequest'])
  const ids = peopleAt(context, assigneeIds as readonly unknown[], issue.repositoryId)
  const change = { assigneeIds: unique(combine(issue.assigneeIds, ids)) }
  return { assignable: updateIssue(context.session, issue, change) }
}

function unique(ids: readonly bigint[]): readonly bigint[] {
  return [...new Set(ids)]
}

/** Members as text, null or absent. */
function strings(input: Arguments): Readonly<Record<string, string | null | undefined>> {
  return Object.fromEntries(
    Object.entries(input).flatMap(([name, value]) =>
      value === null || typeof value === 'string' ? [[name, value]] : []
    ),
  )
}

function lower(word: unknown): string | undefined {
  return typeof word === 'string' ? word.toLowerCase() : undefined
}

/** What the schema takes and the sandbox has nothing for must not look as if it were done. */
function refuseUnknown(input: Arguments, names: readonly string[]): void {
  const name = names.find((one) => input[one] !== undefined && input[one] !== null)
  if (name === undefined) return
  throw new GraphFailure('NOT_IN_SANDBOX', `The sandbox does not take ${name}`)
}

// Room sandbox: what can be done to issues, and, as they are issues too, to pull requests.

import { type FieldError, refuseInvalid } from '../refusal.ts'
import type { Issue, LockReason, Repository, StateReason } from '../state/model.ts'
import { repositoryOf, type Session, timeText } from '../state/session.ts'
import { needIssues, needWrite } from './rights.ts'
import { bodyLengthMax, checkText, titleLengthMax } from './text.ts'

/** What is absent stays as it is. */
export interface IssueChange {
  readonly title?: string
  readonly body?: string | null
  readonly state?: 'open' | 'closed'
  readonly stateReason?: StateReason | null
  readonly labelIds?: readonly bigint[]
  readonly assigneeIds?: readonly bigint[]
  readonly milestoneId?: bigint | null
}

/** What is wrong with the texts of an issue. */
export function checkIssue(change: IssueChange, resource = 'Issue'): readonly FieldError[] {
  return [
    ...checkText(change.title, {
      resource,
      field: 'title',
      lengthMax: titleLengthMax,
      needed: true,
    }),
    ...checkText(change.body, { resource, field: 'body', lengthMax: bodyLengthMax }),
  ]
}

/** Opens an issue. Throws `Refused`. */
export function createIssue(
  session: Session,
  repository: Repository,
  change: IssueChange & { readonly title: string },
): Issue {
  needWrite(repository)
  needIssues(repository)
  refuseInvalid(checkIssue(change))
  return addIssue(session, repository, { ...change, pull: null, type: 'Issue' })
}

/** Puts a new issue, or pull request, into a repository; checks nothing. */
export function addIssue(
  { hub, viewer, nowMs }: Session,
  repository: Repository,
  { title, body, labelIds, assigneeIds, milestoneId, pull, type }:
    & IssueChange
    & { readonly title: string }
    & Pick<Issue, 'pull' | 'type'>,
): Issue {
  const now = timeText(nowMs)
  const current = hub.repositories.get(repository.id) ?? repository
  const number = current.issueNumberNext
  hub.repositories.put({ ...current, issueNumberNext: number + 1 })
  return hub.issues.put({
    ...hub.mint(type),
    type,
    repositoryId: repository.id,
    number,
    title,
    body: body ?? null,
    state: 'open',
    stateReason: null,
    labelIds: labelIds ?? [],
    assigneeIds: assigneeIds ?? [],
    milestoneId: milestoneId ?? null,
    authorId: viewer.id,
    locked: false,
    lockReason: null,
    createdAt: now,
    updatedAt: now,
    closedAt: null,
    closedById: null,
    pull,
  })
}

/** Changes an issue. Throws `Refused`. */
export function updateIssue(session: Session, issue: Issue, change: IssueChange): Issue {
  needWrite(repositoryOf(session, issue))
  refuseInvalid(checkIssue(change))
  const { title, body, labelIds, assigneeIds, milestoneId } = change
  return session.hub.issues.put({
    ...issue,
    ...(title === undefined ? {} : { title }),
    ...(body === undefined ? {} : { body }),
    ...(labelIds === undefined ? {} : { labelIds }),
    ...(assigneeIds === undefined ? {} : { assigneeIds }),
    ...(milestoneId === undefined ? {} : { milestoneId }),
    ...stateAfter(session, issue, change),
    updatedAt: timeText(session.nowMs),
  })
}

/** Closing says why (`completed` unless told), opening again says `reopened`; a reason alone changes the reason. */
function stateAfter(
  { viewer, nowMs }: Session,
  issue: Issue,
  { state = issue.state, stateReason }: IssueChange,
): Pick<Issue, 'state' | 'stateReason' | 'closedAt' | 'closedById'> {
  const { closedAt, closedById } = issue
  if (state === issue.state) {
    const kept = state === 'open' || stateReason === undefined || stateReason === null
    return { state, stateReason: kept ? issue.stateReason : stateReason, closedAt, closedById }
  }
  if (state === 'open') {
    const reason = issue.pull === null ? 'reopened' : null
    return { state, stateReason: reason, closedAt: null, closedById: null }
  }
  return {
    state,
    stateReason: issue.pull === null ? stateReason ?? 'completed' : null,
    closedAt: timeText(nowMs),
    closedById: viewer.id,
  }
}

/** Removes an issue and what belongs to it. Throws `Refused`. */
export function deleteIssue(session: Session, issue: Issue): void {
  needWrite(repositoryOf(session, issue))
  const { hub } = session
  const comments = [...hub.found.commentsOfIssue.of(issue.id).values()]
  for (const comment of comments) hub.comments.remove(comment)
  hub.issues.remove(issue)
  hub.gone.set(`${issue.repositoryId}#${issue.number}`, null)
}

/** Locks the conversation, or (null) opens it again. Throws `Refused`. */
export function lockIssue(
  session: Session,
  issue: Issue,
  lock: { readonly reason: LockReason | null } | null,
): Issue {
  needWrite(repositoryOf(session, issue))
  return session.hub.issues.put({
    ...issue,
    locked: lock !== null,
    lockReason: lock?.reason ?? null,
  })
}

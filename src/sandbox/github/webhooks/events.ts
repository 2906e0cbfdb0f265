// Room sandbox: what GitHub says of what was done: a change of a record as events, each with its action and what it carries.
// https://docs.github.com/webhooks/webhook-events-and-payloads

import type { Json, JsonObject } from '../../json.ts'
import { isPull } from '../acts/pulls.ts'
import { showComment, showLabel, showMilestone, showRelease } from '../rest/show.ts'
import { showIssue, showWholePull } from '../rest/show_issue.ts'
import { showAccount } from '../rest/show.ts'
import type { Change } from '../state/hub.ts'
import type { Comment, Issue, Label, Milestone, Release, Repository } from '../state/model.ts'
import type { Session } from '../state/session.ts'

export interface Happening {
  readonly event: string
  readonly repositoryId: bigint
  /** Without the repository and the sender, which all have. */
  readonly payload: JsonObject
}

/** A request can change a record several times; what counts is what came of it. */
export function happeningsOf(session: Session, changes: readonly Change[]): readonly Happening[] {
  const byId = new Map<string, Change>()
  for (const { before, after } of changes) {
    const row = after ?? before
    const key = `${row !== undefined && 'pull' in row ? 'Issue' : row?.type} ${row?.id}`
    const earlier = byId.get(key)
    byId.set(key, { before: earlier === undefined ? before : earlier.before, after })
  }
  return [...byId.values()].flatMap((change) => told(session, change))
}

function told(session: Session, { before, after }: Change): readonly Happening[] {
  const row = after ?? before
  if (row === undefined) return []
  // what goes with its repository: nobody is told, since the webhooks went too
  if ('repositoryId' in row && session.hub.repositories.get(row.repositoryId) === undefined) {
    return []
  }
  switch (row.type) {
    case 'Issue':
    case 'PullRequest':
      return issueHappenings(session, before as Issue | undefined, after as Issue | undefined)
    case 'IssueComment':
      return commentHappenings(session, before as Comment | undefined, after as Comment | undefined)
    case 'Label':
      return labelHappenings(session, before as Label | undefined, after as Label | undefined)
    case 'Milestone':
      return milestoneHappenings(
        session,
        before as Milestone | undefined,
        after as Milestone | undefined,
      )
    case 'Release':
      return releaseHappenings(session, before as Release | undefined, after as Release | undefined)
    case 'Repository':
      return repositoryHappenings(before as Repository | undefined, after as Repository | undefined)
    default:
      return []
  }
}

/** What each changed member was, as `edited` carries it; null: none has changed. */
function editOf<T extends object>(
  before: T,
  after: T,
  names: Readonly<Partial<Record<keyof T & string, string>>>,
): JsonObject | null {
  const changed = Object.entries(names).filter(([name]) =>
    before[name as keyof T] !== after[name as keyof T]
  )
  if (changed.length === 0) return null
  return Object.fromEntries(
    changed.map(([name, shown]) => [shown, { from: (before[name as keyof T] ?? '') as Json }]),
  )
}

function issueHappenings(
  session: Session,
  before: Issue | undefined,
  after: Issue | undefined,
): readonly Happening[] {
  const issue = after ?? before
  if (issue === undefined) return []
  const shown: JsonObject = isPull(issue)
    ? { number: issue.number, pull_request: showWholePull(session, issue) }
    : { issue: showIssue(session, issue) }
  const happening = (action: string, more: JsonObject = {}): Happening => ({
    event: isPull(issue) ? 'pull_request' : 'issues',
    repositoryId: issue.repositoryId,
    payload: { action, ...shown, ...more },
  })
  if (after === undefined) return isPull(issue) ? [] : [happening('deleted')]
  if (before === undefined || (before.pull === null && after.pull !== null)) {
    return [happening('opened')]
  }
  const changes = editOf(before, after, { title: 'title', body: 'body' })
  const base = before.pull !== null && after.pull !== null && before.pull.base !== after.pull.base
    ? { base: { ref: { from: before.pull.base } } }
    : null
  const edited = changes !== null || base !== null
  return [
    ...edited ? [happening('edited', { changes: { ...changes, ...base } })] : [],
    ...before.state === after.state
      ? []
      : [happening(after.state === 'closed' ? 'closed' : 'reopened')],
    ...partHappenings(session, { before, after }, happening),
  ]
}

/** Labels, people, the milestone and the lock. */
function partHappenings(
  session: Session,
  { before, after }: { readonly before: Issue; readonly after: Issue },
  happening: (action: string, more?: JsonObject) => Happening,
): readonly Happening[] {
  const { labels, accounts, milestones } = session.hub
  const without = <T>(ids: readonly T[], others: readonly T[]) =>
    ids.filter((id) => !others.includes(id))
  const labelled = (action: string, ids: readonly bigint[]) =>
    ids.flatMap((id) => labels.get(id) ?? [])
      .map((label) => happening(action, { label: showLabel(session, label) }))
  const assigned = (action: string, ids: readonly bigint[]) =>
    ids.flatMap((id) => accounts.get(id) ?? [])
      .map((account) => happening(action, { assignee: showAccount(session, account) }))
  const placed = (action: string, id: bigint | null) => {
    const milestone = id === null ? undefined : milestones.get(id)
    if (milestone === undefined) return []
    return [happening(action, { milestone: showMilestone(session, milestone) })]
  }
  const moved = before.milestoneId !== after.milestoneId
  return [
    ...labelled('labeled', without(after.labelIds, before.labelIds)),
    ...labelled('unlabeled', without(before.labelIds, after.labelIds)),
    ...assigned('assigned', without(after.assigneeIds, before.assigneeIds)),
    ...assigned('unassigned', without(before.assigneeIds, after.assigneeIds)),
    ...moved ? placed('demilestoned', before.milestoneId) : [],
    ...moved ? placed('milestoned', after.milestoneId) : [],
    ...before.locked === after.locked ? [] : [happening(after.locked ? 'locked' : 'unlocked')],
  ]
}

/** Of a comment that goes with its issue nothing is said. */
function commentHappenings(
  session: Session,
  before: Comment | undefined,
  after: Comment | undefined,
): readonly Happening[] {
  const comment = after ?? before
  const issue = comment === undefined ? undefined : session.hub.issues.get(comment.issueId)
  if (comment === undefined || issue === undefined) return []
  const happening = (action: string, more: JsonObject = {}): Happening => ({
    event: 'issue_comment',
    repositoryId: comment.repositoryId,
    payload: {
      action,
      issue: showIssue(session, issue),
      comment: showComment(session, comment),
      ...more,
    },
  })
  if (after === undefined) return [happening('deleted')]
  if (before === undefined) return [happening('created')]
  const changes = editOf(before, after, { body: 'body' })
  return changes === null ? [] : [happening('edited', { changes })]
}

function labelHappenings(
  session: Session,
  before: Label | undefined,
  after: Label | undefined,
): readonly Happening[] {
  const label = after ?? before
  if (label === undefined) return []
  const happening = (action: string, more: JsonObject = {}): Happening => ({
    event: 'label',
    repositoryId: label.repositoryId,
    payload: { action, label: showLabel(session, label), ...more },
  })
  if (after === undefined) return [happening('deleted')]
  if (before === undefined) return [happening('created')]
  const names = { name: 'name', color: 'color', description: 'description' } as const
  const changes = editOf(before, after, names)
  return changes === null ? [] : [happening('edited', { changes })]
}

function milestoneHappenings(
  session: Session,
  before: Milestone | undefined,
  after: Milestone | undefined,
): readonly Happening[] {
  const milestone = after ?? before
  if (milestone === undefined) return []
  const happening = (action: string, more: JsonObject = {}): Happening => ({
    event: 'milestone',
    repositoryId: milestone.repositoryId,
    payload: { action, milestone: showMilestone(session, milestone), ...more },
  })
  if (after === undefined) return [happening('deleted')]
  if (before === undefined) return [happening('created')]
  const names = { title: 'title', description: 'description', dueOn: 'due_on' } as const
  const changes = editOf(before, after, names)
  return [
    ...changes === null ? [] : [happening('edited', { changes })],
    ...before.state === after.state
      ? []
      : [happening(after.state === 'closed' ? 'closed' : 'opened')],
  ]
}

function releaseHappenings(
  session: Session,
  before: Release | undefined,
  after: Release | undefined,
): readonly Happening[] {
  const release = after ?? before
  if (release === undefined) return []
  const happening = (action: string, more: JsonObject = {}): Happening => ({
    event: 'release',
    repositoryId: release.repositoryId,
    payload: { action, release: showRelease(session, release), ...more },
  })
  if (after === undefined) return [happening('deleted')]
  const published = [
    happening('published'),
    happening(after.isPrerelease ? 'prereleased' : 'released'),
  ]
  if (before === undefined) return [happening('created'), ...after.isDraft ? [] : published]
  const names = {
    name: 'name',
    body: 'body',
    tagName: 'tag_name',
    target: 'target_commitish',
    isPrerelease: 'prerelease',
  } as const
  const changes = editOf(before, after, names)
  return [
    ...changes === null ? [] : [happening('edited', { changes })],
    ...before.isDraft && !after.isDraft ? published : [],
    ...!before.isDraft && after.isDraft ? [happening('unpublished')] : [],
  ]
}

/** One that is new has no webhooks yet, and one that was deleted none any more. */
function repositoryHappenings(
  before: Repository | undefined,
  after: Repository | undefined,
): readonly Happening[] {
  if (before === undefined || after === undefined) return []
  const happening = (action: string, more: JsonObject = {}): Happening => ({
    event: 'repository',
    repositoryId: after.id,
    payload: { action, ...more },
  })
  const names = {
    description: 'description',
    homepage: 'homepage',
    defaultBranch: 'default_branch',
    topics: 'topics',
  } as const
  const changes = editOf(before, after, names)
  const renamed = { changes: { repository: { name: { from: before.name } } } }
  const { archived } = after.flags
  return [
    ...changes === null ? [] : [happening('edited', { changes })],
    ...before.name === after.name ? [] : [happening('renamed', renamed)],
    ...before.flags.archived === archived ? [] : [happening(archived ? 'archived' : 'unarchived')],
    ...before.visibility === after.visibility
      ? []
      : [happening(after.visibility === 'public' ? 'publicized' : 'privatized')],
  ]
}

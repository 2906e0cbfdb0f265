// Room sandbox: issues and pull requests as the REST API writes them. A pull request has two faces: as an issue, and as
// itself, with another id.

import type { Json, JsonObject } from '../../json.ts'
import type { PullIssue } from '../acts/pulls.ts'
import type { Issue, Repository } from '../state/model.ts'
import { accountOf, fullNameOf, repositoryOf, type Session } from '../state/session.ts'
import {
  association,
  number,
  repositoryUrl,
  showAccount,
  showLabel,
  showMilestone,
  showReactions,
  showRepository,
  site,
} from './show.ts'

/** What both faces show. */
function showCommon(session: Session, issue: Issue): JsonObject {
  const { hub } = session
  const assignees = issue.assigneeIds.map((id) => showAccount(session, accountOf(session, id)))
  const milestone = issue.milestoneId === null ? undefined : hub.milestones.get(issue.milestoneId)
  const labels = issue.labelIds.flatMap((id) => hub.labels.get(id) ?? [])
  return {
    node_id: issue.nodeId,
    number: issue.number,
    title: issue.title,
    user: showAccount(session, accountOf(session, issue.authorId)),
    state: issue.state,
    locked: issue.locked,
    active_lock_reason: issue.lockReason,
    assignee: assignees[0] ?? null,
    assignees,
    labels: labels.map((label) => showLabel(session, label)),
    milestone: milestone === undefined ? null : showMilestone(session, milestone),
    comments: hub.found.commentsOfIssue.of(issue.id).size,
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    closed_at: issue.closedAt,
    author_association: association(session, repositoryOf(session, issue), issue.authorId),
    body: issue.body,
  }
}

/** An issue, or a pull request as the issue that it also is. */
export function showIssue(session: Session, issue: Issue): JsonObject {
  const repository = repositoryOf(session, issue)
  const at = repositoryUrl(session, repository)
  const url = `${at}/issues/${issue.number}`
  return {
    url,
    repository_url: at,
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: pageOf(session, issue),
    id: number(issue.id),
    ...showCommon(session, issue),
    type: null,
    reactions: showReactions(url),
    timeline_url: `${url}/timeline`,
    performed_via_github_app: null,
    state_reason: issue.stateReason,
    ...(issue.pull === null ? {} : {
      draft: issue.pull.isDraft,
      pull_request: {
        url: `${at}/pulls/${issue.number}`,
        html_url: pageOf(session, issue),
        diff_url: `${pageOf(session, issue)}.diff`,
        patch_url: `${pageOf(session, issue)}.patch`,
        merged_at: issue.pull.mergedAt,
      },
    }),
  }
}

/** An issue alone also shows who closed it. */
export function showWholeIssue(session: Session, issue: Issue): JsonObject {
  return { ...showIssue(session, issue), closed_by: shownOrNull(session, issue.closedById) }
}

/** A pull request in a list. */
export function showPull(session: Session, issue: PullIssue): JsonObject {
  const repository = repositoryOf(session, issue)
  const at = repositoryUrl(session, repository)
  const url = `${at}/pulls/${issue.number}`
  const asIssue = `${at}/issues/${issue.number}`
  const page = pageOf(session, issue)
  const { pull } = issue
  const hash = repository.branches.get(pull.head) ?? null
  const statuses = `${at}/statuses/${hash ?? ''}`
  const { comments: _comments, ...common } = showCommon(session, issue)
  return {
    url,
    id: number(pull.id),
    html_url: page,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    issue_url: asIssue,
    ...common,
    merged_at: pull.mergedAt,
    merge_commit_sha: pull.mergeHash,
    requested_reviewers: [],
    requested_teams: [],
    draft: pull.isDraft,
    commits_url: `${url}/commits`,
    review_comments_url: `${url}/comments`,
    review_comment_url: `${at}/pulls/comments{/number}`,
    comments_url: `${asIssue}/comments`,
    statuses_url: statuses,
    head: showEnd(session, repository, pull.head),
    base: showEnd(session, repository, pull.base),
    _links: {
      self: { href: url },
      html: { href: page },
      issue: { href: asIssue },
      comments: { href: `${asIssue}/comments` },
      review_comments: { href: `${url}/comments` },
      review_comment: { href: `${at}/pulls/comments{/number}` },
      commits: { href: `${url}/commits` },
      statuses: { href: statuses },
    },
    auto_merge: null,
  }
}

/** A pull request alone. */
export function showWholePull(session: Session, issue: PullIssue): JsonObject {
  const { pull } = issue
  const { comments = 0 } = showCommon(session, issue)
  const open = issue.state === 'open'
  return {
    ...showPull(session, issue),
    merged: pull.mergedAt !== null,
    mergeable: open ? true : null,
    rebaseable: open ? true : null,
    mergeable_state: open ? (pull.isDraft ? 'draft' : 'clean') : 'unknown',
    merged_by: shownOrNull(session, pull.mergedById),
    comments,
    review_comments: 0,
    maintainer_can_modify: pull.maintainerCanModify,
    commits: 1,
    additions: 0,
    deletions: 0,
    changed_files: 0,
  }
}

/** Where people read an issue. */
export function pageOf(session: Session, issue: Issue): string {
  const kind = issue.pull === null ? 'issues' : 'pull'
  return `${site}/${fullNameOf(session, repositoryOf(session, issue))}/${kind}/${issue.number}`
}

function showEnd(session: Session, repository: Repository, branch: string): Json {
  const owner = accountOf(session, repository.ownerId)
  return {
    label: `${owner.login}:${branch}`,
    ref: branch,
    sha: repository.branches.get(branch) ?? '',
    user: showAccount(session, owner),
    repo: showRepository(session, repository),
  }
}

function shownOrNull(session: Session, id: bigint | null): Json {
  return id === null ? null : showAccount(session, accountOf(session, id))
}

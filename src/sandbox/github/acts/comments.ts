// Room sandbox: what can be done to the comments of issues and pull requests.

import { refuseInvalid } from '../refusal.ts'
import type { Comment, Issue } from '../state/model.ts'
import { repositoryOf, type Session, timeText } from '../state/session.ts'
import { needWrite } from './rights.ts'
import { bodyLengthMax, checkText } from './text.ts'

export function commentsOf({ hub }: Session, issue: Issue): readonly Comment[] {
  return [...hub.found.commentsOfIssue.of(issue.id).values()]
}

/** Throws `Refused`. */
export function createComment(session: Session, issue: Issue, body: string): Comment {
  needWrite(repositoryOf(session, issue))
  checkBody(body)
  const { hub, viewer, nowMs } = session
  const now = timeText(nowMs)
  hub.issues.put({ ...issue, updatedAt: now })
  return hub.comments.put({
    ...hub.mint('IssueComment'),
    type: 'IssueComment',
    repositoryId: issue.repositoryId,
    issueId: issue.id,
    body,
    authorId: viewer.id,
    createdAt: now,
    updatedAt: now,
  })
}

/** Throws `Refused`. */
export function updateComment(session: Session, comment: Comment, body: string): Comment {
  needWrite(repositoryOf(session, comment))
  checkBody(body)
  return session.hub.comments.put({ ...comment, body, updatedAt: timeText(session.nowMs) })
}

/** Throws `Refused`. */
export function deleteComment(session: Session, comment: Comment): void {
  needWrite(repositoryOf(session, comment))
  session.hub.comments.remove(comment)
}

function checkBody(body: string): void {
  refuseInvalid(
    checkText(body, {
      resource: 'IssueComment',
      field: 'body',
      lengthMax: bodyLengthMax,
      needed: true,
    }),
  )
}

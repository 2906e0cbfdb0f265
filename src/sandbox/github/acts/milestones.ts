// Room sandbox: what can be done to the milestones of a repository.

import { type FieldError, refuseInvalid } from '../refusal.ts'
import type { Milestone, Repository } from '../state/model.ts'
import { repositoryOf, type Session, timeText } from '../state/session.ts'
import { needWrite } from './rights.ts'
import { checkText, titleLengthMax } from './text.ts'

export interface MilestoneChange {
  readonly title?: string
  readonly description?: string | null
  readonly state?: 'open' | 'closed'
  readonly dueOn?: string | null
}

export function milestonesOf({ hub }: Session, repository: Repository): readonly Milestone[] {
  return [...hub.found.milestones.of(repository.id).values()]
}

export function milestoneNumbered(
  { hub }: Session,
  repository: Repository,
  number: number,
): Milestone | undefined {
  return hub.found.milestones.of(repository.id).get(number)
}

/** Throws `Refused`. */
export function createMilestone(
  session: Session,
  repository: Repository,
  change: MilestoneChange & { readonly title: string },
): Milestone {
  needWrite(repository)
  refuseInvalid(checkMilestone(session, repository, change))
  const { hub, viewer } = session
  const now = timeText(session.nowMs)
  const current = hub.repositories.get(repository.id) ?? repository
  const number = current.milestoneNumberNext
  hub.repositories.put({ ...current, milestoneNumberNext: number + 1 })
  const state = change.state ?? 'open'
  return hub.milestones.put({
    ...hub.mint('Milestone'),
    type: 'Milestone',
    repositoryId: repository.id,
    number,
    title: change.title,
    description: change.description ?? null,
    state,
    creatorId: viewer.id,
    dueOn: change.dueOn ?? null,
    createdAt: now,
    updatedAt: now,
    closedAt: state === 'closed' ? now : null,
  })
}

/** Throws `Refused`. */
export function updateMilestone(
  session: Session,
  milestone: Milestone,
  change: MilestoneChange,
): Milestone {
  const repository = repositoryOf(session, milestone)
  needWrite(repository)
  refuseInvalid(checkMilestone(session, repository, { ...change, self: milestone }))
  const { title, description, dueOn, state = milestone.state } = change
  const now = timeText(session.nowMs)
  return session.hub.milestones.put({
    ...milestone,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(dueOn === undefined ? {} : { dueOn }),
    state,
    updatedAt: now,
    closedAt: state === 'closed' ? milestone.closedAt ?? now : null,
  })
}

/** Removes a milestone, also from its issues. Throws `Refused`. */
export function deleteMilestone(session: Session, milestone: Milestone): void {
  needWrite(repositoryOf(session, milestone))
  const { issues, milestones, found } = session.hub
  for (const issue of found.issuesOfMilestone.of(milestone.id).values()) {
    issues.put({ ...issue, milestoneId: null })
  }
  milestones.remove(milestone)
}

function checkMilestone(
  session: Session,
  repository: Repository,
  { title, self }: MilestoneChange & { readonly self?: Milestone },
): readonly FieldError[] {
  const resource = 'Milestone'
  const [holder] = session.hub.found.milestonesTitled.of(`${repository.id} ${title}`).values()
  return [
    ...checkText(title, { resource, field: 'title', lengthMax: titleLengthMax, needed: true }),
    ...(holder === undefined || holder.id === self?.id
      ? []
      : [{ resource, field: 'title', code: 'already_exists' } as const]),
  ]
}

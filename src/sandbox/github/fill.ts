// Room sandbox: many records at once, for trials with large tables: all in octo/hello, all made by its user just now.

import { colorDefault } from './acts/labels.ts'
import { flagsDefault } from './acts/repositories.ts'
import type { Issue, Pull, Repository } from './state/model.ts'
import { accountNamed, repositoryNamed, type Session, timeText } from './state/session.ts'

const none: readonly bigint[] = []
const noBranches: ReadonlyMap<string, string> = new Map()

/** So many issues have so many comments each at most. */
const commentsEach = 50

/** Makes so many more records of a table; false: there is no such table, or nowhere to put them. */
export function fill(session: Session, table: string, count: number): boolean {
  const repository = repositoryNamed(session, 'octo/hello')
  if (repository === undefined) return false
  const make = makers[table]
  if (make === undefined) return false
  make({ session, repository, count, now: timeText(session.nowMs) })
  session.hub.takeChanges() // nobody is told
  return true
}

interface Filling {
  readonly session: Session
  readonly repository: Repository
  readonly count: number
  readonly now: string
}

const makers: Readonly<Record<string, (filling: Filling) => void>> = {
  issues: (filling) => fillIssues(filling, false),
  pull_requests: (filling) => fillIssues(filling, true),
  labels: fillLabels,
  milestones: fillMilestones,
  issue_comments: fillComments,
  releases: fillReleases,
  repositories: fillRepositories,
}

function fillIssues({ session, repository, count, now }: Filling, arePulls: boolean): void {
  const { hub, viewer } = session
  const type = arePulls ? 'PullRequest' : 'Issue'
  const first = repository.issueNumberNext
  for (let number = first; number < first + count; number += 1) {
    const issue: Issue = {
      ...hub.mint(type),
      type,
      repositoryId: repository.id,
      number,
      title: `Filled ${number}`,
      body: number % 3 === 0 ? null : `One of many: ${number}`,
      state: 'open',
      stateReason: null,
      labelIds: none,
      assigneeIds: none,
      milestoneId: null,
      authorId: viewer.id,
      locked: false,
      lockReason: null,
      createdAt: now,
      updatedAt: now,
      closedAt: null,
      closedById: null,
      pull: arePulls ? newPull(session, number) : null,
    }
    hub.issues.put(issue)
  }
  hub.repositories.put({ ...repository, issueNumberNext: first + count })
}

function newPull({ hub }: Session, number: number): Pull {
  return {
    id: hub.mint('PullRequest').id,
    head: 'feature',
    base: 'main',
    isDraft: false,
    maintainerCanModify: number % 3 === 0,
    mergedAt: null,
    mergedById: null,
    mergeHash: null,
  }
}

function fillLabels({ session: { hub }, repository, count, now }: Filling): void {
  for (let made = 0; made < count; made += 1) {
    const minted = hub.mint('Label')
    hub.labels.put({
      ...minted,
      type: 'Label',
      repositoryId: repository.id,
      name: `filled-${minted.id}`,
      color: colorDefault,
      description: null,
      isDefault: false,
      createdAt: now,
      updatedAt: now,
    })
  }
}

function fillMilestones({ session: { hub, viewer }, repository, count, now }: Filling): void {
  const first = repository.milestoneNumberNext
  for (let number = first; number < first + count; number += 1) {
    hub.milestones.put({
      ...hub.mint('Milestone'),
      type: 'Milestone',
      repositoryId: repository.id,
      number,
      title: `Filled ${number}`,
      description: null,
      state: 'open',
      creatorId: viewer.id,
      dueOn: null,
      createdAt: now,
      updatedAt: now,
      closedAt: null,
    })
  }
  hub.repositories.put({ ...repository, milestoneNumberNext: first + count })
}

/** On the issues that are there, the newest first. */
function fillComments({ session: { hub, viewer }, repository, count, now }: Filling): void {
  const issues = [...hub.found.issues.of(repository.id).values()].toReversed()
  for (let made = 0; made < count; made += 1) {
    const issue = issues[Math.floor(made / commentsEach) % issues.length]
    const minted = hub.mint('IssueComment')
    hub.comments.put({
      ...minted,
      type: 'IssueComment',
      repositoryId: repository.id,
      issueId: issue?.id ?? -1n,
      body: `One of many: ${minted.id}`,
      authorId: viewer.id,
      createdAt: now,
      updatedAt: now,
    })
  }
}

function fillReleases({ session: { hub, viewer }, repository, count, now }: Filling): void {
  for (let made = 0; made < count; made += 1) {
    const minted = hub.mint('Release')
    hub.releases.put({
      ...minted,
      type: 'Release',
      repositoryId: repository.id,
      tagName: `filled-${minted.id}`,
      target: repository.defaultBranch,
      name: null,
      body: null,
      isDraft: false,
      isPrerelease: false,
      authorId: viewer.id,
      createdAt: now,
      updatedAt: now,
      publishedAt: now,
    })
  }
}

function fillRepositories({ session, count, now }: Filling): void {
  const { hub } = session
  const ownerId = accountNamed(session, 'octo')?.id ?? session.viewer.id
  for (let made = 0; made < count; made += 1) {
    const minted = hub.mint('Repository')
    hub.repositories.put({
      ...minted,
      type: 'Repository',
      ownerId,
      name: `filled-${minted.id}`,
      description: null,
      homepage: null,
      visibility: 'public',
      flags: flagsDefault,
      defaultBranch: 'main',
      topics: [],
      access: 'admin',
      collaboratorIds: none,
      branches: noBranches,
      issueNumberNext: 1,
      milestoneNumberNext: 1,
      createdAt: now,
      updatedAt: now,
      pushedAt: now,
    })
  }
}

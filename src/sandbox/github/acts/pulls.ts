// Room sandbox: what can be done to pull requests beyond what can be done to issues.

import { createHash } from 'node:crypto'
import { type FieldError, refused, refuseInvalid } from '../refusal.ts'
import { nodeIdOf } from '../state/ids.ts'
import type { Issue, Pull, Repository } from '../state/model.ts'
import { accountOf, fullNameOf, repositoryOf, type Session, timeText } from '../state/session.ts'
import { addIssue, checkIssue, type IssueChange, updateIssue } from './issues.ts'
import { pullsByCreation } from '../state/sorting.ts'
import { needWrite } from './rights.ts'

export interface PullInput {
  readonly title: string
  readonly body?: string | null
  /** `branch` or `owner:branch`. */
  readonly head: string
  readonly base: string
  readonly isDraft?: boolean
  readonly maintainerCanModify?: boolean
  /** The issue that becomes the pull request; its title and body stay. */
  readonly issue?: Issue
}

/** A pull request with its details. */
export type PullIssue = Issue & { readonly pull: Pull }

export function isPull(issue: Issue | undefined): issue is PullIssue {
  return issue !== undefined && issue.pull !== null
}

/** Opens a pull request. Throws `Refused`. */
export function createPull(session: Session, repository: Repository, input: PullInput): PullIssue {
  needWrite(repository)
  const head = branchOf(session, repository, input.head)
  refuseInvalid([
    ...(input.issue === undefined ? checkIssue(input, 'PullRequest') : []),
    ...checkBranches(session, repository, { ...input, head }),
  ])
  const { hub } = session
  const pull: Pull = {
    id: hub.mint('PullRequest').id,
    head: head ?? '',
    base: input.base,
    isDraft: input.isDraft ?? false,
    maintainerCanModify: input.maintainerCanModify ?? false,
    mergedAt: null,
    mergedById: null,
    mergeHash: null,
  }
  if (input.issue === undefined) {
    return { ...addIssue(session, repository, { ...input, pull, type: 'PullRequest' }), pull }
  }
  const nodeId = nodeIdOf('PullRequest', input.issue.id)
  const updatedAt = timeText(session.nowMs)
  const becomes = { ...input.issue, type: 'PullRequest' as const, nodeId, pull, updatedAt }
  hub.issues.put(becomes)
  return becomes
}

/** Changes a pull request. Throws `Refused`. */
export function updatePull(
  session: Session,
  issue: PullIssue,
  change: IssueChange & { readonly base?: string; readonly maintainerCanModify?: boolean },
): PullIssue {
  const repository = repositoryOf(session, issue)
  needWrite(repository)
  const { base = issue.pull.base, maintainerCanModify = issue.pull.maintainerCanModify } = change
  refuseInvalid([
    ...checkIssue(change, 'PullRequest'),
    ...(repository.branches.has(base) ? [] : [invalid('base')]),
    ...(change.state === 'open' && issue.pull.mergedAt !== null ? [invalid('state')] : []),
  ])
  const pull = { ...issue.pull, base, maintainerCanModify }
  const changed = { ...updateIssue(session, issue, change), pull }
  session.hub.issues.put(changed)
  return changed
}

/** Merges. `expected`: the commit that the head must be at. Throws `Refused`. */
export function mergePull(
  session: Session,
  issue: PullIssue,
  { expected }: { readonly expected: string | null },
): PullIssue {
  const repository = repositoryOf(session, issue)
  needWrite(repository)
  const { head, base } = issue.pull
  const hash = repository.branches.get(head)
  if (issue.state === 'closed' || issue.pull.isDraft || hash === undefined) {
    throw refused({ kind: 'not-allowed', message: 'Pull Request is not mergeable' })
  }
  if (expected !== null && expected !== hash) {
    const message = 'Head branch was modified. Review and try the merge again.'
    throw refused({ kind: 'conflict', message })
  }
  const { hub, viewer, nowMs } = session
  const now = timeText(nowMs)
  const mergeHash = createHash('sha1').update(`${issue.id} ${hash}`).digest('hex')
  const branches = new Map([...repository.branches, [base, mergeHash]])
  hub.repositories.put({ ...repository, branches, pushedAt: now })
  const pull = { ...issue.pull, mergedAt: now, mergedById: viewer.id, mergeHash }
  const merged = { ...updateIssue(session, issue, { state: 'closed' }), pull }
  hub.issues.put(merged)
  return merged
}

function invalid(field: string): FieldError {
  return { resource: 'PullRequest', field, code: 'invalid' }
}

function custom(message: string): FieldError {
  return { resource: 'PullRequest', field: null, code: 'custom', message }
}

/** The branch that a head names, or null when it is none of the repository's. */
function branchOf(session: Session, repository: Repository, head: string): string | null {
  const [first = '', ...rest] = head.split(':')
  const owner = accountOf(session, repository.ownerId).login
  if (rest.length > 0 && first.toLowerCase() !== owner.toLowerCase()) return null
  const branch = rest.length > 0 ? rest.join(':') : first
  return repository.branches.has(branch) ? branch : null
}

function checkBranches(
  session: Session,
  repository: Repository,
  { head, base }: { readonly head: string | null; readonly base: string },
): readonly FieldError[] {
  const errors = [
    ...(head === null ? [invalid('head')] : []),
    ...(repository.branches.has(base) ? [] : [invalid('base')]),
  ]
  if (errors.length > 0 || head === null) return errors
  if (repository.branches.get(head) === repository.branches.get(base)) {
    return [custom(`No commits between ${base} and ${head}`)]
  }
  const pulls = session.hub.orders.issues.rows(repository.id, pullsByCreation)
  const open = pulls.some(({ state, pull }) =>
    state === 'open' && pull?.head === head && pull.base === base
  )
  const owner = fullNameOf(session, repository).split('/')[0] ?? ''
  return open ? [custom(`A pull request already exists for ${owner}:${head}.`)] : []
}

// Room sandbox: what can be done to repositories.

import { createHash } from 'node:crypto'
import { type FieldError, refused, refuseInvalid } from '../refusal.ts'
import { nameKey } from '../state/hub.ts'
import type { Groups, Shelf } from '../state/shelf.ts'
import type { Account, Repository, RepositoryFlags, Row } from '../state/model.ts'
import { accountNamed, fullNameOf, type Session, timeText } from '../state/session.ts'
import { createLabel } from './labels.ts'

export interface RepositoryChange {
  readonly name?: string
  readonly description?: string | null
  readonly homepage?: string | null
  readonly visibility?: 'public' | 'private'
  readonly defaultBranch?: string
  readonly flags?: Partial<RepositoryFlags>
}

export const flagsDefault: RepositoryFlags = {
  has_issues: true,
  has_projects: true,
  has_wiki: true,
  is_template: false,
  archived: false,
  allow_squash_merge: true,
  allow_merge_commit: true,
  allow_rebase_merge: true,
  allow_auto_merge: false,
  delete_branch_on_merge: false,
}

/** The labels that a new repository has. */
const labelsDefault: readonly (readonly [name: string, color: string, description: string])[] = [
  ['bug', 'd73a4a', "Something isn't working"],
  ['documentation', '0075ca', 'Improvements or additions to documentation'],
  ['duplicate', 'cfd3d7', 'This issue or pull request already exists'],
  ['enhancement', 'a2eeef', 'New feature or request'],
  ['good first issue', '7057ff', 'Good for newcomers'],
  ['help wanted', '008672', 'Extra attention is needed'],
  ['invalid', 'e4e669', "This doesn't seem right"],
  ['question', 'd876e3', 'Further information is requested'],
  ['wontfix', 'ffffff', 'This will not be worked on'],
]

/** The viewer may know of them. */
export function repositoriesVisible({ hub }: Session): readonly Repository[] {
  return hub.orders.repositories.rows(0n, {
    name: 'visible',
    by: () => 0,
    keep: ({ access }) => access !== 'none',
  })
}

/** A made-up commit. */
export function commitOf(...parts: readonly string[]): string {
  return createHash('sha1').update(parts.join('\n')).digest('hex')
}

/** Makes a repository with the labels that every new one has. Throws `Refused`. */
export function createRepository(
  session: Session,
  owner: Account,
  change: RepositoryChange & {
    readonly name: string
    /** Begins with a commit on its default branch. */
    readonly autoInit?: boolean
  },
): Repository {
  const { hub, nowMs } = session
  const name = slugOf(change.name)
  const errors = checkName(session, name, { owner: owner.login })
  if (errors.length > 0) {
    throw refused({ kind: 'invalid', errors, message: 'Repository creation failed.' })
  }
  const now = timeText(nowMs)
  const minted = hub.mint('Repository')
  const branches = change.autoInit === true ? [['main', commitOf(minted.nodeId)] as const] : []
  const repository = hub.repositories.put({
    ...minted,
    type: 'Repository',
    ownerId: owner.id,
    name,
    description: change.description ?? null,
    homepage: change.homepage ?? null,
    visibility: change.visibility ?? 'public',
    flags: { ...flagsDefault, ...change.flags },
    defaultBranch: 'main',
    topics: [],
    access: 'admin',
    collaboratorIds: [session.viewer.id],
    branches: new Map(branches),
    issueNumberNext: 1,
    milestoneNumberNext: 1,
    createdAt: now,
    updatedAt: now,
    pushedAt: now,
  })
  hub.renamed.delete(fullNameOf(session, repository).toLowerCase())
  for (const [label, color, description] of labelsDefault) {
    createLabel(session, repository, { name: label, color, description, isDefault: true })
  }
  return repository
}

/** Changes a repository; a renamed one is found under its old name too. Throws `Refused`. */
export function updateRepository(
  session: Session,
  repository: Repository,
  change: RepositoryChange,
): Repository {
  needAdmin(repository)
  const name = change.name === undefined ? repository.name : slugOf(change.name)
  const { description, homepage, visibility, defaultBranch, flags } = change
  const before = fullNameOf(session, repository)
  const owner = before.split('/')[0] ?? ''
  refuseInvalid([
    ...checkName(session, name, { owner, self: repository }),
    ...(defaultBranch === undefined || repository.branches.has(defaultBranch)
      ? []
      : [{ resource: 'Repository', field: 'default_branch', code: 'invalid' } as const]),
  ])
  const { hub } = session
  if (name !== repository.name) hub.renamed.set(before.toLowerCase(), repository.id)
  return hub.repositories.put({
    ...repository,
    name,
    ...(description === undefined ? {} : { description }),
    ...(homepage === undefined ? {} : { homepage }),
    ...(visibility === undefined ? {} : { visibility }),
    ...(defaultBranch === undefined ? {} : { defaultBranch }),
    flags: { ...repository.flags, ...flags },
    updatedAt: timeText(session.nowMs),
  })
}

/** Removes a repository and all that is in it. Throws `Refused`. */
export function deleteRepository({ hub }: Session, repository: Repository): void {
  needAdmin(repository)
  const { found } = hub
  empty(hub.comments, found.comments, repository)
  empty(hub.issues, found.issues, repository)
  empty(hub.labels, found.labels, repository)
  empty(hub.milestones, found.milestones, repository)
  empty(hub.releases, found.releases, repository)
  for (const { id, repositoryId } of hub.hooks.values()) {
    if (repositoryId === repository.id) hub.hooks.delete(id)
  }
  hub.repositories.remove(repository)
}

function empty<T extends Row & { readonly repositoryId: bigint }>(
  shelf: Shelf<T>,
  groups: Groups<T>,
  repository: Repository,
): void {
  for (const row of groups.of(repository.id).values()) shelf.remove(row)
}

/** Unlike for what is in it, an archived repository can itself be changed. */
export function needAdmin({ access }: Repository): void {
  if (access === 'admin') return
  throw refused({ kind: 'forbidden', message: 'Resource not accessible by integration' })
}

/** GitHub makes a dash of what a name cannot hold. */
function slugOf(name: string): string {
  return name.trim().replace(/[^A-Za-z0-9._-]+/g, '-')
}

function checkName(
  session: Session,
  name: string,
  { owner, self }: { readonly owner: string; readonly self?: Repository },
): readonly FieldError[] {
  const resource = 'Repository'
  if (name === '') return [{ resource, field: 'name', code: 'missing_field' }]
  if (name.length > 100) {
    const message = 'name is too long (maximum is 100 characters)'
    return [{ resource, field: 'name', code: 'custom', message }]
  }
  const ownerId = accountNamed(session, owner)?.id ?? -1n
  const holders = session.hub.found.repositoriesNamed.of(nameKey(ownerId, name))
  const taken = [...holders.values()].some(({ id }) => id !== self?.id)
  if (!taken) return []
  const message = 'name already exists on this account'
  return [{ resource, field: 'name', code: 'custom', message }]
}

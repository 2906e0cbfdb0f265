// Room sandbox: what can be done to the releases of a repository.

import { type FieldError, refuseInvalid } from '../refusal.ts'
import type { Release, Repository } from '../state/model.ts'
import { repositoryOf, type Session, timeText } from '../state/session.ts'
import { needWrite } from './rights.ts'
import { checkText } from './text.ts'

export interface ReleaseChange {
  readonly tagName?: string
  readonly target?: string
  readonly name?: string | null
  readonly body?: string | null
  readonly isDraft?: boolean
  readonly isPrerelease?: boolean
}

const bodyLengthMax = 125_000

export function releasesOf({ hub }: Session, repository: Repository): readonly Release[] {
  return [...hub.found.releases.of(repository.id).values()]
}

/** The latest one that is published and no prerelease. */
export function latestRelease(session: Session, repository: Repository): Release | undefined {
  return releasesOf(session, repository).filter((one) => !one.isDraft && !one.isPrerelease).at(-1)
}

/** Throws `Refused`. */
export function createRelease(
  session: Session,
  repository: Repository,
  change: ReleaseChange & { readonly tagName: string },
): Release {
  needWrite(repository)
  refuseInvalid(checkRelease(session, repository, change))
  const { hub, viewer } = session
  const now = timeText(session.nowMs)
  return hub.releases.put({
    ...hub.mint('Release'),
    type: 'Release',
    repositoryId: repository.id,
    tagName: change.tagName,
    target: change.target ?? repository.defaultBranch,
    name: change.name ?? null,
    body: change.body ?? null,
    isDraft: change.isDraft ?? false,
    isPrerelease: change.isPrerelease ?? false,
    authorId: viewer.id,
    createdAt: now,
    updatedAt: now,
    publishedAt: change.isDraft === true ? null : now,
  })
}

/** Throws `Refused`. */
export function updateRelease(session: Session, release: Release, change: ReleaseChange): Release {
  const repository = repositoryOf(session, release)
  needWrite(repository)
  refuseInvalid(checkRelease(session, repository, { ...change, self: release }))
  const isDraft = change.isDraft ?? release.isDraft
  const now = timeText(session.nowMs)
  return session.hub.releases.put({
    ...release,
    tagName: change.tagName ?? release.tagName,
    target: change.target ?? release.target,
    name: change.name === undefined ? release.name : change.name,
    body: change.body === undefined ? release.body : change.body,
    isDraft,
    isPrerelease: change.isPrerelease ?? release.isPrerelease,
    updatedAt: now,
    publishedAt: isDraft ? null : release.publishedAt ?? now,
  })
}

/** Throws `Refused`. */
export function deleteRelease(session: Session, release: Release): void {
  needWrite(repositoryOf(session, release))
  session.hub.releases.remove(release)
}

/** Two published releases cannot have one tag; drafts can. */
function checkRelease(
  session: Session,
  repository: Repository,
  { tagName, target, body, isDraft, self }: ReleaseChange & { readonly self?: Release },
): readonly FieldError[] {
  const resource = 'Release'
  const published = !(isDraft ?? self?.isDraft ?? false)
  const tag = tagName ?? self?.tagName
  const holders = session.hub.found.releasesTagged.of(`${repository.id} ${tag}`)
  const taken = [...holders.values()].some(({ id }) => id !== self?.id)
  return [
    ...checkText(tagName, { resource, field: 'tag_name', lengthMax: 255, needed: true }),
    ...(published && taken
      ? [{ resource, field: 'tag_name', code: 'already_exists' } as const]
      : []),
    ...(target === undefined || repository.branches.has(target) ||
        [...repository.branches.values()].includes(target)
      ? []
      : [{ resource, field: 'target_commitish', code: 'invalid' } as const]),
    ...checkText(body, { resource, field: 'body', lengthMax: bodyLengthMax }),
  ]
}

// Room sandbox: who asks, and when. Everything that is done to the hub is done in a session.

import { required } from '../../../lib/assert.ts'
import type { Hook } from './hook.ts'
import { type Hub, nameKey } from './hub.ts'
import type { Account, Issue, Repository } from './model.ts'

export interface Session {
  readonly hub: Hub
  readonly viewer: Account
  /** The app's installation that the token is of; null for a user's token. */
  readonly installationId: number | null
  /** Milliseconds since 1970. */
  readonly nowMs: number
  /** Base URL of the API, without a slash at the end. */
  readonly base: string
  /** Calls a webhook to see that it is there. */
  readonly ping: (hook: Hook) => void
}

/** GitHub's form of a moment: to the second. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** The login, whatever its case. */
export function accountNamed({ hub }: Session, login: string): Account | undefined {
  return hub.accounts.all().find((one) => one.login.toLowerCase() === login.toLowerCase())
}

export function accountOf({ hub }: Session, id: bigint): Account {
  return required(hub.accounts.get(id), `account ${id}`)
}

export function repositoryOf({ hub }: Session, { repositoryId }: { repositoryId: bigint }) {
  return required(hub.repositories.get(repositoryId), `repository ${repositoryId}`)
}

/** The repository of a name, unless the viewer may not know of it. Renamed ones answer to their old name too. */
export function repositoryNamed(session: Session, fullName: string): Repository | undefined {
  const [login = '', name = ''] = fullName.split('/')
  const { repositories, renamed, found } = session.hub
  const owner = accountNamed(session, login)
  const [here] = owner === undefined
    ? []
    : found.repositoriesNamed.of(nameKey(owner.id, name)).values()
  const moved = here ?? repositories.get(renamed.get(fullName.toLowerCase()) ?? -1n)
  return moved === undefined || moved.access === 'none' ? undefined : moved
}

export function fullNameOf(session: Session, repository: Repository): string {
  return `${accountOf(session, repository.ownerId).login}/${repository.name}`
}

/** The issue or pull request of a number. */
export function issueNumbered(
  { hub }: Session,
  repository: Repository,
  number: number,
): Issue | undefined {
  return hub.found.issues.of(repository.id).get(number)
}

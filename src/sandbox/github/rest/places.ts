// Room sandbox: the endpoints of users, organizations and repositories.
// https://docs.github.com/rest/repos/repos

import type { JsonObject } from '../../json.ts'
import {
  createRepository,
  deleteRepository,
  flagsDefault,
  needAdmin,
  repositoriesVisible,
  type RepositoryChange,
  updateRepository,
} from '../acts/repositories.ts'
import { notFound, refused, refuseInvalid } from '../refusal.ts'
import type { Account, Repository, RepositoryFlags } from '../state/model.ts'
import { accountOf, fullNameOf, repositoryNamed, type Session, timeText } from '../state/session.ts'
import { accountParam, type Call, created, found, idParam, noContent, type Reply } from './call.ts'
import { reply, repositoryParam, type Route } from './call.ts'
import { checkShape, defined, flagOf, nullableText, type Shape, textOf, textsOf } from './fields.ts'
import { wordOf } from './fields.ts'
import { windowOf } from '../state/orders.ts'
import { choice, paged } from './page.ts'
import { number, showAccount, showRepository, showWholeRepository } from './show.ts'

const at = '/repos/:owner/:repo'

export const placeRoutes: readonly Route[] = [
  { method: 'GET', path: '/user', run: viewer, docs: '/users/users#get-the-authenticated-user' },
  {
    method: 'GET',
    path: '/users/:login',
    run: (call) => reply(200, showProfile(call.session, accountParam(call, 'login'))),
    docs: '/users/users#get-a-user',
  },
  {
    method: 'GET',
    path: '/orgs/:login',
    run: (call) => reply(200, showProfile(call.session, organizationParam(call))),
    docs: '/orgs/orgs#get-an-organization',
  },
  {
    method: 'GET',
    path: '/user/orgs',
    run: (call) => {
      const rows = call.session.hub.accounts.all().filter(({ type }) => type === 'Organization')
      return paged(call, rows, { show: (one) => showAccount(call.session, one) })
    },
    docs: '/orgs/orgs#list-organizations-for-the-authenticated-user',
  },
  {
    method: 'GET',
    path: '/user/repos',
    run: (call) => {
      needUser(call.session)
      return listRepositories(call, null)
    },
    docs: '/repos/repos#list-repositories-for-the-authenticated-user',
  },
  {
    method: 'GET',
    path: '/orgs/:login/repos',
    run: (call) => listRepositories(call, organizationParam(call)),
    docs: '/repos/repos#list-organization-repositories',
  },
  {
    method: 'GET',
    path: '/users/:login/repos',
    run: (call) => listRepositories(call, accountParam(call, 'login')),
    docs: '/repos/repos#list-repositories-for-a-user',
  },
  {
    method: 'GET',
    path: '/installation/repositories',
    run: installed,
    docs: '/apps/installations#list-repositories-accessible-to-the-app-installation',
  },
  {
    method: 'POST',
    path: '/user/repos',
    run: (call) => {
      needUser(call.session)
      return make(call, call.session.viewer)
    },
    docs: '/repos/repos#create-a-repository-for-the-authenticated-user',
    creates: true,
  },
  {
    method: 'POST',
    path: '/orgs/:login/repos',
    run: (call) => make(call, organizationParam(call)),
    docs: '/repos/repos#create-an-organization-repository',
    creates: true,
  },
  {
    method: 'GET',
    path: at,
    run: (call) => reply(200, showWholeRepository(call.session, repositoryParam(call))),
    docs: '/repos/repos#get-a-repository',
  },
  {
    method: 'GET',
    path: '/repositories/:id/*',
    run: byId,
    docs: '/repos/repos#get-a-repository',
  },
  { method: 'PATCH', path: at, run: change, docs: '/repos/repos#update-a-repository' },
  {
    method: 'DELETE',
    path: at,
    run: (call) => {
      deleteRepository(call.session, repositoryParam(call))
      return noContent
    },
    docs: '/repos/repos#delete-a-repository',
  },
  {
    method: 'GET',
    path: `${at}/topics`,
    run: (call) => reply(200, { names: repositoryParam(call).topics }),
    docs: '/repos/repos#get-all-repository-topics',
  },
  {
    method: 'PUT',
    path: `${at}/topics`,
    run: replaceTopics,
    docs: '/repos/repos#replace-all-repository-topics',
  },
  {
    method: 'GET',
    path: `${at}/collaborators`,
    run: listPeople,
    docs: '/collaborators/collaborators#list-repository-collaborators',
  },
  {
    method: 'GET',
    path: `${at}/collaborators/:login`,
    run: checkPerson,
    docs: '/collaborators/collaborators#check-if-a-user-is-a-repository-collaborator',
  },
  {
    method: 'GET',
    path: `${at}/assignees`,
    run: listPeople,
    docs: '/issues/assignees#list-assignees',
  },
  {
    method: 'GET',
    path: `${at}/assignees/:login`,
    run: checkPerson,
    docs: '/issues/assignees#check-if-a-user-can-be-assigned',
  },
]

/** Throws `Refused` for an app's installation, which is no user. */
function needUser({ installationId }: Session): void {
  if (installationId === null) return
  throw refused({ kind: 'forbidden', message: 'Resource not accessible by integration' })
}

function viewer(call: Call): Reply {
  needUser(call.session)
  return reply(200, {
    ...showProfile(call.session, call.session.viewer),
    private_gists: 0,
    total_private_repos: 0,
    owned_private_repos: 0,
    disk_usage: 0,
    collaborators: 0,
    two_factor_authentication: true,
  })
}

function showProfile(session: Session, account: Account): JsonObject {
  const repositories = repositoriesVisible(session).filter(({ ownerId }) => ownerId === account.id)
  return {
    ...showAccount(session, account),
    name: account.name,
    company: null,
    blog: '',
    location: null,
    email: null,
    hireable: null,
    bio: null,
    ...(account.type === 'Organization' ? { description: null } : {}),
    public_repos: repositories.filter(({ visibility }) => visibility === 'public').length,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: account.createdAt,
    updated_at: account.createdAt,
  }
}

function organizationParam(call: Call): Account {
  const account = accountParam(call, 'login')
  if (account.type !== 'Organization') throw refused(notFound)
  return account
}

/** Those of an owner, or all. */
function listRepositories(call: Call, owner: Account | null): Reply {
  const { session } = call
  const resource = 'Repository'
  const sort = choice(call, 'sort', {
    words: ['full_name', 'created', 'updated', 'pushed'],
    resource,
  })
  const direction = choice(call, 'direction', {
    words: sort === 'full_name' ? ['asc', 'desc'] : ['desc', 'asc'],
    resource,
  })
  const keys = {
    full_name: (row: Repository) => fullNameOf(session, row).toLowerCase(),
    created: (row: Repository) => row.createdAt,
    updated: (row: Repository) => row.updatedAt,
    pushed: (row: Repository) => row.pushedAt,
  }
  const rows = session.hub.orders.repositories.rows(0n, {
    name: `${sort} ${owner?.id ?? ''}`,
    by: keys[sort],
    keep: ({ access, ownerId }) => access !== 'none' && (owner === null || ownerId === owner.id),
  })
  return paged(call, windowOf(rows, { descending: direction === 'desc' }), {
    show: (row) => showRepository(session, row),
  })
}

function installed(call: Call): Reply {
  const { session } = call
  if (session.installationId === null) {
    const message = 'You must authenticate with an installation access token in order to list ' +
      'repositories for an installation.'
    throw refused({ kind: 'forbidden', message })
  }
  const rows = repositoriesVisible(session).filter(({ ownerId }) =>
    accountOf(session, ownerId).type === 'Organization'
  )
  return paged(call, rows, {
    show: (row) => showRepository(session, row),
    wrap: (repositories) => ({
      total_count: rows.length,
      repository_selection: 'all',
      repositories,
    }),
  })
}

/** Where the redirects of renamed repositories lead. */
function byId(call: Call): Reply {
  const { session } = call
  const row = found(session.hub.repositories.get(idParam(call, 'id')))
  const repository = found(repositoryNamed(session, fullNameOf(session, row)))
  const rest = call.params['*'] ?? ''
  if (rest === '') return reply(200, showWholeRepository(session, repository))
  const url = `${session.base}/repos/${fullNameOf(session, repository)}/${rest}`
  throw refused({ kind: 'moved', url })
}

const flagNames = Object.keys(flagsDefault) as (keyof RepositoryFlags)[]

const shape: Shape = {
  name: ['string'],
  description: ['string', 'null'],
  homepage: ['string', 'null'],
  private: ['boolean'],
  visibility: ['string'],
  default_branch: ['string'],
  auto_init: ['boolean'],
  ...Object.fromEntries(flagNames.map((name) => [name, ['boolean'] as const])),
}

function readChange(body: JsonObject): RepositoryChange {
  const isPrivate = flagOf(body, 'private')
  const words = ['public', 'private'] as const
  const visibility = wordOf(body, 'visibility', { words, resource: 'Repository' })
  const flags = flagNames.map((name) => [name, flagOf(body, name)] as const)
  return defined({
    name: textOf(body, 'name'),
    description: nullableText(body, 'description'),
    homepage: nullableText(body, 'homepage'),
    visibility: visibility ?? (isPrivate === undefined ? undefined : words[isPrivate ? 1 : 0]),
    defaultBranch: textOf(body, 'default_branch'),
    flags: Object.fromEntries(flags.filter(([, flag]) => flag !== undefined)),
  })
}

function make(call: Call, owner: Account): Reply {
  const body = call.body()
  checkShape(body, { ...shape, name: ['!', 'string'] })
  const name = textOf(body, 'name') ?? ''
  const autoInit = flagOf(body, 'auto_init') ?? false
  const { defaultBranch: _branch, ...change } = readChange(body)
  const row = createRepository(call.session, owner, { ...change, name, autoInit })
  return created(showWholeRepository(call.session, row))
}

function change(call: Call): Reply {
  const before = repositoryParam(call)
  const body = call.body()
  checkShape(body, shape)
  const row = updateRepository(call.session, before, readChange(body))
  return reply(200, showWholeRepository(call.session, row))
}

const topicsMax = 20

function replaceTopics(call: Call): Reply {
  const repository = repositoryParam(call)
  needAdmin(repository)
  const body = call.body()
  checkShape(body, { names: ['!', 'array'] })
  const names = textsOf(body, 'names') ?? []
  if (names.length > topicsMax) {
    throw refused({
      kind: 'unfit',
      message: `A repository cannot have more than ${topicsMax} topics.`,
    })
  }
  const topics = [...new Set(names.map((name) => name.toLowerCase()))]
  const bad = topics.find((topic) => !/^[a-z0-9][a-z0-9-]{0,49}$/.test(topic))
  if (bad !== undefined) {
    const message =
      'Topics must start with a lowercase letter or number, consist of 50 characters or less, ' +
      'and can include hyphens.'
    refuseInvalid([{ resource: 'Topic', field: 'name', code: 'custom', value: bad, message }])
  }
  call.session.hub.repositories.put({
    ...repository,
    topics,
    updatedAt: timeText(call.session.nowMs),
  })
  return reply(200, { names: topics })
}

function listPeople(call: Call): Reply {
  const { session } = call
  const rows = repositoryParam(call).collaboratorIds.map((id) => accountOf(session, id))
  return paged(call, rows, {
    show: (row) => ({
      ...showAccount(session, row),
      id: number(row.id),
      role_name: 'admin',
      permissions: { admin: true, maintain: true, push: true, triage: true, pull: true },
    }),
  })
}

function checkPerson(call: Call): Reply {
  const repository = repositoryParam(call)
  const account = accountParam(call, 'login')
  if (!repository.collaboratorIds.includes(account.id)) throw refused(notFound)
  return noContent
}

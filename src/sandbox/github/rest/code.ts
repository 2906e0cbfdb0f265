// Room sandbox: the endpoints of pull requests, releases and branches.
// https://docs.github.com/rest/pulls/pulls, https://docs.github.com/rest/releases/releases

import type { Json, JsonObject } from '../../json.ts'
import { createPull, isPull, mergePull, type PullIssue, updatePull } from '../acts/pulls.ts'
import {
  createRelease,
  deleteRelease,
  latestRelease,
  releasesOf,
  updateRelease,
} from '../acts/releases.ts'
import { needWrite } from '../acts/rights.ts'
import { notFound, refused, refuseInvalid } from '../refusal.ts'
import type { Issue, Release, Repository } from '../state/model.ts'
import { issueNumbered, type Session } from '../state/session.ts'
import { type Call, created, found, idParam, issueParam, noContent, param } from './call.ts'
import { type Reply, reply, repositoryParam, type Route } from './call.ts'
import { checkShape, defined, flagOf, nullableText, type Shape, textOf, wordOf } from './fields.ts'
import { windowOf } from '../state/orders.ts'
import { pullsByChange, pullsByCreation } from '../state/sorting.ts'
import { choice, paged } from './page.ts'
import { repositoryUrl, showRelease } from './show.ts'
import { showPull, showWholePull } from './show_issue.ts'

const at = '/repos/:owner/:repo'
const pull = `${at}/pulls/:number`
const release = `${at}/releases/:id`

export const codeRoutes: readonly Route[] = [
  { method: 'GET', path: `${at}/pulls`, run: listPulls, docs: '/pulls/pulls#list-pull-requests' },
  {
    method: 'POST',
    path: `${at}/pulls`,
    run: makePull,
    docs: '/pulls/pulls#create-a-pull-request',
    creates: true,
  },
  {
    method: 'GET',
    path: pull,
    run: (call) => reply(200, showWholePull(call.session, pullParam(call))),
    docs: '/pulls/pulls#get-a-pull-request',
  },
  { method: 'PATCH', path: pull, run: changePull, docs: '/pulls/pulls#update-a-pull-request' },
  { method: 'PUT', path: `${pull}/merge`, run: merge, docs: '/pulls/pulls#merge-a-pull-request' },
  {
    method: 'GET',
    path: `${pull}/merge`,
    run: (call) => {
      if (pullParam(call).pull.mergedAt === null) throw refused(notFound)
      return noContent
    },
    docs: '/pulls/pulls#check-if-a-pull-request-has-been-merged',
  },
  {
    method: 'GET',
    path: `${at}/releases`,
    run: listReleases,
    docs: '/releases/releases#list-releases',
  },
  {
    method: 'POST',
    path: `${at}/releases`,
    run: makeRelease,
    docs: '/releases/releases#create-a-release',
    creates: true,
  },
  {
    method: 'GET',
    path: `${at}/releases/latest`,
    run: ({ session, ...call }) => {
      const row = found(latestRelease(session, repositoryParam({ session, ...call })))
      return reply(200, showRelease(session, row))
    },
    docs: '/releases/releases#get-the-latest-release',
  },
  {
    method: 'GET',
    path: `${at}/releases/tags/:tag`,
    run: releaseByTag,
    docs: '/releases/releases#get-a-release-by-tag-name',
  },
  {
    method: 'GET',
    path: release,
    run: (call) => reply(200, showRelease(call.session, releaseParam(call))),
    docs: '/releases/releases#get-a-release',
  },
  {
    method: 'PATCH',
    path: release,
    run: changeRelease,
    docs: '/releases/releases#update-a-release',
  },
  {
    method: 'DELETE',
    path: release,
    run: (call) => {
      deleteRelease(call.session, releaseParam(call))
      return noContent
    },
    docs: '/releases/releases#delete-a-release',
  },
  {
    method: 'GET',
    path: `${at}/branches`,
    run: listBranches,
    docs: '/branches/branches#list-branches',
  },
  { method: 'POST', path: `${at}/git/refs`, run: makeRef, docs: '/git/refs#create-a-reference' },
]

function pullParam(call: Call): PullIssue {
  const issue: Issue = issueParam(call, repositoryParam(call))
  if (!isPull(issue)) throw refused(notFound)
  return issue
}

function listPulls(call: Call): Reply {
  const { session, query } = call
  const repository = repositoryParam(call)
  const resource = 'PullRequest'
  const state = choice(call, 'state', { words: ['open', 'closed', 'all'], resource })
  const sort = choice(call, 'sort', { words: ['created', 'updated', 'popularity'], resource })
  const direction = choice(call, 'direction', {
    words: sort === 'created' ? ['desc', 'asc'] : ['asc', 'desc'],
    resource,
  })
  const head = query.get('head')?.split(':').at(-1)
  const base = query.get('base')
  const order = sort === 'updated' ? pullsByChange : pullsByCreation
  const all = session.hub.orders.issues.rows(repository.id, order)
  const isFiltered = state !== 'all' || head !== undefined || base !== null
  const rows = isFiltered
    ? all.filter((one) =>
      (state === 'all' || one.state === state) &&
      (head === undefined || one.pull?.head === head) && (base === null || one.pull?.base === base)
    )
    : all
  return paged(call, windowOf(rows, { descending: direction === 'desc' }), {
    show: (one) => isPull(one) ? showPull(session, one) : null,
  })
}

const pullShape: Shape = {
  title: ['string'],
  body: ['string', 'null'],
  head: ['string'],
  base: ['string'],
  state: ['string'],
  draft: ['boolean'],
  issue: ['integer'],
  maintainer_can_modify: ['boolean'],
}

function makePull(call: Call): Reply {
  const { session } = call
  const repository = repositoryParam(call)
  const body = call.body()
  checkShape(body, { ...pullShape, head: ['!', 'string'], base: ['!', 'string'] })
  const input = defined({
    title: textOf(body, 'title') ?? '',
    body: nullableText(body, 'body'),
    head: textOf(body, 'head') ?? '',
    base: textOf(body, 'base') ?? '',
    isDraft: flagOf(body, 'draft'),
    maintainerCanModify: flagOf(body, 'maintainer_can_modify'),
    issue: issueToConvert(session, repository, body),
  })
  return created(showWholePull(session, createPull(session, repository, input)))
}

function issueToConvert(
  session: Session,
  repository: Repository,
  body: JsonObject,
): Issue | undefined {
  const number = textOf(body, 'issue')
  if (number === undefined) return undefined
  const issue = issueNumbered(session, repository, Number(number))
  const resource = 'PullRequest'
  if (issue === undefined) refuseInvalid([{ resource, field: 'issue', code: 'missing' }])
  if (isPull(issue)) refuseInvalid([{ resource, field: 'issue', code: 'invalid' }])
  return issue
}

function changePull(call: Call): Reply {
  const before = pullParam(call)
  const body = call.body()
  checkShape(body, pullShape)
  const change = defined({
    title: textOf(body, 'title'),
    body: nullableText(body, 'body'),
    state: wordOf(body, 'state', { words: ['open', 'closed'], resource: 'PullRequest' }),
    base: textOf(body, 'base'),
    maintainerCanModify: flagOf(body, 'maintainer_can_modify'),
  })
  return reply(200, showWholePull(call.session, updatePull(call.session, before, change)))
}

function merge(call: Call): Reply {
  const body = call.body()
  checkShape(body, { sha: ['string'], merge_method: ['string'] })
  const merged = mergePull(call.session, pullParam(call), { expected: textOf(body, 'sha') ?? null })
  return reply(200, {
    sha: merged.pull.mergeHash,
    merged: true,
    message: 'Pull Request successfully merged',
  })
}

function releaseParam(call: Call): Release {
  const repository = repositoryParam(call)
  const row = found(call.session.hub.releases.get(idParam(call, 'id')))
  return found(row.repositoryId === repository.id ? row : undefined)
}

function listReleases(call: Call): Reply {
  const order = { name: 'made', by: () => 0 }
  const rows = call.session.hub.orders.releases.rows(repositoryParam(call).id, order)
  return paged(call, windowOf(rows, { descending: true }), {
    show: (one) => showRelease(call.session, one),
  })
}

function releaseByTag(call: Call): Reply {
  const tag = param(call, 'tag')
  const rows = releasesOf(call.session, repositoryParam(call))
  const row = found(rows.find((one) => one.tagName === tag && !one.isDraft))
  return reply(200, showRelease(call.session, row))
}

const releaseShape: Shape = {
  tag_name: ['string'],
  target_commitish: ['string'],
  name: ['string', 'null'],
  body: ['string', 'null'],
  draft: ['boolean'],
  prerelease: ['boolean'],
  make_latest: ['string'],
}

function makeRelease(call: Call): Reply {
  const repository = repositoryParam(call)
  const body = call.body()
  checkShape(body, { ...releaseShape, tag_name: ['!', 'string'] })
  const change = { ...readRelease(body), tagName: textOf(body, 'tag_name') ?? '' }
  return created(showRelease(call.session, createRelease(call.session, repository, change)))
}

function changeRelease(call: Call): Reply {
  const before = releaseParam(call)
  const body = call.body()
  checkShape(body, releaseShape)
  const row = updateRelease(call.session, before, readRelease(body))
  return reply(200, showRelease(call.session, row))
}

function readRelease(body: JsonObject) {
  return defined({
    tagName: textOf(body, 'tag_name'),
    target: textOf(body, 'target_commitish'),
    name: nullableText(body, 'name'),
    body: nullableText(body, 'body'),
    isDraft: flagOf(body, 'draft'),
    isPrerelease: flagOf(body, 'prerelease'),
  })
}

function listBranches(call: Call): Reply {
  const repository = repositoryParam(call)
  const url = repositoryUrl(call.session, repository)
  return paged(call, [...repository.branches], {
    show: ([name, sha]): Json => ({
      name,
      commit: { sha, url: `${url}/commits/${sha}` },
      protected: false,
    }),
  })
}

/** Makes a branch; the commit need not be one that the sandbox knows. */
function makeRef(call: Call): Reply {
  const { session } = call
  const repository = repositoryParam(call)
  needWrite(repository)
  const body = call.body()
  checkShape(body, { ref: ['!', 'string'], sha: ['!', 'string'] })
  const ref = textOf(body, 'ref') ?? ''
  const sha = textOf(body, 'sha') ?? ''
  const branch = /^refs\/heads\/([^\s~^:?*[\\]+)$/.exec(ref)?.[1]
  if (branch === undefined) {
    throw refused({ kind: 'unfit', message: "Reference name must start with 'refs/heads/'." })
  }
  if (!/^[0-9a-f]{40}$/.test(sha)) {
    throw refused({ kind: 'unfit', message: 'The sha parameter must be exactly 40 characters.' })
  }
  if (repository.branches.has(branch)) {
    throw refused({ kind: 'unfit', message: 'Reference already exists' })
  }
  const branches = new Map([...repository.branches, [branch, sha]])
  session.hub.repositories.put({ ...repository, branches })
  const url = repositoryUrl(session, repository)
  return created({
    ref,
    node_id: `REF_${sha.slice(0, 12)}`,
    url: `${url}/git/${ref}`,
    object: { type: 'commit', sha, url: `${url}/git/commits/${sha}` },
  })
}

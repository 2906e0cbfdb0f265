// Room sandbox: the endpoints of issues. A pull request is an issue too.
// https://docs.github.com/rest/issues/issues

import type { Json, JsonObject } from '../../json.ts'
import { commentsOf } from '../acts/comments.ts'
import {
  checkIssue,
  createIssue,
  type IssueChange,
  lockIssue,
  updateIssue,
} from '../acts/issues.ts'
import { checkNames, labelIdsNamed, labelNamed, labelsOf } from '../acts/labels.ts'
import { milestoneNumbered } from '../acts/milestones.ts'
import { needIssues, needWrite } from '../acts/rights.ts'
import { type FieldError, refused, refuseInvalid } from '../refusal.ts'
import type { Issue, LockReason, Repository } from '../state/model.ts'
import { accountNamed, type Session } from '../state/session.ts'
import { type Call, created, issueParam, noContent, param, type Reply, reply } from './call.ts'
import { repositoryParam, type Route } from './call.ts'
import { checkShape, defined, nullableText, type Shape, textOf, textsOf, wordOf } from './fields.ts'
import { issuesByChange, issuesByCreation } from '../state/sorting.ts'
import { firstFrom, windowOf } from '../state/orders.ts'
import { choice, paged, sinceOf, sorted, stampOf } from './page.ts'
import { showLabel } from './show.ts'
import { showIssue, showWholeIssue } from './show_issue.ts'

const resource = 'Issue'

const shape: Shape = {
  title: ['string', 'integer'],
  body: ['string', 'null'],
  assignee: ['string', 'null'],
  milestone: ['string', 'integer', 'null'],
  labels: ['array'],
  assignees: ['array'],
  state: ['string'],
  state_reason: ['string', 'null'],
}

const one = '/repos/:owner/:repo/issues/:number'

export const issueRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/repos/:owner/:repo/issues',
    run: list,
    docs: '/issues/issues#list-repository-issues',
  },
  {
    method: 'POST',
    path: '/repos/:owner/:repo/issues',
    run: create,
    docs: '/issues/issues#create-an-issue',
    creates: true,
  },
  { method: 'GET', path: one, run: show, docs: '/issues/issues#get-an-issue' },
  { method: 'PATCH', path: one, run: update, docs: '/issues/issues#update-an-issue' },
  { method: 'PUT', path: `${one}/lock`, run: lock, docs: '/issues/issues#lock-an-issue' },
  { method: 'DELETE', path: `${one}/lock`, run: unlock, docs: '/issues/issues#unlock-an-issue' },
  {
    method: 'GET',
    path: `${one}/labels`,
    run: listLabels,
    docs: '/issues/labels#list-labels-for-an-issue',
  },
  {
    method: 'POST',
    path: `${one}/labels`,
    run: (call) => changeLabels(call, (before, after) => [...new Set([...before, ...after])]),
    docs: '/issues/labels#add-labels-to-an-issue',
  },
  {
    method: 'PUT',
    path: `${one}/labels`,
    run: (call) => changeLabels(call, (_before, after) => after),
    docs: '/issues/labels#set-labels-for-an-issue',
  },
  {
    method: 'DELETE',
    path: `${one}/labels/:name`,
    run: removeLabel,
    docs: '/issues/labels#remove-a-label-from-an-issue',
  },
]

function list(call: Call): Reply {
  const { session } = call
  const repository = repositoryParam(call)
  needIssues(repository)
  const words = { resource }
  const state = choice(call, 'state', { ...words, words: ['open', 'closed', 'all'] })
  const sort = choice(call, 'sort', { ...words, words: ['created', 'updated', 'comments'] })
  const direction = choice(call, 'direction', { ...words, words: ['desc', 'asc'] })
  const since = sinceOf(call, resource)
  const wanted = filterOf(call, repository)
  const descending = direction === 'desc'
  const order = sort === 'updated' ? issuesByChange(state) : issuesByCreation(state)
  const all = session.hub.orders.issues.rows(repository.id, order)
  const show = (issue: Issue) => showIssue(session, issue)
  if (sort === 'updated' && wanted === null) {
    const from = firstFrom(all, { by: order.by, from: stampOf(since) })
    return paged(call, windowOf(all, { from, descending }), { show })
  }
  const kept = since === Number.NEGATIVE_INFINITY && wanted === null
    ? all
    : all.filter((issue) => Date.parse(issue.updatedAt) >= since && (wanted?.(issue) ?? true))
  if (sort !== 'comments') return paged(call, windowOf(kept, { descending }), { show })
  const by = (issue: Issue) => commentsOf(session, issue).length
  return paged(call, sorted(kept, { by, descending }), { show })
}

const filters = ['labels', 'milestone', 'assignee', 'creator', 'mentioned']

/** By milestone, assignee, creator, mentioned and labels, all of which must fit; null: by nothing. */
function filterOf(
  { query, session }: Call,
  repository: Repository,
): ((issue: Issue) => boolean) | null {
  if (filters.every((name) => (query.get(name) ?? '') === '')) return null
  const labels = (query.get('labels') ?? '').split(',').filter(Boolean)
  const labelIds = labels.map((name) => labelNamed(session, repository, name.trim())?.id ?? -1n)
  const milestone = query.get('milestone') ?? ''
  const milestoneId = milestoneNumbered(session, repository, Number(milestone))?.id ?? -1n
  const assignee = query.get('assignee') ?? ''
  const assigneeId = accountNamed(session, assignee)?.id ?? -1n
  const creator = query.get('creator') ?? ''
  const creatorId = accountNamed(session, creator)?.id ?? -1n
  const mentioned = query.get('mentioned') ?? ''
  const fits = (asked: string, { any, same }: { any: boolean; same: boolean }) => {
    if (asked === '') return true
    if (asked === '*') return any
    return asked === 'none' ? !any : same
  }
  return (issue) =>
    labelIds.every((id) => issue.labelIds.includes(id)) &&
    fits(milestone, { any: issue.milestoneId !== null, same: issue.milestoneId === milestoneId }) &&
    fits(assignee, {
      any: issue.assigneeIds.length > 0,
      same: issue.assigneeIds.includes(assigneeId),
    }) &&
    (creator === '' || issue.authorId === creatorId) &&
    (mentioned === '' || (issue.body ?? '').includes(`@${mentioned}`))
}

function show(call: Call): Reply {
  const repository = repositoryParam(call)
  needIssues(repository)
  return reply(200, showWholeIssue(call.session, issueParam(call, repository)))
}

function create(call: Call): Reply {
  const { session } = call
  const repository = repositoryParam(call)
  needWrite(repository)
  needIssues(repository)
  const body = call.body()
  checkShape(body, { ...shape, title: ['!', 'string', 'integer'] })
  const title = textOf(body, 'title') ?? ''
  const { state: _state, ...change } = readChange(session, repository, { ...body, title })
  return created(showWholeIssue(session, createIssue(session, repository, { ...change, title })))
}

function update(call: Call): Reply {
  const { session } = call
  const repository = repositoryParam(call)
  needIssues(repository)
  const issue = issueParam(call, repository)
  needWrite(repository)
  const body = call.body()
  checkShape(body, { ...shape, title: ['string', 'integer', 'null'] })
  const change = readChange(session, repository, body)
  return reply(200, showWholeIssue(session, updateIssue(session, issue, change)))
}

/** Everything is checked before the labels that are not there are made. Throws `Refused`. */
function readChange(session: Session, repository: Repository, body: JsonObject): IssueChange {
  const title = textOf(body, 'title')
  const text = nullableText(body, 'body')
  const words = {
    state: wordOf(body, 'state', { words: ['open', 'closed'], resource }),
    stateReason: wordOf(body, 'state_reason', {
      words: ['completed', 'not_planned', 'duplicate', 'reopened'],
      resource,
    }),
  }
  const names = textsOf(body, 'labels', { within: 'name' })
  const assignees = readAssignees(session, repository, body)
  const milestone = readMilestone(session, repository, body)
  const texts = defined({ title, body: text })
  refuseInvalid([
    ...checkIssue(texts),
    ...checkNames(names ?? []),
    ...assignees.errors,
    ...milestone.errors,
  ])
  const labelIds = names === undefined ? undefined : labelIdsNamed(session, repository, names)
  const { ids: assigneeIds } = assignees
  return defined({ ...texts, ...words, labelIds, assigneeIds, milestoneId: milestone.id })
}

interface Assignees {
  readonly ids?: readonly bigint[]
  readonly errors: readonly FieldError[]
}

/** `assignees`, or the older `assignee`, whose null and empty text mean nobody. */
function readAssignees(session: Session, repository: Repository, body: JsonObject): Assignees {
  const many = textsOf(body, 'assignees', { within: 'login' })
  const single = nullableText(body, 'assignee')
  if (many === undefined && single === undefined) return { errors: [] }
  const field = many === undefined ? 'assignee' : 'assignees'
  const logins = many ?? (single === null || single === '' ? [] : [single ?? ''])
  const people = logins.map((login) => ({ login, account: accountNamed(session, login) }))
  const may = ({ account }: typeof people[number]) =>
    account !== undefined && repository.collaboratorIds.includes(account.id)
  const errors = people.filter((person) => !may(person)).map(({ login }): FieldError => ({
    resource,
    field,
    code: 'invalid',
    value: login,
  }))
  const ids = [...new Set(people.flatMap(({ account }) => account?.id ?? []))]
  return { ids, errors }
}

function readMilestone(
  session: Session,
  repository: Repository,
  body: JsonObject,
): { readonly id?: bigint | null; readonly errors: readonly FieldError[] } {
  const given = nullableText(body, 'milestone')
  if (given === undefined) return { errors: [] }
  if (given === null || given === '') return { id: null, errors: [] }
  const milestone = milestoneNumbered(session, repository, Number(given))
  if (milestone !== undefined) return { id: milestone.id, errors: [] }
  return { errors: [{ resource, field: 'milestone', code: 'invalid', value: given }] }
}

const lockReasons: readonly LockReason[] = ['off-topic', 'too heated', 'resolved', 'spam']

function lock(call: Call): Reply {
  const repository = repositoryParam(call)
  const issue = issueParam(call, repository)
  const body = call.body()
  const reason = wordOf(body, 'lock_reason', { words: lockReasons, resource })
  lockIssue(call.session, issue, { reason: reason ?? null })
  return noContent
}

function unlock(call: Call): Reply {
  lockIssue(call.session, issueParam(call, repositoryParam(call)), null)
  return noContent
}

function showLabels(session: Session, issue: Issue): readonly Json[] {
  return issue.labelIds.flatMap((id) => session.hub.labels.get(id) ?? []).map((label) =>
    showLabel(session, label)
  )
}

function listLabels(call: Call): Reply {
  const { session } = call
  const issue = issueParam(call, repositoryParam(call))
  const labels = labelsOf(session, repositoryParam(call)).filter(({ id }) =>
    issue.labelIds.includes(id)
  )
  return paged(call, labels, { show: (label) => showLabel(session, label) })
}

function changeLabels(
  call: Call,
  combine: (before: readonly bigint[], after: readonly bigint[]) => readonly bigint[],
): Reply {
  const { session } = call
  const repository = repositoryParam(call)
  const issue = issueParam(call, repository)
  needWrite(repository)
  const body = call.body()
  checkShape(body, { labels: ['!', 'array'] })
  const names = textsOf(body, 'labels', { within: 'name' }) ?? []
  refuseInvalid(checkNames(names))
  const labelIds = combine(issue.labelIds, labelIdsNamed(session, repository, names))
  return reply(200, showLabels(session, updateIssue(session, issue, { labelIds })))
}

function removeLabel(call: Call): Reply {
  const { session } = call
  const repository = repositoryParam(call)
  const issue = issueParam(call, repository)
  const label = labelNamed(session, repository, param(call, 'name'))
  if (label === undefined || !issue.labelIds.includes(label.id)) {
    throw refused({ kind: 'not-found', message: 'Label does not exist' })
  }
  const labelIds = issue.labelIds.filter((id) => id !== label.id)
  return reply(200, showLabels(session, updateIssue(session, issue, { labelIds })))
}

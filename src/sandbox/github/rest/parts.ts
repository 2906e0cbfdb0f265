// Room sandbox: the endpoints of labels, issue comments and milestones.
// https://docs.github.com/rest/issues

import type { JsonObject } from '../../json.ts'
import { commentsOf, createComment, deleteComment, updateComment } from '../acts/comments.ts'
import { createLabel, deleteLabel, labelNamed, updateLabel } from '../acts/labels.ts'
import {
  createMilestone,
  deleteMilestone,
  milestoneNumbered,
  updateMilestone,
} from '../acts/milestones.ts'
import { needIssues } from '../acts/rights.ts'
import { refuseInvalid } from '../refusal.ts'
import type { Comment, Label, Milestone } from '../state/model.ts'
import { timeText } from '../state/session.ts'
import { type Call, created, found, idParam, issueParam, noContent, numberParam } from './call.ts'
import { param, type Reply, reply, repositoryParam, type Route } from './call.ts'
import { checkShape, defined, nullableText, type Shape, textOf, wordOf } from './fields.ts'
import { firstFrom, windowOf } from '../state/orders.ts'
import { commentsByChange, commentsByCreation } from '../state/sorting.ts'
import { choice, paged, sinceOf, sorted, stampOf } from './page.ts'
import { showComment, showLabel, showMilestone } from './show.ts'

const at = '/repos/:owner/:repo'
const label = `${at}/labels/:name`
const comment = `${at}/issues/comments/:id`
const milestone = `${at}/milestones/:number`

export const partRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${at}/labels`,
    run: listLabels,
    docs: '/issues/labels#list-labels-for-a-repository',
  },
  {
    method: 'POST',
    path: `${at}/labels`,
    run: makeLabel,
    docs: '/issues/labels#create-a-label',
    creates: true,
  },
  {
    method: 'GET',
    path: label,
    run: (call) => reply(200, showLabel(call.session, labelParam(call))),
    docs: '/issues/labels#get-a-label',
  },
  { method: 'PATCH', path: label, run: changeLabel, docs: '/issues/labels#update-a-label' },
  {
    method: 'DELETE',
    path: label,
    run: (call) => {
      deleteLabel(call.session, labelParam(call))
      return noContent
    },
    docs: '/issues/labels#delete-a-label',
  },
  {
    method: 'GET',
    path: `${at}/issues/comments`,
    run: listComments,
    docs: '/issues/comments#list-issue-comments-for-a-repository',
  },
  {
    method: 'GET',
    path: comment,
    run: (call) => reply(200, showComment(call.session, commentParam(call))),
    docs: '/issues/comments#get-an-issue-comment',
  },
  {
    method: 'PATCH',
    path: comment,
    run: changeComment,
    docs: '/issues/comments#update-an-issue-comment',
  },
  {
    method: 'DELETE',
    path: comment,
    run: (call) => {
      deleteComment(call.session, commentParam(call))
      return noContent
    },
    docs: '/issues/comments#delete-an-issue-comment',
  },
  {
    method: 'GET',
    path: `${at}/issues/:number/comments`,
    run: listIssueComments,
    docs: '/issues/comments#list-issue-comments',
  },
  {
    method: 'POST',
    path: `${at}/issues/:number/comments`,
    run: makeComment,
    docs: '/issues/comments#create-an-issue-comment',
    creates: true,
  },
  {
    method: 'GET',
    path: `${at}/milestones`,
    run: listMilestones,
    docs: '/issues/milestones#list-milestones',
  },
  {
    method: 'POST',
    path: `${at}/milestones`,
    run: makeMilestone,
    docs: '/issues/milestones#create-a-milestone',
    creates: true,
  },
  {
    method: 'GET',
    path: milestone,
    run: (call) => reply(200, showMilestone(call.session, milestoneParam(call))),
    docs: '/issues/milestones#get-a-milestone',
  },
  {
    method: 'PATCH',
    path: milestone,
    run: changeMilestone,
    docs: '/issues/milestones#update-a-milestone',
  },
  {
    method: 'DELETE',
    path: milestone,
    run: (call) => {
      deleteMilestone(call.session, milestoneParam(call))
      return noContent
    },
    docs: '/issues/milestones#delete-a-milestone',
  },
]

function labelParam(call: Call): Label {
  return found(labelNamed(call.session, repositoryParam(call), param(call, 'name')))
}

function listLabels(call: Call): Reply {
  const labels = call.session.hub.orders.labels.rows(repositoryParam(call).id, {
    name: 'name',
    by: ({ name }) => name.toLowerCase(),
  })
  return paged(call, labels, { show: (one) => showLabel(call.session, one) })
}

function makeLabel(call: Call): Reply {
  const repository = repositoryParam(call)
  const body = call.body()
  checkShape(body, {
    name: ['!', 'string'],
    color: ['string'],
    description: ['string', 'null'],
  })
  const change = defined({ ...readLabel(body), name: textOf(body, 'name') ?? '' })
  return created(showLabel(call.session, createLabel(call.session, repository, change)))
}

function changeLabel(call: Call): Reply {
  const before = labelParam(call)
  const body = call.body()
  checkShape(body, {
    new_name: ['string'],
    color: ['string'],
    description: ['string', 'null'],
  })
  const change = defined({ ...readLabel(body), name: textOf(body, 'new_name') })
  return reply(200, showLabel(call.session, updateLabel(call.session, before, change)))
}

function readLabel(body: JsonObject) {
  return defined({ color: textOf(body, 'color'), description: nullableText(body, 'description') })
}

function commentParam(call: Call): Comment {
  const repository = repositoryParam(call)
  const row = found(call.session.hub.comments.get(idParam(call, 'id')))
  return found(row.repositoryId === repository.id ? row : undefined)
}

function listComments(call: Call): Reply {
  const { session } = call
  const repository = repositoryParam(call)
  needIssues(repository)
  const resource = 'IssueComment'
  const sort = choice(call, 'sort', { words: ['created', 'updated'], resource })
  const direction = choice(call, 'direction', { words: ['asc', 'desc'], resource })
  const since = sinceOf(call, resource)
  const descending = direction === 'desc'
  const show = (one: Comment) => showComment(session, one)
  const order = sort === 'created' ? commentsByCreation : commentsByChange
  const all = session.hub.orders.comments.rows(repository.id, order)
  if (sort === 'created' && since > 0) {
    const kept = all.filter((one) => Date.parse(one.updatedAt) >= since)
    return paged(call, windowOf(kept, { descending }), { show })
  }
  const from = firstFrom(all, { by: order.by, from: stampOf(since) })
  return paged(call, windowOf(all, { from, descending }), { show })
}

function listIssueComments(call: Call): Reply {
  const issue = issueParam(call, repositoryParam(call))
  const since = sinceOf(call, 'IssueComment')
  const rows = commentsOf(call.session, issue).filter((one) => Date.parse(one.updatedAt) >= since)
  return paged(call, rows, { show: (one) => showComment(call.session, one) })
}

const commentShape: Shape = { body: ['!', 'string'] }

function makeComment(call: Call): Reply {
  const issue = issueParam(call, repositoryParam(call))
  const body = call.body()
  checkShape(body, commentShape)
  const row = createComment(call.session, issue, textOf(body, 'body') ?? '')
  return created(showComment(call.session, row))
}

function changeComment(call: Call): Reply {
  const before = commentParam(call)
  const body = call.body()
  checkShape(body, commentShape)
  const row = updateComment(call.session, before, textOf(body, 'body') ?? '')
  return reply(200, showComment(call.session, row))
}

function milestoneParam(call: Call): Milestone {
  const repository = repositoryParam(call)
  return found(milestoneNumbered(call.session, repository, numberParam(call, 'number')))
}

function listMilestones(call: Call): Reply {
  const { session } = call
  const resource = 'Milestone'
  const state = choice(call, 'state', { words: ['open', 'closed', 'all'], resource })
  const sort = choice(call, 'sort', { words: ['due_on', 'completeness'], resource })
  const direction = choice(call, 'direction', { words: ['asc', 'desc'], resource })
  const rows = session.hub.orders.milestones.rows(repositoryParam(call).id, {
    name: `due ${state}`,
    by: ({ dueOn }) => dueOn ?? '9',
    keep: (one) => state === 'all' || one.state === state,
  })
  const descending = direction === 'desc'
  const ordered = sort === 'due_on'
    ? windowOf(rows, { descending })
    : sorted(rows, { by: (one) => completeness(session, one), descending })
  return paged(call, ordered, { show: (one) => showMilestone(session, one) })
}

function completeness({ hub }: Call['session'], { id }: Milestone): number {
  const { size } = hub.found.issuesOfMilestone.of(id)
  return hub.found.closedIssues(id) / Math.max(1, size)
}

const milestoneShape: Shape = {
  title: ['string'],
  state: ['string'],
  description: ['string', 'null'],
  due_on: ['string', 'null'],
}

function makeMilestone(call: Call): Reply {
  const repository = repositoryParam(call)
  const body = call.body()
  checkShape(body, { ...milestoneShape, title: ['!', 'string'] })
  const change = { ...readMilestone(body), title: textOf(body, 'title') ?? '' }
  return created(showMilestone(call.session, createMilestone(call.session, repository, change)))
}

function changeMilestone(call: Call): Reply {
  const before = milestoneParam(call)
  const body = call.body()
  checkShape(body, milestoneShape)
  const row = updateMilestone(call.session, before, readMilestone(body))
  return reply(200, showMilestone(call.session, row))
}

function readMilestone(body: JsonObject) {
  const resource = 'Milestone'
  const dueOn = nullableText(body, 'due_on')
  const dueMs = Date.parse(dueOn ?? '')
  if (typeof dueOn === 'string' && (Number.isNaN(dueMs) || !/^\d{4}-\d{2}-\d{2}T/.test(dueOn))) {
    refuseInvalid([{ resource, field: 'due_on', code: 'invalid', value: dueOn }])
  }
  return defined({
    title: textOf(body, 'title'),
    state: wordOf(body, 'state', { words: ['open', 'closed'], resource }),
    description: nullableText(body, 'description'),
    dueOn: typeof dueOn === 'string' ? timeText(dueMs) : dueOn,
  })
}

// Room sandbox: the connections that several types have: issues, labels and comments, filtered and in their order.

import type { GraphQLResolveInfo } from 'graphql'
import { commentsOf } from '../acts/comments.ts'
import type { PullIssue } from '../acts/pulls.ts'
import { sorted } from '../rest/page.ts'
import type { Issue } from '../state/model.ts'
import { accountNamed } from '../state/session.ts'
import { countable } from './connection.ts'
import { type Arguments, type Context, selectedOf } from './context.ts'
import { GraphFailure } from './failure.ts'

/** The rows as the connection of the field that is being answered. */
export function listed<T>(rows: readonly T[], args: Arguments, info: GraphQLResolveInfo) {
  return countable(rows, args, { name: info.fieldName, selected: selectedOf(info) })
}

/** Filtered by `states`, `labels` and `filterBy`, ordered by `orderBy`. */
export function issuesListed<T extends Issue>(
  context: Context,
  rows: readonly T[],
  { args, info }: { readonly args: Arguments; readonly info: GraphQLResolveInfo },
) {
  const filter = (args['filterBy'] ?? {}) as Arguments
  const kept = rows.filter((issue) =>
    inStates(issue, args['states']) && inStates(issue, filter['states']) &&
    hasLabels(context, issue, args['labels']) && hasLabels(context, issue, filter['labels']) &&
    fits(context, issue, filter)
  )
  const keys: Readonly<Record<string, (issue: Issue) => string | number>> = {
    CREATED_AT: ({ createdAt }) => createdAt,
    UPDATED_AT: ({ updatedAt }) => updatedAt,
    COMMENTS: (issue) => commentsOf(context.session, issue).length,
  }
  return listed(inOrder(kept, args['orderBy'], keys), args, info)
}

/** Orders rows by one of the keys; as they are when no order is asked for. */
export function inOrder<T extends { readonly id: bigint }>(
  rows: readonly T[],
  orderBy: unknown,
  keys: Readonly<Record<string, (row: T) => string | number>>,
): readonly T[] {
  if (orderBy === null || orderBy === undefined) return rows
  const { field, direction } = orderBy as { field: string; direction: string }
  const by = keys[field]
  if (by === undefined) {
    throw new GraphFailure('NOT_IN_SANDBOX', `The sandbox does not order by ${field}`)
  }
  return sorted(rows, { by, descending: direction === 'DESC' })
}

/** Open, closed or merged. */
export function stateOf(issue: Issue | PullIssue): string {
  if (issue.pull !== null && issue.pull.mergedAt !== null) return 'MERGED'
  return issue.state.toUpperCase()
}

function inStates(issue: Issue, states: unknown): boolean {
  return !Array.isArray(states) || states.includes(stateOf(issue))
}

/** One of the labels is enough here, unlike in the REST API. */
function hasLabels({ session }: Context, issue: Issue, names: unknown): boolean {
  if (!Array.isArray(names)) return true
  const wanted = names.map((name) => String(name).toLowerCase())
  return issue.labelIds.some((id) =>
    wanted.includes(session.hub.labels.get(id)?.name.toLowerCase() ?? '')
  )
}

function fits({ session }: Context, issue: Issue, filter: Arguments): boolean {
  const { since, assignee, createdBy, milestoneNumber, ...rest } = filter
  const other = Object.keys(rest).find((name) =>
    !['states', 'labels', 'viewerSubscribed'].includes(name)
  )
  if (other !== undefined || rest['viewerSubscribed'] === true) {
    const message = `The sandbox does not filter by ${other ?? 'viewerSubscribed'}`
    throw new GraphFailure('NOT_IN_SANDBOX', message)
  }
  const milestone = issue.milestoneId === null
    ? undefined
    : session.hub.milestones.get(issue.milestoneId)
  const is = (asked: unknown, { any, same }: { any: boolean; same: boolean }) => {
    if (asked === undefined) return true
    if (asked === null) return !any
    return asked === '*' ? any : same
  }
  const personIn = (login: unknown, ids: readonly bigint[]) =>
    ids.includes(accountNamed(session, String(login))?.id ?? -1n)
  return (typeof since !== 'string' || Date.parse(issue.updatedAt) >= Date.parse(since)) &&
    is(assignee, {
      any: issue.assigneeIds.length > 0,
      same: personIn(assignee, issue.assigneeIds),
    }) &&
    is(milestoneNumber, {
      any: milestone !== undefined,
      same: String(milestone?.number) === milestoneNumber,
    }) &&
    (createdBy === undefined || personIn(createdBy, [issue.authorId]))
}

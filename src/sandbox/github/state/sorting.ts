// Room sandbox: the orders in which lists of GitHub can be had.

import type { Comment, Issue } from './model.ts'
import type { Order } from './orders.ts'

const isPull = ({ pull }: Issue) => pull !== null

/** When each was made; later in the same second have the higher id. */
export const pullsByCreation: Order<Issue> = {
  name: 'pulls created',
  by: ({ createdAt }) => createdAt,
  keep: isPull,
}

export const pullsByChange: Order<Issue> = {
  name: 'pulls updated',
  by: ({ updatedAt }) => updatedAt,
  keep: isPull,
}

type State = Issue['state'] | 'all'

const inState = (wanted: State) => ({ state }: Issue) => wanted === 'all' || state === wanted

export function issuesByCreation(state: State): Order<Issue> {
  return {
    name: `issues created ${state}`,
    by: ({ createdAt }) => createdAt,
    keep: inState(state),
  }
}

export function issuesByChange(state: State): Order<Issue> {
  return { name: `issues updated ${state}`, by: ({ updatedAt }) => updatedAt, keep: inState(state) }
}

export const commentsByCreation: Order<Comment> = {
  name: 'created',
  by: ({ createdAt }) => createdAt,
}

export const commentsByChange: Order<Comment> = {
  name: 'updated',
  by: ({ updatedAt }) => updatedAt,
}

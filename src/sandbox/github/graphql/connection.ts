// Room sandbox: lists of the GraphQL door, a page at a time, by opaque cursors.
// https://docs.github.com/graphql/guides/using-pagination-in-the-graphql-api

import { Buffer } from 'node:buffer'
import { GraphFailure } from './failure.ts'

export const pageMax = 100

export interface Connection<T> {
  readonly nodes: readonly T[]
  readonly edges: readonly { readonly node: T; readonly cursor: string }[]
  readonly pageInfo: {
    readonly startCursor: string | null
    readonly endCursor: string | null
    readonly hasNextPage: boolean
    readonly hasPreviousPage: boolean
  }
  readonly totalCount: number
}

type Arguments = Readonly<Record<string, unknown>>

/** The page of the rows that the arguments ask for. Throws `GraphFailure`; `name` is the connection's field. */
export function connect<T>(rows: readonly T[], args: Arguments, name: string): Connection<T> {
  const first = boundOf(args, 'first', name)
  const last = boundOf(args, 'last', name)
  if (first === null && last === null) {
    const message = `You must provide a \`first\` or \`last\` value to properly paginate the ` +
      `\`${name}\` connection.`
    throw new GraphFailure('MISSING_PAGINATION_BOUNDARIES', message)
  }
  const after = offsetOf(args['after'])
  const before = offsetOf(args['before'])
  let start = after === null ? 0 : after + 1
  let end = before === null ? rows.length : Math.min(before, rows.length)
  if (first !== null) end = Math.min(end, start + first)
  if (last !== null) start = Math.max(start, end - last)
  const edges = rows.slice(start, Math.max(start, end)).map((node, index) => ({
    node,
    cursor: cursorOf(start + index),
  }))
  return {
    nodes: edges.map(({ node }) => node),
    edges,
    pageInfo: {
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
      hasNextPage: end < rows.length,
      hasPreviousPage: start > 0,
    },
    totalCount: rows.length,
  }
}

/** A connection of which only the count may be asked without bounds. */
export function countable<T>(
  rows: readonly T[],
  args: Arguments,
  { name, selected }: { readonly name: string; readonly selected: readonly string[] },
): Connection<T> | { readonly totalCount: number } {
  const unbounded = typeof args['first'] !== 'number' && typeof args['last'] !== 'number'
  if (unbounded && selected.every((field) => field === 'totalCount')) {
    return { totalCount: rows.length }
  }
  return connect(rows, args, name)
}

function boundOf(args: Arguments, bound: 'first' | 'last', name: string): number | null {
  const value = args[bound]
  if (typeof value !== 'number') return null
  if (value < 0) {
    const message = `\`${bound}\` on the \`${name}\` connection cannot be less than zero.`
    throw new GraphFailure('EXCESSIVE_PAGINATION', message)
  }
  if (value > pageMax) {
    const message = `Requesting ${value} records on the \`${name}\` connection exceeds the ` +
      `\`${bound}\` limit of ${pageMax} records.`
    throw new GraphFailure('EXCESSIVE_PAGINATION', message)
  }
  return value
}

function cursorOf(offset: number): string {
  return Buffer.from(`cursor:v2:${offset}`).toString('base64')
}

function offsetOf(cursor: unknown): number | null {
  if (typeof cursor !== 'string') return null
  const text = Buffer.from(cursor, 'base64').toString('utf8')
  const [, offset] = /^cursor:v2:(\d{1,15})$/.exec(text) ?? []
  if (offset !== undefined) return Number(offset)
  const message = `\`${cursor}\` does not appear to be a valid cursor.`
  throw new GraphFailure('INVALID_CURSOR_ARGUMENTS', message)
}

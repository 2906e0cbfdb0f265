// Room sandbox: what the resolvers of the GraphQL door work with.

import type { GraphQLResolveInfo } from 'graphql'
import type { Quota } from '../access/quota.ts'
import { fullNameOf, repositoryNamed, type Session } from '../state/session.ts'
import type { Row } from '../state/model.ts'
import { GraphFailure } from './failure.ts'

export interface Context {
  readonly session: Session
  readonly quota: Quota
  /** What the query costs in points, and how many nodes it may give at most. */
  readonly price: { readonly cost: number; readonly nodeCount: number }
}

export type Arguments = Readonly<Record<string, unknown>>

/** Answers one field of a record, or of another value that the schema has a type for. */
export type Resolver<T> = (
  source: T,
  args: Arguments,
  context: Context,
  info: GraphQLResolveInfo,
) => unknown

export type Resolvers<T> = Readonly<Record<string, Resolver<T>>>

/** The record with a node id, unless the viewer may not know of it. Throws `GraphFailure`. */
export function nodeOf({ session }: Context, nodeId: unknown): Row {
  const row = session.hub.byNode(String(nodeId))
  if (row !== undefined && isVisible(session, row)) return row
  const message = `Could not resolve to a node with the global id of '${String(nodeId)}'.`
  throw new GraphFailure('NOT_FOUND', message)
}

/** The record with a node id that must be of one of the types. Throws `GraphFailure`. */
export function nodeOfType<T extends Row['type']>(
  context: Context,
  nodeId: unknown,
  types: readonly T[],
): Extract<Row, { readonly type: T }> {
  const row = nodeOf(context, nodeId)
  if (isOfType(row, types)) return row
  const message = `Could not resolve to ${types[0]} node with the global id of '${String(nodeId)}'.`
  throw new GraphFailure('NOT_FOUND', message)
}

function isOfType<T extends Row['type']>(
  row: Row,
  types: readonly T[],
): row is Extract<Row, { readonly type: T }> {
  return types.some((type) => type === row.type)
}

function isVisible(session: Session, row: Row): boolean {
  if (row.type === 'Repository') return row.access !== 'none'
  if (!('repositoryId' in row)) return true
  const repository = session.hub.repositories.get(row.repositoryId)
  return repository !== undefined &&
    repositoryNamed(session, fullNameOf(session, repository)) !== undefined
}

/** Enum values are in capitals: `not_planned`, `too heated`, `off-topic`. */
export function capitals(word: string | null): string | null {
  return word === null ? null : word.replace(/[ -]/g, '_').toUpperCase()
}

/** The fields that a query selects of a field, fragments not opened. */
export function selectedOf(info: GraphQLResolveInfo): readonly string[] {
  return info.fieldNodes.flatMap(({ selectionSet }) => selectionSet?.selections ?? []).map((one) =>
    one.kind === 'Field' ? one.name.value : '...'
  )
}

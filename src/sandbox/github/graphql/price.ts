// Room sandbox: what a query costs, told before it is carried out: how many requests it would take to fill its
// connections if each were filled, in hundreds; and how many nodes they could give.
// https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api

import {
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'

export interface Price {
  /** Points. */
  readonly cost: number
  readonly nodeCount: number
  readonly isMutation: boolean
}

type Variables = Readonly<Record<string, unknown>>

interface Tally {
  requests: number
  nodes: number
}

/** The operation of a document that is to be carried out. */
export function operationOf(
  document: DocumentNode,
  name: string | null,
): OperationDefinitionNode | undefined {
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION)
  if (name === null) return operations.length === 1 ? operations[0] : undefined
  return operations.find((one) => one.name?.value === name)
}

/** The price of an operation; a fragment that is not there costs nothing. */
export function priceOf(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Variables,
): Price {
  const tally: Tally = { requests: 0, nodes: 0 }
  const fragments = new Map<string, SelectionSetNode>()
  for (const one of document.definitions) {
    if (one.kind === Kind.FRAGMENT_DEFINITION) fragments.set(one.name.value, one.selectionSet)
  }
  const walk = (selection: SelectionSetNode, times: number, seen: readonly string[]) => {
    for (const one of selection.selections) {
      if (one.kind === Kind.FIELD) {
        const bound = boundOf(one, variables)
        if (bound !== null) {
          tally.requests += times
          tally.nodes += times * bound
        }
        if (one.selectionSet !== undefined) walk(one.selectionSet, times * (bound ?? 1), seen)
      } else if (one.kind === Kind.INLINE_FRAGMENT) {
        walk(one.selectionSet, times, seen)
      } else {
        const name = one.name.value
        const fragment = fragments.get(name)
        if (fragment !== undefined && !seen.includes(name)) walk(fragment, times, [...seen, name])
      }
    }
  }
  walk(operation.selectionSet, 1, [])
  return {
    cost: Math.max(1, Math.round(tally.requests / 100)),
    nodeCount: tally.nodes,
    isMutation: operation.operation === 'mutation',
  }
}

/** `first` or `last` of a connection; null for what is none. */
function boundOf(field: FieldNode, variables: Variables): number | null {
  for (const { name, value } of field.arguments ?? []) {
    if (name.value !== 'first' && name.value !== 'last') continue
    if (value.kind === Kind.INT) return Number(value.value)
    const given = value.kind === Kind.VARIABLE ? variables[value.name.value] : undefined
    if (typeof given === 'number') return given
  }
  return null
}

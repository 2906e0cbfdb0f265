// Room platforms: the inputs of GraphQL mutations, before and after the names in them have become node ids. What is wrong
// with a row by itself is found here, before anything is sent.

import { fault } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { Json, JsonObject } from '../json.ts'
import { keyOf } from '../words.ts'
import type { GithubColumn } from './columns.ts'
import { placeOf } from './faults.ts'
import { type Names, nodeIdOf, type Reference } from './references.ts'
import { fieldsOf, integerOf, repositoryOf, type Target, textOf } from './rest.ts'

/** A member of an input: a value, or what refers to one or to many things. */
type Part =
  | { readonly kind: 'value'; readonly value: Json }
  | { readonly kind: 'one'; readonly reference: Reference }
  | { readonly kind: 'many'; readonly references: readonly Reference[] }

/** The input of one row's mutation, with names where ids belong. */
export interface Draft {
  readonly row: PlannedRow
  readonly parts: Readonly<Record<string, Part>>
}

/** @throws Fault with the row's place when it cannot be put into an input */
export function draftOf(row: PlannedRow, target: Target): Draft {
  const { shape, operation } = target
  if (operation === 'insert') {
    return { row, parts: { ...parentOf(row, target), ...partsOf(row, target) } }
  }
  const node: Part = { kind: 'value', value: textOf(row, { name: 'node_id', target }) }
  if (operation === 'update') return { row, parts: { id: node, ...partsOf(row, target) } }
  return { row, parts: shape.name === 'issues' ? { issueId: node } : { id: node } }
}

function parentOf(row: PlannedRow, target: Target): Draft['parts'] {
  const repository = repositoryOf(row, target)
  if (target.shape.name !== 'issue_comments') {
    return { repositoryId: { kind: 'one', reference: { kind: 'repository', repository } } }
  }
  const number = integerOf(row, { name: 'issue_number', target })
  return { subjectId: { kind: 'one', reference: { kind: 'issue', repository, number } } }
}

function partsOf(row: PlannedRow, target: Target): Draft['parts'] {
  return Object.fromEntries(
    fieldsOf(row, target).map(({ column, value }) => partOf(column, { value, row, target })),
  )
}

function partOf(
  { name }: GithubColumn,
  { value, row, target }: { value: Json; row: PlannedRow; target: Target },
): readonly [string, Part] {
  switch (name) {
    case 'labels':
      return ['labelIds', { kind: 'many', references: labelsOf(value, { row, target }) }]
    case 'assignees':
      return ['assigneeIds', {
        kind: 'many',
        references: textsIn(value).map((login) => ({ kind: 'user', login })),
      }]
    case 'milestone':
      return ['milestoneId', milestoneOf(value, { row, target })]
    case 'state':
      return ['state', { kind: 'value', value: stateOf(row, target) }]
    default:
      return [name, { kind: 'value', value }]
  }
}

function labelsOf(
  value: Json,
  { row, target }: { row: PlannedRow; target: Target },
): Reference[] {
  const names = textsIn(value)
  if (names.length === 0) return []
  const repository = repositoryOf(row, target)
  return names.map((name) => ({ kind: 'label', repository, name }))
}

function milestoneOf(
  value: Json,
  { row, target }: { row: PlannedRow; target: Target },
): Part {
  if (value === null) return { kind: 'value', value }
  const number = row.values['milestone'] ?? ''
  if (!/^\d{1,9}$/.test(number)) {
    throw fault('reference_missing', {
      ...placeOf({ table: target.table, row }),
      column: 'milestone',
      detail: `${keyOf('milestone', number)} is not the number of a milestone.`,
    })
  }
  const repository = repositoryOf(row, target)
  return { kind: 'one', reference: { kind: 'milestone', repository, number } }
}

function textsIn(value: Json): string[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : []
  return items.filter((item) => typeof item === 'string')
}

/** An enum of the schema: one that is not in it would refuse the whole document and name no row. */
function stateOf(row: PlannedRow, { table }: Target): string {
  const text = row.values['state'] ?? ''
  if (text === 'open' || text === 'closed') return text.toUpperCase()
  throw fault('validation_error', {
    ...placeOf({ table, row }),
    column: 'state',
    detail: `${keyOf('state', text)} is neither open nor closed.`,
  })
}

/** What a draft refers to. */
export function referencesIn({ parts }: Draft): Reference[] {
  return Object.values(parts).flatMap((part) => {
    switch (part.kind) {
      case 'value':
        return []
      case 'one':
        return [part.reference]
      case 'many':
        return part.references
    }
  })
}

/**
 * What a request of the REST API refers to by name. Labels only: GitHub would make those that it does not have, and says
 * itself what else is missing.
 */
export function labelsIn(row: PlannedRow, target: Target): Reference[] {
  if (target.operation === 'delete' || target.shape.name !== 'issues') return []
  const labels = fieldsOf(row, target).find(({ column }) => column.name === 'labels')
  return labels === undefined ? [] : labelsOf(labels.value, { row, target })
}

/** The input. @throws Fault reference_missing with row and column; see `nodeIdOf` */
export function inputOf(
  { row, parts }: Draft,
  { names, target }: { names: Names; target: Target },
): JsonObject {
  const at = { names, row, target }
  const members = Object.entries(parts).map(([name, part]): [string, Json] => {
    switch (part.kind) {
      case 'value':
        return [name, part.value]
      case 'one':
        return [name, nodeIdOf(part.reference, at)]
      case 'many':
        return [name, part.references.map((reference) => nodeIdOf(reference, at))]
    }
  })
  return Object.fromEntries(members)
}

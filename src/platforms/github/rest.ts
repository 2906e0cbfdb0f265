// Room platforms: one row of a mutation as one request of GitHub's REST API.
// Source: GitHub REST API, the pages of the seven objects, version 2022-11-28.

import { fault } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../mutation/table.ts'
import type { Json, JsonObject } from '../json.ts'
import { segmentOf } from '../segment.ts'
import { keyOf } from '../words.ts'
import type { RestRequest } from './client.ts'
import type { GithubColumn, GithubTable } from './columns.ts'
import { placed, placeOf } from './faults.ts'
import { isRepository } from './settings.ts'
import { toPlatform } from './values.ts'

/** What rows are to be written to. */
export interface Target {
  readonly operation: Operation
  readonly table: SyncedTable
  readonly shape: GithubTable
}

type Method = RestRequest['method']

const methods: Readonly<Record<Operation, Method>> = {
  insert: 'POST',
  update: 'PATCH',
  delete: 'DELETE',
}

/** @throws Fault with the row's place when it cannot be put into a request */
export function restRequest(row: PlannedRow, target: Target): RestRequest {
  const method = methods[target.operation]
  const path = target.operation === 'insert' ? newPath(row, target) : recordPath(row, target)
  const head = { kind: 'rest', method, path } as const
  return target.operation === 'delete' ? head : { ...head, body: bodyOf(row, target) }
}

function newPath(row: PlannedRow, target: Target): string {
  const { shape } = target
  if (shape.name === 'repositories') {
    const { owner = null } = row.values
    return owner === null ? '/user/repos' : `/orgs/${organizationIn(owner, { row, target })}/repos`
  }
  const root = `/repos/${repositoryOf(row, target)}`
  switch (shape.name) {
    case 'issue_comments':
      return `${root}/issues/${integerOf(row, { name: 'issue_number', target })}/comments`
    case 'pull_requests':
      return `${root}/pulls`
    default:
      return `${root}/${shape.name}`
  }
}

function organizationIn(
  text: string,
  { row, target }: { row: PlannedRow; target: Target },
): string {
  const owner = segmentOf(text)
  if (owner !== undefined) return owner
  throw invalid(row, { name: 'owner', target, text, say: 'is not the name of an organization' })
}

/**
 * The request that reads a record before it is changed, where its address is not its own for ever: numbers belong to a
 * repository and repositories to a name, which another one can have by now. Undefined where the id is the address.
 * (`/repositories/{id}` works too but is not documented for writing.) Between the two requests the name can still change
 * hands: GitHub has no condition for a write.
 */
export function checkRequest(row: PlannedRow, target: Target): RestRequest | undefined {
  const { operation, shape } = target
  const byId = shape.name === 'releases' || shape.name === 'issue_comments'
  if (operation === 'insert' || byId) return undefined
  return { kind: 'rest', method: 'GET', path: recordPath(row, target) }
}

/** Not a label's: its name is no safe address, and documents have its id. */
function recordPath(row: PlannedRow, target: Target): string {
  const { shape } = target
  const root = `/repos/${repositoryOf(row, target)}`
  const number = () => integerOf(row, { name: 'number', target })
  switch (shape.name) {
    case 'issues':
      return `${root}/issues/${number()}`
    case 'milestones':
      return `${root}/milestones/${number()}`
    case 'issue_comments':
      return `${root}/issues/comments/${recordId(row, target)}`
    case 'releases':
      return `${root}/releases/${recordId(row, target)}`
    case 'pull_requests':
      return `${root}/pulls/${number()}`
    default:
      return root // a repository itself
  }
}

/** `owner/name` of the repository that the row is in, or is. */
export function repositoryOf(row: PlannedRow, target: Target): string {
  const name = target.shape.name === 'repositories' ? 'full_name' : 'repository'
  const text = textOf(row, { name, target })
  if (isRepository(text)) return text
  throw invalid(row, { name, target, text, say: 'is not of the form "owner/name"' })
}

interface Part {
  /** The column. */
  readonly name: string
  readonly target: Target
}

/** A value that addresses the record: of the row to insert, else as it was before the statement. */
export function textOf(row: PlannedRow, { name, target }: Part): string {
  const values = target.operation === 'insert' ? row.values : row.key
  const text = values?.[name] ?? null
  if (text !== null && text !== '') return text
  throw fault('required_value_missing', {
    ...placeOf({ table: target.table, row }),
    column: name,
    detail: `GitHub addresses the record by "${name}", which has no value.`,
  })
}

/** A number in a path. */
export function integerOf(row: PlannedRow, part: Part): string {
  const text = textOf(row, part)
  if (/^\d{1,18}$/.test(text)) return text
  throw invalid(row, { ...part, text, say: 'is not a number of GitHub' })
}

/** The record's own id. */
export function recordId(row: PlannedRow, target: Target): string {
  const text = row.id ?? ''
  if (/^\d{1,20}$/.test(text)) return text
  throw invalid(row, { name: 'id', target, text, say: 'is not an id of GitHub' })
}

function invalid(
  row: PlannedRow,
  { name, target, text, say }: Part & { text: string; say: string },
) {
  return fault('value_not_of_type', {
    ...placeOf({ table: target.table, row }),
    column: name,
    detail: `${keyOf(name, text)} ${say}.`,
  })
}

/** The columns of a row that stand in a request's body, with their values in the form of the REST API. */
export function fieldsOf(
  row: PlannedRow,
  target: Target,
): readonly { readonly column: GithubColumn; readonly value: Json }[] {
  const { operation, table, shape } = target
  return Object.entries(row.values).flatMap(([name, text]) => {
    const place = { ...placeOf({ table, row }), column: name }
    const column = shape.columns.find((each) => each.name === name)
    if (column === undefined) {
      throw fault('column_unknown', {
        ...place,
        detail: `Column "${name}" has no field behind it.`,
      })
    }
    if (operation === 'insert' ? !column.insertable : !column.updatable) {
      const word = operation === 'insert' ? 'an INSERT' : 'an UPDATE'
      throw fault('column_read_only', {
        ...place,
        detail: `GitHub does not let ${word} set "${name}".`,
      })
    }
    // null in an insert would only stand in the way of a default
    if (shape.inPath.includes(name) || (operation === 'insert' && text === null)) return []
    return [{ column, value: valueOf(text, { column, place }) }]
  })
}

function valueOf(
  text: string | null,
  { column, place }: { column: GithubColumn; place: ReturnType<typeof placeOf> },
): Json {
  try {
    return toPlatform(text, column)
  } catch (error) {
    throw placed(error, place)
  }
}

function bodyOf(row: PlannedRow, target: Target): JsonObject {
  return Object.fromEntries(fieldsOf(row, target).map(({ column, value }) => [column.name, value]))
}

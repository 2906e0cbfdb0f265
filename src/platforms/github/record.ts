// Room platforms: GitHub's records as rows. A record of the REST API is read by the paths of the columns; one of the
// GraphQL API is first put into the form of the REST API.

import type { Log } from '../../lib/log.ts'
import type { Values } from '../../mutation/mutation.ts'
import {
  isJsonNumber,
  isJsonObject,
  type Json,
  jsonNumber,
  type JsonObject,
  toInteger,
} from '../json.ts'
import type { GithubTable } from './columns.ts'
import { isRepository } from './settings.ts'
import { fromPlatform } from './values.ts'

/** The id of a record of the REST API, as text; undefined when it has none. */
export function idOf(record: JsonObject): string | undefined {
  const { id } = record
  return isJsonNumber(id) && /^\d+$/.test(id.rawJSON) ? id.rawJSON : undefined
}

/** Every column that the record holds. */
export function valuesOf(record: JsonObject, table: GithubTable, log: Log): Values {
  const placed = { ...placeOf(record), ...record }
  const values: Record<string, string | null> = {}
  for (const column of table.columns) {
    const value = valueAt(placed, column.field.split('.'))
    if (value !== undefined) values[column.name] = fromPlatform(value, column, log)
  }
  return values
}

/** In a list the rest of the path is taken of each item; an item that is a text stands for itself. */
function valueAt(json: Json, [step, ...rest]: readonly string[]): Json | undefined {
  if (step === undefined || json === null) return json
  if (Array.isArray(json)) {
    const items: readonly Json[] = json
    return items.map((item) => typeof item === 'string' ? item : valueAt(item, [step, ...rest]))
      .filter((item) => item !== undefined && item !== null)
  }
  const value = isJsonObject(json) ? json[step] : undefined
  return value === undefined ? undefined : valueAt(value, rest)
}

/** What a record tells of its place only in its addresses, which have the repository's present name. */
function placeOf({ url, issue_url: issueUrl }: JsonObject): JsonObject {
  const repository = typeof url === 'string'
    ? /\/repos\/([^/]+\/[^/]+)\//.exec(url)?.[1]
    : undefined
  const issue = typeof issueUrl === 'string' ? /\/issues\/(\d+)$/.exec(issueUrl)?.[1] : undefined
  return {
    ...(repository !== undefined && isRepository(repository) ? { repository } : {}),
    ...(issue === undefined ? {} : { issue_number: jsonNumber(issue) }),
  }
}

/** What the documents select of an issue. At most 100 labels and 10 people can be on one. */
export const issueFields = `id fullDatabaseId number title body state
  stateReason(enableDuplicate: true) locked activeLockReason authorAssociation url
  createdAt updatedAt closedAt
  repository { nameWithOwner }
  labels(first: 100) { nodes { name } }
  assignees(first: 100) { nodes { login } }
  milestone { number }
  author { __typename login }
  comments { totalCount }`

/** What the documents select of a comment. Not its issue: on a pull request it has none, which would be an error. */
export const commentFields = `id fullDatabaseId body authorAssociation url createdAt updatedAt
  repository { nameWithOwner }
  author { __typename login }`

/** What the documents select of a label; the GraphQL API does not have its number. */
export const labelFields = 'id name color description isDefault repository { nameWithOwner }'

/** An issue, comment or label of the GraphQL API in the form of the REST API; what it lacks stays absent. */
export function recordOf(node: JsonObject): JsonObject {
  const record: Record<string, Json> = {}
  for (const [name, value] of Object.entries(node)) {
    if (value === undefined) continue
    const [field, put] = translated(name, value)
    if (put !== undefined) record[field] = put
  }
  return record
}

function translated(name: string, value: Json): readonly [string, Json | undefined] {
  switch (name) {
    case 'id':
      return ['node_id', value]
    case 'fullDatabaseId':
      return ['id', bigIntOf(value)]
    case 'url':
      return ['html_url', value]
    case 'isDefault':
      return ['default', value]
    case 'state':
    case 'stateReason':
      return [snake(name), typeof value === 'string' ? value.toLowerCase() : value]
    case 'activeLockReason':
      return [snake(name), lockReasonOf(value)]
    case 'repository':
      return [name, memberOf(value, 'nameWithOwner')]
    case 'labels':
    case 'assignees':
      return [name, memberOf(value, 'nodes')]
    case 'comments':
      return [name, memberOf(value, 'totalCount')]
    case 'author':
      return ['user', authorOf(value)]
    default:
      return [snake(name), value]
  }
}

/** A BigInt of the GraphQL API is a text. */
function bigIntOf(value: Json): Json | undefined {
  if (isJsonNumber(value)) return value
  return typeof value === 'string' && /^\d+$/.test(value) ? jsonNumber(value) : undefined
}

/** The REST API says `too heated` and `off-topic`. */
function lockReasonOf(value: Json): Json {
  if (typeof value !== 'string') return null
  return value === 'TOO_HEATED' ? 'too heated' : value.toLowerCase().replace('_', '-')
}

function memberOf(value: Json, name: string): Json | undefined {
  return isJsonObject(value) ? value[name] : undefined
}

/** The REST API marks bots; whoever is no longer there has no name here, but one there: so absent. */
function authorOf(value: Json): Json | undefined {
  const login = memberOf(value, 'login')
  if (typeof login !== 'string') return undefined
  return { login: memberOf(value, '__typename') === 'Bot' ? `${login}[bot]` : login }
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** The number of an issue that was made, for when nothing else of it can be read. */
export function numberIn(node: JsonObject): number | undefined {
  return toInteger(node['number'])
}

// Room platforms: how many records a GitHub table has, by the counts that the GraphQL API gives with its lists.
// Source: GitHub's public schema, the connections of Repository.

import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, toInteger } from '../json.ts'
import type { Caller } from '../platform.ts'
import { tableFor } from './describe.ts'
import { askGraphql } from './inquire-nodes.ts'
import { readSettings } from './settings.ts'

const connections: Readonly<Record<string, string>> = {
  issues: 'issues',
  labels: 'labels',
  milestones: 'milestones',
  releases: 'releases',
  pull_requests: 'pullRequests',
}

/** Repositories that are counted in one document. */
const repositoriesMax = 100

/**
 * The records of the repositories that the settings name, in one request; null: they name none, or too many, or GitHub has no
 * count: of comments it has none.
 * @throws Fault as `read`
 */
export async function countOf(table: SyncedTable, caller: Caller): Promise<number | null> {
  const { name } = tableFor(table.object)
  const { repositories } = readSettings(caller.settings)
  if (repositories === undefined || repositories.length > repositoriesMax) return null
  if (name === 'repositories') return repositories.length
  const connection = connections[name]
  if (connection === undefined || repositories.length === 0) return null
  const variables = Object.fromEntries(repositories.flatMap((full, i) => {
    const [owner = '', repository = ''] = full.split('/')
    return [[`o${i}`, owner], [`n${i}`, repository]]
  }))
  const parameters = Object.keys(variables).map((word) => `$${word}: String!`).join(', ')
  const fields = repositories.map((_, i) =>
    `r${i}: repository(owner: $o${i}, name: $n${i}) { it: ${connection} { totalCount } }`
  )
  const query = `query(${parameters}) { ${fields.join(' ')} }`
  const { data } = await askGraphql({ kind: 'graphql', query, variables }, {
    caller,
    place: { table },
  })
  const counts = repositories.map((_, i) => {
    const repository = data?.[`r${i}`]
    const it = isJsonObject(repository) ? repository['it'] : undefined
    return isJsonObject(it) ? toInteger(it['totalCount']) : undefined
  })
  return counts.includes(undefined)
    ? null
    : counts.reduce<number>((sum, one) => sum + (one ?? 0), 0)
}

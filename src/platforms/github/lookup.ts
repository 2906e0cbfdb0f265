// Room platforms: records of GitHub read again, by their node ids where the GraphQL API has them, a hundred in one document,
// else by their addresses, one request each. What is not there is told as gone only when its repository surely is, or is
// none of the table's any more: GitHub shows a missing permission as 404.

import { Fault } from '../../mutation/fault.ts'
import type { Values } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { HttpResponse } from '../../lib/http.ts'
import { isJsonObject, tryParseJson } from '../json.ts'
import type { Caller, Ref } from '../platform.ts'
import { answered } from '../reading.ts'
import { call } from './client.ts'
import type { GithubTable } from './columns.ts'
import { tableFor } from './describe.ts'
import { readFailure } from './errors.ts'
import { faultOfResponse, isMoved, placeOf } from './faults.ts'
import { isForeign } from './feed.ts'
import { recordPath } from './inquire.ts'
import { inParts } from './inquire-made.ts'
import { readNodes, selectionOf } from './inquire-nodes.ts'
import { type ReadOptions, unanswered } from './read.ts'
import { idOf, valuesOf } from './record.ts'
import { isRepository, readSettings } from './settings.ts'
import { refOf } from './unlisted.ts'

/** References at once: so many nodes a document may hold, and so many requests fit into the time of one call. */
export const readMax = 50

interface Looking extends ReadOptions {
  readonly shape: GithubTable
  readonly table: SyncedTable
  /** Names of the repositories of the table, in lower case; undefined: all that the account may see. */
  readonly scope: ReadonlySet<string> | undefined
}

/** absent: not where the reference says; undefined: GitHub does not say. */
type Found = { readonly values: Values | null } | 'absent' | undefined

/**
 * Records as they are. One that is not in a repository of the table any more counts as gone; of one in a repository that the
 * settings name and that cannot be read nothing is said.
 * @throws Fault as `read`
 */
export async function lookUpRefs(
  table: SyncedTable,
  refs: readonly Ref[],
  caller: Caller,
): Promise<readonly { readonly id: string; readonly values: Values | null }[]> {
  const shape = tableFor(table.object)
  const names = readSettings(caller.settings).repositories
  const scope = names && new Set(names.map((name) => name.toLowerCase()))
  const looking = { shape, table, caller, place: { table }, scope }
  const selection = selectionOf(shape.name)
  const isNode = ({ keys }: Ref) => selection !== undefined && (keys['node_id'] ?? '') !== ''
  const nodes = refs.filter(isNode)
  const others = refs.filter((ref) => !isNode(ref))
  const found = [
    ...await nodesOf(nodes, selection ?? '', looking),
    ...await inParts(others, async (ref) => [ref, await recordAt(ref, looking)] as const),
  ]
  const missing = found.filter(([, one]) => one === 'absent').map(([ref]) => ref)
  const gone = await surelyGone(missing, looking)
  return found.flatMap(([{ id }, one]) => {
    if (one === undefined) return []
    if (one !== 'absent') return [{ id, values: one.values }]
    return gone.has(id) ? [{ id, values: null }] : []
  })
}

async function nodesOf(
  refs: readonly Ref[],
  selection: string,
  looking: Looking,
): Promise<readonly (readonly [Ref, Found])[]> {
  const nodeIdOf = ({ keys }: Ref) => keys['node_id'] ?? ''
  const { shape } = looking
  const nodes = await readNodes(refs.map(nodeIdOf), selection, looking)
  return await inParts(refs, async (ref): Promise<readonly [Ref, Found]> => {
    const record = nodes.get(nodeIdOf(ref))
    if (record === undefined) return [ref, undefined]
    if (record === null) return [ref, 'absent']
    // a label of the GraphQL API has no number
    const id = idOf(record) ?? (shape.name === 'labels' ? ref.id : undefined)
    if (id !== ref.id) return [ref, undefined]
    const values = { ...issueOf(valuesOf(record, shape, looking.caller.log), shape), id }
    if (isWhole(values, shape)) return [ref, inTable(values, looking)]
    const found = await recordAt(refOf({ id, values: { ...ref.keys, ...values } }, shape), looking)
    // there it is, its node says
    return [ref, found === 'absent' ? undefined : found]
  })
}

/**
 * Does it tell every column? What a row lacks becomes null in the table: so the author who is no longer there, of whom the
 * GraphQL API has nothing, and the REST API, as its lists, a stand-in.
 */
function isWhole(values: Values, { columns }: GithubTable): boolean {
  return columns.every(({ name }) => Object.hasOwn(values, name))
}

/** The GraphQL API does not say which issue or pull request a comment is on, but its page does. */
function issueOf(values: Values, { name }: GithubTable): Values {
  if (name !== 'issue_comments') return values
  const number = /\/(?:issues|pull)\/(\d+)#/.exec(values['html_url'] ?? '')?.[1]
  return number === undefined ? values : { ...values, issue_number: number }
}

/** A record that went to a repository that the table does not have is none of its any more. */
function inTable(values: Values, { shape, scope }: Looking): Found {
  const name = values[shape.name === 'repositories' ? 'full_name' : 'repository'] ?? ''
  return { values: scope === undefined || scope.has(name.toLowerCase()) ? values : null }
}

async function recordAt(ref: Ref, looking: Looking): Promise<Found> {
  const { shape, table } = looking
  const row = { ordinal: 1, id: ref.id, values: {}, key: ref.keys }
  const path = recordPath(row, { operation: 'delete', table, shape })
  if (path === undefined) return undefined
  const response = await seen(path, looking)
  const { status, body } = response
  if (isAbsent(response)) return 'absent'
  if (isMoved(status)) return undefined
  if (status !== 200) throw new Fault(faultOfResponse(response, looking.place))
  const record = tryParseJson(body)
  const id = isJsonObject(record) ? idOf(record) : undefined
  if (!isJsonObject(record) || id === undefined) throw unanswered('it is no record', looking.place)
  // another one has its address: the record is not there any more
  if (id !== ref.id || isForeign(record, shape)) return { values: null }
  return inTable(
    { ...placeIn(ref, shape), ...valuesOf(record, shape, looking.caller.log) },
    looking,
  )
}

/** What an answer may leave out. */
function placeIn({ keys }: Ref, { name }: GithubTable): Values {
  const repository = keys['repository'] ?? null
  return name === 'repositories' || repository === null ? {} : { repository }
}

const redirectsMax = 3

/** GET, following redirects: a repository that was renamed or transferred, an issue that was transferred. */
async function seen(path: string, { caller, place }: ReadOptions): Promise<HttpResponse> {
  let asked = path
  for (let redirects = 0;; redirects += 1) {
    const reply = await call({ kind: 'rest', method: 'GET', path: asked }, caller)
    const response = answered(reply, placeOf(place))
    const further = isMoved(response.status) ? pathIn(response, caller) : undefined
    if (further === undefined || redirects === redirectsMax) return response
    asked = further
  }
}

/** Within the API only: a token is not carried elsewhere. */
function pathIn({ headers }: HttpResponse, { baseUrl }: Caller): string | undefined {
  const { location = '' } = headers
  if (!location.startsWith(`${baseUrl}/`)) return undefined
  const path = location.slice(baseUrl.length)
  return /^\/(?:repositories|repos)\/[\w.%/-]+$/.test(path) && !path.includes('..')
    ? path
    : undefined
}

/** In GitHub's own words. */
function isAbsent({ status, body }: HttpResponse): boolean {
  return (status === 404 || status === 410) && readFailure(body) !== undefined
}

/** The ids of those whose repositories can be read, or are none of the table's. */
async function surelyGone(refs: readonly Ref[], looking: Looking): Promise<ReadonlySet<string>> {
  const { shape, scope } = looking
  const nameOf = ({ keys }: Ref) => keys[shape.name === 'repositories' ? 'full_name' : 'repository']
  const names = [...new Set(refs.map((ref) => nameOf(ref) ?? ''))]
  const states = new Map<string, boolean>()
  for (const name of names) {
    const outside = scope !== undefined && !scope.has(name.toLowerCase())
    const isItself = shape.name === 'repositories'
    // where the settings name none, what cannot be seen is none of the table's
    const sure = (isItself && scope === undefined) || (outside && name !== '') ||
      (!isItself && isRepository(name) && await isReadable(name, looking))
    states.set(name, sure)
  }
  return new Set(refs.filter((ref) => states.get(nameOf(ref) ?? '')).map(({ id }) => id))
}

async function isReadable(name: string, looking: Looking): Promise<boolean> {
  const response = await seen(`/repos/${name}`, looking)
  if (response.status === 200) return true
  if (isAbsent(response)) return looking.scope === undefined
  throw new Fault(faultOfResponse(response, looking.place))
}

// Room platforms: the records that an insert at GitHub can have made, from the lists of their repositories, newest first, or
// by the name that is theirs alone. Sources: GitHub REST API, "List repository issues", "List pull requests", "List issue
// comments for a repository", "List milestones", "List releases", "Get a release by tag name", "Get a label", "Get a
// repository", "Get the authenticated user".

import type { PlannedRow } from '../../mutation/mutation.ts'
import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import { own } from '../own.ts'
import { segmentOf } from '../segment.ts'
import type { Trace } from '../traces.ts'
import { type Made, type Span, tracesMax } from '../witness.ts'
import type { GithubTable } from './columns.ts'
import { nextQuery } from './cursor.ts'
import { readNodes, selectionOf } from './inquire-nodes.ts'
import { read, type ReadOptions, unanswered } from './read.ts'
import { idOf, valuesOf } from './record.ts'
import { isRepository } from './settings.ts'

export interface Asking extends ReadOptions {
  readonly shape: GithubTable
}

/** The list under `/repos/{owner}/{repo}` of each object, newest first where GitHub can. */
const lists: Readonly<Record<string, { readonly path: string; readonly newestFirst: boolean }>> = {
  issues: { path: 'issues?state=all&sort=created&direction=desc', newestFirst: true },
  pull_requests: { path: 'pulls?state=all&sort=created&direction=desc', newestFirst: true },
  issue_comments: { path: 'issues/comments?sort=created&direction=desc', newestFirst: true },
  milestones: { path: 'milestones?state=all', newestFirst: false },
  releases: { path: 'releases?', newestFirst: false },
}

/** @throws Fault as `read`; not_found for a repository that is not there or may not be seen */
export async function madeAt(
  rows: readonly PlannedRow[],
  span: Span,
  asking: Asking,
): Promise<Made> {
  switch (asking.shape.name) {
    case 'labels':
      return await labelsNamed(rows, asking)
    case 'repositories':
      return await repositoriesNamed(rows, asking)
    case 'releases':
      return await releasesTagged(rows, asking)
    default:
      return await listedIn(repositoriesOf(rows), span, asking)
  }
}

function repositoriesOf(rows: readonly PlannedRow[]): readonly string[] {
  const names = rows.map(({ values }) => values['repository'] ?? '').filter(isRepository)
  return [...new Set(names)]
}

const perPage = 100
const pagesMax = Math.ceil(tracesMax / perPage)

async function listedIn(
  repositories: readonly string[],
  span: Span,
  asking: Asking,
): Promise<Made> {
  const traces: Trace[] = []
  const whole = new Set<string>()
  for (const repository of repositories) {
    const found = await listedOf(repository, span, asking)
    traces.push(...found.traces)
    if (found.whole) whole.add(repository)
  }
  return { traces, isWhole: ({ values }) => whole.has(values['repository'] ?? '') }
}

/** The records of one repository, back to the beginning of the span. */
async function listedOf(
  repository: string,
  { from }: Span,
  asking: Asking,
  pages = pagesMax,
): Promise<{ readonly traces: readonly Trace[]; readonly whole: boolean }> {
  const list = own(lists, asking.shape.name)
  if (list === undefined) return { traces: [], whole: false }
  const [path = '', query = ''] = list.path.split('?')
  const traces: Trace[] = []
  let asked: string | null = [query, `per_page=${perPage}`].filter((part) => part !== '').join('&')
  for (let page = 0; page < pages && asked !== null; page += 1) {
    const found = await read(`/repos/${repository}/${path}?${asked}`, asking)
    const records = recordsIn(found?.json, asking)
    const some = records.map((record) => traceOf(record, asking))
    traces.push(...some.filter((_, i) => !isPull(records[i], asking)))
    const last = some.at(-1)?.createdAt
    const past = list.newestFirst && last !== undefined && last < from
    asked = past ? null : nextQuery(found?.headers['link'])
  }
  return { traces, whole: asked === null }
}

/** GitHub's list of issues holds the pull requests too. */
function isPull(record: JsonObject | undefined, { shape }: Asking): boolean {
  return shape.name === 'issues' && isJsonObject(record?.['pull_request'])
}

function recordsIn(json: Json | undefined, { place }: Asking): readonly JsonObject[] {
  const items: readonly unknown[] = Array.isArray(json) ? json : [json]
  const records = items.filter(isJsonObject)
  if (!Array.isArray(json) || records.length !== items.length) {
    throw unanswered('this is not a list of records', place)
  }
  return records
}

/** @throws Fault platform_failed for a record without an id */
export function traceOf(record: JsonObject, { shape, caller, place }: Asking): Trace {
  const id = idOf(record)
  if (id === undefined) throw unanswered('a record has no id', place)
  return { id, values: valuesOf(record, shape, caller.log), ...datesOf(record, shape) }
}

/** A release's `created_at` is that of its commit. */
export function datesOf(
  record: JsonObject,
  { name }: GithubTable,
): Pick<Trace, 'createdAt' | 'changedAt'> {
  const published = name === 'releases' ? momentOf(record['published_at']) : undefined
  const createdAt = published ?? momentOf(record['created_at'])
  const changedAt = momentOf(record['updated_at'])
  return {
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(changedAt === undefined ? {} : { changedAt }),
  }
}

function momentOf(value: Json | undefined): number | undefined {
  const timeMs = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(timeMs) ? undefined : timeMs
}

/** Labels by their names, and when they were made from the GraphQL API, which alone says it. */
async function labelsNamed(rows: readonly PlannedRow[], asking: Asking): Promise<Made> {
  const paths = rows.map(({ values }) => pathOf(values['repository'], 'labels', values['name']))
  const { records, looked } = await recordsAt(paths, asking)
  const nodeIds = records.map(({ node_id: nodeId }) => typeof nodeId === 'string' ? nodeId : '')
  const nodes = await readNodes(nodeIds, selectionOf('labels') ?? '', asking)
  const traces = records.map((record, i) => {
    const dates = datesOf(nodes.get(nodeIds[i] ?? '') ?? {}, asking.shape)
    return { ...traceOf(record, asking), ...dates }
  })
  return { traces, isWhole: (row) => looked.has(paths[rows.indexOf(row)] ?? '') }
}

/** A published release is the only one of its tag. Drafts have no name of their own, and no date that is theirs. */
async function releasesTagged(rows: readonly PlannedRow[], asking: Asking): Promise<Made> {
  const isDraft = ({ values }: PlannedRow) => values['draft'] === 'true'
  const paths = rows.map((row) =>
    isDraft(row)
      ? undefined
      : pathOf(row.values['repository'], 'releases/tags', row.values['tag_name'])
  )
  const { records, looked } = await recordsAt(paths, asking)
  const drafts: Trace[] = []
  for (const repository of repositoriesOf(rows.filter(isDraft))) {
    drafts.push(...(await listedOf(repository, { from: 0, until: 0 }, asking, 1)).traces)
  }
  const traces = [...records.map((record) => traceOf(record, asking)), ...drafts]
  const distinct = [...new Map(traces.map((trace) => [trace.id, trace])).values()]
  return { traces: distinct, isWhole: (row) => looked.has(paths[rows.indexOf(row)] ?? '') }
}

/** GitHub changes the other letters of a name. */
const plainName = /^[A-Za-z0-9._-]+$/

async function repositoriesNamed(rows: readonly PlannedRow[], asking: Asking): Promise<Made> {
  const user = rows.every(({ values }) => (values['owner'] ?? null) !== null)
    ? undefined
    : await read('/user', asking)
  const login = isJsonObject(user?.json) ? user.json['login'] : undefined
  const paths = rows.map(({ values }) => {
    const owner = values['owner'] ?? (typeof login === 'string' ? login : '')
    const name = values['name'] ?? ''
    const full = `${owner}/${name}`
    return plainName.test(name) && isRepository(full) ? `/repos/${full}` : undefined
  })
  const { records, looked } = await recordsAt(paths, asking)
  const traces = records.map((record) => traceOf(record, asking))
  return { traces, isWhole: (row) => looked.has(paths[rows.indexOf(row)] ?? '') }
}

/** Of a record that has a name of its own in a repository. */
function pathOf(
  repository: string | null | undefined,
  list: string,
  name: string | null | undefined,
): string | undefined {
  const segment = segmentOf(name ?? '')
  const valid = isRepository(repository ?? '') && segment !== undefined
  return valid ? `/repos/${repository}/${list}/${segment}` : undefined
}

interface Looked {
  readonly records: readonly JsonObject[]
  /** The paths at which there surely is a record or none. */
  readonly looked: ReadonlySet<string>
}

/** The records at these paths, a few at a time. A repository that may not be seen answers as one without the record. */
async function recordsAt(
  paths: readonly (string | undefined)[],
  asking: Asking,
): Promise<Looked> {
  const known = [...new Set(paths.filter((path) => path !== undefined))]
  const answers = await inParts(known, (path) => read(path, { ...asking, absent: [404] }))
  const missing = known.filter((_, i) => answers[i] === undefined)
    .flatMap((path) => /^\/repos\/[^/]+\/[^/]+(?=\/)/.exec(path)?.[0] ?? [])
  for (const repository of new Set(missing)) await read(repository, asking)
  const records = answers.map((found) => found?.json).filter(isJsonObject)
  return { records, looked: new Set(known) }
}

/** So many requests are under way at one time. */
const partMax = 10

/** What `act` gives for each item, in their order. */
export async function inParts<Item, Result>(
  items: readonly Item[],
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let at = 0; at < items.length; at += partMax) {
    results.push(...await Promise.all(items.slice(at, at + partMax).map(act)))
  }
  return results
}

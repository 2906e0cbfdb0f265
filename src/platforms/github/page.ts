// Room platforms: all records of a GitHub table, repository after repository, page by page, in the order of creation where
// GitHub has it. Source: GitHub REST API, the lists of each object; Using pagination in the REST API.

import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json } from '../json.ts'
import type { Caller, Page } from '../platform.ts'
import type { GithubTable } from './columns.ts'
import { type Cursor, nextQuery, readCursor, start, writeCursor } from './cursor.ts'
import { tableFor } from './describe.ts'
import { lookUpRefs, readMax } from './lookup.ts'
import { read, type ReadOptions, unanswered } from './read.ts'
import { idOf, valuesOf } from './record.ts'
import { readSettings } from './settings.ts'
import { completed } from './unlisted.ts'

/** Records a page: the most that GitHub gives. */
const perPage = 100
/** Repositories looked up at a time; their names travel in the cursor. */
const repositoriesPerPart = 30

/**
 * One page; it can be empty and not the last. A repository that is gone, or has no issues, is passed over unless the
 * settings name it.
 * @throws Fault bad_request for a cursor that is none; else as `read`
 */
export async function page(
  table: SyncedTable,
  cursor: string | null,
  caller: Caller,
): Promise<Page> {
  const shape = tableFor(table.object)
  const at = cursor === null ? start : readCursor(cursor)
  const reading = { shape, caller, place: { table } }
  if (at.repositories.length > 0) return await recordsPage(at, reading)
  const { records, part } = await repositoriesPart(at.part ?? 1, reading)
  if (shape.list === undefined) {
    const next = part === null ? null : writeCursor({ repositories: [], query: null, part })
    return { rows: records.map((record) => rowOf(record, reading)), next }
  }
  const names = records.map((record) => nameOf(record, reading))
  if (names.length > 0) {
    return await recordsPage({ repositories: names, query: null, part }, reading)
  }
  return { rows: [], next: part === null ? null : writeCursor({ ...at, part }) }
}

interface Reading extends ReadOptions {
  readonly shape: GithubTable
  readonly place: { readonly table: SyncedTable }
}

/** A page of the records of the first repository of the cursor. */
async function recordsPage(at: Cursor, reading: Reading): Promise<Page> {
  const [repository = '', ...others] = at.repositories
  const list = reading.shape.list ?? ''
  const [path = '', query = ''] = list.split('?')
  const asked = at.query ?? [query, `per_page=${perPage}`].filter((part) => part !== '').join('&')
  const { repositories } = readSettings(reading.caller.settings)
  const found = await read(`/repos/${repository}/${path}?${asked}`, {
    ...reading,
    absent: repositories === undefined ? [404, 410] : [410], // 410: issues are switched off
  })
  const records = found === undefined ? [] : recordsIn(found.json, reading)
  const more = nextQuery(found?.headers['link'])
  const left = more === null ? { repositories: others, query: null } : { ...at, query: more }
  const next = { ...left, part: at.part }
  const ended = next.repositories.length === 0 && next.part === null
  const rows = records.filter((record) => !isForeign(record, reading.shape))
    .map((record) => rowOf(record, reading))
  return { rows: await wholeRows(rows, reading), next: ended ? null : writeCursor(next) }
}

/** A record of which GitHub tells neither what the list leaves out nor anything at its address is left out, as if unlisted. */
async function wholeRows(rows: Page['rows'], reading: Reading): Promise<Page['rows']> {
  const { rows: whole, untold } = await completed(rows, reading)
  const read: Page['rows'][number][] = []
  for (let at = 0; at < untold.length; at += readMax) {
    const some = untold.slice(at, at + readMax)
    const found = await lookUpRefs(reading.place.table, some, reading.caller)
    read.push(...found.flatMap(({ id, values }) => values === null ? [] : [{ id, values }]))
  }
  return [...whole, ...read]
}

/** GitHub's list of issues holds the pull requests too, with this mark. */
function isForeign(record: Json, { name }: GithubTable): boolean {
  return name === 'issues' && isJsonObject(record) && isJsonObject(record['pull_request'])
}

function recordsIn(json: Json, { place }: Reading): readonly Json[] {
  if (!Array.isArray(json)) throw unanswered('this is not a list of records', place)
  return json as readonly Json[]
}

function rowOf(record: Json, { shape, caller, place }: Reading): Page['rows'][number] {
  const id = isJsonObject(record) ? idOf(record) : undefined
  if (!isJsonObject(record) || id === undefined) throw unanswered('a record has no id', place)
  return { id, values: valuesOf(record, shape, caller.log) }
}

function nameOf(record: Json, { place }: Reading): string {
  const name = isJsonObject(record) ? record['full_name'] : undefined
  if (typeof name !== 'string') throw unanswered('a repository has no name', place)
  return name
}

interface Part {
  /** Records of repositories; of those that the settings name, their names alone where no more is needed. */
  readonly records: readonly Json[]
  /** The part that comes next. */
  readonly part: number | null
}

async function repositoriesPart(part: number, reading: Reading): Promise<Part> {
  const { repositories, installation } = readSettings(reading.caller.settings)
  if (repositories !== undefined) return await namedPart(part, { reading, names: repositories })
  const query = `per_page=${repositoriesPerPart}&page=${part}`
  const path = installation
    ? `/installation/repositories?${query}`
    : `/user/repos?sort=full_name&direction=asc&${query}`
  const found = await read(path, reading)
  const list = installation && isJsonObject(found?.json) ? found.json['repositories'] : found?.json
  const more = nextQuery(found?.headers['link']) !== null
  return { records: recordsIn(list ?? null, reading), part: more ? part + 1 : null }
}

async function namedPart(
  part: number,
  { reading, names }: { reading: Reading; names: readonly string[] },
): Promise<Part> {
  const end = part * repositoriesPerPart
  const some = names.slice(end - repositoriesPerPart, end)
  const next = names.length > end ? part + 1 : null
  if (reading.shape.list !== undefined) {
    return { records: some.map((name) => ({ full_name: name })), part: next }
  }
  const records: Json[] = []
  for (const name of some) {
    const found = await read(`/repos/${name}`, reading)
    if (found !== undefined) records.push(found.json)
  }
  return { records, part: next }
}

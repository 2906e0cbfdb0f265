// Room sandbox: HubSpot's search. How far it lags behind is told when the platform is made.
// https://developers.hubspot.com/docs/api-reference/crm-search/guide

import { isArray, isObject, type Json, type JsonObject, scalarText } from '../json.ts'
import { type Call, countOf, readBody, type Reply, reply, textsOf } from './call.ts'
import { invalid } from './errors.ts'
import { type Filter, readFilter } from './filter.ts'
import { find, type Order } from './find.ts'
import type { ObjectType } from './objects/definition.ts'
import { renderRow, shownNames } from './render.ts'
import { methodNotAllowed } from './single.ts'

const pageRowsMax = 200
const pageRowsDefault = 10
/** Results of one search that can be paged through. */
const resultsMax = 10_000
const groupsMax = 5
const groupFiltersMax = 6
const filtersMax = 18

/** POST /crm/v3/objects/{type}/search */
export function search(call: Call, type: ObjectType): Reply {
  if (call.method !== 'POST') throw methodNotAllowed(call)
  const body = readBody(call)
  const limit = countOf(scalarText(body['limit']), {
    name: 'limit',
    most: pageRowsMax,
    absent: pageRowsDefault,
  })
  const after = countOf(scalarText(body['after']), {
    name: 'after',
    most: 1_000_000_000,
    absent: 0,
  })
  if (after + limit > resultsMax) {
    throw invalid(`Paging through more than ${resultsMax} results of a search is not supported`)
  }
  const { portal, nowMs } = call.writer
  const { rows, total } = find({ portal, nowMs, lag: call.lag }, {
    type,
    groups: readGroups(body, type),
    words: scalarText(body['query'])?.toLowerCase() ?? '',
    order: readSort(body, type),
    after,
    limit,
  })
  const names = shownNames(type, textsOf(body, 'properties'))
  const end = after + limit
  return reply(200, {
    total,
    results: rows.map((row) => renderRow(row, names)),
    ...(end < total ? { paging: { next: { after: String(end) } } } : {}),
  })
}

function readGroups(body: JsonObject, type: ObjectType): Filter[][] {
  const groups = listOf(body['filterGroups']).map((group) => listOf(member(group, 'filters')))
  const alone = listOf(body['filters'])
  const all = alone.length === 0 ? groups : [...groups, alone]
  const count = all.reduce((sum, filters) => sum + filters.length, 0)
  if (
    all.length > groupsMax || count > filtersMax ||
    all.some((filters) => filters.length > groupFiltersMax)
  ) {
    throw invalid(
      `A search has at most ${groupsMax} filter groups, ${groupFiltersMax} filters in each and ` +
        `${filtersMax} filters in all`,
    )
  }
  return all.map((filters) => filters.map((filter) => readFilter(filter, type)))
}

function listOf(value: Json | undefined): readonly Json[] {
  return isArray(value) ? value : []
}

function member(value: Json, name: string): Json | undefined {
  return isObject(value) ? value[name] : undefined
}

function readSort(body: JsonObject, type: ObjectType): Order | null {
  const first = listOf(body['sorts'])[0]
  if (first === undefined) return null
  const text = scalarText(first)
  const name = (isObject(first) ? scalarText(first['propertyName']) : text?.replace(/^-/, '')) ?? ''
  if (!type.byName.has(name)) {
    throw invalid(`There was a problem with the request: cannot sort by ${name}`)
  }
  const descending = isObject(first)
    ? first['direction'] === 'DESCENDING'
    : text?.startsWith('-') === true
  return { name, descending }
}

// Room sandbox: the resources of the REST API, by their path.

import type { Json } from '../json.ts'
import { type Api, type Call, failedReply, methodNotAllowed, type Reply, reply } from './call.ts'
import { collectionResource, retrieveResource, upsertResource } from './collections.ts'
import { batchResource, compositeResource } from './composite.ts'
import { firstPage, laterPage } from './cursors.ts'
import { daysLater } from './dates.ts'
import { describeGlobal, describeObject } from './describe.ts'
import { ApiFailure, failure, noSuchResource } from './errors.ts'
import { findSobject, type Sobject, sobjects } from './objects/schema.ts'
import { externalResource, objectResource, recordResource } from './records.ts'
import { deletedResource, updatedResource } from './replication.ts'
import { runQuery } from './soql/select.ts'

/** The recycle bin keeps a record so long. */
const binDaysMax = 15

/** Carries out one call. What is refused becomes a reply; any other error is a fault of the sandbox. */
export function route(api: Api, call: Call): Reply {
  const mark = api.org.mark()
  try {
    return dispatch(api, call)
  } catch (error) {
    api.org.rollback(mark)
    if (!(error instanceof ApiFailure)) throw error
    return failedReply(error.errors)
  }
}

function dispatch(api: Api, call: Call): Reply {
  const [resource, ...rest] = call.segments
  switch (resource) {
    case undefined:
      return readable(call, () => resources(call))
    case 'sobjects':
      return sobjectsRoute(api, call, rest)
    case 'composite':
      return compositeRoute(api, call, rest)
    case 'query':
    case 'queryAll':
      return readable(call, () => queryRoute(api, call, rest[0]))
    case 'limits':
      return readable(call, () => limitsRoute(api, call, rest[0]))
    default:
      throw new ApiFailure([noSuchResource])
  }
}

function readable(call: Call, read: () => Reply): Reply {
  if (call.method !== 'GET' && call.method !== 'HEAD') {
    throw methodNotAllowed(call.method, 'GET,HEAD')
  }
  return read()
}

function resources({ base }: Call): Reply {
  const names = ['sobjects', 'composite', 'query', 'queryAll', 'limits']
  return reply(200, Object.fromEntries(names.map((name) => [name, `${base}/${name}`])))
}

function sobjectsRoute(api: Api, call: Call, path: readonly string[]): Reply {
  const [name, second, third, ...more] = path
  if (name === undefined) return readable(call, () => reply(200, describeGlobal(call.base)))
  const object = objectNamed(name)
  if (more.length > 0) throw new ApiFailure([noSuchResource])
  if (second === undefined) return objectResource(api, call, object)
  if (third !== undefined) {
    return externalResource(api, call, { object, fieldName: second, value: third })
  }
  switch (second) {
    case 'describe':
      return readable(call, () => reply(200, describeObject(object, call.base)))
    case 'updated':
      return updatedResource(api, call, object)
    case 'deleted':
      return deletedResource(api, call, object)
    default:
      return recordResource(api, call, object, second)
  }
}

function compositeRoute(api: Api, call: Call, path: readonly string[]): Reply {
  const [resource, name, fieldName, ...more] = path
  if (more.length > 0) throw new ApiFailure([noSuchResource])
  switch (resource) {
    case 'sobjects':
      if (name === undefined) return collectionResource(api, call)
      if (fieldName === undefined) return retrieveResource(api, call, objectNamed(name))
      return upsertResource(api, call, { object: objectNamed(name), fieldName })
    case undefined:
      return notNested(call, () => compositeResource(api, call))
    case 'batch':
      return notNested(call, () => batchResource(api, call))
    default:
      throw new ApiFailure([noSuchResource])
  }
}

function notNested({ nested }: Call, act: () => Reply): Reply {
  if (!nested) return act()
  throw failure('INVALID_INPUT', 'A composite request cannot contain another')
}

function objectNamed(name: string): Sobject {
  const object = findSobject(name)
  if (object === undefined) throw new ApiFailure([noSuchResource])
  return object
}

function queryRoute(api: Api, call: Call, locator: string | undefined): Reply {
  if (locator !== undefined) return laterPage(api.cursors, locator, call)
  const text = call.query.get('q')
  if (text === null || text.trim() === '') {
    throw failure('MALFORMED_QUERY', 'A query string has to be specified')
  }
  const all = call.segments[0] === 'queryAll'
  const binnedSince = all ? daysLater(api.nowMs(), -binDaysMax) : null
  return firstPage(api.cursors, runQuery(api.org, text, { binnedSince, base: call.base }), call)
}

function limitsRoute(api: Api, call: Call, resource: string | undefined): Reply {
  if (resource === undefined) return limits(api)
  if (resource === 'recordCount') return recordCount(api, call)
  throw new ApiFailure([noSuchResource])
}

/** Objects that the org does not have are left out. */
function recordCount({ org }: Api, call: Call): Reply {
  const names = call.query.get('sObjects')?.split(',').map((name) => name.trim())
  const objects = names === undefined ? sobjects : names.flatMap((name) => findSobject(name) ?? [])
  const counts = objects.map((object): Json => {
    let count = 0
    for (const { deletedAtMs } of org.rows(object)) count += Number(deletedAtMs === null)
    return { count, name: object.name }
  })
  return reply(200, { sObjects: counts })
}

function limits(api: Api): Reply {
  const { used, max } = api.usage()
  const limit = (most: number, left: number): Json => ({ Max: most, Remaining: left })
  return reply(200, {
    DailyApiRequests: limit(max, max - used),
    DailyBulkApiBatches: limit(15_000, 15_000),
    DataStorageMB: limit(5, 5),
    FileStorageMB: limit(20, 20),
  })
}

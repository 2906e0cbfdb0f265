// Room sandbox: several calls in one: /composite, whose calls can refer to earlier ones and can be all or none, and
// /composite/batch, whose calls are independent.
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm

import { isArray, isObject, type Json, JsonNumber, type JsonObject, scalarText } from '../json.ts'
import { type Api, type Call, flagOf, methodNotAllowed, readObject, type Reply } from './call.ts'
import { failedReply, reply } from './call.ts'
import { apiError, ApiFailure, failure, processingHalted } from './errors.ts'
import { resolveReferences } from './references.ts'
import { splitUrl } from './url.ts'

const subrequestsMax = 25
/** Of these, how many may be collections or queries. */
const heavySubrequestsMax = 5

interface Subrequest {
  readonly method: string
  readonly url: string
  readonly referenceId: string
  readonly body: Json | undefined
  readonly headers: Readonly<Record<string, string>>
}

interface Subreply extends Reply {
  readonly referenceId: string
}

/** POST /composite */
export function compositeResource(api: Api, call: Call): Reply {
  if (call.method !== 'POST') throw methodNotAllowed(call.method, 'POST')
  const body = readObject(call)
  const subrequests = readSubrequests(body)
  const allOrNone = flagOf(body, 'allOrNone')
  const mark = api.org.mark()
  const replies: Subreply[] = []
  let failed: Subreply | null = null
  for (const subrequest of subrequests) {
    if (allOrNone && failed !== null) break
    const answer = {
      ...carryOut(api, call, { subrequest, replies }),
      referenceId: subrequest.referenceId,
    }
    replies.push(answer)
    if (hasFailed(answer)) failed ??= answer
  }
  const undone = allOrNone && failed !== null
  if (undone) api.org.rollback(mark)
  const shown = subrequests.map(({ referenceId }, index) => {
    const answer = replies[index]
    const halted = undone && answer !== failed
    if (halted || answer === undefined) return { ...failedReply([processingHalted]), referenceId }
    return answer
  })
  return reply(200, { compositeResponse: shown.map(showSubreply) })
}

function showSubreply({ body, headers, status, referenceId }: Subreply): Json {
  const httpHeaders = headers['location'] === undefined ? {} : { Location: headers['location'] }
  return { body, httpHeaders, httpStatusCode: status, referenceId }
}

/** A collection answers 200 even when records in it failed; it counts as failed all the same. */
function hasFailed({ status, body }: Subreply): boolean {
  if (status >= 400) return true
  return isArray(body) && body.some((row) => isObject(row) && row['success'] === false)
}

function carryOut(
  api: Api,
  call: Call,
  { subrequest, replies }: { subrequest: Subrequest; replies: readonly Subreply[] },
): Reply {
  try {
    checkReferenceId(subrequest.referenceId)
    const bodies = new Map(replies.map((answer) => [answer.referenceId, answer.body]))
    const url = resolveReferences(subrequest.url, bodies)
    const body = subrequest.body === undefined
      ? undefined
      : resolveReferences(subrequest.body, bodies)
    return inner(api, call, { ...subrequest, url: scalarText(url) ?? '', body })
  } catch (error) {
    if (error instanceof ApiFailure) return failedReply(error.errors)
    throw error
  }
}

/** Since API v54 a bad reference id fails its own subrequest. */
function checkReferenceId(referenceId: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_]*$/.test(referenceId)) return
  const message = `Provided referenceId ('${referenceId}') must start with a letter or a number, ` +
    "and it can contain only letters, numbers and underscores ('_')."
  throw failure('PROCESSING_HALTED', message)
}

function inner(api: Api, call: Call, subrequest: Omit<Subrequest, 'referenceId'>): Reply {
  const place = splitUrl(subrequest.url)
  if (place === null) {
    throw failure('NOT_FOUND', 'The requested resource does not exist', { status: 404 })
  }
  return api.route({
    method: subrequest.method,
    segments: place.segments,
    query: place.query,
    headers: { ...call.headers, ...subrequest.headers },
    base: place.base,
    nested: true,
    readBody: () => {
      if (subrequest.body !== undefined) return subrequest.body
      throw failure(
        'JSON_PARSER_ERROR',
        'The HTTP entity body is required, but this request has no entity body.',
      )
    },
  })
}

function readSubrequests(body: JsonObject): Subrequest[] {
  const list = body['compositeRequest']
  if (!isArray(list) || list.length === 0) {
    throw failure('JSON_PARSER_ERROR', 'Missing required field: compositeRequest')
  }
  if (list.length > subrequestsMax) throw tooManySubrequests(subrequestsMax, 'subrequests')
  const subrequests = list.map(readSubrequest)
  const heavy = subrequests.filter(({ url }) =>
    /\/(?:composite\/sobjects|query|queryAll)\b/.test(url)
  )
  if (heavy.length > heavySubrequestsMax) {
    throw tooManySubrequests(heavySubrequestsMax, 'sObject Collections and query operations')
  }
  const names = subrequests.map(({ referenceId }) => referenceId)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return subrequests
  throw failure('INVALID_INPUT', `Duplicate referenceId provided: ${twice}`)
}

function tooManySubrequests(countMax: number, what: string): Error {
  return failure('LIMIT_EXCEEDED', `Limit of ${countMax} ${what} in one request exceeded`)
}

const methods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE']
const inheritedHeaders = ['accept', 'authorization', 'content-type']

function readSubrequest(json: Json): Subrequest {
  const part = isObject(json) ? json : {}
  const method = textMember(part, 'method')
  const url = textMember(part, 'url')
  const referenceId = textMember(part, 'referenceId')
  if (!methods.includes(method)) throw failure('INVALID_INPUT', `Invalid HTTP method: ${method}`)
  return { method, url, referenceId, body: part['body'], headers: readHeaders(part) }
}

function readHeaders(part: JsonObject): Record<string, string> {
  const given = isObject(part['httpHeaders']) ? part['httpHeaders'] : {}
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(given)) {
    if (inheritedHeaders.includes(name.toLowerCase())) {
      throw failure('INVALID_INPUT', `Header not allowed in a subrequest: ${name}`)
    }
    headers[name.toLowerCase()] = scalarText(value) ?? ''
  }
  return headers
}

function textMember(part: JsonObject, name: string): string {
  const value = part[name]
  if (typeof value === 'string') return value
  throw failure('JSON_PARSER_ERROR', `Missing required field: ${name}`)
}

/** POST /composite/batch */
export function batchResource(api: Api, call: Call): Reply {
  if (call.method !== 'POST') throw methodNotAllowed(call.method, 'POST')
  const body = readObject(call)
  const list = body['batchRequests']
  if (!isArray(list) || list.length === 0) {
    throw failure('JSON_PARSER_ERROR', 'Missing required field: batchRequests')
  }
  if (list.length > subrequestsMax) throw tooManySubrequests(subrequestsMax, 'subrequests')
  const halt = flagOf(body, 'haltOnError')
  let hasErrors = false
  const results = list.map((json): Json => {
    const answer = halt && hasErrors ? batchHalted : batchOne(api, call, json)
    if (answer.status >= 400) hasErrors = true
    return { statusCode: new JsonNumber(String(answer.status)), result: answer.body }
  })
  return reply(200, { hasErrors, results })
}

const batchHalted = failedReply([
  apiError('BATCH_PROCESSING_HALTED', 'Batch processing halted per request', { status: 412 }),
])

/** URLs in a batch start with the version. */
function batchOne(api: Api, call: Call, json: Json): Reply {
  const part = isObject(json) ? json : {}
  try {
    const url = textMember(part, 'url').replace(/^\/?(?:services\/data\/)?/, '/services/data/')
    const method = textMember(part, 'method')
    return inner(api, call, { method, url, body: part['richInput'], headers: {} })
  } catch (error) {
    if (error instanceof ApiFailure) return failedReply(error.errors)
    throw error
  }
}

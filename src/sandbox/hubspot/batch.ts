// Room sandbox: many records in one request. HubSpot does not promise to answer in the order of the inputs, so the
// sandbox never does: its results are the other way round.
// https://developers.hubspot.com/docs/api-reference/error-handling#multi-status-errors

import { isArray, isObject, type Json, type JsonObject, scalarText } from '../json.ts'
import { type Call, noContent, readBody, type Reply, reply, textsOf } from './call.ts'
import {
  type ApiError,
  ApiFailure,
  errorItem,
  failure,
  invalid,
  invalidProperties,
  someNotFound,
} from './errors.ts'
import { writeInstant } from './moments.ts'
import type { ObjectType } from './objects/definition.ts'
import { livingRow, type Row } from './portal.ts'
import { renderRow, renderWritten, shownNames } from './render.ts'
import { createRecord, readProperties, readValues, type Saved, updateRecord } from './save.ts'
import { archive, methodNotAllowed, uniqueName } from './single.ts'

const inputsMax = 100

/** POST /crm/v3/objects/{type}/batch/{action} */
export function batch(call: Call, type: ObjectType, action: string): Reply {
  if (call.method !== 'POST') throw methodNotAllowed(call)
  switch (action) {
    case 'create':
      return create(call, type)
    case 'read':
      return read(call, type)
    case 'update':
      return update(call, type)
    case 'upsert':
      return upsert(call, type)
    case 'archive':
      for (const { id } of readInputs(readBody(call), 'id')) archive(call, type, id)
      return noContent
    default:
      throw failure('resource not found', { status: 404 })
  }
}

interface Input {
  readonly object: JsonObject
  /** Empty where inputs need none. */
  readonly id: string
  /** `objectWriteTraceId` */
  readonly traceId: string | null
}

function readInputs(body: JsonObject, needed?: 'id'): readonly Input[] {
  const inputs = body['inputs']
  if (!isArray(inputs)) {
    throw failure(
      'Invalid input JSON on line 1, column 2: Some required fields were not set: [inputs]',
    )
  }
  if (inputs.length > inputsMax) {
    throw invalid(
      `The maximum number of inputs supported in a batch is ${inputsMax}. ` +
        'Please reduce the number of items and try again',
    )
  }
  return inputs.map((input) => readInput(input, needed))
}

function readInput(input: Json, needed: 'id' | undefined): Input {
  const object = isObject(input) ? input : null
  const id = scalarText(object?.['id'])
  if (object === null || (needed === 'id' && id === null)) {
    const message =
      'Invalid input JSON on line 1, column 2: Some required fields were not set: [id]'
    throw failure(message)
  }
  return { object, id: id ?? '', traceId: scalarText(object['objectWriteTraceId']) }
}

/** Only with a trace id of its own in every input does one that is bad not spoil the others. */
function create(call: Call, type: ObjectType): Reply {
  const inputs = readInputs(readBody(call))
  const given = inputs.map(({ object }) => readProperties(object))
  const traceIds = new Set(inputs.flatMap(({ traceId }) => traceId ?? []))
  if (traceIds.size < inputs.length || inputs.length === 0) {
    const issues = given.flatMap((texts) => readValues(type, texts, new Map()).issues)
    if (issues.length > 0) throw new ApiFailure(invalidProperties(issues))
    const saved = given.map((texts) => createRecord(call.writer, type, texts))
    for (const one of saved) if (!one.ok) throw new ApiFailure(withoutId(one.error))
    return complete(call, 201, { results: saved.flatMap((one) => resultOf(one)) })
  }
  const tally = newTally()
  inputs.forEach((input, index) => {
    const saved = createRecord(call.writer, type, given[index] ?? new Map())
    add(tally, saved, { traceId: input.traceId })
  })
  return complete(call, 201, tally)
}

/** Of a whole batch HubSpot does not say which record is in the way. */
function withoutId(error: ApiError): ApiError {
  if (error.category !== 'CONFLICT') return error
  return { ...error, message: error.message.replace(/\. Existing ID: \d+$/, '') }
}

function read(call: Call, type: ObjectType): Reply {
  const body = readBody(call)
  const inputs = readInputs(body, 'id')
  const name = uniqueName(type, scalarText(body['idProperty']))
  const archived = call.query.get('archived') === 'true'
  const names = shownNames(type, textsOf(body, 'properties'))
  const rows = new Set<Row>()
  const missing: string[] = []
  for (const { id } of inputs) {
    const { portal } = call.writer
    const row = name === null ? portal.get(type, id) : portal.holderOf(type, name, id)
    if (row === undefined || (row.archivedAtMs !== null) !== archived) missing.push(id)
    else rows.add(row)
  }
  return complete(call, 200, {
    results: [...rows].map((row) => renderRow(row, names)),
    missing,
    type,
  })
}

function update(call: Call, type: ObjectType): Reply {
  const inputs = readInputs(readBody(call), 'id')
  refuseTwice(inputs)
  const given = inputs.map(({ object }) => readProperties(object))
  const rows = inputs.map(({ object, id }) => rowOf(call, type, { object, id }))
  const tally = newTally()
  inputs.forEach((input, index) => {
    const row = rows[index]
    if (row === undefined) tally.missing.push(input.id)
    else add(tally, updateRecord(call.writer, row, given[index] ?? new Map()), input)
  })
  return complete(call, 200, { ...tally, type })
}

function upsert(call: Call, type: ObjectType): Reply {
  const inputs = readInputs(readBody(call), 'id')
  refuseTwice(inputs)
  const given = inputs.map(({ object }) => readProperties(object))
  const names = inputs.map(({ object }) => uniqueName(type, scalarText(object['idProperty'])))
  const tally = newTally()
  inputs.forEach((input, index) => {
    const texts = given[index] ?? new Map()
    const name = names[index] ?? null
    const row = rowOf(call, type, input)
    if (row !== undefined) {
      add(tally, updateRecord(call.writer, row, texts), input, { new: false })
    } else if (name === null) tally.missing.push(input.id)
    else {
      const whole = new Map([[name, input.id], ...texts])
      add(tally, createRecord(call.writer, type, whole), input, { new: true })
    }
  })
  return complete(call, 200, { ...tally, type })
}

function refuseTwice(inputs: readonly Input[]): void {
  const ids = inputs.map(({ id }) => id)
  const twice = [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))]
  if (twice.length === 0) return
  const message = `Duplicate IDs found in batch input: [${twice.join(', ')}]. IDs must be unique`
  throw invalid(message, { ids: twice })
}

function rowOf(
  { writer: { portal } }: Call,
  type: ObjectType,
  { object, id }: { object: JsonObject; id: string },
): Row | undefined {
  const name = uniqueName(type, scalarText(object['idProperty']))
  return name === null ? livingRow(portal, type, id) : portal.holderOf(type, name, id)
}

interface Tally {
  readonly results: JsonObject[]
  readonly errors: JsonObject[]
  readonly missing: string[]
}

function newTally(): Tally {
  return { results: [], errors: [], missing: [] }
}

/** Counts what became of one input. */
function add(
  tally: Tally,
  saved: Saved,
  { id, traceId }: { id?: string; traceId: string | null },
  extra: JsonObject = {},
): void {
  const trace = traceId === null ? {} : { objectWriteTraceId: traceId }
  for (const result of resultOf(saved)) tally.results.push({ ...result, ...extra, ...trace })
  if (saved.ok) return
  tally.errors.push(errorItem(saved.error, {
    ...(id === undefined ? {} : { ids: [id] }),
    ...(traceId === null ? {} : { objectWriteTraceId: [traceId] }),
  }))
}

function resultOf(saved: Saved): readonly JsonObject[] {
  return saved.ok ? [renderWritten(saved.row, saved.written)] : []
}

/** The answer: 207 as soon as one input failed. */
function complete(
  { writer }: Call,
  status: number,
  { results, errors = [], missing = [], type }: {
    results: readonly JsonObject[]
    errors?: readonly JsonObject[]
    missing?: readonly string[]
    type?: ObjectType
  },
): Reply {
  const all = type === undefined || missing.length === 0
    ? errors
    : [...errors, errorItem(someNotFound(type, missing), {})]
  const at = writeInstant(writer.nowMs)
  return reply(all.length === 0 ? status : 207, {
    status: 'COMPLETE',
    results: results.toReversed(),
    startedAt: at,
    completedAt: at,
    ...(all.length === 0 ? {} : { numErrors: all.length, errors: all }),
  })
}

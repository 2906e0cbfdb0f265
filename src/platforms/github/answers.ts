// Room platforms: what became of each row, from GitHub's raw answer. Nothing is believed that does not have the documented
// shape: written means that GitHub gave the record, refused that it surely changed nothing, the rest is unknown.

import type { HttpResponse } from '../../lib/http.ts'
import type { Log } from '../../lib/log.ts'
import type { FaultData } from '../../mutation/fault.ts'
import type { PlannedRow, Values } from '../../mutation/mutation.ts'
import { isRefusalStatus, isSuccess } from '../faults.ts'
import { isJsonObject, type Json, type JsonObject, tryParseJson } from '../json.ts'
import type { RowResult } from '../outcome.ts'
import { aliasOf, type MutationField } from './documents.ts'
import { type GraphqlAnswer, isFinal, isUnbegun, readAnswer } from './errors.ts'
import { faultOfGraphql, faultOfResponse, isMoved, type Place, unknownFault } from './faults.ts'
import { isLimit, limitedBy } from './limited.ts'
import { idOf, numberIn, recordOf, valuesOf } from './record.ts'
import type { Target } from './rest.ts'

/** What became of a row; `limited`: a limit held back this row of a document alone, so it may be sent again. */
export type Answered = RowResult & { readonly limited?: boolean }

/** What was written, and who hears of a value that Postgres cannot hold. */
export type Answering = Target & { readonly log: Log }

/** The result of a row that was a request of the REST API. */
export function readRow(response: HttpResponse, row: PlannedRow, target: Answering): RowResult {
  const { status, body } = response
  const { operation } = target
  const place = placeFor(row, target)
  if (!isSuccess(status)) return failed(response, row, place)
  if (operation === 'delete') {
    return status === 204
      ? gone(row)
      : unknown(row, place, `HTTP status ${status} is not a deletion.`)
  }
  const record = status === (operation === 'insert' ? 201 : 200) ? tryParseJson(body) : undefined
  if (!isJsonObject(record)) return unknown(row, place, 'The answer cannot be read.')
  return written(record, row, target)
}

function placeFor(row: PlannedRow, { table, operation }: Target): Place {
  return { table, row, operation }
}

/** 4xx and redirects write nothing, save 408, which a gateway may say of a request that it passed on. */
function failed(response: HttpResponse, row: PlannedRow, place: Place): RowResult {
  const { status } = response
  const fault = faultOfResponse(response, place)
  const refusal = isRefusalStatus(status) || isMoved(status)
  if (refusal) return refused(row, fault)
  return unknown(row, place, `HTTP status ${status}. ${fault.detail ?? ''}`)
}

function refused({ ordinal }: PlannedRow, fault: FaultData): RowResult {
  return { state: 'refused', ordinal, fault }
}

function unknown(row: PlannedRow, place: Place, reason: string): RowResult {
  return { state: 'unknown', ordinal: row.ordinal, fault: unknownFault(reason, place) }
}

function gone({ ordinal, id }: PlannedRow): RowResult {
  return { state: 'written', ordinal, id: id ?? '', values: null }
}

/** An update must answer with the record that was meant. A label of the GraphQL API has no id to compare. */
function written(record: JsonObject, row: PlannedRow, target: Answering): RowResult {
  const place = placeFor(row, target)
  const id = idOf(record) ?? (target.shape.name === 'labels' ? row.id ?? undefined : undefined)
  if (id === undefined) {
    const number = numberIn(record)
    const made = number === undefined ? '' : ` It was given number ${number}.`
    return unknown(row, place, `The answer lacks the record's id.${made}`)
  }
  if (target.operation === 'update' && id !== row.id) {
    return unknown(row, place, `GitHub answered with another record, ${id}.`)
  }
  const values = { ...asked(row, target), ...valuesOf(record, target.shape, target.log), id }
  return { state: 'written', ordinal: row.ordinal, id, values }
}

/** Of a new row, what its path says and its answer may not. */
function asked(row: PlannedRow, { operation, shape }: Target): Values {
  if (operation !== 'insert') return {}
  const given = shape.inPath.filter((name) => Object.hasOwn(row.values, name))
  return Object.fromEntries(given.map((name) => [name, row.values[name] ?? null]))
}

interface Sent {
  readonly rows: readonly PlannedRow[]
  readonly mutation: MutationField
  readonly target: Answering
}

/** The results of the rows of a document, in their order. */
export function readDocument(response: HttpResponse, sent: Sent): Answered[] {
  const { rows, target } = sent
  if (response.status !== 200) {
    const moved = isMoved(response.status) // of a document GitHub does not say so
    return rows.map((row) => {
      const place = placeFor(row, target)
      return moved
        ? unknown(row, place, `HTTP status ${response.status}`)
        : failed(response, row, place)
    })
  }
  const answer = readAnswer(response.body)
  if (answer === undefined) {
    return rows.map((row) => unknown(row, placeFor(row, target), 'The answer cannot be read.'))
  }
  const waitMs = limitedBy(response)?.waitMs ?? 0
  const results = rows.map((row, i) => readAlias(row, { answer, alias: aliasOf(i), sent, waitMs }))
  return results
}

interface Reading {
  readonly answer: GraphqlAnswer
  readonly alias: string
  readonly sent: Sent
  readonly waitMs: number
}

function readAlias(row: PlannedRow, { answer, alias, sent, waitMs }: Reading): Answered {
  const { target, mutation } = sent
  const place = placeFor(row, target)
  const payload = answer.data?.[alias] ?? null
  if (isJsonObject(payload)) return readPayload(payload, row, { mutation, target })
  const own = answer.errors.filter(({ path }) => path[0] === alias)
  const unbegun = answer.data === null && answer.errors.every(isUnbegun)
  const final = unbegun ? answer.errors[0] : own.find(isFinal)
  if (final === undefined) {
    const [error = answer.errors.find(({ path }) => path.length === 0)] = own
    return unknown(row, place, error?.message ?? 'The answer has nothing about the row.')
  }
  const fault = faultOfGraphql(final, { ...place, waitMs })
  return { ...refused(row, fault), limited: isLimit(final) }
}

function readPayload(
  payload: JsonObject,
  row: PlannedRow,
  { mutation, target }: Omit<Sent, 'rows'>,
): RowResult {
  if (mutation.record === undefined) return gone(row)
  const steps = mutation.record
  const node = steps.reduce<Json>((at, step) => isJsonObject(at) ? at[step] ?? null : null, payload)
  if (isJsonObject(node)) return written(recordOf(node), row, target)
  return unknown(row, placeFor(row, target), 'The answer lacks the record.')
}

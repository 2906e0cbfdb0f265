// Room platforms: which row of a batch each result and each error is about. The order of the results is not documented,
// so a row is found by its id, by the trace id that went with it, or by the values that were sent.

import type { Mutation, PlannedRow } from '../../mutation/mutation.ts'
import { own } from '../own.ts'
import { type Pair, pairAlike } from '../pairing.ts'
import type { ApiRecord, BatchAnswer } from './answer.ts'
import { type ApiError, readErrors } from './errors.ts'
import type { WriteRequest } from './request.ts'

/** What the answer to a batch says of each row, by ordinal. A row in neither is one of which it says nothing. */
export interface Matched {
  readonly written: ReadonlyMap<number, Pair<ApiRecord>>
  readonly refused: ReadonlyMap<number, Refused>
}

export interface Refused {
  readonly errors: Errors
  /** False: as many errors as rows are left over, so the row is refused, but the errors can be in any order. */
  readonly sure: boolean
}

type Errors = readonly [ApiError, ...ApiError[]]

/** The properties that went out for each row, by ordinal, where rows have no ids yet. */
export type Sent = ReadonlyMap<number, Readonly<Record<string, string>>>

/** Matches the rows of an update or delete, by id. */
export function matchById(mutation: Mutation, answer: BatchAnswer): Matched {
  const byId = new Map(answer.records.map((record) => [record.id, record]))
  const written = keyed(mutation.rows, ({ id }) => id === null ? undefined : byId.get(id))
  return withErrors(mutation, { answer, written, idOf })
}

const idOf = ({ id }: PlannedRow): string | null => id

/**
 * Matches the rows of an upsert: by trace id, else by the key, which HubSpot may write in another case; the rest, where a
 * record was found by a key that it has not as its own (a second email), as the rows of an insert.
 */
export function matchByKey(
  mutation: Mutation,
  answer: BatchAnswer,
  { property, inputs }: Extract<WriteRequest, { kind: 'batchUpsert' }>,
): Matched {
  const keyIn = ({ ordinal }: PlannedRow) => inputs.get(ordinal)?.key ?? null
  const traced = tracedIn(mutation, answer)
  const taken = new Set([...traced.values()].map(({ record }) => record))
  const byKey = new Map(
    answer.records.filter((record) => !taken.has(record)).map((record) => {
      const key = own(record.properties, property)
      return [typeof key === 'string' ? key.toLowerCase() : null, record]
    }),
  )
  const rest = mutation.rows.filter(({ ordinal }) => !traced.has(ordinal))
  const found = keyed(rest, (row) => byKey.get(keyIn(row)?.toLowerCase() ?? ''))
  const written = new Map([...traced, ...found])
  const sent = new Map([...inputs].map(([ordinal, { properties }]) => [ordinal, properties]))
  return matchRest(mutation, { answer, written, idOf: keyIn }, sent)
}

/**
 * Matches the rows of an insert: by trace id where the results have it. Recorded answers lack it; then by the values
 * that were sent, as far as they tell rows apart, and the rest, when just as many rows as results are left, in order:
 * those rows are written in any case and must not be lost. Which of them is which is not sure, so that a record's values
 * may come from HubSpot alone.
 */
export function matchByTrace(mutation: Mutation, answer: BatchAnswer, sent: Sent): Matched {
  return matchRest(mutation, { answer, written: tracedIn(mutation, answer), idOf }, sent)
}

function tracedIn(mutation: Mutation, { records }: BatchAnswer): Map<number, Pair<ApiRecord>> {
  const byTrace = new Map(records.map((record) => [traceOf(record), record]))
  return keyed(mutation.rows, ({ ordinal }) => byTrace.get(String(ordinal)))
}

function matchRest(mutation: Mutation, known: Written, sent: Sent): Matched {
  const { answer, written: traced } = known
  const { refused } = withErrors(mutation, known)
  const matched = new Set([...traced.values()].map(({ record }) => record))
  const records = answer.records.filter((record) => !matched.has(record))
  const rows = mutation.rows.filter(({ ordinal }) => !traced.has(ordinal) && !refused.has(ordinal))
  const pairs = pairAlike(
    rows,
    records,
    ({ ordinal }, record) => likenessOf(record, sent.get(ordinal) ?? {}),
  )
  const written = new Map([
    ...traced,
    ...[...pairs].map(([{ ordinal }, pair]) => [ordinal, pair] as const),
  ])
  return withErrors(mutation, { ...known, written })
}

function traceOf({ json }: ApiRecord): string | undefined {
  const trace = json['objectWriteTraceId']
  return typeof trace === 'string' ? trace : undefined
}

function keyed(
  rows: readonly PlannedRow[],
  find: (row: PlannedRow) => ApiRecord | undefined,
): Map<number, Pair<ApiRecord>> {
  return new Map(rows.flatMap((row) => {
    const record = find(row)
    return record === undefined ? [] : [[row.ordinal, { record, sure: true }] as const]
  }))
}

interface Written {
  readonly answer: BatchAnswer
  /** How errors name the row. */
  readonly idOf: (row: PlannedRow) => string | null
  readonly written: ReadonlyMap<number, Pair<ApiRecord>>
}

/** Adds the rows that errors name and, where as many errors that name none are left as rows, those rows. */
function withErrors({ rows }: Mutation, { answer, written, idOf }: Written): Matched {
  const refused = new Map<number, Refused>()
  const unplaced: Errors[] = []
  for (const json of answer.errors) {
    const [first, ...others] = readErrors(json)
    if (first === undefined) continue
    const errors: Errors = [first, ...others]
    const named = rows.filter((row) => isNamed({ ...row, id: idOf(row) }, first))
    for (const { ordinal } of named) {
      if (!written.has(ordinal)) refused.set(ordinal, { errors, sure: true })
    }
    if (named.length === 0) unplaced.push(errors)
  }
  const open = rows.filter(({ ordinal }) => !written.has(ordinal) && !refused.has(ordinal))
  if (answer.records.length > written.size || open.length !== unplaced.length) {
    return { written, refused }
  }
  const sure = open.length === 1
  const placed = open.flatMap(({ ordinal }, i) => {
    const errors = unplaced[i]
    return errors === undefined ? [] : [[ordinal, { errors, sure }] as const]
  })
  return { written, refused: new Map([...refused, ...placed]) }
}

function isNamed({ ordinal, id }: PlannedRow, { ids, traceIds }: ApiError): boolean {
  return traceIds.includes(String(ordinal)) || (id !== null && ids.includes(id))
}

/** How many of these values the record has. HubSpot may change their case. */
function likenessOf({ properties }: ApiRecord, sent: Readonly<Record<string, string>>): number {
  return Object.entries(sent).filter(([name, value]) => {
    const answered = own(properties, name)
    return typeof answered === 'string' && answered.toLowerCase() === value.toLowerCase()
  }).length
}

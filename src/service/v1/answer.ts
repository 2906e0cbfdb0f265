// Room service: answers of the HTTP door, as text: what is answered is what is kept under an idempotency key.

import { Fault, type FaultData, faultData } from '../../mutation/fault.ts'
import type { Log } from '../../lib/log.ts'
import type { Mutation, Outcome } from '../../mutation/mutation.ts'
import {
  type SentMutation,
  type StatementAnswer,
  StatementFailed,
} from '../../mutation/statement.ts'
import type { KeptAnswer } from '../../store/idempotency.ts'
import { faultFor, isPassing, problemHeaders, problemOf, problemType } from '../problem.ts'
import type { RowOutcome } from './schemas.ts'
import { typeOf } from './types.ts'
import { toJson } from './values.ts'

/**
 * What becomes of the request's idempotency key. keep: the answer is the request's for good. release: nothing was written,
 * and the same request may succeed later. leave: the journal knows better, or will; the next request finds out.
 */
export type KeyEnd = 'keep' | 'release' | 'leave'

/** The longest answer that is kept under a key, in bytes. */
const keptBytesMax = 1_048_576

export interface DoorAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly key: KeyEnd
  /** Kept in its place, where it is too long and cannot be made again. */
  readonly kept?: KeptAnswer
}

/** A success. */
export function jsonAnswer(status: number, body: string): DoorAnswer {
  return { status, contentType: 'application/json', body, headers: {}, key: 'keep' }
}

/** Is the body longer than what is kept? */
export function isLong({ body }: Pick<KeptAnswer, 'body'>): boolean {
  return Buffer.byteLength(body) > keptBytesMax
}

/** The success of any statement. */
export function resultAnswer(answer: StatementAnswer): DoorAnswer {
  const whole = jsonAnswer(200, resultBody(answer))
  return isLong(whole) ? { ...whole, kept: faultAnswer(tooLong(), answer.sent) } : whole
}

function tooLong(): FaultData {
  return faultData('result_too_large', {
    message: 'the statement was carried out, but its answer is too long to be kept under the key',
    detail: `At most ${keptBytesMax} bytes are kept; the first request has had the whole answer.`,
    hint: 'Read the rows with another statement. Do not send a write again.',
  })
}

/** What a statement gave, as the body of `POST …/query`. */
function resultBody(
  { command, rowCount, fields, truncated, sent, ...rest }: StatementAnswer,
) {
  const described = fields.map(({ name, type }) => ({ name, type: typeOf(type)?.name ?? 'other' }))
  const head = { command, rowCount, fields: described, truncated, mutation: idOf(sent) }
  return `${JSON.stringify(head).slice(0, -1)},"rows":[${rowTexts({ fields, ...rest }).join(',')}]}`
}

/** What a statement gave, as the body of the records' routes. `order`: ids in the order of the request. */
export function recordsBody(
  answer: StatementAnswer,
  { order }: { order?: readonly string[] } = {},
) {
  const rows = order === undefined ? answer.rows : inOrder(answer, order)
  const texts = rowTexts({ fields: answer.fields, rows })
  return `{"records":[${texts.join(',')}],"mutation":${JSON.stringify(idOf(answer.sent))}}`
}

function inOrder({ fields, rows }: StatementAnswer, order: readonly string[]) {
  const at = fields.findIndex(({ name }) => name === 'id')
  const place = new Map(order.map((id, index) => [id, index]))
  const placeOf = (row: readonly (string | null)[]) => place.get(row[at] ?? '') ?? order.length
  return [...rows].sort((a, b) => placeOf(a) - placeOf(b))
}

/** Each row as the text of a JSON object. */
function rowTexts({ fields, rows }: Pick<StatementAnswer, 'fields' | 'rows'>): string[] {
  const names = fields.map(({ name }) => JSON.stringify(name))
  return rows.map((row) => {
    const members = fields.map(({ type }, index) =>
      `${names[index]}:${toJson(row[index] ?? null, type)}`
    )
    return `{${members.join(',')}}`
  })
}

function idOf(sent: SentMutation | null): string | null {
  return sent?.mutation.id ?? null
}

/** A failure. What is not a Fault is logged. */
export function problemAnswer(
  error: unknown,
  deps: { log: Log; newId: () => string },
): DoorAnswer {
  const sent = error instanceof StatementFailed ? error.sent : null
  return faultAnswer(error instanceof Fault ? error.data : faultFor(error, deps), sent)
}

export function faultAnswer(fault: FaultData, sent: SentMutation | null): DoorAnswer {
  const problem = problemOf(fault)
  const partial = sent?.outcome?.state === 'partial'
  const body = {
    ...problem,
    ...(sent === null ? {} : { mutation: sent.mutation.id }),
    ...(partial ? { rows: rowOutcomes(sent.mutation, sent.outcome) } : {}),
  }
  return {
    status: problem.status,
    contentType: problemType,
    body: JSON.stringify(body),
    headers: problemHeaders(fault),
    key: keyEnd(fault, sent),
  }
}

/** What was sent and perhaps written is in the journal, which may know more than was known when the answer was given. */
function keyEnd(fault: FaultData, sent: SentMutation | null): KeyEnd {
  const state = sent === null ? 'refused' : sent.outcome?.state
  if (state === 'refused') return isPassing(fault) ? 'release' : 'keep'
  return state === 'partial' && fault.code === 'partly_written' ? 'keep' : 'leave'
}

/** What became of each row, in the order of the request. */
export function rowOutcomes(mutation: Mutation, outcome: Outcome | null): RowOutcome[] {
  switch (outcome?.state) {
    case undefined:
      return []
    case 'refused':
    case 'unknown': {
      const { state, fault } = outcome
      return mutation.rows.map(({ ordinal, id }) => ({ ordinal, id, state, fault }))
    }
    case 'accepted':
    case 'partial': {
      const written = outcome.rows.map((row): RowOutcome => ({
        ordinal: row.ordinal,
        id: row.id,
        state: 'written',
        values: row.values,
      }))
      const others: readonly RowOutcome[] = outcome.state === 'partial' ? outcome.others : []
      return [...written, ...others].sort((a, b) => a.ordinal - b.ordinal)
    }
  }
}

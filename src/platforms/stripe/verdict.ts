// Room platforms: what one answer to one row's request proves, and no more.
// Source: Stripe API reference, "Errors", "Idempotent requests".

import type { HttpResponse } from '../../lib/http.ts'
import { type FaultData, faultData } from '../../mutation/fault.ts'
import type { Operation, SyncedTable } from '../../mutation/table.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { Reply } from '../call.ts'
import { isRefusalStatus, isSuccess } from '../faults.ts'
import { isJsonNumber, tryParseJson } from '../json.ts'
import { own } from '../own.ts'
import { cut } from '../words.ts'
import { hints } from './codes.ts'
import { readError } from './errors.ts'
import { faultOf, placeOf } from './faults.ts'
import type { StripeObject } from './object.ts'
import { isGoneRecord, isRecord, type StripeRecord } from './record.ts'

/**
 * written: with the record, as it is now. refused: this sending wrote nothing; `conclusive`: nor did an earlier one with
 * the same Idempotency-Key, since Stripe would have repeated its answer. locked: this sending wrote nothing, and a later
 * one can succeed. doubt: it may have been carried out; `again`: the same key may be sent once more, or (busy: the
 * first sending is still being carried out) asked again later.
 */
export type Verdict =
  | { readonly state: 'written'; readonly record: StripeRecord }
  | { readonly state: 'refused'; readonly fault: FaultData; readonly conclusive: boolean }
  | { readonly state: 'locked'; readonly fault: FaultData }
  | {
    readonly state: 'doubt'
    readonly reason: string
    readonly again: 'replay' | 'ask' | 'no'
  }

export interface Asked {
  readonly operation: Operation
  readonly row: PlannedRow
  readonly table: SyncedTable
  readonly object: StripeObject
  /** Why an earlier sending of the same request may have been carried out. */
  readonly doubt?: string
}

export function verdictOf(reply: Reply, asked: Asked): Verdict {
  switch (reply.state) {
    case 'unsent': {
      const fault = { ...placeOf(asked), ...reply.fault }
      return { state: 'refused', fault, conclusive: false }
    }
    case 'lost':
      return { state: 'doubt', reason: reply.reason, again: 'replay' }
    case 'answered':
      return verdictOfAnswer(reply.response, asked)
  }
}

function verdictOfAnswer(response: HttpResponse, asked: Asked): Verdict {
  const { status, body } = response
  if (isSuccess(status)) return verdictOfSuccess(body, asked)
  if (!isRefusalStatus(status)) {
    return { state: 'doubt', reason: `HTTP status ${status}`, again: 'replay' }
  }
  const error = readError(body)
  const made = error?.paymentIntent
  if (asked.operation === 'insert' && isRecord(made, asked.object)) {
    return verdictOfDeclined(made, {
      asked,
      declined: status === 402 || error?.type === 'card_error',
    })
  }
  if (error?.code === 'idempotency_key_in_use') {
    return { state: 'doubt', reason: 'Stripe is still carrying out the request', again: 'ask' }
  }
  if (error?.type === 'idempotency_error') {
    return { state: 'doubt', reason: error.message, again: 'no' }
  }
  const fault = faultOf(response, asked)
  if (error?.code === 'lock_timeout') return { state: 'locked', fault }
  // the others may be answered before Stripe looks at the key
  const conclusive = error !== undefined && [400, 402, 404].includes(status) &&
    fault.code !== 'rate_limited'
  return { state: 'refused', fault, conclusive }
}

/**
 * The payment failed, not the insert: Stripe keeps the payment intent and answers it within the error. Another error can
 * speak of a payment intent that was there before.
 */
function verdictOfDeclined(
  record: StripeRecord,
  { asked: { row }, declined }: { asked: Asked; declined: boolean },
): Verdict {
  const [amount, currency] = [own(row.values, 'amount'), own(row.values, 'currency')]
  const meant = isJsonNumber(record['amount']) && record['amount'].rawJSON === amount &&
    record['currency'] === currency?.toLowerCase()
  if (declined && meant) return { state: 'written', record }
  const reason =
    'Stripe refused the request, and names a payment intent that can be the one asked for'
  return { state: 'doubt', reason, again: 'no' }
}

function verdictOfSuccess(body: string, asked: Asked): Verdict {
  const { operation, row, object } = asked
  const record = tryParseJson(body)
  const meant = isRecord(record, object) && (row.id === null || record.id === row.id)
  if (meant && operation === 'delete' && isGoneRecord(record, object)) {
    return { state: 'written', record }
  }
  if (meant && operation !== 'delete' && record['deleted'] !== true) {
    return { state: 'written', record }
  }
  if (meant && operation === 'update') {
    const detail = `Stripe says that ${cut(record.id, 100)} is deleted.`
    const { record_gone: hint } = hints
    const fault = faultData('record_gone', {
      ...placeOf(asked),
      detail,
      ...(hint === undefined ? {} : { hint }),
    })
    return { state: 'refused', fault, conclusive: true }
  }
  return { state: 'doubt', reason: 'The answer cannot be read', again: 'replay' }
}

// Room platforms: what the adapters' faults have in common: which are about a value, what a status proves, and the fault of
// an outcome that is not known.

import { type FaultCode, type FaultData, faultData, type FaultFields } from '../mutation/fault.ts'
import { sentence } from './words.ts'

/** Faults that are about the value given, so that DETAIL names it. The others are about the column or the record. */
export const aboutValue: ReadonlySet<FaultCode> = new Set([
  'validation_error',
  'duplicate',
  'reference_missing',
  'value_too_long',
  'value_out_of_range',
  'value_not_of_type',
])

/** The longest message of a platform that is passed on, in characters. */
export const wordsMax = 1000

/**
 * Does the status of an answer to a write say that surely nothing was written? 4xx does, save 408 (a gateway on the way may
 * say it of a request that it passed on); 3xx and 5xx do not.
 */
export function isRefusalStatus(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

/** The fault of another code with that code's own message, otherwise the same but for `more`. */
export function recoded(base: FaultData, code: FaultCode, more: FaultFields = {}): FaultData {
  const { code: _code, sqlstate: _state, message: _words, ...fields } = base
  return faultData(code, { ...fields, ...more })
}

/** The outcome is not known: the reply was lost or cannot be read. `hint`: where to look. */
export function unknownOutcome(
  reason: string,
  { place, hint }: { place: FaultFields; hint: string },
): FaultData {
  return faultData('outcome_unknown', { ...place, detail: sentence(reason), hint })
}

// Room platforms: reading Stripe's errors: `{error: {type, code, param, message, …}}`.
// Source: Stripe API reference, "Errors".

import { isJsonObject, type Json, type JsonObject, tryParseJson } from '../json.ts'

export interface ApiError {
  /** `invalid_request_error`, `card_error`, `api_error`, `idempotency_error` */
  readonly type: string
  /** `resource_missing`; empty where Stripe gives none. */
  readonly code: string
  readonly message: string
  /** The parameter at fault as the form names it, `items[0][price]`; empty where Stripe names none. */
  readonly param: string
  /** Why a card was declined: `insufficient_funds`. */
  readonly declineCode: string
  /** The payment intent that the request made or meant, where the error is about one. */
  readonly paymentIntent: JsonObject | undefined
}

/** The error in a body; undefined when it holds nothing that is an error of the API. */
export function readError(body: string): ApiError | undefined {
  const json = tryParseJson(body)
  const error = isJsonObject(json) ? json['error'] : undefined
  if (!isJsonObject(error)) return undefined
  const { type, payment_intent: intent } = error
  if (typeof type !== 'string') return undefined
  return {
    type,
    code: textOf(error['code']),
    message: withoutKeys(textOf(error['message'])),
    param: textOf(error['param']),
    declineCode: textOf(error['decline_code']),
    paymentIntent: isJsonObject(intent) ? intent : undefined,
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** Stripe repeats a refused key, masked in part; no key is passed on at all. */
function withoutKeys(message: string): string {
  return message.replace(/\b(sk|rk|pk|ek|whsec)_[\w*]+/g, '$1_…')
}

/** The top of a parameter's name: `items[0][price]` → `items` */
export function rootOf(param: string): string {
  return param.split('[', 1)[0] ?? ''
}

// Room sandbox: what Stripe refuses, worded as Stripe words it. https://docs.stripe.com/api/errors

import type { Json, JsonObject } from '../json.ts'

/** Members of `error` beside `type` and `message`. */
export interface Details {
  readonly code?: string
  readonly param?: string
  readonly status?: number
  readonly type?: string
  /** Had execution begun? Then the answer belongs to the idempotency key. */
  readonly executed?: boolean
  /** Does what the request wrote stay? */
  readonly kept?: boolean
  readonly more?: JsonObject
}

/** A request that Stripe refuses. */
export class StripeFailure extends Error {
  override name = 'StripeFailure'
  readonly status: number
  readonly executed: boolean
  readonly kept: boolean
  /** The value of `error` in the body, without what belongs to the request. */
  readonly error: JsonObject
  constructor(message: string, details: Details = {}) {
    super(message)
    const { code, param, status = 400, type = 'invalid_request_error' } = details
    this.status = status
    this.executed = details.executed ?? false
    this.kept = details.kept ?? false
    this.error = {
      ...(code === undefined ? {} : { code, doc_url: docUrl(code) }),
      message,
      ...(param === undefined ? {} : { param }),
      ...details.more,
      type,
    }
  }
}

function docUrl(code: string): string {
  return `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`
}

/** 400, or whatever the details say. */
export function refusal(message: string, details: Details = {}): StripeFailure {
  return new StripeFailure(message, details)
}

/** A parameter names something that is not there. With status 404 it is the id in the path. */
export function noSuch(title: string, id: string, details: Details = {}): StripeFailure {
  return refusal(`No such ${title}: '${id}'`, { code: 'resource_missing', ...details })
}

export function missing(param: string): StripeFailure {
  return refusal(`Missing required param: ${param}.`, { code: 'parameter_missing', param })
}

/** Two parameters that exclude each other. */
export function onlyOne(...params: readonly [string, string]): StripeFailure {
  return refusal(`You may only specify one of these parameters: ${params.join(', ')}.`, {
    param: params[0],
  })
}

/** The body of a failure. `requestId` and `nowS` make the address of the request's log. */
export function failureBody(
  { error }: StripeFailure,
  { requestId, nowS }: { requestId: string; nowS: number },
): Json {
  const url = `https://dashboard.stripe.com/test/logs/${requestId}?t=${nowS}`
  const { type = null, ...rest } = error
  return { error: { ...rest, request_log_url: url, type } }
}

// Room platforms: Stripe's error codes and their place in the fault catalogue.
// Source: Stripe documentation, "Error codes" and "HTTP status codes"; the codes in the types of stripe 23.1.0.

import type { FaultCode } from '../../mutation/fault.ts'
import type { ApiError } from './errors.ts'

const byFault = {
  required_value_missing: `parameter_invalid_empty parameter_invalid_string_blank
    parameter_invalid_string_empty parameter_missing`,
  duplicate: 'bank_account_exists resource_already_exists',
  reference_missing: 'no_account resource_missing',
  column_unknown: 'parameter_unknown',
  not_permitted: `account_invalid account_token_required_for_v2_account action_blocked
    approval_required capability_not_active livemode_mismatch not_allowed_on_standard_account
    platform_account_required storer_capability_missing storer_capability_not_active
    stripe_tax_inactive testmode_charges_only tls_version_unsupported transfers_not_allowed`,
  credential_refused: 'api_key_expired platform_api_key_expired secret_key_required',
  rate_limited: 'card_decline_rate_limit_exceeded payment_intent_rate_limit_exceeded rate_limit',
  row_locked: 'idempotency_key_in_use lock_timeout',
} satisfies Partial<Record<FaultCode, string>>

const byCode: ReadonlyMap<string, FaultCode> = new Map(
  Object.entries(byFault).flatMap(([fault, codes]) =>
    codes.split(/\s+/).map((code) => [code, fault as FaultCode] as const)
  ),
)

/** Where the code does not say enough, the words do. */
const byWords: readonly (readonly [RegExp, FaultCode])[] = [
  [/can have up to \d+ characters|must be at most \d+ characters/, 'value_too_long'],
  [/; must be between /, 'validation_error'],
  [/^Invalid (integer|boolean|decimal|timestamp|array|object|hash|string)\b/, 'value_not_of_type'],
]

/** Statuses that mean the same whatever the body says. */
const byStatus: ReadonlyMap<number, FaultCode> = new Map([
  [401, 'credential_refused'],
  [403, 'not_permitted'],
])

/**
 * The fault for a refused request. `gone`: the record of the path is not there. A body that is no error of the API is a
 * failure of the platform, never a success.
 */
export function faultCodeOf(
  status: number,
  error: ApiError | undefined,
  { gone }: { gone: boolean },
): FaultCode {
  const fixed = byStatus.get(status)
  if (fixed !== undefined) return fixed
  const known = error === undefined ? undefined : byCode.get(error.code)
  if (status === 429) return known ?? 'rate_limited'
  if (error === undefined || error.type === 'api_error') return 'platform_failed'
  if (error.type === 'idempotency_error') return 'internal_error'
  if (gone) return 'record_gone'
  if (known !== undefined) return known
  return byWords.find(([words]) => words.test(error.message))?.[1] ?? 'validation_error'
}

/** What to do about it, where the catalogue's own words do not say enough. */
export const hints: Readonly<Partial<Record<FaultCode, string>>> = {
  credential_refused: 'Reconnect the Stripe account, or give the connection a key that is valid.',
  not_permitted: 'Give the restricted key or the app the permission that Stripe names.',
  record_gone: 'The next sync removes the row.',
  row_locked: 'Nothing was written. Try again; rows of one object one after the other.',
}

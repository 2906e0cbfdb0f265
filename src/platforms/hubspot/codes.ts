// Room platforms: HubSpot's error codes and their place in the fault catalogue. HubSpot publishes no list: these are the
// codes and words of its documents and of recorded answers, and patterns for codes like them.
// Source: HubSpot, Error handling; recorded answers of the CRM API.

import type { FaultCode } from '../../mutation/fault.ts'
import type { ApiError } from './errors.ts'

const byFault = {
  validation_error: 'INVALID_EMAIL INVALID_OPTION INVALID_PHONE_NUMBER INVALID_URL INVALID_DOMAIN',
  value_not_of_type:
    `INVALID_INTEGER INVALID_LONG INVALID_NUMBER INVALID_DECIMAL INVALID_DOUBLE INVALID_FLOAT
    INVALID_DATE INVALID_DATETIME INVALID_DATE_TIME INVALID_TIMESTAMP INVALID_BOOLEAN INVALID_BOOL`,
  reference_missing: 'INVALID_IDENTIFIER',
  column_unknown: 'PROPERTY_DOESNT_EXIST PROPERTY_NOT_FOUND',
  duplicate: 'CONFLICT UNIQUE_VALUE_CONFLICT OBJECT_ALREADY_EXISTS',
  record_gone: 'OBJECT_NOT_FOUND NOT_FOUND',
  not_permitted: 'MISSING_SCOPES FORBIDDEN BANNED',
  credential_refused:
    'INVALID_AUTHENTICATION EXPIRED_AUTHENTICATION REVOKED_AUTHENTICATION UNAUTHORIZED',
  rate_limited: 'RATE_LIMIT RATE_LIMITS RATE_LIMITED',
} satisfies Partial<Record<FaultCode, string>>

const byCode: ReadonlyMap<string, FaultCode> = new Map(
  Object.entries(byFault).flatMap(([fault, codes]) =>
    codes.split(/\s+/).map((code) => [code, fault as FaultCode] as const)
  ),
)

const codePatterns: readonly (readonly [RegExp, FaultCode])[] = [
  [/READ_?ONLY/, 'column_read_only'],
  [/REQUIRED|MISSING_(PROPERTY|VALUE)/, 'required_value_missing'],
  [/TOO_LONG|MAX_LENGTH|LENGTH_EXCEEDED/, 'value_too_long'],
  [/TOO_(LARGE|SMALL|BIG)|OUT_OF_RANGE|(MAX|MIN)_(NUMBER|VALUE)/, 'value_out_of_range'],
  [/DOESNT_EXIST|DOES_NOT_EXIST/, 'column_unknown'],
  [/PERMISSION/, 'not_permitted'],
]

const wordPatterns: readonly (readonly [RegExp, FaultCode])[] = [
  [/^Unable to infer object type/i, 'not_found'],
  [/^Invalid input JSON/i, 'value_not_of_type'],
  [/required propert(y|ies)\b|propert(y|ies) (is|are) required/i, 'required_value_missing'],
  [/already (exists|has that value)/i, 'duplicate'],
  [/is not a valid id$/i, 'reference_missing'],
  [/read.?only/i, 'column_read_only'],
]

/** By status, for an error of the API that says nothing better. */
const byStatus: ReadonlyMap<number, FaultCode> = new Map([
  [401, 'credential_refused'],
  [403, 'not_permitted'],
  [404, 'record_gone'],
  [409, 'duplicate'],
])

/** The fault for an error; one that nothing is known of is a failure of the platform, never a success. */
export function faultCodeOf({ codes, message }: ApiError, status: number): FaultCode {
  for (const code of codes) {
    const found = byCode.get(code) ?? patternOf(code, codePatterns)
    if (found !== undefined) return found
  }
  const told = patternOf(message.trim().replace(/\.$/, ''), wordPatterns)
  if (told !== undefined) return told
  if (codes.includes('VALIDATION_ERROR')) return 'validation_error'
  return byStatus.get(status) ?? 'platform_failed'
}

function patternOf(
  text: string,
  patterns: readonly (readonly [RegExp, FaultCode])[],
): FaultCode | undefined {
  return patterns.find(([pattern]) => pattern.test(text))?.[1]
}

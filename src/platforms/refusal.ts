// Room platforms: who is refused when tokens are asked for. A grant that is gone has to be given anew by a person; an app
// that is not let in, or an account that is barred, has to be set right, and then the same grant serves again.

import { Fault, type FaultData, faultData, type FaultFields } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'

/** `credential_refused`, and for good: the platform says that this grant is revoked, expired or used up. */
export class GrantRefused extends Fault {
  override name = 'GrantRefused'
}

/** The error for a grant that is gone. */
export function grantRefused(fields: FaultFields): GrantRefused {
  return new GrantRefused(faultData('credential_refused', fields))
}

/** `credential_refused`, but the grant may be good: what to do is not to connect the account again. */
export function entryRefused(platform: Platform, fields: FaultFields): Fault {
  return new Fault(
    faultData('credential_refused', { platform, hint: entryHint(platform), ...fields }),
  )
}

/** Is it the data of an `entryRefused`? Its HINT may say more behind. */
export function isEntryRefused({ code, platform, hint }: FaultData): boolean {
  return code === 'credential_refused' && platform !== undefined &&
    (hint ?? '').startsWith(entryHint(platform))
}

/** The words for an app that the platform does not know, or whose secret is another; of Salesforce, HubSpot, GitHub, RFC 6749. */
const appWords =
  /^(invalid_client(_id|_credentials)?|incorrect_client_credentials|BAD_CLIENT_(ID|SECRET)|app_not_found|application_suspended)$/

/** Is it the app itself that is refused, its id or its secret, and not the account or the grant? */
export function isAppRefused(error: Fault): boolean {
  const { code, constraint, detail = '' } = error.data
  if (code !== 'credential_refused' || error instanceof GrantRefused) return false
  // without a word: a bare 401, as Stripe answers a key that is none
  return constraint === undefined || appWords.test(constraint) || /invalid client/i.test(detail)
}

function entryHint(platform: Platform): string {
  return "The connection is kept. Look whether the app's client id and secret are right " +
    `(sluice apps set --platform ${platform}), whether the platform lets this account and this address in, ` +
    'and what stands between.'
}

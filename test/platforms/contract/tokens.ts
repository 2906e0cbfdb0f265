// Tokens as the mutation service hands them out: refreshed once, however many callers ask; the refresh token rotates.

import { deadlineIn } from '../../../src/lib/deadline.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import type { Stage } from './stage.ts'
import type { Subject } from './subject.ts'

/** `refreshToken`: `sandbox` is the first that the sandbox knows. */
export function tokensFor(
  stage: Stage,
  subject: Subject,
  refreshToken = 'sandbox',
): Pick<Caller, 'token'> {
  const { adapter, tokenPath } = subject
  let next = refreshToken
  let token: string | undefined
  let under: Promise<string> | undefined
  const refresh = async (): Promise<string> => {
    try {
      const tokens = await adapter.refresh({
        http: stage.http,
        deadline: deadlineIn(60_000),
        tokenUrl: `${stage.sandbox.platformUrl(adapter.platform)}${tokenPath}`,
        refreshToken: next,
        clientId: 'sandbox',
        clientSecret: 'sandbox',
      })
      next = tokens.refreshToken ?? next
      token = tokens.accessToken
      return token
    } finally {
      under = undefined
    }
  }
  return {
    token: (refused) => {
      if (under !== undefined) return under
      if (token !== undefined && token !== refused) return Promise.resolve(token)
      under = refresh()
      return under
    },
  }
}

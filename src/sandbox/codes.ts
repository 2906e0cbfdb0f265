// Room sandbox: authorization codes: good once, for ten minutes, for the redirect address and the PKCE challenge that
// they were asked with. https://www.rfc-editor.org/rfc/rfc7636

import { createHash } from 'node:crypto'

const codeLifetimeMs = 10 * 60 * 1000

/** Codes remembered at most; the oldest is forgotten. */
const codesMax = 1000

export interface Codes {
  /** The address to send the browser to, with a new code and the request's state. */
  issue(query: URLSearchParams): string
  /** Takes the code of a token request: what is wrong with the request, or null. */
  take(form: URLSearchParams): 'code' | 'redirect' | 'verifier' | null
  clear(): void
}

interface Code {
  readonly redirectUri: string
  readonly challenge: string | null
  readonly expiresAtMs: number
}

export function createCodes(
  { now, makeSecret }: { now: () => number; makeSecret: () => string },
): Codes {
  const codes = new Map<string, Code>()
  return {
    issue: (query) => {
      const redirectUri = query.get('redirect_uri') ?? ''
      const code = makeSecret()
      const challenge = query.get('code_challenge')
      codes.set(code, { redirectUri, challenge, expiresAtMs: now() + codeLifetimeMs })
      const oldest = codes.keys().next().value
      if (codes.size > codesMax && oldest !== undefined) codes.delete(oldest)
      const location = new URL(redirectUri)
      location.searchParams.set('code', code)
      const state = query.get('state')
      if (state !== null) location.searchParams.set('state', state)
      return location.href
    },
    take: (form) => {
      const name = form.get('code') ?? ''
      const code = codes.get(name)
      codes.delete(name)
      if (code === undefined || code.expiresAtMs <= now()) return 'code'
      if (code.redirectUri !== form.get('redirect_uri')) return 'redirect'
      const verified = code.challenge === null ||
        challengeOf(form.get('code_verifier') ?? '') === code.challenge
      return verified ? null : 'verifier'
    },
    clear: () => codes.clear(),
  }
}

function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

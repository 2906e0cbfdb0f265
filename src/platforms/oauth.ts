// Room platforms: how accounts are connected with OAuth, as data. Sources: RFC 6749, RFC 7636 (PKCE) and each platform's
// pages on authorization.

/** How a platform does OAuth. A connection may have other endpoints (a sandbox, a My Domain): these are the usual ones. */
export interface OAuthRules {
  readonly authorizeUrl: string
  readonly tokenUrl: string
  readonly scopes: readonly string[]
  readonly scopeSeparator: ' ' | ','
  /** Further query parameters of the authorization request: `{access_type: 'offline'}`. */
  readonly parameters: Readonly<Record<string, string>>
  /** Does it take (and, with `required`, insist on) a code challenge, S256? */
  readonly pkce: 'none' | 'taken' | 'required'
  /** Where client id and secret go in a token request: the form; HTTP Basic; or the secret alone as HTTP Basic's name. */
  readonly clientAuthentication: 'form' | 'basic' | 'secret'
  /** How long an access token lives when the answer does not say, in milliseconds; null: until it is refused. */
  readonly lifetimeMs: number | null
  /** Values of `error` (or the platform's own field) that mean: this grant is gone, for good. */
  readonly refusals: readonly string[]
  /**
   * Values of `error`, and words of `error_description` in lower case, that mean: the app, the account or the address is
   * not let in as things stand; once that is set right, the grant serves again.
   */
  readonly obstacles: readonly string[]
  /** Words of `error_description` that mean, whatever `error` says: not now, the grant stays good. In lower case. */
  readonly passing: readonly string[]
  /** Base URL of the API; null: the token endpoint tells it with the tokens. */
  readonly apiUrl: string | null
  /** Who has granted access. */
  readonly account: AccountRule
}

/** What names the account: a field, and the part of it that counts. */
export interface AccountRule {
  /** Where the field is: in the answer with the tokens, or in that of GET at this path of the API. */
  readonly at: 'tokens' | { readonly path: string }
  readonly field: string
  readonly pattern: RegExp
}

/** Where one connection's account is connected: the platform's own addresses, a sandbox's or a My Domain's. */
export interface OAuthEndpoints {
  readonly authorizeUrl: string
  readonly tokenUrl: string
}

/**
 * The endpoints at another host, for platforms that have both at one (a My Domain, a sandbox, an own GitHub).
 * `loginUrl`: the host's origin or base URL. Null: the platform has them at two hosts, so that one cannot tell.
 */
export function endpointsAt(rules: OAuthRules, loginUrl: string): OAuthEndpoints | null {
  const [authorize, token] = [new URL(rules.authorizeUrl), new URL(rules.tokenUrl)]
  if (authorize.origin !== token.origin) return null
  const base = loginUrl.replace(/\/+$/, '')
  return { authorizeUrl: base + authorize.pathname, tokenUrl: base + token.pathname }
}

/** One request for authorization (RFC 6749 section 4.1.1, RFC 7636 section 4.3). */
export interface AuthorizationRequest {
  readonly authorizeUrl: string
  readonly clientId: string
  readonly redirectUri: string
  readonly state: string
  /** S256 of the code verifier; left out where the platform takes none. */
  readonly challenge: string
}

/** The address that the browser is sent to. */
export function authorizationUrl(rules: OAuthRules, request: AuthorizationRequest): string {
  const { authorizeUrl, clientId, redirectUri, state, challenge } = request
  const url = new URL(authorizeUrl)
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    state,
    ...(rules.scopes.length === 0 ? {} : { scope: rules.scopes.join(rules.scopeSeparator) }),
    ...(takesChallenge(rules) ? { code_challenge: challenge, code_challenge_method: 'S256' } : {}),
    ...rules.parameters,
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}

/** Does the platform take a code challenge? */
export function takesChallenge({ pkce }: OAuthRules): boolean {
  return pkce !== 'none'
}

// Room platforms: how Stripe accounts are connected. Source: Stripe Apps, "Use OAuth 2.0": an access token lives one
// hour; a refresh token serves once and lives a year; the secret key of the app's developer says who asks, as with every
// request; what an app may do stands in its manifest, not in scopes.

import type { OAuthRules } from '../oauth.ts'

export const oauth: OAuthRules = {
  authorizeUrl: 'https://marketplace.stripe.com/oauth/v2/authorize',
  tokenUrl: 'https://api.stripe.com/v1/oauth/token',
  scopes: [],
  scopeSeparator: ' ',
  parameters: {},
  pkce: 'none',
  clientAuthentication: 'secret',
  lifetimeMs: 60 * 60 * 1000,
  refusals: ['invalid_grant'],
  obstacles: ['invalid_client', 'unauthorized_client', 'invalid_scope', 'unsupported_grant_type'],
  passing: [],
  apiUrl: 'https://api.stripe.com',
  account: { at: 'tokens', field: 'stripe_user_id', pattern: /^(acct_\w+)$/ },
}

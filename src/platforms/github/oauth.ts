// Room platforms: how GitHub accounts are connected, as data. Sources: GitHub Docs, Generating a user access token for a
// GitHub App; Refreshing user access tokens; Troubleshooting OAuth app access token request errors (status 200).

import type { OAuthRules } from '../oauth.ts'

/** A GitHub App's user token lives 8 hours and says so; an OAuth app's lives until it is revoked. */
export const oauth: OAuthRules = {
  authorizeUrl: 'https://github.com/login/oauth/authorize',
  tokenUrl: 'https://github.com/login/oauth/access_token',
  scopes: ['repo'],
  scopeSeparator: ' ',
  // has the person choose among the accounts that the browser knows
  parameters: { prompt: 'select_account' },
  pkce: 'taken',
  clientAuthentication: 'form',
  lifetimeMs: null,
  refusals: ['bad_refresh_token', 'bad_verification_code'],
  obstacles: [
    'access_denied',
    'application_suspended',
    'incorrect_client_credentials',
    'redirect_uri_mismatch',
    'unsupported_grant_type',
    'unverified_user_email',
  ],
  passing: [],
  apiUrl: 'https://api.github.com',
  account: { at: { path: '/user' }, field: 'id', pattern: /^(\d+)$/ },
}

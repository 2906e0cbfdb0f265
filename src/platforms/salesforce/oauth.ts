// Room platforms: how Salesforce organizations are connected. A My Domain or a sandbox has its own endpoints.
// Sources: Salesforce Help, "OAuth 2.0 Web Server Flow", "OAuth 2.0 Refresh Token Flow", "OAuth Tokens and Scopes" and
// "OAuth Authorization Errors".

import type { OAuthRules } from '../oauth.ts'

export const oauth: OAuthRules = {
  authorizeUrl: 'https://login.salesforce.com/services/oauth2/authorize',
  tokenUrl: 'https://login.salesforce.com/services/oauth2/token',
  scopes: ['api', 'refresh_token'],
  scopeSeparator: ' ',
  // else a browser that is logged in comes back without a word
  parameters: { prompt: 'consent' },
  pkce: 'required',
  clientAuthentication: 'form',
  // the organization's session settings decide, and the answer does not tell
  lifetimeMs: null,
  refusals: ['invalid_grant'],
  obstacles: [
    'app_not_found',
    'inactive_org',
    'inactive_user',
    'invalid_client',
    'invalid_client_credentials',
    'invalid_client_id',
    'invalid_scope',
    'ip_restricted',
    'no_access',
    'org_unavailable',
    'unauthorized_client',
    'unsupported_grant_type',
    // said of invalid_grant, too
    'inactive organization',
    'inactive user',
    'invalid client credentials',
    'ip restricted',
    'ip restricted or invalid login hours',
  ],
  // the first when a user logs in too often, the second when two processes refresh at once
  passing: ['login rate exceeded', 'token request is already being processed'],
  apiUrl: null,
  // https://login.salesforce.com/id/<organization>/<user>
  account: { at: 'tokens', field: 'id', pattern: /\/id\/(\w+)\// },
}

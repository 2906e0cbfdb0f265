// Room platforms: how Airtable accounts are connected. Source: Airtable, "OAuth reference": PKCE is required; an access
// token lives 60 minutes; a refresh token serves once, and refreshing ends both old tokens.

import type { OAuthRules } from '../oauth.ts'

export const oauth: OAuthRules = {
  authorizeUrl: 'https://airtable.com/oauth2/v1/authorize',
  tokenUrl: 'https://airtable.com/oauth2/v1/token',
  scopes: ['data.records:read', 'data.records:write', 'schema.bases:read', 'webhook:manage'],
  scopeSeparator: ' ',
  parameters: {},
  pkce: 'required',
  clientAuthentication: 'basic',
  lifetimeMs: 60 * 60 * 1000,
  refusals: ['invalid_grant'],
  obstacles: ['invalid_client', 'unauthorized_client', 'invalid_scope', 'unsupported_grant_type'],
  passing: [],
  apiUrl: 'https://api.airtable.com',
  // the user, of whatever base; it needs no scope
  account: { at: { path: '/v0/meta/whoami' }, field: 'id', pattern: /^(usr\w+)$/ },
}

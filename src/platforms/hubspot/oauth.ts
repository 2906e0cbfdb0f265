// Room platforms: how HubSpot accounts are connected with OAuth.
// Source: HubSpot, "Manage OAuth access tokens using the v3 APIs" and the changelog on v3 tokens and their errors.

import type { OAuthRules } from '../oauth.ts'

const objectScopes = ['contacts', 'companies', 'deals'].flatMap((object) => [
  `crm.objects.${object}.read`,
  `crm.objects.${object}.write`,
  `crm.schemas.${object}.read`,
])

/** What the other objects need; an account that does not have one of these is connected without it. */
const optionalScopes = [
  'tickets',
  'e-commerce',
  'crm.objects.line_items.read',
  'crm.objects.line_items.write',
  'crm.objects.custom.read',
  'crm.objects.custom.write',
  'crm.schemas.custom.read',
]

export const oauth: OAuthRules = {
  authorizeUrl: 'https://app.hubspot.com/oauth/authorize',
  tokenUrl: 'https://api.hubapi.com/oauth/v3/token',
  scopes: ['oauth', ...objectScopes],
  scopeSeparator: ' ',
  parameters: { optional_scope: optionalScopes.join(' ') },
  pkce: 'none',
  clientAuthentication: 'form',
  lifetimeMs: 30 * 60_000,
  refusals: ['BAD_AUTH_CODE', 'BAD_REFRESH_TOKEN', 'invalid_grant'],
  obstacles: [
    'BAD_CLIENT_ID',
    'BAD_CLIENT_SECRET',
    'BAD_GRANT_TYPE',
    'BAD_REDIRECT_URI',
    'invalid_client',
    'invalid_scope',
    'unauthorized_client',
    'unsupported_grant_type',
  ],
  passing: [],
  apiUrl: 'https://api.hubapi.com',
  account: { at: 'tokens', field: 'hub_id', pattern: /^(\d+)$/ },
}

// Goal: what a token endpoint answers is understood, on each platform as it says it: a token, a grant that is gone, or a
// failure that passes. Method: the grants over real HTTP against a server that answers as the platforms are documented
// to; facts from platforms.md, HubSpot's changelog on v3, GitHub's page on token request errors, Salesforce's release notes.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../src/lib/http.ts'
import { Fault } from '../../src/mutation/fault.ts'
import type { Platform } from '../../src/mutation/table.ts'
import { exchangeCode } from '../../src/platforms/grants.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { GrantRefused, isAppRefused } from '../../src/platforms/refusal.ts'
import { authorizationUrl, endpointsAt } from '../../src/platforms/oauth.ts'
import { type FakeApi, fakeApi } from '../help/fake-api.ts'

let api: FakeApi
let http: Http

before(async () => {
  api = await fakeApi()
  http = createHttp()
})
after(async () => {
  await http.close()
  await api.close()
})

const grant = () => ({
  http,
  deadline: deadlineIn(60_000),
  tokenUrl: `${api.url}/token`,
  refreshToken: 'old refresh',
  clientId: 'client',
  clientSecret: 'client secret',
})

const code = () => ({
  ...grant(),
  code: 'the code',
  redirectUri: 'http://sluice/callback',
  verifier: 'the verifier',
})

function last() {
  const asked = api.asked.at(-1)
  assert.ok(asked)
  return { ...asked, form: Object.fromEntries(new URLSearchParams(asked.body)) }
}

const good = {
  access_token: 'access',
  refresh_token: 'refresh',
  expires_in: 1800,
  token_type: 'bearer',
}

/** The code of the fault; of a refusal, whether the grant is gone (`revoked`) or the app or account is not let in. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => null, (thrown: unknown) => thrown)
  if (error instanceof GrantRefused) return 'revoked'
  return error instanceof Fault ? error.code : `no fault: ${String(error)}`
}

type Case = [Platform, status: number, body: unknown, code: string]

const cases: readonly Case[] = [
  ['salesforce', 400, invalid('expired access/refresh token'), 'revoked'],
  ['salesforce', 400, invalid('login rate exceeded'), 'rate_limited'],
  ['salesforce', 400, invalid('token request is already being processed'), 'rate_limited'],
  ['salesforce', 400, { error: 'unknown_error', error_description: 'retry' }, 'platform_failed'],
  ['salesforce', 400, { error: 'inactive_user', error_description: 'x' }, 'credential_refused'],
  ['salesforce', 400, { error: 'ip_restricted' }, 'credential_refused'],
  ['salesforce', 400, invalid('IP restricted'), 'credential_refused'],
  ['salesforce', 400, invalid('inactive user'), 'credential_refused'],
  ['salesforce', 401, '<html>proxy authentication</html>', 'credential_refused'],
  ['salesforce', 503, invalid('expired access/refresh token'), 'platform_failed'],
  ['airtable', 409, invalid('in use'), 'platform_failed'],
  ['hubspot', 400, hubspotError('BAD_CLIENT_SECRET', undefined), 'credential_refused'],
  ['stripe', 401, { error: { message: 'Invalid API Key' } }, 'credential_refused'],
  ['hubspot', 400, hubspotError('BAD_REFRESH_TOKEN', undefined), 'revoked'],
  ['hubspot', 400, hubspotError('BAD_REFRESH_TOKEN', 'invalid_grant'), 'revoked'],
  ['hubspot', 429, { status: 'error', errorType: 'RATE_LIMIT', message: 'x' }, 'rate_limited'],
  ['stripe', 400, invalid('Token has been expired or revoked.'), 'revoked'],
  ['stripe', 401, { error: 'invalid_client' }, 'credential_refused'],
  ['airtable', 400, invalid('used'), 'revoked'],
  ['airtable', 401, { error: 'invalid_client' }, 'credential_refused'],
  ['github', 200, { error: 'bad_refresh_token', error_description: 'x' }, 'revoked'],
  ['github', 200, { error: 'incorrect_client_credentials' }, 'credential_refused'],
  ['github', 200, { error: 'something_new' }, 'platform_failed'],
  ['github', 200, '<html>login</html>', 'platform_failed'],
  ['stripe', 302, '', 'platform_failed'],
  ['airtable', 503, { error: 'server_error' }, 'platform_failed'],
  ['salesforce', 200, {}, 'platform_failed'],
  ['salesforce', 200, { access_token: '' }, 'platform_failed'],
]

function invalid(description: string) {
  return { error: 'invalid_grant', error_description: description }
}

function hubspotError(status: string, error: string | undefined) {
  return { status, message: 'missing or invalid refresh token', ...(error ? { error } : {}) }
}

test('a refusal of the grant is told from one of the app, and from a failure that passes', async () => {
  for (const [platform, status, body, expected] of cases) {
    api.play(() => ({ status, body }))
    const found = await codeOf(adapterFor(platform).refresh(grant()))
    assert.equal(found, expected, `${platform} ${status} ${JSON.stringify(body)}`)
    assert.equal(last().form['grant_type'], 'refresh_token')
  }
})

test('a refusal of the app is told from one of the account, of the place, and of the grant', async () => {
  const ofApp: readonly [Platform, status: number, body: unknown][] = [
    ['salesforce', 400, { error: 'invalid_client_id', error_description: 'x' }],
    ['salesforce', 400, { error: 'invalid_client', error_description: 'x' }],
    ['salesforce', 400, invalid('Invalid client credentials')],
    ['salesforce', 400, { error: 'app_not_found' }],
    ['hubspot', 400, hubspotError('BAD_CLIENT_SECRET', undefined)],
    ['hubspot', 400, hubspotError('BAD_CLIENT_ID', 'invalid_client')],
    ['stripe', 401, { error: { message: 'Invalid API Key' } }],
    ['airtable', 401, { error: 'invalid_client' }],
    ['github', 200, { error: 'incorrect_client_credentials' }],
    ['github', 200, { error: 'application_suspended' }],
  ]
  const others: typeof ofApp = [
    ['salesforce', 400, { error: 'inactive_user' }],
    ['salesforce', 400, invalid('IP restricted')],
    ['salesforce', 400, invalid('expired access/refresh token')],
    ['hubspot', 400, hubspotError('BAD_REFRESH_TOKEN', 'invalid_grant')],
    ['hubspot', 400, hubspotError('BAD_REDIRECT_URI', undefined)],
    ['github', 200, { error: 'redirect_uri_mismatch', error_description: 'for this application' }],
    ['airtable', 503, { error: 'server_error' }],
  ]
  for (const [expected, told] of [[true, ofApp], [false, others]] as const) {
    for (const [platform, status, body] of told) {
      api.play(() => ({ status, body }))
      const error = await adapterFor(platform).refresh(grant()).catch((thrown: unknown) => thrown)
      assert.ok(error instanceof Fault)
      assert.equal(isAppRefused(error), expected, `${platform} ${JSON.stringify(body)}`)
    }
  }
})

test('a token endpoint that is not there was told nothing; one that breaks off may have rotated', async () => {
  const nowhere = { ...grant(), tokenUrl: 'http://127.0.0.1:1/token' }
  assert.equal(await codeOf(adapterFor('airtable').refresh(nowhere)), 'unreachable')
  api.play((_asked, response) => {
    response.socket?.destroy()
    return undefined
  })
  assert.equal(await codeOf(adapterFor('airtable').refresh(grant())), 'platform_failed')
})

test('client id and secret go where the platform wants them', async () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const inForm = ['client secret', undefined] as const
  const expected = {
    salesforce: inForm,
    hubspot: inForm,
    github: inForm,
    stripe: [undefined, basic('client secret:')],
    airtable: [undefined, basic('client:client+secret')],
  } as const
  for (const platform of ['salesforce', 'hubspot', 'stripe', 'github', 'airtable'] as const) {
    api.play(() => ({ status: 200, body: good }))
    await adapterFor(platform).refresh(grant())
    const { form, headers } = last()
    const [secret, authorization] = expected[platform]
    assert.equal(form['client_secret'], secret, platform)
    assert.equal(headers['authorization'], authorization, platform)
    assert.equal(form['client_id'], platform === 'stripe' ? undefined : 'client')
    assert.equal(headers['content-type'], 'application/x-www-form-urlencoded')
  }
})

test('an access token ends when the answer says so, else when the platform does, else when it is refused', async () => {
  const { expires_in: _, ...timeless } = good
  const endOf = async (platform: Platform, body: unknown) => {
    api.play(() => ({ status: 200, body }))
    const { expiresAt } = await adapterFor(platform).refresh(grant())
    return expiresAt === undefined ? null : Math.round((expiresAt - Date.now()) / 60_000)
  }
  assert.equal(await endOf('hubspot', good), 30)
  assert.equal(await endOf('stripe', timeless), 60)
  assert.equal(await endOf('airtable', timeless), 60)
  assert.equal(await endOf('salesforce', timeless), null)
})

test('the account and the base URL are read where the platform tells them', async () => {
  const tokens = async (platform: Platform, body: Record<string, unknown>) => {
    api.play(() => ({ status: 200, body: { ...good, ...body } }))
    const { account, baseUrl } = await adapterFor(platform).refresh(grant())
    return { account, baseUrl }
  }
  const salesforce = {
    id: 'https://login.salesforce.com/id/00D5j0000000001EAA/0055j0000000001AAA',
    instance_url: 'https://dune.my.salesforce.com/',
  }
  assert.deepEqual(await tokens('salesforce', salesforce), {
    account: '00D5j0000000001EAA',
    baseUrl: 'https://dune.my.salesforce.com',
  })
  assert.equal((await tokens('hubspot', { hub_id: 62515 })).account, '62515')
  assert.equal((await tokens('stripe', { stripe_user_id: 'acct_1' })).account, 'acct_1')
  assert.equal((await tokens('airtable', {})).account, undefined)
})

test('a code is exchanged once, with its redirect address, and its verifier where that is taken', async () => {
  for (const platform of ['salesforce', 'hubspot', 'stripe', 'github', 'airtable'] as const) {
    const { oauth } = adapterFor(platform)
    api.play(() => ({ status: 200, body: good }))
    const before = api.asked.length
    assert.equal((await exchangeCode(oauth, code(), platform)).refreshToken, 'refresh')
    assert.equal(api.asked.length, before + 1)
    const { form } = last()
    assert.equal(form['grant_type'], 'authorization_code')
    assert.equal(form['code'], 'the code')
    assert.equal(form['redirect_uri'], 'http://sluice/callback')
    assert.equal(form['code_verifier'], oauth.pkce === 'none' ? undefined : 'the verifier')
  }
})

test('a code that brings no refresh token connects nothing', async () => {
  api.play(() => ({ status: 200, body: { access_token: 'gho_x', token_type: 'bearer' } }))
  const { oauth } = adapterFor('github')
  assert.equal(await codeOf(exchangeCode(oauth, code(), 'github')), 'platform_failed')
})

test('a request for authorization says everything in the form that the platform reads', () => {
  const request = { clientId: 'client', redirectUri: 'http://x/cb', state: 's', challenge: 'c' }
  const parametersOf = (platform: Platform) => {
    const { oauth } = adapterFor(platform)
    const url = authorizationUrl(oauth, { ...request, authorizeUrl: oauth.authorizeUrl })
    assert.ok(url.startsWith(`${oauth.authorizeUrl}?`))
    return Object.fromEntries(new URL(url).searchParams)
  }
  assert.deepEqual(parametersOf('salesforce'), {
    response_type: 'code',
    client_id: 'client',
    redirect_uri: 'http://x/cb',
    state: 's',
    scope: 'api refresh_token',
    prompt: 'consent',
    code_challenge: 'c',
    code_challenge_method: 'S256',
  })
  assert.equal(parametersOf('stripe')['scope'], undefined)
  assert.equal(parametersOf('hubspot')['code_challenge'], undefined)
  assert.match(parametersOf('hubspot')['optional_scope'] ?? '', /tickets/)
})

test('the endpoints at another host are known where both are at one', () => {
  const at = (platform: Platform, url: string) => endpointsAt(adapterFor(platform).oauth, url)
  assert.deepEqual(at('salesforce', 'https://dune.my.salesforce.com/'), {
    authorizeUrl: 'https://dune.my.salesforce.com/services/oauth2/authorize',
    tokenUrl: 'https://dune.my.salesforce.com/services/oauth2/token',
  })
  assert.equal(
    at('github', 'https://git.dune')?.tokenUrl,
    'https://git.dune/login/oauth/access_token',
  )
  assert.equal(at('hubspot', 'https://x'), null)
})

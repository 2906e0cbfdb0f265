// Goal: tokens are issued, expire, rotate and are revoked as at Salesforce. Method: a clock of our own.

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { after, beforeEach, test } from 'node:test'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, api, ask } from './client.ts'

let nowMs = 0
const now = () => nowMs
const sandbox = await startSandbox({ port: 0, now, tokenLifetimeMs: 1000 })
const unrotated = await startSandbox({ port: 0, now, rotateRefreshTokens: false })
beforeEach(() => {
  nowMs = 1_764_000_000_000
  sandbox.reset()
})
after(() => Promise.all([sandbox.close(), unrotated.close()]))

const form = { 'content-type': 'application/x-www-form-urlencoded' }

const token = (fields: Record<string, string> = {}, at: Sandbox = sandbox): Promise<Answer> =>
  ask(at, '/salesforce/services/oauth2/token', {
    method: 'POST',
    token: null,
    headers: form,
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'sandbox',
      refresh_token: 'sandbox',
      ...fields,
    }).toString(),
  })

const revoke = (value: string): Promise<Answer> =>
  ask(sandbox, '/salesforce/services/oauth2/revoke', {
    method: 'POST',
    token: null,
    headers: form,
    body: `token=${encodeURIComponent(value)}`,
  })

const statusWith = async (accessToken: string, at: Sandbox = sandbox): Promise<number> =>
  (await api(at, '/limits', { token: accessToken })).status

const expired = { error: 'invalid_grant', error_description: 'expired access/refresh token' }

test('a refresh answers an access token and where to use it', async () => {
  const { status, json } = await token({ client_secret: 'sandbox' })
  assert.equal(status, 200)
  assert.equal(json.instance_url, sandbox.platformUrl('salesforce'))
  assert.equal(json.token_type, 'Bearer')
  assert.equal(json.issued_at, '1764000000000')
  assert.match(json.id, /\/salesforce\/id\/00D[0-9A-Za-z]{15}\/005[0-9A-Za-z]{15}$/)
  const signature = createHmac('sha256', 'sandbox').update(`${json.id}${json.issued_at}`).digest(
    'base64',
  )
  assert.equal(json.signature, signature)
  assert.equal('expires_in' in json, false)
  assert.equal(await statusWith(json.access_token), 200)
})

test('a token is good until its lifetime is over', async () => {
  const { json } = await token()
  nowMs += 999
  assert.equal(await statusWith(json.access_token), 200)
  nowMs += 1
  assert.equal(await statusWith(json.access_token), 401)
  assert.equal(await statusWith('sandbox'), 200)
})

test('a refresh token is good once, and its successor follows it', async () => {
  const first = await token()
  const again = await token()
  assert.equal(again.status, 400)
  assert.deepEqual(again.json, expired)
  assert.equal(await statusWith(first.json.access_token), 200)
  const second = await token({ refresh_token: first.json.refresh_token })
  assert.equal(second.status, 200)
  assert.notEqual(second.json.refresh_token, first.json.refresh_token)
  assert.notEqual(second.json.access_token, first.json.access_token)
})

test('without rotation the refresh token stays', async () => {
  const first = await token({}, unrotated)
  assert.equal('refresh_token' in first.json, false)
  assert.equal((await token({}, unrotated)).status, 200)
  nowMs += 2 * 60 * 60 * 1000 - 1
  assert.equal(await statusWith(first.json.access_token, unrotated), 200)
  nowMs += 1
  assert.equal(await statusWith(first.json.access_token, unrotated), 401)
})

test('a wrong client, secret, grant or refresh token is refused', async () => {
  const cases: [Record<string, string>, string][] = [
    [{ client_id: 'x' }, 'invalid_client_id'],
    [{ client_secret: 'x' }, 'invalid_client'],
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
    [{ refresh_token: 'x' }, 'invalid_grant'],
    [{ refresh_token: '' }, 'invalid_request'],
  ]
  for (const [fields, error] of cases) {
    const answer = await token(fields)
    assert.deepEqual([answer.status, answer.json.error], [400, error])
  }
  assert.equal((await token()).status, 200)
})

test('a revoked token is dead, and a revoked refresh token takes its access tokens along', async () => {
  const { json } = await token()
  assert.equal((await revoke(json.access_token)).status, 200)
  assert.equal(await statusWith(json.access_token), 401)
  const next = await token({ refresh_token: json.refresh_token })
  assert.equal((await revoke(next.json.refresh_token)).status, 200)
  assert.equal(await statusWith(next.json.access_token), 401)
  assert.deepEqual((await token({ refresh_token: next.json.refresh_token })).json, expired)
  assert.equal((await revoke('unknown')).status, 400)
})

const verifier = 'v'.repeat(43)
const redirectUri = 'http://127.0.0.1:1/callback?x=1'

/** Where the browser is sent, or what it is told. */
async function authorize(fields: Record<string, string> = {}) {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: 'sandbox',
    redirect_uri: redirectUri,
    state: 'the state',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...fields,
  })
  const path = `/salesforce/services/oauth2/authorize?${query}`
  const { status, headers, text } = await ask(sandbox, path, { token: null })
  return { status, to: String(headers['location'] ?? ''), text }
}

const exchange = (code: string, fields: Record<string, string> = {}): Promise<Answer> =>
  token({
    grant_type: 'authorization_code',
    client_secret: 'sandbox',
    refresh_token: '',
    redirect_uri: redirectUri,
    code_verifier: verifier,
    code,
    ...fields,
  })

async function newCode(): Promise<string> {
  return new URL((await authorize()).to).searchParams.get('code') ?? ''
}

test('consent is given at once, and its code brings tokens', async () => {
  const { status, to } = await authorize()
  assert.equal(status, 302)
  const { origin, pathname, searchParams } = new URL(to)
  assert.equal(`${origin}${pathname}`, 'http://127.0.0.1:1/callback')
  assert.equal(searchParams.get('x'), '1')
  assert.equal(searchParams.get('state'), 'the state')
  const { json } = await exchange(searchParams.get('code') ?? '')
  assert.equal(json.instance_url, sandbox.platformUrl('salesforce'))
  assert.equal(await statusWith(json.access_token), 200)
  assert.equal((await token({ refresh_token: json.refresh_token })).status, 200)
})

test('a code is good once, for ten minutes, for its redirect address and with its verifier', async () => {
  const code = await newCode()
  assert.equal((await exchange(code)).status, 200)
  const cases: [string, Record<string, string>, string][] = [
    [code, {}, 'invalid_grant'],
    ['unknown', {}, 'invalid_grant'],
    [await newCode(), { code_verifier: 'w'.repeat(43) }, 'invalid_grant'],
    [await newCode(), { code_verifier: '' }, 'invalid_grant'],
    [await newCode(), { redirect_uri: 'http://127.0.0.1:1/other' }, 'redirect_uri_mismatch'],
    [await newCode(), { client_secret: 'x' }, 'invalid_client'],
  ]
  for (const [given, fields, error] of cases) {
    const answer = await exchange(given, fields)
    assert.deepEqual([answer.status, answer.json.error], [400, error])
  }
  const late = await newCode()
  nowMs += 10 * 60 * 1000
  assert.equal((await exchange(late)).json.error, 'invalid_grant')
})

test('authorization without PKCE is refused at the redirect address, a wrong client on the spot', async () => {
  for (const fields of [{ code_challenge: '' }, { code_challenge_method: 'plain' }]) {
    const { to } = await authorize(fields)
    const { searchParams } = new URL(to)
    assert.equal(searchParams.get('error'), 'invalid_request')
    assert.equal(searchParams.get('state'), 'the state')
    assert.equal(searchParams.get('code'), null)
  }
  const other = await authorize({ response_type: 'token' })
  assert.equal(new URL(other.to).searchParams.get('error'), 'unsupported_response_type')
  const wrong = await authorize({ client_id: 'x' })
  assert.deepEqual([wrong.status, wrong.to], [400, ''])
  assert.equal((await authorize({ redirect_uri: 'nowhere' })).status, 400)
})

test('a reset brings the first refresh token back', async () => {
  await token()
  sandbox.reset()
  assert.equal((await token()).status, 200)
})

test('token exchanges do not count as calls', async () => {
  await token()
  const answer = await api(sandbox, '/limits')
  assert.equal(answer.headers['sforce-limit-info'], 'api-usage=1/15000')
})

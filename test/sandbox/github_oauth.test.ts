// Goal: GitHub Apps get, refresh and lose tokens as at GitHub. Method: a clock of our own.

import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { after, beforeEach, test } from 'node:test'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, ask } from './client.ts'
import { jwtOf, post, rest } from './github_client.ts'

let nowMs = 0
const hourMs = 60 * 60 * 1000
const sandbox = await startSandbox({ port: 0, now: () => nowMs, tokenLifetimeMs: 8 * hourMs })
beforeEach(() => {
  nowMs = 1_780_000_000_000
  sandbox.reset()
})
after(() => sandbox.close())

const client = { client_id: 'sandbox', client_secret: 'sandbox' }

const token = (fields: object, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(sandbox, '/github/login/oauth/access_token', {
    method: 'POST',
    token: null,
    headers: { accept: 'application/json', ...headers },
    body: { ...client, ...fields },
  })

const refresh = (refreshToken: string) =>
  token({ grant_type: 'refresh_token', refresh_token: refreshToken })

const statusWith = async (accessToken: string): Promise<number> =>
  (await rest(sandbox, '/user', { token: accessToken })).status

const callback = 'http://localhost/back'

const authorize = async (extra: Record<string, string> = {}): Promise<URL> => {
  const query = new URLSearchParams({
    client_id: 'sandbox',
    redirect_uri: callback,
    state: 's t',
    ...extra,
  })
  const { status, headers } = await ask(sandbox, `/github/login/oauth/authorize?${query}`, {
    token: null,
  })
  assert.equal(status, 302)
  return new URL(String(headers['location']))
}

const codeOf = async (extra: Record<string, string> = {}): Promise<string> =>
  (await authorize(extra)).searchParams.get('code') ?? ''

test('a refresh rotates both tokens, and both old ones die', async () => {
  const first = (await refresh('sandbox')).json
  assert.equal(first.token_type, 'bearer')
  assert.equal(first.expires_in, 28_800)
  assert.equal(first.refresh_token_expires_in, 15_897_600)
  assert.equal(await statusWith(first.access_token), 200)
  const second = (await refresh(first.refresh_token)).json
  assert.equal(await statusWith(second.access_token), 200)
  assert.equal(await statusWith(first.access_token), 401)
  for (const old of ['sandbox', first.refresh_token]) {
    const { status, json } = await refresh(old)
    assert.equal(status, 200)
    assert.equal(json.error, 'bad_refresh_token')
  }
})

test('tokens end with their time, or all at once', async () => {
  const { json } = await refresh('sandbox')
  nowMs += 8 * hourMs - 1
  assert.equal(await statusWith(json.access_token), 200)
  nowMs += 1
  assert.equal(await statusWith(json.access_token), 401)
  const next = await refresh(json.refresh_token)
  await ask(sandbox, '/_mischief', {
    method: 'POST',
    body: { platform: 'github', kind: 'expire-token' },
  })
  assert.equal(await statusWith(next.json.access_token), 401)
  assert.equal(await statusWith('sandbox'), 200)
  nowMs += 184 * 24 * hourMs
  assert.equal((await refresh(next.json.refresh_token)).json.error, 'bad_refresh_token')
})

test('a code is good once, for ten minutes, for its redirect, and comes with the state', async () => {
  const back = await authorize()
  assert.equal(`${back.origin}${back.pathname}`, callback)
  assert.equal(back.searchParams.get('state'), 's t')
  const code = back.searchParams.get('code') ?? ''
  const other = await token({ code, redirect_uri: 'http://localhost/other' })
  assert.equal(other.json.error, 'redirect_uri_mismatch')
  const { json } = await token({ code, redirect_uri: callback })
  assert.equal(await statusWith(json.access_token), 200)
  assert.equal((await token({ code })).json.error, 'bad_verification_code')
  const late = await codeOf()
  nowMs += 10 * 60 * 1000
  assert.equal((await token({ code: late })).json.error, 'bad_verification_code')
})

test('a challenge is met by its verifier only', async () => {
  const verifier = 'v'.repeat(43)
  const challenge = {
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }
  const wrong = await token({ code: await codeOf(challenge), code_verifier: 'w'.repeat(43) })
  assert.equal(wrong.json.error, 'bad_verification_code')
  const none = await token({ code: await codeOf(challenge) })
  assert.equal(none.json.error, 'bad_verification_code')
  const right = await token({ code: await codeOf(challenge), code_verifier: verifier })
  assert.equal(await statusWith(right.json.access_token), 200)
  const plain = await authorize({ code_challenge: 'x' })
  assert.equal(plain.searchParams.get('error'), 'invalid_request')
})

test('errors have status 200, and the answer is a form unless JSON is asked for', async () => {
  const bad = await token({ grant_type: 'refresh_token', client_secret: 'no' })
  assert.equal(bad.status, 200)
  assert.equal(bad.json.error, 'incorrect_client_credentials')
  assert.equal((await token({ grant_type: 'password' })).json.error, 'unsupported_grant_type')
  const form = await token({ grant_type: 'refresh_token', refresh_token: 'no' }, { accept: '*/*' })
  assert.equal(new URLSearchParams(form.text).get('error'), 'bad_refresh_token')
  assert.equal((await refresh('sandbox')).json.error, undefined)
})

const seconds = () => Math.floor(nowMs / 1000)
const claims = () => ({ iss: 'sandbox', iat: seconds() - 60, exp: seconds() + 540 })
const accessTokens = '/app/installations/1/access_tokens'

const install = (jwt: string, path = accessTokens) =>
  rest(sandbox, path, { method: 'POST', token: jwt })

test('the app gets an installation token for an hour, which is no user', async () => {
  const { status, json } = await install(jwtOf(claims()))
  assert.equal(status, 201)
  assert.equal(Date.parse(json.expires_at), nowMs + hourMs)
  const list = await rest(sandbox, '/installation/repositories', { token: json.token })
  assert.equal(list.json.total_count, 4)
  const user = await rest(sandbox, '/user', { token: json.token })
  assert.equal(user.status, 403)
  const issue = await rest(sandbox, '/repos/octo/hello/issues', {
    method: 'POST',
    token: json.token,
    body: { title: 'From the app' },
  })
  assert.deepEqual([issue.json.user.login, issue.json.user.type], ['sandbox[bot]', 'Bot'])
  nowMs += hourMs
  assert.equal(
    (await rest(sandbox, '/installation/repositories', { token: json.token })).status,
    401,
  )
})

test('a JWT that is foreign, expired, of another app or too long-lived gets nothing', async () => {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const refusals = [
    [jwtOf(claims(), privateKey), 401, /could not be decoded/],
    ['sandbox', 401, /could not be decoded/],
    [jwtOf({ ...claims(), exp: seconds() }), 401, /'Expiration time' claim \('exp'\) must be/],
    [jwtOf({ ...claims(), exp: seconds() + 3600 }), 401, /too far in the future/],
    [jwtOf({ ...claims(), iss: 'other' }), 404, /Integration not found/],
  ] as const
  for (const [jwt, status, message] of refusals) {
    const answer = await install(jwt)
    assert.equal(answer.status, status)
    assert.match(answer.json.message, message)
  }
  const unknown = await install(jwtOf(claims()), '/app/installations/2/access_tokens')
  assert.equal(unknown.status, 404)
})

test('the app finds its installations, and asks for no more than it was granted', async () => {
  const jwt = jwtOf(claims())
  const { json } = await rest(sandbox, '/app/installations', { token: jwt })
  assert.deepEqual([json[0].id, json[0].account.login], [1, 'octo'])
  const more = await rest(sandbox, accessTokens, {
    method: 'POST',
    token: jwt,
    body: { permissions: { administration: 'write' } },
  })
  assert.equal(more.status, 422)
  assert.match(more.json.message, /not granted to this installation/)
})

test('mischief meets tokens apart from the data', async () => {
  await ask(sandbox, '/_mischief', {
    method: 'POST',
    body: { platform: 'github', kind: '500', target: 'oauth' },
  })
  assert.equal((await post(sandbox, '/repos/octo/hello/labels', { name: 'a' })).status, 201)
  assert.equal((await refresh('sandbox')).status, 500)
})

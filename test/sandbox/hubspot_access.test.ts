// Goal: HubSpot's tokens and rate limits are in force as documented. Method: a clock of our own, real sockets.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, beforeEach, test } from 'node:test'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, ask } from './client.ts'

let nowMs = 0
const now = () => nowMs
const sandbox = await startSandbox({ port: 0, now })
const limited = await startSandbox({ port: 0, now, limits: true })
beforeEach(() => {
  nowMs = 1_764_000_000_000
  sandbox.reset()
  limited.reset()
})
after(() => Promise.all([sandbox.close(), limited.close()]))

const token = (
  fields: Record<string, string> = {},
  { version = 'v1', at = sandbox }: { version?: string; at?: Sandbox } = {},
): Promise<Answer> =>
  ask(at, `/hubspot/oauth/${version}/token`, {
    method: 'POST',
    token: null,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'sandbox',
      client_secret: 'sandbox',
      refresh_token: 'sandbox',
      ...fields,
    }).toString(),
  })

const contacts = (accessToken: string | null, at = sandbox): Promise<Answer> =>
  ask(at, '/hubspot/crm/v3/objects/contacts?limit=1', { token: accessToken })

test('a refresh answers an access token for half an hour and the same refresh token', async () => {
  for (const version of ['v1', 'v3']) {
    const { status, json } = await token({}, { version })
    assert.equal(status, 200)
    assert.deepEqual([json.token_type, json.expires_in, json.refresh_token], [
      'bearer',
      1800,
      'sandbox',
    ])
    assert.equal((await contacts(json.access_token)).status, 200)
  }
})

test('a token that expired is told from one that never was', async () => {
  const { json } = await token()
  nowMs += 1_799_999
  assert.equal((await contacts(json.access_token)).status, 200)
  nowMs += 75_001
  const expired = await contacts(json.access_token)
  assert.equal(expired.status, 401)
  assert.equal(expired.json.category, 'EXPIRED_AUTHENTICATION')
  assert.equal(
    expired.json.message,
    'The OAuth token used to make this call expired 75 second(s) ago.',
  )
  assert.deepEqual(expired.json.context, { 'expire time': ['2025-11-24T16:30:00Z'] })
  for (const unknown of [null, 'x']) {
    const refused = await contacts(unknown)
    assert.deepEqual([refused.status, refused.json.category], [401, 'INVALID_AUTHENTICATION'])
  }
  assert.equal((await contacts('sandbox')).status, 200)
})

test('mischief ends the tokens, and a refresh helps', async () => {
  const { json } = await token()
  const body = { platform: 'hubspot', kind: 'expire-token' }
  await ask(sandbox, '/_mischief', { method: 'POST', body })
  assert.equal((await contacts(json.access_token)).json.category, 'EXPIRED_AUTHENTICATION')
  assert.equal((await contacts((await token()).json.access_token)).status, 200)
})

test('a wrong client, secret, grant or refresh token is refused in HubSpot’s words', async () => {
  const cases: [Record<string, string>, string][] = [
    [{ client_id: 'x' }, 'BAD_CLIENT_ID'],
    [{ client_secret: 'x' }, 'BAD_CLIENT_SECRET'],
    [{ grant_type: 'password' }, 'BAD_GRANT_TYPE'],
    [{ refresh_token: 'x' }, 'BAD_REFRESH_TOKEN'],
    [{ grant_type: 'authorization_code', code: 'x' }, 'BAD_AUTH_CODE'],
  ]
  for (const [fields, status] of cases) {
    const answer = await token(fields)
    assert.deepEqual([answer.status, answer.json.status], [400, status])
  }
  const standard = await token({ refresh_token: 'x' }, { version: 'v3' })
  assert.equal(standard.json.error, 'invalid_grant')
})

test('consent leads back with a code that is good once, for its address and verifier', async () => {
  const redirect = 'http://127.0.0.1:1/back?x=1'
  const verifier = 'v'.repeat(43)
  const code = async () => {
    const query = new URLSearchParams({
      client_id: 'sandbox',
      redirect_uri: redirect,
      scope: 'oauth',
      state: 's t',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })
    const answer = await ask(sandbox, `/hubspot/oauth/authorize?${query}`, { token: null })
    assert.equal(answer.status, 302)
    const back = new URL(String(answer.headers['location']))
    assert.deepEqual([back.searchParams.get('state'), back.searchParams.get('x')], ['s t', '1'])
    return back.searchParams.get('code') ?? ''
  }
  const form = async (fields: Record<string, string> = {}) => ({
    grant_type: 'authorization_code',
    code: await code(),
    redirect_uri: redirect,
    code_verifier: verifier,
    ...fields,
  })
  const good = await form()
  const issued = await token(good)
  assert.equal(issued.status, 200)
  assert.equal((await contacts(issued.json.access_token)).status, 200)
  assert.equal((await token({ refresh_token: issued.json.refresh_token })).status, 200)
  assert.equal((await token(good)).json.status, 'BAD_AUTH_CODE')
  const elsewhere = await token(await form({ redirect_uri: 'http://127.0.0.1:1/' }))
  assert.equal(elsewhere.json.status, 'BAD_REDIRECT_URI')
  const unverified = await token(await form({ code_verifier: 'w' }))
  assert.equal(unverified.json.status, 'BAD_AUTH_CODE')
  const late = await form()
  nowMs += 600_000
  assert.equal((await token(late)).json.status, 'BAD_AUTH_CODE')
})

test('a hundred requests in any ten seconds pass, with the numbers in the headers', async () => {
  for (let count = 1; count <= 100; count++) {
    const { status, headers } = await contacts('sandbox', limited)
    assert.equal(status, 200)
    assert.equal(headers['x-hubspot-ratelimit-remaining'], String(100 - count))
    nowMs += 10
  }
  const over = await contacts('sandbox', limited)
  assert.equal(over.status, 429)
  assert.deepEqual(
    [over.json.errorType, over.json.policyName, over.json.message],
    ['RATE_LIMIT', 'TEN_SECONDLY_ROLLING', 'You have reached your ten_secondly_rolling limit.'],
  )
  assert.equal(over.headers['x-hubspot-ratelimit-max'], '100')
  assert.equal(over.headers['x-hubspot-ratelimit-interval-milliseconds'], '10000')
  assert.equal(over.headers['x-hubspot-ratelimit-daily'], '250000')
  assert.equal(over.headers['x-hubspot-ratelimit-daily-remaining'], '249900')
  nowMs += 9000 // ten seconds after the first
  assert.equal((await contacts('sandbox', limited)).status, 200)
})

test('an app’s token is told no daily numbers', async () => {
  const { json } = await token({}, { at: limited })
  const { headers } = await contacts(json.access_token, limited)
  assert.equal(headers['x-hubspot-ratelimit-max'], '100')
  assert.equal(headers['x-hubspot-ratelimit-daily'], undefined)
})

test('searches have a limit of their own', async () => {
  const search = () =>
    ask(limited, '/hubspot/crm/v3/objects/contacts/search', { method: 'POST', body: {} })
  for (let count = 0; count < 5; count++) assert.equal((await search()).status, 200)
  const over = await search()
  assert.deepEqual([over.status, over.json.policyName], [429, 'SECONDLY'])
  assert.equal(over.headers['x-hubspot-ratelimit-max'], undefined)
  const { headers } = await contacts('sandbox', limited)
  assert.equal(headers['x-hubspot-ratelimit-remaining'], '99')
  nowMs += 1000
  assert.equal((await search()).status, 200)
})

test('without limits nothing is counted, and mischief still answers as if', async () => {
  for (let count = 0; count < 101; count++) assert.equal((await contacts('sandbox')).status, 200)
  for (const kind of ['429', '500']) {
    await ask(sandbox, '/_mischief', { method: 'POST', body: { platform: 'hubspot', kind } })
    assert.equal((await contacts('sandbox')).status, Number(kind))
  }
})

// Goal: Airtable's tokens and rate limits are in force as documented. Method: a clock of our own, real sockets.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
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

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const basic = `Basic ${Buffer.from('sandbox:sandbox').toString('base64')}`

const token = (
  fields: Record<string, string>,
  { authorization = basic, at = sandbox }: { authorization?: string; at?: Sandbox } = {},
): Promise<Answer> =>
  ask(at, '/airtable/oauth2/v1/token', {
    method: 'POST',
    token: null,
    headers: { ...form, ...(authorization === '' ? {} : { authorization }) },
    body: new URLSearchParams(fields).toString(),
  })

const refresh = (refreshToken = 'sandbox', options = {}) =>
  token({ grant_type: 'refresh_token', refresh_token: refreshToken }, options)

const records = (accessToken: string | null, at = sandbox): Promise<Answer> =>
  ask(at, '/airtable/v0/appSandbox0000001/Contacts?pageSize=1', { token: accessToken })

test('a refresh answers an access token for an hour and a new refresh token', async () => {
  const { status, json } = await refresh()
  assert.equal(status, 200)
  assert.deepEqual([json.token_type, json.expires_in], ['Bearer', 3600])
  assert.notEqual(json.refresh_token, 'sandbox')
  nowMs += 3_599_999
  assert.equal((await records(json.access_token)).status, 200)
  nowMs += 1
  const late = await records(json.access_token)
  assert.deepEqual([late.status, late.json.error.type], [401, 'UNAUTHORIZED'])
  const none = await records(null)
  assert.deepEqual([none.status, none.json.error.type], [401, 'AUTHENTICATION_REQUIRED'])
  assert.equal((await records('sandbox')).status, 200)
})

test('a refresh token is good once, also when two ask at the same time', async () => {
  const answers = await Promise.all([refresh(), refresh()])
  assert.deepEqual(answers.map(({ status }) => status).toSorted((a, b) => a - b), [200, 400])
  const refused = answers.find(({ status }) => status === 400)
  assert.equal(refused?.json.error, 'invalid_grant')
  const won = answers.find(({ status }) => status === 200)
  const next = await refresh(won?.json.refresh_token)
  assert.equal(next.status, 200)
  assert.equal((await records(won?.json.access_token)).status, 401)
  assert.equal((await records(next.json.access_token)).status, 200)
})

test('the client says who it is in the header or in the form', async () => {
  const inForm = { grant_type: 'refresh_token', refresh_token: 'x', client_id: 'sandbox' }
  assert.equal((await token(inForm, { authorization: '' })).json.error, 'invalid_grant')
  const wrong = `Basic ${Buffer.from('sandbox:x').toString('base64')}`
  for (const authorization of [wrong, '']) {
    const answer = await refresh('sandbox', { authorization })
    assert.deepEqual([answer.status, answer.json.error], [401, 'invalid_client'])
  }
  const grant = await token({ grant_type: 'password' })
  assert.equal(grant.json.error, 'unsupported_grant_type')
})

test('consent needs PKCE and leads back with a code that is good once', async () => {
  const verifier = 'v'.repeat(43)
  const authorize = async (fields: Record<string, string> = {}) => {
    const query = new URLSearchParams({
      client_id: 'sandbox',
      redirect_uri: 'http://127.0.0.1:1/back',
      response_type: 'code',
      scope: 'data.records:write',
      state: 'state',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...fields,
    })
    const answer = await ask(sandbox, `/airtable/oauth2/v1/authorize?${query}`, { token: null })
    return answer.status === 302
      ? new URL(String(answer.headers['location'])).searchParams
      : new URLSearchParams(answer.json)
  }
  const back = await authorize()
  assert.deepEqual([back.get('state'), back.get('code_challenge_method')], ['state', 'S256'])
  const exchange = (code: string, code_verifier = verifier) =>
    token({
      grant_type: 'authorization_code',
      code,
      redirect_uri: 'http://127.0.0.1:1/back',
      code_verifier,
    })
  const issued = await exchange(back.get('code') ?? '')
  assert.equal((await records(issued.json.access_token)).status, 200)
  assert.equal((await refresh(issued.json.refresh_token)).status, 200)
  assert.equal((await exchange(back.get('code') ?? '')).json.error, 'invalid_grant')
  const again = await authorize()
  assert.equal((await exchange(again.get('code') ?? '', 'w')).json.error, 'invalid_grant')
  for (const wrong of [{ code_challenge: '' }, { code_challenge_method: 'plain' }, { state: '' }]) {
    assert.equal((await authorize(wrong)).get('error'), 'invalid_request')
  }
  assert.equal((await authorize({ redirect_uri: 'x' })).get('error'), 'invalid_request')
})

test('the sixth request in a second is refused, and all others for thirty seconds', async () => {
  for (let count = 0; count < 5; count++) {
    assert.equal((await records('sandbox', limited)).status, 200)
  }
  const over = await records('sandbox', limited)
  assert.equal(over.status, 429)
  assert.deepEqual(over.json.errors[0].error, 'RATE_LIMIT_REACHED')
  assert.equal(over.headers['retry-after'], undefined)
  nowMs += 29_999
  assert.equal((await records('sandbox', limited)).status, 429)
  nowMs += 1
  assert.equal((await records('sandbox', limited)).status, 200)
})

test('five requests in each second pass for ever', async () => {
  for (let count = 0; count < 20; count++) {
    assert.equal((await records('sandbox', limited)).status, 200)
    nowMs += 200
  }
})

test('without limits nothing is counted, and mischief still answers as if', async () => {
  for (let count = 0; count < 10; count++) assert.equal((await records('sandbox')).status, 200)
  for (const kind of ['429', '500']) {
    await ask(sandbox, '/_mischief', { method: 'POST', body: { platform: 'airtable', kind } })
    assert.equal((await records('sandbox')).status, Number(kind))
  }
  const { json } = await refresh()
  const body = { platform: 'airtable', kind: 'expire-token' }
  await ask(sandbox, '/_mischief', { method: 'POST', body })
  assert.equal((await records(json.access_token)).status, 401)
  assert.equal((await refresh(json.refresh_token)).status, 200)
})

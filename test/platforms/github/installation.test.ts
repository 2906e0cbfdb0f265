// Goal: an installation's token is asked for with a JWT that GitHub takes, and what it says otherwise is understood.
// Method: the sandbox, which checks the signature with the app's public half, and a server that answers as a test says.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../../src/lib/http.ts'
import { Fault } from '../../../src/mutation/fault.ts'
import { mint } from '../../../src/platforms/github/installation.ts'
import { appId, appPrivateKey, installationId } from '../../../src/sandbox/github/access/key.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'
import { type FakeApi, fakeApi } from '../../help/fake-api.ts'

let sandbox: Sandbox
let http: Http
let api: FakeApi

before(async () => {
  sandbox = await startSandbox({ port: 0 })
  http = createHttp()
  api = await fakeApi()
})
after(async () => {
  await http.close()
  await Promise.all([sandbox.close(), api.close()])
})

const grant = () => ({
  http,
  deadline: deadlineIn(60_000),
  baseUrl: sandbox.platformUrl('github'),
  appId,
  privateKey: appPrivateKey,
  installationId: String(installationId),
  now: Date.now(),
})

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(() => null, (thrown: unknown) => thrown)
  assert.ok(error instanceof Fault, String(error))
  return error
}

test('the token of an installation works at the API, and its end is known', async () => {
  const { accessToken, expiresAt = 0 } = await mint(grant())
  assert.match(accessToken, /^ghs_/)
  const leftMs = expiresAt - Date.now()
  assert.ok(leftMs > 59 * 60_000 && leftMs <= 60 * 60_000, String(leftMs))
  const { status } = await http.send({
    method: 'GET',
    url: `${sandbox.platformUrl('github')}/repos/octo/hello`,
    headers: { authorization: `Bearer ${accessToken}`, 'user-agent': 'test' },
    waitMs: 60_000,
  })
  assert.equal(status, 200)
})

test('clocks may differ by a minute, and the JWT never lives for longer than ten', async () => {
  await mint({ ...grant(), now: Date.now() + 60_000 })
  api.play(() => ({ status: 201, body: { token: 'ghs_1', expires_at: '2030-01-01T00:00:00Z' } }))
  const now = 1_764_000_000_000
  await mint({ ...grant(), baseUrl: api.url, now })
  const [, jwt = ''] = /^Bearer (.+)$/.exec(api.asked.at(-1)?.headers['authorization'] ?? '') ?? []
  const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
  assert.deepEqual(claims, { iat: now / 1000 - 60, exp: now / 1000 + 540, iss: appId })
  assert.equal(api.asked.at(-1)?.url, '/app/installations/1/access_tokens')
})

test('a wrong app, installation or key is a refused credential', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const other = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const wrong = [
    { appId: 'nobody' },
    { installationId: '404' },
    { installationId: '..' },
    { installationId: '' },
    { privateKey: other },
    { privateKey: 'no PEM' },
  ]
  for (const part of wrong) {
    const fault = await faultOf(mint({ ...grant(), ...part }))
    assert.equal(fault.code, 'credential_refused', JSON.stringify(Object.keys(part)))
    assert.ok(!JSON.stringify(fault.data).includes('PRIVATE'))
  }
})

test('what passes is not taken for a refusal', async () => {
  const clock = "'Expiration time' claim ('exp') is too far in the future"
  const cases: [number, unknown, Record<string, string>, string][] = [
    [401, { message: clock }, {}, 'platform_failed'],
    [401, { message: 'A JSON web token could not be decoded' }, {}, 'credential_refused'],
    [403, { message: 'This installation has been suspended' }, {}, 'credential_refused'],
    [403, { message: 'API rate limit exceeded' }, { 'x-ratelimit-remaining': '0' }, 'rate_limited'],
    [403, { message: 'suspended' }, { 'x-ratelimit-remaining': '0' }, 'credential_refused'],
    [403, { message: 'secondary' }, { 'retry-after': '60' }, 'rate_limited'],
    [404, { message: 'Not Found' }, {}, 'credential_refused'],
    [422, { message: 'The permissions requested are not granted' }, {}, 'platform_failed'],
    [500, '', {}, 'platform_failed'],
    [201, { token: '' }, {}, 'platform_failed'],
    [201, { token: 'ghs_1' }, {}, 'platform_failed'],
  ]
  for (const [status, body, headers, code] of cases) {
    api.play(() => ({ status, body, headers }))
    const fault = await faultOf(mint({ ...grant(), baseUrl: api.url }))
    assert.equal(fault.code, code, `${status} ${JSON.stringify(body)}`)
  }
  const nowhere = await faultOf(mint({ ...grant(), baseUrl: 'http://127.0.0.1:1' }))
  assert.equal(nowhere.code, 'unreachable')
})

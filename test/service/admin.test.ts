// Goal: over HTTP an administrator does what the command line does, nobody else does, and answers are those of the OpenAPI
// document. Method: the service with the sandbox's Stripe, real stores and databases.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { createHttp, type Http } from '../../src/lib/http.ts'
import { createLog } from '../../src/lib/log.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { createService, type Service } from '../../src/service/service.ts'
import { documentOf } from '../../src/service/v1/document.ts'
import { makeAdminToken, revokeAdminToken, saveAdminToken } from '../../src/store/admin-tokens.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { createJournal } from '../../src/store/journal.ts'
import { makeToken, saveToken } from '../../src/store/tokens.ts'
import { readSync } from '../../src/store/syncs.ts'
import { createAdministration } from '../../src/sync/setup-administration.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { type CustomerDatabase, type SetupStage, setupStage } from '../sync/setup-help.ts'

let cluster: TestCluster
let stage: SetupStage
let database: CustomerDatabase
let http: Http
let service: Service
let token: string
const lines: string[] = []

before(async () => {
  cluster = await testCluster()
  stage = await setupStage(cluster)
  database = await stage.database()
  http = createHttp()
  const { store } = stage
  service = createService({
    store,
    journal: createJournal(store, { service: 0 }),
    http,
    adapterFor,
    log: createLog({ level: 'debug', write: (line) => lines.push(line) }),
    administration: (callerFor) => createAdministration({ ...stage.deps, callerFor }),
  })
  token = makeAdminToken(stage.deps.random)
  await saveAdminToken(store, { id: 'admin_1', name: 'test', token })
})
after(async () => {
  await service?.drain({ waitMs: 5_000 })
  await stage?.close()
  await http?.close()
  await cluster.stop()
})

interface Answer {
  readonly status: number
  readonly type: string
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

async function ask(
  method: string,
  path: string,
  { body, as = token }: { body?: unknown; as?: string } = {},
): Promise<Answer> {
  const response = await service.app.request(`/v1/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${as}` },
    ...body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) },
  })
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? ''
  return { status: response.status, type, body: await response.json() }
}

const ajv = new Ajv2020({ strict: false })
ajvFormats.default(ajv)
ajv.addSchema(JSON.parse(JSON.stringify(documentOf())) as object, 'doc')

/** Asks, and holds the answer against the document. */
async function fits(
  method: string,
  [path, real]: [string, string],
  body?: unknown,
): Promise<Answer> {
  const answer = await ask(method, real, { body })
  const at = [
    'paths',
    `/v1/admin${path}`,
    method.toLowerCase(),
    'responses',
    String(answer.status),
    'content',
    answer.type,
    'schema',
  ]
  const pointer = at.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')
  const validate = ajv.getSchema(`doc#/${encodeURI(pointer)}`)
  assert.ok(
    validate,
    `${method} ${path} ${answer.status} ${answer.type} is in the document: ${
      JSON.stringify(answer.body)
    }`,
  )
  assert.equal(validate(answer.body), true, JSON.stringify([validate.errors, answer.body]))
  return answer
}

test('a sync is set up, read, changed, examined and dropped, with answers as they are documented', async () => {
  const key = { platform: 'stripe', baseUrl: `${stage.sandboxUrl}/stripe`, key: 'sandbox' }
  assert.equal(
    (await fits('PUT', ['/connections/{connection}', '/connections/till'], key)).status,
    200,
  )
  const wrong = { ...key, key: 'rk_test_of_nobody' }
  const refused = await fits('PUT', ['/connections/{connection}', '/connections/till'], wrong)
  assert.deepEqual([refused.status, refused.body.title], [400, 'stripe refuses this key'])
  const privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    .export({ type: 'pkcs8', format: 'pem' })
  const app = await fits('PUT', ['/connections/{connection}', '/connections/code'], {
    platform: 'github',
    baseUrl: `${stage.sandboxUrl}/github`,
    app: { appId: 'sandbox', installationId: '1', privateKey },
  })
  assert.deepEqual([app.status, app.body.title], [400, 'github refuses this app'])
  assert.match(app.body.fault.hint, /^Nothing was changed\. Look whether the private key/)
  const wanted = {
    id: 'sync_http01',
    connection: 'till',
    database: { url: database.url },
    objects: ['customers'],
  }
  const dry = await fits('POST', ['/syncs', '/syncs'], { ...wanted, dryRun: true })
  assert.deepEqual([dry.status, dry.body.made], [200, false])
  await assert.rejects(readSync(stage.store, 'sync_http01'))
  const made = await fits('POST', ['/syncs', '/syncs'], wanted)
  assert.deepEqual([made.status, made.body.login.login], [201, 'app.sync_http01'])
  const twice = await fits('POST', ['/syncs', '/syncs'], wanted)
  assert.deepEqual([twice.status, twice.body.made], [422, false])
  assert.ok(
    twice.body.findings.some(({ check, level }: { check: string; level: string }) =>
      level === 'fail' && check === 'sync sync_http01'
    ),
  )
  const sync = ['/syncs/{sync}', '/syncs/sync_http01'] as [string, string]
  assert.equal((await fits('GET', sync)).body.tables[0].phase, 'waiting')
  const changed = await fits('PATCH', sync, { state: 'paused', allow: ['10.0.0.0/8'] })
  assert.deepEqual([changed.body.state, changed.body.allow], ['paused', ['10.0.0.0/8']])
  assert.equal((await fits('PATCH', sync, { state: 'active', allow: null })).body.allow, null)
  assert.deepEqual(
    (await fits('GET', ['/syncs', '/syncs'])).body.syncs.map(({ id }: { id: string }) => id),
    ['sync_http01'],
  )
  const below = (
    path: string,
    real = path,
  ): [string, string] => [`/syncs/{sync}${path}`, `/syncs/sync_http01${real}`]
  assert.deepEqual((await fits('POST', below('/resync'), {})).body, { tables: ['customers'] })
  assert.equal((await fits('PUT', below('/webhook'), { secret: 'whsec_mine' })).status, 200)
  assert.deepEqual((await fits('DELETE', below('/webhook'))).body, { byItself: true })
  assert.equal((await fits('DELETE', below('/webhook'))).status, 400)
  assert.deepEqual((await fits('POST', below('/tables'), { objects: ['coupons'] })).body.tables, [
    'coupons',
  ])
  await fits('DELETE', below('/tables/{table}', '/tables/coupons?tables=remove'))
  const login = await fits('POST', below('/logins'), { user: 'report' })
  assert.match(login.body.url, /^postgresql:\/\/report\.sync_http01:/)
  assert.equal(login.body.urls[0].url, login.body.url)
  assert.deepEqual(login.body.urls.map(({ region }: { region: string }) => region), ['iad', 'fra'])
  assert.equal((await fits('DELETE', below('/logins/{user}', '/logins/report'))).status, 200)
  assert.equal((await fits('DELETE', below('/logins/{user}', '/logins/report'))).status, 404)
  await fits('POST', below('/repair'))
  const doctor = await fits('GET', below('/doctor'))
  assert.ok(doctor.body.findings.length > 8)
  assert.equal((await fits('DELETE', sync)).status, 400)
  const dropped = await fits('DELETE', [sync[0], `${sync[1]}?tables=remove`])
  assert.ok(
    dropped.body.findings.some(({ about }: { about: string }) => about.includes('is forgotten')),
  )
  assert.equal((await fits('GET', sync)).status, 404)
})

test('connections and databases are listed without what is secret, and told anew', async () => {
  const other = await stage.database()
  const made = await ask('POST', '/syncs', {
    body: { connection: 'shop', database: { url: other.url }, objects: ['customers'] },
  })
  const { databases } = (await fits('GET', ['/databases', '/databases'])).body
  const known = databases.find(({ id }: { id: string }) => id === made.body.database)
  assert.deepEqual([known.owner, known.syncs], [other.owner, [made.body.sync]])
  await saveConnection(stage.store, {
    id: 'crm',
    platform: 'salesforce',
    baseUrl: 'https://login.salesforce.com',
    tokenUrl: 'https://login.salesforce.com/services/oauth2/token',
    clientId: 'sluice',
    credential: { kind: 'oauth', refreshToken: '' },
  }, { state: 'revoked' })
  const { connections } = (await fits('GET', ['/connections', '/connections'])).body
  const crm = connections.find(({ id }: { id: string }) => id === 'crm')
  assert.equal(crm.state, 'unfinished')
  const connection = (id: string): [string, string] => [
    '/connections/{connection}',
    `/connections/${id}`,
  ]
  const used = await fits('DELETE', connection('shop'))
  assert.deepEqual([used.status, used.body.title], [400, 'connection "shop" is in use'])
  assert.ok(used.body.detail.includes(made.body.sync), JSON.stringify(used.body))
  assert.deepEqual((await fits('DELETE', connection('crm'))).body, { ok: true })
  assert.equal((await fits('DELETE', connection('crm'))).status, 404)
  const place = (id: string): [string, string] => ['/databases/{database}', `/databases/${id}`]
  assert.equal((await fits('PATCH', place(known.id), { url: other.url })).status, 200)
  assert.equal((await fits('PATCH', place('nothing'), { url: other.url })).status, 404)
  const text = JSON.stringify([databases, (await ask('GET', '/connections')).body, lines])
  for (const secret of ['secret@', ':secret', made.body.login.password, token]) {
    assert.ok(!text.includes(secret), secret)
  }
})

test('a bastion is asked for, and what is wrong with it is told', async () => {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  const ssh = { host: '127.0.0.1', port: 1, user: 'tunnel', privateKey, hostKey: 'unknown' }
  const other = await stage.database()
  const sync = (how: object) => ({
    connection: 'shop',
    database: { url: other.url, ssh: { ...ssh, ...how } },
    objects: ['customers'],
  })
  const path: [string, string] = ['/syncs', '/syncs']
  const unreadable = await fits('POST', path, sync({}))
  assert.equal(unreadable.status, 400)
  assert.match(JSON.stringify(unreadable.body), /the host key of the bastion cannot be read/)
  const hostKey = `SHA256:${'A'.repeat(43)}`
  const gone = await fits('POST', path, sync({ hostKey }))
  assert.equal(gone.status, 422)
  const told = JSON.stringify(gone.body)
  assert.match(told, /the bastion 127\.0\.0\.1:1 cannot be reached: connection refused/)
  assert.ok(!told.includes('PRIVATE KEY') && !lines.join('').includes('PRIVATE KEY'))
})

test('nobody but an administrator gets in, and a revoked one is refused at once', async () => {
  const { sync } = (await ask('POST', '/syncs', {
    body: { connection: 'shop', database: { hosted: true }, objects: ['customers'] },
  })).body
  const ofSync = makeToken(stage.deps.random)
  await saveToken(stage.store, { id: 'of sync', syncId: sync, name: '', token: ofSync })
  for (const as of [ofSync, 'wrong', token.slice(0, -1)]) {
    assert.equal((await ask('GET', '/syncs', { as })).status, 401)
    assert.equal((await ask('DELETE', `/syncs/${sync}?tables=remove`, { as })).status, 401)
  }
  const bare = await service.app.request('/v1/admin/syncs')
  assert.deepEqual([bare.status, bare.headers.get('www-authenticate')], [401, 'Bearer'])
  const second = makeAdminToken(stage.deps.random)
  await saveAdminToken(stage.store, { id: 'admin_2', name: 'second', token: second })
  assert.equal((await ask('GET', '/syncs', { as: second })).status, 200)
  await revokeAdminToken(stage.store, 'admin_2')
  assert.equal((await ask('GET', '/syncs', { as: second })).status, 401)
  assert.equal((await ask('DELETE', `/syncs/${sync}?tables=remove`)).status, 200)
})

test('objects are all where none are named, and what is no list is refused with what it may be', async () => {
  const key = { platform: 'stripe', baseUrl: `${stage.sandboxUrl}/stripe`, key: 'sandbox' }
  assert.equal((await ask('PUT', '/connections/whole', { body: key })).status, 200)
  const body = { connection: 'whole', database: { hosted: true }, dryRun: true }
  const bare = await fits('POST', ['/syncs', '/syncs'], body)
  const all = await fits('POST', ['/syncs', '/syncs'], { ...body, objects: 'all' })
  const tables = ({ body: { findings } }: Answer) =>
    (findings as { check: string }[]).map(({ check }) => check)
      .filter((check) => check.startsWith('object '))
  assert.ok(tables(bare).length > 3, JSON.stringify(bare.body))
  assert.deepEqual(tables(bare), tables(all))
  const wrong = await ask('POST', '/syncs', { body: { ...body, objects: 5 } })
  assert.deepEqual([wrong.status, wrong.body.title], [
    400,
    '"objects" in the body is not valid: it is a list of names, or "all"',
  ])
})

test('what is not as it must be is refused with words, and none of it is told again', async () => {
  const bodies: unknown[] = [
    'no json',
    {},
    { connection: 'shop', database: { url: 'postgres://u:hidden@h/d', more: 1 }, objects: 'all' },
    { connection: 'shop', database: { url: 'mysql://u:hidden@h/d' }, objects: 'all' },
    { id: 'x', connection: 'shop', database: { hosted: true }, objects: 'all' },
    { connection: 'shop', database: { hosted: true }, objects: [] },
    { connection: 'shop\0', database: { hosted: true }, objects: 'all' },
    `{"connection": "${'x'.repeat(1_100_000)}"}`,
  ]
  for (const body of bodies) {
    const answer = await ask('POST', '/syncs', { body })
    assert.equal(answer.status, 400, JSON.stringify(body).slice(0, 100))
    assert.doesNotMatch(JSON.stringify(answer.body), /hidden/)
  }
  assert.equal((await ask('GET', '/nothing')).status, 404)
  assert.equal(
    (await ask('PUT', '/connections/a%20b', { body: { platform: 'stripe', key: 'k' } })).status,
    400,
  )
  assert.equal((await ask('PUT', '/connections/a', { body: { platform: 'stripe' } })).status, 400)
})

// Goal: no page runs what somebody else wrote, shows a secret, or does anything for a form that is not its own; only
// administrators come in. Method: the service on a real store, whose every name and value is as bad as can be.

import assert from 'node:assert/strict'
import { randomBytes as random, randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { fault } from '../../src/mutation/fault.ts'
import { createJournal, requestHash } from '../../src/store/journal.ts'
import { revokeAdminToken, saveAdminToken } from '../../src/store/admin-tokens.ts'
import { forgetDatabase, saveDatabase } from '../../src/store/databases.ts'
import { readSync, saveSync } from '../../src/store/syncs.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { platformName } from '../../src/console/words.ts'
import { address, seed } from '../store/help.ts'
import { adminToken, Agent, consoleStage, csrfOf, draftOf, hostile, type Stage } from './help.ts'

let cluster: TestCluster
let stage: Stage
let agent: Agent
const mutationId = randomUUID()

before(async () => {
  cluster = await testCluster()
  stage = await consoleStage(cluster)
  const { store } = stage
  const table = await seed(store)
  const sync = await readSync(store, 'sync_test01')
  const bad = { ...table, name: hostile, columns: [...table.columns, column(hostile)] }
  await saveSync(store, { ...sync, schema: 'salesforce', tables: [table, bad] })
  await writeMutation()
  agent = new Agent(stage.app)
  const answer = await agent.logIn()
  assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/console'])
})
after(async () => {
  await stage?.close()
  await cluster?.stop()
})

function column(name: string) {
  const rest = { field: name, type: 'text', insertable: true, updatable: true, required: false }
  return { name, ...rest }
}

/** One that was refused in words that nobody should run, and one before it that wrote the same record. */
async function writeMutation(): Promise<void> {
  const { store } = stage
  const journal = createJournal(store, { service: 0 })
  const { version } = await readSync(store, 'sync_test01')
  const mutation = {
    id: mutationId,
    syncId: 'sync_test01',
    schema: 'salesforce',
    table: hostile,
    operation: 'update' as const,
    by: hostile,
    rows: [{
      ordinal: 1,
      id: hostile,
      values: { [hostile]: hostile, api_token: 'hunter2-secret' },
    }],
  }
  const earlier = { ...mutation, id: randomUUID() }
  for (const each of [earlier, mutation]) {
    const begun = await journal.begin(each, {
      hash: requestHash(each),
      syncVersion: version,
      state: 'sent',
    })
    assert.equal(begun.kind, 'begun')
  }
  const values = { [hostile]: hostile, api_token: 'older-secret', name: 'sk_live_0123456789abcdef' }
  await journal.settle(earlier.id, {
    state: 'accepted',
    rows: [{ ordinal: 1, id: hostile, values }],
    requests: 2,
  })
  await journal.settle(mutationId, {
    state: 'refused',
    fault: {
      code: 'validation_error',
      sqlstate: '23514',
      message: hostile,
      detail: hostile,
      hint: hostile,
    },
  })
}

const paths = () => [
  '/console',
  '/console/mutations',
  `/console/mutations?${new URLSearchParams({
    q: hostile,
    sync: hostile,
    by: hostile,
    table: hostile,
  })}`,
  `/console/mutations?${new URLSearchParams({ table: hostile })}`,
  `/console/mutations/${mutationId}`,
  `/console/mutations/${encodeURIComponent(hostile)}`,
  '/console/limits',
  '/console/errors',
  '/console/new',
  '/console/new/account?platform=github',
  '/console/new/database?connection=till',
  '/console/syncs/sync_test01',
  `/console/syncs/sync_test01?${new URLSearchParams({
    region: hostile,
    login: hostile,
    done: hostile,
  })}`,
  '/console/syncs/sync_test01/doctor',
  '/console/syncs/sync_test01/confirm/drop',
  `/console/syncs/sync_test01/confirm/revoke?${new URLSearchParams({ user: hostile })}`,
  `/console/syncs/${encodeURIComponent(hostile)}/confirm/pause`,
  `/console/back?${new URLSearchParams({ connection: hostile })}`,
  '/console/nothing-here',
]

/** Every tag and attribute of the page is one of ours. */
function assertHarmless(page: string, path: string): void {
  assert.equal(page.match(/<script\b/g)?.length, 1, `${path}: one script`)
  assert.match(page, /<script src="\/console\/assets\/console\.[0-9a-f]{16}\.js" defer><\/script>/)
  assert.doesNotMatch(page, /<img\b/, path)
  for (const [tag] of page.matchAll(/<[a-z][^>]*>/g)) {
    const bare = tag.replaceAll(/"[^"]*"/g, '""')
    assert.doesNotMatch(bare, /\son\w+\s*=/, `${path}: ${tag}`)
    assert.doesNotMatch(bare, /\sstyle\s*=/, `${path}: ${tag}`)
  }
}

test('names and values are shown as text on every page, whatever they are', async () => {
  for (const path of paths()) {
    const response = await agent.get(path)
    const page = await response.text()
    assert.ok(response.status === 200 || response.status === 404, `${path}: ${response.status}`)
    assertHarmless(page, path)
  }
  const [life, sync] = await Promise.all(
    [`/console/mutations/${mutationId}`, '/console/syncs/sync_test01'].map(async (path) =>
      await (await agent.get(path)).text()
    ),
  )
  const escaped = '&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;'
  for (const page of [life, sync]) assert.ok(page?.includes(escaped), 'the text itself is there')
})

test('every page forbids what is inline, from elsewhere, or in a frame', async () => {
  for (const path of [...paths(), '/console/login']) {
    const { headers } = await agent.get(path)
    const policy = headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/, path)
    assert.match(policy, /frame-ancestors 'none'/, path)
    assert.doesNotMatch(policy, /unsafe|data:|\*/, path)
    assert.equal(headers.get('cache-control'), 'no-store', path)
    assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
    assert.equal(headers.get('referrer-policy'), 'same-origin', path)
  }
})

test('style, script and icon are kept for good under names that change with them', async () => {
  const page = await (await agent.get('/console')).text()
  const assets = [...page.matchAll(/(?:href|src)="(\/console\/assets\/[^"]+)"/g)]
  assert.equal(assets.length, 3)
  for (const [, path = ''] of assets) {
    const response = await new Agent(stage.app).get(path)
    assert.equal(response.status, 200)
    assert.match(response.headers.get('cache-control') ?? '', /max-age=31536000, immutable/)
    await response.text()
  }
})

test('no page shows a token, a cookie, a key, or a value that looks like a secret', async () => {
  const cookie = [...agent.cookies.values()].join('\n')
  for (const path of paths()) {
    const page = await (await agent.get(path)).text()
    for (const secret of [adminToken, cookie, 'hunter2-secret', 'older-secret', 'sk_live_']) {
      assert.ok(!page.includes(secret), `${path} shows ${secret.slice(0, 12)}…`)
    }
  }
  const page = await (await agent.get(`/console/mutations/${mutationId}`)).text()
  assert.match(page, /api_token/)
  assert.match(page, /\(redacted\)/)
  assert.ok(!stage.lines.join('\n').includes(adminToken), 'nor does the log')
})

test('whoever is not logged in sees the login, and nothing is done for him', async () => {
  const stranger = new Agent(stage.app)
  for (const path of paths().filter((each) => !each.startsWith('/console/back'))) {
    const response = await stranger.get(path)
    assert.equal(response.status, 303, path)
    assert.match(response.headers.get('location') ?? '', /^\/console\/login/)
  }
  const before = stage.calls.length
  for (const action of ['pause', 'drop', 'logins', 'resync', 'allow', 'revoke']) {
    const response = await stranger.post(`/console/syncs/sync_test01/${action}`, { user: 'x' })
    assert.equal(response.headers.get('location'), '/console/login')
  }
  assert.equal((await stranger.get('/console/live')).status, 401)
  assert.equal(stage.calls.length, before)
})

test('a form without its token, with another one, or from another site does nothing', async () => {
  const before = stage.calls.length
  const csrf = csrfOf(await (await agent.get('/console/errors')).text())
  const other = new Agent(stage.app)
  await other.logIn()
  const others = csrfOf(await (await other.get('/console/errors')).text())
  assert.notEqual(csrf, others)
  const path = '/console/syncs/sync_test01/pause'
  for (
    const form of [{}, { csrf: '' }, { csrf: 'x' }, { csrf: others }] as Record<string, string>[]
  ) {
    assert.equal((await agent.post(path, form)).status, 403)
  }
  assert.equal((await agent.post(path, { csrf }, { 'sec-fetch-site': 'cross-site' })).status, 403)
  const typed = await agent.post(path, { csrf }, { 'content-type': 'text/plain' })
  assert.equal(typed.status, 400)
  assert.equal(stage.calls.length, before, 'nothing was asked for')
  assert.equal((await agent.post(path, { csrf })).status, 303)
  assert.deepEqual(stage.calls.at(-2), ['setState', ['sync_test01', 'paused']])
})

test('the session is a sealed cookie that scripts cannot read and other sites cannot send', async () => {
  const fresh = new Agent(stage.app)
  await fresh.logIn()
  const line = fresh.set.find((each) => each.startsWith('sluice_console=')) ?? ''
  assert.match(line, /; Path=\/console;/)
  assert.match(line, /; HttpOnly/)
  assert.match(line, /SameSite=Strict/)
  assert.match(line, /Max-Age=43200/)
  assert.doesNotMatch(line, /Secure/, 'the service is reached by http')
  assert.ok(!line.includes(adminToken))
  const cookie = fresh.cookies.get('sluice_console') ?? ''
  const last = cookie.at(-1) === 'A' ? 'B' : 'A'
  for (const forged of [cookie.slice(0, -1) + last, cookie.slice(0, -8), `x${cookie}`, '']) {
    fresh.cookies.set('sluice_console', forged)
    assert.equal((await fresh.get('/console')).status, 303, 'a cookie that was changed is none')
  }
})

test('behind https the cookie is Secure', async () => {
  const secure = await consoleStage(cluster, { publicUrl: 'https://sluice.example.com' })
  try {
    const fresh = new Agent(secure.app)
    await fresh.logIn()
    for (const line of fresh.set) assert.match(line, /Secure/)
  } finally {
    await secure.close()
  }
})

test('a session ends after twelve hours, at logout, and with its token', async () => {
  const late = new Agent(stage.app)
  await late.logIn()
  stage.now += 12 * 60 * 60_000 - 1_000
  assert.equal((await late.get('/console/errors')).status, 200)
  stage.now += 2_000
  assert.equal((await late.get('/console/errors')).status, 303)
  stage.now = Date.now()

  const leaver = new Agent(stage.app)
  await leaver.logIn()
  const stolen = leaver.cookies.get('sluice_console') ?? ''
  const csrf = csrfOf(await (await leaver.get('/console/errors')).text())
  assert.equal((await leaver.post('/console/logout', { csrf: 'x' })).status, 403)
  assert.equal((await leaver.post('/console/logout', { csrf })).status, 303)
  assert.equal(leaver.cookies.has('sluice_console'), false)
  leaver.cookies.set('sluice_console', stolen)
  assert.equal((await leaver.get('/console/errors')).status, 303, 'the cookie is worth nothing now')

  const token = 'sluice_admin_that_is_revoked_0123456789'
  await saveAdminToken(stage.store, { id: 'gone', name: 'gone', token })
  const fired = new Agent(stage.app)
  await fired.logIn(token)
  assert.equal((await fired.get('/console/errors')).status, 200)
  await revokeAdminToken(stage.store, 'gone')
  assert.equal((await fired.get('/console/errors')).status, 303)
})

test('a sync token is no administrator, and the login leads only to the console', async () => {
  assert.equal((await new Agent(stage.app, '198.51.100.80').logIn('sluice_demo')).status, 401)
  for (
    const next of ['https://evil.example', '//evil.example', '/console//evil.example', '/other']
  ) {
    const fresh = new Agent(stage.app, '198.51.100.81')
    const page = await (await fresh.get('/console/login')).text()
    const form = { csrf: csrfOf(page), token: adminToken, next }
    const response = await fresh.post('/console/login', form)
    assert.equal(response.headers.get('location'), '/console', next)
  }
  const fresh = new Agent(stage.app, '198.51.100.81')
  const page = await (await fresh.get('/console/login')).text()
  const form = { csrf: csrfOf(page), token: adminToken, next: '/console/errors?x=1' }
  assert.equal((await fresh.post('/console/login', form)).headers.get('location'), form.next)
})

test('coming from another site, a browser is led to itself, so that its cookie comes along', async () => {
  const { cookies } = agent
  const away = new Agent(stage.app)
  const response = await away.get('/console/login?next=%2Fconsole%2Ferrors', {
    'sec-fetch-site': 'cross-site',
  })
  const page = await response.text()
  assert.match(page, /http-equiv="refresh" content="0;url=\/console\/errors"/)
  assert.ok(cookies.size > 0)
})

test('what leads to a new sync is checked, made once, and its passwords are on no page but the last', async () => {
  const csrf = csrfOf(await (await agent.get('/console/new/database?connection=till')).text())
  const secret = 'the-owners-password'
  const given = {
    csrf,
    connection: 'till',
    platform: 'github',
    database: 'url',
    url: `postgres://owner:${secret}@db.example.com/app`,
    schema: 'github',
    login: 'app',
  }
  const missing = await agent.post('/console/new/objects', { ...given, url: '' })
  assert.match(await missing.text(), /Give the URL of the database/)
  // the platform of the test cannot be reached: the objects are chosen by hand
  const { sealer } = await draftFor(given)
  const checked = await agent.post('/console/new/check', { csrf, draft: sealer, object: 'issues' })
  const page = await checked.text()
  assert.match(page, /Everything is in order/)
  assert.ok(!page.includes(secret))
  assertHarmless(page, 'checks')
  const [name, args] = stage.calls.at(-1) ?? ['', []]
  assert.equal(name, 'create')
  assert.deepEqual([(args[0] as { objects: unknown }).objects, args[1]], [['issues'], true])
  const draft = draftOf(page)
  const stranger = new Agent(stage.app)
  await stranger.logIn()
  const theirs = csrfOf(await (await stranger.get('/console/errors')).text())
  const stolen = await stranger.post('/console/new/create', { csrf: theirs, draft })
  assert.equal(stolen.headers.get('location'), '/console/new', 'a draft is of its session')
  const done = await (await agent.post('/console/new/create', { csrf, draft })).text()
  assert.match(done, /shown once/)
  assert.match(done, /postgresql:\/\/app\.sync_test01:shown-once@iad\.db\.example\.com:5432/)
  assert.match(done, /fra\.db\.example\.com:6543/)
  assertHarmless(done, 'done')
  assert.ok(!done.includes(secret))
})

/** A draft as the step before makes it, with the sealer of the service. */
async function draftFor(given: { csrf: string; url: string }) {
  const { createSealer } = await import('../../src/service/console.ts')
  const seal = createSealer(
    stage.store.keyring,
    (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
  )
  const draft = {
    id: 'sync_test0abc',
    connection: 'till',
    platform: 'github',
    schema: 'github',
    database: { url: given.url },
    login: 'app',
    objects: 'all',
    fields: {},
  }
  return { sealer: seal.seal(`draft ${given.csrf}`, JSON.stringify(draft)) }
}

test('a key that is given is passed on and never shown', async () => {
  const csrf = csrfOf(await (await agent.get('/console/new/account?platform=stripe')).text())
  const response = await agent.post('/console/new/account', {
    csrf,
    platform: 'stripe',
    how: 'key',
    id: 'till_2',
    key: 'rk_test_very_secret',
  })
  assert.equal(response.headers.get('location'), '/console/new/database?connection=till_2')
  assert.deepEqual(stage.calls.at(-1), ['giveConnection', ['till_2', {
    platform: 'stripe',
    key: 'rk_test_very_secret',
  }]])
})

test('an app that the platform refuses is told of with what it said and what to do, and its form comes again', async () => {
  const csrf = csrfOf(await (await agent.get('/console/new/account?platform=github')).text())
  const given = stage.administration.giveConnection
  stage.administration.giveConnection = () =>
    Promise.reject(
      fault('bad_request', {
        message: 'github refuses this app',
        detail: 'GitHub answered 401 for the installation.',
        hint: 'Nothing was changed.',
      }),
    )
  try {
    const response = await agent.post('/console/new/account', {
      csrf,
      platform: 'github',
      how: 'app',
      id: 'code_9',
      settings: 'octo/hello',
      appId: '12',
      installationId: '34',
      privateKey: 'PEM-very-secret',
    })
    const page = await response.text()
    assert.match(page, /role="alert"[^]*github refuses this app/)
    assert.match(
      page,
      /<p>GitHub answered 401 for the installation\.<\/p>[^]*<p>Nothing was changed/,
    )
    assert.match(page, /value="code_9"/)
    assert.ok(!page.includes('PEM-very-secret'))
  } finally {
    stage.administration.giveConnection = given
  }
})

test('passwords are rotated only after a question, and dropping needs the name', async () => {
  const path = '/console/syncs/sync_test01'
  const csrf = csrfOf(await (await agent.get(path)).text())
  const asked = await agent.post(`${path}/logins`, { csrf, user: 'app' })
  assert.equal(asked.headers.get('location'), `${path}/confirm/rotate?user=app`)
  const rotated = await agent.post(`${path}/logins`, { csrf, user: 'app', rotate: '1' })
  assert.match(await rotated.text(), /shown-once/)
  const before = stage.calls.filter(([name]) => name === 'drop').length
  const wrong = await agent.post(`${path}/drop`, { csrf, confirm: 'sync_test0', tables: 'remove' })
  assert.equal(wrong.headers.get('location'), `${path}/confirm/drop`)
  assert.equal(stage.calls.filter(([name]) => name === 'drop').length, before)
  const right = await agent.post(`${path}/drop`, { csrf, confirm: 'sync_test01', tables: 'keep' })
  assertHarmless(await right.text(), 'dropped')
  assert.deepEqual(stage.calls.at(-1), ['drop', [
    { syncId: 'sync_test01', tables: 'keep', force: false },
  ]])
})

test('choosing a region changes the host of everything that is shown', async () => {
  const page = await (await agent.get('/console/syncs/sync_test01?region=fra')).text()
  assert.match(page, /PASSWORD@fra\.db\.example\.com:6543\//)
  assert.doesNotMatch(page, /@iad\.db\.example\.com/)
  const other = await (await agent.get('/console/syncs/sync_test01?region=nowhere')).text()
  assert.match(other, /PASSWORD@iad\.db\.example\.com:5432\//)
})

test('the connection URL has the name of the database, whatever is in it and however it is reached', async () => {
  const name = 'a/b through c'
  await saveDatabase(stage.store, { id: 'db', address: { ...address, database: name } }, { random })
  const page = await (await agent.get('/console/syncs/sync_test01')).text()
  assert.match(page, /@iad\.db\.example\.com:5432\/a%2Fb%20through%20c\?sslmode=require/)
  await forgetDatabase(stage.store, 'db')
})

test('a word that every object knows is no message, no setting and no name', async () => {
  for (const word of ['constructor', 'toString', '__proto__']) {
    const page = await (await agent.get(`/console/syncs/sync_test01?done=${word}`)).text()
    assert.doesNotMatch(page, /native code|role="status">\s*<p class="notice-title"/, word)
    assert.equal(platformName(word), word)
  }
})

test('a search is not live: it reads the whole journal', async () => {
  const searched = await (await agent.get('/console/mutations?q=paul')).text()
  assert.doesNotMatch(searched, /data-live|http-equiv="refresh"/)
  const listed = await (await agent.get('/console/mutations')).text()
  assert.match(listed, /data-live="/)
  const live = await agent.get('/console/mutations/live?q=paul')
  assert.deepEqual([live.status, await live.text()], [204, ''])
})

test('a database that does not answer keeps no page, and one that refuses is named', async () => {
  const { administration } = stage
  const { rows } = administration
  const never = Promise.withResolvers<[]>()
  administration.rows = () => never.promise
  stage.now += 60_000 // what was counted before is no longer remembered
  try {
    const page = await (await agent.get('/console/syncs/sync_test01')).text()
    assert.match(page, /Rows could not be counted: the database has not answered yet/)
    assert.match(page, /Connection Instructions/)
  } finally {
    never.resolve([])
    administration.rows = rows
    stage.now = Date.now()
  }
})

test('what changes is sent live, and all of it ends when the service drains', async () => {
  const own = await consoleStage(cluster)
  try {
    const watcher = new Agent(own.app)
    await watcher.logIn()
    const response = await watcher.get('/console/mutations/live')
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    const reader = response.body?.getReader()
    const first = new TextDecoder().decode((await reader?.read())?.value)
    assert.match(first, /^data: /)
    for (const line of first.trimEnd().split('\n')) assert.match(line, /^data: /)
    await own.drain()
    const rest = await reader?.read()
    assert.equal(rest?.done, true)
    assert.equal((await watcher.get('/console/mutations/live')).status, 503)
  } finally {
    await own.close()
  }
})

test('a browser at / is led to the console, a program is not', async () => {
  const response = await agent.get('/')
  assert.deepEqual([response.status, response.headers.get('location')], [302, '/console'])
  assert.equal((await stage.app.request('/')).status, 404)
})

// Goal: what an operator does with `sluice` works, says what it did, and shows no secret. Method: the command as a process
// of its own, on a store of its own.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { type Platform, platforms } from '../../src/mutation/table.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { appPrivateKey } from '../../src/sandbox/github/access/key.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { readTicket } from '../../src/service/oauth/ticket.ts'
import { readConnection, revokeConnection, saveConnection } from '../../src/store/connections.ts'
import { migrate } from '../../src/store/migrations.ts'
import { readOAuthApp } from '../../src/store/oauth-apps.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { readSyncConfig, saveSync } from '../../src/store/syncs.ts'
import { dropWebhook, saveWebhook } from '../../src/store/webhooks.ts'
import { testCluster } from '../help/cluster.ts'
import { contacts, seed } from '../store/help.ts'

const cluster = await testCluster()
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const oldKey = `old:${randomBytes(32).toString('base64')}`
const newKey = `new:${randomBytes(32).toString('base64')}`
let url: string
let store: Store

before(async () => {
  url = await cluster.createDatabase()
  store = openStore({ url, keyring: parseKeyring(oldKey), connectionsMax: 2 })
  await migrate(store)
})
after(async () => {
  await store?.close()
  await cluster.stop()
})

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function sluice(
  args: readonly string[],
  { stdin = '', env = {} }: { stdin?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  const file = join(root, 'workers', 'sluice.ts')
  const program = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', file] : [file]
  const child = spawn(process.execPath, [...program, ...args], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], SLUICE_STORE_URL: url, SLUICE_KEYS: oldKey, ...env },
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => out += chunk)
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => err += chunk)
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const code = await new Promise<number>((resolve) =>
    child.once('close', (code) => resolve(code ?? 1))
  )
  return { code, out, err }
}

test('syncs are listed, and an allowlist is set, checked, kept by a change of the sync, and removed', async () => {
  await seed(store, { id: 'sync_allow1' })
  const allowed = async () => (await readSyncConfig(store, 'sync_allow1')).allow
  assert.equal(await allowed(), undefined)
  const from = (ranges: string) =>
    sluice(['syncs', 'allow', '--sync', 'sync_allow1', '--from', ranges])
  const set = await from('10.0.0.0/8, 2001:db8::/32,192.0.2.7')
  assert.deepEqual([set.code, set.err], [0, ''])
  assert.equal(
    set.out.trim(),
    'sync_allow1 takes clients from 10.0.0.0/8, 2001:db8::/32, 192.0.2.7',
  )
  const ranges = ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']
  assert.deepEqual(await allowed(), ranges)
  const list = await sluice(['syncs', 'list'])
  assert.match(list.out, new RegExp(`sync_allow1\tactive\tsalesforce\t\\w+\t${ranges.join(',')}`))
  for (const wrong of ['10.0.0.0/33', 'example.com', '', ',']) {
    const refused = await from(wrong)
    assert.equal(refused.code, 2, wrong)
  }
  assert.match((await from('10.0.0.0/33')).err, /not a range of addresses: "10\.0\.0\.0\/33"/)
  const other = await sluice(['syncs', 'allow', '--sync', 'sync_none', '--from', '10.0.0.0/8'])
  assert.match(other.err, /sync "sync_none" not found/)
  // setting the sync up anew leaves the list as it is
  await saveSync(store, {
    id: 'sync_allow1',
    connectionId: 'connection of sync_allow1',
    databaseId: 'database of sync_allow1',
    schema: 'salesforce',
    tables: [contacts('sync_allow1')],
    users: [],
  })
  assert.deepEqual(await allowed(), ranges)
  assert.equal((await from('anywhere')).code, 0)
  assert.equal(await allowed(), undefined)
})

test('an app is registered with its secret from standard input, which nobody sees again', async () => {
  const args = [
    'apps',
    'set',
    '--platform',
    'salesforce',
    '--client-id',
    'the client',
    '--unchecked',
  ]
  const set = await sluice(args, { stdin: 'the app secret\n' })
  assert.deepEqual([set.code, set.err], [0, ''])
  assert.equal((await readOAuthApp(store, 'salesforce')).clientSecret, 'the app secret')
  const list = await sluice(['apps', 'list'])
  assert.match(list.out, /salesforce\tthe client\tset/)
  assert.ok(!`${set.out}${list.out}`.includes('app secret'))
  const empty = await sluice(args)
  assert.equal(empty.code, 2)
  assert.match(empty.err, /standard input or SLUICE_SECRET/)
  assert.equal((await sluice([...args, '--client-secret', 'x'])).code, 2)
})

test('an app is asked about at its platform: what is refused is not kept, and what is not known is told of', async () => {
  const sandbox = await startSandbox({ port: 0 })
  const env = { SLUICE_PRIVATE_ADDRESSES: 'allow' }
  const set = (platform: Platform, clientId: string, secret: string) => {
    const tokenUrl = sandbox.platformUrl(platform) +
      new URL(adapterFor(platform).oauth.tokenUrl).pathname
    const args = ['apps', 'set', '--platform', platform, '--client-id', clientId]
    return sluice([...args, '--token-url', tokenUrl], { stdin: secret, env })
  }
  try {
    for (const platform of platforms) {
      const wrong = await set(platform, 'sandbox', 'wrong-secret')
      assert.equal(wrong.code, 2, wrong.err)
      assert.match(
        wrong.err,
        new RegExp(`${platform} refuses this client id or its secret[^]*Nothing was changed`),
      )
      assert.ok(!`${wrong.out}${wrong.err}`.includes('wrong-secret'))
      // a platform of which an app is there already keeps that one
      const kept = await readOAuthApp(store, platform).catch(() => null)
      assert.notEqual(kept?.clientId, 'sandbox', platform)
      const right = await set(platform, 'sandbox', 'sandbox')
      assert.deepEqual([right.code, right.err], [0, ''])
      assert.match(right.out, /is registered: \w+ has nothing against its client id and secret/)
      assert.equal((await readOAuthApp(store, platform)).clientSecret, 'sandbox')
    }
    // Stripe looks at the secret alone
    for (const platform of platforms.filter((name) => name !== 'stripe')) {
      assert.equal((await set(platform, 'nobody', 'sandbox')).code, 2, platform)
    }
  } finally {
    await sandbox.close()
  }
  const silent = await set('airtable', 'sandbox', 'another')
  assert.equal(silent.code, 0, silent.err)
  assert.match(silent.out, /is registered\n.*airtable does not say whether it takes it/)
  assert.equal((await readOAuthApp(store, 'airtable')).clientSecret, 'another')
  await store.sql`delete from sluice_store.oauth_apps where id <> 'salesforce'`
})

test('connect makes a connection that waits, and prints a link that works for it alone', async () => {
  const env = { SLUICE_PUBLIC_URL: 'https://sluice.dune/' }
  const args = ['connect', '--connection', 'acme', '--platform', 'salesforce']
  const { code, out, err } = await sluice([...args, '--login-url', 'https://test.salesforce.com'], {
    env,
  })
  assert.equal(code, 0, err)
  const [, link = ''] = /^(https:\S+)$/m.exec(out) ?? []
  const { origin, pathname, searchParams } = new URL(link)
  assert.equal(origin + pathname, 'https://sluice.dune/oauth/salesforce/start')
  const connection = await readConnection(store, 'acme')
  assert.equal(connection.state, 'revoked')
  assert.equal(connection.tokenUrl, 'https://test.salesforce.com/services/oauth2/token')
  const ticket = searchParams.get('ticket') ?? ''
  const terms = readTicket(store.keyring, connection, { ticket, now: Date.now() })
  assert.equal(terms?.anyAccount, false)
  const later = Date.now() + 25 * 60 * 60_000
  assert.equal(readTicket(store.keyring, connection, { ticket, now: later }), null)
})

test("a link leads to this shell's SLUICE_PUBLIC_URL, else to where webhooks come, else it says that nobody knows", async () => {
  const link = async (env: Record<string, string> = {}) => {
    const args = ['connect', '--connection', 'acme', '--platform', 'salesforce']
    const { code, out, err } = await sluice(args, { env })
    assert.equal(code, 0, err)
    const [, url = ''] = /\n(https?:\S+)\n$/.exec(out) ?? []
    return { at: url.split('/oauth/')[0], notes: out.split('Open within')[0] }
  }
  assert.deepEqual(await link({ SLUICE_SERVICE_PORT: '9787' }), {
    at: 'http://localhost:9787',
    notes:
      'SLUICE_PUBLIC_URL is not set here, so the link leads to http://localhost:9787. If the service is ' +
      'elsewhere, set it as the service has it and ask again.\n',
  })
  await seed(store, { id: 'sync_heard1' })
  await saveWebhook(store, {
    syncId: 'sync_heard1',
    url: 'https://told.example/base/webhooks/salesforce/sync_heard1',
    registration: { secret: 's', state: {}, renewAt: null },
  })
  try {
    assert.deepEqual(await link(), { at: 'https://told.example/base', notes: '' })
    const env = { SLUICE_PUBLIC_URL: 'https://sluice.dune' }
    assert.deepEqual(await link(env), { at: 'https://sluice.dune', notes: '' })
  } finally {
    await dropWebhook(store, 'sync_heard1')
  }
})

test('connect leaves a connection that works as it is, and changes where it leads', async () => {
  const connection = {
    id: 'base',
    platform: 'airtable',
    baseUrl: 'https://api.airtable.com',
    settings: { base: 'appOld' },
    credential: { kind: 'key', key: 'pat' },
  } as const
  await saveConnection(store, connection)
  const args = ['connect', '--connection', 'base', '--settings', '{"base":"appNew"}']
  const missing = await sluice(args)
  assert.equal(missing.code, 2)
  assert.match(missing.err, /no app is registered for airtable[^]*sluice apps set/)
  const set = ['apps', 'set', '--platform', 'airtable', '--client-id', 'c', '--unchecked']
  await sluice(set, { stdin: 's' })
  assert.equal((await sluice(args)).code, 0)
  const { credential, settings, state } = await readConnection(store, 'base')
  assert.deepEqual([credential, settings, state], [
    connection.credential,
    { base: 'appNew' },
    'active',
  ])
  assert.equal((await sluice([...args, '--return', 'https://evil.example'])).code, 2)
  assert.equal((await sluice([...args, '--platform', 'github'])).code, 2)
})

test('a key comes from standard input, also one that was there before a revocation', async () => {
  const name = ['--connection', 'hub', '--platform', 'hubspot']
  const args = ['connections', 'set-key', ...name, '--unchecked']
  for (let times = 0; times < 2; times++) {
    const { code, out, err } = await sluice(args, { stdin: 'pat-1\n' })
    assert.equal(code, 0, err)
    assert.ok(!out.includes('pat-1'))
    const { credential, state, baseUrl } = await readConnection(store, 'hub')
    assert.deepEqual([credential, state], [{ kind: 'key', key: 'pat-1' }, 'active'])
    assert.equal(baseUrl, 'https://api.hubapi.com')
    await revokeConnection(store, { id: 'hub' })
  }
  const { code } = await sluice(args, { env: { SLUICE_SECRET: 'pat-2' } })
  assert.equal(code, 0)
  const list = await sluice(['connections', 'list'])
  assert.match(list.out, /^hub\thubspot\tkey\tactive\t/m)
  assert.ok(!list.out.includes('pat-'))
})

test('the installation of an app is set up, and its key alone is given again', async () => {
  const name = ['--connection', 'hub-app', '--platform', 'github']
  const args = ['connections', 'set-app', '--unchecked', ...name]
  const ids = ['--app-id', '12', '--installation-id', '34']
  assert.equal((await sluice([...args, ...ids], { stdin: 'PEM 1' })).code, 0)
  assert.equal((await sluice(args.slice(0, 5), { stdin: 'PEM 2' })).code, 0)
  const { credential } = await readConnection(store, 'hub-app')
  const expected = { kind: 'app', appId: '12', installationId: '34', privateKey: 'PEM 2' }
  assert.deepEqual(credential, expected)
  const stripe = ['connections', 'set-app', '--connection', 's', '--platform', 'stripe', ...ids]
  assert.match((await sluice(stripe, { stdin: 'x' })).err, /stripe has no installations/)
})

test("an app's key is tried at GitHub before it is kept", async () => {
  const sandbox = await startSandbox({ port: 0 })
  const set = (ids: { app?: string; installation?: string }, key: string) => {
    const { app = 'sandbox', installation = '1' } = ids
    const url = ['--base-url', sandbox.platformUrl('github')]
    const name = ['--connection', 'hub-tried', '--platform', 'github', ...url]
    const args = ['--app-id', app, '--installation-id', installation]
    const env = { SLUICE_PRIVATE_ADDRESSES: 'allow' }
    return sluice(['connections', 'set-app', ...name, ...args], { stdin: key, env })
  }
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  try {
    const wrong = [
      [await set({}, privateKey), /could not be decoded/],
      [await set({}, 'no PEM'), /not an RSA key in PEM/],
      [await set({ app: '99' }, appPrivateKey), /Integration not found/],
      [await set({ installation: '99' }, appPrivateKey), /Not Found/],
    ] as const
    for (const [{ code, out, err }, why] of wrong) {
      assert.equal(code, 2, out)
      assert.match(err, /github refuses this app[^]*Nothing was changed/)
      assert.match(err, why)
      assert.ok(!err.includes('PRIVATE KEY'))
    }
    await assert.rejects(readConnection(store, 'hub-tried'), { code: 'not_found' })
    const right = await set({}, appPrivateKey)
    assert.deepEqual([right.code, right.err], [0, ''])
    assert.match(right.out, /hub-tried has its new app and is active: github takes it/)
  } finally {
    await sandbox.close()
  }
})

test('keys are rotated: first together, then the old one is not needed', async () => {
  const missing = await sluice(['keys', 'rotate'], { env: { SLUICE_KEYS: newKey } })
  assert.equal(missing.code, 2)
  assert.match(missing.err, /key "old" is not in the keyring/)
  assert.ok(!missing.err.includes(newKey.slice(4)))
  const env = { SLUICE_KEYS: `${newKey},${oldKey}` }
  const rotated = await sluice(['keys', 'rotate'], { env })
  assert.equal(rotated.code, 0, rotated.err)
  assert.match(rotated.out, /^[1-9]\d* values are sealed anew, all are sealed with key "new"/)
  const again = await sluice(['keys', 'rotate'], { env: { SLUICE_KEYS: newKey } })
  assert.match(again.out, /^0 values/)
  assert.equal((await sluice(['connections', 'list'], { env: { SLUICE_KEYS: newKey } })).code, 0)
})

test('a command that there is not is answered with where those that there are stand', async () => {
  for (const args of [[], ['help']]) {
    const { out, err } = await sluice(args)
    assert.match(out + err, /^ {2}connect {2,}make a link/m)
    assert.match(out + err, /^ {2}keys {2,}.*: rotate$/m)
  }
  for (const args of [['constructor'], ['no', 'such']]) {
    const { code, out, err } = await sluice(args)
    assert.deepEqual([code, out], [2, ''])
    assert.equal(err, `error: unknown command '${args[0]}'\nAll commands: sluice help\n`)
  }
  const keys = await sluice(['keys'])
  assert.deepEqual([keys.code, keys.out], [2, ''])
  assert.match(keys.err, /^ {2}rotate {2,}seal everything/m)
  const { code, err } = await sluice(['keys', 'toString'])
  assert.equal(code, 2)
  assert.equal(err, `error: unknown command 'toString'\nIts commands: sluice help keys\n`)
})

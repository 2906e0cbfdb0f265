// Goal: what an operator does by hand on the store is done, told in rows that programs can cut and in JSON, with exit codes
// that a script heeds, and no secret is shown but once, when it is made. Method: the command as a process, on stores in a
// real Postgres.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { shareUnits } from '../../src/store/buckets.ts'
import { hearNotices } from '../../src/store/notices.ts'
import { announce } from '../../src/store/presence.ts'
import { newestMigration } from '../../src/store/migrations.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { saveOAuthApp } from '../../src/store/oauth-apps.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { readSync } from '../../src/store/syncs.ts'
import { silentLog } from '../../src/lib/log.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { until } from '../help/system.ts'
import { seed } from '../store/help.ts'
import { onTerminal, type Ran, sluice as run } from './ran.ts'

const keys = `k1:${randomBytes(32).toString('base64')}`
const sync = 'sync_cli0001'

let cluster: TestCluster
let store: Store
let url: string

before(async () => {
  cluster = await testCluster()
  url = await cluster.createDatabase()
  store = openStore({ url, keyring: parseKeyring(keys), connectionsMax: 2 })
})
after(async () => {
  await store?.close()
  await cluster.stop()
})

function sluice(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return run(args, { env: { SLUICE_STORE_URL: url, SLUICE_KEYS: keys, ...env } })
}

async function ok(...args: string[]): Promise<string> {
  const { code, out, err } = await sluice(args)
  assert.deepEqual([code, err], [0, ''], args.join(' '))
  return out
}

async function json<T>(...args: string[]): Promise<T> {
  return JSON.parse(await ok(...args, '--json')) as T
}

test('migrate brings an empty store up to date and ends, twice at a time, and then has nothing to do', async () => {
  const [one, other] = await Promise.all([sluice(['migrate']), sluice(['migrate'])])
  assert.deepEqual([one.code, other.code], [0, 0], one.err + other.err)
  const steps = (one.out + other.out).match(/^step \d+: .+$/gm) ?? []
  assert.equal(new Set(steps).size, newestMigration)
  assert.equal(steps.length, newestMigration)
  assert.equal(await ok('migrate'), `The store is at step ${newestMigration}: nothing to do.\n`)
})

test('a store that was never migrated, or is of an older version, is said to be, with what to do', async () => {
  const empty = await cluster.createDatabase()
  for (const args of [['syncs', 'list'], ['state'], ['doctor'], ['mutations', 'list']]) {
    const { code, out, err } = await sluice(args, { SLUICE_STORE_URL: empty })
    assert.deepEqual([code, out], [1, ''], args.join(' '))
    assert.match(
      err,
      /^the store at 127\.0\.0\.1:\d+\/\w+ is empty\nBring it to this version: sluice migrate\n$/,
    )
  }
  await store.sql`create schema aside`
  await store.sql`alter table sluice_store.table_states set schema aside`
  await store.sql`update sluice_store.migrations set id = -id where id > 3`
  const { err } = await sluice(['state'])
  await store.sql`update sluice_store.migrations set id = -id where id < 0`
  await store.sql`alter table aside.table_states set schema sluice_store`
  assert.match(err, new RegExp(`is at step 3, and this version wants ${newestMigration}\nBring it`))
})

test('a step that fails is told with its number and what Postgres says, not as a store that is old or down', async () => {
  const own = await cluster.createDatabase()
  const env = { SLUICE_STORE_URL: own, SLUICE_KEYS: keys }
  assert.equal((await sluice(['migrate'], env)).code, 0)
  const sql = postgres(own, { max: 1 })
  const last = `step ${newestMigration} \\([^)]+\\) failed: `
  const toldAs = async (words: string) => {
    for (const name of ['migrate', 'service', 'sync']) {
      const { code, out, err } = await sluice([name], env)
      assert.deepEqual([code, out], [1, ''], err)
      assert.match(
        err,
        new RegExp(`^the store cannot be brought to this version: ${last}${words}\\n$`),
      )
    }
  }
  try {
    await sql`delete from sluice_store.migrations where id = ${newestMigration}`
    await sql`alter table sluice_store.buckets rename to aside`
    await toldAs('relation "sluice_store.buckets" does not exist \\(42P01\\)')
    await sql`alter table sluice_store.aside rename to buckets`
    await sql`alter table sluice_store.buckets drop column told`
    await sql.unsafe(`
      create function public.fail() returns trigger language plpgsql as $$ begin
        raise exception 'canceling statement due to statement timeout' using errcode = '57014';
      end $$;
      create trigger fail before insert on sluice_store.migrations
        for each row execute function public.fail()`)
    await toldAs('canceling statement due to statement timeout \\(57014\\)')
    // one that goes away is as unreachable as one that is not there
    await sql.unsafe(`
      create or replace function public.fail() returns trigger language plpgsql as $$ begin
        raise exception 'terminating connection' using errcode = '57P01';
      end $$`)
    const { code, err } = await sluice(['migrate'], env)
    assert.equal(code, 1)
    assert.match(
      err,
      /^the store at \S+ is unreachable: terminating connection \(57P01\)\nLook at /,
    )
  } finally {
    await sql.end()
  }
})

test('a store that is not there ends with 1 and says why, and a wrong key with 2', async () => {
  // nobody listens at this port; a free one may be somebody's soon
  const env = { SLUICE_STORE_URL: 'postgres://postgres:secret-of-pg@127.0.0.1:1/none' }
  for (const args of [['syncs', 'list'], ['state'], ['mutations', 'list']]) {
    const { code, out, err } = await sluice(args, env)
    assert.deepEqual([code, out], [1, ''], args.join(' '))
    assert.match(
      err,
      /^the store at 127\.0\.0\.1:\d+\/none is unreachable: .*ECONNREFUSED.*\nLook at SLUICE_STORE_URL/,
    )
    assert.ok(!err.includes('secret-of-pg'))
  }
  const migrated = await sluice(['migrate'], env)
  assert.equal(migrated.code, 1)
  assert.match(migrated.err, /is unreachable: .*ECONNREFUSED/)
  assert.ok(!migrated.err.includes('secret-of-pg'))
  const none = new URL(url)
  none.pathname = '/no_such_database'
  const refused = await sluice(['syncs', 'list'], { SLUICE_STORE_URL: none.href })
  assert.match(
    refused.err,
    /is unreachable: database "no_such_database" does not exist \(3D000\)\n/,
  )
  const wrong: [Record<string, string>, RegExp][] = [
    [{ SLUICE_KEYS: '' }, /^SLUICE_KEYS is not set\n$/],
    [{ SLUICE_KEYS: 'k1:short' }, /^SLUICE_KEYS: Cannot read key 1: .*\n$/],
    [{ SLUICE_STORE_URL: 'db:secret-of-pg' }, /^SLUICE_STORE_URL is not like postgres:.*\n$/],
    [{ SLUICE_STORE_URL: 'postgres://a:secret-of-pg@[x/y' }, /^SLUICE_STORE_URL is not like .*\n$/],
  ]
  for (const [env, words] of wrong) {
    const { code, err } = await sluice(['syncs', 'list'], env)
    assert.equal(code, 2)
    assert.match(err, words)
    assert.ok(!err.includes('secret-of-pg'))
  }
})

const lists = [
  ['syncs', 'list'],
  ['connections', 'list'],
  ['apps', 'list'],
  ['databases', 'list'],
  ['tokens', 'list'],
  ['tokens', 'list', '--admin'],
  ['listeners', 'list'],
  ['mutations', 'list'],
]

test('what prints rows prints none of an empty store, and an empty list as JSON', async () => {
  for (const args of lists) {
    const text = await ok(...args)
    assert.equal(text.trimEnd().split('\n').length, 1, text)
    assert.deepEqual(await json<unknown[]>(...args), [], args.join(' '))
  }
  for (const args of [['doctor'], ['syncs', 'status']]) {
    assert.match(await ok(...args), /^There is no sync yet\. Make one: /)
  }
})

test('rows are the same for people, for programs that cut at tabs, and as JSON; nothing secret is in them', async () => {
  await seed(store, { id: sync })
  await saveOAuthApp(store, {
    platform: 'stripe',
    clientId: 'the client',
    clientSecret: 'secret of the app',
  })
  const made = [
    await ok('tokens', 'create', '--sync', sync, '--name', 'import'),
    await ok('tokens', 'create', '--admin', '--name', 'deploys'),
    await ok('listeners', 'create', '--id', 'iad'),
  ]
  const shown = made.map((text) => /^(?:token|key) {2,}(\S+)$/m.exec(text)?.[1] ?? '')
  assert.ok(shown.every((secret) => secret.length > 20), made.join())
  const secrets = [...shown, 'secret of the app', 'the key', 'database password', keys.slice(3)]
  const rows = [...lists.filter(([group]) => group !== 'mutations'), ['state'], ['doctor']]
  for (const args of rows) {
    for (const asked of [args, [...args, '--json']]) {
      const { out, err } = await sluice(asked)
      for (const secret of secrets) assert.ok(!`${out}${err}`.includes(secret), asked.join(' '))
      if (asked === args || args[0] === 'doctor' || args[0] === 'state') continue
      const [, ...text] = (await ok(...args)).trimEnd().split('\n')
      assert.equal((JSON.parse(out) as unknown[]).length, text.length, args.join(' '))
      assert.ok(text.length > 0, args.join(' '))
    }
  }
  const [token] = await json<{ id: string; syncId: string; name: string }[]>('tokens', 'list')
  assert.deepEqual([token?.syncId, token?.name], [sync, 'import'])
})

test('what is made is told as JSON, with the secret this once', async () => {
  const token = await json<{ id: string; sync: string; token: string }>(
    'tokens',
    'create',
    '--sync',
    sync,
  )
  assert.match(token.token, /^sluice_/)
  assert.match(await ok('tokens', 'revoke', '--id', token.id), /is revoked\n$/)
  const listener = await json<{ id: string; key: string }>('listeners', 'create', '--id', 'fra')
  assert.ok(listener.key.length > 20)
  const some = await json<{ syncs: string[] }>(
    'listeners',
    'create',
    '--id',
    'one',
    '--syncs',
    sync,
  )
  assert.deepEqual(some.syncs, [sync])
  const wrong: [string[], RegExp][] = [
    [['--id', 'a b'], /^--id is 1 to 63 letters/],
    [['--id', 'two', '--syncs', `${sync},nope`], /^there is no sync "nope"\n/],
    [['--id', 'two', '--syncs', ','], /^--syncs names no sync/],
  ]
  for (const [args, words] of wrong) {
    const { code, err } = await sluice(['listeners', 'create', ...args])
    assert.equal(code, 2, err)
    assert.match(err, words)
  }
  assert.ok(!(await ok('listeners', 'list')).includes('two'))
  const admin = await json<{ token: string }>('tokens', 'create', '--admin')
  assert.match(admin.token, /^sluice_admin_/)
})

test('a connection that nobody has finished says so, and is removed; one that a sync uses is not', async () => {
  const { connectionId } = await readSync(store, sync)
  const oauth = {
    id: 'half',
    platform: 'github',
    baseUrl: 'https://api.github.com',
    tokenUrl: 'https://github.com/login/oauth/access_token',
    clientId: 'Iv1.sluice',
    credential: { kind: 'oauth', refreshToken: '' },
  } as const
  await saveConnection(store, oauth, { state: 'revoked' })
  const connected = { ...oauth.credential, refreshToken: 'ghr_1', obtainedAt: Date.now() }
  await saveConnection(store, { ...oauth, id: 'barred', credential: connected }, {
    state: 'revoked',
  })
  const states = Object.fromEntries(
    (await json<{ id: string; state: string }[]>('connections', 'list')).map((
      { id, state },
    ) => [id, state]),
  )
  assert.deepEqual(states, { [connectionId]: 'active', half: 'unfinished', barred: 'revoked' })
  for (const id of ['half', 'barred']) {
    assert.match(await ok('connections', 'remove', '--connection', id), /^\w+ is removed, /)
  }
  const remove = (id: string) => sluice(['connections', 'remove', '--connection', id])
  assert.equal((await remove('half')).code, 2)
  const used = await remove(connectionId)
  assert.deepEqual([used.code, used.out], [2, ''])
  assert.match(used.err, /is in use\n(.*\n)*?.*sync_cli0001/)
  assert.deepEqual((await json<{ id: string }[]>('connections', 'list')).map(({ id }) => id), [
    connectionId,
  ])
})

test('a sync is paused and resumed by its name alone, and one that there is not ends with 2', async () => {
  const state = async () => (await json<{ id: string; state: string }[]>('syncs', 'list'))[0]?.state
  assert.match(await ok('pause', sync), /^sync_cli0001 is paused: within seconds clients are /)
  assert.equal(await state(), 'paused')
  assert.match(await ok('syncs', 'list'), /^sync_cli0001\tpaused\t/m)
  assert.equal(await ok('resume', '--sync', sync), 'sync_cli0001 goes on, within seconds\n')
  assert.deepEqual(await json('pause', sync), { id: sync, state: 'paused' })
  assert.deepEqual(await json('syncs', 'resume', sync), { id: sync, state: 'active' })
  assert.equal(await state(), 'active')
  assert.equal((await sluice(['pause', 'sync_none'])).code, 2)
  for (const word of ['pause', 'resume']) await ok('syncs', word, sync)
  assert.equal((await sluice(['pause', sync, '--sync', 'sync_other'])).code, 2)
  const nameless = await sluice(['pause'])
  assert.equal(nameless.code, 2)
  assert.match(
    nameless.err,
    /^--sync is missing\nUsage: sluice pause <sync> \| --sync <sync> \[--json\]\n$/,
  )
})

/** Resolves when Postgres has ended every session whose application_name begins so: it does after the client. */
async function nobodyNamed(name: string): Promise<void> {
  await until(`nobody to be called ${name}`, async () => {
    const left = await store.sql`
      select from pg_stat_activity
      where datname = current_database() and application_name like ${`${name}%`}`
    return left.length === 0
  })
}

interface State {
  readonly store: { step: number }
  readonly services: { name: string; underWay: number }[]
  readonly syncProcesses: { name: string; tables: number }[]
  readonly leases: { what: string; of: string; owner: string }[]
  readonly tables: { all: number }
  readonly backlog: { notApplied: { count: number } }
  readonly buckets: {
    connection: string
    rule: string
    limit: number
    used: number
    left: number
    reserved?: number
    mutations?: number
  }[]
}

test('the state tells who is alive, who holds what, what is left to do and what may be sent', async () => {
  const gone = await announce(store, { name: 'gone:1', log: silentLog })
  await gone.leave()
  await nobodyNamed(`sluice presence ${gone.service}`)
  const alive = await announce(store, { name: 'here:2', log: silentLog })
  try {
    await store.sql`
      insert into sluice_store.table_states (sync_id, name, owner, fence, lease_until)
      values (${sync}, 'contacts', 'there:3', 1, now() + interval '1 day')`
    const state = await json<State>('state')
    assert.equal(state.store.step, newestMigration)
    assert.deepEqual(state.services.map(({ name, underWay }) => [name, underWay]), [['here:2', 0]])
    assert.deepEqual(state.syncProcesses, [{ name: 'there:3', tables: 1 }])
    const [lease] = state.leases
    assert.deepEqual([lease?.what, lease?.of, lease?.owner], [
      'table',
      `${sync}.contacts`,
      'there:3',
    ])
    assert.deepEqual([state.tables.all, state.backlog.notApplied.count], [1, 0])
    assert.ok(state.buckets.every(({ connection }) => connection === `connection of ${sync}`))
    assert.ok(state.buckets.length > 0 && state.buckets.every(({ limit }) => limit > 0))
    const text = await ok('state')
    assert.match(text, /^services +here:2 {2}number \d+, since /m)
    assert.match(text, /^leases +table sync_cli0001\.contacts by there:3 until /m)
    assert.match(text, /^backlog +0 accepted and not applied\n +0 in doubt\n/m)
  } finally {
    await alive.leave()
  }
})

test('a sync process that has no table at work is alive all the same', async () => {
  const heard = Promise.withResolvers<void>()
  const notices = hearNotices(store, {
    name: 'idle:4',
    log: silentLog,
    hear: () => heard.resolve(),
  })
  try {
    await heard.promise
    const { syncProcesses } = await json<State>('state')
    assert.deepEqual(syncProcesses, [
      { name: 'idle:4', tables: 0 },
      { name: 'there:3', tables: 1 },
    ])
    const text = await ok('state')
    assert.match(text, /^sync +idle:4 {2}waits for work\n +there:3 {2}at work on 1 table\n/m)
  } finally {
    await notices.stop()
    await nobodyNamed('sluice sync')
  }
})

test('a sync process of an older version, which tells no name, is alive too', async () => {
  const older = postgres(url, {
    max: 2,
    connection: { application_name: 'sluice sync notices' },
  })
  try {
    await Promise.all([1, 2].map(() => older`select pg_sleep(0.01)`))
    const { syncProcesses } = await json<State>('state')
    assert.deepEqual(syncProcesses.map(({ name }) => name), ['(an older version)', 'there:3'])
    assert.match(await ok('state'), /^sync +\(an older version\)\n +there:3 {2}at work/m)
  } finally {
    await older.end({ timeout: 2 })
    await nobodyNamed('sluice sync')
  }
})

test('places that a process has reserved are not told as used', async () => {
  const connection = `connection of ${sync}`
  const limit = 20
  await shareUnits(store, connection, {
    bucket: { rule: 'concurrent', key: '', limit, grainMs: 1, windowGrains: 1, spacing: null },
    holder: 'here:2',
    busy: 0,
    want: limit,
    keepMs: 600_000,
  })
  const { buckets } = await json<State>('state')
  const bucket = buckets.find(({ rule }) => rule === 'concurrent')
  assert.ok((bucket?.reserved ?? 0) > 0)
  assert.deepEqual([bucket?.mutations, bucket?.used], [0, 0])
  assert.equal(bucket?.left, bucket?.limit)
  const line = /^.* 0\/\d+ {2}.* concurrent: (.*)$/m.exec(await ok('state'))?.[1]
  assert.equal(
    line,
    `0 mutations under way; ${bucket?.reserved} of ${bucket?.limit} reserved by processes for mutations and for reading`,
  )
})

test('a rotation with one key says that there is no other', async () => {
  assert.match(await ok('keys', 'rotate'), /^\d+ values [^]*SLUICE_KEYS has no other key\./)
  const two = `k2:${randomBytes(32).toString('base64')},${keys}`
  const rotated = await sluice(['keys', 'rotate'], { SLUICE_KEYS: two })
  assert.match(rotated.out, /with key "k2"[^]*\nThe other keys may leave SLUICE_KEYS\.\n$/)
  const lost = await sluice(['keys', 'rotate'])
  assert.deepEqual([lost.code, lost.out], [2, ''])
  await sluice(['keys', 'rotate'], { SLUICE_KEYS: `${keys},${two.split(',')[0]}` })
})

test('on a terminal columns stand below each other, in colour, and not where NO_COLOR says so', async (t) => {
  const own = { SLUICE_STORE_URL: url, SLUICE_KEYS: keys }
  const plain = await onTerminal(['syncs', 'list'], { ...own, NO_COLOR: '1' })
  if (plain === null) return t.skip('there is no script(1)')
  assert.equal(
    plain.replaceAll('\r', ''),
    'id            state   platform    schema      clients from\n' +
      'sync_cli0001  active  salesforce  salesforce  anywhere\n',
  )
  const coloured = await onTerminal(['syncs', 'list'], own)
  assert.match(coloured ?? '', /^\u001b\[1mid {12}state /)
  const json = await onTerminal(['syncs', 'list', '--json'], own)
  assert.deepEqual(JSON.parse(json ?? '').map(({ id }: { id: string }) => id), [sync])
})

test('a resync says when it begins: within seconds, or when the sync is resumed', async () => {
  const compared = async () => await ok('syncs', 'resync', sync)
  assert.match(await compared(), /with the platform, beginning within seconds; /)
  await ok('pause', sync)
  assert.match(
    await compared(),
    /beginning when the sync, which is paused, is resumed \(sluice syncs resume --sync sync_cli0001\); /,
  )
  await ok('resume', sync)
})

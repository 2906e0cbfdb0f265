// Goal: a sync is set up, changed and taken apart for an administrator, who is told of all that stands against it before
// anything is made. Method: the sandbox's Stripe, real stores and databases with owners that are no superusers.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { saveConnection } from '../../src/store/connections.ts'
import { readDatabase } from '../../src/store/databases.ts'
import { readSync, readSyncConfig } from '../../src/store/syncs.ts'
import { type Finding, isFailed } from '../../src/sync/checks.ts'
import { parseDatabaseUrl } from '../../src/sync/setup-address.ts'
import { hmac, parseVerifier, saltPassword, sha256 } from '../../src/wire/scram.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { type CustomerDatabase, runAs, type SetupStage, setupStage } from './setup-help.ts'

let cluster: TestCluster
let stage: SetupStage

before(async () => {
  cluster = await testCluster()
  stage = await setupStage(cluster)
})
after(async () => {
  await stage?.close()
  await cluster.stop()
})

const objects = ['customers', 'products']

function fails(findings: readonly Finding[]): string[] {
  return findings.filter(({ level }) => level === 'fail').map(({ check, about }) =>
    `${check}: ${about}`
  )
}

async function create(database: CustomerDatabase, parts: Record<string, unknown> = {}) {
  const made = await stage.admin.create({
    connection: 'shop',
    database: { url: database.url },
    objects,
    ...parts,
  })
  assert.deepEqual(fails(made.findings), [])
  assert.ok(made.made)
  return made
}

/** A session as the role that listeners log in with. */
async function asListener<T>(syncId: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const { databaseId } = await readSync(stage.store, syncId)
  const { address: { host, port, database, user, password } } = await readDatabase(
    stage.store,
    databaseId,
  )
  const sql = postgres({
    host,
    port,
    database,
    username: user,
    password,
    max: 1,
    onnotice: () => {},
  })
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}

test('a sync is made with a role and a login of its own, and listeners know no owner', async () => {
  const database = await stage.database()
  const { sync, login, tables, makes } = await create(database, { allow: ['10.0.0.0/8'] })
  assert.match(sync, /^sync_[a-z0-9]{10}$/)
  assert.deepEqual(tables, objects)
  assert.ok(makes.some((each) => each.includes('stripe.customers')))
  assert.equal(
    login?.url,
    `postgresql://app.${sync}:${login?.password}@db.example:6432/${database.name}?sslmode=require`,
  )
  const elsewhere = login?.url.replace('db.example:6432', '[fd00::7]:5432')
  assert.deepEqual(login?.urls, [
    { region: 'iad', url: login?.url },
    { region: 'fra', url: elsewhere },
  ])
  const config = await readSyncConfig(stage.store, sync)
  assert.doesNotMatch(JSON.stringify(config), new RegExp(database.owner))
  assert.deepEqual(config.allow, ['10.0.0.0/8'])
  assert.match(config.database.user, /^sluice_/)
  const verifier = parseVerifier(config.users['app'] ?? '')
  assert.ok(verifier)
  await asListener(sync, async (sql) => {
    assert.deepEqual(
      [...await sql`select count(*)::int as n from stripe.customers`].map((row) => row['n']),
      [0],
    )
    await assert.rejects(sql`insert into stripe.customers (id) values ('x')`, { code: 'SL002' })
    await assert.rejects(sql`select * from sluice.secret`, { code: '42501' })
    await assert.rejects(sql.unsafe(`set role ${database.owner}`), { code: '42501' })
  })
  const [row] = await database.sql`
    select r.rolsuper or r.rolcreaterole or r.rolcreatedb as much from pg_roles r
    where rolname = ${config.database.user}`
  assert.equal(row?.['much'], false)
})

test('a dry run says what it would make, and makes nothing', async () => {
  const database = await stage.database()
  const { made, makes, findings } = await stage.admin.create(
    { id: 'sync_dryrun1', connection: 'shop', database: { url: database.url }, objects },
    { dryRun: true },
  )
  assert.deepEqual([made, fails(findings)], [false, []])
  assert.ok(makes.includes('sync sync_dryrun1'))
  await assert.rejects(readSync(stage.store, 'sync_dryrun1'), { code: 'not_found' })
  const [row] = await database
    .sql`select count(*)::int as n from pg_namespace where nspname in ('stripe', 'sluice')`
  assert.equal(row?.['n'], 0)
})

test('a connection that nobody has finished is said to be that, not refused', async () => {
  const oauth = {
    id: 'half',
    platform: 'stripe',
    baseUrl: 'https://api.stripe.com',
    tokenUrl: 'https://api.stripe.com/v1/oauth/token',
    clientId: 'sluice',
  } as const
  const given = (refreshToken: string) =>
    saveConnection(
      stage.store,
      { ...oauth, credential: { kind: 'oauth', refreshToken } },
      { state: 'revoked' },
    )
  const database = await stage.database()
  const told = async () => {
    const body = { connection: 'half', database: { url: database.url }, objects }
    const { findings } = await stage.admin.create(body, { dryRun: true })
    return findings.filter(({ check }) => check === 'connection half')
      .map(({ level, about, hint }) => [level, about, hint?.slice(0, 35)])
  }
  await given('')
  assert.deepEqual(await told(), [
    ['fail', 'nobody has connected its account yet', 'Open the link of sluice connect --c'],
  ])
  await given('rt_1')
  assert.deepEqual(await told(), [
    ['fail', 'stripe has refused its credential', 'Connect the account again: sluice c'],
  ])
})

test('all that stands against it is told at once, each with what to do, and nothing is made', async () => {
  const database = await stage.database({ createrole: false })
  await database.sql.unsafe(
    `create schema stripe authorization ${database.owner}; create table stripe.customers (mine int)`,
  )
  const { made, findings } = await stage.admin.create({
    connection: 'shop',
    database: { url: database.url },
    objects: [...objects, 'unicorns'],
  })
  assert.equal(made, false)
  const told = fails(findings)
  assert.equal(told.length, 3, told.join('\n'))
  for (
    const about of [
      /object unicorns: /,
      /table stripe.customers: is there already/,
      /role: .* may not make the role/,
    ]
  ) {
    assert.ok(told.some((each) => about.test(each)), String(about))
  }
  for (const { level, hint } of findings) assert.ok(level === 'ok' || (hint ?? '').length > 0)
  const [row] = await database
    .sql`select count(*)::int as n from pg_namespace where nspname = 'sluice'`
  assert.equal(row?.['n'], 0)
})

test('a connection, a database and a password that are wrong are findings, not errors', async () => {
  const database = await stage.database()
  const url = new URL(database.url)
  url.password = 'wrong password'
  const one = await stage.admin.create({
    connection: 'nobody',
    database: { url: url.href },
    objects,
  })
  assert.equal(fails(one.findings).length, 2, fails(one.findings).join('\n'))
  assert.doesNotMatch(JSON.stringify(one), /wrong password/)
  const unnamed = await stage.admin.create({
    connection: 'nobody',
    database: { url: database.url },
    objects,
  })
  assert.ok(!unnamed.findings.some(({ check }) => check.startsWith('schema ')))
  await assert.rejects(
    stage.admin.create({ connection: 'shop', database: { url: 'postgres://a:secret@b' }, objects }),
    (error: Error) => error.message.includes('lacks') && !error.message.includes('secret'),
  )
  const port = new URL(database.url)
  port.port = '1'
  const two = await stage.admin.create({
    connection: 'shop',
    database: { url: port.href },
    objects,
  })
  assert.match(fails(two.findings).join(), /127.0.0.1:1/)
})

test('a role that can get round the triggers is refused for each of its ways', async () => {
  const database = await stage.database()
  const role = `login_${database.owner}`
  await database.sql.unsafe(`create role ${role} login password 'x'`)
  const loginUrl = new URL(database.url)
  loginUrl.username = role
  loginUrl.password = 'x'
  const ways: [grant: string, take: string, told: RegExp][] = [
    [`alter role ${role} superuser`, `alter role ${role} nosuperuser`, /is a superuser/],
    [`alter role ${role} bypassrls`, `alter role ${role} nobypassrls`, /BYPASSRLS/],
    [`alter role ${role} replication`, `alter role ${role} noreplication`, /REPLICATION/],
    [`alter role ${role} createrole`, `alter role ${role} nocreaterole`, /CREATEROLE/],
    [
      `grant ${database.owner} to ${role}`,
      `revoke ${database.owner} from ${role}`,
      /may become the owner/,
    ],
    [
      `grant pg_read_all_data to ${role}`,
      `revoke pg_read_all_data from ${role}`,
      /pg_read_all_data/,
    ],
    [
      `grant pg_write_server_files to ${role}`,
      `revoke pg_write_server_files from ${role}`,
      /pg_write_server_files/,
    ],
  ]
  for (const [grant, take, told] of ways) {
    await database.sql.unsafe(grant)
    const body = {
      connection: 'shop',
      database: { url: database.url, loginUrl: loginUrl.href },
      objects,
    }
    const { findings } = await stage.admin.create(body, { dryRun: true })
    assert.match(fails(findings).join(), told)
    await database.sql.unsafe(take)
  }
  const owner = await stage.admin.create({
    connection: 'shop',
    database: { url: database.url, loginUrl: database.url },
    objects,
  })
  assert.match(fails(owner.findings).join(), /is the owner of the tables/)
  const elsewhere = new URL(loginUrl)
  elsewhere.pathname = '/postgres'
  const other = await stage.admin.create({
    connection: 'shop',
    database: { url: database.url, loginUrl: elsewhere.href },
    objects,
  })
  assert.match(
    fails(other.findings).join(),
    /comes to database postgres at .*, which is another one/,
  )
  const { sync } = await create(database, {
    database: { url: database.url, loginUrl: loginUrl.href },
  })
  assert.equal((await readSyncConfig(stage.store, sync)).database.user, role)
})

test('a second sync of a database shares its role and keys, whatever name the database goes by', async () => {
  const database = await stage.database()
  const one = await create(database)
  const again = new URL(database.url)
  again.hostname = 'localhost'
  const taken = await stage.admin.create({
    connection: 'shop',
    database: { url: again.href },
    objects,
  })
  assert.match(fails(taken.findings).join(), new RegExp(`schema stripe: belongs to ${one.sync}`))
  const two = await create(database, { database: { url: again.href }, schema: 'shop2' })
  assert.equal(two.database, one.database)
  const configs = [
    await readSyncConfig(stage.store, one.sync),
    await readSyncConfig(stage.store, two.sync),
  ]
  assert.equal(configs[0]?.ticketKey, configs[1]?.ticketKey)
  assert.equal(configs[0]?.database.user, configs[1]?.database.user)
})

test('the database of another installation is refused', async () => {
  const database = await stage.database()
  await create(database)
  const other = await setupStage(cluster)
  try {
    const { findings } = await other.admin.create({
      connection: 'shop',
      database: { url: database.url },
      schema: 'mine',
      objects,
    })
    assert.match(fails(findings).join(), /another installation of Sluice/)
  } finally {
    await other.close()
  }
})

test('only the fields that were chosen become columns, with those that are needed', async () => {
  const database = await stage.database()
  const { sync } = await create(database, { fields: { customers: ['email', 'name'] } })
  const { tables } = await readSync(stage.store, sync)
  const customers = tables.find(({ name }) => name === 'customers')
  assert.deepEqual(customers?.columns.map(({ name }) => name).sort(), ['email', 'id', 'name'])
  const wrong = await stage.admin.create({
    connection: 'shop',
    database: { url: database.url },
    schema: 'x',
    objects,
    fields: { customers: ['emial'] },
  })
  const told = fails(wrong.findings)
  assert.equal(told.length, 1, told.join('\n'))
  assert.match(told[0] ?? '', /has no field "emial"/)
})

test('the login role reads the schemas that were named, those to come among them', async () => {
  const database = await stage.database()
  const owner = postgres(database.url, { max: 1, onnotice: () => {} })
  await owner.unsafe(
    'create schema notes; create table notes.old (n int); insert into notes.old values (1)',
  )
  const { sync } = await create(database, { read: ['notes'] })
  await owner.unsafe('create table notes.new (n int)')
  await owner.end()
  await asListener(sync, async (sql) => {
    assert.equal((await sql`select * from notes.old`).length, 1)
    assert.equal((await sql`select * from notes.new`).length, 0)
    await assert.rejects(sql`insert into notes.new values (1)`, { code: '42501' })
  })
})

test('a hosted database is made with two roles of its own, closed to others, and dropped with its sync', async () => {
  const { sync, database } = await stage.admin.create({
    connection: 'shop',
    database: { hosted: true },
    objects,
  })
  const { address, owner, hosted } = await readDatabase(stage.store, database ?? '')
  assert.ok(hosted)
  assert.notEqual(address.user, owner?.user)
  const other = await stage.database()
  const url = new URL(other.url)
  url.pathname = `/${address.database}`
  const stranger = postgres(url.href, { max: 1 })
  await assert.rejects(stranger`select 1`, { code: '42501' })
  await stranger.end()
  await asListener(sync, (sql) => sql`select from stripe.customers`)
  await stage.admin.drop({ syncId: sync, tables: 'remove' })
  const [row] = await other.sql`
    select (select count(*)::int from pg_database where datname = ${address.database}) as databases,
      (select count(*)::int from pg_roles where rolname in (${address.user}, ${
    owner?.user ?? ''
  })) as roles`
  assert.deepEqual({ ...row }, { databases: 0, roles: 0 })
})

test('a password is rotated and a login revoked', async () => {
  const { sync, login } = await create(await stage.database())
  const again = await stage.admin.grantLogin({ syncId: sync, user: 'app' })
  assert.notEqual(again.password, login?.password)
  const config = await readSyncConfig(stage.store, sync)
  const verifier = parseVerifier(config.users['app'] ?? '') ?? assert.fail()
  const storedKey = async (password: string) =>
    sha256(hmac(await saltPassword(password, verifier), 'Client Key')).toString('hex')
  assert.equal(Buffer.from(verifier.storedKey).toString('hex'), await storedKey(again.password))
  assert.notEqual(await storedKey(login?.password ?? ''), await storedKey(again.password))
  await assert.rejects(stage.admin.grantLogin({ syncId: sync, user: 'a.b' }), {
    code: 'bad_request',
  })
  await stage.admin.revokeLogin({ syncId: sync, user: 'app' })
  assert.deepEqual((await readSyncConfig(stage.store, sync)).users, {})
  await assert.rejects(stage.admin.revokeLogin({ syncId: sync, user: 'app' }), {
    code: 'not_found',
  })
})

test('tables come to a sync and leave it while it runs', async () => {
  const database = await stage.database()
  const { sync } = await create(database)
  const added = await stage.admin.addTables({ syncId: sync, objects: ['coupons'] })
  assert.deepEqual([fails(added.findings), added.tables], [[], ['coupons']])
  await asListener(sync, (sql) => sql`select from stripe.coupons`)
  assert.deepEqual((await stage.admin.addTables({ syncId: sync, objects: ['coupons'] })).tables, [])
  await stage.admin.removeTable({ syncId: sync, table: 'products', tables: 'keep' })
  const again = await stage.admin.addTables({ syncId: sync, objects: ['products'] })
  const [kept] = again.findings.filter(({ level }) => level === 'fail')
  assert.match(kept?.about ?? '', /it was kept when this sync let go of it on \d{4}-\d\d-\d\d$/)
  const [, aside = ''] = /^Set it aside: (ALTER TABLE [^;]+;) Or/.exec(kept?.hint ?? '') ?? []
  assert.equal(aside, 'ALTER TABLE "stripe"."products" RENAME TO "products_kept";')
  assert.match(kept?.hint ?? '', /DROP TABLE "stripe"."products"; Then do this again/)
  await stage.admin.removeTable({ syncId: sync, table: 'coupons', tables: 'remove' })
  const { tables } = await readSync(stage.store, sync)
  assert.deepEqual(tables.map(({ name }) => name), ['customers'])
  const rows = await database.sql`
    select c.relname as name, (select count(*)::int from pg_trigger t where t.tgrelid = c.oid) as triggers
    from pg_class c where relnamespace = 'stripe'::regnamespace and relkind = 'r' order by 1`
  assert.deepEqual(rows.map((row) => ({ ...row })), [{ name: 'customers', triggers: 5 }, {
    name: 'products',
    triggers: 0,
  }])
  await assert.rejects(
    stage.admin.removeTable({ syncId: sync, table: 'coupons', tables: 'keep' }),
    { code: 'not_found' },
  )
})

test('a table that was kept is set aside as the refusal says, with what people made on it, and comes anew', async () => {
  const database = await stage.database()
  const { sync } = await create(database)
  const again = () => stage.admin.addTables({ syncId: sync, objects: ['products'] })
  const asideOf = (findings: readonly Finding[]) => {
    const { hint = '' } = findings.find(({ level }) => level === 'fail') ?? {}
    return /ALTER TABLE [^;]+;/.exec(hint)?.[0] ?? assert.fail(hint)
  }
  for (const name of ['products_kept', 'products_kept_2']) {
    await stage.admin.removeTable({ syncId: sync, table: 'products', tables: 'keep' })
    await database.sql.unsafe(`insert into stripe.products (id) values ('of a person');
      create view public.of_${name} as select id from stripe.products`)
    const refused = await again()
    assert.deepEqual(refused.tables, [])
    await runAs(database.url, asideOf(refused.findings))
    const done = await again()
    assert.deepEqual([fails(done.findings), done.tables], [[], ['products']])
    assert.equal((await database.sql.unsafe(`select id from stripe.${name}`)).length, 1)
    assert.equal((await database.sql.unsafe(`select id from public.of_${name}`)).length, 1)
  }
  assert.equal((await database.sql`select from stripe.products`).length, 0)
  await asListener(sync, (sql) => sql`select from stripe.products`)
  // another sync hears whose they were
  await stage.admin.drop({ syncId: sync, tables: 'keep' })
  const other = await stage.admin.create({
    connection: 'shop',
    database: { url: database.url },
    objects: ['products'],
  })
  const [found] = other.findings.filter(({ level }) => level === 'fail')
  assert.match(found?.about ?? '', new RegExp(`it was kept when ${sync} let go of it on`))
  assert.match(found?.hint ?? '', /^Choose another schema with --schema\. Or set it aside: ALTER/)
})

test('status tells of each table, and resync asks for them', async () => {
  const { sync } = await create(await stage.database())
  const status = await stage.admin.status(sync)
  assert.deepEqual(status.logins, ['app'])
  assert.deepEqual(status.tables.map(({ name, phase }) => [name, phase]), [
    ['customers', 'waiting'],
    ['products', 'waiting'],
  ])
  assert.deepEqual(await stage.admin.resync(sync, 'customers'), ['customers'])
  await assert.rejects(stage.admin.resync(sync, 'nothing'), { code: 'not_found' })
  await stage.admin.setState(sync, 'paused')
  assert.equal((await stage.admin.status(sync)).state, 'paused')
  assert.equal((await readSync(stage.store, sync)).state, 'disabled')
})

test('a database is told another way in only when it is the same database', async () => {
  const database = await stage.database()
  const { database: id } = await create(database)
  await database.sql.unsafe(`alter role ${database.owner} password 'new'`)
  const url = new URL(database.url)
  url.password = 'new'
  assert.equal(isFailed(await stage.admin.changeDatabase(id ?? '', { url: url.href })), false)
  assert.equal((await readDatabase(stage.store, id ?? '')).owner?.password, 'new')
  const other = await stage.database()
  await create(other)
  await assert.rejects(stage.admin.changeDatabase(id ?? '', { url: other.url }), {
    code: 'bad_request',
  })
})

test('URLs are read with TLS on for what is not this machine', () => {
  assert.equal(parseDatabaseUrl('postgres://u:p@db.example/x').sslmode, 'require')
  assert.equal(parseDatabaseUrl('postgres://u:p@127.0.0.1/x').sslmode, 'disable')
  const all = parseDatabaseUrl('postgresql://a%40b:p%2F@[::1]:6000/d%20b?sslmode=verify-full')
  assert.deepEqual(all, {
    host: '::1',
    port: 6000,
    database: 'd b',
    user: 'a@b',
    password: 'p/',
    sslmode: 'verify-full',
  })
  for (
    const bad of [
      'mysql://a:b@c/d',
      'postgres://c/d',
      'postgres://a:b@c',
      'x',
      'postgres://a:b@c/d?sslmode=prefer',
    ]
  ) {
    assert.throws(() => parseDatabaseUrl(bad), { code: 'bad_request' })
  }
})

// Goal: the syncs become what a file says, and stay so when it is applied again. Method: files against real stores and
// databases, the sandbox's Stripe.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { findConnection } from '../../src/sync/setup-connection.ts'
import { readSetup } from '../../src/store/admin-syncs.ts'
import { listSyncs, readSync } from '../../src/store/syncs.ts'
import { isFailed } from '../../src/sync/checks.ts'
import { readSetupFile, type SetupFile, setupFileSchema } from '../../src/sync/setup-file.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { type CustomerDatabase, type SetupStage, setupStage } from './setup-help.ts'

let cluster: TestCluster
let stage: SetupStage
let database: CustomerDatabase

before(async () => {
  cluster = await testCluster()
})
after(() => cluster.stop())
beforeEach(async () => {
  stage = await setupStage(cluster)
  database = await stage.database()
})

afterEach(() => stage.close())

type Sync = SetupFile['syncs'][string]

function fileWith(sync: Partial<Sync> = {}, more: Partial<SetupFile> = {}): SetupFile {
  return readSetupFile(JSON.stringify({
    connections: {
      till: {
        platform: 'stripe',
        baseUrl: `${stage.sandboxUrl}/stripe`,
        key: { env: 'STRIPE_KEY' },
      },
    },
    databases: { main: { url: { env: 'OWNER_URL' } } },
    syncs: {
      sync_till01: {
        connection: 'till',
        database: 'main',
        objects: ['customers'],
        logins: ['app'],
        ...sync,
      },
    },
    ...more,
  }))
}

const apply = async (
  file: SetupFile,
  options: { dryRun?: boolean; checks?: boolean; prune?: boolean } = {},
) => {
  const secrets: Record<string, string> = { STRIPE_KEY: 'sandbox', OWNER_URL: database.url }
  const applied = await stage.admin.apply(file, { ...options, secret: (name) => secrets[name] })
  for (const findings of Object.values(applied.findings)) {
    assert.equal(isFailed(findings), false, JSON.stringify(findings))
  }
  return applied
}

test('a file is carried out, and a second time there is nothing to do', async () => {
  const planned = await apply(fileWith(), { dryRun: true })
  assert.deepEqual(planned.actions, [
    'make connection till (stripe)',
    'make sync sync_till01 of connection till',
    'make login app.sync_till01',
  ])
  const checked = await apply(fileWith(), { dryRun: true, checks: true })
  assert.deepEqual(checked.actions, planned.actions)
  const levels = new Map(checked.findings['sync_till01']?.map(({ check, level }) => [check, level]))
  assert.equal(levels.get('connection till'), 'warn', 'which is made first')
  assert.equal(levels.get('schema stripe'), 'ok')
  assert.equal(await findConnection(stage.deps, 'till'), null)
  const { actions, logins } = await apply(fileWith())
  assert.deepEqual(actions, planned.actions)
  assert.equal(logins[0]?.login, 'app.sync_till01')
  const { databaseId, version } = await readSync(stage.store, 'sync_till01')
  assert.equal(databaseId, 'main')
  assert.deepEqual((await apply(fileWith())).actions, [])
  assert.equal((await readSync(stage.store, 'sync_till01')).version, version)
})

test('what differs is changed, what is surplus stays until it is to be pruned', async () => {
  await apply(fileWith({ objects: ['customers', 'products'], logins: ['app', 'report'] }))
  const stays = 'table products of sync_till01 is not in the file, and stays'
  const next = fileWith({
    objects: ['customers', 'coupons'],
    fields: { customers: ['email'] },
    allow: ['10.0.0.0/8'],
    paused: true,
  })
  assert.deepEqual((await apply(next)).notes, [stays])
  const names = async () =>
    (await readSync(stage.store, 'sync_till01')).tables.map(({ name }) => name)
  assert.deepEqual(await names(), ['coupons', 'customers', 'products'])
  const { tables, state } = await readSync(stage.store, 'sync_till01')
  const columns = tables.find(({ name }) => name === 'customers')?.columns.map(({ name }) => name)
  assert.deepEqual([columns, state], [['id', 'email'], 'disabled'])
  const { allow, users, retired } = await readSetup(stage.store, 'sync_till01')
  assert.deepEqual([allow, users], [['10.0.0.0/8'], ['app', 'report']])
  assert.ok(retired['customers']?.every(({ why }) => why === 'unchosen'))
  const again = await apply(next)
  assert.deepEqual([again.actions, again.notes], [[], [stays]])
  const pruned = await apply(next, { prune: true })
  assert.deepEqual(pruned.actions, [
    'take table products out of sync_till01; it becomes a plain table',
    'revoke login report.sync_till01',
  ])
  assert.deepEqual(await names(), ['coupons', 'customers'])
  assert.deepEqual([pruned.notes, (await apply(next)).notes], [[], []])
})

test('a sync that the file does not name is dropped only when it is to be pruned, and its tables stay', async () => {
  await apply(fileWith())
  const empty = fileWith({}, { syncs: {} })
  assert.deepEqual((await apply(empty)).actions, [])
  assert.equal((await listSyncs(stage.store)).length, 1)
  assert.deepEqual((await apply(empty, { prune: true })).actions, [
    'drop sync sync_till01; its tables become plain tables',
  ])
  assert.equal((await listSyncs(stage.store)).length, 0)
  assert.equal((await database.sql`select from stripe.customers`).length, 0)
})

test('what cannot be changed in place, a secret that is missing and a person who has to connect are said', async () => {
  await apply(fileWith())
  await assert.rejects(
    apply(fileWith({ schema: 'other' })),
    /the schema of sync "sync_till01" cannot be changed/,
  )
  const secret = () => undefined
  await assert.rejects(
    stage.admin.apply(fileWith(), { secret }),
    /the environment has no STRIPE_KEY/,
  )
  const oauth = { crm: { platform: 'salesforce', oauth: true } } as const
  await assert.rejects(apply(fileWith({}, { connections: oauth })), /"crm" is not connected yet/)
})

test('a password of the owner that has changed is told to the store', async () => {
  await apply(fileWith())
  await database.sql.unsafe(`alter role ${database.owner} password 'rotated'`)
  const url = new URL(database.url)
  url.password = 'rotated'
  database = { ...database, url: url.href }
  assert.deepEqual((await apply(fileWith())).actions, ['change how database main is reached'])
  assert.deepEqual((await apply(fileWith())).actions, [])
  await stage.admin.repair('sync_till01')
})

test('a check that fails ends it, and mended it goes on', async () => {
  await database.sql.unsafe(
    `create schema stripe authorization ${database.owner}; create table stripe.customers (mine int)`,
  )
  const secret = (name: string) => name === 'STRIPE_KEY' ? 'sandbox' : database.url
  const { actions, findings, logins } = await stage.admin.apply(fileWith(), { secret })
  assert.deepEqual([actions, logins], [['make connection till (stripe)'], []])
  assert.ok(isFailed(findings['sync_till01'] ?? []))
  await database.sql`drop table stripe.customers`
  assert.equal((await apply(fileWith())).actions.length, 2)
})

test('a dry run tells what the checks would, and makes nothing', async () => {
  const secret = (name: string) => name === 'STRIPE_KEY' ? 'sandbox' : database.url
  const check = async (file: SetupFile) => {
    const { findings } = await stage.admin.apply(file, { secret, dryRun: true, checks: true })
    return findings['sync_till01'] ?? []
  }
  await apply(fileWith({}, { syncs: {} }))
  const found = await check(fileWith({ objects: ['customers', 'nothing_such'] }))
  assert.ok(found.some(({ level, check }) => level === 'ok' && check === 'credential'))
  assert.ok(found.some(({ level, check }) => level === 'fail' && check.includes('nothing_such')))
  assert.deepEqual(await listSyncs(stage.store), [])
  await apply(fileWith())
  const { version } = await readSync(stage.store, 'sync_till01')
  const more = await check(fileWith({ objects: ['customers', 'nothing_such'] }))
  assert.ok(isFailed(more))
  const objects = ['customers', 'coupons']
  const fields = { customers: ['email'], coupons: ['no_such_field'] }
  const wrong = (await check(fileWith({ objects, fields }))).filter(({ level }) => level === 'fail')
  assert.deepEqual(wrong.map(({ check }) => check), ['object coupons'])
  assert.equal(isFailed(await check(fileWith({ objects: ['customers', 'coupons'] }))), false)
  assert.equal((await readSync(stage.store, 'sync_till01')).version, version)
})

test('a key of which the platform does not say whether it takes it is told of', async () => {
  const baseUrl = 'http://127.0.0.1:1'
  const till = { platform: 'stripe', baseUrl, key: { env: 'STRIPE_KEY' } } as const
  const { actions, findings } = await apply(fileWith({}, { connections: { till }, syncs: {} }))
  assert.deepEqual(actions, ['make connection till (stripe)'])
  const [finding, ...more] = findings['connection till'] ?? []
  assert.deepEqual([finding?.level, finding?.check, more], ['warn', 'credential', []])
})

test('objects are all where a file names none; an id and objects that cannot be are told of as elsewhere', () => {
  const whole = (id: string, more: object = {}) =>
    JSON.stringify({ syncs: { [id]: { connection: 'till', database: 'main', ...more } } })
  assert.equal(readSetupFile(whole('sync_till01')).syncs['sync_till01']?.objects, 'all')
  const detailOf = (text: string) => {
    try {
      readSetupFile(text)
    } catch (error) {
      return (error as { data?: { detail?: string } }).data?.detail
    }
    return assert.fail('it is read')
  }
  assert.equal(
    detailOf(whole('sync_hub01')),
    'syncs.sync_hub01: An id is sync_ and 6 to 32 lower-case letters and digits.',
  )
  assert.equal(
    detailOf(whole('sync_till01', { objects: 5 })),
    'syncs.sync_till01.objects: it is a list of names, or "all"',
  )
  const valid = new Ajv2020({ strict: false }).compile(setupFileSchema())
  assert.equal(valid(JSON.parse(whole('sync_till01'))), true)
  assert.equal(valid(JSON.parse(whole('sync_hub01'))), false)
})

test('every place of a file that is wrong is named, and its JSON Schema says the same', async () => {
  const wrong = {
    syncs: { nothing: {} },
    databases: { main: { url: 'postgres://a:b@c/d' } },
    more: 1,
  }
  assert.throws(() => readSetupFile(JSON.stringify(wrong)), (error: Error) => {
    const { detail } = (error as unknown as { data: { detail: string } }).data
    return ['syncs.nothing', 'databases.main.url', 'more'].every((place) =>
      detail.includes(place)
    ) && !detail.includes('a:b@')
  })
  assert.throws(() => readSetupFile('{'), { code: 'bad_request' })
  const valid = new Ajv2020({ strict: false }).compile(setupFileSchema())
  assert.equal(valid(wrong), false)
  assert.equal(valid(fileWith()), true)
})

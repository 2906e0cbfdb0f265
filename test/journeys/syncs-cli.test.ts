// Goal: whoever sets up, changes, examines and drops a sync by hand is told what is done and what to do, in lines that a
// person reads and in JSON, with exit codes that a script heeds; no secret is shown but a new password, once. Method: the
// command as a process, on a store of its own, against the sandbox's Stripe.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { noticeTables } from '../../src/store/claims.ts'
import { saveListenerKey } from '../../src/store/keys.ts'
import { migrate } from '../../src/store/migrations.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore } from '../../src/store/store.ts'
import { dropWebhook, saveWebhook } from '../../src/store/webhooks.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { type CustomerDatabase, type SetupStage, setupStage } from '../sync/setup-help.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const keys = `k1:${randomBytes(32).toString('base64')}`

let cluster: TestCluster
let stage: SetupStage
let database: CustomerDatabase
let url: string
let folder: string

before(async () => {
  cluster = await testCluster()
  stage = await setupStage(cluster) // for its sandbox and databases; its store is another
  database = await stage.database()
  url = await cluster.createDatabase()
  const store = openStore({ url, keyring: parseKeyring(keys), connectionsMax: 1 })
  await migrate(store)
  await saveListenerKey(store, { id: 'iad', key: 'a key' })
  await store.close()
  folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
})
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await stage?.close()
  await cluster.stop()
})

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function sluice(args: readonly string[], stdin = ''): Promise<Ran> {
  const file = join(root, 'workers', 'sluice.ts')
  const program = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', file] : [file]
  const child = spawn(process.execPath, [...program, ...args], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      SLUICE_STORE_URL: url,
      SLUICE_KEYS: keys,
      SLUICE_PRIVATE_ADDRESSES: 'allow',
      SLUICE_HOSTED_URL: cluster.url('postgres'),
      SLUICE_PUBLIC_URL: 'https://shell.example',
      SLUICE_REGIONS: 'iad=iad.db.example,fra=[fd00::7]:6432',
      OWNER_URL: database.url,
      STRIPE_KEY: 'sandbox',
    },
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => out += chunk)
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => err += chunk)
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const code = await new Promise<number>((done) => child.once('close', (code) => done(code ?? 1)))
  return { code, out, err }
}

async function ok(args: readonly string[], stdin = ''): Promise<string> {
  const { code, out, err } = await sluice(args, stdin)
  assert.equal(code, 0, `${args.join(' ')}: ${out}${err}`)
  assert.doesNotMatch(out, /secret@|:secret|sandbox key/)
  return out
}

const id = 'sync_byhand1'
const create = [
  'syncs',
  'create',
  '--id',
  id,
  '--platform',
  'stripe',
  '--connection',
  'till',
  '--database-url',
  'env:OWNER_URL',
]

test('what is missing is told with what to do, and the exit code is 1', async () => {
  const { code, out } = await sluice([...create, '--objects', 'customers'])
  assert.equal(code, 1)
  assert.match(
    out,
    /FAIL\s+connection till\s+there is no such connection\n\s+→ Make it first: sluice connections set-key/,
  )
  assert.match(out, /Nothing was made\.\n$/)
  const usage = await sluice(['syncs', 'create', '--connection', 'till'])
  assert.equal(usage.code, 2)
  assert.match(usage.err, /one of --database-url, --database and --hosted/)
})

test('a sync is made, and the way in is printed', async () => {
  await ok([
    'connections',
    'set-key',
    '--connection',
    'till',
    '--platform',
    'stripe',
    '--base-url',
    `${stage.sandboxUrl}/stripe`,
  ], 'sandbox')
  const dry = await ok([...create, '--objects', 'customers,products', '--dry-run'])
  assert.match(
    dry,
    /This would be made:\n  a login role at .*\n  schema stripe, .*\n  table stripe.customers of customers: \d+ columns, 5 triggers/,
  )
  const made = await ok([
    ...create,
    '--objects',
    'customers,products',
    '--host',
    'db.example',
    '--port',
    '5432',
  ])
  const [, password = ''] = /password  (\S+) \(it is shown this once\)/.exec(made) ?? []
  assert.match(
    made,
    new RegExp(
      `psql 'postgresql://app\\.${id}:${password}@db\\.example:5432/${database.name}\\?sslmode=require'`,
    ),
  )
  assert.match(made, /^url       postgresql:/m, 'the place that was given is the only one')
  assert.match(made, /sluice syncs status --sync sync_byhand1 --watch/)
  assert.ok(!(await ok(['syncs', 'list'])).includes(password))
  const again = await sluice([...create, '--objects', 'customers'])
  assert.match(again.out, /FAIL  sync sync_byhand1 +is there already/)
})

test('it is shown, paused, resumed, filled again, and gets another login', async () => {
  assert.match(
    await ok(['syncs', 'status']),
    /sync_byhand1  stripe  active  schema stripe  logins app\nwebhook  .*\ntable +phase .*\ncustomers +waiting/,
  )
  const json = JSON.parse(await ok(['syncs', 'status', '--sync', id, '--json'])) as {
    tables: { name: string }[]
  }
  assert.deepEqual(json.tables.map(({ name }) => name), ['customers', 'products'])
  assert.match(
    await ok(['syncs', 'pause', id]),
    /is paused: within seconds clients are disconnected and refused/,
  )
  const paused = await sluice(['syncs', 'status', id, '--watch'])
  assert.equal(paused.code, 1)
  assert.match(
    paused.out,
    /Not filled, or failed:\n {2}sync_byhand1 stripe\.customers: paused\n {2}sync_byhand1 stripe\.products: paused\n$/,
  )
  assert.match(await ok(['syncs', 'resume', '--sync', id]), /goes on/)
  assert.match(
    await ok(['syncs', 'resync', '--sync', id, '--table', 'customers']),
    /^customers: every row is compared with the platform, /,
  )
  const granted = await ok(['syncs', 'password', '--sync', id, '--user', 'report'])
  const [, password = ''] = /password  (\S+) \(it is shown this once\)/.exec(granted) ?? []
  const at = (place: string) =>
    `postgresql://report.${id}:${password}@${place}/${database.name}?sslmode=require`
  assert.deepEqual(granted.split('\n'), [
    `login     report.${id}`,
    `password  ${password} (it is shown this once)`,
    `url iad   ${at('iad.db.example:5432')}`,
    `url fra   ${at('[fd00::7]:6432')}`,
    '',
    `  psql '${at('iad.db.example:5432')}'`,
    '',
  ])
  assert.match(await ok(['syncs', 'revoke', '--sync', id, '--user', 'report']), /is revoked/)
  const { code, err } = await sluice(['syncs', 'revoke', '--sync', id, '--user', 'report'])
  assert.equal(code, 2)
  assert.match(err, /has no login "report"\nIt has app\./)
})

test('where the webhook is heard is told by the store, never by this shell', async () => {
  const path = `/webhooks/stripe/${id}`
  const status = ['syncs', 'status', id]
  assert.match(
    await ok(status),
    new RegExp(`^webhook {2}${path} \\(at the host of the service's SLUICE_PUBLIC_URL\\) `, 'm'),
  )
  const store = openStore({ url, keyring: parseKeyring(keys), connectionsMax: 1 })
  const made = { secret: 's', state: {}, renewAt: null }
  try {
    await saveWebhook(store, {
      syncId: id,
      url: `https://told.example/base${path}`,
      registration: made,
    })
    assert.match(
      await ok(status),
      new RegExp(`^webhook {2}https://told\\.example/base${path} `, 'm'),
    )
    await dropWebhook(store, id)
    assert.equal(
      await ok(['syncs', 'webhook-secret', '--sync', id], 'whsec_mine'),
      `the secret is kept; deliveries are heard at ${path} ` +
        "(at the host of the service's SLUICE_PUBLIC_URL)\n",
    )
  } finally {
    await dropWebhook(store, id)
    await store.close()
  }
})

test('watching ends with what is not filled: after a while, or when it has failed; and with 0 when all is', async () => {
  const watch = ['syncs', 'status', '--sync', id, '--watch', '--timeout', '1s']
  const waiting = await sluice(watch)
  assert.equal(waiting.code, 1)
  assert.match(
    waiting.out,
    /\.products: waiting\nNo sync process is alive: start one \(sluice sync\)\.\n$/,
  )
  const store = openStore({ url, keyring: parseKeyring(keys), connectionsMax: 1 })
  try {
    await noticeTables(store)
    const failure = { code: 'internal_error', message: 'it broke', hint: null, at: 0 }
    await store.sql`update sluice_store.table_states
      set phase = 'failed', failure = ${store.sql.json(failure)} where name = 'customers'`
    await store.sql`update sluice_store.table_states
      set phase = 'following', filled_at = now() where name = 'products'`
    const failed = await sluice(watch.slice(0, -2))
    assert.equal(failed.code, 1)
    assert.match(
      failed.out,
      /Not filled, or failed:\n {2}sync_byhand1 stripe\.customers: failed: it broke\n$/,
    )
    await store.sql`update sluice_store.table_states
      set phase = 'following', filled_at = now(), failure = null`
    assert.match(await ok(watch.slice(0, -2)), /Every table is filled\.\n$/)
    await store.sql`delete from sluice_store.table_states`
  } finally {
    await store.close()
  }
  assert.equal((await sluice([...watch.slice(0, -1), 'soon'])).code, 2)
})

test('tables come and go', async () => {
  assert.match(
    await ok(['syncs', 'add-table', '--sync', id, '--objects', 'coupons']),
    /Made: coupons\n$/,
  )
  const again = ['syncs', 'add-table', '--sync', id, '--objects', 'coupons']
  assert.match(await ok(again), /There is nothing new among them\.\n$/)
  assert.match(
    await ok([...again, '--fields', 'coupons:name,coupons:duration']),
    /no new table among them\. The fields are .*: sluice syncs repair --sync sync_byhand1\n$/,
  )
  assert.match(
    await ok(['syncs', 'remove-table', '--sync', id, '--table', 'coupons', '--remove-tables']),
    /coupons is removed/,
  )
  assert.equal(
    (await sluice(['syncs', 'remove-table', '--sync', id, '--table', 'products'])).code,
    2,
  )
})

test('the doctor tells what fails with exit code 1, in lines and in JSON', async () => {
  const { code, out } = await sluice(['doctor', '--sync', id])
  assert.equal(code, 1)
  assert.match(
    out,
    /FAIL  sync process +nobody has looked at any table yet\n +→ Start the sync process: sluice sync, /,
  )
  assert.match(out, /ok    table stripe\.customers +has its 5 triggers, all ALWAYS/)
  const json = JSON.parse((await sluice(['doctor', '--json'])).out) as {
    ok: boolean
    syncs: { sync: string }[]
  }
  assert.deepEqual([json.ok, json.syncs.map(({ sync }) => sync)], [false, [id]])
  assert.match(
    await ok(['syncs', 'repair', '--sync', id]),
    /triggers, rights and comments are as they must be\n$/,
  )
  await database.sql.unsafe('alter table stripe.customers drop column phone')
  assert.match(
    (await sluice(['doctor', '--sync', id])).out,
    new RegExp(
      `column "phone" was dropped from the table\n.*sluice syncs repair --sync ${id} does`,
    ),
  )
  assert.match(
    await ok(['syncs', 'repair', '--sync', id]),
    /as they must be\ncustomers is filled anew \(new columns: phone\): every row is compared/,
  )
})

test('databases are listed and told anew', async () => {
  const line = (await ok(['databases', 'list'])).split('\n').find((each) => each.includes(id)) ?? ''
  const [name = '', , role = ''] = line.split('\t')
  assert.match(role, /^sluice_/)
  assert.match(
    await ok(['databases', 'set', '--database', name, '--database-url', 'env:OWNER_URL']),
    /is reached so from now on/,
  )
})

test('a file is planned, applied, and applied again without a change', async () => {
  const file = join(folder, 'sluice.json')
  const sync = {
    connection: 'till',
    database: 'host',
    schema: 'shop',
    objects: ['customers'],
    logins: ['app'],
  }
  const written = JSON.stringify({
    connections: { till: { platform: 'stripe', key: { env: 'STRIPE_KEY' } } },
    databases: { host: { hosted: true } },
    syncs: { sync_infile1: sync },
  })
  writeFileSync(file, written)
  assert.match(
    await ok(['syncs', 'apply', '-f', file, '--dry-run']),
    /^To be done:\n  make sync sync_infile1 of connection till\n  make login app\.sync_infile1\n\nsync_infile1\n[^]*ok .*credential/,
  )
  assert.match(
    await ok(['syncs', 'apply', '-f', file]),
    /login     app\.sync_infile1[^]*2 done\.\n$/,
  )
  assert.equal(await ok(['syncs', 'apply', '-f', file]), 'Everything is as the file says.\n')
  writeFileSync(file, written.replace('["customers"]', '["customers","nothing_such"]'))
  const dry = await sluice(['syncs', 'apply', '-f', file, '--dry-run'])
  assert.equal(dry.code, 1)
  assert.match(dry.out, /^To be done:[^]*\n\nsync_infile1\n[^]*FAIL .*nothing_such/)
  writeFileSync(file, written.replace('["customers"]', '["products"]'))
  assert.match(
    await ok(['syncs', 'apply', '-f', file]),
    /^To be done:\n.*products\n {2}! table customers of sync_infile1 is not in the file, and stays \(--prune takes it out\)\n/,
  )
  assert.match(
    await ok(['syncs', 'apply', '-f', file]),
    /^Nothing is to be done\.\n {2}! table customers .*\n$/,
  )
  assert.match(await ok(['syncs', 'schema']), /"\$schema"[^]*"syncs"/)
  assert.match(
    await ok(['syncs', 'drop', '--sync', 'sync_infile1', '--remove-tables']),
    /the hosted database is gone/,
  )
})

test('tokens of administrators are made, listed and revoked', async () => {
  const made = await ok(['tokens', 'create', '--admin', '--name', 'deploys'])
  const [, token = ''] = /token  (sluice_admin_\S+)/.exec(made) ?? []
  const [, tokenId = ''] = /id     (admin_\w+)/.exec(made) ?? []
  const list = await ok(['tokens', 'list', '--admin'])
  assert.match(list, new RegExp(`${tokenId}\t-\t.*\tdeploys`))
  assert.ok(token !== '' && !list.includes(token))
  assert.match(await ok(['tokens', 'revoke', '--id', tokenId]), /is revoked/)
})

test('a sync is dropped only when somebody says what becomes of its tables', async () => {
  assert.equal((await sluice(['syncs', 'drop', '--sync', id])).code, 2)
  const dropped = await ok(['syncs', 'drop', '--sync', id, '--keep-tables'])
  assert.match(dropped, /ok    tables +2 \(customers, products\) are plain tables now/)
  assert.equal((await database.sql`select from stripe.customers`).length, 0)
  assert.equal(await ok(['syncs', 'list']), 'id\tstate\tplatform\tschema\tclients from\n')
})

// Goal: no secret is in anything that a process of ours writes, at level debug, whatever goes wrong; nor are the values of
// rows; nor is a credential in an answer. Method: the system in processes of its own, whose secrets the test knows, goes
// through what works and what fails; all that it has written is searched for every secret in every form.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import {
  findSecrets,
  formsOf,
  keepName,
  registerSecrets,
  searchKept,
  secretsOfExchange,
} from '../help/secrets.ts'
import { type Parts, startParts, until } from '../help/system.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const given = {
  password: 'wrong-password-of-a-login',
  bearer: 'sluice_bearer-that-is-nobodys-00000000',
  listenerKey: 'listener-key-that-is-wrong-000000',
  code: 'authorization-code-of-nobody-0000',
  state: 'state-of-nobody-00000000000000000',
  appSecret: 'secret-of-an-app-that-is-registered',
  key: 'key-of-a-connection-that-is-given',
  privateKey: 'private-key-that-is-none-at-all-000',
  row: 'value-of-a-row-that-is-private-000',
  pathToken: 'token-in-an-address-that-is-wrong',
}

let parts: Parts
let keep: string
const answers: string[] = []

before(async () => {
  // where there is a run, its folder; else one of this test's own
  keep = process.env[keepName] ?? mkdtempSync(join(tmpdir(), 'sluice-kept-'))
  process.env[keepName] = keep
  registerSecrets(...Object.values(given))
  parts = await startParts({
    env: {
      SLUICE_LOG_LEVEL: 'debug',
      SLUICE_PLATFORMS: 'salesforce,stripe',
      SLUICE_SANDBOX_LIMITS: '0',
      SLUICE_RECOVERY_AFTER_MS: '500',
    },
  })
})
after(() => parts?.stop())

async function statement(sql: string, config: pg.ClientConfig = {}): Promise<string> {
  const client = new pg.Client({ connectionString: parts.url(), ...config })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rowCount } = await client.query(sql)
    return `ok ${rowCount}`
  } catch (error) {
    const { message, detail, hint, code } = error as pg.DatabaseError
    const told = [code, message, detail, hint].join(' ')
    answers.push(told)
    return told
  } finally {
    await client.end().catch(() => {})
  }
}

async function request(path: string, init: RequestInit = {}): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${parts.servicePort}${path}`, {
    redirect: 'manual',
    ...init,
  })
  answers.push(`${await response.text()} ${JSON.stringify([...response.headers])}`)
  return response.status
}

/** A command of `sluice`, with a secret on standard input. */
async function sluice(args: string[], secret: string): Promise<string> {
  const flags = 'Deno' in globalThis ? ['run', '-A', '--quiet', '--no-check'] : []
  const child = spawn(process.execPath, [...flags, 'workers/sluice.ts', ...args], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      SLUICE_DATA_DIR: parts.dataDir,
      SLUICE_DATABASE_PORT: String(parts.databasePort),
    },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(secret)
  let out = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => out += chunk)
  }
  await new Promise((resolve) => child.once('close', resolve))
  return out
}

const insert = (value: string) =>
  `insert into salesforce.contacts (last_name) values ('${value}') returning id`
const query = (token: string) => ({
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ sql: 'select 1 as one' }),
})

test('a secret is found in each of its forms, and not where it is not', () => {
  const secret = 'a+secret/with "signs"&more='
  for (const form of formsOf(secret)) assert.deepEqual(findSecrets(`x${form}y`, [secret]), [secret])
  for (const before of ['', 'i', 'id', 'id:', 'user:']) {
    const basic = Buffer.from(`${before}${secret}:after`).toString('base64')
    assert.deepEqual(findSecrets(`Basic ${basic}`, [secret]), [secret], before)
    const web = Buffer.from(`${before}${secret}`).toString('base64url')
    assert.deepEqual(findSecrets(web, [secret]), [secret], before)
  }
  assert.deepEqual(findSecrets('nothing of the kind', [secret]), [])
})

test('what works', async () => {
  assert.match(await statement(insert(given.row)), /^ok 1/)
  assert.match(
    await statement(
      `update salesforce.contacts set email = 'a@b.co' where last_name = '${given.row}'`,
    ),
    /^ok/,
  )
  assert.match(
    await statement(`select count(*) from salesforce.contacts where last_name = '${given.row}'`),
    /^ok/,
  )
  assert.equal(
    await request('/v1/syncs/sync_salesforce/query', query('sluice_demo_salesforce')),
    200,
  )
})

test('logins, tokens, keys and codes that are wrong', async () => {
  const user = { user: 'demo.sync_salesforce', password: given.password, host: '127.0.0.1' }
  const at = { ...user, port: parts.listenerPort, database: 'demo', connectionString: undefined }
  const config = at as unknown as pg.ClientConfig
  assert.match(await statement('select 1', config), /^28P01/)
  assert.match(await statement('select 1', { ...config, user: 'nobody.sync_nothing' }), /^28/)
  assert.equal(await request('/v1/syncs/sync_salesforce/query', query(given.bearer)), 401)
  const headers = { authorization: `Bearer ${given.listenerKey}` }
  assert.equal(await request('/internal/syncs/sync_salesforce', { headers }), 401)
  assert.equal(
    await request(`/internal/${given.pathToken}?token=${given.pathToken}`, { headers }),
    401,
  )
  for (const accept of ['text/html', 'application/json']) {
    const callback = `/oauth/salesforce/callback?code=${given.code}&state=${given.state}`
    assert.equal(await request(callback, { headers: { accept } }), 400)
    const start = `/oauth/salesforce/start?connection=demo_salesforce&ticket=${given.state}`
    assert.equal(await request(start, { headers: { accept } }), 401)
  }
  const body = `{"sql": "select '${given.row}'`
  assert.equal(
    await request('/v1/syncs/sync_salesforce/query', { ...query('sluice_demo_salesforce'), body }),
    400,
  )
})

test('platforms that fail in every way', async () => {
  for (const platform of ['salesforce', 'stripe'] as const) {
    for (const kind of ['500', '429', 'drop', 'lost-reply', 'expire-token'] as const) {
      if (kind === 'lost-reply' && platform === 'stripe') continue // each is inquired into for long
      await parts.mischief({ platform, kind, times: 1 })
      const sql = platform === 'salesforce'
        ? insert(`${given.row} ${kind}`)
        : `insert into stripe.customers (name) values ('${given.row} ${kind}')`
      await statement(`set statement_timeout = 2000; ${sql}`, {
        connectionString: parts.urlOf(platform),
      })
      await parts.clearMischief()
    }
  }
  const refused = await statement(
    `insert into salesforce.contacts (last_name, email) values ('${given.row}', 'no')`,
  )
  assert.match(refused, /^23514/)
})

test('credentials that are set by an operator, and are refused', async () => {
  const keyFile = join(parts.dataDir, 'bastion-key')
  writeFileSync(keyFile, given.privateKey)
  const app = ['apps', 'set', '--platform', 'salesforce', '--client-id', 'sandbox']
  const demo = ['--connection', 'demo_stripe', '--platform', 'stripe']
  const refused = ['connections', 'set-key', ...demo]
  const key = [...refused, '--unchecked']
  const wrong = [
    'connections',
    'set-key',
    '--connection',
    'x',
    '--platform',
    'stripe',
    '--base-url',
  ]
  for (
    const [args, secret] of [
      [[
        ...app,
        '--token-url',
        `http://127.0.0.1:${parts.sandboxPort}/salesforce/services/oauth2/token`,
      ], given.appSecret],
      [[...app, '--unchecked'], given.appSecret],
      [refused, given.key],
      [key, given.key],
      [[...wrong, `https://u:${given.pathToken}@api.example.com`], given.key],
      [[...wrong, 'http://api.example.com'], given.key],
      [[
        'connections',
        'set-app',
        '--connection',
        'gh',
        '--platform',
        'github',
        '--app-id',
        '1',
        '--installation-id',
        '2',
      ], given.privateKey],
      [[
        'databases',
        'set',
        '--database',
        'demo',
        '--ssh-host',
        '127.0.0.1',
        '--ssh-user',
        'tunnel',
        '--ssh-key-file',
        keyFile,
        '--ssh-host-key',
        `SHA256:${'A'.repeat(43)}`,
      ], given.privateKey],
      [['nothing', given.pathToken], given.key],
    ] as const
  ) {
    const out = await sluice([...args], secret)
    assert.deepEqual(findSecrets(out, [given.appSecret, given.key, given.privateKey]), [], out)
  }
  const told = await statement(`insert into stripe.customers (name) values ('A')`, {
    connectionString: parts.urlOf('stripe'),
  })
  assert.match(told, /^28000/)
})

test('a database that lets nobody in, and processes that die', async () => {
  const { rolePassword } = JSON.parse(
    readFileSync(join(parts.dataDir, 'secrets.json'), 'utf8'),
  ) as { rolePassword: string }
  await parts.sql.unsafe(`alter role sluice_demo password 'another'`)
  await statement('select 1')
  await parts.sql.unsafe(`alter role sluice_demo password '${rolePassword}'`)
  await parts.service.kill()
  await statement(insert(given.row))
  await parts.service.start()
  await parts.listener.terminate()
  await parts.listener.start()
  await until('a mutation', async () => (await statement(insert('B'))).startsWith('ok'), {
    waitMs: 90_000,
  })
})

test('after all of that no secret and no value of a row is in what was written, and no credential in an answer', async () => {
  const exchanges = await parts.exchanges()
  const tokens = [...new Set(exchanges.flatMap(secretsOfExchange))]
  assert.ok(tokens.some((token) => token.length > 30), 'the platforms have seen tokens')
  registerSecrets(...tokens)
  const { found, secrets, bytes } = searchKept(keep)
  assert.deepEqual(found, [])
  assert.ok(secrets >= 12 && bytes > 5_000, `${secrets} secrets in ${bytes} characters`)
  const { row: _, ...credentials } = given
  assert.deepEqual(
    findSecrets(answers.join('\n'), [
      ...Object.values(credentials),
      ...tokens.filter(({ length }) => length >= 12),
    ]),
    [],
  )
})

after(() => {
  if (keep.includes('sluice-kept') && process.env['SLUICE_TEST_CLUSTER_PORT'] === undefined) {
    rmSync(keep, { recursive: true, force: true })
  }
})

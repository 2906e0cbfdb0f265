// Goal: a database that has no public address is set up, examined and changed through a bastion, by command line, file and
// HTTP's words alike; what stands against it is told with what to do, and its key is shown nowhere. Method: the command as a
// process, a real OpenSSH server in front of a real Postgres, the sandbox's Stripe.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { migrate } from '../../src/store/migrations.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { readSyncConfig } from '../../src/store/syncs.ts'
import { noBastion, startBastion, type TestBastion } from '../help/bastion.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { type CustomerDatabase, type SetupStage, setupStage } from '../sync/setup-help.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const keys = `k1:${randomBytes(32).toString('base64')}`
const options = { skip: noBastion }

let bastion: TestBastion
let cluster: TestCluster
let stage: SetupStage
let database: CustomerDatabase
let store: Store
let storeUrl: string
let folder: string
const written: string[] = []

before(async () => {
  if (noBastion !== false) return
  bastion = await startBastion()
  cluster = await testCluster()
  stage = await setupStage(cluster) // for its sandbox and databases; its store is another
  database = await stage.database()
  storeUrl = await cluster.createDatabase()
  store = openStore({ url: storeUrl, keyring: parseKeyring(keys), connectionsMax: 2 })
  await migrate(store)
  folder = mkdtempSync(join(tmpdir(), 'sluice-bastion-cli-'))
  writeFileSync(join(folder, 'key'), bastion.ssh.privateKey, { mode: 0o600 })
  writeFileSync(join(folder, 'other'), bastion.otherKey, { mode: 0o600 })
  const args = ['--connection', 'till', '--platform', 'stripe', '--base-url']
  const set = ['connections', 'set-key', ...args, `${stage.sandboxUrl}/stripe`]
  assert.equal((await sluice(set, 'sandbox')).code, 0)
})
after(async () => {
  await store?.close()
  await stage?.close()
  await bastion?.stop()
  await cluster?.stop()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

async function sluice(args: readonly string[], stdin = ''): Promise<{ code: number; out: string }> {
  const file = join(root, 'workers', 'sluice.ts')
  const program = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', file] : [file]
  const child = spawn(process.execPath, [...program, ...args], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      SLUICE_STORE_URL: storeUrl,
      SLUICE_KEYS: keys,
      SLUICE_PRIVATE_ADDRESSES: 'allow',
      OWNER_URL: database.url,
      STRIPE_KEY: 'sandbox',
      BASTION_KEY: bastion.ssh.privateKey,
    },
  })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => out += chunk)
  }
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const code = await new Promise<number>((done) => child.once('close', (code) => done(code ?? 1)))
  written.push(out)
  return { code, out }
}

const id = 'sync_behind1'
const ssh = (more: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries({
    '--ssh-host': bastion.ssh.host,
    '--ssh-port': String(bastion.ssh.port),
    '--ssh-user': bastion.ssh.user,
    '--ssh-key-file': join(folder, 'key'),
    '--ssh-host-key': bastion.ssh.hostKey,
    ...more,
  }).flat()
const create = ['syncs', 'create', '--id', id, '--connection', 'till', '--database-url']
const made = [...create, 'env:OWNER_URL', '--objects', 'customers']

test('what stands against it is told, with what to do', options, async () => {
  const pinned = await sluice([...made, ...ssh({ '--ssh-host-key': bastion.otherHostKey })])
  assert.equal(pinned.code, 1, pinned.out)
  assert.match(pinned.out, /FAIL\s+database 127\.0\.0\.1:\d+\/\S+ through 127\.0\.0\.1:\d+/)
  assert.match(pinned.out, /shows the host key ssh-ed25519 SHA256:\S+, but SHA256:\S+ is pinned/)
  assert.match(pinned.out, /→ If it was set up anew, give its new key \(--ssh-host-key/)
  const refused = await sluice([...made, ...ssh({ '--ssh-key-file': join(folder, 'other') })])
  assert.match(refused.out, /refuses user "\w+" with key SHA256:[\s\S]*→ Put the public key into/)
  const none = await sluice([...made, ...ssh({ '--ssh-host-key': 'yes' })])
  assert.match(none.out, /the host key of the bastion cannot be read[\s\S]*ssh-keyscan -p \d+/)
  const stray = await sluice([...made, '--ssh-user', 'me'])
  assert.equal(stray.code, 2)
  assert.match(stray.out, /--ssh-user goes with --ssh-host/)
  const hosted = ['syncs', 'create', '--connection', 'till', '--hosted', ...ssh()]
  assert.match((await sluice(hosted)).out, /--ssh-host goes with --database-url/)
})

test('a sync is made through the bastion, and listeners are told the way', options, async () => {
  const { code, out } = await sluice([...made, ...ssh()])
  assert.equal(code, 0, out)
  assert.match(out, /ok\s+bastion\s+127\.0\.0\.1:\d+ showed the pinned key, let "\w+" in/)
  const config = await readSyncConfig(store, id)
  assert.deepEqual(config?.database.ssh, { ...bastion.ssh, hostKey: bastion.ssh.hostKey.trim() })
  const [row] = await store.ask('Looking', (sql) => sql`select * from sluice_store.databases`)
  assert.ok(!JSON.stringify(row).includes('PRIVATE KEY'), 'sealed')
  const listed = await sluice(['databases', 'list'])
  assert.match(listed.out, /127\.0\.0\.1:\d+\/\S+ through 127\.0\.0\.1:\d+/)
})

test('the doctor goes through it as well, and says when it is gone', options, async () => {
  const well = await sluice(['doctor', '--sync', id])
  assert.match(well.out, /ok\s+bastion/)
  await bastion.kill()
  const gone = await sluice(['doctor', '--sync', id])
  assert.equal(gone.code, 1)
  assert.match(gone.out, /the bastion 127\.0\.0\.1:\d+ cannot be reached: connection refused/)
  await bastion.start(['PermitOpen 127.0.0.1:1'])
  const closed = await sluice(['doctor', '--sync', id])
  assert.match(closed.out, /does not allow connections to 127\.0\.0\.1:\d+[\s\S]*PermitOpen/)
  await bastion.kill()
  await bastion.start()
})

test(
  'another key takes its place, and no bastion at all, once it is seen to work',
  options,
  async () => {
    const { databaseId } = await configured()
    const set = ['databases', 'set', '--database', databaseId]
    const wrong = await sluice([...set, ...ssh({ '--ssh-key-file': join(folder, 'other') })])
    assert.notEqual(wrong.code, 0)
    assert.ok((await readSyncConfig(store, id))?.database.ssh, 'nothing was changed')
    const print = ssh({ '--ssh-host-key': bastion.fingerprint })
    assert.equal((await sluice([...set, ...print])).code, 0)
    assert.equal((await readSyncConfig(store, id))?.database.ssh?.hostKey, bastion.fingerprint)
    assert.equal((await sluice([...set, '--database-url', 'env:OWNER_URL'])).code, 0)
    assert.ok((await readSyncConfig(store, id))?.database.ssh, 'it stays where only a URL changes')
    assert.equal((await sluice([...set, '--ssh-host', 'none'])).code, 0)
    assert.equal((await readSyncConfig(store, id))?.database.ssh, undefined)
  },
)

async function configured(): Promise<{ databaseId: string }> {
  const [row] = await store.ask(
    'Looking',
    (sql) => sql<{ id: string }[]>`select id from sluice_store.databases`,
  )
  return { databaseId: row?.id ?? '' }
}

test('a file says it as well, and saying it again changes nothing', options, async () => {
  const { databaseId } = await configured()
  const { host, port, user, hostKey } = bastion.ssh
  const file = join(folder, 'sluice.json')
  writeFileSync(
    file,
    JSON.stringify({
      databases: {
        [databaseId]: {
          url: { env: 'OWNER_URL' },
          ssh: { host, port, user, hostKey, privateKey: { env: 'BASTION_KEY' } },
        },
      },
      syncs: { [id]: { connection: 'till', database: databaseId, objects: ['customers'] } },
    }),
  )
  const first = await sluice(['syncs', 'apply', '-f', file])
  assert.equal(first.code, 0, first.out)
  assert.match(first.out, new RegExp(`change how database ${databaseId} is reached`))
  assert.equal((await readSyncConfig(store, id))?.database.ssh?.port, port)
  assert.match((await sluice(['syncs', 'apply', '-f', file])).out, /Everything is as the file says/)
})

test('the key is in nothing that was written', options, () => {
  const lines = [bastion.ssh.privateKey, bastion.otherKey]
    .flatMap((key) => key.split('\n').filter((line) => line !== '' && !line.startsWith('-----')))
    .filter((line) => !line.startsWith('b3BlbnNzaC1rZXktdjE'))
  const all = written.join('\n')
  assert.deepEqual(lines.filter((line) => all.includes(line)), [])
})

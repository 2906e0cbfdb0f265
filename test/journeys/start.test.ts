// Goal: `npm start` shares its folder with no other, checks what it is told before it touches anything, and ends when its
// Postgres does. Method: workers/dev.ts as a process of its own, again and again in one folder.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, afterEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore } from '../../src/store/store.ts'
import { saveSync } from '../../src/store/syncs.ts'
import { freePort } from '../help/cluster.ts'
import { until } from '../help/system.ts'
import { contacts } from '../store/help.ts'

const home = mkdtempSync(join(tmpdir(), 'sluice-start-'))
chmodSync(home, 0o755) // for the user that Postgres runs as
const folder = join(home, 'data')
const onDeno = 'Deno' in globalThis
const waitMs = 240_000
const children = new Set<ChildProcess>()

afterEach(() => {
  for (const child of children) child.kill('SIGKILL') // the children of those end with their input
})
after(() => rmSync(home, { recursive: true, force: true }))

interface Start {
  readonly pid: number
  readonly databasePort: number
  output(): string
  code(): number | null
  welcomed(): Promise<void>
  ended(): Promise<number>
  end(): Promise<number>
}

function spawnScript(
  path: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: Record<string, string> },
) {
  const file = fileURLToPath(new URL(path, import.meta.url))
  const runtime = onDeno ? ['run', '--quiet', '--no-check', '-A'] : []
  const child = spawn(process.execPath, [...runtime, file, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  })
  children.add(child)
  let output = ''
  let code: number | null = null
  child.stdin.on('error', () => {})
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => output += chunk)
  }
  child.once('close', (exit) => {
    code = exit ?? 137
    children.delete(child)
  })
  return { pid: child.pid ?? 0, output: () => output, code: () => code }
}

/** `npm start` for one platform, on ports of its own. */
async function start(env: Record<string, string> = {}): Promise<Start> {
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()].map(String)
  const [listener = '', database = '', service = '', sandbox = ''] = ports
  const child = spawnScript('../../workers/dev.ts', {
    env: {
      SLUICE_LISTENER_PORT: listener,
      SLUICE_DATABASE_PORT: database,
      SLUICE_SERVICE_PORT: service,
      SLUICE_SANDBOX_PORT: sandbox,
      SLUICE_DATA_DIR: folder,
      SLUICE_PLATFORMS: 'salesforce',
      SLUICE_EXIT_WITH_STDIN: '1',
      ...env,
    },
  })
  const ended = () => until('the end of npm start', () => child.code() ?? false, { waitMs })
  return {
    ...child,
    databasePort: Number(database),
    ended,
    welcomed: () =>
      until('the welcome', () => {
        assert.equal(child.code(), null, child.output())
        return child.output().includes('Ctrl-C stops everything.')
      }, { waitMs }).then(() => {}),
    end: () => {
      process.kill(child.pid, 'SIGTERM')
      return ended()
    },
  }
}

const postmaster = () =>
  Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])

function isAlive(pid: number): boolean {
  return processes().some((each) => each.pid === pid)
}

function processes(): { pid: number; parent: number }[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
  return text.split('\n').map((line) => line.trim().split(/\s+/)).flatMap(
    ([pid, parent, state = '']) =>
      state === '' || state.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent) }],
  )
}

test('a setting that is wrong is told before anything is made or started', async () => {
  const wrong: [Record<string, string>, RegExp][] = [
    [{ SLUICE_PLATFORMS: 'salesforce,slack' }, /^SLUICE_PLATFORMS: no platform "slack"$/m],
    [{ SLUICE_SYNC: 'never' }, /^SLUICE_SYNC must be on or once: "never"$/m],
    [{ SLUICE_BACKGROUND_SHARE: '0' }, /^SLUICE_BACKGROUND_SHARE must be .* from 1 to 99: "0"$/m],
    [{ SLUICE_PUBLIC_URL: 'sluice.dune' }, /^SLUICE_PUBLIC_URL must be an http or https address/m],
  ]
  for (const [env, expected] of wrong) {
    const refused = await start(env)
    assert.equal(await refused.ended(), 2, refused.output())
    assert.match(refused.output(), expected)
    assert.deepEqual(readdirSync(home), [])
  }
})

test('a second npm start in the same folder is refused, and the first goes on', async () => {
  const first = await start()
  await first.welcomed()
  const server = postmaster()
  const settings = readFileSync(join(folder, 'postgres', 'postgresql.auto.conf'), 'utf8')
  for (const env of [{}, { SLUICE_PLATFORMS: 'slack' }]) {
    const second = await start(env)
    assert.equal(await second.ended(), 2, second.output())
    const told = 'SLUICE_PLATFORMS' in env
      ? 'no platform "slack"'
      : `${folder} is in use by another npm start (process ${first.pid})`
    assert.ok(second.output().includes(told), second.output())
  }
  assert.equal(postmaster(), server)
  assert.equal(readFileSync(join(folder, 'postgres', 'postgresql.auto.conf'), 'utf8'), settings)
  const sql = postgres(`postgres://postgres:postgres@127.0.0.1:${first.databasePort}/demo`)
  try {
    const [row] = await sql`select count(*)::int as count from salesforce.contacts`
    assert.ok(row?.['count'] > 0)
  } finally {
    await sql.end()
  }
  assert.equal(first.code(), null)
  assert.equal(await first.end(), 0)
})

test('the next start waits for the demo, not for syncs of somebody else, and makes its webhooks anew', async () => {
  const env = { SLUICE_PLATFORMS: 'salesforce,stripe' }
  const first = await start(env)
  await first.welcomed()
  const made = await hookOf(first)
  const { keys } = JSON.parse(readFileSync(join(folder, 'secrets.json'), 'utf8')) as {
    keys: string
  }
  const url = `postgres://postgres:postgres@127.0.0.1:${first.databasePort}/sluice_store`
  const store = openStore({ url, keyring: parseKeyring(keys), connectionsMax: 1 })
  try {
    await saveSync(store, {
      id: 'sync_other',
      connectionId: 'demo_salesforce',
      databaseId: 'demo',
      schema: 'nowhere',
      tables: [contacts('sync_other')],
      users: [],
    })
  } finally {
    await store.close()
  }
  const [clock] = await inStore(first, (sql) => sql`select now()::text as now`)
  assert.equal(await first.end(), 0)
  const from = performance.now()
  const second = await start(env)
  await second.welcomed()
  const tookMs = performance.now() - from
  const open = await inStore(second, (sql) =>
    sql`
      select sync_id, name, filled_at from sluice_store.table_states
      where sync_id in ('sync_salesforce', 'sync_stripe')
        and (filled_at is null or filled_at < ${String(clock?.['now'])}::timestamptz)`)
  // what a slow machine has not filled in half a minute is told
  if (open.length > 0) assert.match(second.output(), /^Not filled yet:$/m, JSON.stringify(open))
  if (second.output().includes('Not filled yet')) assert.ok(tookMs >= 30_000, `${tookMs} ms`)
  assert.notEqual(await hookOf(second), made)
  assert.equal(await second.end(), 0)
  assert.doesNotMatch(second.output(), /nowhere\.|webhook_gone/)
})

/** When Stripe's webhook was made, as soon as it is. */
function hookOf(start: Start): Promise<unknown> {
  return inStore(start, (sql) =>
    until('the webhook', async () => {
      const [row] = await sql`
        select updated_at::text as at from sluice_store.webhooks
        where id = 'sync_stripe' and registration is not null`
      return row?.['at']
    }, { waitMs }))
}

async function inStore<T>(
  { databasePort }: Pick<Start, 'databasePort'>,
  work: (sql: postgres.Sql) => PromiseLike<T>,
): Promise<T> {
  const sql = postgres(`postgres://postgres:postgres@127.0.0.1:${databasePort}/sluice_store`)
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}

test('npm start ends when its Postgres does, with a line that says so', async () => {
  const running = await start()
  await running.welcomed()
  const server = postmaster()
  const mine = processes().filter(({ parent }) => parent === running.pid)
  assert.ok(mine.length >= 4, 'sandbox, service, listener, sync process')
  process.kill(server, 'SIGINT') // as `pg_ctl stop -m fast`
  assert.equal(await running.ended(), 1, running.output())
  assert.match(running.output(), /^Postgres ended with exit code 0: npm start ends$/m)
  for (const { pid } of [{ pid: server }, ...mine]) {
    await until('all of it to have ended', () => !isAlive(pid))
  }
})

test('a Postgres that a dead process has left in the folder is stopped, and its tables are let go of', async () => {
  const cluster = join(folder, 'postgres')
  const databasePort = await freePort()
  const holder = spawnScript('../help/hold-cluster.ts', { args: [cluster, String(databasePort)] })
  await until('Postgres', () => holder.output().includes(cluster), { waitMs })
  await inStore({ databasePort }, (sql) =>
    sql`
      update sluice_store.table_states
      set owner = 'killed', lease_until = now() + interval '1 day'`)
  const left = postmaster()
  const guard = processes().find(({ pid }) => pid === left)?.parent ?? 0
  const helpers = processes().filter(({ pid, parent }) => parent === guard && pid !== left)
  for (const pid of [...helpers.map((each) => each.pid), guard, holder.pid]) {
    process.kill(pid, 'SIGKILL')
  }
  await until('the holder to end', () => !isAlive(holder.pid))
  assert.ok(isAlive(left), 'nobody is there to stop it')
  const next = await start({ SLUICE_SYNC: 'once' }) // however long it takes
  await next.welcomed()
  assert.ok(!isAlive(left))
  assert.notEqual(postmaster(), left)
  assert.equal(await next.end(), 0)
  assert.doesNotMatch(next.output(), /Not filled yet/)
  assert.ok(!existsSync(join(cluster, 'postmaster.pid')))
})

// Goal: a database behind a bastion is used as any other: reads, mutations, COPY, cancelling, many at once, TLS; through one
// SSH connection that is closed when nobody needs it. Method: a real OpenSSH server, a real listener, a real Postgres.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chownSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import pg from 'pg'
import postgres from 'postgres'
import { selfSignedCertificate } from '../../src/lib/certificate.ts'
import type { Cluster } from '../../src/lib/cluster.ts'
import { withDeadline } from '../../src/lib/deadline.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { DatabaseAddress } from '../../src/mutation/config.ts'
import { dialSession } from '../../src/session/adopted.ts'
import { cancelDatabase, loginDatabase } from '../../src/session/login.ts'
import { createTunnels, type Tunnels } from '../../src/session/tunnel.ts'
import { encodeQuery } from '../../src/wire/frontend.ts'
import { openDatabase } from '../../src/sync/database.ts'
import { noBastion, startBastion, type TestBastion } from '../help/bastion.ts'
import { startTestCluster } from '../help/cluster.ts'
import { createStage, type Stage, withClient } from '../help/stage.ts'
import { until } from '../help/stage-hooks.ts'

let bastion: TestBastion
let stage: Stage
let tunnels: Tunnels
let address: DatabaseAddress

/** Nothing here is about a bastion that is slow; the machine may be. */
const patient = { connectWaitMs: 60_000, openWaitMs: 60_000 }

before(async () => {
  if (noBastion !== false) return
  bastion = await startBastion(['RekeyLimit 1M'])
  tunnels = createTunnels({ limits: patient })
  stage = await createStage({ approach: { tunnels } })
  address = { ...stage.config.database, ssh: bastion.ssh }
  stage.config = { ...stage.config, database: address }
})
after(async () => {
  tunnels?.close()
  await stage?.close()
  await bastion?.stop()
})

const options = { skip: noBastion }
const login = (to: DatabaseAddress, through: Tunnels = tunnels) =>
  loginDatabase(to, {
    parameters: new Map(),
    waitMs: 60_000,
    log: silentLog,
    approach: { tunnels: through },
  })
const connect = async (): Promise<pg.Client> => {
  const client = new pg.Client(stage.through())
  client.on('error', () => {})
  await client.connect()
  return client
}

test('what is read and written through a bastion is what the database has', options, async () => {
  await withClient(stage, async (client) => {
    const made = await client.query(
      `insert into salesforce.contacts (last_name) values ('Ada') returning id, name`,
    )
    assert.equal(made.rows[0].name, 'Ada')
    const changed = await client.query(`update salesforce.contacts set first_name = 'Al'`)
    assert.equal(changed.rowCount, 1)
    await client.query('begin')
    await client.query(`insert into public.plain values (1, 'one')`)
    await client.query(`delete from salesforce.contacts where id = $1`, [made.rows[0].id])
    await client.query('rollback')
    const left = await client.query('select count(*)::int as n from salesforce.contacts')
    assert.equal(left.rows[0].n, 0, 'a mutation in a block has a connection of its own')
  })
  assert.equal(stage.sent.length, 3)
  assert.equal(tunnels.state.connections, 1)
})

test('megabytes go through both ways, while SSH changes its keys', options, async () => {
  await withClient(stage, async (client) => {
    const size = 6_000_000
    const text = 'abcdefghij'.repeat(size / 10)
    const { rows } = await client.query('select md5($1::text) as md5, length($1) as n', [text])
    assert.deepEqual(rows[0], { n: size, md5: createHash('md5').update(text).digest('hex') })
    const back = await client.query(
      `select repeat(md5(n::text), 10) as line from generate_series(1, 20000) n`,
    )
    const all = back.rows.map(({ line }) => line).join('')
    assert.equal(all.length, 6_400_000)
    const there = await stage.sql.unsafe(
      `select md5(string_agg(repeat(md5(n::text), 10), '' order by n)) as md5 from generate_series(1, 20000) n`,
    )
    assert.equal(createHash('md5').update(all).digest('hex'), there[0]?.['md5'])
  })
})

test('COPY carries a table in and out', options, async () => {
  await stage.sql.unsafe('truncate public.plain')
  const sql = openDatabase({ ...address }, {
    dial: (to, how) => dialSession(to, { ...how, log: silentLog, approach: { tunnels } }),
    name: 'copy',
  })
  const lines = 60_000
  const writable = await sql.unsafe('copy public.plain from stdin').writable()
  for (let line = 0; line < lines; line += 1_000) {
    const chunk = Array.from({ length: 1_000 }, (_, at) => `${line + at}\t${'x'.repeat(60)}\n`)
    if (!writable.write(chunk.join(''))) {
      await new Promise((resolve) => writable.once('drain', resolve))
    }
  }
  await new Promise<void>((resolve, reject) => {
    writable.once('error', reject).end(() => resolve())
  })
  const readable = await sql.unsafe('copy public.plain to stdout').readable()
  let bytes = 0
  for await (const chunk of readable) bytes += (chunk as Uint8Array).length
  assert.ok(bytes > lines * 62, `${bytes} bytes`)
  await sql.end({ timeout: 60 })
  const [row] = await stage.sql.unsafe('select count(*)::int as n from public.plain')
  assert.equal(row?.['n'], lines)
})

test('fifty sessions share one SSH connection', options, async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, connect))
  const answers = await Promise.all(
    clients.map(async (client, at) => {
      const { rows } = await client.query('select $1::int * 2 as n from pg_sleep(0.05)', [at])
      return rows[0].n as number
    }),
  )
  assert.deepEqual(answers, answers.map((_, at) => at * 2))
  assert.equal(tunnels.state.connections, 1)
  assert.equal(bastion.connections(), 1)
  assert.ok(tunnels.state.channels >= 50)
  await Promise.all(clients.map((client) => client.end()))
  await until(() => tunnels.state.channels === 0)
})

test('who reads slowly is waited for, and nobody else is', options, async () => {
  const { socket } = await login(address)
  let bytes = 0
  socket.write(encodeQuery(`select repeat('x', 1000) from generate_series(1, 40000)`))
  const writing = async () => {
    const rows = await stage.sql.unsafe(
      `select 1 from pg_stat_activity where wait_event = 'ClientWrite' and query like '%40000%'`,
    )
    return rows.length === 1
  }
  await until(writing)
  await withClient(stage, async (client) => {
    const { rows } = await client.query('select 1 as one')
    assert.equal(rows[0].one, 1)
  })
  // it still waits; the last of what fits on the way may be under way yet
  await until(writing)
  const all = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length
      if (bytes > 40_000_000) resolve()
    })
  })
  socket.resume()
  await withDeadline(all, { waitMs: 120_000, what: 'Reading' })
  socket.destroy()
})

test('a query is cancelled through the bastion', options, async () => {
  const client = await connect()
  const { rows } = await client.query('select pg_backend_pid() as pid')
  const running = client.query('select pg_sleep(60)')
  running.catch(() => {})
  await until(async () => {
    const [row] = await stage.sql.unsafe(
      `select 1 from pg_stat_activity where pid = $1 and query like '%pg_sleep(60)%'`,
      [rows[0].pid],
    )
    return row !== undefined
  })
  const key = client as unknown as { processID: number; secretKey: number }
  const secret = new Uint8Array(4)
  new DataView(secret.buffer).setInt32(0, key.secretKey)
  const where = { ...address, host: '127.0.0.1', port: stage.listener.port }
  const { ssh: _, ...listener } = where
  await cancelDatabase(listener, { pid: key.processID, secret }, { waitMs: 60_000 })
  await assert.rejects(running, { code: '57014' })
  await client.end()
})

test(
  'a full SSH connection has a second beside it; one that carries nothing is closed',
  options,
  async () => {
    const small = createTunnels({
      limits: { ...patient, channelsMax: 2, connectionsMax: 2, idleMs: 50 },
    })
    const links = await Promise.all([1, 2, 3, 4].map(() => login(address, small)))
    assert.deepEqual(small.state, { connections: 2, channels: 4 })
    await assert.rejects(
      login(address, small),
      (error: { data?: { detail?: string } }) =>
        /carries as many connections as it may/.test(error.data?.detail ?? ''),
    )
    for (const { socket } of links) socket.destroy()
    await until(() => small.state.connections === 0)
    const again = await login(address, small)
    assert.equal(small.state.connections, 1)
    again.socket.destroy()
    small.close()
    assert.deepEqual(small.state, { connections: 0, channels: 0 })
  },
)

test('the database proves itself by its certificate, through the bastion', options, async () => {
  const certificate = selfSignedCertificate({ hosts: ['localhost'], days: 1 })
  const cluster = await startTestCluster()
  try {
    const sql = await withTls(cluster, certificate)
    const url = new URL(cluster.url('postgres'))
    const to = {
      host: 'localhost',
      port: cluster.port,
      database: 'postgres',
      user: url.username,
      password: url.password,
      sslmode: 'verify-full',
      sslrootcert: certificate.cert,
      ssh: bastion.ssh,
    } as const
    const link = await login(to)
    const pid = link.key?.pid ?? 0
    const [row] = await sql.unsafe('select ssl from pg_stat_ssl where pid = $1', [pid])
    assert.equal(row?.['ssl'], true)
    link.socket.destroy()
    await until(() => tunnels.state.channels === 0)
    // the same server under a name that its certificate does not bear
    await assert.rejects(
      login({ ...to, host: '127.0.0.1' }),
      (error: { data?: { detail?: string } }) => /TLS failed: /.test(error.data?.detail ?? ''),
    )
    await until(() => tunnels.state.channels === 0)
    await sql.end()
  } finally {
    await cluster.stop()
  }
})

async function withTls(cluster: Cluster, { cert, key }: { cert: string; key: string }) {
  const owner = statSync(cluster.dataDir)
  for (const [name, text] of [['crt', cert], ['key', key]]) {
    const path = join(cluster.dataDir, `server.${name}`)
    writeFileSync(path, text ?? '', { mode: 0o600 })
    chownSync(path, owner.uid, owner.gid)
  }
  const sql = postgres(cluster.url('postgres'), { max: 1, onnotice: () => {} })
  await sql.unsafe('alter system set ssl = on')
  await sql.unsafe('select pg_reload_conf()')
  await until(async () => (await sql`show ssl`)[0]?.['ssl'] === 'on')
  return sql
}

// Goal: databases that do not answer keep nobody but themselves waiting. Method: a server that takes connections and says
// nothing, a relay that falls silent, and a session that is never given.

import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { anyAddress } from '../../src/lib/addresses.ts'
import { DeadlineExceeded } from '../../src/lib/deadline.ts'
import { silentLog } from '../../src/lib/log.ts'
import { dialSession } from '../../src/session/adopted.ts'
import { readDatabase, saveDatabase } from '../../src/store/databases.ts'
import { openDatabase } from '../../src/sync/database.ts'
import { reconcile } from '../../src/sync/drift.ts'
import { createLanes } from '../../src/sync/lanes.ts'
import type { Sessions } from '../../src/sync/sessions.ts'
import { onDatabase } from '../../src/sync/setup-request.ts'
import { startTending } from '../../src/sync/tending.ts'
import { createSilences } from '../../src/sync/silences.ts'
import { troubleOf } from '../../src/sync/troubles.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { areQuiet, eventually, type Mirror, startMirror } from '../help/mirror.ts'
import { createModelPlatform } from '../help/model-platform.ts'
import { column, type DriftStage, driftStage, shape, syncId as driftSync } from './drift-help.ts'

let cluster: TestCluster
let relay: Relay

before(async () => {
  cluster = await testCluster()
  relay = await startRelay(cluster.port)
})
after(async () => {
  await relay?.close()
  await cluster?.stop()
})

interface Relay {
  readonly port: number
  /** Says nothing more, to anybody. */
  isMute: boolean
  close(): Promise<void>
}

/** Passes on what comes until it is mute. */
async function startRelay(to: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
    near.on('data', (data) => far.write(data))
    near.on('close', () => far.destroy())
    far.on('data', (data) => {
      if (!made.isMute) near.write(data)
    })
    far.on('close', () => near.destroy())
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const made: Relay = {
    port,
    isMute: false,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
  return made
}

const addressOf = (port: number) =>
  ({
    host: '127.0.0.1',
    port,
    database: 'd',
    user: 'u',
    password: 'p',
    sslmode: 'disable',
  }) as const

const at = {
  table: { syncId: 'sync_1', name: 'contacts', object: 'Contact' },
  connectionId: 'c',
  databaseId: 'd',
  now: 0,
} as const

test('whoever has waited in vain for a login has met a silent database, whichever way it was dialled', async () => {
  const kindOf = (error: unknown) => {
    const trouble = troubleOf(error, at)
    return trouble.kind === 'database' ? `silent: ${trouble.silent}` : trouble.kind
  }
  const coded = (code: string, cause?: unknown) =>
    Object.assign(new Error('no', { cause }), { code })
  assert.equal(kindOf(coded('CONNECT_TIMEOUT')), 'silent: true')
  assert.equal(kindOf(coded('ECONNREFUSED')), 'silent: false')
  assert.equal(kindOf(coded('CONNECTION_CLOSED')), 'silent: false')
  relay.isMute = true
  const approach = { guard: anyAddress }
  const dial = (address: Parameters<typeof dialSession>[0]) =>
    dialSession(address, { parameters: new Map(), waitMs: 200, log: silentLog, approach })
  const sql = openDatabase(addressOf(relay.port), { dial, name: 'test' })
  const error = await sql.unsafe('select 1').then(() => null, (cause: unknown) => cause)
  await sql.end({ timeout: 0 })
  relay.isMute = false
  assert.equal(kindOf(error), 'silent: true', String(error))
})

test('a database that refuses at once is left alone briefly, a silent one for minutes, both longer each time', () => {
  let now = 0
  const silences = createSilences({ now: () => now })
  const leftFor = () => {
    const from = now
    while (silences.has('d')) now += 500
    return now - from
  }
  const brief = [1, 2, 3, 4, 5, 6, 7].map(() => {
    silences.add('d', { brief: true })
    return leftFor()
  })
  assert.deepEqual(brief, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  silences.add('d')
  assert.equal(leftFor(), 60_000)
  silences.add('d')
  assert.equal(leftFor(), 120_000)
  silences.remove('d')
  silences.add('d')
  assert.equal(leftFor(), 60_000)
})

test('a database has one lane until it has answered', async () => {
  const answered = new Set<string>()
  const bounds = { tablesMax: 8, perConnectionMax: 2, perDatabaseMax: 4 }
  const lanes = createLanes(bounds, { hasAnswered: (id) => answered.has(id) })
  const end = Promise.withResolvers<void>()
  const claim = { databaseId: 'd', connectionId: 'c' } as Parameters<typeof lanes.run>[0]
  lanes.run(claim, () => end.promise)
  for (const hinted of [true, false]) assert.deepEqual(lanes.full({ hinted }).databases, ['d'])
  answered.add('d')
  for (const hinted of [true, false]) assert.deepEqual(lanes.full({ hinted }).databases, [])
  end.resolve()
  await lanes.idle()
})

/** A second sync of the same account, of so many tables, in a database that is called `mute`. */
async function addMute(mirror: Mirror, tables: number): Promise<void> {
  const { sql } = mirror.store
  const copy = async (table: string, given: Record<string, string>, from: string) => {
    const columns = await sql`select column_name::text as name from information_schema.columns
      where table_schema = 'sluice_store' and table_name = ${table} and is_generated = 'NEVER'`
    const names = columns.map(({ name }) => String(name))
    await sql.unsafe(`insert into sluice_store.${table} (${names.map((name) => `"${name}"`).join()})
      select ${names.map((name) => given[name] ?? `x."${name}"`).join()}
      from sluice_store.${table} x ${from}`)
  }
  await copy('databases', { id: `'mute'` }, `where id = 'database'`)
  await copy('connections', { id: `'connection_mute'` }, `where id = 'connection_salesforce'`)
  const ids = { database_id: `'mute'`, connection_id: `'connection_mute'` }
  await copy('syncs', { id: `'sync_mute'`, ...ids }, `where id = 'sync_salesforce'`)
  await copy(
    'tables',
    { sync_id: `'sync_mute'`, name: `'t' || n` },
    `, generate_series(1, ${tables}) n where x.sync_id = 'sync_salesforce'`,
  )
}

test('a database of many tables that gives no session is tried once, and the others go on', async () => {
  const mirror = await startMirror(cluster)
  try {
    await mirror.add('salesforce', ['Contact'])
    await addMute(mirror, 40)
    const model = createModelPlatform({ everyMs: 20 })
    for (let n = 0; n < 5; n++) {
      model.set(`003${n}`, { last_name: 'n', email: 'e' }, { told: false })
    }
    let [tries, atOnce, most] = [0, 0, 0]
    const real = mirror.sessions
    const timedOut = Promise.withResolvers<void>()
    const sessions: Sessions = {
      ...real,
      take: async (id) => {
        if (id !== 'mute') return await real.take(id)
        tries += 1
        atOnce += 1
        most = Math.max(most, atOnce)
        await timedOut.promise
        atOnce -= 1
        throw Object.assign(new Error('timed out'), { code: 'CONNECT_TIMEOUT' })
      },
    }
    mirror.engine({ adapterFor: () => model.adapter, sessions, lookMs: 20, tablesMax: 3 })
    const polls = () => model.calls.filter(({ call }) => call === 'changes').length
    await eventually(() => Promise.resolve(polls()), { holds: (count) => count > 5 })
    assert.deepEqual([tries, most], [1, 1], 'one lane waits for it')
    timedOut.resolve()
    const before = polls()
    await eventually(() => Promise.resolve(polls()), { holds: (count) => count > before + 20 })
    assert.equal(tries, 1, 'all its tables are left alone')
  } finally {
    await mirror.close()
  }
})

test('a database that falls silent in mid-slice costs one wait, and its session is given up', async () => {
  const mirror = await startMirror(cluster)
  try {
    await mirror.add('salesforce', ['Contact'])
    const known = await readDatabase(mirror.store, 'database')
    const { owner = known.address } = known
    const through = {
      address: { ...known.address, port: relay.port },
      owner: { ...owner, port: relay.port },
    }
    await saveDatabase(mirror.store, { id: 'database', ...through }, {
      random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    })
    const model = createModelPlatform({ everyMs: 20 })
    model.set('0031', { last_name: 'n', email: 'e' }, { told: false })
    const adapterFor = () => model.adapter
    const patient = mirror.engine({ adapterFor, lookMs: 20 })
    await eventually(() => mirror.states(), { holds: areQuiet })
    assert.equal(await patient.drain({ waitMs: 60_000 }), true)
    model.before = () => void (relay.isMute = true)
    const engine = mirror.engine({ adapterFor, databaseWaitMs: 3_000, lookMs: 20 })
    await eventually(() => mirror.states(), {
      holds: ([state]) => state?.failure?.code === 'database_unreachable' && state.owner === null,
    })
    await eventually(() => Promise.resolve(engine.working), { holds: (count) => count === 0 })
  } finally {
    relay.isMute = false
    await mirror.close()
  }
})

test('a database that logs in and says nothing more keeps no look at its schema, and no administrator', async () => {
  const stage: DriftStage = await driftStage(cluster)
  try {
    stage.shapes = [shape([column('name')])]
    await stage.setUp()
    const known = await readDatabase(stage.store, 'demo')
    const { owner = known.address } = known
    const muted = { ...owner, port: relay.port }
    await saveDatabase(stage.store, { id: 'demo', address: known.address, owner: muted }, {
      random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    })
    assert.equal((await stage.reconcile()).changed, false)
    relay.isMute = true
    const deps = { ...stage.deps, waits: { lookMs: 300, tableMs: 300 } }
    await assert.rejects(reconcile(deps, driftSync), DeadlineExceeded)
    const asked = onDatabase({}, muted, () => Promise.resolve(1), { answerMs: 300 })
    await assert.rejects(asked, DeadlineExceeded)
    relay.isMute = false
    const stuck = onDatabase({}, muted, async (sql) => {
      relay.isMute = true
      return await sql.unsafe('select 1')
    }, { workMs: 300 })
    await assert.rejects(stuck, DeadlineExceeded)
  } finally {
    relay.isMute = false
    await stage.close()
  }
})

test('a schema that is never described keeps no other from being, and the process can end', async () => {
  const mirror = await startMirror(cluster)
  try {
    await mirror.add('salesforce', ['Contact'])
    await mirror.add('salesforce', ['Contact'], { name: 'salesforce2' })
    const begun: string[] = []
    const never = Promise.withResolvers<never>()
    let isFirst = true
    const tending = startTending({
      store: mirror.store,
      log: silentLog,
      adapterFor: () => createModelPlatform().adapter,
      callerFor: (id, options) => mirror.callers.callerFor(id, options),
      now: Date.now,
      random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
      publicUrl: null,
      reconcile: async (syncId) => {
        begun.push(syncId)
        if (!isFirst) return { changed: false, later: [], notes: [], added: {}, refill: {} }
        isFirst = false
        return await never.promise
      },
      reconcileEveryMs: 3_600_000,
    })
    const { sql } = mirror.store
    const chores = async () => (await sql`select from sluice_store.chores`).count
    await eventually(chores, { holds: (count) => count === 2 })
    await sql`update sluice_store.chores set due_at = now()`
    try {
      await eventually(() => Promise.resolve(new Set(begun).size), {
        holds: (count) => count === 2,
      })
      assert.equal(await tending.stop({ waitMs: 200 }), false)
    } finally {
      never.reject(new Error('over'))
      assert.equal(await tending.stop({ waitMs: 60_000 }), true)
    }
  } finally {
    await mirror.close()
  }
})

// The whole system in this process, with a counting relay on every link: client and listener, listener and Postgres,
// listener and service, service and platform, service and store. The platforms' rate limits are off.

import { createAdaptorServer } from '@hono/node-server'
import { randomBytes } from 'node:crypto'
import { withDeadline } from '../../src/lib/deadline.ts'
import { createHttp } from '../../src/lib/http.ts'
import { createLog, type Log, silentLog } from '../../src/lib/log.ts'
import type { Bastion } from '../../src/mutation/config.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { createService, type Service } from '../../src/service/service.ts'
import { dialSession } from '../../src/session/adopted.ts'
import { startListener } from '../../src/session/listener.ts'
import { createService as createServiceClient } from '../../src/session/service.ts'
import { createJournal, type Journal } from '../../src/store/journal.ts'
import { announce } from '../../src/store/presence.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { inquireDue, type InquiryDeps } from '../../src/sync/inquiries.ts'
import { recover } from '../../src/sync/recovery.ts'
import { testCluster } from './cluster.ts'
import { countMutations, type Ground } from './ground.ts'
import { type Plant, setUpPlant } from './plant.ts'
import { createLedger, type RelayOptions, startRelay } from './relay.ts'
import { until } from './stage-hooks.ts'
import type { Subject } from './subjects.ts'

/** For finding out before a client is answered, in milliseconds: what is not found at once is left to the worker. */
const inquiryWaitMs = 400

const noNews = { refused: false, news: [] }

/** Without limits: a bucket's turns would make a run of thousands of mutations take hours. */
const adapterForTests: typeof adapterFor = (platform) => ({
  ...adapterFor(platform),
  rates: { rules: () => [], charges: () => [], learn: () => noNews },
})

/** `FAULTS_LOG` in the environment shows what the system logs. */
function logOfTests(): Log {
  if (!process.env['FAULTS_LOG']) return silentLog
  return createLog({ level: 'debug', write: (line) => console.error(line) })
}

/** What it is started with. */
interface WiredOptions {
  readonly subjects: readonly Subject[]
  /** How long the service waits for its store. */
  readonly storeWaitMs: number
  /** In front of the database. */
  readonly ssh?: Bastion
}

/** Starts it for these platforms. */
export async function startWired(options: WiredOptions): Promise<Ground> {
  const ends: (() => Promise<unknown>)[] = []
  const opened = <T>(value: T, end: () => Promise<unknown>): T => {
    ends.unshift(end)
    return value
  }
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0)) await end()
  }
  try {
    return { ...await start({ ...options, opened }), close }
  } catch (error) {
    await close()
    throw error
  }
}

type Opened = <T>(value: T, end: () => Promise<unknown>) => T

async function start(
  { subjects, storeWaitMs, ssh, opened }: WiredOptions & { opened: Opened },
): Promise<Omit<Ground, 'close'>> {
  const log = logOfTests()
  const ledger = createLedger()
  const link = async (options: Omit<RelayOptions, 'ledger'>) => {
    const relay = await startRelay({ ...options, ledger })
    return opened(relay, () => relay.close())
  }
  const cluster = await testCluster()
  opened(cluster, () => cluster.stop())
  const databases = await link({ link: 'database', target: cluster.port, protocol: 'postgres' })
  const stores = await link({ link: 'store', target: cluster.port, protocol: 'postgres' })
  let sandboxPort = 0
  const platforms = await link({
    link: 'platform',
    target: () => sandboxPort,
    protocol: 'http',
  })
  const platformsUrl = `http://127.0.0.1:${platforms.port}`
  const sandbox = await startSandbox({ port: 0, publicUrl: platformsUrl })
  opened(sandbox, () => sandbox.close())
  sandboxPort = sandbox.port
  const storeUrl = await cluster.createDatabase()
  const plant = await setUpPlant({
    subjects,
    storeUrl,
    databaseUrl: await cluster.createDatabase(),
    databasePort: databases.port,
    platformsUrl,
    ...(ssh === undefined ? {} : { ssh }),
  })
  opened(plant, () => plant.close())
  const keyring = parseKeyring(plant.keys)
  const straight = openStore({ url: storeUrl, keyring, connectionsMax: 2 })
  opened(straight, () => straight.close())
  const wire = new URL(storeUrl)
  wire.port = String(stores.port)
  const store = openStore({ url: wire.href, keyring, connectionsMax: 2, waitMs: storeWaitMs })
  opened(store, () => store.close())
  const presence = await announce(straight, { name: 'wired', log })
  opened(presence, () => presence.leave())
  const service = await startService({ store, service: presence.service, log, opened })
  const services = await link({ link: 'service', target: service.port, protocol: 'http' })
  const http = createHttp()
  opened(http, () => http.close())
  const url = `http://127.0.0.1:${services.port}`
  const listener = await startListener({
    host: '127.0.0.1',
    port: 0,
    tlsRequired: false,
    connectionsMax: 100,
    handshakeWaitMs: 30_000,
    mockSecret: randomBytes(32),
    service: createServiceClient({ url, listenerKey: plant.listenerKey, http, log }),
    log,
  })
  opened(listener, () => listener.close({ graceMs: 2_000 }))
  const clients = await link({ link: 'client', target: listener.port, protocol: 'postgres' })
  const callerFor: InquiryDeps['callerFor'] = (id, options) => service.callerFor(id, options)
  const recovery: InquiryDeps & { journal: Journal } = {
    store: straight,
    journal: createJournal(straight, { service: presence.service, inquiryAfterMs: 0 }),
    log,
    now: Date.now,
    adapterFor: adapterForTests,
    callerFor,
    signal: new AbortController().signal,
    firstGapMs: 3_600_000,
    dial: (address, options) => dialSession(address, { ...options, log }),
  }
  return {
    plant,
    ledger,
    sandboxUrl: sandbox.url,
    port: clients.port,
    quiet: () => quiet(plant, () => listener.sessions),
    recover: () =>
      withDeadline(recoverAll(plant, recovery), { waitMs: recoverWaitMs, what: 'Recovery' }),
  }
}

/** How long a listener may take to tell what it has applied, in milliseconds. */
const tellWaitMs = 200

async function quiet(plant: Plant, sessions: () => number): Promise<void> {
  await until(() => sessions() === 0)
  await until(async () => await countMutations(plant, ['received', 'sent']) === 0)
  const end = Date.now() + tellWaitMs
  await until(async () => await countMutations(plant, ['accepted']) === 0 || Date.now() > end)
}

/** Longer than every wait of recovery. */
const recoverWaitMs = 60_000

/** A platform's request is surely over after so much less. */
const overSql = `interval '1 hour'`

/**
 * Passes of both workers. What is still in doubt after the first is inquired about once more as if it had been sent long
 * ago, so that what is not there counts as not written; and then no more.
 */
async function recoverAll(
  plant: Plant,
  deps: InquiryDeps & { journal: Journal },
): Promise<void> {
  if (await countMutations(plant, ['unknown']) > 0) await inquireDue(deps)
  if (await countMutations(plant, ['unknown']) > 0) {
    await plant.store.unsafe(`
      update sluice_store.mutations
      set sent_at = sent_at - ${overSql}, received_at = received_at - ${overSql},
        answered_at = answered_at - ${overSql}, next_inquiry_at = now()
      where state = 'unknown'`)
    await inquireDue(deps)
    await plant.store`
      update sluice_store.mutations set next_inquiry_at = null where state = 'unknown'`
  }
  for (let passes = 0; passes < passesMax; passes++) {
    if (await countMutations(plant, ['accepted']) === 0) return
    await recover({ ...deps, afterMs: 0 })
  }
}

const passesMax = 4

async function startService(
  { store, service: number, log, opened }: {
    store: Store
    service: number
    log: Log
    opened: Opened
  },
): Promise<Service & { port: number }> {
  const http = createHttp()
  opened(http, () => http.close())
  // what is in doubt is due at once
  const journal = createJournal(store, { service: number, inquiryAfterMs: 0 })
  const service = createService({
    store,
    journal,
    http,
    adapterFor: adapterForTests,
    log,
    inquiryWaitMs,
  })
  opened(service, () => service.drain({ waitMs: 2_000 }))
  const server = createAdaptorServer({ fetch: service.app.fetch, overrideGlobalObjects: false })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened(server, () => new Promise<void>((resolve) => void server.close(() => resolve())))
  return { ...service, port: (server.address() as { port: number }).port }
}

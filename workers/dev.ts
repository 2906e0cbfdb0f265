// Worker: everything on this machine, for `npm start`: embedded Postgres, sandboxes, mutation service, listener.

import './quiet.ts'
import { resolve } from 'node:path'
import process from 'node:process'
import type { Cluster } from '../src/lib/cluster.ts'
import { type Child, listens, startChild, stopChild, waitForChild } from './children.ts'
import type { Platform } from '../src/mutation/table.ts'
import { type DemoSync, demoSyncs } from './demo-syncs.ts'
import { type Demo, prepareFiles, setUp, startDemoCluster, waitForTables } from './demo.ts'
import { approachEnv } from './approach.ts'
import { backgroundShare } from './background-share.ts'
import {
  booleanEnv,
  ConfigError,
  env,
  numberEnv,
  optionalEnv,
  runWorker,
  workerLog,
} from './environment.ts'
import { type HeldFolder, holdFolder } from './folder.ts'
import { placeEnv } from './place.ts'
import { publicUrl, returnOrigins } from './public-url.ts'

const port = (name: string, otherwise: number) =>
  numberEnv(name, { otherwise, min: 1, max: 65_535 })

/** What has been started, in the order in which it is stopped: those who depend on others first. */
const running: Child[] = []
let cluster: Cluster | null = null
let held: HeldFolder | null = null
let stopping: Promise<void> | null = null

function stop(): Promise<void> {
  stopping ??= stopAll()
  return stopping
}

async function stopAll(): Promise<void> {
  while (running.length > 0) {
    const child = running.pop()
    if (child !== undefined) await stopChild(child)
  }
  await cluster?.stop()
  held?.release()
}

/** All end when one does. */
async function endWith(name: string, code: number): Promise<void> {
  if (stopping !== null) return
  console.error(`${name} ended with exit code ${code}: npm start ends`)
  await stop().catch((error: unknown) => console.error(error))
  process.exit(1)
}

/** Tables that are not filled after so long are filled while people begin, in milliseconds. */
const fillWaitMs = 30_000
/** Where the sync process ends with it, what is not filled would stay so. Who waits for the welcome waits longer. */
const fillOnceWaitMs = 120_000

/** The sync process, which listens nowhere. */
function startSync(env: Record<string, string>): Child {
  const file = new URL('./sync.ts', import.meta.url).pathname
  const child = startChild({ name: 'sync process', file, env })
  running.push(child)
  watchOver(child)
  return child
}

/** For tests and trials that are alone with the platforms: the tables stay as they were filled. */
async function endSync(child: Child): Promise<void> {
  running.splice(running.indexOf(child), 1)
  await stopChild(child)
}

function watchOver(child: Child): void {
  void child.exited.then((code) => {
    if (running.includes(child)) void endWith(child.name, code) // else we are stopping it
  })
}

async function startWorker(
  options: { name: string; file: string; port: number; env: Record<string, string> },
): Promise<void> {
  const child = startChild({ ...options, file: new URL(options.file, import.meta.url).pathname })
  running.push(child)
  await waitForChild(child, options.port)
  watchOver(child)
}

/** What the environment says, read before anything is started or stopped. Throws ConfigError. */
function readSettings() {
  const ports = {
    listener: port('SLUICE_LISTENER_PORT', 6432),
    database: port('SLUICE_DATABASE_PORT', 6433),
    service: port('SLUICE_SERVICE_PORT', 8787),
    sandbox: port('SLUICE_SANDBOX_PORT', 8788),
  }
  const sync = env('SLUICE_SYNC', 'on')
  if (sync !== 'on' && sync !== 'once') {
    throw new ConfigError(`SLUICE_SYNC must be on or once: "${sync}"`)
  }
  checkWorkersSettings()
  const sandboxUrl = `http://127.0.0.1:${ports.sandbox}`
  return {
    ports,
    sandboxUrl,
    syncs: demoSyncs(sandboxUrl),
    dataDir: resolve(env('SLUICE_DATA_DIR', '.sluice')),
    browsersUrl: publicUrl(),
    syncsOnce: sync === 'once',
  }
}

/** Those that the workers read for themselves, as far as they can be wrong: here nothing has been started yet. */
function checkWorkersSettings(): void {
  workerLog('npm start')
  returnOrigins()
  placeEnv()
  approachEnv()
  backgroundShare()
  booleanEnv('SLUICE_WEBHOOKS', true)
  booleanEnv('SLUICE_SANDBOX_LIMITS', true)
}

async function start(): Promise<() => Promise<void>> {
  const { ports, sandboxUrl, syncs, dataDir, browsersUrl, syncsOnce } = readSettings()
  held = holdFolder(dataDir)
  await refuseTakenPorts(ports)
  const files = prepareFiles(dataDir)
  const log = { SLUICE_LOG_LEVEL: env('SLUICE_LOG_LEVEL', 'warn') }
  // the sandbox and the databases are on this machine
  const inside = { SLUICE_PRIVATE_ADDRESSES: env('SLUICE_PRIVATE_ADDRESSES', 'allow') }
  const [urls] = await Promise.all([
    startDatabases(dataDir, ports.database),
    startWorker({
      name: 'sandbox',
      file: './sandbox.ts',
      port: ports.sandbox,
      env: { SLUICE_SANDBOX_PORT: String(ports.sandbox), ...log },
    }),
  ])
  const demo = { ...files, ...urls }
  const since = await setUp(demo, syncs)
  const sync = startSync({
    SLUICE_STORE_URL: demo.store,
    SLUICE_KEYS: demo.secrets.keys,
    SLUICE_PUBLIC_URL: browsersUrl,
    SLUICE_WEBHOOKS: env('SLUICE_WEBHOOKS', 'on'),
    // nobody else uses the sandbox
    SLUICE_BACKGROUND_SHARE: env('SLUICE_BACKGROUND_SHARE', '80'),
    ...inside,
    ...log,
  })
  await startWorker({
    name: 'mutation service',
    file: './mutations.ts',
    port: ports.service,
    env: {
      SLUICE_STORE_URL: demo.store,
      SLUICE_KEYS: demo.secrets.keys,
      SLUICE_SERVICE_PORT: String(ports.service),
      SLUICE_PUBLIC_URL: browsersUrl,
      ...administered(cluster, ports.listener),
      ...inside,
      ...log,
    },
  })
  await startWorker({
    name: 'listener',
    file: './listener.ts',
    port: ports.listener,
    env: {
      SLUICE_LISTENER_HOST: env('SLUICE_LISTENER_HOST', '127.0.0.1'),
      SLUICE_LISTENER_PORT: String(ports.listener),
      SLUICE_SERVICE_URL: `http://127.0.0.1:${ports.service}`,
      SLUICE_LISTENER_KEY: demo.secrets.listenerKey,
      SLUICE_TLS_CERT_FILE: demo.certFile,
      SLUICE_TLS_KEY_FILE: demo.keyFile,
      ...inside,
      ...log,
    },
  })
  const waitMs = syncsOnce ? fillOnceWaitMs : fillWaitMs
  const unfilled = await waitForTables(demo, { syncs, waitMs, since })
  if (syncsOnce) await endSync(sync)
  // what is logged from now on, clients caused, and the sync process, which looks for changes now and then
  await fetch(`${sandboxUrl}/_exchanges`, { method: 'DELETE' })
  printWelcome({ ports, sandboxUrl, database: demo.database, syncs, unfilled })
  return stop
}

/** Databases made on the spot are in the embedded Postgres, where there is one. */
function administered(cluster: Cluster | null, port: number): Record<string, string> {
  const url = optionalEnv('SLUICE_HOSTED_URL') ?? cluster?.url('postgres')
  return {
    SLUICE_LISTENER_PORT: String(port),
    ...(url === undefined ? {} : { SLUICE_HOSTED_URL: url }),
  }
}

async function refuseTakenPorts(ports: Record<string, number>): Promise<void> {
  for (const [name, number] of Object.entries(ports)) {
    if (!await listens(number)) continue
    throw new ConfigError(
      `Port ${number} is taken: set SLUICE_${name.toUpperCase()}_PORT to another, or stop what uses it`,
    )
  }
}

async function startDatabases(
  dataDir: string,
  databasePort: number,
): Promise<Pick<Demo, 'store' | 'isStoreOurs' | 'database'>> {
  const store = optionalEnv('SLUICE_STORE_URL')
  const database = optionalEnv('SLUICE_DATABASE_URL')
  const isStoreOurs = store === undefined
  if (!isStoreOurs && database !== undefined) return { store, isStoreOurs, database }
  cluster = await startDemoCluster(dataDir, databasePort)
  void cluster.exited.then((code) => endWith('Postgres', code))
  return {
    store: store ?? cluster.url('sluice_store'),
    isStoreOurs,
    database: database ?? cluster.url('demo'),
  }
}

function printWelcome(
  { ports, sandboxUrl, database, syncs, unfilled }: {
    ports: { listener: number; service: number }
    sandboxUrl: string
    database: string
    syncs: readonly DemoSync[]
    unfilled: readonly string[]
  },
): void {
  const urlOf = (platform: string) =>
    `postgresql://demo.sync_${platform}:demo@localhost:${ports.listener}/demo?sslmode=require`
  const lines = syncs.map(({ platform }) => `  ${platform.padEnd(12)} ${urlOf(platform)}`)
  const [first = 'salesforce'] = syncs.map(({ platform }) => platform)
  console.log(`
Sluice is running. A login may read everything and write to the tables of every platform.

${lines.join('\n')}
  Postgres     ${database} (the tables themselves, past Sluice)
  Console      http://localhost:${ports.service}/console (log in with sluice_demo_admin)
  Service      http://localhost:${ports.service} (HTTP API: /docs; tokens: sluice_demo_${first}, …; an administrator's: sluice_demo_admin)
  Sandbox      ${sandboxUrl} (keys and refresh tokens: sandbox; what was sent: ${sandboxUrl}/_exchanges)

Try:

  psql "${urlOf(first)}"
  ${examples[first]}

  curl http://localhost:${ports.service}/v1/syncs/sync_${first}/query \\
    -H 'Authorization: Bearer sluice_demo_${first}' -d '{"sql": "select count(*) from public.local_notes"}'

Ctrl-C stops everything.
`)
  if (unfilled.length > 0) console.log(`Not filled yet:\n  ${unfilled.join('\n  ')}\n`)
}

/** A first statement for whoever has just started. */
const examples: Readonly<Record<Platform, string>> = {
  salesforce: `insert into salesforce.contacts (first_name, last_name, email)
    values ('Paul', 'Atreides', 'paul@dune.co') returning id, name;`,
  hubspot:
    `insert into hubspot.contacts (email, firstname) values ('paul@dune.co', 'Paul') returning id;`,
  stripe:
    `insert into stripe.customers (email, name) values ('paul@dune.co', 'Paul') returning id;`,
  airtable:
    `insert into airtable.contacts (name, email) values ('Paul', 'paul@dune.co') returning id;`,
  github:
    `insert into github.issues (repository, title) values ('octo/hello', 'A first issue') returning number;`,
}

await runWorker(async () => {
  try {
    return await start()
  } catch (error) {
    await stop().catch(() => {})
    throw error
  }
})

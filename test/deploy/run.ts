// `npm run image`: carries out the Dockerfile's steps, then has each process of fly.toml start from what they made, as an
// ordinary user, with fly.toml's environment: the store is brought up to date, the three processes say that they are
// ready, and a client reads through the listener. Ends with 1 where something is wrong.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { parse } from 'smol-toml'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { freePort, testCluster } from '../help/cluster.ts'
import { setUpPlant } from '../help/plant.ts'
import { subjects } from '../help/subjects.ts'
import { buildImage, type Image, readDockerfile, readIgnore, readText } from './dockerfile.ts'

interface Fly {
  readonly env: Readonly<Record<string, string>>
  readonly processes: Readonly<Record<'listener' | 'service' | 'sync', string>>
  readonly deploy: { readonly release_command: string }
  readonly kill_timeout: string
}

const project = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'sluice-image-'))
chmodSync(folder, 0o755)
const children = new Set<ChildProcess>()
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
/** A loaded machine takes its time. */
const readyWaitMs = 300_000
const tellEveryMs = 15_000

function say(text: string): void {
  console.log(text)
}

/** Runs what a machine of Fly would run: the entrypoint with these words as its arguments. */
function start(
  { root, workdir, env, entrypoint }: Image,
  { words, more }: { words: string; more: Record<string, string> },
): ChildProcess {
  const [command = '', ...first] = entrypoint
  // npm's `deno` is a script that starts the program and would keep signals from it
  const child = spawn(command === 'deno' ? process.execPath : command, [
    ...first,
    ...words.split(' '),
  ], {
    cwd: join(root, workdir),
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env, ...more },
    stdio: ['ignore', 'inherit', 'inherit'],
    ...nobody,
  })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** Says how long it has been waiting, and why, now and then. */
async function ready(name: string, port: number, child: ChildProcess): Promise<void> {
  const begunAt = Date.now()
  let toldAt = begunAt
  for (;;) {
    // one that a signal has ended (the system was short of memory, say) has no exit code
    const end = child.exitCode ?? child.signalCode
    if (end !== null) throw new Error(`${name} ended with ${end} before it was ready`)
    const heard = await answerOf(port)
    if (heard === '200') return
    const waitedMs = Date.now() - begunAt
    if (waitedMs > readyWaitMs) {
      throw new Error(`${name} (process ${child.pid}) is not ready on port ${port}: ${heard}`)
    }
    if (Date.now() - toldAt > tellEveryMs) {
      toldAt = Date.now()
      say(`${name} is not ready after ${Math.round(waitedMs / 1_000)} s: ${heard}`)
    }
    await new Promise((done) => setTimeout(done, 50))
  }
}

/** Status of /readyz, with what it says where it is not 200; or why there is none. */
async function answerOf(port: number): Promise<string> {
  try {
    const signal = AbortSignal.timeout(10_000)
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal })
    const text = await response.text()
    return response.status === 200 ? '200' : `${response.status} ${text.slice(0, 500)}`
  } catch (error) {
    return String(error)
  }
}

function megabytes(path: string): number {
  const size = (at: string): number =>
    readdirSync(at, { recursive: true, withFileTypes: true }).reduce(
      (sum, entry) =>
        entry.isFile() ? sum + statSync(join(entry.parentPath, entry.name)).size : sum,
      0,
    )
  return Math.round(size(path) / 1024 / 1024)
}

async function check(): Promise<void> {
  const fly = parse(readText(join(project, 'fly.toml'))) as unknown as Fly
  const image = buildImage(readDockerfile(readText(join(project, 'Dockerfile'))), {
    folder,
    context: project,
    inContext: readIgnore(readText(join(project, '.dockerignore'))),
  })
  const app = join(image.root, image.workdir)
  say(`built: ${megabytes(app)} MB, of which packages ${megabytes(join(app, 'node_modules'))} MB`)
  const cluster = await testCluster()
  const sandbox = await startSandbox({ port: 0 })
  try {
    await serve(image, fly, { cluster, sandboxUrl: sandbox.url })
  } finally {
    await sandbox.close()
    await cluster.stop()
  }
}

async function serve(
  image: Image,
  fly: Fly,
  { cluster, sandboxUrl }: {
    cluster: Awaited<ReturnType<typeof testCluster>>
    sandboxUrl: string
  },
): Promise<void> {
  const storeUrl = await cluster.createDatabase()
  const plant = await setUpPlant({
    subjects: subjects.filter(({ platform }) => platform === 'stripe'),
    storeUrl,
    databaseUrl: await cluster.createDatabase(),
    databasePort: cluster.port,
    platformsUrl: sandboxUrl,
  })
  const ports = {
    listener: await freePort(),
    listenerHttp: await freePort(),
    service: await freePort(),
    sync: await freePort(),
    metrics: await freePort(),
  }
  // what differs from Fly's network: one machine, other ports, no proxy in front
  const more = {
    ...fly.env,
    SLUICE_STORE_URL: storeUrl,
    SLUICE_KEYS: plant.keys,
    SLUICE_LISTENER_KEY: plant.listenerKey,
    SLUICE_SERVICE_URL: `http://127.0.0.1:${ports.service}`,
    SLUICE_SERVICE_PORT: String(ports.service),
    SLUICE_LISTENER_PORT: String(ports.listener),
    SLUICE_LISTENER_HTTP_PORT: String(ports.listenerHttp),
    SLUICE_SYNC_HTTP_PORT: String(ports.sync),
    SLUICE_METRICS_PORT: String(ports.metrics),
    SLUICE_DRAIN_NOTICE_MS: '0',
    SLUICE_PROXY_FROM: '',
    SLUICE_PEERS: '',
    SLUICE_TLS_REQUIRED: '',
    SLUICE_TLS_CERT_FILE: '',
    SLUICE_TLS_KEY_FILE: '',
    SLUICE_PRIVATE_ADDRESSES: 'allow',
    FLY_REGION: 'iad',
  }
  try {
    const release = start(image, { words: fly.deploy.release_command, more })
    assert.deepEqual(await once(release, 'exit'), [0, null], 'the release command')
    say('release command: done')
    const service = start(image, { words: fly.processes.service, more })
    await ready('service', ports.service, service)
    const sync = start(image, { words: fly.processes.sync, more })
    const listener = start(image, { words: fly.processes.listener, more })
    await ready('listener', ports.listenerHttp, listener)
    await ready('sync', ports.sync, sync)
    say('service, sync and listener: ready')
    await use(plant.url('stripe', ports.listener))
    say('a client has read and written, in region iad')
    for (const [name, child] of Object.entries({ listener, sync, service })) {
      process.kill(child.pid ?? 0, 'SIGTERM') // Deno takes what `kill` sends for how it ended
      assert.deepEqual(await once(child, 'exit'), [0, null], `${name} ends in good order`)
    }
    say('all three have ended in good order')
  } finally {
    await plant.close()
  }
}

async function use(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows: [region] } = await client.query('show sluice.region')
    assert.equal(region['sluice.region'], 'iad')
    const { rowCount } = await client.query(
      `insert into stripe.customers (name) values ('From an image') returning id`,
    )
    assert.equal(rowCount, 1)
  } finally {
    await client.end()
  }
}

try {
  await check()
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}
process.exit()

// Goal: a client whose network swallows every packet is found by keep-alive, its session ends, and no connection to the
// database is left of it. Method: a client in a network of its own (Linux, as root), whose link is taken down. On Deno the
// system's own interval between probes makes this take twelve minutes, so there it is left to test/session/guard.test.ts,
// which looks at the timer of the connection.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { createStage } from '../help/stage.ts'
import { until } from '../help/system.ts'
import { timersOf } from '../help/tcp.ts'

const id = process.pid % 10_000
const [name, near, far] = [`sluice${id}`, `sln${id}`, `slf${id}`]
const subnet = `10.${200 + id % 50}.${id % 250}`

const ip = (command: string) =>
  void execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] })

/** Two ends of a cable, one of which is in the network `name`. False: this machine does not let us. */
function setUp(): boolean {
  if (process.getuid?.() !== 0 || process.versions['deno'] !== undefined) return false
  try {
    ip(`netns add ${name}`)
    ip(`link add ${near} type veth peer name ${far} netns ${name}`)
    ip(`addr add ${subnet}.1/30 dev ${near}`)
    ip(`link set ${near} up`)
    ip(`-n ${name} addr add ${subnet}.2/30 dev ${far}`)
    ip(`-n ${name} link set ${far} up`)
    return true
  } catch {
    takeDown()
    return false
  }
}

function takeDown(): void {
  try {
    ip(`netns del ${name}`)
  } catch {
    // it is not there
  }
}

const program = `
const { default: pg } = await import('pg')
const client = new pg.Client(JSON.parse(process.argv[1]))
client.on('error', () => {})
await client.connect()
console.log('in')
process.stdin.resume().on('end', () => process.exit(0))`

test('a client that vanishes without a word is found, and its session ends', async (context) => {
  if (!setUp()) return context.skip('needs Node, Linux and root')
  const stage = await createStage({ host: '0.0.0.0', keepAliveMs: 1_000 })
  const settings = JSON.stringify({ ...stage.through(), host: `${subnet}.1` })
  const run = ['netns', 'exec', name, process.execPath, '--input-type=module', '-e', program]
  const child = spawn('ip', [...run, settings], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    assert.equal((await lines.next()).value, 'in')
    assert.equal(stage.listener.sessions, 1)
    // what is not acknowledged is sent again for a quarter of an hour, and no probe is sent meanwhile
    await until('all is acknowledged', () => timersOf(stage.listener.port).join() === '02')
    ip(`-n ${name} link set ${far} down`)
    // a second, and ten probes a second apart
    await until('its session has ended', () => stage.listener.sessions === 0, { waitMs: 60_000 })
    await until('no backend is left', async () => {
      const rows = await stage.sql`select from pg_stat_activity where usename = ${stage.role}`
      return rows.length === 0
    })
  } finally {
    child.stdin.end()
    await exited
    await stage.close()
    takeDown()
  }
})

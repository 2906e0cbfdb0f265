// Goal: whatever a bastion does, nobody hangs, nobody is told a riddle, and no key but the pinned one is believed. Method: a
// real OpenSSH server that is killed, stopped and set up wrongly under sessions of a real listener.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import pg from 'pg'
import { anyAddress, guardAddresses } from '../../src/lib/addresses.ts'
import { createLog } from '../../src/lib/log.ts'
import type { Bastion, DatabaseAddress } from '../../src/mutation/config.ts'
import { type Approach, loginDatabase } from '../../src/session/login.ts'
import { createTunnels, type Tunnels } from '../../src/session/tunnel.ts'
import { noBastion, startBastion, type TestBastion } from '../help/bastion.ts'
import { acceptAll, createStage, type Stage } from '../help/stage.ts'
import { until } from '../help/stage-hooks.ts'

let bastion: TestBastion
let stage: Stage
let tunnels: Tunnels
let plain: DatabaseAddress
/** The machine may stand still; only where a test is about time has a bastion little of it. */
const patient = { connectWaitMs: 60_000, openWaitMs: 60_000 }
/** Those of the listener, which a test may put others in place of. */
const current: Tunnels = {
  open: (ssh, target) => tunnels.open(ssh, target),
  get state() {
    return tunnels.state
  },
  close: () => tunnels.close(),
}
const logged: string[] = []
const log = createLog({ level: 'debug', write: (line) => void logged.push(line) })

before(async () => {
  if (noBastion !== false) return
  bastion = await startBastion()
  tunnels = createTunnels({ limits: patient })
  stage = await createStage({ approach: { tunnels: current }, log })
  plain = stage.config.database
  stage.config = { ...stage.config, database: { ...plain, ssh: bastion.ssh } }
})
afterEach(() => {
  if (stage !== undefined) stage.carry = acceptAll()
})
after(async () => {
  tunnels?.close()
  await stage?.close()
  await bastion?.stop()
})

const options = { skip: noBastion }

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(stage.through())
  client.on('error', () => {})
  await client.connect()
  return client
}

interface Told {
  readonly code: string
  readonly detail: string
  readonly hint: string
}

/** What a login with these changes says; each with tunnels of its own. */
async function refusal(
  change: Partial<Bastion>,
  more: { to?: Partial<DatabaseAddress>; approach?: Approach; through?: Tunnels } = {},
): Promise<Told> {
  const own = more.through ?? createTunnels({ limits: patient })
  const to = { ...plain, ...more.to, ssh: { ...bastion.ssh, ...change } }
  const approach = { tunnels: own, ...more.approach }
  try {
    const { socket } = await loginDatabase(to, {
      parameters: new Map(),
      waitMs: 60_000,
      log,
      approach,
    })
    socket.destroy()
    return assert.fail('it logged in')
  } catch (error) {
    const { data } = error as { data?: { sqlstate: string; detail?: string; hint?: string } }
    if (data === undefined) throw error
    return { code: data.sqlstate, detail: data.detail ?? '', hint: data.hint ?? '' }
  } finally {
    if (more.through === undefined) own.close()
  }
}

test('a bastion with another key than the pinned one is not logged into', options, async () => {
  const other = await refusal({ hostKey: bastion.otherHostKey })
  assert.match(
    other.detail,
    /^Cannot connect to 127\.0\.0\.1:\d+: the bastion 127\.0\.0\.1:\d+ shows the host key ssh-ed25519 SHA256:\S+, but SHA256:\S+ is pinned; nothing was sent to it\.$/,
  )
  assert.ok(other.detail.includes(bastion.fingerprint))
  assert.match(other.hint, /--ssh-host-key/)
  const { detail } = await refusal({ hostKey: `SHA256:${'A'.repeat(43)}` })
  assert.match(detail, /is pinned; nothing was sent/)
  const kind = 'ecdsa-sha2-nistp256'
  const key = Buffer.concat([Buffer.from([0, 0, 0, kind.length]), Buffer.from(`${kind}whatever`)])
  const none = await refusal({ hostKey: `${kind} ${key.toString('base64')}` })
  assert.match(none.detail, /has no host key of the kind that is pinned \(ecdsa-sha2-nistp256\)/)
})

test(
  'the fingerprint, a line of ssh-keyscan and the RSA key of the host are all known',
  options,
  async () => {
    for (
      const hostKey of [bastion.fingerprint, `[h]:22 ${bastion.ssh.hostKey}`, bastion.rsaHostKey]
    ) {
      const own = createTunnels({ limits: patient })
      const { socket } = await loginDatabase({ ...plain, ssh: { ...bastion.ssh, hostKey } }, {
        parameters: new Map(),
        waitMs: 60_000,
        log,
        approach: { tunnels: own },
      })
      socket.destroy()
      own.close()
    }
  },
)

test('a key or a user that the bastion does not know', options, async () => {
  const { detail, hint } = await refusal({ privateKey: bastion.otherKey })
  assert.match(detail, /refuses user "\w+" with key SHA256:\S+\.$/)
  assert.match(hint, /authorized_keys/)
  assert.match((await refusal({ user: 'nobody-here' })).detail, /refuses user "nobody-here"/)
  const useless = await refusal({ privateKey: 'no key' })
  assert.match(useless.detail, /the private key for the bastion \S+ is none/)
  assert.ok(!useless.detail.includes('no key'))
})

test('a bastion that is not there, or says nothing, or is none', options, async () => {
  const open: Socket[] = []
  const mute = createServer((socket) => void open.push(socket))
  const web = createServer((socket) => {
    socket.on('error', () => {}).resume()
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  for (const server of [mute, web]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  }
  const portOf = (server: typeof mute) => (server.address() as AddressInfo).port
  const hasty = createTunnels({ limits: { connectWaitMs: 600 } })
  const silent = await refusal({ port: portOf(mute) }, { through: hasty })
  assert.match(silent.detail, /the bastion 127\.0\.0\.1:\d+ did not answer within 0\.6 s\.$/)
  assert.match((await refusal({ port: portOf(web) })).detail, /ended the SSH handshake: /)
  const gone = portOf(mute)
  for (const socket of open) socket.destroy()
  await Promise.all([mute, web].map((server) => new Promise((resolve) => server.close(resolve))))
  const refused = await refusal({ port: gone })
  assert.match(refused.detail, /the bastion \S+ cannot be reached: connection refused\.$/)
  assert.equal(refused.code, '58030')
})

test('a failure is not repeated by everybody at once', options, async () => {
  let now = 1_000
  const own = createTunnels({ limits: patient, now: () => now })
  const wrong = { privateKey: bastion.otherKey }
  const [first, second] = await Promise.all([
    refusal(wrong, { through: own }),
    refusal(wrong, { through: own }),
  ])
  assert.equal(first.detail, second.detail, 'they share one attempt')
  const third = await refusal(wrong, { through: own })
  assert.match(third.detail, /refuses user .*; it is asked again in 2 s\.$/)
  assert.match(third.hint, /authorized_keys/)
  now += 2_001
  assert.equal((await refusal(wrong, { through: own })).detail, first.detail, 'it was asked again')
  assert.match((await refusal(wrong, { through: own })).detail, /asked again in 4 s/)
  own.close()
})

test('a database that the bastion may not, or cannot, connect to', options, async () => {
  await bastion.kill()
  await bastion.start(['PermitOpen 127.0.0.1:1'])
  const prohibited = await refusal({})
  assert.match(prohibited.detail, /the bastion \S+ does not allow connections to 127\.0\.0\.1:\d+/)
  assert.match(prohibited.hint, /PermitOpen/)
  const { detail } = await refusal({}, { to: { port: 1 } })
  assert.match(detail, /the bastion \S+ cannot connect to 127\.0\.0\.1:1: Connection refused\.$/)
  await bastion.kill()
  await bastion.start()
})

test(
  'a connection on which nothing is answered is left, and the next one is another',
  options,
  async () => {
    const own = createTunnels({ limits: { ...patient, openWaitMs: 1_000 } })
    const login = () =>
      loginDatabase({ ...plain, ssh: bastion.ssh }, {
        parameters: new Map(),
        waitMs: 60_000,
        log,
        approach: { tunnels: own },
      })
    // the machine may stand still for longer than that
    const entered = async () => {
      const link = await login().catch(() => null)
      link?.socket.destroy()
      return link !== null
    }
    await until(entered)
    bastion.freeze()
    try {
      // what was under way when it stopped may still come, and count as an answer
      await until(async () => {
        const { detail } = await refusal({}, { through: own })
        assert.match(detail, /the bastion \S+ did not connect to 127\.0\.0\.1:\d+ within 1 s\.$/)
        return own.state.connections === 0
      })
    } finally {
      bastion.thaw()
    }
    await until(entered)
    own.close()
  },
)

test(
  'no private address is reached by a bastion of one, and never the bastion itself',
  options,
  async () => {
    const guard = guardAddresses([])
    const bare = await refusal({}, { approach: { guard } })
    assert.match(bare.detail, /address not allowed: 127\.0\.0\.1/)
    const allowed = guardAddresses(['10.0.0.0/8'])
    for (const host of ['localhost', '127.0.0.1', '169.254.169.254', '0x7f.1']) {
      const { detail } = await refusal({}, { to: { host }, approach: { guard: allowed } })
      assert.match(detail, new RegExp(`address not allowed: ${host.replaceAll('.', '\\.')} is `))
    }
    const odd = await refusal({}, { to: { host: '2130706433' }, approach: { guard: anyAddress } })
    assert.match(odd.detail, /2130706433 is an address in an unusual form/)
  },
)

test(
  'a query ends when the bastion dies in the middle of it, and new sessions connect again',
  options,
  async () => {
    const client = await connect()
    const running = client.query('select pg_sleep(60)')
    running.catch(() => {})
    await until(() => sleeps(60))
    await bastion.kill()
    await assert.rejects(running)
    await assert.rejects(connect(), (error: Error & { code?: string }) => error.code === '58030')
    await bastion.start()
    await until(async () => {
      const again = await connect().catch(() => null)
      await again?.end()
      return again !== null
    })
  },
)

/** Does somebody sleep for so many seconds? */
async function sleeps(seconds: number): Promise<boolean> {
  const query = `select pg_sleep(${seconds})`
  const rows = await stage.sql`
    select from pg_stat_activity where query = ${query} and state = 'active'`
  return rows.length > 0
}

test(
  'a mutation that the platform accepted while the bastion died is told to be so',
  options,
  async () => {
    const client = await connect()
    const accept = acceptAll()
    stage.carry = async (mutation, how) => {
      await bastion.kill()
      return await accept(mutation, how)
    }
    stage.applied.length = 0
    const told = await client.query(`insert into salesforce.contacts (last_name) values ('Lost')`)
      .then(() => 'ok', (error: Error & { code?: string }) => error.code)
    assert.equal(told, 'SL001')
    assert.deepEqual(stage.applied, [], 'recovery has it to do')
    await client.end().catch(() => {})
    await bastion.start()
  },
)

test(
  'a bastion that has stopped ends its sessions within the time of its keepalives',
  options,
  async () => {
    tunnels.close()
    tunnels = createTunnels({ limits: { ...patient, keepAliveMs: 500 } })
    let running: Promise<unknown> = Promise.resolve()
    let ended: Promise<unknown> = Promise.resolve()
    let seconds = 60
    await until(async () => {
      // a number of its own: the backends of the tests and the tries before may sleep yet
      seconds += 1
      const client = await connect().catch(() => null)
      if (client === null) return false
      let lost = false
      ended = new Promise((resolve) => client.once('end', resolve))
      running = client.query(`select pg_sleep(${seconds})`)
      running.catch(() => lost = true)
      // a machine that stands still for so long ends it as well
      await until(async () => lost || await sleeps(seconds))
      return !lost
    })
    bastion.freeze()
    try {
      await assert.rejects(running)
      await ended
    } finally {
      bastion.thaw()
    }
  },
)

test('opening and closing is logged, and no key', options, () => {
  const all = logged.join('\n')
  for (const event of ['tunnel.opened', 'tunnel.closed', 'tunnel.failed']) {
    assert.ok(all.includes(event), event)
  }
  const secrets = [bastion.ssh.privateKey, bastion.otherKey].flatMap((key) => key.split('\n'))
    .filter((line) => line.length > 40 && !line.startsWith('b3BlbnNzaC1rZXktdjE'))
  assert.ok(secrets.length >= 4)
  assert.deepEqual(secrets.filter((line) => all.includes(line)), [])
})

test('a listener without a bastion loads no SSH', () => {
  for (const file of ['tunnel', 'tunnel-connection', 'tunnel-stream', 'tunnel-words']) {
    const text = readFileSync(new URL(`../../src/session/${file}.ts`, import.meta.url), 'utf8')
    assert.doesNotMatch(text, /^import (?!type ).*'ssh2'/m, file)
  }
})

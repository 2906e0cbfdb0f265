// Bench: whether the time of a failed login tells that a user exists: `npm run bench -- logins`. Known and unknown users
// fail by turns at a listener's handshake; the exchange is done with a wrong proof, so that no client work is in the figure.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { randomBytes } from 'node:crypto'
import { silentLog } from '../src/lib/log.ts'
import type { SyncConfig } from '../src/mutation/config.ts'
import { handshake } from '../src/session/handshake.ts'
import { createFrameReader } from '../src/wire/frames.ts'
import { encodeSASLInitialResponse, encodeSASLResponse } from '../src/wire/frontend.ts'
import { makeVerifier } from '../src/wire/scram.ts'
import { encodeStartupMessage } from '../src/wire/startup.ts'
import { formatTable } from './print.ts'
import { median } from './statistics.ts'

/** Failed logins of each kind for each round asked for. */
const loginsPerRound = 300

const users = {
  known: 'demo.sync_a',
  'unknown user': 'nobody.sync_a',
  'unknown sync': 'demo.sync_z',
  'not allowed': 'demo.sync_b',
} as const
type Kind = keyof typeof users

/**
 * Welch's t of two samples of times: beyond ±4.5 they differ, as the leakage tests of cryptographers count
 * (Goodwill and others, "A testing methodology for side-channel resistance validation").
 */
function welch(one: readonly number[], other: readonly number[]): number {
  const [a, b] = [momentsOf(one), momentsOf(other)]
  return (a.mean - b.mean) / Math.sqrt(a.variance / one.length + b.variance / other.length)
}

function momentsOf(figures: readonly number[]): { mean: number; variance: number } {
  const mean = figures.reduce((sum, figure) => sum + figure, 0) / figures.length
  const squares = figures.reduce((sum, figure) => sum + (figure - mean) ** 2, 0)
  return { mean, variance: squares / (figures.length - 1) }
}

/** The slowest tenth is the machine's own doing. */
function withoutOutliers(figures: readonly number[]): readonly number[] {
  return figures.toSorted((a, b) => a - b).slice(0, Math.floor(figures.length * 0.9))
}

export async function measureLogins({ rounds }: { rounds: number }): Promise<string> {
  const configs = await configure()
  const server = createServer((socket) =>
    void handshake(socket, {
      waitMs: 10_000,
      mockSecret: new Uint8Array(32),
      findSync: (id) => Promise.resolve(configs.get(id) ?? null),
      log: silentLog,
    })
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const kinds = Object.keys(users) as Kind[]
  const times = new Map(kinds.map((kind) => [kind, [] as number[]]))
  for (let count = 0; count < rounds * loginsPerRound; count += 1) {
    for (let turn = 0; turn < kinds.length; turn += 1) {
      const kind = kinds[(count + turn) % kinds.length] ?? 'known'
      const tookUs = await failLogin(port, users[kind])
      times.get(kind)?.push(tookUs)
    }
  }
  server.close()
  return report(times)
}

function report(times: ReadonlyMap<Kind, number[]>): string {
  const known = withoutOutliers(times.get('known') ?? [])
  const rows = [...times].map(([kind, figures]) => {
    const kept = withoutOutliers(figures)
    const t = kind === 'known' ? '' : welch(kept, known).toFixed(2)
    return [kind, String(kept.length), median(kept).toFixed(1), t]
  })
  const heads = ['failed login', 'attempts', 'median, µs', 't against known']
  return `${formatTable(heads, rows)}\n  |t| below 4.5: nothing is told by the time`
}

async function configure(): Promise<ReadonlyMap<string, SyncConfig>> {
  const users = { demo: await makeVerifier('the password') }
  const database = { host: '', port: 1, database: 'd', user: 'u', password: 'p' }
  const config = (id: string): SyncConfig => ({
    id,
    state: 'active',
    database: { ...database, sslmode: 'disable' },
    ticketKey: '',
    users,
    tables: [],
  })
  return new Map([
    ['sync_a', config('sync_a')],
    ['sync_b', { ...config('sync_b'), allow: ['10.0.0.0/8'] }],
  ])
}

/** The time from the StartupMessage to the error, in microseconds. */
async function failLogin(port: number, user: string): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1' }).setNoDelay(true)
  await once(socket, 'connect')
  const reader = createFrameReader({ sizeMax: 65_536 })
  const start = performance.now()
  socket.write(encodeStartupMessage({ major: 3, minor: 0, parameters: [['user', user]] }))
  socket.on('data', (chunk: Uint8Array) => {
    reader.push(chunk)
    const frame = reader.next()
    if (frame?.tag !== 0x52) return
    const code = frame.bytes[8]
    if (code === 10) socket.write(encodeSASLInitialResponse('SCRAM-SHA-256', 'n,,n=,r=abc'))
    else socket.write(encodeSASLResponse(wrongProof(frame.bytes.subarray(9))))
  })
  await once(socket, 'end')
  const tookUs = (performance.now() - start) * 1_000
  socket.destroy()
  return tookUs
}

function wrongProof(serverFirst: Uint8Array): string {
  const [nonce = ''] = new TextDecoder().decode(serverFirst).split(',')
  return `c=biws,${nonce},p=${randomBytes(32).toString('base64')}`
}

// A real OpenSSH server on a port of loopback, with keys of its own, as the bastion in front of a test's database.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Bastion } from '../../src/mutation/config.ts'
import { freePort } from './cluster.ts'

const sshd = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'].find((path) =>
  existsSync(path)
)

/** Why tests with a bastion cannot run here; false: they can. */
export const noBastion: string | false = sshd === undefined
  ? 'there is no OpenSSH server: apt-get install openssh-server'
  : false

export interface TestBastion {
  readonly ssh: Bastion
  /** `ssh-ed25519 …` of another key than the host's. */
  readonly otherHostKey: string
  /** The second key of the host. */
  readonly rsaHostKey: string
  /** `SHA256:…` of the host's key. */
  readonly fingerprint: string
  /** A private key that it does not know. */
  readonly otherKey: string
  /** Processes that serve a connection. */
  connections(): number
  /** SIGKILL to the server and to all that serve a connection. */
  kill(): Promise<void>
  /** Stops them where they are, and lets them go on. */
  freeze(): void
  thaw(): void
  /** Starts it (again), with more lines of sshd_config. */
  start(config?: readonly string[]): Promise<void>
  stop(): Promise<void>
}

const startWaitMs = 60_000
const pollMs = 20

export async function startBastion(config: readonly string[] = []): Promise<TestBastion> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bastion-'))
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true })
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  for (
    const [name, type] of [['host', 'ed25519'], ['rsa', 'rsa'], ['user', 'ed25519'], [
      'other',
      'ed25519',
    ]]
  ) {
    const file = join(folder, name ?? '')
    execFileSync('ssh-keygen', ['-q', '-t', type ?? '', '-N', '', '-C', 'test', '-f', file])
  }
  writeFileSync(join(folder, 'authorized_keys'), read('user.pub'), { mode: 0o600 })
  const port = await freePort()
  let server: ChildProcess | null = null
  const start = async (more: readonly string[] = config): Promise<void> => {
    writeFileSync(join(folder, 'sshd_config'), configOf({ folder, port, more }))
    const args = ['-D', '-e', '-f', join(folder, 'sshd_config')]
    server = spawn(sshd ?? 'sshd', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000)
    })
    await listening(port, () => said)
  }
  const processes = () => server?.pid === undefined ? [] : descendants(server.pid)
  const signal = (name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => {
    for (const pid of processes()) sendSignal(pid, name)
  }
  const kill = async (): Promise<void> => {
    const child = server
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('close', resolve))
    signal('SIGKILL')
    await ended
  }
  await start()
  return {
    ssh: {
      host: '127.0.0.1',
      port,
      user: userInfo().username,
      privateKey: read('user'),
      hostKey: read('host.pub'),
    },
    otherHostKey: read('other.pub'),
    rsaHostKey: read('rsa.pub'),
    otherKey: read('other'),
    fingerprint: execFileSync('ssh-keygen', ['-lf', join(folder, 'host.pub')], { encoding: 'utf8' })
      .split(' ')[1] ?? '',
    connections: () => children(server?.pid ?? 0).length,
    kill,
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    start,
    stop: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configOf(
  { folder, port, more }: { folder: string; port: number; more: readonly string[] },
): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(folder, 'host')}`,
    `HostKey ${join(folder, 'rsa')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'LogLevel ERROR',
    // the first line of a name counts
    ...more,
    'AllowTcpForwarding local',
    '',
  ].join('\n')
}

async function listening(port: number, said: () => string): Promise<void> {
  const end = Date.now() + startWaitMs
  for (;;) {
    const there = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (there) return
    if (Date.now() > end) throw new Error(`sshd does not listen: ${said()}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

function children(pid: number): number[] {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  return rows.map((row) => row.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid).map(([child = 0]) => child)
}

function descendants(pid: number): number[] {
  return [pid, ...children(pid).flatMap(descendants)]
}

function sendSignal(pid: number, name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name)
  } catch {
    // it has ended by itself
  }
}

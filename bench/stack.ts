// Bench: everything that `npm start` starts, on ports of its own and with a database of its own.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { withDeadline } from '../src/lib/deadline.ts'
import { freePort } from '../test/help/cluster.ts'
import { type Child, startProgram } from './child.ts'

/** Where somebody takes Postgres connections, and as whom. */
export interface Address {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

export interface Stack {
  /** Of the process that starts the others. */
  readonly pid: number
  /** For what else needs files; open to other users. */
  readonly folder: string
  readonly certFile: string
  readonly keyFile: string
  /** The embedded Postgres as its superuser. */
  readonly superuser: Address
  /** The embedded Postgres as the role that the listener logs in with. */
  readonly direct: Address
  readonly listener: Address
  readonly sandboxUrl: string
  /** Rejects when Sluice ends, with what it said. */
  readonly ended: Promise<never>
  /** The end of Sluice's log; empty while all is well. */
  lastWords(): string
}

const startWaitMs = 120_000
const host = '127.0.0.1'
const database = 'demo'

/** Starts it, with its files in the folder. Rejects with what the program said when it does not start. */
export async function startStack(folder: string): Promise<Stack> {
  const dataDir = join(folder, 'data')
  const ports = {
    listener: await freePort(),
    database: await freePort(),
    service: await freePort(),
    sandbox: await freePort(),
  }
  const child = startProgram({
    command: process.execPath,
    endsWithStdin: true,
    args: workerArgs(new URL('../workers/dev.ts', import.meta.url).pathname),
    env: {
      SLUICE_DATA_DIR: dataDir,
      SLUICE_EXIT_WITH_STDIN: '1',
      SLUICE_LOG_LEVEL: 'warn',
      ...Object.fromEntries(
        Object.entries(ports).map((
          [name, port],
        ) => [`SLUICE_${name.toUpperCase()}_PORT`, String(port)]),
      ),
    },
  })
  await welcomed(child)
  const { rolePassword } = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8'))
  return {
    pid: child.process.pid ?? 0,
    folder,
    ...describe(dataDir, { ports, rolePassword }),
    ended: child.ended,
    lastWords: () => child.lastWords(),
  }
}

/** Ends a Postgres that Sluice, killed by somebody, has left in the folder. Call it when Sluice is gone. */
export function stopLeftover(folder: string): void {
  const file = join(folder, 'data', 'postgres', 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  try {
    if (pid > 1) process.kill(pid, 'SIGQUIT')
  } catch {
    // gone already: the file is all that is left
  }
}

function workerArgs(file: string): string[] {
  return 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', file] : [file]
}

function describe(
  dataDir: string,
  { ports, rolePassword }: {
    ports: { listener: number; database: number; sandbox: number }
    rolePassword: string
  },
): Omit<Stack, 'pid' | 'folder' | 'ended' | 'lastWords'> {
  const postgres = { host, port: ports.database, database }
  return {
    certFile: join(dataDir, 'tls.crt'),
    keyFile: join(dataDir, 'tls.key'),
    superuser: { ...postgres, user: 'postgres', password: 'postgres' },
    direct: { ...postgres, user: 'sluice_demo', password: rolePassword },
    listener: {
      host,
      port: ports.listener,
      database,
      user: 'demo.sync_salesforce',
      password: 'demo',
    },
    sandboxUrl: `http://${host}:${ports.sandbox}`,
  }
}

/** Waits until it says that everything runs. */
async function welcomed({ process: { stdout }, ended }: Child): Promise<void> {
  const said = new Promise<void>((resolve) => {
    let text = ''
    stdout?.on('data', (chunk: Uint8Array) => {
      text += new TextDecoder().decode(chunk)
      if (text.includes('Sluice is running')) resolve()
    })
  })
  const first = Promise.race([said, ended])
  await withDeadline(first, { waitMs: startWaitMs, what: 'Starting Sluice' })
}

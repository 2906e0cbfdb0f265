// Bench: PgBouncer in session mode before the embedded Postgres, which is what a listener is measured against.

import { chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { freePort } from '../test/help/cluster.ts'
import { type Child, startProgram, waitForPort } from './child.ts'
import type { Address, Stack } from './stack.ts'

export interface PgBouncer {
  readonly address: Address
  stop(): Promise<void>
}

const startWaitMs = 10_000

/** Starts it in a folder of the stack, for the same role and with the listener's own certificate. */
export async function startPgBouncer(program: string, stack: Stack): Promise<PgBouncer> {
  const folder = join(stack.folder, 'pgbouncer')
  mkdirSync(folder)
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  const users = join(folder, 'users.txt')
  const { user, password } = stack.direct
  copyFileSync(stack.certFile, join(folder, 'tls.crt'))
  copyFileSync(stack.keyFile, join(folder, 'tls.key'))
  writeFileSync(users, `"${user}" "${password}"\n`, { mode: 0o600 })
  writeFileSync(file, settings(stack.direct, { folder, port, users }))
  const owner = unprivileged()
  if (owner !== undefined) {
    for (const name of ['', 'pgbouncer.ini', 'users.txt', 'tls.crt', 'tls.key']) {
      chownSync(join(folder, name), owner.uid, owner.gid)
    }
  }
  const child: Child = startProgram({ command: program, args: [file], owner })
  try {
    await waitForPort(child, { port, waitMs: startWaitMs })
  } catch (error) {
    await child.stop()
    throw error
  }
  return { address: { ...stack.direct, port }, stop: () => child.stop() }
}

/** https://www.pgbouncer.org/config.html */
function settings(
  database: Address,
  { folder, port, users }: { folder: string; port: number; users: string },
): string {
  return `[databases]
${database.database} = host=${database.host} port=${database.port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = session
default_pool_size = 50
max_client_conn = 200
client_tls_sslmode = allow
client_tls_cert_file = ${join(folder, 'tls.crt')}
client_tls_key_file = ${join(folder, 'tls.key')}
server_tls_sslmode = disable
log_connections = 0
log_disconnections = 0
log_stats = 0
`
}

/** PgBouncer refuses to run as root: then it runs as the system's `nobody`, or as `postgres`. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'nobody') ??
    users.find(([name]) => name === 'postgres')
  if (user === undefined) {
    throw new Error('Cannot run PgBouncer as root: no user nobody or postgres')
  }
  return { uid: Number(user[2]), gid: Number(user[3]) }
}

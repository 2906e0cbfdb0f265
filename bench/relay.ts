// Bench: what passes through. pgbench's own select-only script, direct, through PgBouncer and through the listener.

import postgres from 'postgres'
import { quoteIdent } from '../src/lib/quote.ts'
import { runProgram } from './child.ts'
import type { Options } from './options.ts'
import { startPgBouncer } from './pgbouncer.ts'
import { formatMark, formatRatio, formatTable } from './print.ts'
import type { Address, Stack } from './stack.ts'
import { type Figures, median, ratioOf, takeTurns } from './statistics.ts'
import type { Tools } from './tools.ts'

/** Of PgBouncer's throughput, at least so much. */
const throughputMark = 0.8
const scale = 10
const pgbenchMarginMs = 60_000

interface Load {
  readonly protocol: 'simple' | 'prepared'
  readonly clients: number
  readonly tls: boolean
}

const loads: readonly Load[] = [
  { protocol: 'simple', clients: 1, tls: false },
  { protocol: 'simple', clients: 16, tls: false },
  { protocol: 'prepared', clients: 1, tls: false },
  { protocol: 'prepared', clients: 16, tls: false },
  // the embedded Postgres has no TLS, so there is no direct figure
  { protocol: 'prepared', clients: 16, tls: true },
]

/** Measures, and gives the table. */
export async function measureRelay(stack: Stack, tools: Tools, options: Options): Promise<string> {
  await makeTables(tools, stack)
  const pgbouncer = await startPgBouncer(tools.pgbouncer, stack)
  try {
    const rows: string[][] = []
    for (const load of loads) {
      const turn = (address: Address, seconds = options.seconds) => () =>
        throughput(tools, address, { ...load, seconds })
      const variants = {
        direct: load.tls ? null : turn(stack.direct),
        pgbouncer: turn(pgbouncer.address),
        listener: turn(stack.listener),
      }
      await turn(stack.listener, 1)() // warm
      rows.push(row(load, await takeTurns(variants, options)))
    }
    const title = `Relay: pgbench -S, scale ${scale}, transactions per second (medians of ` +
      `${options.rounds} rounds of ${options.seconds} s), and ratios within a round (median, quartiles)`
    const heads = ['', 'direct', 'PgBouncer', 'Sluice', 'Sluice / direct', 'Sluice / PgBouncer', '']
    return `${title}\n\n${formatTable(heads, rows)}`
  } finally {
    await pgbouncer.stop()
  }
}

function row(
  { protocol, clients, tls }: Load,
  { direct, pgbouncer, listener }: Figures<'direct' | 'pgbouncer' | 'listener'>,
): string[] {
  const ratio = ratioOf(listener, pgbouncer)
  return [
    `${protocol}, ${clients} ${clients === 1 ? 'client' : 'clients'}${tls ? ', TLS' : ''}`,
    direct.length === 0 ? '–' : median(direct).toFixed(0),
    median(pgbouncer).toFixed(0),
    median(listener).toFixed(0),
    direct.length === 0 ? '–' : formatRatio(ratioOf(listener, direct)),
    formatRatio(ratio),
    tls ? '' : formatMark(ratio.median, { least: throughputMark }),
  ]
}

/** pgbench's tables in the demo database, for the listener's role to read. */
async function makeTables({ pgbench }: Tools, { superuser, direct }: Stack): Promise<void> {
  await runProgram({
    command: pgbench,
    args: ['--initialize', '--quiet', `--scale=${scale}`, ...target(superuser)],
    env: connectionEnv(superuser, { tls: false }),
  }, { waitMs: pgbenchMarginMs })
  const { user, ...rest } = superuser
  const sql = postgres({ ...rest, username: user, max: 1, onnotice: () => {} })
  try {
    await sql.unsafe(
      ['accounts', 'branches', 'tellers', 'history']
        .map((name) => `grant select on pgbench_${name} to ${quoteIdent(direct.user)}`).join(';'),
    )
  } finally {
    await sql.end()
  }
}

/** Transactions per second, without the time that connecting took. */
async function throughput(
  { pgbench }: Tools,
  address: Address,
  { protocol, clients, tls, seconds }: Load & { seconds: number },
): Promise<number> {
  const load = [`--client=${clients}`, `--jobs=${Math.min(2, clients)}`, `--time=${seconds}`]
  const output = await runProgram({
    command: pgbench,
    args: ['--select-only', '--no-vacuum', `--protocol=${protocol}`, ...load, ...target(address)],
    env: connectionEnv(address, { tls }),
  }, { waitMs: seconds * 1000 + pgbenchMarginMs })
  const found = /^tps = ([0-9.]+)/m.exec(output)
  const failed = /^number of failed transactions: ([1-9]\d*)/m.exec(output)
  if (found === null || failed !== null) throw new Error(`pgbench failed: ${output.trim()}`)
  return Number(found[1])
}

function target({ host, port, user, database }: Address): string[] {
  return [`--host=${host}`, `--port=${port}`, `--username=${user}`, database]
}

function connectionEnv(
  { password }: Address,
  { tls }: { tls: boolean },
): Record<string, string> {
  return { PGPASSWORD: password, PGSSLMODE: tls ? 'require' : 'disable', PGGSSENCMODE: 'disable' }
}

